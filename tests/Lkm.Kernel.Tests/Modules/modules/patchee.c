// SPDX-License-Identifier: GPL-2.0
/* What livepatch.ko patches: the parameter's value is what the static function answers. */
#include <linux/module.h>

static int one = 1, seven = 7; /* no constants, or gcc makes clones with other names */

static noinline int helper(int argument)
{
	barrier();
	return argument * 2;
}

static noinline int answer(int argument)
{
	barrier();
	return argument;
}

static int get_answer(char *buffer, const struct kernel_param *parameter)
{
	return sysfs_emit(buffer, "%d %d\n", answer(READ_ONCE(seven)), helper(READ_ONCE(one)));
}

static const struct kernel_param_ops answer_ops = { .get = get_answer };
module_param_cb(answer, &answer_ops, NULL, 0444);
MODULE_LICENSE("GPL");
