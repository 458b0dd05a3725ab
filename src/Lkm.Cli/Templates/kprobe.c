// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

static char *symbol = "do_sys_openat2";
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "The function to watch");

static atomic_t hits = ATOMIC_INIT(0);

static int before(struct kprobe *probe, struct pt_regs *regs)
{
	if (atomic_inc_return(&hits) == 1)
		pr_info("%s was called: ip = %pS, first argument %#lx\n", probe->symbol_name, (void *)regs->ip, regs->di);
	return 0;
}

static struct kprobe probe = {
	.pre_handler = before,
};

static int __init TEMPLATE_init(void)
{
	int err;

	probe.symbol_name = symbol;
	err = register_kprobe(&probe);
	if (err)
		pr_err("cannot probe %s: %d\n", symbol, err);
	else
		pr_info("watching %s\n", symbol);
	return err;
}

static void __exit TEMPLATE_exit(void)
{
	unregister_kprobe(&probe);
	pr_info("%s was called %d times\n", symbol, atomic_read(&hits));
}

module_init(TEMPLATE_init);
module_exit(TEMPLATE_exit);

MODULE_DESCRIPTION("Watches a function of the kernel");
MODULE_LICENSE("GPL");
