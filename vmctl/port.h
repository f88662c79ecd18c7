/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * port.h - the named ports of `vmctl run --port`: a file or a socket for each
 */
#ifndef VMCTL_PORT_H
#define VMCTL_PORT_H

#include <linux/lodge.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

struct vm;

/**
 * struct port - a port of the guest's virtio console
 * @name: that the guest finds it by
 * @path: of a file that gets what the guest writes, or of a socket
 * @is_socket: @path is that of a socket on which one at a time talks with the guest
 * @fd: the file, or the socket that listens, until vmctl ends; or -1
 * @dev: of the socket's name, the file system
 * @ino: and the inode
 * @vm: while it runs
 * @which: LODGE_CONSOLE_*
 * @stop: eventfd: the guest writes no more
 * @thread: copies
 * @started: it is there
 */
struct port {
	char name[LODGE_PORT_NAME_LEN];
	const char *path;
	bool is_socket;
	int fd;
	dev_t dev;
	ino_t ino;
	struct vm *vm;
	unsigned int which;
	int stop;
	pthread_t thread;
	bool started;
};

/* Both return 0, or an exit status after having told the user; @value lives as long as @p */
int port_parse(struct port *p, const char *value);
int port_open(struct port *p);
/* The guest's port @nr, from 0 on; 0, or -1 after having told the user */
int port_start(struct port *p, struct vm *vm, unsigned int nr);
/* What the guest has written goes out; who is slow is not waited for */
void port_stop(struct port *p);
/* No guest will use it any more */
void port_close(struct port *p);

#endif /* VMCTL_PORT_H */
