// SPDX-License-Identifier: GPL-2.0
/* Asks for more memory than there is, in several ways, and tells what came of it. */
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static char *how = "kmalloc";
module_param(how, charp, 0);

static void *ask(void)
{
	if (!strcmp(how, "kmalloc"))
		return kmalloc(4 << 20, GFP_KERNEL);
	if (!strcmp(how, "vmalloc"))
		return vmalloc(1ul << 40);
	if (!strcmp(how, "order"))
		return (void *)__get_free_pages(GFP_KERNEL, 11);
	return kmalloc(1ul << 30, GFP_KERNEL);
}

static int __init exhaust_init(void)
{
	void *first = NULL, **block;
	long blocks = 0;

	while ((block = ask())) { /* each points to the one before */
		*block = first;
		first = block;
		blocks++;
	}
	pr_info("%s\n", blocks ? "used up" : "refused");
	while ((block = first)) {
		first = *block;
		kfree(block);
	}
	return 0;
}

static void __exit exhaust_exit(void)
{
}

module_init(exhaust_init);
module_exit(exhaust_exit);
MODULE_LICENSE("GPL");
