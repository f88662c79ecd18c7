// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel memory of a VM with one disk and one network device, each with a driver that has used it
 * or waits for frames, beyond the guest's own memory: that is one and the same for all of
 * the many VMs that are made, which have a tap each.
 */
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT		6	/* of the disk */
#include "blkguest.h"
#include "mem.h"
#include "net.h"

#define VMS		32
#define MOST_KIB	1024
#define DISK_SIZE	(1 << 20)

static void drive(void)
{
	blk_up();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 0, DATA, 4096), VIRTIO_BLK_S_OK);
	net_drive();
}

/* What can be dropped is; what is freed by RCU and by workers has been */
static long kib_free(void)
{
	char line[128];
	long kib = -1;
	FILE *f;

	sync();
	put_file("/proc/sys/vm/drop_caches", "3");
	sleep(1);
	f = fopen("/proc/meminfo", "r");
	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static int new_tap(void)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), header = NET_HDR;

	if (fd < 0)
		SKIP("no /dev/net/tun: modprobe tun");
	ASSERT_OK(ioctl(fd, TUNSETIFF, &req));
	ASSERT_OK(ioctl(fd, TUNSETVNETHDRSZ, &header));
	return fd;
}

static void start(void *mem, int disk, int tap)
{
	struct vm *vm = vm_create_on(VM_PC, mem, VM_MEMORY);
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_NET, .slot = NET_SLOT, .fd = tap,
	};

	ASSERT_EQ(blk_add(vm, disk, 0, 1), SLOT);
	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), NET_SLOT);
	vcpu_sync(vcpu_long(vm, 0, drive), 1);
}

TEST_SECONDS(memory, 300)
{
	void *mem = vm_shared_memory(VM_MEMORY);
	int disk = memfd_create("disk", MFD_CLOEXEC), tap[VMS + 1], i;
	long before = 0, kib;

	ASSERT_OK(disk);
	ASSERT_OK(ftruncate(disk, DISK_SIZE));
	for (i = 0; i <= VMS; i++)
		tap[i] = new_tap();
	for (i = 0; i <= VMS; i++) {
		/* the first one pays for what there is but once, and for the guest's memory */
		if (i == 1)
			before = kib_free();
		start(mem, disk, tap[i]);
	}
	kib = (before - kib_free()) / VMS;
	printf("\nkernel memory of a VM with a disk and a network device: %ld KiB, nested page tables included (<= %d: %s)\n",
	       kib, MOST_KIB, kib <= MOST_KIB ? "met" : "MISSED");
	fflush(stdout);
	ASSERT_GT(kib, 0l);
}
