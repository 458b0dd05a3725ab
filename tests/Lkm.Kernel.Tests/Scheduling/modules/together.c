// SPDX-License-Identifier: GPL-2.0
/* Two threads wait in one queue, wake together, and call schedule() before each goes on: who was woken first has had more by then, and is second. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(queue);
static struct task_struct *waiters[2];
static bool awake[2];

static int waiter(void *number)
{
	unsigned long i = (unsigned long)number;

	while (!kthread_should_stop()) {
		wait_event(queue, awake[i] || kthread_should_stop());
		awake[i] = false;
		schedule();
		if (!kthread_should_stop())
			pr_info("woken: %lu\n", i);
	}
	return 0;
}

static int __init together_init(void)
{
	unsigned long i;

	for (i = 0; i < ARRAY_SIZE(waiters); i++) {
		waiters[i] = kthread_run(waiter, (void *)i, "waiter%lu", i);
		msleep(20);
	}
	mdelay(20);
	for (i = 0; i < 3; i++) {
		awake[0] = awake[1] = true;
		wake_up(&queue);
		msleep(20);
	}
	return 0;
}

static void __exit together_exit(void)
{
	kthread_stop(waiters[0]);
	kthread_stop(waiters[1]);
}

module_init(together_init);
module_exit(together_exit);
MODULE_LICENSE("GPL");
