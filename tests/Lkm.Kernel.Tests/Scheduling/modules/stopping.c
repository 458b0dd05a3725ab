// SPDX-License-Identifier: GPL-2.0
/* Says where stop_machine() has run its function, and leaves memory behind. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>

static int stopped(void *data)
{
	pr_info("stopped: %s, interrupts %s\n", current->comm, irqs_disabled() ? "off" : "on");
	return 7;
}

static int __init stopping_init(void)
{
	char *left = kmalloc(64, GFP_KERNEL);

	pr_info("result %d, memory %d\n", stop_machine(stopped, NULL, NULL), left != NULL);
	return 0;
}

static void __exit stopping_exit(void)
{
}

module_init(stopping_init);
module_exit(stopping_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Runs a function while the machine is stopped");
