// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest state that VM entry refuses: the run says so, the host's log has the VMCS in
 * readable form, not more often than is good for a log, and the vCPU can be mended.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "vm.h"

#define ENTRY_FAILED	0x80000000u
#define BAD_GUEST_STATE	33u

static void fine(void)
{
	GUEST_SYNC(1);
}

/* A 64-bit code segment that is a 32-bit one too */
static void spoil(struct vcpu *vcpu)
{
	struct lodge_sregs s;

	vcpu_get_sregs(vcpu, &s);
	s.seg[LODGE_CS].attr |= LODGE_SEG_DB;
	vcpu_set_sregs(vcpu, &s);
}

static void mend(struct vcpu *vcpu)
{
	struct lodge_sregs s;

	vcpu_get_sregs(vcpu, &s);
	s.seg[LODGE_CS].attr &= ~LODGE_SEG_DB;
	vcpu_set_sregs(vcpu, &s);
}

TEST(reported)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, fine);
	struct lodge_regs a, b;

	vcpu_get_regs(vcpu, &a);
	spoil(vcpu);
	vcpu_exit(vcpu, LODGE_EXIT_FAIL_ENTRY);
	EXPECT_EQ(vcpu->run->fail.exit_reason, ENTRY_FAILED | BAD_GUEST_STATE);
	EXPECT_EQ(vcpu->run->fail.insn_error, 0u);
	EXPECT_LT(vcpu->run->fail.cpu, (u32)nr_cpus());
	vcpu_get_regs(vcpu, &b);
	EXPECT_EQ(memcmp(&a, &b, sizeof(a)), 0);
	mend(vcpu);
	vcpu_sync(vcpu, 1);
}

/* Each of these is let through by the state calls and refused by the processor */
#define SPOILT(change) do {							\
	struct vcpu *vcpu_ = vcpu_long(vm_create(0), 0, fine);			\
	struct lodge_sregs s;							\
										\
	vcpu_get_sregs(vcpu_, &s);						\
	change;									\
	vcpu_set_sregs(vcpu_, &s);						\
	if (vcpu_run_exit(vcpu_) != LODGE_EXIT_FAIL_ENTRY ||			\
	    vcpu_->run->fail.exit_reason != (ENTRY_FAILED | BAD_GUEST_STATE))	\
		ktap_fail(__FILE__, __LINE__, #change);				\
} while (0)

TEST(kinds)
{
	SPOILT(s.seg[LODGE_CS].attr &= ~LODGE_SEG_P);
	SPOILT(s.seg[LODGE_TR].attr |= LODGE_SEG_UNUSABLE);
	SPOILT(s.seg[LODGE_TR].limit = 0xffffffff);	/* wants G */
	SPOILT(s.seg[LODGE_SS].attr |= 3 << 5);		/* DPL is not the RPL */
	SPOILT(s.seg[LODGE_TR].selector |= 4);		/* in the LDT */
}

static void on_gp(struct guest_frame *f)
{
	GUEST_SYNC(13);
}

/* Refused by one of the three: the call, VM entry (Bochs does not), the fetch in the guest */
TEST(not_canonical_rip)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, fine);
	struct lodge_regs r;

	vm_handler(vm, X_GP, on_gp);
	vcpu_get_regs(vcpu, &r);
	r.rip = 0x8000000000000000ull;
	if (vcpu_try_set_regs(vcpu, &r)) {
		EXPECT_EQ(errno, EINVAL);
		return;
	}
	if (vcpu_run_exit(vcpu) == LODGE_EXIT_FAIL_ENTRY)
		return;
	EXPECT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(vcpu->arg[0], 13ull);
}

/* An interruptibility that contradicts RFLAGS */
TEST(sti_shadow_without_if)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, fine);
	struct lodge_events e = { .flags = LODGE_EVENT_STI_SHADOW };
	struct lodge_regs r;

	vcpu_get_regs(vcpu, &r);
	r.rflags = 2;
	ASSERT_EQ(vcpu_try_set_regs(vcpu, &r), 0);
	if (vcpu_try_set_events(vcpu, &e)) {
		EXPECT_EQ(errno, EINVAL);
		return;
	}
	vcpu_exit(vcpu, LODGE_EXIT_FAIL_ENTRY);
}

/* How often each of two strings stands in the kernel's log from now on */
static void count_log(int fd, const char *a, const char *b, u32 *nr_a, u32 *nr_b)
{
	char record[8192];
	ssize_t n;

	*nr_a = *nr_b = 0;
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		record[n] = 0;
		*nr_a += !!strstr(record, a);
		*nr_b += !!strstr(record, b);
	}
	ASSERT_EQ(errno, EAGAIN);
}

TEST(log_is_readable_and_limited)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, fine);
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	u32 dumps, segments;
	int i;

	ASSERT_OK(fd);
	ASSERT_OK(lseek(fd, 0, SEEK_SET));	/* other tests have used up some of the dumps */
	spoil(vcpu);
	for (i = 0; i < 50; i++)
		vcpu_exit(vcpu, LODGE_EXIT_FAIL_ENTRY);
	count_log(fd, "invalid guest state", "GUEST_CS", &dumps, &segments);
	EXPECT_GE(dumps, 1u);
	EXPECT_LE(dumps, 20u);
	EXPECT_GE(segments, 1u);
	diag("%u dumps in the log", dumps);
}
