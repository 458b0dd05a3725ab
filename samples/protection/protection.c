// SPDX-License-Identifier: GPL-2.0
/* What may be done with which memory: rights in page tables, and the two ways around them that rootkits and patchers use. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/special_insns.h>

static const unsigned long constant = 1; /* .rodata */
static unsigned long variable = 2; /* .data */
static void *object, *area; /* kmalloc, vmalloc */

/* Where a page-table walk from the running process ends: its memory map has the kernel's half, too. */
static phys_addr_t walk(unsigned long address)
{
	struct mm_struct *mm = current->mm;
	p4d_t *p4d = p4d_offset(pgd_offset(mm, address), address);
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;

	if (p4d_none(*p4d))
		return 0;
	pud = pud_offset(p4d, address);
	if (pud_none(*pud))
		return 0;
	if (pud_large(*pud))
		return (pud_pfn(*pud) << PAGE_SHIFT) + (address & ~PUD_MASK);
	pmd = pmd_offset(pud, address);
	if (pmd_none(*pmd))
		return 0;
	if (pmd_large(*pmd))
		return (pmd_pfn(*pmd) << PAGE_SHIFT) + (address & ~PMD_MASK);
	pte = pte_offset_kernel(pmd, address);
	if (!pte_present(*pte))
		return 0;
	return (pte_pfn(*pte) << PAGE_SHIFT) + (address & ~PAGE_MASK);
}

static void show(struct seq_file *file, const char *name, const void *pointer, phys_addr_t physical)
{
	unsigned int level;
	unsigned long address = (unsigned long)pointer;
	pte_t *entry = lookup_address(address, &level);

	if (!entry || !pte_present(*entry)) {
		seq_printf(file, "%-9s not mapped\n", name);
		return;
	}
	seq_printf(file, "%-9s r%c%c, walk ends where it %s\n", name, pte_write(*entry) ? 'w' : '-', pte_exec(*entry) ? 'x' : '-',
		   walk(address) == physical ? "should" : "should not");
}

static int protection_show(struct seq_file *file, void *unused)
{
	show(file, "code", show, PFN_PHYS(vmalloc_to_pfn(show)) + offset_in_page(show));
	show(file, "constant", &constant, PFN_PHYS(vmalloc_to_pfn(&constant)) + offset_in_page(&constant));
	show(file, "variable", &variable, PFN_PHYS(vmalloc_to_pfn(&variable)) + offset_in_page(&variable));
	show(file, "kmalloc", object, virt_to_phys(object));
	show(file, "vmalloc", area, PFN_PHYS(vmalloc_to_pfn(area)));
	show(file, "kernel", kmalloc_caches, __pa_symbol(kmalloc_caches));
	show(file, "printk", _printk, __pa_symbol(_printk));
	show(file, "guard", area + PAGE_SIZE, 0);
	return 0;
}

/* Writes a constant, and says whether that was allowed. */
static void try_write(const char *when)
{
	unsigned long value = constant + 1;

	__put_kernel_nofault((unsigned long *)&constant, &value, unsigned long, refused);
	pr_info("%s: written\n", when);
	return;
refused:
	pr_info("%s: refused\n", when);
}

static void flush(const void *address)
{
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static void through_entry(void)
{
	unsigned int level;
	pte_t *entry = lookup_address((unsigned long)&constant, &level);
	pte_t old = *entry;

	set_pte(entry, pte_mkwrite(old));
	flush(&constant);
	try_write("with the page's entry writable");
	set_pte(entry, old);
	flush(&constant);
}

static void through_cr0(void)
{
	unsigned long old = read_cr0();

	preempt_disable();
	asm volatile("mov %0, %%cr0" : : "r"(old & ~X86_CR0_WP) : "memory");
	try_write("with CR0.WP clear");
	asm volatile("mov %0, %%cr0" : : "r"(old) : "memory");
	preempt_enable();
}

static ssize_t protection_write(struct file *file, const char __user *buffer, size_t length, loff_t *position)
{
	try_write("as it is");
	through_entry();
	try_write("after that");
	through_cr0();
	try_write("after all");
	pr_info("the constant is %lu\n", READ_ONCE(*(unsigned long *)&constant));
	return length;
}

static int protection_open(struct inode *inode, struct file *file)
{
	return single_open(file, protection_show, NULL);
}

static const struct proc_ops protection_ops = {
	.proc_open = protection_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = protection_write,
};

static int __init protection_init(void)
{
	object = kmalloc(64, GFP_KERNEL);
	area = vmalloc(PAGE_SIZE);
	if (object && area && proc_create("protection", 0600, NULL, &protection_ops))
		return 0;
	vfree(area);
	kfree(object);
	return -ENOMEM;
}

static void __exit protection_exit(void)
{
	remove_proc_entry("protection", NULL);
	vfree(area);
	kfree(object);
}

module_init(protection_init);
module_exit(protection_exit);

MODULE_DESCRIPTION("Rights of memory, and ways around them");
MODULE_AUTHOR("The lkm authors");
MODULE_LICENSE("GPL");
