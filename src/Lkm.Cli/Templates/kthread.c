// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>

static struct task_struct *thread;

static int TEMPLATE_thread(void *unused)
{
	int rounds = 0;

	while (!kthread_should_stop()) {
		pr_info("round %d\n", ++rounds);
		msleep_interruptible(100);
	}
	return rounds;
}

static int __init TEMPLATE_init(void)
{
	thread = kthread_run(TEMPLATE_thread, NULL, "TEMPLATE");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit TEMPLATE_exit(void)
{
	pr_info("stopped after %d rounds\n", kthread_stop(thread));
}

module_init(TEMPLATE_init);
module_exit(TEMPLATE_exit);

MODULE_DESCRIPTION("Runs a thread");
MODULE_LICENSE("GPL");
