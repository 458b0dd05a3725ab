// SPDX-License-Identifier: GPL-2.0
/* Breaks a rule of the kernel, chosen by a parameter. Never load it into a machine that you need. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static char *kind = "none";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "Which rule to break");

static bool at_exit;
module_param(at_exit, bool, 0444);
MODULE_PARM_DESC(at_exit, "Break it when unloading instead of when loading");

/* Hides a value from the compiler, which would see through every one of these mistakes. */
static noinline void *hidden(void *pointer)
{
	OPTIMIZER_HIDE_VAR(pointer);
	return pointer;
}

static noinline void null_read(void)
{
	pr_info("read %d\n", *(volatile int *)hidden(NULL));
}

static noinline void null_write(void)
{
	*(volatile int *)((char *)hidden(NULL) + 0x10) = 1;
}

static noinline void null_call(void)
{
	void (*function)(void) = hidden(NULL);

	function();
}

static noinline void wild_write(void)
{
	*(volatile int *)hidden((void *)0xdead000000000100UL) = 1;
}

static noinline void write_const(void)
{
	static const int constant = 1;

	*(volatile int *)hidden((void *)&constant) = 2;
}

static noinline void write_code(void)
{
	*(volatile char *)hidden(null_read) = 0;
}

static noinline void execute_data(void)
{
	static unsigned char code[] = { 0xc3 }; /* ret */
	void (*function)(void) = hidden(code);

	function();
}

static noinline void overrun(void)
{
	char *bytes = kmalloc(50, GFP_KERNEL);

	if (!bytes)
		return;
	((volatile char *)hidden(bytes))[50] = 1;
	kfree(bytes);
}

static noinline void overrun_read(void)
{
	char *bytes = kzalloc(64, GFP_KERNEL);

	if (!bytes)
		return;
	pr_info("read %d\n", ((volatile char *)hidden(bytes))[64]);
	kfree(bytes);
}

static noinline void underrun(void)
{
	char *bytes = kmalloc(50, GFP_KERNEL);

	if (!bytes)
		return;
	((volatile char *)hidden(bytes))[-1] = 1;
	kfree(bytes);
}

static noinline void overrun_memset(void)
{
	char *bytes = kmalloc(100, GFP_KERNEL);
	size_t length = 120;

	if (!bytes)
		return;
	OPTIMIZER_HIDE_VAR(length);
	memset(hidden(bytes), 0, length);
	kfree(bytes);
}

static noinline void overrun_vmalloc(void)
{
	char *bytes = vmalloc(PAGE_SIZE);

	if (!bytes)
		return;
	((volatile char *)hidden(bytes))[PAGE_SIZE] = 1;
	vfree(bytes);
}

static noinline void use_after_free(void)
{
	char *bytes = kmalloc(50, GFP_KERNEL);
	void *dangling = hidden(bytes);

	kfree(bytes);
	((volatile char *)dangling)[7] = 1;
}

static noinline void double_free(void)
{
	char *bytes = kmalloc(50, GFP_KERNEL);
	void *dangling = hidden(bytes);

	kfree(bytes);
	kfree(dangling);
}

static noinline void double_free_page(void)
{
	unsigned long page = __get_free_page(GFP_KERNEL);
	void *dangling = hidden((void *)page);

	free_page(page);
	free_page((unsigned long)dangling);
}

/* Where insmod's arguments are: a processor without SMAP lets this pass. */
static noinline void user_pointer(void)
{
	pr_info("insmod's name begins with '%c'\n", *(char *)hidden((void *)current->mm->arg_start));
}

static noinline void invalid_free(void)
{
	char *bytes = kmalloc(50, GFP_KERNEL);

	kfree((char *)hidden(bytes) + 8);
}

/* What is wrong here shows only when there is no memory: let the allocation fail. */
static noinline void unchecked(void)
{
	char *bytes = kmalloc(32, GFP_KERNEL);

	((volatile char *)hidden(bytes))[0] = 1;
	kfree(bytes);
}

static DEFINE_MUTEX(accounts);
static DEFINE_MUTEX(journal);

static noinline void lock_both(struct mutex *first, struct mutex *second)
{
	mutex_lock(first);
	mutex_lock(second);
	mutex_unlock(second);
	mutex_unlock(first);
}

/* One task does not wait for itself; two that do this at the same time wait for each other. */
static noinline void lock_order(void)
{
	lock_both(&accounts, &journal);
	lock_both(&journal, &accounts);
}

static DEFINE_SPINLOCK(counter_lock);

static void count(struct timer_list *unused)
{
	spin_lock(&counter_lock);
	spin_unlock(&counter_lock);
}

/* If the timer goes off between these two lines on the same processor it waits for ever: spin_lock_bh() is needed. */
static noinline void lock_timer(void)
{
	static DEFINE_TIMER(timer, count);

	spin_lock(&counter_lock);
	spin_unlock(&counter_lock);
	mod_timer(&timer, jiffies + 1);
	msleep(50);
	del_timer_sync(&timer);
}

static noinline void leak(void)
{
	void *bytes = kmalloc(1234, GFP_KERNEL);

	hidden(bytes);
}

static noinline void bug(void)
{
	BUG_ON(hidden(kind));
}

static noinline void warn(void)
{
	WARN_ON(hidden(kind));
}

static noinline void divide(void)
{
	int zero = 0;

	OPTIMIZER_HIDE_VAR(zero);
	/* Not 1 / zero: gcc knows that this is 1, -1 or 0, and divides by nothing. */
	pr_info("%d\n", 1000 / zero);
}

static noinline int recurse(int depth)
{
	volatile char frame[512];

	if (!hidden(kind)) /* always there: this never ends */
		return depth;
	frame[depth & 511] = depth;
	return recurse(depth + 1) + frame[(depth + 1) & 511];
}

static noinline void stack_overflow(void)
{
	pr_info("%d\n", recurse(0));
}

static noinline void endless(void)
{
	while (hidden(kind))
		cpu_relax();
}

static noinline void panic_now(void)
{
	panic("faults was asked to");
}

static const struct {
	const char *name;
	void (*run)(void);
} faults[] = {
	{ "null-read", null_read },
	{ "null-write", null_write },
	{ "null-call", null_call },
	{ "wild-write", wild_write },
	{ "write-const", write_const },
	{ "write-code", write_code },
	{ "execute-data", execute_data },
	{ "overrun", overrun },
	{ "overrun-read", overrun_read },
	{ "underrun", underrun },
	{ "overrun-memset", overrun_memset },
	{ "overrun-vmalloc", overrun_vmalloc },
	{ "use-after-free", use_after_free },
	{ "double-free", double_free },
	{ "double-free-page", double_free_page },
	{ "invalid-free", invalid_free },
	{ "user-pointer", user_pointer },
	{ "unchecked", unchecked },
	{ "lock-order", lock_order },
	{ "lock-timer", lock_timer },
	{ "leak", leak },
	{ "bug", bug },
	{ "warn", warn },
	{ "divide", divide },
	{ "stack-overflow", stack_overflow },
	{ "endless", endless },
	{ "panic", panic_now },
};

static int break_rule(void)
{
	int i;

	if (!strcmp(kind, "none"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(kind, faults[i].name)) {
			pr_info("%s\n", kind);
			faults[i].run();
			pr_info("%s went unnoticed\n", kind);
			return 0;
		}
	}
	pr_err("unknown kind '%s'\n", kind);
	return -EINVAL;
}

static int __init faults_init(void)
{
	return at_exit ? 0 : break_rule();
}

static void __exit faults_exit(void)
{
	if (at_exit)
		break_rule();
}

module_init(faults_init);
module_exit(faults_exit);

MODULE_DESCRIPTION("Breaks a rule of the kernel");
MODULE_AUTHOR("The lkm authors");
MODULE_LICENSE("GPL");
