/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VIRTIO_RNG_H
#define LODGE_VIRTIO_RNG_H

struct lodge_mem;
struct lodge_virtio;

struct lodge_virtio *lodge_rng_create(struct lodge_mem *mem, const char *name);

#endif /* LODGE_VIRTIO_RNG_H */
