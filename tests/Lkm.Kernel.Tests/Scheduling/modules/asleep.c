// SPDX-License-Identifier: GPL-2.0
/* Sleeps in an interrupt: of a timer, a high-resolution timer, or a tasklet. Another timer may go on ticking. */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/timer.h>

static char *where = "timer";
module_param(where, charp, 0);
static bool ticking;
module_param(ticking, bool, 0);

static struct hrtimer tick, high;
static struct timer_list timer;
static struct tasklet_struct tasklet;

static void sleep(void)
{
	pr_info("before\n");
	msleep(20);
	pr_info("after\n");
}

static void on_timer(struct timer_list *unused)
{
	sleep();
}

static void on_tasklet(struct tasklet_struct *unused)
{
	sleep();
}

static enum hrtimer_restart on_high(struct hrtimer *unused)
{
	sleep();
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart on_tick(struct hrtimer *timer)
{
	hrtimer_forward_now(timer, ms_to_ktime(4));
	return HRTIMER_RESTART;
}

static int __init asleep_init(void)
{
	hrtimer_init(&tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	tick.function = on_tick;
	if (ticking)
		hrtimer_start(&tick, ms_to_ktime(4), HRTIMER_MODE_REL);
	timer_setup(&timer, on_timer, 0);
	tasklet_setup(&tasklet, on_tasklet);
	hrtimer_init(&high, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	high.function = on_high;
	if (!strcmp(where, "timer"))
		mod_timer(&timer, jiffies + 5);
	else if (!strcmp(where, "tasklet"))
		tasklet_schedule(&tasklet);
	else
		hrtimer_start(&high, ms_to_ktime(20), HRTIMER_MODE_REL);
	return 0;
}

static void __exit asleep_exit(void)
{
	del_timer_sync(&timer);
	tasklet_kill(&tasklet);
	hrtimer_cancel(&high);
	hrtimer_cancel(&tick);
}

module_init(asleep_init);
module_exit(asleep_exit);
MODULE_LICENSE("GPL");
