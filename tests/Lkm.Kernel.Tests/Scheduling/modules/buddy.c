// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads wait; the one that is woken first has had nearly a millisecond more than the other. In the fair class it runs first all the same, as the one that was to
 * preempt who woke it (the next buddy). And yield() passes over a thread that has had much more.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(queue);
static struct task_struct *waiters[2], *hog;
static bool awake[2];
static unsigned long rounds;

static int waiter(void *number)
{
	unsigned long i = (unsigned long)number;

	while (!kthread_should_stop()) {
		wait_event(queue, awake[i] || kthread_should_stop());
		awake[i] = false;
		if (!kthread_should_stop())
			pr_info("woken: %lu\n", i);
		udelay(900);
	}
	return 0;
}

static int spin(void *unused)
{
	while (!kthread_should_stop()) {
		WRITE_ONCE(rounds, rounds + 1);
		udelay(10);
		cond_resched();
	}
	return 0;
}

static int __init buddy_init(void)
{
	unsigned long i, before;

	for (i = 0; i < ARRAY_SIZE(waiters); i++) {
		waiters[i] = kthread_run(waiter, (void *)i, "waiter%lu", i);
		msleep(20);
	}
	mdelay(20);
	awake[0] = true;
	wake_up_process(waiters[0]);
	msleep(20);
	awake[0] = awake[1] = true;
	wake_up_process(waiters[0]);
	wake_up_process(waiters[1]);
	msleep(20);

	hog = kthread_run(spin, NULL, "hog");
	msleep(60);
	before = READ_ONCE(rounds);
	yield();
	pr_info("yielded: %s between\n", READ_ONCE(rounds) == before ? "none" : "some");
	kthread_stop(hog);
	return 0;
}

static void __exit buddy_exit(void)
{
	kthread_stop(waiters[0]);
	kthread_stop(waiters[1]);
}

module_init(buddy_init);
module_exit(buddy_exit);
MODULE_LICENSE("GPL");
