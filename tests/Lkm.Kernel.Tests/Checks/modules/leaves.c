// SPDX-License-Identifier: GPL-2.0
/* Registers, arms or starts something, and takes it back when told to. */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/reboot.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

static char *what = "timer";
module_param(what, charp, 0);
static bool takes_back;
module_param(takes_back, bool, 0);
static int result;
module_param(result, int, 0);

static struct timer_list late_timer;
static struct delayed_work late_work;
static struct task_struct *thread;

static void on_timer(struct timer_list *unused)
{
}

static void on_work(struct work_struct *unused)
{
}

static int on_thread(void *unused)
{
	while (!kthread_should_stop())
		msleep_interruptible(50);
	return 0;
}

static int on_reboot(struct notifier_block *block, unsigned long action, void *unused)
{
	return NOTIFY_DONE;
}

static int show(struct seq_file *file, void *unused)
{
	return 0;
}

static int on_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return 0;
}

static struct kretprobe probe = { .kp.symbol_name = "schedule", .handler = on_return, .maxactive = 20 };
static struct notifier_block reboot_block = { .notifier_call = on_reboot };
static const struct file_operations no_operations = { .owner = THIS_MODULE };
static struct miscdevice device = { .minor = MISC_DYNAMIC_MINOR, .name = "leaves", .fops = &no_operations };

static int __init leaves_init(void)
{
	timer_setup(&late_timer, on_timer, 0);
	INIT_DELAYED_WORK(&late_work, on_work);
	if (!strcmp(what, "timer"))
		mod_timer(&late_timer, jiffies + 100 * HZ);
	else if (!strcmp(what, "work"))
		schedule_delayed_work(&late_work, 100 * HZ);
	else if (!strcmp(what, "thread"))
		thread = kthread_run(on_thread, NULL, "leaves");
	else if (!strcmp(what, "notifier"))
		register_reboot_notifier(&reboot_block);
	else if (!strcmp(what, "proc"))
		proc_create_single("leaves", 0, NULL, show);
	else if (!strcmp(what, "device"))
		misc_register(&device);
	else if (!strcmp(what, "probe")) {
		register_kretprobe(&probe);
		schedule_delayed_work(&late_work, 1); /* after it, the worker waits inside of schedule() */
		msleep(50);
	} else if (!strcmp(what, "hidden"))
		list_del(&THIS_MODULE->list);
	return result;
}

static void __exit leaves_exit(void)
{
	if (!takes_back)
		return;
	del_timer_sync(&late_timer);
	cancel_delayed_work_sync(&late_work);
	if (thread)
		kthread_stop(thread);
	if (!strcmp(what, "notifier"))
		unregister_reboot_notifier(&reboot_block);
	else if (!strcmp(what, "proc"))
		remove_proc_entry("leaves", NULL);
	else if (!strcmp(what, "device"))
		misc_deregister(&device);
	else if (!strcmp(what, "probe"))
		unregister_kretprobe(&probe);
}

module_init(leaves_init);
module_exit(leaves_exit);
MODULE_LICENSE("GPL");
