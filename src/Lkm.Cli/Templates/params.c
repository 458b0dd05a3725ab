// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>

static int count = 1;
module_param(count, int, 0444);
MODULE_PARM_DESC(count, "How often");

static char *text = "something";
module_param(text, charp, 0444);
MODULE_PARM_DESC(text, "What to print");

static int numbers[8];
static int numbers_count;
module_param_array(numbers, int, &numbers_count, 0444);
MODULE_PARM_DESC(numbers, "Up to eight numbers");

/* Checked when loading, and when /sys/module/TEMPLATE/parameters/percent is written. */
static unsigned int percent = 50;

static int set_percent(const char *value, const struct kernel_param *kp)
{
	return param_set_uint_minmax(value, kp, 0, 100);
}

static const struct kernel_param_ops percent_ops = {
	.set = set_percent,
	.get = param_get_uint,
};
module_param_cb(percent, &percent_ops, &percent, 0644);
MODULE_PARM_DESC(percent, "0 to 100");

static int __init TEMPLATE_init(void)
{
	int i;

	for (i = 0; i < count; i++)
		pr_info("%s\n", text);
	for (i = 0; i < numbers_count; i++)
		pr_info("numbers[%d] = %d\n", i, numbers[i]);
	pr_info("percent = %u\n", percent);
	return 0;
}

static void __exit TEMPLATE_exit(void)
{
}

module_init(TEMPLATE_init);
module_exit(TEMPLATE_exit);

MODULE_DESCRIPTION("Takes parameters");
MODULE_LICENSE("GPL");
