/* Runs one workload natively (or under an emulator of this processor): native NAME ROUNDS; prints checksum and nanoseconds of processor time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned char u8;
typedef unsigned long u64;

#define WORKLOADS(X) X(crc32) X(sha256) X(lz) X(lists) X(sort) X(strings) X(memcpy) X(fib)
#define DECLARE(name) u64 work_##name(u8 *, u64);
WORKLOADS(DECLARE)

static u8 arena[1 << 20] __attribute__((aligned(4096)));

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ul + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct { const char *name; u64 (*run)(u8 *, u64); } all[] = {
#define ENTRY(name) { #name, work_##name },
		WORKLOADS(ENTRY)
	};

	for (unsigned i = 0; argc == 3 && i < sizeof(all) / sizeof(*all); i++) {
		if (strcmp(all[i].name, argv[1]))
			continue;
		u64 rounds = strtoul(argv[2], NULL, 0), sum, start;

		all[i].run(arena, 1);
		memset(arena, 0, sizeof(arena));
		start = now();
		sum = all[i].run(arena, rounds);
		printf("%lx %lu\n", sum, now() - start);
		return 0;
	}
	return 2;
}
