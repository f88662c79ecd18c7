/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VIRTIO_ADD_H
#define LODGE_VIRTIO_ADD_H

struct lodge_add_device;
struct lodge_mem;
struct lodge_pci;

int lodge_virtio_add(struct lodge_pci *pci, struct lodge_mem *mem, const char *vm,
		     const struct lodge_add_device *arg);

#endif /* LODGE_VIRTIO_ADD_H */
