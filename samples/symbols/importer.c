// SPDX-License-Identifier: GPL-2.0
/* Uses what exporter exports: while it is loaded, exporter cannot be unloaded. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "exporter.h"

static int __init importer_init(void)
{
	typeof(exporter_calls) *calls;

	pr_info("%s says 2 + 3 = %d\n", exporter_name(), exporter_add(2, 3));
	/* By name: only while the module is there, which symbol_get() makes stay. */
	calls = symbol_get(exporter_calls);
	if (calls) {
		pr_info("found by name: %d call so far\n", calls());
		symbol_put(exporter_calls);
	}
	pr_info("not exported under a GPL-only licence, so not found by name: %d\n", !symbol_get(exporter_add));
	pr_info("the answer is %d, after %d calls\n", exporter_answer, exporter_calls());
	return 0;
}

static void __exit importer_exit(void)
{
	pr_info("%d is the last sum\n", exporter_add(exporter_answer, 1));
}

module_init(importer_init);
module_exit(importer_exit);

MODULE_DESCRIPTION("Uses the symbols of exporter");
MODULE_AUTHOR("The lkm authors");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(EXPORTER);
