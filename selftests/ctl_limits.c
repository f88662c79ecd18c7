// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of what a user has in all of his VMs together: what has gone does not count, nor what
 * could not be made.
 */
#include "vm.h"

static int add_rng(struct vm *vm)
{
	struct lodge_add_device d = { .size = sizeof(d), .id = LODGE_DEVICE_RNG, .fd = -1 };

	return ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d);
}

TEST(devices)
{
	struct vm *vm[2] = { vm_create(VM_PC), vm_create(VM_PC) };

	set_parameter("devices_per_user", "3");
	EXPECT_OK(add_rng(vm[0]));
	EXPECT_OK(add_rng(vm[1]));
	EXPECT_OK(add_rng(vm[0]));
	EXPECT_ERRNO(add_rng(vm[1]), EUSERS);
	vm_free(vm[0]);
	EXPECT_OK(add_rng(vm[1]));
	EXPECT_OK(add_rng(vm[1]));
	EXPECT_ERRNO(add_rng(vm[1]), EUSERS);
	set_parameter("devices_per_user", "4096");
	vm_free(vm[1]);
}

TEST(vcpus)
{
	struct vm *vm[2] = { vm_create(0), vm_create(0) };
	struct lodge_create_vcpu more = { .size = sizeof(more), .id = 5 };
	struct vcpu *vcpu[3];
	int i;

	set_parameter("vcpus_per_user", "3");
	for (i = 0; i < 3; i++)
		vcpu[i] = vcpu_create(vm[i & 1], i);
	EXPECT_ERRNO(ioctl(vm[0]->fd, LODGE_VM_CREATE_VCPU, &more), EUSERS);
	vcpu_free(vcpu[1]);
	more.id = 2;
	for (i = 0; i < 5; i++)
		EXPECT_ERRNO(ioctl(vm[0]->fd, LODGE_VM_CREATE_VCPU, &more), EEXIST);
	vcpu[1] = vcpu_create(vm[1], 7);
	more.id = 5;
	EXPECT_ERRNO(ioctl(vm[0]->fd, LODGE_VM_CREATE_VCPU, &more), EUSERS);
	set_parameter("vcpus_per_user", "4096");
	for (i = 0; i < 3; i++)
		vcpu_free(vcpu[i]);
	vm_free(vm[0]);
	vm_free(vm[1]);
}
