// SPDX-License-Identifier: GPL-2.0
/*
 * A kprobe with all its handlers. Kernels before 5.14 have a third one, which is asked when a page fault comes while the probe is being
 * handled: here the pre handler reads an address that is not mapped, in the careful way.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#define NOT_MAPPED ((const void *)0xffffc90000000000UL)

static char *symbol = "kernel_clone";
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "function to probe");

static int before(struct kprobe *probe, struct pt_regs *regs)
{
	int value;
	long error = copy_from_kernel_nofault(&value, NOT_MAPPED, sizeof(value));

	pr_info("before %s: reading nowhere gives %ld\n", probe->symbol_name, error);
	return 0; /* go on with the probed instruction */
}

static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
	pr_info("after the first instruction of %s\n", probe->symbol_name);
}

static struct kprobe probe = {
	.pre_handler = before,
	.post_handler = after,
};

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 14, 0)
static int fault(struct kprobe *probe, struct pt_regs *regs, int trap)
{
	pr_info("fault: trap %d\n", trap);
	return 0; /* not dealt with: the kernel looks for a fixup, and finds one */
}
#endif

static int __init fault_handler_init(void)
{
	int error;

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 14, 0)
	probe.fault_handler = fault;
#else
	pr_info("this kernel has no fault handlers\n");
#endif
	probe.symbol_name = symbol;
	error = register_kprobe(&probe);
	if (error)
		pr_err("cannot probe %s: %d\n", symbol, error);
	return error;
}

static void __exit fault_handler_exit(void)
{
	unregister_kprobe(&probe);
	pr_info("%lu calls missed\n", probe.nmissed);
}

module_init(fault_handler_init);
module_exit(fault_handler_exit);

MODULE_DESCRIPTION("A kprobe with pre, post and fault handlers");
MODULE_LICENSE("GPL");
