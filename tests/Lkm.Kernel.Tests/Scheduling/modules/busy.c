// SPDX-License-Identifier: GPL-2.0
/* A thread that never sleeps: it gives the processor away, or is only taken off it. */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

static bool yields;
module_param(yields, bool, 0444);

static struct task_struct *task;
static unsigned long rounds;
module_param(rounds, ulong, 0444);

static int thread(void *unused)
{
	while (!kthread_should_stop()) {
		WRITE_ONCE(rounds, rounds + 1);
		if (yields)
			schedule();
		else
			cond_resched();
	}
	return 0;
}

static int __init busy_init(void)
{
	task = kthread_run(thread, NULL, "busy");
	return PTR_ERR_OR_ZERO(task);
}

static void __exit busy_exit(void)
{
	kthread_stop(task);
	pr_info("stopped\n");
}

module_init(busy_init);
module_exit(busy_exit);
MODULE_LICENSE("GPL");
