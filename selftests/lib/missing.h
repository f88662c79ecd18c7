/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that does not come before the test provides it: who touches it waits.
 */
#ifndef LODGE_SELFTESTS_MISSING_H
#define LODGE_SELFTESTS_MISSING_H

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm.h"

#define MISSING_LEN	4096u

/* A page that nobody has touched; the descriptor tells of who does.  -1: there is no userfaultfd */
static inline int missing_make(void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (u64)page, .len = MISSING_LEN },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return -1;
	ASSERT_OK(ioctl(fd, UFFDIO_API, &api));
	ASSERT_OK(ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

static inline void missing_wait(int uffd)
{
	struct uffd_msg msg = { 0 };

	ASSERT_EQ(read(uffd, &msg, sizeof(msg)), (ssize_t)sizeof(msg));
	ASSERT_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
}

#endif /* LODGE_SELFTESTS_MISSING_H */
