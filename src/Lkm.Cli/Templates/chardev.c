// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

/* /dev/TEMPLATE keeps what was last written to it. */
#define TEMPLATE_CLEAR _IO('t', 0)
#define TEMPLATE_LENGTH _IOR('t', 1, int)

static DEFINE_MUTEX(lock);
static char kept[1024];
static size_t length;

static ssize_t TEMPLATE_read(struct file *file, char __user *buffer, size_t count, loff_t *position)
{
	ssize_t done;

	mutex_lock(&lock);
	done = simple_read_from_buffer(buffer, count, position, kept, length);
	mutex_unlock(&lock);
	return done;
}

static ssize_t TEMPLATE_write(struct file *file, const char __user *buffer, size_t count, loff_t *position)
{
	ssize_t done;

	mutex_lock(&lock);
	done = simple_write_to_buffer(kept, sizeof(kept), position, buffer, count);
	if (done > 0)
		length = *position;
	mutex_unlock(&lock);
	return done;
}

static long TEMPLATE_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	long result = 0;

	mutex_lock(&lock);
	switch (command) {
	case TEMPLATE_CLEAR:
		length = 0;
		break;
	case TEMPLATE_LENGTH:
		result = put_user((int)length, (int __user *)argument);
		break;
	default:
		result = -ENOTTY;
	}
	mutex_unlock(&lock);
	return result;
}

static const struct file_operations TEMPLATE_operations = {
	.owner = THIS_MODULE,
	.read = TEMPLATE_read,
	.write = TEMPLATE_write,
	.unlocked_ioctl = TEMPLATE_ioctl,
	.llseek = default_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "TEMPLATE",
	.fops = &TEMPLATE_operations,
	.mode = 0666,
};

static int __init TEMPLATE_init(void)
{
	int err = misc_register(&device);

	if (!err)
		pr_info("/dev/%s has minor %d\n", device.name, device.minor);
	return err;
}

static void __exit TEMPLATE_exit(void)
{
	misc_deregister(&device);
}

module_init(TEMPLATE_init);
module_exit(TEMPLATE_exit);

MODULE_DESCRIPTION("A character device that keeps a text");
MODULE_LICENSE("GPL");
