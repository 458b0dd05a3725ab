// SPDX-License-Identifier: GPL-2.0
/* Takes locks in ways that deadlock some day, though not today, and in ways that look so and do not. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

static char *how = "";
module_param(how, charp, 0);

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);
static DEFINE_MUTEX(three);
static DECLARE_RWSEM(semaphore);
static DEFINE_RWLOCK(shared);
static DEFINE_SPINLOCK(spin);
static struct timer_list timer;
static bool reads;

struct node {
	struct mutex lock;
	int value;
};

static noinline void take(struct mutex *first, struct mutex *second)
{
	mutex_lock(first);
	mutex_lock(second);
	mutex_unlock(second);
	mutex_unlock(first);
}

static noinline void try_second(struct mutex *first, struct mutex *second)
{
	mutex_lock(first);
	if (mutex_trylock(second))
		mutex_unlock(second);
	mutex_unlock(first);
}

static void on_timer(struct timer_list *unused)
{
	if (reads) {
		read_lock(&shared);
		read_unlock(&shared);
	} else {
		spin_lock(&spin);
		spin_unlock(&spin);
	}
}

static void run_timer(void)
{
	mod_timer(&timer, jiffies + 1);
	msleep(50);
}

/* Who has the rwlock may be interrupted by the timer, which wants the spinlock of who waits for the rwlock. */
static void timer_way(const char *kind)
{
	bool both_read = !strcmp(kind, "readers"), gate = !strcmp(kind, "gate");

	run_timer();
	if (gate)
		mutex_lock(&three);
	if (both_read) {
		read_lock(&shared);
		read_unlock(&shared);
	} else {
		write_lock(&shared);
		write_unlock(&shared);
	}
	spin_lock_bh(&spin);
	read_lock(&shared);
	read_unlock(&shared);
	spin_unlock_bh(&spin);
	if (gate)
		mutex_unlock(&three);
}

static void on_work(struct work_struct *unused)
{
	if (!reads) {
		mutex_lock(&one);
		mutex_unlock(&one);
	} else if (mutex_trylock(&one)) {
		mutex_unlock(&one);
	}
}

static DECLARE_WORK(work, on_work);

/* Who waits for the work has what the work takes, or not. */
static void wait_for_work(const char *how)
{
	struct workqueue_struct *queue = alloc_workqueue("locks", 0, 0);
	bool with_other = !strcmp(how, "-other"), flush_queue = !strcmp(how, "-queue");

	reads = !strcmp(how, "-try");
	queue_work(queue, &work);
	flush_work(&work);
	mutex_lock(with_other ? &two : &one);
	if (flush_queue)
		drain_workqueue(queue);
	else
		cancel_work_sync(&work);
	mutex_unlock(with_other ? &two : &one);
	destroy_workqueue(queue);
}

static int hold(void *mutex)
{
	mutex_lock(mutex);
	return 0;
}

static int hold_long(void *mutex)
{
	mutex_lock(mutex);
	ssleep(100000);
	mutex_unlock(mutex);
	return 0;
}

static void two_objects(bool free_between)
{
	struct node *node = kzalloc(sizeof(*node), GFP_KERNEL), *next;

	mutex_init(&node->lock);
	take(&one, &node->lock);
	if (free_between) {
		next = kzalloc(sizeof(*node), GFP_KERNEL);
		kfree(node);
		node = next;
		mutex_init(&node->lock);
	}
	take(&node->lock, &one);
	kfree(node);
}

static int __init locks_init(void)
{
	unsigned long flags;

	timer_setup(&timer, on_timer, 0);
	if (!strcmp(how, "order")) {
		take(&one, &two);
		take(&two, &one);
	} else if (!strcmp(how, "same-order")) {
		take(&one, &two);
		take(&one, &two);
		take(&two, &three);
		take(&one, &three);
	} else if (!strcmp(how, "circle")) {
		take(&one, &two);
		take(&two, &three);
		take(&three, &one);
	} else if (!strcmp(how, "gate")) {
		mutex_lock(&three);
		take(&one, &two);
		take(&two, &one);
		mutex_unlock(&three);
	} else if (!strcmp(how, "try")) {
		take(&one, &two);
		try_second(&two, &one);
	} else if (!strcmp(how, "readers")) {
		down_read(&semaphore);
		read_lock(&shared);
		read_unlock(&shared);
		up_read(&semaphore);
		mutex_lock(&one);
		down_read(&semaphore);
		up_read(&semaphore);
		mutex_unlock(&one);
	} else if (!strcmp(how, "semaphore")) {
		down_write(&semaphore);
		mutex_lock(&one);
		mutex_unlock(&one);
		up_write(&semaphore);
		mutex_lock(&one);
		down_read(&semaphore);
		up_read(&semaphore);
		mutex_unlock(&one);
	} else if (!strcmp(how, "object")) {
		two_objects(false);
	} else if (!strcmp(how, "freed")) {
		two_objects(true);
	} else if (!strcmp(how, "spinlocks")) {
		spin_lock_irqsave(&spin, flags);
		write_lock(&shared);
		write_unlock(&shared);
		spin_unlock_irqrestore(&spin, flags);
		write_lock_irqsave(&shared, flags);
		spin_lock(&spin);
		spin_unlock(&spin);
		write_unlock_irqrestore(&shared, flags);
	} else if (!strcmp(how, "timer")) {
		spin_lock(&spin);
		spin_unlock(&spin);
		run_timer();
	} else if (!strcmp(how, "timer-bh")) {
		spin_lock_bh(&spin);
		spin_unlock_bh(&spin);
		spin_lock_irqsave(&spin, flags);
		spin_unlock_irqrestore(&spin, flags);
		local_bh_disable();
		spin_lock(&spin);
		spin_unlock(&spin);
		local_bh_enable();
		run_timer();
	} else if (!strcmp(how, "timer-readers")) {
		reads = true;
		read_lock(&shared);
		read_unlock(&shared);
		run_timer();
	} else if (!strcmp(how, "timer-writer")) {
		reads = true;
		write_lock(&shared);
		write_unlock(&shared);
		run_timer();
	} else if (!strncmp(how, "way-", 4)) {
		timer_way(how + 4);
	} else if (!strncmp(how, "work", 4)) {
		wait_for_work(how + 4);
	} else if (!strcmp(how, "later-writer")) {
		down_read(&semaphore);
		mutex_lock(&one);
		mutex_unlock(&one);
		up_read(&semaphore);
		mutex_lock(&one);
		down_read(&semaphore);
		up_read(&semaphore);
		down_write(&semaphore);
		up_write(&semaphore);
		mutex_unlock(&one);
	} else if (!strcmp(how, "gate-once")) {
		mutex_lock(&three);
		take(&one, &two);
		take(&two, &one);
		mutex_unlock(&three);
		take(&one, &two);
		take(&two, &one);
	} else if (!strcmp(how, "kept")) {
		mutex_lock(&one);
	} else if (!strcmp(how, "not-mine")) {
		kthread_run(hold_long, &one, "keeper");
		msleep(50);
		mutex_unlock(&one);
	} else if (!strcmp(how, "not-taken")) {
		mutex_unlock(&one);
	} else if (!strcmp(how, "twice-between")) {
		mutex_lock(&one);
		mutex_lock(&two);
		if (mutex_lock_killable(&one))
			pr_info("locks: killed\n");
		mutex_unlock(&two);
		mutex_unlock(&one);
	} else if (!strcmp(how, "ended")) {
		kthread_run(hold, &one, "holder");
		msleep(50);
	} else if (!strcmp(how, "taken")) {
		kthread_run(hold_long, &one, "keeper");
		msleep(50);
		take(&one, &two);
	} else if (!strcmp(how, "twice")) {
		mutex_lock(&one);
		if (mutex_lock_killable(&one))
			pr_info("locks: killed\n");
		mutex_unlock(&one);
	} else if (!strcmp(how, "handed-on")) {
		/* Another function may give it back than the one that took it. */
		hold(&one);
		mutex_unlock(&one);
		take(&two, &one);
		take(&one, &three);
	}
	del_timer_sync(&timer);
	return 0;
}

static void __exit locks_exit(void)
{
}

module_init(locks_init);
module_exit(locks_exit);
MODULE_DESCRIPTION("Takes locks");
MODULE_LICENSE("GPL");
