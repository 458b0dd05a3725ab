/* A proprietary module that exports a symbol, and is content with symbols that are not GPL-only. */
#include <linux/module.h>

int foreign_value(void);

int foreign_value(void)
{
	return 4;
}
EXPORT_SYMBOL(foreign_value);

static int __init foreign_init(void)
{
	pr_info("foreign: hello\n");
	return 0;
}

static void __exit foreign_exit(void)
{
}

module_init(foreign_init);
module_exit(foreign_exit);
MODULE_LICENSE("Proprietary");
