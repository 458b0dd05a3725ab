// SPDX-License-Identifier: GPL-2.0
/*
 * Offers kernel memory to processes by mmap(): what the module writes a process sees, and the other way round, with no copy. Four files
 * show the four ways: /proc/zerocopy (pages, remap_pfn_range), /proc/zerocopy-vmalloc (remap_vmalloc_range), /proc/zerocopy-page
 * (vm_insert_page) and /dev/zerocopy (a fault handler that gives out one page at a time). Reading a file tells what lies in the memory.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#define AREA_ORDER 1
#define AREA_SIZE (PAGE_SIZE << AREA_ORDER)

struct area {
	const char *name;
	const struct proc_ops *ops;
	char *memory;
};

static char *greeting = "hello from the kernel";
module_param(greeting, charp, 0444);
MODULE_PARM_DESC(greeting, "What the memory holds at first");

static bool fits(struct vm_area_struct *vma)
{
	unsigned long pages = vma_pages(vma), all = AREA_SIZE >> PAGE_SHIFT;

	return vma->vm_pgoff < all && pages <= all - vma->vm_pgoff;
}

static ssize_t area_read(struct file *file, char __user *buffer, size_t count, loff_t *offset)
{
	struct area *area = pde_data(file_inode(file));

	return simple_read_from_buffer(buffer, count, offset, area->memory, AREA_SIZE);
}

static int map_pages(struct file *file, struct vm_area_struct *vma)
{
	struct area *area = pde_data(file_inode(file));
	unsigned long frame = virt_to_phys(area->memory) >> PAGE_SHIFT;

	if (!fits(vma))
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start, frame + vma->vm_pgoff, vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static int map_vmalloc(struct file *file, struct vm_area_struct *vma)
{
	struct area *area = pde_data(file_inode(file));

	return remap_vmalloc_range(vma, area->memory, vma->vm_pgoff);
}

static int insert_page(struct file *file, struct vm_area_struct *vma)
{
	struct area *area = pde_data(file_inode(file));

	if (vma_pages(vma) != 1 || vma->vm_pgoff)
		return -EINVAL;
	return vm_insert_page(vma, vma->vm_start, virt_to_page(area->memory));
}

static const struct proc_ops pages_ops = { .proc_read = area_read, .proc_mmap = map_pages, .proc_lseek = default_llseek };
static const struct proc_ops vmalloc_ops = { .proc_read = area_read, .proc_mmap = map_vmalloc, .proc_lseek = default_llseek };
static const struct proc_ops page_ops = { .proc_read = area_read, .proc_mmap = insert_page, .proc_lseek = default_llseek };

static struct area areas[] = {
	{ "zerocopy", &pages_ops },
	{ "zerocopy-vmalloc", &vmalloc_ops },
	{ "zerocopy-page", &page_ops },
};

static vm_fault_t device_fault(struct vm_fault *fault)
{
	struct page *page;

	if (fault->pgoff >= AREA_SIZE >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;
	page = virt_to_page(areas[0].memory) + fault->pgoff;
	get_page(page);
	fault->page = page;
	pr_info("page %lu is touched by %s\n", fault->pgoff, current->comm);
	return 0;
}

static const struct vm_operations_struct device_vm_ops = { .fault = device_fault };

static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &device_vm_ops;
	pr_info("%s maps %lu page(s) at page %lu\n", current->comm, vma_pages(vma), vma->vm_pgoff);
	return 0;
}

static const struct file_operations device_ops = { .owner = THIS_MODULE, .mmap = device_mmap };

static struct miscdevice device = { .minor = MISC_DYNAMIC_MINOR, .name = "zerocopy", .fops = &device_ops };

static void release(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(areas); i++)
		remove_proc_entry(areas[i].name, NULL);
	free_pages_exact(areas[0].memory, AREA_SIZE);
	vfree(areas[1].memory);
	free_pages_exact(areas[2].memory, AREA_SIZE);
}

static int __init zerocopy_init(void)
{
	int i, error;

	areas[0].memory = alloc_pages_exact(AREA_SIZE, GFP_KERNEL | __GFP_ZERO);
	areas[1].memory = vmalloc_user(AREA_SIZE);
	areas[2].memory = alloc_pages_exact(AREA_SIZE, GFP_KERNEL | __GFP_ZERO);
	for (i = 0; i < ARRAY_SIZE(areas); i++)
		if (!areas[i].memory)
			goto no_memory;
	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		strscpy(areas[i].memory, greeting, AREA_SIZE);
		proc_create_data(areas[i].name, 0644, NULL, areas[i].ops, &areas[i]);
	}
	error = misc_register(&device);
	if (error)
		release();
	return error;

no_memory:
	if (areas[0].memory)
		free_pages_exact(areas[0].memory, AREA_SIZE);
	vfree(areas[1].memory);
	if (areas[2].memory)
		free_pages_exact(areas[2].memory, AREA_SIZE);
	return -ENOMEM;
}

static void __exit zerocopy_exit(void)
{
	misc_deregister(&device);
	pr_info("the pages hold \"%s\"\n", areas[0].memory);
	release();
}

module_init(zerocopy_init);
module_exit(zerocopy_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Kernel memory in processes, without copying");
