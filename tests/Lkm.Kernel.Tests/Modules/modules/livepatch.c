// SPDX-License-Identifier: GPL-2.0
/*
 * A live patch: replaces a static function of patchee.ko by one that calls another static function of it, and has the address of a static
 * variable of the kernel. The test makes the relocations of the two sections livepatch relocations, as kpatch-build would.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

extern int klp_of_patchee_original__ __attribute__((weak)); /* becomes .klp.sym.patchee.helper,0 */
extern int klp_of_vmlinux_variable___ __attribute__((weak)); /* becomes .klp.sym.vmlinux.pid_max,0 */

static int (*helper)(int) __section("klp_patchee_data12") __used = (void *)&klp_of_patchee_original__;
static void *variable __section("klp_vmlinux_data12") __used = &klp_of_vmlinux_variable___;

static noinline int patched_answer(int argument)
{
	return READ_ONCE(helper)(argument) + 1000;
}

static struct klp_func functions[] = { { .old_name = "answer", .new_func = patched_answer }, { } };
static struct klp_object objects[] = { { .name = "patchee", .funcs = functions }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects };

static int __init livepatch_init(void)
{
	pr_info("livepatch: the kernel's variable is %ps\n", READ_ONCE(variable));
	return klp_enable_patch(&patch);
}

static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
