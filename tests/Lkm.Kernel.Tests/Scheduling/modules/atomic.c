// SPDX-License-Identifier: GPL-2.0
/* Sleeps where that is forbidden. */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

static DEFINE_SPINLOCK(lock);
static struct timer_list timer;

static char *holding = "spinlock";
module_param(holding, charp, 0);

static void on_timer(struct timer_list *unused)
{
	msleep(5);
	pr_info("slept\n");
}

static int __init atomic_init(void)
{
	timer_setup(&timer, on_timer, 0);
	if (!strcmp(holding, "spinlock")) {
		spin_lock(&lock);
		msleep(5);
		spin_unlock(&lock);
	} else if (!strcmp(holding, "rcu")) {
		rcu_read_lock();
		msleep(5);
		rcu_read_unlock();
	} else if (!strcmp(holding, "softirq")) {
		mod_timer(&timer, jiffies + 2);
		msleep(100);
	}
	pr_info("done\n");
	return 0;
}

static void __exit atomic_exit(void)
{
	del_timer_sync(&timer);
}

module_init(atomic_init);
module_exit(atomic_exit);
MODULE_LICENSE("GPL");
