/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Eventfds, and the two calls that tie a VM to them.
 */
#ifndef LODGE_SELFTESTS_EVENTFDS_H
#define LODGE_SELFTESTS_EVENTFDS_H

#include <unistd.h>
/* after one that has the C library's features */
#include <sys/eventfd.h>

#include "vm.h"

#define PORT	LODGE_IOEVENTFD_PORT
#define MATCH	LODGE_IOEVENTFD_MATCH
#define LEVEL	LODGE_IRQFD_LEVEL
#define MSI	LODGE_IRQFD_MSI

static inline int event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	ASSERT_OK(fd);
	return fd;
}

static inline void signal_fd(int fd)
{
	u64 one = 1;

	ASSERT_EQ(write(fd, &one, sizeof(one)), (ssize_t)sizeof(one));
}

/* How often it has been signalled since the last call */
static inline u64 signals(int fd)
{
	u64 n = 0;

	if (read(fd, &n, sizeof(n)) < 0)
		ASSERT_EQ(errno, EAGAIN);
	return n;
}

static inline int ioeventfd(struct vm *vm, u32 flags, u64 addr, u32 len, u64 match, int fd)
{
	struct lodge_ioeventfd a = {
		.size = sizeof(a), .flags = flags, .addr = addr, .match = match, .len = len,
		.fd = fd,
	};

	return ioctl(vm->fd, LODGE_VM_IOEVENTFD, &a);
}

/* A line; @resample: -1 for an edge */
static inline int irqfd_line(struct vm *vm, int fd, u32 gsi, int resample)
{
	struct lodge_irqfd a = {
		.size = sizeof(a), .flags = resample < 0 ? 0 : LEVEL, .fd = fd,
		.resample_fd = resample, .gsi = gsi,
	};

	return ioctl(vm->fd, LODGE_VM_IRQFD, &a);
}

static inline int irqfd_msi(struct vm *vm, int fd, u32 data)
{
	struct lodge_irqfd a = {
		.size = sizeof(a), .flags = MSI, .fd = fd, .resample_fd = -1, .data = data,
		.address = 0xfee00000,
	};

	return ioctl(vm->fd, LODGE_VM_IRQFD, &a);
}

static inline int irqfd_remove(struct vm *vm, int fd)
{
	struct lodge_irqfd a = {
		.size = sizeof(a), .flags = LODGE_IRQFD_DEASSIGN, .fd = fd, .resample_fd = -1,
	};

	return ioctl(vm->fd, LODGE_VM_IRQFD, &a);
}

#endif /* LODGE_SELFTESTS_EVENTFDS_H */
