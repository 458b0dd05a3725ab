// SPDX-License-Identifier: GPL-2.0
/* Takes memory from each of the kernel's allocators, uses all of it, and gives it back. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define NODE_MAGIC 0x6e6f6465

static unsigned int nodes = 16;
module_param(nodes, uint, 0444);
MODULE_PARM_DESC(nodes, "Objects to take from the cache");

static unsigned int pages = 64;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "Pages of the vmalloc area");

struct node {
	struct list_head link;
	u32 magic;
	u32 number;
};

static LIST_HEAD(list);
static struct kmem_cache *cache;
static char *text;
static u32 *area;
static u64 __percpu *counters;
static struct page *page;

/* Runs once for each object when its slab is made: not at every allocation. */
static void node_constructor(void *object)
{
	struct node *node = object;

	INIT_LIST_HEAD(&node->link);
	node->magic = NODE_MAGIC;
}

/* kmalloc: small, physically contiguous; sizes are rounded up to a power of two or 96, 192. */
static int try_kmalloc(void)
{
	static const size_t sizes[] = { 1, 8, 96, 100, 1000, 8192, 100000 };
	char *grown;
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *bytes = kzalloc(sizes[i], GFP_KERNEL);

		if (!bytes)
			return -ENOMEM;
		if (memchr_inv(bytes, 0, sizes[i]))
			pr_err("kzalloc(%zu) is not zero\n", sizes[i]);
		memset(bytes, 0xa5, sizes[i]);
		pr_info("kzalloc(%zu) has room for %zu bytes\n", sizes[i], ksize(bytes));
		kfree(bytes);
	}

	text = kstrdup("kmalloc", GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	grown = krealloc(text, 4000, GFP_KERNEL);
	if (!grown)
		return -ENOMEM;
	text = grown;
	pr_info("\"%s\" kept its text when it grew\n", text);
	return 0;
}

/* kmem_cache: many objects of one size. */
static int try_cache(void)
{
	struct node *node;
	unsigned int i, sum = 0;

	cache = kmem_cache_create("allocations_node", sizeof(struct node), 0, SLAB_HWCACHE_ALIGN, node_constructor);
	if (!cache)
		return -ENOMEM;
	for (i = 0; i < nodes; i++) {
		node = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!node)
			return -ENOMEM;
		if (node->magic != NODE_MAGIC)
			pr_err("object %u was not constructed\n", i);
		node->number = i;
		list_add_tail(&node->link, &list);
	}
	list_for_each_entry(node, &list, link)
		sum += node->number;
	pr_info("%u objects of %u bytes, sum %u\n", nodes, kmem_cache_size(cache), sum);
	return 0;
}

/* vmalloc: large, contiguous only in virtual addresses. */
static int try_vmalloc(void)
{
	size_t words = (size_t)pages * PAGE_SIZE / sizeof(*area);
	u64 sum = 0;
	size_t i;

	area = vzalloc(pages * PAGE_SIZE);
	if (!area)
		return -ENOMEM;
	for (i = 0; i < words; i += 1024)
		area[i] = i;
	for (i = 0; i < words; i++)
		sum += area[i];
	pr_info("vmalloc: %u pages, sum %llu, %s\n", pages, sum,
		is_vmalloc_addr(area) && !is_vmalloc_addr(text) ? "in the vmalloc area" : "in the wrong area");
	return 0;
}

/* Per-CPU memory and whole pages. */
static int try_percpu_and_pages(void)
{
	u64 sum = 0;
	int cpu;

	counters = alloc_percpu(u64);
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2);
	if (!counters || !page)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		*per_cpu_ptr(counters, cpu) = 1;
	this_cpu_add(*counters, 10);
	for_each_possible_cpu(cpu)
		sum += *per_cpu_ptr(counters, cpu);
	pr_info("percpu: the sum is 10 more than the CPUs: %s\n", sum == 10 + num_possible_cpus() ? "yes" : "no");
	memset(page_address(page), 0x5a, PAGE_SIZE << 2);
	pr_info("pages: %lu bytes, %s\n", PAGE_SIZE << 2,
		virt_to_page(page_address(page)) == page ? "found again by their address" : "not found again");
	return 0;
}

static void give_back(void)
{
	struct node *node, *next;

	list_for_each_entry_safe(node, next, &list, link) {
		list_del_init(&node->link);
		kmem_cache_free(cache, node);
	}
	kmem_cache_destroy(cache);
	if (page)
		__free_pages(page, 2);
	free_percpu(counters);
	vfree(area);
	kfree(text);
}

static int __init allocations_init(void)
{
	int err = try_kmalloc();

	if (!err)
		err = try_cache();
	if (!err)
		err = try_vmalloc();
	if (!err)
		err = try_percpu_and_pages();
	if (err)
		give_back();
	return err;
}

static void __exit allocations_exit(void)
{
	give_back();
	pr_info("all given back\n");
}

module_init(allocations_init);
module_exit(allocations_exit);

MODULE_DESCRIPTION("Takes memory from each allocator and gives it back");
MODULE_AUTHOR("The lkm authors");
MODULE_LICENSE("GPL");
