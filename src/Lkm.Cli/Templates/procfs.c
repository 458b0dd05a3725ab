// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int reads;

/* cat /proc/TEMPLATE */
static int TEMPLATE_show(struct seq_file *file, void *unused)
{
	seq_printf(file, "read %d times\n", ++reads);
	return 0;
}

static int __init TEMPLATE_init(void)
{
	if (!proc_create_single("TEMPLATE", 0444, NULL, TEMPLATE_show))
		return -ENOMEM;
	pr_info("see /proc/TEMPLATE\n");
	return 0;
}

static void __exit TEMPLATE_exit(void)
{
	remove_proc_entry("TEMPLATE", NULL);
}

module_init(TEMPLATE_init);
module_exit(TEMPLATE_exit);

MODULE_DESCRIPTION("A file under /proc");
MODULE_LICENSE("GPL");
