// SPDX-License-Identifier: GPL-2.0
/* One that has slept calls schedule() while a thread that has had much of the processor waits: the fair class goes on with the one that has had less. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>

static struct task_struct *hog;
static unsigned long rounds;

static int spin(void *unused)
{
	while (!kthread_should_stop()) {
		WRITE_ONCE(rounds, rounds + 1);
		udelay(10);
		cond_resched();
	}
	return 0;
}

static int __init turns_init(void)
{
	unsigned long before;
	int i;

	hog = kthread_run(spin, NULL, "hog");
	if (IS_ERR(hog))
		return PTR_ERR(hog);
	msleep(60);
	before = READ_ONCE(rounds);
	for (i = 0; i < 5; i++)
		schedule();
	pr_info("turns: the other had had %s, and %s between\n", before ? "some" : "none", READ_ONCE(rounds) == before ? "none" : "some");
	kthread_stop(hog);
	return 0;
}

static void __exit turns_exit(void)
{
}

module_init(turns_init);
module_exit(turns_exit);
MODULE_LICENSE("GPL");
