// SPDX-License-Identifier: GPL-2.0
/* Parameters of several kinds, a GPL-only symbol, per-CPU data, and an init function that can be told how to end. */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/percpu.h>

static int count = 1;
module_param(count, int, 0644);

static unsigned char level;
module_param(level, byte, 0444);

static char *text = "none";
module_param(text, charp, 0444);

static int list[3];
static int list_length;
module_param_array(list, int, &list_length, 0444);

static char word[4] = "abc";
module_param_string(word, word, sizeof(word), 0444);

static int result;
module_param(result, int, 0);

static bool pin;
module_param(pin, bool, 0);

static DEFINE_PER_CPU(int, visits) = 41;

static struct kobject *object;

static int __init subject_init(void)
{
	pr_info("subject: count=%d level=%d text=%s list=%d/%d,%d,%d word=%s\n",
		count, level, text, list_length, list[0], list[1], list[2], word);
	if (result < 0)
		return result;
	this_cpu_inc(visits);
	pr_info("subject: visits=%d at %ps\n", this_cpu_read(visits), subject_init);
	if (pin)
		__module_get(THIS_MODULE);
	object = kobject_create_and_add("lkm_subject", kernel_kobj);
	return result;
}

static void __exit subject_exit(void)
{
	kobject_put(object);
	pr_info("subject: bye\n");
}

module_init(subject_init);
module_exit(subject_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION("1.5");
