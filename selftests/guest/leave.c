// SPDX-License-Identifier: GPL-2.0-only
/*
 * leave VALUE: ends the VM through the exit port 0xf4; vmctl's status is VALUE << 1 | 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <termios.h>
#include <unistd.h>

#define EXIT_PORT	0xf4

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: leave VALUE\n");
		return 2;
	}
	if (ioperm(EXIT_PORT, 1, 1)) {
		perror("leave: ioperm");
		return 1;
	}
	/* what was written to the console before, and is on its way */
	tcdrain(STDIN_FILENO);
	outb(atoi(argv[1]), EXIT_PORT);
	/* there is no such port: nobody has ended */
	fprintf(stderr, "leave: still here\n");
	return 1;
}
