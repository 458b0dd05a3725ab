// SPDX-License-Identifier: GPL-2.0
/* Exports a symbol of each kind. */
#include <linux/module.h>

int provider_free(void);
int provider_gpl(void);
int provider_spaced(void);

int provider_free(void)
{
	return 1;
}
EXPORT_SYMBOL(provider_free);

int provider_gpl(void)
{
	return 2;
}
EXPORT_SYMBOL_GPL(provider_gpl);

int provider_spaced(void)
{
	return 3;
}
EXPORT_SYMBOL_NS(provider_spaced, LKM_TEST);

MODULE_LICENSE("GPL");
