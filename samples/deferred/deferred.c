// SPDX-License-Identifier: GPL-2.0
/* Work that is done later or elsewhere: timers, tasklets, workqueues, threads, completions, wait queues, RCU callbacks and notifiers. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

static const char *context(void)
{
	return in_hardirq() ? "hard interrupt" : in_softirq() ? "soft interrupt" : current->flags & PF_WQ_WORKER ? "worker" : "process";
}

static int ticks;
static DECLARE_COMPLETION(ticked);

static void on_timer(struct timer_list *timer)
{
	pr_info("timer %d in %s\n", ++ticks, context());
	if (ticks < 3)
		mod_timer(timer, jiffies + msecs_to_jiffies(20));
	else
		complete(&ticked);
}
static DEFINE_TIMER(timer, on_timer);

static struct hrtimer high;
static ktime_t started;
static int shots;

static enum hrtimer_restart on_high(struct hrtimer *hrtimer)
{
	if (++shots == 3) {
		pr_info("hrtimer ran %d times in %s, in order: %d\n", shots, context(), ktime_after(ktime_get(), started));
		return HRTIMER_NORESTART;
	}
	hrtimer_forward_now(hrtimer, ms_to_ktime(5));
	return HRTIMER_RESTART;
}

static void on_tasklet(struct tasklet_struct *tasklet)
{
	pr_info("tasklet in %s\n", context());
}
static DECLARE_TASKLET(tasklet, on_tasklet);

static struct workqueue_struct *queue;
static int delayed_runs;

static void on_work(struct work_struct *work)
{
	pr_info("work in %s, may sleep\n", context());
	msleep(10);
}
static DECLARE_WORK(work, on_work);

static void on_delayed(struct work_struct *work)
{
	pr_info("delayed work %d\n", ++delayed_runs);
	if (delayed_runs < 2)
		queue_delayed_work(queue, to_delayed_work(work), msecs_to_jiffies(30));
}
static DECLARE_DELAYED_WORK(delayed, on_delayed);

static DECLARE_WAIT_QUEUE_HEAD(bell);
static bool rung;
static DECLARE_COMPLETION(answered);

static int listen(void *name)
{
	wait_event_interruptible(bell, rung || kthread_should_stop());
	pr_info("%s heard the bell: %d\n", (char *)name, rung);
	complete(&answered);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return 42;
}

struct note {
	int value;
	struct list_head list;
	struct rcu_head rcu;
};

static LIST_HEAD(notes);

static void free_note(struct rcu_head *head)
{
	struct note *note = container_of(head, struct note, rcu);

	pr_info("no reader has note %d any more\n", note->value);
	kfree(note);
}

static void use_rcu(void)
{
	struct note *note = kzalloc(sizeof(*note), GFP_KERNEL), *seen;

	if (!note)
		return;
	note->value = 7;
	list_add_rcu(&note->list, &notes);
	rcu_read_lock();
	list_for_each_entry_rcu(seen, &notes, list)
		pr_info("a reader sees note %d\n", seen->value);
	rcu_read_unlock();
	list_del_rcu(&note->list);
	call_rcu(&note->rcu, free_note);
	rcu_barrier();
}

static BLOCKING_NOTIFIER_HEAD(chain);

static int on_event(struct notifier_block *block, unsigned long event, void *data)
{
	pr_info("%s priority told of event %lu\n", block->priority ? "high" : "low", event);
	return event == 2 ? NOTIFY_BAD : NOTIFY_OK;
}

static struct notifier_block first = { .notifier_call = on_event, .priority = 10 }, last = { .notifier_call = on_event };

static void use_notifiers(void)
{
	blocking_notifier_chain_register(&chain, &last);
	blocking_notifier_chain_register(&chain, &first);
	pr_info("event 1: %d\n", notifier_to_errno(blocking_notifier_call_chain(&chain, 1, NULL)));
	pr_info("event 2: %d\n", notifier_to_errno(blocking_notifier_call_chain(&chain, 2, NULL)));
}

static int __init deferred_init(void)
{
	struct task_struct *thread;

	queue = alloc_ordered_workqueue("deferred", 0);
	if (!queue)
		return -ENOMEM;
	mod_timer(&timer, jiffies + msecs_to_jiffies(20));
	pr_info("timer pending: %d\n", timer_pending(&timer));
	wait_for_completion(&ticked);

	started = ktime_get();
	hrtimer_init(&high, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	high.function = on_high;
	hrtimer_start(&high, ms_to_ktime(5), HRTIMER_MODE_REL);
	msleep(50);

	tasklet_schedule(&tasklet);
	tasklet_unlock_wait(&tasklet);
	msleep(10);
	pr_info("queued: %d, again: %d\n", queue_work(queue, &work), queue_work(queue, &work));
	queue_delayed_work(queue, &delayed, msecs_to_jiffies(30));
	flush_work(&work);
	msleep(100);

	thread = kthread_run(listen, "listener", "listener");
	if (!IS_ERR(thread)) {
		msleep(20);
		rung = true;
		wake_up_interruptible(&bell);
		pr_info("answered in time: %d\n", wait_for_completion_timeout(&answered, HZ) > 0);
		pr_info("thread ended with %d\n", kthread_stop(thread));
	}
	use_rcu();
	use_notifiers();
	return 0;
}

static void __exit deferred_exit(void)
{
	del_timer_sync(&timer);
	hrtimer_cancel(&high);
	tasklet_kill(&tasklet);
	cancel_delayed_work_sync(&delayed);
	destroy_workqueue(queue);
	pr_info("all is done\n");
}

module_init(deferred_init);
module_exit(deferred_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("What the kernel does later");
