// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon: the module tells which memory the guest does without, and only its
 * process can give that back to the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/lodge.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "balloon.h"
#include "cmd.h"
#include "vm.h"

#define RANGES	64

/*
 * Huge pages of the pool stay.  Newer kernels (6.12) keep them reserved for the mapping, so
 * nobody would gain; older ones (6.1) do not, and the guest ends if others have them all when
 * it needs one.
 */
static void discard(const struct vm *vm, const struct lodge_range *r)
{
	/* if it fails, the memory stays the guest's */
	if (vm->config->pages != GUESTMEM_HUGETLB)
		madvise((void *)r->addr, r->len, MADV_DONTNEED);
}

/**
 * balloon_serve - some of what the guest does without, if there is any
 * @vm: with a balloon; its descriptor is readable
 *
 * The read tells that what was read before has been discarded.
 */
void balloon_serve(struct vm *vm)
{
	struct lodge_range range[RANGES];
	ssize_t i, n = read(vm->balloon, range, sizeof(range));

	for (i = 0; i < n / (ssize_t)sizeof(*range); i++)
		discard(vm, &range[i]);
}

/**
 * balloon_open - the descriptor of a VM's balloon, and its first size
 * @vm: has the device
 *
 * Return: 0, or -1 after having told the user.
 */
int balloon_open(struct vm *vm)
{
	uint64_t kept = vm->config->balloon_size;
	uint64_t bytes = kept ? vm->config->memory - kept : 0;

	vm->balloon = ioctl(vm->fd, LODGE_VM_BALLOON);
	if (vm->balloon < 0 || fcntl(vm->balloon, F_SETFL, O_RDWR | O_NONBLOCK) ||
	    write(vm->balloon, &bytes, sizeof(bytes)) < 0) {
		cmd_error(CMD_FAILED, "cannot use the guest's balloon: %s", strerror(errno));
		return -1;
	}
	return 0;
}
