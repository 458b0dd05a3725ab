// SPDX-License-Identifier: GPL-2.0
/* An attribute that says that it has taken a byte more than it was given. */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

static struct kobject *folder;

static ssize_t word_show(struct kobject *object, struct kobj_attribute *attribute, char *page)
{
	return sysfs_emit(page, "word\n");
}

static ssize_t word_store(struct kobject *object, struct kobj_attribute *attribute, const char *text, size_t count)
{
	return count + 1;
}

static struct kobj_attribute word = __ATTR_RW(word);

static int __init boaster_init(void)
{
	folder = kobject_create_and_add("boaster", kernel_kobj);
	return folder ? sysfs_create_file(folder, &word.attr) : -ENOMEM;
}

static void __exit boaster_exit(void)
{
	kobject_put(folder);
}

module_init(boaster_init);
module_exit(boaster_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An attribute that says more than the truth");
