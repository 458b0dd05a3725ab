// SPDX-License-Identifier: MIT
/* Does what a module must not: each way of it is to be stopped and told of, and the kernel's daemon lives. */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

static char *how = "";
module_param(how, charp, 0444);

static DEFINE_SPINLOCK(lock);
static struct timer_list timer;

static noinline int recurse(volatile int *depth)
{
	volatile int here[64];

	here[0] = *depth + 1;
	return recurse(here) + here[0];
}

static void spin_in_timer(struct timer_list *unused)
{
	for (;;)
		cpu_relax();
}

static int __init misbehave_init(void)
{
	volatile int zero = 0;

	if (!strcmp(how, "spin"))
		for (;;)
			cpu_relax();
	if (!strcmp(how, "delay"))
		for (;;)
			mdelay(1000);
	if (!strcmp(how, "spin_irq")) {
		spin_lock_irq(&lock);
		for (;;)
			cpu_relax();
	}
	if (!strcmp(how, "recurse"))
		return recurse(&zero) != 0 ? -EINVAL : 0;
	if (!strcmp(how, "sleep_atomic")) {
		spin_lock(&lock);
		msleep(20);
		spin_unlock(&lock);
	}
	if (!strcmp(how, "panic"))
		panic("misbehave: asked to");
	if (!strcmp(how, "null"))
		*(volatile int *)NULL = 1;
	if (!strcmp(how, "guard"))
		((volatile char *)task_stack_page(current))[-8] = 1;
	if (!strcmp(how, "deadlock")) {
		spin_lock(&lock);
		spin_lock(&lock);
	}
	if (!strcmp(how, "timer")) {
		timer_setup(&timer, spin_in_timer, 0);
		mod_timer(&timer, jiffies + 1);
	}
	if (!strcmp(how, "wait"))
		msleep(3600 * 1000);
	return 0;
}

static void __exit misbehave_exit(void)
{
}

module_init(misbehave_init);
module_exit(misbehave_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Spins, recurses, sleeps where it must not, panics");
