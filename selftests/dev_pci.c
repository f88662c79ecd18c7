// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI bus from inside a guest: configuration space by ports and in memory, a BAR; and
 * what LODGE_VM_ADD_DEVICE takes.  Interrupts are dev_virtio's.
 */
#include <fcntl.h>
#include <linux/virtio_pci.h>
#include <unistd.h>

#include "pcidev.h"

#define ADDRESS(slot, reg)	(0x80000000 | (slot) << 11 | (reg))

/* ---- configuration space ------------------------------------------------- */

static u32 port_read(u32 slot, u32 reg)
{
	outl(0xcf8, ADDRESS(slot, reg));
	return inl(0xcfc);
}

static void ports(void)
{
	GUEST_ASSERT_EQ(port_read(0, 0), 0x00081b36);
	GUEST_ASSERT_EQ(inl(0xcf8), 0x80000000);
	GUEST_ASSERT_EQ(port_read(0, PCI_CLASS_REVISION) >> 8, 0x060000);
	GUEST_ASSERT_EQ(port_read(SLOT, 0), 0x10441af4);
	GUEST_ASSERT_EQ(inw(0xcfe), 0x1044);
	GUEST_ASSERT_EQ(inb(0xcfd), 0x1a);
	/* nobody there */
	GUEST_ASSERT_EQ(port_read(SLOT + 1, 0), 0xffffffff);
	GUEST_ASSERT_EQ(inb(0xcfc), 0xff);
	outl(0xcfc, 0);
	outl(0xcf8, ADDRESS(SLOT, 0) | 1 << 8);		/* function 1 */
	GUEST_ASSERT_EQ(inl(0xcfc), 0xffffffff);
	outl(0xcf8, ADDRESS(SLOT, 0) | 1 << 16);	/* bus 1 */
	GUEST_ASSERT_EQ(inl(0xcfc), 0xffffffff);
	outl(0xcf8, ADDRESS(SLOT, 0) & 0x7fffffff);	/* not enabled */
	GUEST_ASSERT_EQ(inl(0xcfc), 0xffffffff);
	/* only a double word is the address, and its reserved bits are 0 */
	outl(0xcf8, 0xff000000 | ADDRESS(SLOT, 3));
	GUEST_ASSERT_EQ(inl(0xcf8), ADDRESS(SLOT, 0));
	outb(0xcf8, 0x55);
	outw(0xcfa, 0x5555);
	GUEST_ASSERT_EQ(inl(0xcf8), ADDRESS(SLOT, 0));
	GUEST_ASSERT_EQ(inl(0xcfc), 0x10441af4);
	/* bytes and words of what can be written */
	outl(0xcf8, ADDRESS(SLOT, PCI_COMMAND));
	outw(0xcfc, 0xffff);
	GUEST_ASSERT_EQ(inw(0xcfc), 0x0407);
	outb(0xcfd, 0);
	GUEST_ASSERT_EQ(inw(0xcfc), 0x0007);
	outb(0xcfc, 0);
	GUEST_ASSERT_EQ(inw(0xcfc), 0);
	outl(0xcf8, ADDRESS(SLOT, 0));
	outl(0xcfc, 0);
	GUEST_ASSERT_EQ(inl(0xcfc), 0x10441af4);
	/* the reset register lies inside the address register, and leaves it alone */
	outb(0xcf9, 2);
	GUEST_ASSERT_EQ(inb(0xcf9), 2);
	GUEST_ASSERT_EQ(inl(0xcf8), ADDRESS(SLOT, 0));
	outb(0xcf9, 6);
	GUEST_DONE();
}

static void memory(void)
{
	u32 reg;

	GUEST_ASSERT_EQ(read32(ECAM), 0x00081b36);
	for (reg = 0; reg < 256; reg += 4)
		GUEST_ASSERT_EQ(read32(config(reg)), port_read(SLOT, reg));
	GUEST_ASSERT_EQ(read16(config(PCI_DEVICE_ID)), 0x1044);
	GUEST_ASSERT_EQ(*(volatile u64 *)config(0), read32(config(0)) |
			(u64)read32(config(4)) << 32);
	/* there is nothing behind the first 256 bytes */
	GUEST_ASSERT_EQ(read32(config(256)), 0);
	write32(config(256), ~0);
	GUEST_ASSERT_EQ(read32(config(4092)), 0);
	GUEST_ASSERT_EQ(read32(config(254)) >> 16, 0);
	GUEST_ASSERT_EQ(read32(config(4096)), 0xffffffff);	/* function 1 */
	GUEST_ASSERT_EQ(read32(ECAM + 0xffffc), 0xffffffff);
	/* no bus 1 */
	GUEST_ASSERT_EQ(read8(config(PCI_HEADER_TYPE)), 0);
	GUEST_ASSERT_EQ(read16(config(PCI_STATUS)) & PCI_STATUS_CAP_LIST, PCI_STATUS_CAP_LIST);
	write32(config(PCI_INTERRUPT_LINE), ~0);
	GUEST_ASSERT_EQ(read16(config(PCI_INTERRUPT_LINE)), 0x01ff);
	GUEST_DONE();
}

/* ---- BARs ---------------------------------------------------------------- */

/* What a BAR or what is none tells of its size */
static u32 size_of(u32 reg)
{
	switch (reg) {
	case PCI_BASE_ADDRESS_0:
		return -BAR_SIZE;
	case PCI_BASE_ADDRESS_1:
		return -IO_SIZE | PCI_BASE_ADDRESS_SPACE_IO;
	default:
		return 0;
	}
}

static void bars(void)
{
	u64 first = read32(config(PCI_BASE_ADDRESS_0)), other = WINDOW_END - BAR_SIZE;
	u32 reg;

	GUEST_ASSERT(first >= WINDOW && first + BAR_SIZE <= WINDOW_END);
	GUEST_ASSERT_EQ(read32(first + 0x10), 0xffffffff);
	command(PCI_COMMAND_MEMORY);
	GUEST_ASSERT_EQ(read16(first + VIRTIO_PCI_COMMON_NUMQ), 1);
	/* how large, and there are no others */
	for (reg = PCI_BASE_ADDRESS_0; reg <= PCI_ROM_ADDRESS; reg += 4) {
		if (reg > PCI_BASE_ADDRESS_5 && reg < PCI_ROM_ADDRESS)
			continue;
		write32(config(reg), ~0);
		GUEST_ASSERT_EQ(read32(config(reg)), size_of(reg));
	}
	GUEST_ASSERT_EQ(read32(first + 0x10), 0xffffffff);
	/* elsewhere, to the last byte of the window */
	write32(config(PCI_BASE_ADDRESS_0), other);
	GUEST_ASSERT_EQ(read16(other + VIRTIO_PCI_COMMON_NUMQ), 1);
	GUEST_ASSERT_EQ(read32(WINDOW_END - 4), 0);
	GUEST_ASSERT_EQ(read32(first + 0x10), 0xffffffff);
	write32(config(PCI_BASE_ADDRESS_0), first + 0x123);
	GUEST_ASSERT_EQ(read32(config(PCI_BASE_ADDRESS_0)), first);
	GUEST_ASSERT_EQ(read16(first + VIRTIO_PCI_COMMON_NUMQ), 1);
	GUEST_ASSERT_EQ(read32(other + 0x10), 0xffffffff);
	/* across its ends, which are ends of pages: two accesses */
	GUEST_ASSERT_EQ(read32(first + BAR_SIZE - 2), 0xffff0000);
	GUEST_ASSERT_EQ(read32(first - 2), 0x0000ffff);
	/* where memory is, and at 0, it does not answer, and the guest has its memory */
	write32(GPA_SCRATCH + 0x10, 0x12345678);
	write32(config(PCI_BASE_ADDRESS_0), GPA_SCRATCH & -BAR_SIZE);
	GUEST_ASSERT_EQ(read32(GPA_SCRATCH + 0x10), 0x12345678);
	write32(config(PCI_BASE_ADDRESS_0), 0);
	GUEST_ASSERT_EQ(read32(first + 0x10), 0xffffffff);
	write32(config(PCI_BASE_ADDRESS_0), first);
	command(0);
	GUEST_ASSERT_EQ(read32(first + 0x10), 0xffffffff);
	GUEST_DONE();
}

/* ---- tests --------------------------------------------------------------- */

static struct vcpu *vcpu_for(void (*fn)(void))
{
	struct vm *vm = vm_create(VM_PC);

	ASSERT_EQ(pcidev_add(vm, SLOT), SLOT);
	return vcpu_long(vm, 0, fn);
}

TEST(configuration_by_ports)
{
	struct vcpu *vcpu = vcpu_for(ports);

	vcpu_exit(vcpu, LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_RESET);
	vcpu_done(vcpu);
}

TEST(configuration_in_memory)
{
	vcpu_done(vcpu_for(memory));
}

TEST(bars_are_sized_and_moved)
{
	vcpu_done(vcpu_for(bars));
}

TEST(devices_are_added)
{
	struct vm *vm = vm_create(LODGE_VM_HLT_IN_KERNEL);
	struct lodge_create_vm c = { .size = sizeof(c), .flags = LODGE_VM_PCI };
	int i, dev = lodge_open();

	EXPECT_ERRNO(ioctl(dev, LODGE_CREATE_VM, &c), EINVAL);
	EXPECT_ERRNO(pcidev_add(vm, 0), ENODEV);
	vm = vm_create(VM_PC);
	EXPECT_EQ(pcidev_add(vm, 3), 3);
	EXPECT_ERRNO(pcidev_add(vm, 3), EEXIST);
	EXPECT_ERRNO(pcidev_add(vm, 32), EINVAL);
	EXPECT_EQ(pcidev_add(vm, 31), 31);
	for (i = 1; i < 31; i++)
		EXPECT_EQ(pcidev_add(vm, 0), i + (i >= 3) < 31 ? i + (i >= 3) : -1);
	EXPECT_ERRNO(pcidev_add(vm, 0), ENOSPC);
	vcpu_create(vm, 0);
	EXPECT_ERRNO(pcidev_add(vm, 0), EBUSY);
}

#define EXPECT_REFUSED(err, what...) do {					\
	struct lodge_add_device d_ = { .size = sizeof(d_), .fd = -1, what };	\
										\
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d_), err);		\
} while (0)

TEST(devices_are_refused)
{
	struct vm *vm = vm_create(VM_PC);
	int null = open("/dev/null", O_RDWR), file = open("/proc/self/exe", O_RDONLY);

	EXPECT_REFUSED(EINVAL, .id = 0);
	EXPECT_REFUSED(EINVAL, .id = 1000);
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_RNG, .flags = LODGE_DEVICE_READONLY);
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_RNG, .fd = 0);
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_RNG, .queues = 2);
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_RNG, .serial[19] = 1);
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_RNG, .mac[5] = 1);
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_RNG, .mtu = 1500);
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_RNG, .fds = { 1 });
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_NET, .fd = file, .fds = { 1 });
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_NET, .fd = file, .queues = 2,
		       .fds = { file, 1 });
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_NET, .fd = file, .queues = 9);
	EXPECT_REFUSED(EBADF, .id = LODGE_DEVICE_NET, .fd = file, .queues = 2, .fds = { -1 });
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_BLOCK, .fd = file, .queues = 17);
	EXPECT_REFUSED(EINVAL, .id = LODGE_DEVICE_BLOCK, .fd = file, .flags = 2);
	EXPECT_REFUSED(EBADF, .id = LODGE_DEVICE_BLOCK);
	EXPECT_REFUSED(EBADF, .id = LODGE_DEVICE_BLOCK, .fd = file);
	EXPECT_REFUSED(ENOTBLK, .id = LODGE_DEVICE_BLOCK, .fd = null);
	EXPECT_REFUSED(ENOTBLK, .id = LODGE_DEVICE_BLOCK, .fd = vm->fd);
}
