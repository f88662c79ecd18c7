// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsock: streams between guest and host.
 *
 *	vsock take PORT FILE	of the first who connects, what he sends becomes FILE
 *	vsock give CID PORT	sends standard input there, and waits until it has been taken
 *
 * Both end with 0 if all went well, and give up after a minute.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define PATIENCE	60

static void fail(const char *what)
{
	fprintf(stderr, "vsock: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int make_socket(void)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	return fd;
}

static void copy(int from, int to)
{
	char buf[16384];
	ssize_t n, at, m;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		for (at = 0; at < n; at += m) {
			m = write(to, buf + at, n - at);
			if (m < 0)
				fail("write");
		}
	if (n < 0)
		fail("read");
}

static void take(unsigned int port, const char *name)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port,
	};
	int file, fd, s = make_socket();

	if (bind(s, (struct sockaddr *)&addr, sizeof(addr)) || listen(s, 1))
		fail("listen");
	fd = accept(s, NULL, NULL);
	file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || file < 0)
		fail("accept");
	copy(fd, file);
	/* it is all there when the other end learns of this */
	if (close(file) || write(fd, "!", 1) != 1 || shutdown(fd, SHUT_WR))
		fail("answer");
	read(fd, &file, 1);
}

static void give(unsigned int cid, unsigned int port)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port,
	};
	int tries, fd = -1;
	char byte;

	/* he may not be there yet */
	for (tries = 0; tries < PATIENCE * 10; tries++) {
		fd = make_socket();
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			break;
		if (errno != ECONNRESET && errno != ENODEV && errno != ETIMEDOUT)
			fail("connect");
		close(fd);
		fd = -1;
		usleep(100000);
	}
	if (fd < 0)
		fail("connect");
	copy(STDIN_FILENO, fd);
	if (shutdown(fd, SHUT_WR))
		fail("shutdown");
	errno = EPIPE;
	if (read(fd, &byte, 1) != 1)
		fail("answer");
}

int main(int argc, char **argv)
{
	alarm(PATIENCE);
	if (argc == 4 && !strcmp(argv[1], "take"))
		take(atoi(argv[2]), argv[3]);
	else if (argc == 4 && !strcmp(argv[1], "give"))
		give(atoi(argv[2]), atoi(argv[3]));
	else
		return 2;
	return 0;
}
