// SPDX-License-Identifier: GPL-2.0
/*
 * A device-mapper target: what is written through it lies on the device below with each letter moved by 13 places, and comes back as it was.
 * A write is turned in place and back again when it is done, a read when it is done.
 */
#define DM_MSG_PREFIX "rot13"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/ctype.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>

struct rot13 {
	struct dm_dev *device;
	sector_t start;
	atomic_t reads, writes;
};

struct per_bio {
	struct bvec_iter iter;
};

static char rotate(char c)
{
	char base = c >= 'a' ? 'a' : 'A';

	return isalpha(c) && isascii(c) ? base + (c - base + 13) % 26 : c;
}

static void rotate_bio(struct bio *bio, struct bvec_iter start)
{
	struct bvec_iter iter;
	struct bio_vec piece;

	__bio_for_each_segment(piece, bio, iter, start) {
		char *at = bvec_kmap_local(&piece);
		unsigned int i;

		for (i = 0; i < piece.bv_len; i++)
			at[i] = rotate(at[i]);
		kunmap_local(at);
	}
}

/* Arguments: the device below, and the sector of it where this one begins. */
static int rot13_ctr(struct dm_target *target, unsigned int argc, char **argv)
{
	struct rot13 *rot13;
	unsigned long long start;
	int error;

	if (argc != 2) {
		target->error = "two arguments are needed: DEVICE SECTOR";
		return -EINVAL;
	}
	if (kstrtoull(argv[1], 10, &start)) {
		target->error = "the sector is no number";
		return -EINVAL;
	}
	rot13 = kzalloc(sizeof(*rot13), GFP_KERNEL);
	if (!rot13)
		return -ENOMEM;
	rot13->start = start;
	error = dm_get_device(target, argv[0], dm_table_get_mode(target->table), &rot13->device);
	if (error) {
		target->error = "no such device";
		kfree(rot13);
		return error;
	}
	target->private = rot13;
	target->per_io_data_size = sizeof(struct per_bio);
	DMINFO("%s from sector %llu", rot13->device->name, start);
	return 0;
}

static void rot13_dtr(struct dm_target *target)
{
	struct rot13 *rot13 = target->private;

	DMINFO("%s is given back", rot13->device->name);
	dm_put_device(target, rot13->device);
	kfree(rot13);
}

static int rot13_map(struct dm_target *target, struct bio *bio)
{
	struct rot13 *rot13 = target->private;
	struct per_bio *kept = dm_per_bio_data(bio, sizeof(struct per_bio));

	bio_set_dev(bio, rot13->device->bdev);
	bio->bi_iter.bi_sector = rot13->start + dm_target_offset(target, bio->bi_iter.bi_sector);
	kept->iter = bio->bi_iter;
	if (bio_data_dir(bio) == WRITE && bio_has_data(bio)) {
		/* Turned back in rot13_end_io(): between the two nobody else looks at pages under writeback. */
		rotate_bio(bio, bio->bi_iter);
		atomic_inc(&rot13->writes);
	}
	return DM_MAPIO_REMAPPED;
}

static int rot13_end_io(struct dm_target *target, struct bio *bio, blk_status_t *error)
{
	struct rot13 *rot13 = target->private;
	struct per_bio *kept = dm_per_bio_data(bio, sizeof(struct per_bio));

	if (bio_has_data(bio))
		rotate_bio(bio, kept->iter);
	if (bio_data_dir(bio) == READ)
		atomic_inc(&rot13->reads);
	return DM_ENDIO_DONE;
}

static void rot13_status(struct dm_target *target, status_type_t type, unsigned int flags, char *result, unsigned int maxlen)
{
	struct rot13 *rot13 = target->private;
	size_t sz = 0;

	if (type == STATUSTYPE_TABLE)
		DMEMIT("%s %llu", rot13->device->name, (unsigned long long)rot13->start);
	else if (type == STATUSTYPE_INFO)
		DMEMIT("%s %s", atomic_read(&rot13->reads) ? "read" : "not-read", atomic_read(&rot13->writes) ? "written" : "not-written");
}

static struct target_type rot13_target = {
	.name = "rot13",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = rot13_ctr,
	.dtr = rot13_dtr,
	.map = rot13_map,
	.end_io = rot13_end_io,
	.status = rot13_status,
};

static int __init rot13_init(void)
{
	return dm_register_target(&rot13_target);
}

static void __exit rot13_exit(void)
{
	dm_unregister_target(&rot13_target);
}

module_init(rot13_init);
module_exit(rot13_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A device-mapper target that rotates letters");
