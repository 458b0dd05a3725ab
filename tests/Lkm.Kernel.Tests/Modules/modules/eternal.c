// SPDX-License-Identifier: GPL-2.0
/* Has no exit function, and so cannot be unloaded. */
#include <linux/module.h>

static int __init eternal_init(void)
{
	return 0;
}

module_init(eternal_init);
MODULE_LICENSE("GPL");
