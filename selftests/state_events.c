// SPDX-License-Identifier: GPL-2.0-only
/* Pending events from outside: round trip of each kind, refusals */
#include "vm.h"

static void round_trip(struct vcpu *vcpu, struct lodge_events *a)
{
	struct lodge_events b;

	vcpu_set_events(vcpu, a);
	vcpu_get_events(vcpu, &b);
	EXPECT_EQ(b.flags, a->flags);
	EXPECT_EQ(b.error_code, a->error_code);
	EXPECT_EQ(b.vector, a->vector);
	EXPECT_EQ(memcmp(a->irr, b.irr, sizeof(a->irr)), 0);
}

TEST(round_trip)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	struct lodge_events e;

	vcpu_get_events(vcpu, &e);
	EXPECT_EQ(e.flags, 0u);
	EXPECT_EQ(e.irr[0] | e.irr[1] | e.irr[2] | e.irr[3], 0ull);
	e = (struct lodge_events){ .flags = LODGE_EVENT_EXCEPTION, .vector = X_UD };
	round_trip(vcpu, &e);
	e = (struct lodge_events){
		.flags = LODGE_EVENT_EXCEPTION | LODGE_EVENT_ERROR_CODE,
		.vector = X_GP, .error_code = 0x1234,
	};
	round_trip(vcpu, &e);
	e = (struct lodge_events){ .flags = LODGE_EVENT_NMI_PENDING | LODGE_EVENT_NMI_BLOCKED };
	round_trip(vcpu, &e);
	e = (struct lodge_events){ .flags = LODGE_EVENT_STI_SHADOW };
	round_trip(vcpu, &e);
	e = (struct lodge_events){ .flags = LODGE_EVENT_SS_SHADOW };
	round_trip(vcpu, &e);
	e = (struct lodge_events){ .irr = { 1ull << 32, 0, 1, 1ull << 63 } };
	round_trip(vcpu, &e);
	e = (struct lodge_events){ .flags = 0 };
	round_trip(vcpu, &e);
}

TEST(interrupts_add_up)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	struct lodge_events e;

	ASSERT_OK(vcpu_interrupt(vcpu, 16));
	ASSERT_OK(vcpu_interrupt(vcpu, 255));
	ASSERT_OK(vcpu_interrupt(vcpu, 100));
	ASSERT_OK(vcpu_interrupt(vcpu, 100));
	ASSERT_OK(vcpu_nmi(vcpu));
	vcpu_get_events(vcpu, &e);
	EXPECT_EQ(e.irr[0], 1ull << 16);
	EXPECT_EQ(e.irr[1], 1ull << (100 - 64));
	EXPECT_EQ(e.irr[2], 0ull);
	EXPECT_EQ(e.irr[3], 1ull << 63);
	EXPECT_EQ(e.flags, (u32)LODGE_EVENT_NMI_PENDING);
}

static void refused(struct vcpu *vcpu, struct lodge_events e)
{
	EXPECT_ERRNO(vcpu_try_set_events(vcpu, &e), EINVAL);
}

#define EVENTS(...)	((struct lodge_events){ __VA_ARGS__ })

TEST(refuses)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);

	refused(vcpu, EVENTS(.flags = 1u << 6));
	refused(vcpu, EVENTS(.flags = 1u << 31));
	refused(vcpu, EVENTS(.flags = LODGE_EVENT_EXCEPTION, .vector = X_NMI));
	refused(vcpu, EVENTS(.flags = LODGE_EVENT_EXCEPTION, .vector = 32));
	refused(vcpu, EVENTS(.flags = LODGE_EVENT_ERROR_CODE));
	refused(vcpu, EVENTS(.pad = { 1 }));
	refused(vcpu, EVENTS(.irr = { 1ull << 15 }));
	refused(vcpu, EVENTS(.irr = { 1 }));
	EXPECT_ERRNO(vcpu_interrupt(vcpu, 15), EINVAL);
	EXPECT_ERRNO(vcpu_interrupt(vcpu, 256), EINVAL);
	EXPECT_ERRNO(vcpu_interrupt(vcpu, ~0u), EINVAL);
}
