// SPDX-License-Identifier: GPL-2.0
/* Caches that Linux merges with others, and ones that it does not; ports and memory. */
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/slab.h>

struct thing {
	long words[13];
};

static struct kmem_cache *plain, *built, *odd, *checked;
static void *objects[20];

static void build(void *object)
{
}

static int __init caches_init(void)
{
	int i;

	plain = KMEM_CACHE(thing, 0);
	built = kmem_cache_create("thing_built", 100, 0, SLAB_HWCACHE_ALIGN, build);
	odd = kmem_cache_create("thing_odd", 1000, 0, SLAB_HWCACHE_ALIGN, NULL);
	checked = kmem_cache_create("thing_checked", 100, 0, SLAB_RED_ZONE | SLAB_POISON, NULL);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(built, GFP_KERNEL);
	pr_info("sizes %u %u\n", kmem_cache_size(plain), kmem_cache_size(odd));
	return request_region(0x300, 16, "things") && request_mem_region(0xd0000, 0x100, "things") ? 0 : -EBUSY;
}

static void __exit caches_exit(void)
{
	int i;

	release_mem_region(0xd0000, 0x100);
	release_region(0x300, 16);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(built, objects[i]);
	kmem_cache_destroy(plain);
	kmem_cache_destroy(built);
	kmem_cache_destroy(odd);
	kmem_cache_destroy(checked);
}

module_init(caches_init);
module_exit(caches_exit);
MODULE_LICENSE("GPL");
