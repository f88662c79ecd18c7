/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vsock_fd.h - what a vsock's worker asks of the owner, who has the host's vhost-vsock
 *
 *	worker: ask() --> asked, readable --> read() --> write() --> answered, the worker goes on
 */
#ifndef LODGE_VIRTIO_VSOCK_FD_H
#define LODGE_VIRTIO_VSOCK_FD_H

#include <linux/lodge.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct lodge_mem;
struct mm_struct;

/**
 * struct lodge_vsock_fd - one request at a time, and who answers it
 * @lock: guards what is marked [L]; process context
 * @opened: there is, or was, a descriptor [L]
 * @open: there is one [L]
 * @asked: @request waits for its answer [L]
 * @request: what is asked [L]
 * @answer: to the last request [L]
 * @wait: readers, and the worker
 * @mm: the owner's, for identity [I]
 * @put: releases @owner; set when it is opened
 * @owner: what keeps this structure while it is open
 *
 * [I] constant after lodge_vsock_fd_init().
 */
struct lodge_vsock_fd {
	spinlock_t lock;
	bool opened;
	bool open;
	bool asked;
	struct lodge_vsock_request request;
	struct lodge_vsock_answer answer;
	wait_queue_head_t wait;
	struct mm_struct *mm;
	void (*put)(void *owner);
	void *owner;
};

void lodge_vsock_fd_init(struct lodge_vsock_fd *vfd, struct mm_struct *mm);
int lodge_vsock_fd_open(struct lodge_vsock_fd *vfd, void (*put)(void *owner), void *owner);

/* the worker's side */
int lodge_vsock_fd_ask(struct lodge_vsock_fd *vfd, struct lodge_mem *mem,
		       const struct lodge_vsock_request *request,
		       struct lodge_vsock_answer *answer);

#endif /* LODGE_VIRTIO_VSOCK_FD_H */
