/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vsock.h - virtio-vsock: sockets between guest and host, by the host's vhost-vsock
 *
 * The owner has vhost-vsock, so he is told through a descriptor when to start it on which
 * rings, and when to stop; kicks and interrupts go from eventfd to eventfd.
 */
#ifndef LODGE_VIRTIO_VSOCK_H
#define LODGE_VIRTIO_VSOCK_H

struct lodge_mem;
struct lodge_virtio;
struct lodge_vsock;

struct lodge_virtio *lodge_vsock_create(struct lodge_mem *mem, const char *name);
int lodge_vsock_attach(struct lodge_virtio *dev, const struct lodge_vsock *arg,
		       void (*put)(void *owner), void *owner);

#endif /* LODGE_VIRTIO_VSOCK_H */
