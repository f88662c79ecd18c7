/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VIRTIO_CONSOLE_H
#define LODGE_VIRTIO_CONSOLE_H

struct lodge_console;
struct lodge_mem;
struct lodge_virtio;

struct lodge_virtio *lodge_virtio_console_create(struct lodge_mem *mem, const char *name);
struct lodge_console *lodge_virtio_console_of(struct lodge_virtio *dev);

#endif /* LODGE_VIRTIO_CONSOLE_H */
