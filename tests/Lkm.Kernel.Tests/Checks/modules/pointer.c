// SPDX-License-Identifier: GPL-2.0
/*
 * Follows a user's pointer by itself (how=itself), as it should (how=copy), or between user_access_begin() and _end() (how=opened); as it should, but with a
 * spinlock held (how=locked, how=get), or so that no page need be made (how=nofault).
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

static char *how = "itself";
module_param(how, charp, 0444);

static char kept[64];
static DEFINE_SPINLOCK(lock);

static ssize_t pointer_write(struct file *file, const char __user *buffer, size_t size, loff_t *offset)
{
	size_t i, length = min(size, sizeof(kept) - 1);

	memset(kept, 0, sizeof(kept));
	if (!strcmp(how, "copy")) {
		if (copy_from_user(kept, buffer, length))
			return -EFAULT;
	} else if (!strcmp(how, "locked")) {
		spin_lock(&lock);
		i = copy_from_user(kept, buffer, length);
		spin_unlock(&lock);
		if (i)
			return -EFAULT;
	} else if (!strcmp(how, "get")) {
		rcu_read_lock();
		for (i = 0; i < length; i++)
			if (get_user(kept[i], buffer + i))
				break;
		rcu_read_unlock();
	} else if (!strcmp(how, "nofault")) {
		spin_lock(&lock);
		i = copy_from_user_nofault(kept, buffer, length);
		spin_unlock(&lock);
		if (i)
			return -EFAULT;
	} else if (!strcmp(how, "opened")) {
		if (!user_access_begin(buffer, length))
			return -EFAULT;
		for (i = 0; i < length; i++)
			unsafe_get_user(kept[i], buffer + i, fault);
		user_access_end();
	} else {
		for (i = 0; i < length; i++)
			kept[i] = ((const char __force *)buffer)[i];
	}
	pr_info("pointer: kept %s", kept);
	return size;
fault:
	user_access_end();
	return -EFAULT;
}

static ssize_t pointer_read(struct file *file, char __user *buffer, size_t size, loff_t *offset)
{
	size_t i, length = strlen(kept);

	if (*offset)
		return 0;
	if (!strcmp(how, "itself")) {
		for (i = 0; i < length; i++)
			((char __force *)buffer)[i] = kept[i];
	} else if (copy_to_user(buffer, kept, length)) {
		return -EFAULT;
	}
	*offset = length;
	return length;
}

static const struct proc_ops operations = {
	.proc_read = pointer_read,
	.proc_write = pointer_write,
};

static int __init pointer_init(void)
{
	return proc_create("pointer", 0666, NULL, &operations) ? 0 : -ENOMEM;
}

static void __exit pointer_exit(void)
{
	remove_proc_entry("pointer", NULL);
}

module_init(pointer_init);
module_exit(pointer_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Reads and writes the memory of its users");
