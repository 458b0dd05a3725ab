// SPDX-License-Identifier: GPL-2.0
/* Exports a name that provider exports too. */
#include <linux/module.h>

int provider_gpl(void);

int provider_gpl(void)
{
	return 20;
}
EXPORT_SYMBOL_GPL(provider_gpl);

MODULE_LICENSE("GPL");
