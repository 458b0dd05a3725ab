// SPDX-License-Identifier: GPL-2.0
/* Offers symbols to other modules: to all, to GPL ones only, and in a namespace. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/module.h>

#include "exporter.h"

static atomic_t calls = ATOMIC_INIT(0);

/* Any module may use it. */
int exporter_add(int a, int b)
{
	atomic_inc(&calls);
	return a + b;
}
EXPORT_SYMBOL(exporter_add);

/* Only a module with a GPL-compatible licence may. */
int exporter_calls(void)
{
	return atomic_read(&calls);
}
EXPORT_SYMBOL_GPL(exporter_calls);

/* Only a module that says MODULE_IMPORT_NS(EXPORTER) may. */
const char *exporter_name(void)
{
	return THIS_MODULE->name;
}
EXPORT_SYMBOL_NS_GPL(exporter_name, EXPORTER);

/* Data is exported in the same way. */
int exporter_answer = 42;
EXPORT_SYMBOL_GPL(exporter_answer);

static int __init exporter_init(void)
{
	pr_info("ready\n");
	return 0;
}

static void __exit exporter_exit(void)
{
	pr_info("was called %d times\n", atomic_read(&calls));
}

module_init(exporter_init);
module_exit(exporter_exit);

MODULE_DESCRIPTION("Exports symbols of each kind");
MODULE_AUTHOR("The lkm authors");
MODULE_LICENSE("GPL");
