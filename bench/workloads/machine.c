/* Runs one workload on a bare machine: the command line is "FILE NAME ROUNDS"; the checksum goes to the serial port. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned long u64;

#define WORKLOADS(X) X(crc32) X(sha256) X(lz) X(lists) X(sort) X(strings) X(memcpy) X(fib)
#define DECLARE(name) u64 work_##name(u8 *, u64);
WORKLOADS(DECLARE)

static u8 arena[1 << 20] __attribute__((aligned(4096)));

static void out(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static int equal(const char *word, const char *name)
{
	for (; *name && *word == *name; word++, name++)
		;
	return !*name && *word == ' ';
}

void machine_main(const char *line)
{
	const struct { const char *name; u64 (*run)(u8 *, u64); } all[] = {
#define ENTRY(name) { #name, work_##name },
		WORKLOADS(ENTRY)
	};
	u64 rounds = 0, sum = 0;
	const char *name;

	while (*line && *line != ' ')
		line++;
	name = ++line;
	while (*line && *line != ' ')
		line++;
	while (*line == ' ')
		line++;
	for (; *line >= '0' && *line <= '9'; line++)
		rounds = rounds * 10 + (*line - '0');
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (equal(name, all[i].name))
			sum = all[i].run(arena, rounds);
	for (int shift = 60; shift >= 0; shift -= 4)
		out(0x3f8, "0123456789abcdef"[sum >> shift & 15]);
	out(0x3f8, '\n');
	out(0xf4, 0); /* isa-debug-exit: QEMU ends with code 1 */
}
