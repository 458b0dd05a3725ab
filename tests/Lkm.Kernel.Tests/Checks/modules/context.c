// SPDX-License-Identifier: GPL-2.0
/* Calls what may sleep where nothing may, and does not come to sleep; or waits for a lock that it has; or lets the kernel find a mistake. */
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static char *how = "";
module_param(how, charp, 0);

static DEFINE_SPINLOCK(lock);
static DEFINE_MUTEX(mutex);
static struct timer_list timer;
static refcount_t count;

static noinline void take_mutex(void)
{
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
}

static noinline void allocate(gfp_t flags)
{
	kfree(kmalloc(64, flags));
}

static void on_timer(struct timer_list *unused)
{
	allocate(GFP_KERNEL);
}

static int __init context_init(void)
{
	void *area = vmalloc(PAGE_SIZE);
	unsigned long flags;

	timer_setup(&timer, on_timer, 0);
	take_mutex();
	allocate(GFP_KERNEL);
	if (!strcmp(how, "mutex")) {
		spin_lock(&lock);
		take_mutex();
		spin_unlock(&lock);
	} else if (!strcmp(how, "kmalloc")) {
		spin_lock(&lock);
		allocate(GFP_KERNEL);
		spin_unlock(&lock);
	} else if (!strcmp(how, "atomic")) {
		spin_lock(&lock);
		allocate(GFP_ATOMIC);
		spin_unlock(&lock);
	} else if (!strcmp(how, "irq")) {
		local_irq_save(flags);
		take_mutex();
		local_irq_restore(flags);
	} else if (!strcmp(how, "msleep-irq")) {
		local_irq_save(flags);
		msleep(5);
		local_irq_restore(flags);
	} else if (!strcmp(how, "rcu")) {
		rcu_read_lock();
		synchronize_rcu();
		rcu_read_unlock();
	} else if (!strcmp(how, "vfree")) {
		spin_lock(&lock);
		vfree(area);
		spin_unlock(&lock);
		area = NULL;
	} else if (!strcmp(how, "timer")) {
		mod_timer(&timer, jiffies + 2);
		msleep(100);
	} else if (!strcmp(how, "twice")) {
		spin_lock(&lock);
		spin_lock(&lock);
	} else if (!strcmp(how, "twice-irq")) {
		spin_lock_irq(&lock);
		spin_lock_irq(&lock);
	} else if (!strcmp(how, "refcount")) {
		refcount_set(&count, 0);
		refcount_inc(&count);
	} else if (!strcmp(how, "preempt")) {
		vfree(area);
		preempt_disable();
		return 0;
	} else if (!strcmp(how, "own")) {
		WARN(1, "the module warns itself");
	} else if (!strcmp(how, "area")) {
		char *bytes = area;

		OPTIMIZER_HIDE_VAR(bytes);
		vfree(area);
		*(volatile char *)bytes = 1;
	}
	vfree(area);
	return 0;
}

static void __exit context_exit(void)
{
	del_timer_sync(&timer);
}

module_init(context_init);
module_exit(context_exit);
MODULE_LICENSE("GPL");
