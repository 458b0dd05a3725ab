// SPDX-License-Identifier: GPL-2.0
/*
 * A character device that keeps what is written until it is read, as a pipe does, and the files by which a driver is watched and set: a
 * sysfs attribute, a debugfs number and a sequence file in /proc.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cdev.h>
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kfifo.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define PIPE_CLEAR _IO('P', 1)
#define PIPE_GET_LENGTH _IOR('P', 2, int)
#define PIPE_ROTATE _IOWR('P', 3, unsigned char)
#define PIPE_SIZE 64

static DEFINE_KFIFO(pipe, unsigned char, PIPE_SIZE);
static DEFINE_MUTEX(pipe_lock);
static DECLARE_WAIT_QUEUE_HEAD(readers);
static DECLARE_WAIT_QUEUE_HEAD(writers);
static struct fasync_struct *listeners;
static u32 transfers;

static dev_t number;
static struct cdev cdev;
static struct class *class;
static struct device *device;
static struct dentry *debug_dir;

static ssize_t pipe_read(struct file *file, char __user *buffer, size_t count, loff_t *offset)
{
	unsigned int copied;
	int error;

	if (mutex_lock_interruptible(&pipe_lock))
		return -ERESTARTSYS;
	while (kfifo_is_empty(&pipe)) {
		mutex_unlock(&pipe_lock);
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		pr_info("%s waits for something to read\n", current->comm);
		if (wait_event_interruptible(readers, !kfifo_is_empty(&pipe)))
			return -ERESTARTSYS;
		if (mutex_lock_interruptible(&pipe_lock))
			return -ERESTARTSYS;
	}
	error = kfifo_to_user(&pipe, buffer, count, &copied);
	transfers++;
	mutex_unlock(&pipe_lock);
	wake_up_interruptible(&writers);
	return error ? error : copied;
}

static ssize_t pipe_write(struct file *file, const char __user *buffer, size_t count, loff_t *offset)
{
	unsigned int copied;
	int error;

	if (mutex_lock_interruptible(&pipe_lock))
		return -ERESTARTSYS;
	while (kfifo_is_full(&pipe)) {
		mutex_unlock(&pipe_lock);
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(writers, !kfifo_is_full(&pipe)))
			return -ERESTARTSYS;
		if (mutex_lock_interruptible(&pipe_lock))
			return -ERESTARTSYS;
	}
	error = kfifo_from_user(&pipe, buffer, count, &copied);
	transfers++;
	mutex_unlock(&pipe_lock);
	wake_up_interruptible(&readers);
	kill_fasync(&listeners, SIGIO, POLL_IN);
	return error ? error : copied;
}

static __poll_t pipe_poll(struct file *file, poll_table *table)
{
	__poll_t events = 0;

	poll_wait(file, &readers, table);
	poll_wait(file, &writers, table);
	if (!kfifo_is_empty(&pipe))
		events |= EPOLLIN | EPOLLRDNORM;
	if (!kfifo_is_full(&pipe))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

static int pipe_fasync(int descriptor, struct file *file, int on)
{
	return fasync_helper(descriptor, file, on, &listeners);
}

static int pipe_release(struct inode *inode, struct file *file)
{
	return pipe_fasync(-1, file, 0);
}

static long pipe_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	unsigned char byte;

	switch (command) {
	case PIPE_CLEAR:
		mutex_lock(&pipe_lock);
		kfifo_reset(&pipe);
		mutex_unlock(&pipe_lock);
		return 0;
	case PIPE_GET_LENGTH:
		return put_user(kfifo_len(&pipe), (int __user *)argument);
	case PIPE_ROTATE: /* puts a byte in and takes the oldest out */
		if (get_user(byte, (unsigned char __user *)argument))
			return -EFAULT;
		mutex_lock(&pipe_lock);
		if (kfifo_put(&pipe, byte))
			(void)!kfifo_get(&pipe, &byte);
		mutex_unlock(&pipe_lock);
		return put_user(byte, (unsigned char __user *)argument);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations pipe_ops = {
	.owner = THIS_MODULE,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.fasync = pipe_fasync,
	.release = pipe_release,
	.unlocked_ioctl = pipe_ioctl,
	.llseek = no_llseek,
};

static ssize_t free_show(struct device *dev, struct device_attribute *attribute, char *buffer)
{
	return sysfs_emit(buffer, "%u\n", kfifo_avail(&pipe));
}
static DEVICE_ATTR_RO(free);

static ssize_t fill_store(struct device *dev, struct device_attribute *attribute, const char *buffer, size_t count)
{
	u8 times;
	int error = kstrtou8(buffer, 0, &times);

	if (error)
		return error;
	while (times-- && kfifo_put(&pipe, '.'))
		;
	return count;
}
static DEVICE_ATTR_WO(fill);

static struct attribute *pipe_attrs[] = { &dev_attr_free.attr, &dev_attr_fill.attr, NULL };
ATTRIBUTE_GROUPS(pipe);

static void *bytes_start(struct seq_file *seq, loff_t *position)
{
	return *position < kfifo_len(&pipe) ? position : NULL;
}

static void *bytes_next(struct seq_file *seq, void *item, loff_t *position)
{
	++*position;
	return bytes_start(seq, position);
}

static void bytes_stop(struct seq_file *seq, void *item)
{
}

static int bytes_show(struct seq_file *seq, void *item)
{
	loff_t at = *(loff_t *)item;
	unsigned char bytes[PIPE_SIZE];

	(void)!kfifo_out_peek(&pipe, bytes, sizeof(bytes));
	seq_printf(seq, "%lld: %02x\n", at, bytes[at]);
	return 0;
}

static const struct seq_operations bytes_ops = { .start = bytes_start, .next = bytes_next, .stop = bytes_stop, .show = bytes_show };

static int __init pipe_init(void)
{
	int error = alloc_chrdev_region(&number, 0, 1, "samplepipe");

	if (error)
		return error;
	cdev_init(&cdev, &pipe_ops);
	cdev.owner = THIS_MODULE;
	error = cdev_add(&cdev, number, 1);
	if (error)
		goto no_cdev;
	class = class_create(THIS_MODULE, "samplepipe");
	if (IS_ERR(class)) {
		error = PTR_ERR(class);
		goto no_class;
	}
	device = device_create_with_groups(class, NULL, number, NULL, pipe_groups, "samplepipe%d", 0);
	if (IS_ERR(device)) {
		error = PTR_ERR(device);
		goto no_device;
	}
	debug_dir = debugfs_create_dir("samplepipe", NULL);
	debugfs_create_u32("transfers", 0644, debug_dir, &transfers);
	proc_create_seq("samplepipe", 0444, NULL, &bytes_ops);
	dev_info(device, "ready\n");
	return 0;

no_device:
	class_destroy(class);
no_class:
	cdev_del(&cdev);
no_cdev:
	unregister_chrdev_region(number, 1);
	return error;
}

static void __exit pipe_exit(void)
{
	remove_proc_entry("samplepipe", NULL);
	debugfs_remove_recursive(debug_dir);
	device_destroy(class, number);
	class_destroy(class);
	cdev_del(&cdev);
	unregister_chrdev_region(number, 1);
}

module_init(pipe_init);
module_exit(pipe_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A character device with all that a driver answers");
