// SPDX-License-Identifier: GPL-2.0
/* Keeps the processor for a while, and offers it to others each second or not. */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/sched.h>

static int seconds = 30;
module_param(seconds, int, 0444);
static bool offers;
module_param(offers, bool, 0444);

static int __init hog_init(void)
{
	int i;

	for (i = 0; i < seconds; i++) {
		mdelay(1000);
		if (offers)
			cond_resched();
	}
	return 0;
}

static void __exit hog_exit(void)
{
}

module_init(hog_init);
module_exit(hog_exit);
MODULE_LICENSE("GPL");
