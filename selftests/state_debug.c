// SPDX-License-Identifier: GPL-2.0-only
/* Debug registers from outside: round trip, what the guest reads, refusals */
#include "vm.h"

#define DR6_RESET	0xffff0ff0ull
#define DR7_RESET	0x400ull

static void read_all(void)
{
	GUEST_ASSERT_EQ(read_dr0(), 0x1111000);
	GUEST_ASSERT_EQ(read_dr1(), 0x2222000);
	GUEST_ASSERT_EQ(read_dr2(), 0xffff888000003333ull);
	GUEST_ASSERT_EQ(read_dr3(), 0x4444000);
	GUEST_ASSERT_EQ(read_dr6(), DR6_RESET | 5);
	GUEST_ASSERT_EQ(read_dr7(), DR7_RESET | 0x300);
	write_dr0(0x5555000);
	write_dr3(0x6666000);
	write_dr6(0xa);
	write_dr7(0x100);
	GUEST_DONE();
}

TEST(reset_values)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_debug d;

	vcpu_get_debug(vcpu, &d);
	EXPECT_EQ(d.db[0] | d.db[1] | d.db[2] | d.db[3], 0ull);
	EXPECT_EQ(d.dr6, DR6_RESET);
	EXPECT_EQ(d.dr7, DR7_RESET);
}

TEST(guest_has_them)
{
	struct lodge_debug d = {
		.db = { 0x1111000, 0x2222000, 0xffff888000003333ull, 0x4444000 },
		.dr6 = DR6_RESET | 5, .dr7 = DR7_RESET | 0x300,
	}, e;
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, read_all);

	vcpu_set_debug(vcpu, &d);
	vcpu_get_debug(vcpu, &e);
	EXPECT_EQ(memcmp(&d, &e, sizeof(d)), 0);
	vcpu_done(vcpu);
	vcpu_get_debug(vcpu, &e);
	EXPECT_EQ(e.db[0], 0x5555000ull);
	EXPECT_EQ(e.db[1], 0x2222000ull);
	EXPECT_EQ(e.db[3], 0x6666000ull);
	EXPECT_EQ(e.dr6, DR6_RESET | 0xa);
	EXPECT_EQ(e.dr7, DR7_RESET | 0x100);
}

TEST(refuses_high_halves)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_debug d;

	vcpu_get_debug(vcpu, &d);
	d.dr6 |= 1ull << 32;
	EXPECT_ERRNO(vcpu_try_set_debug(vcpu, &d), EINVAL);
	d.dr6 &= ~(1ull << 32);
	d.dr7 |= 1ull << 40;
	EXPECT_ERRNO(vcpu_try_set_debug(vcpu, &d), EINVAL);
	d.dr7 &= ~(1ull << 40);
	d.pad = 1;
	EXPECT_ERRNO(vcpu_try_set_debug(vcpu, &d), EINVAL);
	d.pad = 0;
	EXPECT_OK(vcpu_try_set_debug(vcpu, &d));
}
