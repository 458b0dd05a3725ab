// SPDX-License-Identifier: GPL-2.0
/* Reads a byte of each sixteenth page of all that /proc/iomem calls System RAM. */
#include <linux/highmem.h>
#include <linux/ioport.h>
#include <linux/module.h>

static int __init ramdump_init(void)
{
	struct resource *range;
	unsigned int ranges = 0;

	for (range = iomem_resource.child; range; range = range->sibling) {
		u64 at;

		if (strcmp(range->name, "System RAM"))
			continue;
		for (at = PAGE_ALIGN(range->start); at + PAGE_SIZE - 1 <= range->end; at += 16 * PAGE_SIZE) {
			void *page = kmap_local_page(pfn_to_page(PHYS_PFN(at)));

			READ_ONCE(*(u8 *)page);
			kunmap_local(page);
		}
		ranges++;
	}
	pr_info("ramdump: read all of %u ranges\n", ranges);
	return 0;
}

static void __exit ramdump_exit(void)
{
}

module_init(ramdump_init);
module_exit(ramdump_exit);
MODULE_DESCRIPTION("Reads physical memory");
MODULE_LICENSE("GPL");
