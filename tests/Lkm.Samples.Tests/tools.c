/* The commands of lkm's shell that busybox has not: mmap, ioctl, poll, fasync. Built statically for the guest that runs real Linux. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *command, const char *path)
{
	fprintf(stderr, "%s: %s: %s\n", command, path, strerror(errno));
	return 1;
}

static int hex(const char *text, unsigned char *bytes)
{
	int length = 0;

	for (; text[0] && text[1]; text += 2) {
		unsigned int byte;

		sscanf(text, "%2x", &byte);
		bytes[length++] = byte;
	}
	return length;
}

static int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_NONBLOCK);

	return fd < 0 ? open(path, O_RDONLY | O_NONBLOCK) : fd;
}

static int do_mmap(int argc, char **argv)
{
	long offset = strtol(argv[2], NULL, 0), length = strtol(argv[3], NULL, 0);
	int writes = argc > 4, i, fd = open(argv[1], writes ? O_RDWR : O_RDONLY);
	unsigned char *at, bytes[256];

	if (fd < 0)
		return fail("mmap", argv[1]);
	at = mmap(NULL, length, writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, offset);
	if (at == MAP_FAILED)
		return fail("mmap", argv[1]);
	for (i = 4; i + 1 < argc; i += 2) {
		char *colon = strchr(argv[i + 1], ':');

		memcpy(at + strtol(argv[i + 1], NULL, 0), bytes, hex(colon + 1, bytes));
	}
	fwrite(at, 1, length, stdout);
	return 0;
}

static int do_ioctl(int argc, char **argv)
{
	int fd = open_device(argv[1]), result, length = 0, i;
	unsigned long request = strtoul(argv[2], NULL, 0), argument = 0;
	unsigned char bytes[4096] = { 0 };

	if (fd < 0)
		return fail("ioctl", argv[1]);
	if (argc > 3 && !strncmp(argv[3], "hex:", 4))
		length = hex(argv[3] + 4, bytes);
	else if (argc > 3 && !strncmp(argv[3], "str:", 4))
		length = strlen(strcpy((char *)bytes, argv[3] + 4)) + 1;
	else if (argc > 3)
		argument = strtoul(argv[3], NULL, 0);
	result = ioctl(fd, request, length ? (unsigned long)bytes : argument);
	if (result < 0)
		return fail("ioctl", argv[1]);
	printf("%d\n", result);
	if (length) {
		printf("hex:");
		for (i = 0; i < length; i++)
			printf("%02x", bytes[i]);
		printf("\n");
	}
	return 0;
}

static int do_poll(int argc, char **argv)
{
	static const struct { const char *name; short bit; } events[] = {
		{ "in", POLLIN }, { "pri", POLLPRI }, { "out", POLLOUT }, { "err", POLLERR }, { "hup", POLLHUP },
	};
	struct pollfd fd = { .fd = open_device(argv[1]) };
	const char *wanted = argc > 2 ? argv[2] : "in";
	int i, result, printed = 0;

	if (fd.fd < 0)
		return fail("poll", argv[1]);
	for (i = 0; i < 5; i++)
		if (strstr(wanted, events[i].name))
			fd.events |= events[i].bit;
	result = poll(&fd, 1, argc > 3 ? atoi(argv[3]) : 0);
	for (i = 0; result > 0 && i < 5; i++)
		if (fd.revents & events[i].bit)
			printf("%s%s", printed++ ? " " : "", events[i].name);
	puts(result > 0 ? "" : "timeout");
	return result <= 0;
}

static int do_fasync(int argc, char **argv)
{
	int fd = open(argv[1], O_RDONLY | O_NONBLOCK), milliseconds = argc > 2 ? atoi(argv[2]) : 0;
	struct timespec timeout = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
	sigset_t set;

	if (fd < 0)
		return fail("fasync", argv[1]);
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fcntl(fd, F_SETOWN, getpid());
	if (fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
		return fail("fasync", argv[1]);
	if (argc > 3)
		(void)!system(argv[3]);
	if (sigtimedwait(&set, NULL, &timeout) != SIGIO) {
		puts("timeout");
		return 1;
	}
	puts("SIGIO");
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];

	if (!strcmp(name, "mmap"))
		return do_mmap(argc, argv);
	if (!strcmp(name, "ioctl"))
		return do_ioctl(argc, argv);
	if (!strcmp(name, "poll"))
		return do_poll(argc, argv);
	return do_fasync(argc, argv);
}
