// SPDX-License-Identifier: GPL-2.0-only
/*
 * The steal-time record of a vCPU that does not run: it says so, and a note left there
 * has translations dropped before the guest runs again.  The test plays the part of
 * the guest's other vCPUs.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm.h"

#define MACHINE		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)
#define MSR_STEAL	0x4b564d03
#define WAKE		0x60
#define ROUNDS		200

#define RECORD		(GPA_SCRATCH + 0x1000)
#define PREEMPTED	(RECORD + 16)
#define IS_PREEMPTED	1
#define FLUSH		2

#define PAGE_A		(GPA_SCRATCH + 0x4000)
#define PAGE_B		(GPA_SCRATCH + 0x5000)
#define LINEAR		0x40000000ull	/* of its own page table */
#define PTE_FLAGS	3ull

struct steal {
	u64 steal;
	u32 version, flags;
	u8 preempted, pad[47];
};

static volatile u64 round_nr, seen;

static void on_wake(struct guest_frame *f)
{
}

static void sleeper(void)
{
	volatile struct steal *s = (volatile struct steal *)RECORD;

	wrmsr(MSR_STEAL, RECORD | 1);
	for (;;) {
		GUEST_ASSERT_EQ(s->preempted, 0);
		GUEST_ASSERT(!(s->version & 1));
		seen = *(volatile u64 *)LINEAR;
		round_nr++;
		safe_halt();
	}
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	/* until a signal */
	vcpu_run_try(vcpu);
	return NULL;
}

static void wait_for(volatile u64 *what, u64 value)
{
	u64 end = now_ns() + 10000000000ull;

	while (*what != value && now_ns() < end)
		sched_yield();
	ASSERT_EQ(*what, value);
}

static void wait_asleep(struct vm *vm)
{
	volatile u8 *flag = vm_ptr(vm, PREEMPTED);
	u64 end = now_ns() + 10000000000ull;

	while (!(*flag & IS_PREEMPTED) && now_ns() < end)
		sched_yield();
	ASSERT_EQ(*flag, IS_PREEMPTED);
}

/* The page table entry behind LINEAR */
static u64 *entry(struct vm *vm)
{
	u64 *table = vm_ptr(vm, GPA_PML4);
	int shift;

	for (shift = 39; shift > 12; shift -= 9)
		table = vm_ptr(vm, table[LINEAR >> shift & 511] & 0xffffffffff000ull);
	return &table[LINEAR >> 12 & 511];
}

TEST(note_has_translations_dropped)
{
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu = vcpu_long(vm, 0, sleeper);
	u8 *flag = vm_ptr(vm, PREEMPTED);
	u64 flushes, i, want = PAGE_A;

	*flag = 0xff;		/* what stands there at first does not matter */
	*(u64 *)vm_ptr(vm, PAGE_A) = PAGE_A;
	*(u64 *)vm_ptr(vm, PAGE_B) = PAGE_B;
	vm_handler(vm, WAKE, on_wake);
	vm_map_page(vm, LINEAR, PAGE_A, PTE_FLAGS);
	thread_start(runner, vcpu);
	for (i = 1; i <= ROUNDS; i++) {
		wait_for(&GUEST_VAR(vm, round_nr), i);
		EXPECT_EQ(GUEST_VAR(vm, seen), want);
		wait_asleep(vm);
		want = i & 1 ? PAGE_B : PAGE_A;
		*entry(vm) = want | PTE_FLAGS;
		ASSERT_TRUE(__sync_bool_compare_and_swap(flag, IS_PREEMPTED,
							 IS_PREEMPTED | FLUSH));
		ASSERT_OK(vcpu_interrupt(vcpu, WAKE));
	}
	wait_for(&GUEST_VAR(vm, round_nr), i);
	flushes = vcpu_stat(vcpu, LODGE_STAT_TLB_FLUSHES);
	EXPECT_GE(flushes, (u64)ROUNDS);
	/* without a note there is nothing to drop */
	for (; i <= 2 * ROUNDS; i++) {
		wait_asleep(vm);
		ASSERT_OK(vcpu_interrupt(vcpu, WAKE));
		wait_for(&GUEST_VAR(vm, round_nr), i + 1);
	}
	EXPECT_LE(vcpu_stat(vcpu, LODGE_STAT_TLB_FLUSHES) - flushes, ROUNDS / 2ull);
}

static void spinner(void)
{
	volatile struct steal *s = (volatile struct steal *)RECORD;
	u64 end = rdtsc() + 1000000;

	wrmsr(MSR_STEAL, RECORD | 1);
	while (rdtsc() < end)
		GUEST_ASSERT_EQ(s->preempted, 0);
	GUEST_SYNC2(1, s->steal);
	for (;;)
		GUEST_ASSERT_EQ(s->preempted, 0);
}

static volatile bool stop;

static void *competitor(void *arg)
{
	pin_to_cpu(0);
	while (!stop)
		asm volatile("pause");
	return NULL;
}

static volatile int spinner_tid;
static volatile bool ended;

static void *spin(void *arg)
{
	pin_to_cpu(0);
	spinner_tid = syscall(SYS_gettid);
	vcpu_run_try(arg);
	/* not to be left: the guest has failed, or it is over */
	ended = true;
	return NULL;
}

/* What the scheduler says that the thread waited for a CPU, in ns */
static u64 waited(void)
{
	unsigned long long ran, delay = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", spinner_tid);
	f = fopen(path, "r");
	ASSERT_TRUE(f && fscanf(f, "%llu %llu", &ran, &delay) == 2);
	fclose(f);
	return delay;
}

/* On a CPU with a competitor time is stolen, and the guest is told how much */
TEST(stolen_time)
{
	const u64 slice = 50000000;	/* that a wait under way may differ */
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu = vcpu_long(vm, 0, spinner);
	volatile struct steal *s = vm_ptr(vm, RECORD);
	bool was_preempted = false;
	u64 start, before, passed, stolen, waits;

	pin_to_cpu(nr_cpus() - 1);
	vcpu_sync(vcpu, 1);
	thread_start(competitor, NULL);
	thread_start(spin, vcpu);
	sleep_ms(50);
	start = now_ns();
	before = s->steal;
	waits = waited();
	while (now_ns() < start + 500000000ull) {
		was_preempted |= s->preempted;
		sched_yield();
	}
	passed = now_ns() - start;
	stolen = s->steal - before;
	waits = waited() - waits;
	diag("%llu us stolen of %llu, %llu waited", (unsigned long long)stolen / 1000,
	     (unsigned long long)passed / 1000, (unsigned long long)waits / 1000);
	EXPECT_GE(waits, passed / 10);
	EXPECT_GE(stolen + slice, waits);
	EXPECT_LE(stolen, waits + slice);
	EXPECT_TRUE(was_preempted);
	EXPECT_TRUE(!ended);
	stop = true;
}
