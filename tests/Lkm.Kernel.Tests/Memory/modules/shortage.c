// SPDX-License-Identifier: GPL-2.0
/* Takes memory until there is none, and gives it back before the end of init, or at exit. */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static char *how = "pages";
module_param(how, charp, 0);
static unsigned int gfp = GFP_KERNEL;
module_param(gfp, uint, 0);
static int order;
module_param(order, int, 0);
static bool keep;
module_param(keep, bool, 0);

struct block {
	struct block *next;
};

#define MOST 100000
static struct block *blocks;
static LIST_HEAD(pages);
static void __percpu **variables;
static unsigned long taken;
static struct kmem_cache *cache;
static mempool_t *pool;

static bool take(void)
{
	struct block *block;

	if (!strcmp(how, "pages")) {
		struct page *page = alloc_pages(gfp, order);

		if (page)
			list_add(&page->lru, &pages);
		return page;
	}
	if (!strcmp(how, "bulk"))
		return alloc_pages_bulk_list(gfp, 8, &pages);
	if (!strcmp(how, "percpu"))
		return taken < MOST && (variables[taken] = __alloc_percpu_gfp(4096, 8, gfp));
	block = !strcmp(how, "cache") ? kmem_cache_alloc(cache, gfp)
		: !strcmp(how, "pool") ? mempool_alloc(pool, gfp)
		: !strcmp(how, "vmalloc") ? vmalloc(1 << 20)
		: kmalloc(4096 << order, gfp);
	if (block) {
		block->next = blocks;
		blocks = block;
	}
	return block;
}

static void give_back(void)
{
	struct block *block;
	struct page *page, *next;

	while ((block = blocks)) {
		blocks = block->next;
		if (!strcmp(how, "cache"))
			kmem_cache_free(cache, block);
		else if (!strcmp(how, "pool"))
			mempool_free(block, pool);
		else
			kvfree(block);
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		__free_pages(page, order);
	}
	while (!strcmp(how, "percpu") && taken)
		free_percpu(variables[--taken]);
	vfree(variables);
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}

static int __init shortage_init(void)
{
	cache = kmem_cache_create("shortage", 1000, 0, SLAB_HWCACHE_ALIGN, NULL);
	pool = mempool_create_kmalloc_pool(4, 4096);
	variables = vzalloc(MOST * sizeof(*variables));
	if (!cache || !pool || !variables) {
		give_back();
		return -ENOMEM;
	}
	for (taken = 0; take();)
		taken++;
	pr_info("took %lu\n", taken);
	if (!keep)
		give_back();
	return 0;
}

static void __exit shortage_exit(void)
{
	if (keep)
		give_back();
}

module_init(shortage_init);
module_exit(shortage_exit);
MODULE_LICENSE("GPL");
