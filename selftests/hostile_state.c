// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of a vCPU that a caller must not set: values that no processor has, and lists of wrong
 * lengths.  Each is answered by the errno of Documentation/uapi.rst.
 */
#include "mem.h"

static int vcpu_fd;
static struct lodge_info info;
static char xsave[16384] __attribute__((aligned(64)));
static struct lodge_cpuid_leaf leaves[LODGE_MAX_CPUID];
static struct vcpu *the_vcpu;

static void setup(void)
{
	lodge_info(&info);
	ASSERT_LE(info.xsave_size, (u32)sizeof(xsave));
	the_vcpu = vcpu_create(vm_create(0), 0);
	vcpu_fd = the_vcpu->fd;
}

static void set_xsave(void)
{
	struct lodge_xsave x = { sizeof(x), info.xsave_size, (u64)xsave };

	ASSERT_OK(ioctl(vcpu_fd, LODGE_VCPU_GET_XSAVE, &x));
}

static void expect_set(unsigned int cmd, void *arg, int wanted, int line)
{
	int err = ioctl(vcpu_fd, cmd, arg) < 0 ? errno : 0;

	if (err != wanted)
		ktap_fail_cmp(__FILE__, line, "errno of a set call", err, wanted);
}

#define SET(cmd, arg, e) expect_set(LODGE_VCPU_SET_##cmd, &(arg), e, __LINE__)

TEST(registers)
{
	struct lodge_regs r;
	struct lodge_debug d;
	unsigned int bit;

	setup();
	for (bit = 0; bit < 64; bit++) {
		vcpu_get_regs(the_vcpu, &r);
		r.rflags = 1ull << bit;
		SET(REGS, r, 0x3f7fd7 >> bit & 1 && bit < 22 ? 0 : EINVAL);
		if (bit >= 32)
			continue;
		vcpu_get_regs(the_vcpu, &r);
		r.pad = 1u << bit;
		SET(REGS, r, EINVAL);
	}
	for (bit = 32; bit < 64; bit++) {
		vcpu_get_debug(the_vcpu, &d);
		d.dr6 = 1ull << bit;
		SET(DEBUG, d, EINVAL);
		vcpu_get_debug(the_vcpu, &d);
		d.dr7 = 1ull << bit;
		SET(DEBUG, d, EINVAL);
		vcpu_get_debug(the_vcpu, &d);
		d.pad = 1ull << (bit - 32);
		SET(DEBUG, d, EINVAL);
	}
}

TEST(system_registers)
{
	struct lodge_sregs s;
	unsigned int i;

	setup();
	vcpu_start_long(the_vcpu, NULL);
#define BAD(member, value) do {							\
	vcpu_get_sregs(the_vcpu, &s);						\
	s.member = (value);							\
	SET(SREGS, s, EINVAL);							\
} while (0)
	BAD(pad, 1);
	for (i = 0; i < LODGE_NR_SREGS; i++) {
		BAD(seg[i].pad[0], 1);
		BAD(seg[i].pad[2], 0x8000);
	}
	BAD(gdt_limit, 0x10000);
	BAD(idt_limit, ~0u);
	BAD(gdt_base, 0x8000000000000000ull);
	BAD(idt_base, 0x0000800000000000ull);
	BAD(cr0, CR0_PG | CR0_ET);
	BAD(cr0, 1ull << 32 | CR0_PG | CR0_PE | CR0_ET);
	BAD(cr3, 1ull << 52);
	BAD(cr3, -1ull);
	BAD(cr4, 1ull << 63 | CR4_PAE);
	BAD(cr4, CR4_VMXE | CR4_PAE);
	BAD(cr4, 0);
	BAD(cr8, 16);
	BAD(cr8, -1ull);
	BAD(efer, EFER_LMA);
	BAD(efer, EFER_LME);
	BAD(efer, -1ull);
	BAD(apic_base, -1ull);
	BAD(xcr0, 0);
	BAD(xcr0, 2);
	BAD(xcr0, 5);
	BAD(xcr0, -1ull);
}

TEST(extended_state)
{
	struct lodge_xsave x = { sizeof(x), 0, (u64)xsave };
	int get = LODGE_VCPU_GET_XSAVE, set = LODGE_VCPU_SET_XSAVE;

	setup();
	set_xsave();
#define BOTH(e) do {								\
	EXPECT_ERRNO(ioctl(vcpu_fd, get, &x), e);				\
	EXPECT_ERRNO(ioctl(vcpu_fd, set, &x), e);				\
} while (0)
	BOTH(EINVAL);
	x.len = info.xsave_size - 1;
	BOTH(EINVAL);
	x.len = info.xsave_size + 1;
	BOTH(EINVAL);
	x.len = ~0u;
	BOTH(EINVAL);
	x.len = info.xsave_size;
	x.data = 0;
	BOTH(EFAULT);
	x.data = 0xffff888000000000ull;
	BOTH(EFAULT);
	x.data = 0x8000000000000000ull;
	BOTH(EFAULT);
	x.data = -64ull;
	BOTH(EFAULT);
	x.data = (u64)xsave;
	*(u64 *)(xsave + 512) = ~info.xcr0_mask;	/* XSTATE_BV */
	EXPECT_ERRNO(ioctl(vcpu_fd, set, &x), EINVAL);
	set_xsave();
	*(u64 *)(xsave + 520) = 1ull << 63;		/* XCOMP_BV */
	EXPECT_ERRNO(ioctl(vcpu_fd, set, &x), EINVAL);
	set_xsave();
	*(u32 *)(xsave + 24) = 0xffff0000;		/* MXCSR */
	EXPECT_ERRNO(ioctl(vcpu_fd, set, &x), EINVAL);
	set_xsave();
	EXPECT_OK(ioctl(vcpu_fd, set, &x));
}

TEST(msr_lists)
{
	static struct lodge_msr m[LODGE_MAX_MSRS + 1];
	struct lodge_msrs a = { sizeof(a), 1, (u64)m };
	unsigned int cmd;

	setup();
	for (cmd = LODGE_VCPU_GET_MSRS; cmd <= LODGE_VCPU_SET_MSRS; cmd++) {
		a = (struct lodge_msrs){ sizeof(a), LODGE_MAX_MSRS + 1, (u64)m };
		EXPECT_ERRNO(ioctl(vcpu_fd, cmd, &a), EINVAL);
		a.count = 0x10000001;	/* times 16 overflows 32 bits */
		EXPECT_ERRNO(ioctl(vcpu_fd, cmd, &a), EINVAL);
		a.count = ~0u;
		EXPECT_ERRNO(ioctl(vcpu_fd, cmd, &a), EINVAL);
		a = (struct lodge_msrs){ sizeof(a), 0, 0 };
		EXPECT_EQ(ioctl(vcpu_fd, cmd, &a), 0);
		a.count = 1;
		EXPECT_ERRNO(ioctl(vcpu_fd, cmd, &a), EFAULT);
		a.entries = 0xffff888000000000ull;
		EXPECT_ERRNO(ioctl(vcpu_fd, cmd, &a), EFAULT);
		a.entries = -16ull;
		EXPECT_ERRNO(ioctl(vcpu_fd, cmd, &a), EFAULT);
		a = (struct lodge_msrs){ sizeof(a), 3, (u64)m };
		m[0] = (struct lodge_msr){ .index = MSR_STAR };
		m[1] = m[0];
		m[2] = m[0];
		EXPECT_EQ(ioctl(vcpu_fd, cmd, &a), 3);
		m[1].index = 0x12345678;
		EXPECT_EQ(ioctl(vcpu_fd, cmd, &a), 1);
		m[1] = (struct lodge_msr){ .index = MSR_STAR, .pad = 1 };
		EXPECT_EQ(ioctl(vcpu_fd, cmd, &a), 1);
		m[0].pad = 1;
		EXPECT_ERRNO(ioctl(vcpu_fd, cmd, &a), EINVAL);
		m[0] = (struct lodge_msr){ .index = 0x12345678 };
		EXPECT_EQ(ioctl(vcpu_fd, cmd, &a), 0);
	}
}

TEST(cpuid_tables)
{
	struct lodge_cpuid a = { sizeof(a), 0, (u64)leaves };
	int nr;

	setup();
	EXPECT_ERRNO(ioctl(vcpu_fd, LODGE_VCPU_GET_CPUID, &a), E2BIG);
	nr = a.count;
	ASSERT_GT(nr, 0);
	a.count = nr - 1;
	EXPECT_ERRNO(ioctl(vcpu_fd, LODGE_VCPU_GET_CPUID, &a), E2BIG);
	EXPECT_EQ(a.count, (u32)nr);
	a.entries = 0;
	EXPECT_ERRNO(ioctl(vcpu_fd, LODGE_VCPU_GET_CPUID, &a), EFAULT);
	EXPECT_ERRNO(ioctl(vcpu_fd, LODGE_VCPU_SET_CPUID, &a), EFAULT);
	a.entries = 0xffff888000000000ull;
	EXPECT_ERRNO(ioctl(vcpu_fd, LODGE_VCPU_GET_CPUID, &a), EFAULT);
	EXPECT_ERRNO(ioctl(vcpu_fd, LODGE_VCPU_SET_CPUID, &a), EFAULT);
	nr = vcpu_get_cpuid(the_vcpu, leaves, LODGE_MAX_CPUID);
	ASSERT_GT(nr, 1);
	EXPECT_ERRNO(vcpu_set_cpuid(the_vcpu, leaves, LODGE_MAX_CPUID + 1), EINVAL);
	EXPECT_ERRNO(vcpu_set_cpuid(the_vcpu, leaves, ~0u), EINVAL);
	EXPECT_OK(vcpu_set_cpuid(the_vcpu, leaves, nr));
	leaves[0].pad = 1;
	EXPECT_ERRNO(vcpu_set_cpuid(the_vcpu, leaves, nr), EINVAL);
	leaves[0].pad = 0;
	leaves[0].flags |= 2;
	EXPECT_ERRNO(vcpu_set_cpuid(the_vcpu, leaves, nr), EINVAL);
	leaves[0].flags = 0;
	leaves[0].subleaf = 1;
	EXPECT_ERRNO(vcpu_set_cpuid(the_vcpu, leaves, nr), EINVAL);
	leaves[0].subleaf = 0;
	leaves[1] = leaves[0];
	EXPECT_ERRNO(vcpu_set_cpuid(the_vcpu, leaves, nr), EINVAL);
}

TEST(events_and_activity)
{
	struct lodge_events e;
	struct lodge_mp mp = { .state = LODGE_MP_NR };
	unsigned int i;

	setup();
#define BAD_EVENT(...) do {							\
	e = (struct lodge_events){ .size = sizeof(e), __VA_ARGS__ };		\
	SET(EVENTS, e, EINVAL);							\
} while (0)
	for (i = 6; i < 32; i++)
		BAD_EVENT(.flags = 1u << i);
	BAD_EVENT(.pad = { 1 });
	BAD_EVENT(.pad = { 0, 0, 1 });
	BAD_EVENT(.flags = LODGE_EVENT_EXCEPTION, .vector = 2);
	BAD_EVENT(.flags = LODGE_EVENT_EXCEPTION, .vector = 32);
	BAD_EVENT(.flags = LODGE_EVENT_EXCEPTION, .vector = 255);
	BAD_EVENT(.flags = LODGE_EVENT_EXCEPTION | LODGE_EVENT_ERROR_CODE, .vector = 6);
	BAD_EVENT(.flags = LODGE_EVENT_EXCEPTION | LODGE_EVENT_ERROR_CODE, .vector = 13,
		  .error_code = 0x8000);
	BAD_EVENT(.flags = LODGE_EVENT_EXCEPTION, .vector = 13, .error_code = 1);
	BAD_EVENT(.vector = 13);
	BAD_EVENT(.error_code = 1);
	BAD_EVENT(.flags = LODGE_EVENT_ERROR_CODE);
	BAD_EVENT(.flags = LODGE_EVENT_STI_SHADOW | LODGE_EVENT_SS_SHADOW);
	for (i = 0; i < 16; i++)
		BAD_EVENT(.irr = { 1ull << i });
	EXPECT_ERRNO(vcpu_try_set_mp(the_vcpu, &mp), EINVAL);
	mp.state = ~0u;
	EXPECT_ERRNO(vcpu_try_set_mp(the_vcpu, &mp), EINVAL);
	for (i = 0; i < 16; i++)
		EXPECT_ERRNO(vcpu_interrupt(the_vcpu, i), EINVAL);
	EXPECT_ERRNO(vcpu_interrupt(the_vcpu, 256), EINVAL);
	EXPECT_ERRNO(vcpu_interrupt(the_vcpu, 32 + 256), EINVAL);
	EXPECT_ERRNO(vcpu_interrupt(the_vcpu, ~0u), EINVAL);
	/* what NMI gets as argument does not matter */
	EXPECT_OK(ioctl(vcpu_fd, LODGE_VCPU_NMI, -1ul));
}
