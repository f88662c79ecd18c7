/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VIRTIO_CONSOLE_H
#define LODGE_VIRTIO_CONSOLE_H

struct lodge_console;
struct lodge_mem;
struct lodge_virtio;

#define LODGE_CONSOLE_PORTS	6	/* with a name, at most */
#define LODGE_PORT_LEN		32	/* of a name, with its NUL */

struct lodge_virtio *lodge_virtio_console_create(struct lodge_mem *mem, const char *name,
						 const char *ports, unsigned int nr);
struct lodge_console *lodge_virtio_console_of(struct lodge_virtio *dev, unsigned int port);

#endif /* LODGE_VIRTIO_CONSOLE_H */
