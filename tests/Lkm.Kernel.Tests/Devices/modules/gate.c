// SPDX-License-Identifier: GPL-2.0
/* Shows the registers that system calls begin with, and lays code of its own before Linux's that counts them. */
#include <asm/msr.h>
#include <linux/module.h>

static bool counts;
module_param(counts, bool, 0);
unsigned long gate_calls;
module_param_named(calls, gate_calls, ulong, 0444);
unsigned long gate_linux;
void gate_entry(void);

asm(".pushsection .text\n"
    ".globl gate_entry\n"
    "gate_entry:\n"
    "	incq gate_calls(%rip)\n"
    "	jmp *gate_linux(%rip)\n"
    ".popsection\n");

static int __init gate_init(void)
{
	unsigned long star, mask;

	rdmsrl(MSR_STAR, star);
	rdmsrl(MSR_LSTAR, gate_linux);
	rdmsrl(MSR_SYSCALL_MASK, mask);
	pr_info("gate: %ps, %lx, %lx\n", (void *)gate_linux, star, mask);
	if (counts)
		wrmsrl(MSR_LSTAR, (unsigned long)gate_entry);
	return 0;
}

static void __exit gate_exit(void)
{
	wrmsrl(MSR_LSTAR, gate_linux);
}

module_init(gate_init);
module_exit(gate_exit);
MODULE_LICENSE("GPL");
