// SPDX-License-Identifier: GPL-2.0
/* The first module, with a parameter of each kind that moduleparam.h offers. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

/* charp: the module holds a pointer, the kernel allocates the text. */
static char *whom = "World";
module_param(whom, charp, 0644);
MODULE_PARM_DESC(whom, "Whom to greet");

/* Integers: out of range is ERANGE, not a number is EINVAL. */
static int times = 1;
module_param(times, int, 0444);
MODULE_PARM_DESC(times, "How many times to say hello");

static unsigned int limit = 10;
module_param(limit, uint, 0644);
MODULE_PARM_DESC(limit, "Never greet more often than this");

static unsigned char level;
module_param(level, byte, 0444);
MODULE_PARM_DESC(level, "A byte, 0 to 255");

static short offset = -1;
module_param(offset, short, 0444);
MODULE_PARM_DESC(offset, "A short");

static unsigned long long serial;
module_param(serial, ullong, 0444);
MODULE_PARM_DESC(serial, "64 bits; 0x and 0 prefixes are understood");

/* hexint prints itself in hexadecimal under /sys/module/hello/parameters. */
static unsigned int mask = 0xff;
module_param(mask, hexint, 0444);
MODULE_PARM_DESC(mask, "A mask");

/* bool: Y/y/1 and N/n/0, also "on" and "off"; the bare name means yes. */
static bool verbose;
module_param(verbose, bool, 0644);
MODULE_PARM_DESC(verbose, "Print every parameter");

/* invbool: the variable holds the opposite of what is written. */
static bool silent;
module_param_named(speak, silent, invbool, 0444);
MODULE_PARM_DESC(speak, "Say hello at all (default yes)");

/* A buffer of our own: too long a text is ENOSPC. */
static char punctuation[4] = "!";
module_param_string(punctuation, punctuation, sizeof(punctuation), 0444);
MODULE_PARM_DESC(punctuation, "What ends the sentence, at most 3 characters");

/* Arrays: values separated by commas; too many are EINVAL. */
static int numbers[4] = { 1, 2, 3 };
static int numbers_count = 3;
module_param_array(numbers, int, &numbers_count, 0444);
MODULE_PARM_DESC(numbers, "Up to four numbers");

static char *friends[3];
static int friends_count;
module_param_array(friends, charp, &friends_count, 0444);
MODULE_PARM_DESC(friends, "Up to three more to greet");

/* Operations of our own: they check, and they see writes through sysfs later. Permission 0 would keep a parameter out of sysfs. */
static unsigned int even;

static int set_even(const char *text, const struct kernel_param *kp)
{
	unsigned int value;
	int err = kstrtouint(text, 0, &value);

	if (err)
		return err;
	if (value & 1)
		return -EINVAL;
	*(unsigned int *)kp->arg = value;
	pr_info("even is now %u\n", value);
	return 0;
}

static const struct kernel_param_ops even_ops = {
	.set = set_even,
	.get = param_get_uint,
};
module_param_cb(even, &even_ops, &even, 0644);
MODULE_PARM_DESC(even, "An even number");

static int secret;
module_param(secret, int, 0);
MODULE_PARM_DESC(secret, "Not shown in sysfs");

static void print_parameters(void)
{
	int i;

	pr_info("times=%d limit=%u level=%hhu offset=%hd serial=%llu mask=%#x\n",
		times, limit, level, offset, serial, mask);
	pr_info("speak=%c even=%u secret=%d\n", silent ? 'N' : 'Y', even, secret);
	for (i = 0; i < numbers_count; i++)
		pr_info("numbers[%d]=%d\n", i, numbers[i]);
}

static int __init hello_init(void)
{
	int i;

	if (times < 0)
		return -EINVAL;
	if (!silent) {
		for (i = 0; i < min_t(unsigned int, times, limit); i++)
			pr_info("Hello, %s%s\n", whom, punctuation);
		for (i = 0; i < friends_count; i++)
			pr_info("Hello, %s%s\n", friends[i], punctuation);
	}
	if (verbose)
		print_parameters();
	return 0;
}

static void __exit hello_exit(void)
{
	if (!silent)
		pr_info("Goodbye, %s%s\n", whom, punctuation);
}

module_init(hello_init);
module_exit(hello_exit);

MODULE_DESCRIPTION("Says hello, and takes a parameter of each kind");
MODULE_AUTHOR("The lkm authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("1.0");
