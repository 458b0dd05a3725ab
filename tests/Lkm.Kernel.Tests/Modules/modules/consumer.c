// SPDX-License-Identifier: GPL-2.0
/* Uses what provider exports. */
#include <linux/module.h>

int provider_free(void);
int provider_gpl(void);
int provider_spaced(void);
extern int nobody_has_this(void) __attribute__((weak));

static int __init consumer_init(void)
{
	pr_info("consumer: %d, weak %s\n", provider_free() + provider_gpl() + provider_spaced(), nobody_has_this ? "found" : "absent");
	return 0;
}

static void __exit consumer_exit(void)
{
	pr_info("consumer: bye\n");
}

module_init(consumer_init);
module_exit(consumer_exit);
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(LKM_TEST);
