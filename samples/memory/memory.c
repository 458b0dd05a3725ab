// SPDX-License-Identifier: GPL-2.0
/* Every kind of kernel memory once, what its size turns out to be, and what happens when there is none left. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static bool exhaust;
module_param(exhaust, bool, 0444);
MODULE_PARM_DESC(exhaust, "Take all memory there is, and give it back");

struct record {
	int value;
	char text[37];
};

static struct kmem_cache *cache;
static DEFINE_PER_CPU(int, counter);

static void construct(void *object)
{
	((struct record *)object)->value = 42;
}

static void use_slab(void)
{
	char *small = kmalloc(100, GFP_KERNEL), *grown;
	struct record *record = kmem_cache_alloc(cache, GFP_KERNEL);

	if (small && record) {
		pr_info("kmalloc(100) gives %zu bytes\n", ksize(small));
		pr_info("the constructor wrote %d into an object of %u bytes\n", record->value, kmem_cache_size(cache));
		strcpy(small, "kept");
		grown = krealloc(small, 1000, GFP_KERNEL);
		small = grown ?: small;
		pr_info("krealloc() %s what was there\n", !strcmp(small, "kept") ? "kept" : "lost");
	}
	kmem_cache_free(cache, record);
	kfree(small);
	pr_info("kmalloc(0) is ZERO_SIZE_PTR: %d\n", kmalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	pr_info("kmalloc() of 8 MiB: %s\n", kmalloc(8 << 20, GFP_KERNEL | __GFP_NOWARN) ? "given" : "refused");
}

static void use_pages(void)
{
	unsigned long block = __get_free_pages(GFP_KERNEL | __GFP_ZERO, 2);
	char *area = vmalloc(5 * PAGE_SIZE);
	void *either = kvmalloc(1 << 20, GFP_KERNEL);

	if (block)
		pr_info("4 pages, zeroed: %d, aligned: %d, count: %d\n", !*(int *)block, IS_ALIGNED(block, PAGE_SIZE), page_count(virt_to_page(block)));
	if (area)
		pr_info("vmalloc: %d, in the direct map: %d\n", is_vmalloc_addr(area), virt_addr_valid(area));
	kvfree(either);
	vfree(area);
	free_pages(block, 2);
}

static void use_pools(void)
{
	mempool_t *pool = mempool_create_slab_pool(3, cache);
	int __percpu *numbers = alloc_percpu(int);
	void *element;

	if (pool) {
		element = mempool_alloc(pool, GFP_KERNEL);
		pr_info("the pool keeps %d of %d\n", pool->curr_nr, pool->min_nr);
		mempool_free(element, pool);
	}
	mempool_destroy(pool);
	if (numbers) {
		this_cpu_add(*numbers, 5);
		this_cpu_inc(counter);
		pr_info("per-CPU: %d %d\n", this_cpu_read(*numbers), this_cpu_read(counter));
	}
	free_percpu(numbers);
}

/* Without the out-of-memory killer (__GFP_NORETRY), until the first refusal. */
static void use_everything(void)
{
	struct page *page, *next;
	LIST_HEAD(pages);
	unsigned long count = 0;
	void *object;

	while ((page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, 0))) {
		list_add(&page->lru, &pages);
		count++;
	}
	pr_info("more than half of the memory was given: %d\n", count > totalram_pages() / 2);
	object = kmalloc(PAGE_SIZE, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	pr_info("then kmalloc() returns %s\n", object ? "memory" : "NULL");
	kfree(object);
	list_for_each_entry_safe(page, next, &pages, lru)
		__free_page(page);
	page = alloc_page(GFP_KERNEL);
	pr_info("and once it is given back: %s\n", page ? "memory" : "NULL");
	if (page)
		__free_page(page);
}

static int __init memory_init(void)
{
	cache = kmem_cache_create("memory_sample", sizeof(struct record), 0, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, construct);
	if (!cache)
		return -ENOMEM;
	use_slab();
	use_pages();
	use_pools();
	if (exhaust)
		use_everything();
	return 0;
}

static void __exit memory_exit(void)
{
	kmem_cache_destroy(cache);
}

module_init(memory_init);
module_exit(memory_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Kernel memory of every kind");
