// SPDX-License-Identifier: GPL-2.0
/* Walks the list of processes: name, pid, state and parent of each, and how many are in each state, in /proc/tasks. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/wait.h>

static bool sleeper;
module_param(sleeper, bool, 0444);
MODULE_PARM_DESC(sleeper, "Also make a kernel thread that sleeps uninterruptibly");

static DECLARE_WAIT_QUEUE_HEAD(morning);
static struct task_struct *thread;

static const char *const states[] = { "RUNNING", "INTERRUPTIBLE", "UNINTERRUPTIBLE", "STOPPED", "ZOMBIE", "other" };

static int state_of(struct task_struct *task)
{
	switch (task_state_to_char(task)) {
	case 'R':
		return 0;
	case 'S':
		return 1;
	case 'D':
		return 2;
	case 'T':
		return 3;
	case 'Z':
		return 4;
	default: /* idle kernel threads and what is about to vanish */
		return 5;
	}
}

static int show(struct seq_file *seq, void *unused)
{
	int counts[ARRAY_SIZE(states)] = { 0 }, i;
	struct task_struct *task;

	seq_printf(seq, "%-16s %5s %-15s %s\n", "NAME", "PID", "STATE", "PARENT");
	rcu_read_lock();
	for_each_process(task) {
		struct task_struct *parent = rcu_dereference(task->real_parent);
		int state = state_of(task);

		counts[state]++;
		seq_printf(seq, "%-16s %5d %-15s %s/%d\n", task->comm, task_pid_nr(task), states[state], parent->comm, task_pid_nr(parent));
	}
	rcu_read_unlock();
	for (i = 0; i < ARRAY_SIZE(states); i++)
		seq_printf(seq, "%s%s %d", i ? ", " : "", states[i], counts[i]);
	seq_putc(seq, '\n');
	return 0;
}

static int sleep_deeply(void *unused)
{
	wait_event(morning, kthread_should_stop());
	return 0;
}

static int __init tasks_init(void)
{
	if (!proc_create_single("tasks", 0444, NULL, show))
		return -ENOMEM;
	if (!sleeper)
		return 0;
	thread = kthread_run(sleep_deeply, NULL, "deep-sleeper");
	if (IS_ERR(thread)) {
		remove_proc_entry("tasks", NULL);
		return PTR_ERR(thread);
	}
	return 0;
}

static void __exit tasks_exit(void)
{
	if (thread)
		kthread_stop(thread);
	remove_proc_entry("tasks", NULL);
}

module_init(tasks_init);
module_exit(tasks_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("The list of processes");
