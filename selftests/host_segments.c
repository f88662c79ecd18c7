// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment registers of a host program beside guests that load their own: FS and GS
 * bases, selectors in DS, ES, FS and GS, an LDT, thread-local storage.
 */
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/trash.h"

#define ROUNDS	300
#define SEL_LDT	0x7		/* entry 0 of the LDT, RPL 3 */

static __thread u64 thread_local_value;
static u64 gs_area[8];

static u64 get_base(int which)
{
	u64 v = 0;

	ASSERT_OK(syscall(SYS_arch_prctl, which, &v));
	return v;
}

static void make_ldt(void)
{
	struct user_desc d = {
		.entry_number = 0, .base_addr = 0x12340000, .limit = 0x1ff,
		.seg_32bit = 1, .useable = 1,
	};

	ASSERT_EQ(syscall(SYS_modify_ldt, 1, &d, sizeof(d)), 0l);
}

static u16 selector(int which)
{
	u16 v;

	switch (which) {
	case 0:
		asm volatile("mov %%ds, %0" : "=r" (v));
		break;
	case 1:
		asm volatile("mov %%es, %0" : "=r" (v));
		break;
	case 2:
		asm volatile("mov %%fs, %0" : "=r" (v));
		break;
	default:
		asm volatile("mov %%gs, %0" : "=r" (v));
		break;
	}
	return v;
}

/* The LDT that the processor has now: the limit of its first entry */
static u64 ldt_limit(void)
{
	u64 limit = 0;

	asm volatile("lsl %1, %0" : "+r" (limit) : "r" ((u64)SEL_LDT) : "cc");
	return limit;
}

static u64 from_gs(void)
{
	u64 v;

	asm volatile("mov %%gs:8, %0" : "=r" (v));
	return v;
}

static void set_up(void)
{
	thread_local_value = 0x5566778899aabbccull;
	gs_area[1] = 0x1020304050607080ull;
	make_ldt();
	asm volatile("mov %0, %%ds; mov %0, %%es" : : "r" (SEL_LDT));
	ASSERT_OK(syscall(SYS_arch_prctl, ARCH_SET_GS, gs_area));
}

static void check(u64 fs_base)
{
	ASSERT_EQ(thread_local_value, 0x5566778899aabbccull);
	ASSERT_EQ(from_gs(), 0x1020304050607080ull);
	ASSERT_EQ(get_base(ARCH_GET_FS), fs_base);
	ASSERT_EQ(get_base(ARCH_GET_GS), (u64)gs_area);
	ASSERT_EQ(selector(0), SEL_LDT);
	ASSERT_EQ(selector(1), SEL_LDT);
	ASSERT_EQ(selector(2), 0);
	ASSERT_EQ(selector(3), 0);
	ASSERT_EQ(ldt_limit(), 0x1ffull);
}

TEST(across_runs)
{
	struct vcpu *vcpu = trash_vcpu();
	u64 fs_base = get_base(ARCH_GET_FS);
	int i;

	set_up();
	for (i = 0; i < ROUNDS; i++) {
		trash_once(vcpu);
		check(fs_base);
	}
}

TEST(beside)
{
	u64 before, fs_base = get_base(ARCH_GET_FS);
	int i;

	pin_to_cpu(0);
	trash_beside(0);
	trash_beside(0);
	while (!trash_more(5))
		sched_yield();
	set_up();
	before = trash_rounds();
	for (i = 0; i < ROUNDS || !trash_more(before + ROUNDS); i++) {
		check(fs_base);
		raw_yield();
	}
}

/* FS and GS loaded with selectors: their bases come from the LDT */
static void load_gs(void)
{
	asm volatile("mov %0, %%gs" : : "r" (SEL_LDT));
}

TEST(gs_by_selector)
{
	struct vcpu *vcpu = trash_vcpu();
	int i;

	make_ldt();
	load_gs();
	for (i = 0; i < ROUNDS; i++) {
		trash_once(vcpu);
		ASSERT_EQ(selector(3), SEL_LDT);
		ASSERT_EQ(get_base(ARCH_GET_GS), 0x12340000ull);
	}
}

/* The guest's bases come back, too, after the host has used its own */
static void guest(void)
{
	u64 i, v;

	for (i = 1; i <= ROUNDS; i++) {
		wrmsr(MSR_FS_BASE, GPA_SCRATCH + 16 * i);
		wrmsr(MSR_GS_BASE, GPA_SCRATCH + 16 * i + 8);
		*(u64 *)(GPA_SCRATCH + 16 * i) = i;
		*(u64 *)(GPA_SCRATCH + 16 * i + 8) = ~i;
		GUEST_SYNC(i);
		asm volatile("mov %%fs:0, %0" : "=r" (v));
		GUEST_ASSERT_EQ(v, i);
		asm volatile("mov %%gs:0, %0" : "=r" (v));
		GUEST_ASSERT_EQ(v, ~i);
	}
}

TEST(guests_come_back)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, guest);
	u64 i;

	for (i = 1; i <= ROUNDS; i++) {
		vcpu_sync(vcpu, i);
		ASSERT_OK(syscall(SYS_arch_prctl, ARCH_SET_GS, gs_area + (i & 3)));
		if (i & 1)
			pin_to_cpu(i / 2 % nr_cpus());
	}
	vcpu_done(vcpu);
}
