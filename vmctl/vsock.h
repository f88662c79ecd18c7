/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vsock.h - sockets between guest and host, which the host's vhost-vsock serves
 */
#ifndef VMCTL_VSOCK_H
#define VMCTL_VSOCK_H

#include <linux/lodge.h>

#define VSOCK_FIRST_CID	3
#define VSOCK_LAST_CID	0xfffffffeU

struct vm;

/**
 * struct vsock - a VM's, or closed
 * @vhost: the host's vhost-vsock, or -1
 * @fd: by which the module tells what to do with it, or -1
 */
struct vsock {
	int vhost;
	int fd;
};

int vsock_open(struct vm *vm);
void vsock_serve(struct vm *vm);
void vsock_close(struct vsock *v);

#endif /* VMCTL_VSOCK_H */
