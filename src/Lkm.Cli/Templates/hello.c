// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

static int __init TEMPLATE_init(void)
{
	pr_info("loaded\n");
	return 0;
}

static void __exit TEMPLATE_exit(void)
{
	pr_info("unloaded\n");
}

module_init(TEMPLATE_init);
module_exit(TEMPLATE_exit);

MODULE_DESCRIPTION("Says when it comes and goes");
MODULE_LICENSE("GPL");
