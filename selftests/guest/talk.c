// SPDX-License-Identifier: GPL-2.0-only
/*
 * talk SOCKET END [LINE]: connects to a Unix socket, sends LINE, prints what comes up to a line
 * that ends with END. Exit status 1 if that does not come within a minute.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MINUTE_MS	60000

/* Return: whether the line ended so */
static int hear(int fd, const char *end)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char line[256] = "";
	size_t n = 0, len = strlen(end);

	while (poll(&p, 1, MINUTE_MS) > 0 && read(fd, line + n, 1) == 1) {
		if (line[n] != '\n') {
			n += n < sizeof(line) - 1;
			continue;
		}
		line[n] = 0;
		puts(line);
		if (n >= len && !strcmp(line + n - len, end))
			return 1;
		n = 0;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc < 3) {
		fprintf(stderr, "usage: talk SOCKET END [LINE]\n");
		return 2;
	}
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", argv[1]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		perror("talk");
		return 1;
	}
	if (argc > 3 && dprintf(fd, "%s\n", argv[3]) < 0) {
		perror("talk");
		return 1;
	}
	return !hear(fd, argv[2]);
}
