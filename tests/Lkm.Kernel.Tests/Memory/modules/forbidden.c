// SPDX-License-Identifier: GPL-2.0
/* Executes data, writes to constants, and copies more than an object to user space, as it is told in debugfs. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

static unsigned char code[64] __aligned(64) = { 0xc3 }; /* ret */
static const unsigned long constant = 0x1234;
static struct dentry *file;

static void execute(void *at)
{
	pr_info("executing\n");
	((void (*)(void))at)();
	pr_info("executed\n");
}

static ssize_t forbidden_write(struct file *f, const char __user *text, size_t length, loff_t *at)
{
	char what[16] = "";
	unsigned char on_stack[16] = { 0xc3 };
	size_t more;
	void *memory;

	if (copy_from_user(what, text, min(length, sizeof(what) - 1)))
		return -EFAULT;
	if (sysfs_streq(what, "data")) {
		execute(code);
	} else if (sysfs_streq(what, "stack")) {
		OPTIMIZER_HIDE_VAR(text);
		execute(on_stack);
	} else if (sysfs_streq(what, "kmalloc")) {
		memory = kmemdup(code, sizeof(code), GFP_KERNEL);
		execute(memory);
	} else if (sysfs_streq(what, "vmalloc")) {
		memory = vmalloc(PAGE_SIZE);
		memcpy(memory, code, sizeof(code));
		execute(memory);
	} else if (sysfs_streq(what, "behind")) {
		memory = kzalloc(128, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(memory);
		more = 7;
		OPTIMIZER_HIDE_VAR(more);
		pr_info("copied %lu bytes\n", more - copy_from_user(memory + 128, text, more));
		more = 128;
		OPTIMIZER_HIDE_VAR(more);
		if (copy_from_user(memory + 150, text, more))
			return -EFAULT;
	} else if (sysfs_streq(what, "constant")) {
		WRITE_ONCE(*(unsigned long *)&constant, 1);
	}
	return length;
}

static ssize_t forbidden_read(struct file *f, char __user *buffer, size_t length, loff_t *at)
{
	char *object = kzalloc(100, GFP_KERNEL);
	size_t more = 1000;

	OPTIMIZER_HIDE_VAR(more);
	OPTIMIZER_HIDE_VAR(object);
	return copy_to_user(buffer, object, more) ? -EFAULT : 0;
}

static const struct file_operations forbidden_operations = { .owner = THIS_MODULE, .read = forbidden_read, .write = forbidden_write };

static int __init forbidden_init(void)
{
	file = debugfs_create_file("forbidden", 0600, NULL, NULL, &forbidden_operations);
	return 0;
}

static void __exit forbidden_exit(void)
{
	debugfs_remove(file);
}

module_init(forbidden_init);
module_exit(forbidden_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Does what the kernel forbids");
