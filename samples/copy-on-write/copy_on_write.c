// SPDX-License-Identifier: GPL-2.0
/*
 * Watches copy-on-write: a kprobe at the kernel's do_wp_page(), where a write to a page that two processes share read-only arrives, and a
 * kretprobe at wp_page_copy(), which makes the copy.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>

static char *comm = "sh";
module_param(comm, charp, 0444);
MODULE_PARM_DESC(comm, "Only tell of processes of this name");

static atomic_t seen = ATOMIC_INIT(0);
static atomic_t copied = ATOMIC_INIT(0);

static int on_write(struct kprobe *probe, struct pt_regs *regs)
{
	struct vm_fault *fault = (struct vm_fault *)regs->di;

	if (strcmp(current->comm, comm))
		return 0;
	if (atomic_inc_return(&seen) == 1)
		pr_info("%s writes to a shared page, offset %lu of its mapping\n", current->comm,
			(fault->address - fault->vma->vm_start) >> PAGE_SHIFT);
	return 0;
}

static int on_copied(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (!strcmp(current->comm, comm) && !(regs_return_value(regs) & VM_FAULT_ERROR))
		atomic_inc(&copied);
	return 0;
}

static struct kprobe write_probe = { .symbol_name = "do_wp_page", .pre_handler = on_write };
static struct kretprobe copy_probe = { .kp.symbol_name = "wp_page_copy", .handler = on_copied, .maxactive = 16 };

static int __init copy_on_write_init(void)
{
	struct kprobe missing = { .symbol_name = "no_such_function" };
	int error;

	pr_info("a probe of no function: %d\n", register_kprobe(&missing));
	error = register_kprobe(&write_probe);
	if (error)
		return error;
	error = register_kretprobe(&copy_probe);
	if (error)
		unregister_kprobe(&write_probe);
	else
		pr_info("watching %pS\n", write_probe.addr);
	return error;
}

static void __exit copy_on_write_exit(void)
{
	unregister_kretprobe(&copy_probe);
	unregister_kprobe(&write_probe);
	pr_info("%s\n", atomic_read(&seen) && atomic_read(&copied) ? "pages were copied when they were written" : "nothing was copied");
}

module_init(copy_on_write_init);
module_exit(copy_on_write_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Copy-on-write, seen by kprobes");
