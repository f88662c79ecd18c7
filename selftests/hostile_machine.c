// SPDX-License-Identifier: GPL-2.0-only
/* The calls of a VM with its machine in the kernel, with arguments that a caller must not give */
#include <unistd.h>

#include "vm.h"

static struct vm *machine;

#define BAD(cmd, type, error, ...) do {						\
	struct type bad_ = { .size = sizeof(bad_), __VA_ARGS__ };		\
										\
	EXPECT_ERRNO(ioctl(machine->fd, cmd, &bad_), error);			\
} while (0)

TEST(arguments)
{
	struct lodge_open_console console = { .size = sizeof(console) };
	struct lodge_msi msi = { .size = sizeof(msi), .address = 0xfee00000 };
	struct lodge_gsi gsi = { .size = sizeof(gsi) };
	struct vm *plain = vm_create(0);
	int first;

	machine = vm_create(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL);
	EXPECT_ERRNO(ioctl(plain->fd, LODGE_VM_SET_GSI, &gsi), ENODEV);
	EXPECT_ERRNO(ioctl(plain->fd, LODGE_VM_MSI, &msi), ENODEV);
	EXPECT_ERRNO(ioctl(plain->fd, LODGE_VM_CONSOLE, &console), ENODEV);
	BAD(LODGE_VM_SET_GSI, lodge_gsi, EINVAL, .gsi = 24);
	BAD(LODGE_VM_SET_GSI, lodge_gsi, EINVAL, .gsi = ~0u);
	BAD(LODGE_VM_SET_GSI, lodge_gsi, EINVAL, .level = 2);
	BAD(LODGE_VM_SET_GSI, lodge_gsi, EINVAL, .pad = 1);
	BAD(LODGE_VM_MSI, lodge_msi, EINVAL, .address = 0);
	BAD(LODGE_VM_MSI, lodge_msi, EINVAL, .address = 0xfed00000);
	BAD(LODGE_VM_MSI, lodge_msi, EINVAL, .address = 0x1fee00000);
	BAD(LODGE_VM_MSI, lodge_msi, EINVAL, .address = ~0ull);
	BAD(LODGE_VM_CONSOLE, lodge_open_console, ENODEV, .which = LODGE_CONSOLE_VIRTIO);
	BAD(LODGE_VM_CONSOLE, lodge_open_console, ENODEV, .which = LODGE_CONSOLE_PORT);
	BAD(LODGE_VM_CONSOLE, lodge_open_console, EINVAL,
	    .which = LODGE_CONSOLE_PORT + LODGE_MAX_PORTS);
	BAD(LODGE_VM_CONSOLE, lodge_open_console, EINVAL, .which = ~0u);
	BAD(LODGE_VM_CONSOLE, lodge_open_console, EINVAL, .flags = 1);
	BAD(LODGE_VM_CONSOLE, lodge_open_console, EINVAL, .pad = 1);
	BAD(LODGE_VM_END, lodge_vm_end, EINVAL, .reason = LODGE_END_NONE);
	BAD(LODGE_VM_END, lodge_vm_end, EINVAL, .reason = LODGE_END_NR);
	BAD(LODGE_VM_END, lodge_vm_end, EINVAL, .reason = LODGE_END_EXIT, .status = 256);
	BAD(LODGE_VM_END, lodge_vm_end, EINVAL, .reason = LODGE_END_EXIT, .flags = 4);
	BAD(LODGE_VM_END, lodge_vm_end, EINVAL, .reason = LODGE_END_EXIT,
	    .flags = LODGE_VM_END_RESTARTS);
	first = ioctl(machine->fd, LODGE_VM_CONSOLE, &console);
	ASSERT_OK(first);
	EXPECT_ERRNO(ioctl(machine->fd, LODGE_VM_CONSOLE, &console), EBUSY);
	ASSERT_OK(close(first));
	first = ioctl(machine->fd, LODGE_VM_CONSOLE, &console);
	EXPECT_OK(first);
}
