// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

static unsigned int period = 100;
module_param(period, uint, 0444);
MODULE_PARM_DESC(period, "Milliseconds between two ticks");

static int ticks;

/* Work runs in a thread: it may sleep. */
static void TEMPLATE_work(struct work_struct *work)
{
	pr_info("tick %d\n", READ_ONCE(ticks));
}
static DECLARE_WORK(work, TEMPLATE_work);

/* A timer runs in an interrupt: it may not sleep. */
static void TEMPLATE_tick(struct timer_list *timer)
{
	WRITE_ONCE(ticks, ticks + 1);
	schedule_work(&work);
	mod_timer(timer, jiffies + msecs_to_jiffies(period));
}
static DEFINE_TIMER(timer, TEMPLATE_tick);

static int __init TEMPLATE_init(void)
{
	mod_timer(&timer, jiffies + msecs_to_jiffies(period));
	return 0;
}

static void __exit TEMPLATE_exit(void)
{
	del_timer_sync(&timer);
	cancel_work_sync(&work);
	pr_info("%d ticks\n", ticks);
}

module_init(TEMPLATE_init);
module_exit(TEMPLATE_exit);

MODULE_DESCRIPTION("Ticks");
MODULE_LICENSE("GPL");
