/*
 * The calls that devices answer in their own way, as commands for a shell: what lkm's shell has of the same names, with the same arguments,
 * output and messages (Lkm.Kernel/Shell/Commands/DeviceCommands.cs, ChildCommands.cs), for a real kernel to answer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUFFER_SIZE 65536

static const char *name;
static unsigned char buffer[BUFFER_SIZE] __attribute__((aligned(4096)));

static int fail(const char *what, int error)
{
	fflush(stdout);
	if (error)
		fprintf(stderr, "%s: %s: %s\n", name, what, strerror(error));
	else
		fprintf(stderr, "%s: %s\n", name, what);
	return 1;
}

static int misused(const char *usage)
{
	fprintf(stderr, "Usage: %s\n", usage);
	return 1;
}

static int cannot_open(const char *path)
{
	int error = errno;
	char what[PATH_MAX + 16];

	snprintf(what, sizeof(what), "can't open '%s'", path);
	return fail(what, error);
}

/* For reading and writing, or for what the file allows. */
static int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_NONBLOCK);

	if (fd < 0 && (errno == EACCES || errno == EISDIR || errno == EROFS || errno == EPERM || errno == EINVAL))
		fd = open(path, O_RDONLY | O_NONBLOCK);
	return fd;
}

/* A decimal number, or a hexadecimal one with 0x before it; the end of the text is the end of the number. */
static int number(const char *text, unsigned long *value)
{
	int base = strncasecmp(text, "0x", 2) ? 10 : 16;
	char *end;

	if (base == 10 ? *text < '0' || *text > '9' : !text[2])
		return 0;
	errno = 0;
	*value = strtoul(text, &end, base);
	return !errno && !*end;
}

/* A number of bytes: b is 512, k, K, M and G are powers of 1024. */
static int size(const char *text, unsigned long *value)
{
	static const char units[] = "bkKMG";
	static const int shifts[] = { 9, 10, 10, 20, 30 };
	size_t length = strlen(text);
	const char *unit = length && strncasecmp(text, "0x", 2) ? strchr(units, text[length - 1]) : NULL;
	char digits[32];

	if (!unit)
		return number(text, value);
	if (length > sizeof(digits))
		return 0;
	memcpy(digits, text, length - 1);
	digits[length - 1] = 0;
	if (!number(digits, value))
		return 0;
	*value <<= shifts[unit - units];
	return 1;
}

/* Bytes from pairs of hexadecimal digits, with blanks and colons between them; -1 for anything else. */
static long bytes(const char *text, unsigned char *to, size_t room)
{
	size_t digits = 0;

	for (; *text; text++) {
		int value;

		if (*text == ' ' || *text == ':')
			continue;
		if (*text >= '0' && *text <= '9')
			value = *text - '0';
		else if ((*text | 32) >= 'a' && (*text | 32) <= 'f')
			value = (*text | 32) - 'a' + 10;
		else
			return -1;
		if (digits / 2 == room)
			return -1;
		to[digits / 2] = digits & 1 ? to[digits / 2] | value : value << 4;
		digits++;
	}
	return digits & 1 ? -1 : (long)(digits / 2);
}

/* A number, or _IO(TYPE,NR), _IOR, _IOW or _IOWR(TYPE,NR,SIZE); a type may be a character. */
static int request_number(const char *text, unsigned long *request)
{
	static const char *const makers[] = { "_IO(", "_IOW(", "_IOR(", "_IOWR(" }; /* by direction */
	unsigned long part[3] = { 0 };
	char copy[128], *word, *rest;
	int direction, count = 0;

	if (number(text, request))
		return *request <= UINT_MAX;
	if (strlen(text) >= sizeof(copy) || !*text || text[strlen(text) - 1] != ')')
		return 0;
	for (direction = 0; direction < 4; direction++)
		if (!strncmp(text, makers[direction], strlen(makers[direction])))
			break;
	if (direction == 4)
		return 0;
	strcpy(copy, text + strlen(makers[direction]));
	copy[strlen(copy) - 1] = 0;
	for (rest = copy; (word = strsep(&rest, ",")); count++) {
		while (*word == ' ')
			word++;
		while (*word && word[strlen(word) - 1] == ' ')
			word[strlen(word) - 1] = 0;
		if (count == 0 && word[0] == '\'' && word[1] && word[2] == '\'' && !word[3]) {
			word[2] = 0;
			word++;
		}
		if (count == 3)
			return 0;
		if (count == 0 && word[0] > ' ' && !word[1] && (word[0] < '0' || word[0] > '9'))
			part[0] = word[0];
		else if (!number(word, &part[count]))
			return 0;
	}
	if (count != (direction ? 3 : 2) || part[0] > 255 || part[1] > 255 || part[2] >= 1 << 14)
		return 0;
	*request = (unsigned long)direction << 30 | part[2] << 16 | part[0] << 8 | part[1];
	return 1;
}

static int ioctl_command(int count, char **arguments)
{
	unsigned long request, argument = 0;
	long length = -1;
	char what[512];
	int fd, result;

	if (count != 2 && count != 3)
		return misused("ioctl PATH REQUEST [NUMBER|hex:BYTES|str:TEXT]");
	if (!request_number(arguments[1], &request)) {
		snprintf(what, sizeof(what), "invalid request '%s': a number, or '_IOR(TYPE,NR,SIZE)' with _IO, _IOR, _IOW or _IOWR", arguments[1]);
		return fail(what, 0);
	}
	if (count == 3) {
		const char *text = arguments[2];
		int known;

		if (!strncmp(text, "hex:", 4)) {
			length = bytes(text + 4, buffer, sizeof(buffer));
			known = length >= 0;
		} else if (!strncmp(text, "str:", 4)) {
			length = strlen(text + 4) + 1;
			known = length <= (long)sizeof(buffer);
			if (known)
				memcpy(buffer, text + 4, length);
		} else {
			known = number(text + (*text == '-'), &argument);
			if (*text == '-')
				argument = -argument;
		}
		if (!known) {
			snprintf(what, sizeof(what), "invalid argument '%s': a number, hex:BYTES or str:TEXT", text);
			return fail(what, 0);
		}
	}
	fd = open_device(arguments[0]);
	if (fd < 0)
		return cannot_open(arguments[0]);
	/* By itself: the library would take what a driver answers for an error number of its own. */
	result = syscall(SYS_ioctl, fd, request, length < 0 ? argument : (unsigned long)buffer);
	if (result == -1 && errno)
		return fail(arguments[0], errno);
	printf("%d\n", result);
	if (length >= 0) {
		printf("hex:");
		for (long i = 0; i < length; i++)
			printf("%02x", buffer[i]);
		printf("\n");
	}
	return 0;
}

static int poll_command(int count, char **arguments)
{
	static const struct { const char *name; short bits; } events[] = {
		{ "in", POLLIN }, { "pri", POLLPRI }, { "out", POLLOUT }, { "err", POLLERR }, { "hup", POLLHUP }, { "nval", POLLNVAL },
		{ "rdnorm", POLLRDNORM }, { "rdband", POLLRDBAND }, { "wrnorm", POLLWRNORM }, { "wrband", POLLWRBAND }, { "rdhup", POLLRDHUP },
	};
	const size_t known = sizeof(events) / sizeof(events[0]);
	struct pollfd waited = { 0 };
	char in[] = "in", *rest = count > 1 ? arguments[1] : in, *word;
	const char *separator = "";
	char what[512];
	int timeout = 0, result;

	if (count < 1 || count > 3)
		return misused("poll PATH [in,out,pri...] [MILLISECONDS]");
	while ((word = strsep(&rest, ",|"))) {
		size_t i = 0;

		while (i < known && strcmp(events[i].name, word))
			i++;
		if (i == known) {
			snprintf(what, sizeof(what), "invalid event '%s': in, pri, out, rdnorm, rdband, wrnorm, wrband, rdhup", word);
			return fail(what, 0);
		}
		waited.events |= events[i].bits;
	}
	if (count > 2) {
		char *end;

		timeout = strtol(arguments[2], &end, 10);
		if (!*arguments[2] || *end) {
			snprintf(what, sizeof(what), "invalid timeout '%s'", arguments[2]);
			return fail(what, 0);
		}
	}
	waited.fd = open_device(arguments[0]);
	if (waited.fd < 0)
		return cannot_open(arguments[0]);
	result = poll(&waited, 1, timeout);
	if (result < 0)
		return fail(arguments[0], errno);
	if (result == 0) {
		printf("timeout\n");
		return 1;
	}
	for (size_t i = 0; i < known; i++)
		if (waited.revents & events[i].bits) {
			printf("%s%s", separator, events[i].name);
			separator = " ";
		}
	printf("\n");
	return 0;
}

/* What is not backed by anything is told of by SIGBUS; a system call tells of it by EFAULT. */
static int copy_mapping(const char *path, int through, unsigned char *mapping, size_t offset, const void *from, size_t length)
{
	char what[PATH_MAX + 64];

	if (from) {
		if (pwrite(through, from, length, 0) == (ssize_t)length && pread(through, mapping + offset, length, 0) == (ssize_t)length)
			return 0;
	} else if (pwrite(through, mapping + offset, length, 0) == (ssize_t)length && pread(through, buffer, length, 0) == (ssize_t)length) {
		return fwrite(buffer, 1, length, stdout) != length;
	}
	snprintf(what, sizeof(what), "%s: the mapping cannot be %s at 0x%zx", path, from ? "written" : "read", offset);
	return fail(what, 0);
}

/* "OFFSET:HEXBYTES", the bytes into the buffer: how many they are, or -1 where they are none or lie outside. */
static long change_of(const char *text, unsigned long length, unsigned long *offset)
{
	const char *colon = strchr(text, ':');
	char digits[32];
	long count;

	if (!colon || (size_t)(colon - text) >= sizeof(digits))
		return -1;
	memcpy(digits, text, colon - text);
	digits[colon - text] = 0;
	count = size(digits, offset) ? bytes(colon + 1, buffer, sizeof(buffer)) : -1;
	return count < 0 || (unsigned long)count > length || *offset > length - count ? -1 : count;
}

static int mmap_command(int count, char **arguments)
{
	static const char usage[] = "mmap PATH OFFSET LENGTH [-w OFFSET:HEXBYTES]...";
	const char *operands[3], *changes[64];
	unsigned long offset, length, at;
	int operand = 0, change = 0, fd, through, status = 0;
	unsigned char *mapping;
	char what[512];

	for (int i = 0; i < count; i++) {
		if (!strncmp(arguments[i], "-w", 2)) {
			const char *value = arguments[i][2] ? arguments[i] + 2 : ++i < count ? arguments[i] : NULL;

			if (!value || change == 64)
				return misused(usage);
			changes[change++] = value;
		} else if (operand == 3) {
			return misused(usage);
		} else {
			operands[operand++] = arguments[i];
		}
	}
	if (operand != 3)
		return misused(usage);
	if (!size(operands[1], &offset)) {
		snprintf(what, sizeof(what), "invalid offset '%s'", operands[1]);
		return fail(what, 0);
	}
	if (!size(operands[2], &length) || !length || length > 1 << 30) {
		snprintf(what, sizeof(what), "invalid length '%s'", operands[2]);
		return fail(what, 0);
	}
	for (int i = 0; i < change; i++)
		if (change_of(changes[i], length, &at) < 0) {
			snprintf(what, sizeof(what), "invalid change '%s': OFFSET:HEXBYTES within the mapping", changes[i]);
			return fail(what, 0);
		}
	fd = open(operands[0], change ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return cannot_open(operands[0]);
	mapping = mmap(NULL, length, change ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, offset);
	if (mapping == MAP_FAILED)
		return fail(operands[0], errno);
	through = memfd_create(name, 0);
	for (int i = 0; !status && i < change; i++) {
		long count = change_of(changes[i], length, &at);

		status = copy_mapping(operands[0], through, mapping, at, buffer, count);
	}
	for (at = 0; !status && at < length; at += 4096)
		status = copy_mapping(operands[0], through, mapping, at, NULL, length - at < 4096 ? length - at : 4096);
	return status;
}

static int fasync_command(int count, char **arguments)
{
	unsigned long milliseconds = 0;
	struct timespec time;
	sigset_t set;
	int fd, received;

	if (count < 1 || count > 3 || (count > 1 && !number(arguments[1], &milliseconds)))
		return misused("fasync PATH [MILLISECONDS] [LINE]");
	fd = open(arguments[0], O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return cannot_open(arguments[0]);
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fcntl(fd, F_SETOWN, getpid());
	if (fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
		return fail(arguments[0], errno);
	if (count == 3)
		system(arguments[2]);
	time.tv_sec = milliseconds / 1000;
	time.tv_nsec = milliseconds % 1000 * 1000000;
	received = sigtimedwait(&set, NULL, &time) == SIGIO;
	puts(received ? "SIGIO" : "timeout");
	return !received;
}

int main(int count, char **arguments)
{
	name = strrchr(arguments[0], '/') ? strrchr(arguments[0], '/') + 1 : arguments[0];
	count--;
	arguments++;
	if (!strcmp(name, "ioctl"))
		return ioctl_command(count, arguments);
	if (!strcmp(name, "poll"))
		return poll_command(count, arguments);
	if (!strcmp(name, "mmap"))
		return mmap_command(count, arguments);
	return fasync_command(count, arguments);
}
