// SPDX-License-Identifier: GPL-2.0
/* A thread that becomes a real-time one, and two that are woken in one order and run in another. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

static struct task_struct *ordinary, *urgent;

static int thread(void *name)
{
	pr_info("%s: policy %u rt_priority %u prio %d\n", (char *)name, current->policy, current->rt_priority, current->prio);
	while (!kthread_should_stop())
		msleep(10);
	return 0;
}

static int __init policy_init(void)
{
	sched_set_normal(current, -5);
	pr_info("nice %d policy %u\n", task_nice(current), current->policy);
	sched_set_normal(current, 0);
	ordinary = kthread_create(thread, "ordinary", "ordinary");
	urgent = kthread_create(thread, "urgent", "urgent");
	sched_set_fifo(urgent);
	preempt_disable();
	wake_up_process(ordinary);
	wake_up_process(urgent);
	preempt_enable();
	msleep(20);
	return 0;
}

static void __exit policy_exit(void)
{
	kthread_stop(urgent);
	kthread_stop(ordinary);
}

module_init(policy_init);
module_exit(policy_exit);
MODULE_LICENSE("GPL");
