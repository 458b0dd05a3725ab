// SPDX-License-Identifier: GPL-2.0
/*
 * Maps a file of an lkm kernel that stays, such as /proc/zerocopy, into this process: the module's own pages, through a file descriptor that
 * the daemon passes over its Unix socket. Then each line of standard input is written to the start of the memory (an empty one changes
 * nothing), and what the memory holds is printed. The protocol is described in src/Lkm.Cli/Daemon/README.md.
 *
 *     cc -o client client.c && ./client SOCKET PATH OFFSET LENGTH
 */
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEADER 5

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die(path);
	return fd;
}

/* A frame of texts: length (4 bytes, little-endian), kind, then each text with its NUL. */
static void send_texts(int fd, char kind, int count, const char **texts)
{
	char frame[8192];
	uint32_t length = 0;
	int i;

	for (i = 0; i < count; i++) {
		size_t size = strlen(texts[i]) + 1;

		if (HEADER + length + size > sizeof(frame)) {
			fprintf(stderr, "%s: too long\n", texts[i]);
			exit(1);
		}
		memcpy(frame + HEADER + length, texts[i], size);
		length += size;
	}
	*(uint32_t *)frame = htole32(length);
	frame[4] = kind;
	if (write(fd, frame, HEADER + length) != (ssize_t)(HEADER + length))
		die("write");
}

/* Reads exactly that many bytes. A descriptor that rides on one of them goes to *passed. */
static void receive(int fd, void *bytes, size_t length, int *passed)
{
	while (length > 0) {
		union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
		struct iovec piece = { bytes, length };
		struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);

		if (got <= 0) {
			fprintf(stderr, "the kernel is gone\n");
			exit(1);
		}
		if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
			memcpy(passed, CMSG_DATA(header), sizeof(int));
		bytes = (char *)bytes + got;
		length -= got;
	}
}

/* Reads frames up to one of that kind; what the daemon complains of meanwhile is printed. */
static void *receive_frame(int fd, char kind, uint32_t *length, int *passed)
{
	for (;;) {
		unsigned char header[HEADER];
		uint32_t little;
		char *payload;

		receive(fd, header, HEADER, passed);
		memcpy(&little, header, sizeof(little));
		*length = le32toh(little);
		payload = malloc(*length + 1);
		if (!payload)
			die("malloc");
		receive(fd, payload, *length, passed);
		if (header[4] == kind)
			return payload;
		if (header[4] == 'E')
			fwrite(payload, 1, *length, stderr);
		free(payload);
		if (header[4] == 'X')
			exit(1);
	}
}

/* Maps the pieces one behind the other: pages that lie apart in the kernel become one range here. */
static char *map_pieces(int file, const uint64_t *pieces, uint32_t count)
{
	size_t total = 0;
	uint32_t i;
	char *start, *at;

	for (i = 0; i < count; i++)
		total += le64toh(pieces[2 * i + 1]);
	start = at = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		die("mmap");
	for (i = 0; i < count; i++) {
		size_t length = le64toh(pieces[2 * i + 1]);

		if (mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, le64toh(pieces[2 * i])) == MAP_FAILED)
			die("mmap");
		at += length;
	}
	printf("%zu bytes are mapped\n", total);
	return start;
}

int main(int argc, char **argv)
{
	const char *hello[] = { "lkm", "1", "client.c" };
	const char *map[] = { "/", "map", argc > 2 ? argv[2] : "", argc > 3 ? argv[3] : "", argc > 4 ? argv[4] : "", "w" };
	char line[4096], *memory;
	uint64_t *pieces;
	uint32_t length;
	int fd, file = -1;

	if (argc != 5) {
		fprintf(stderr, "usage: client SOCKET PATH OFFSET LENGTH\n");
		return 2;
	}
	fd = connect_to(argv[1]);
	send_texts(fd, 'H', 3, hello);
	free(receive_frame(fd, 'H', &length, &file));
	send_texts(fd, 'R', 6, map);
	pieces = receive_frame(fd, 'F', &length, &file);
	memory = map_pieces(file, pieces, length / 16);
	free(pieces);
	close(file);
	do {
		printf("%.*s\n", 64, memory);
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			break;
		line[strcspn(line, "\n")] = '\0';
		if (line[0])
			strcpy(memory, line);
	} while (1);
	return 0; /* the connection ends, and with it the mapping in the kernel */
}
