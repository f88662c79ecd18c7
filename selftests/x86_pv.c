// SPDX-License-Identifier: GPL-2.0-only
/*
 * The paravirtual interface from inside a guest: its clock on two vCPUs beside the
 * host's, the steal-time record, results of hypercalls, features taken away.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#include "vm.h"

#define MACHINE		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)
#define PV_FEATURES	0x40000001

#define MSR_WALL_OLD	0x11
#define MSR_CLOCK_OLD	0x12
#define MSR_WALL	0x4b564d00
#define MSR_CLOCK	0x4b564d01
#define MSR_STEAL	0x4b564d03
#define MSR_EOI		0x4b564d04
#define MSR_POLL	0x4b564d05

#define HC_POLL_IRQ	1
#define HC_KICK		5
#define HC_SEND_IPI	10
#define HC_YIELD	11
#define EPERM_PV	1
#define EINVAL_PV	22
#define ENOSYS_PV	1000

#define CLOCK(id)	((volatile struct clock *)(GPA_SCRATCH + 0x100 * (u64)(id)))
#define STEAL		((volatile struct steal *)(GPA_SCRATCH + 0x1000))
#define WALL		((volatile struct wall *)(GPA_SCRATCH + 0x2000))

struct clock {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad2[2];
};

struct wall {
	u32 version, sec, nsec;
};

struct steal {
	u64 steal;
	u32 version, flags;
	u8 preempted, pad[47];
};

static u64 guest_now(u32 id)
{
	volatile struct clock *c = CLOCK(id);
	u64 ticks, ns;
	u32 version;

	do {
		version = c->version;
		ticks = rdtsc() - c->tsc;
		ticks = c->shift < 0 ? ticks >> -c->shift : ticks << c->shift;
		ns = c->ns + (u64)((__uint128_t)ticks * c->mul >> 32);
	} while (version & 1 || version != c->version);
	return ns;
}

/* ---- clock --------------------------------------------------------------- */

static void rate(void)
{
	int i;

	wrmsr(MSR_CLOCK, (u64)CLOCK(0) | 1);
	wrmsr(MSR_WALL, (u64)WALL);
	GUEST_ASSERT_EQ(rdmsr(MSR_CLOCK), (u64)CLOCK(0) | 1);
	GUEST_ASSERT(CLOCK(0)->version && !(CLOCK(0)->version & 1));
	GUEST_ASSERT(CLOCK(0)->flags & 1);
	GUEST_ASSERT_EQ(WALL->version, 2);
	for (i = 0; i < 3; i++)
		GUEST_SYNC2(i, guest_now(0));
}

static u64 between(u64 *host)
{
	struct timespec before, after;
	static struct vcpu *vcpu;
	static int nr;

	if (!vcpu)
		vcpu = vcpu_long(vm_create(MACHINE), 0, rate);
	clock_gettime(CLOCK_MONOTONIC_RAW, &before);
	vcpu_sync(vcpu, nr++);
	clock_gettime(CLOCK_MONOTONIC_RAW, &after);
	host[0] = before.tv_sec * 1000000000ull + before.tv_nsec;
	host[1] = after.tv_sec * 1000000000ull + after.tv_nsec;
	if (nr == 1) {
		volatile struct wall *w = vm_ptr(vcpu->vm, (u64)WALL);
		struct timespec real;
		u64 guest = w->sec * 1000000000ull + w->nsec + vcpu->arg[1], now;

		clock_gettime(CLOCK_REALTIME, &real);
		now = real.tv_sec * 1000000000ull + real.tv_nsec;
		EXPECT_LE(guest, now + 1000000);
		EXPECT_GE(guest + 50000000, now);
	}
	return vcpu->arg[1];
}

/* Within 100 ppm, and what a run may take at both ends */
static void measure_rate(void)
{
	u64 a[2], b[2], first, passed, least, most;

	/* the first run maps memory, which takes time */
	between(a);
	first = between(a);
	sleep_ms(1000);
	passed = between(b) - first;
	least = b[0] - a[1];
	most = b[1] - a[0];
	diag("%llu ns in the guest, %llu to %llu in the host",
	     (unsigned long long)passed, (unsigned long long)least, (unsigned long long)most);
	EXPECT_GE(passed, least - least / 10000);
	EXPECT_LE(passed, most + most / 10000);
}

TEST(rate)
{
	measure_rate();
}

/* The clock is right, however fast the TSC runs that it is made of */
TEST(rate_of_another_tsc)
{
	struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];
	struct lodge_create_vm c = { .size = sizeof(c) };
	struct vm *vm = vm_create(MACHINE);
	int i, fd, nr = vcpu_get_cpuid(vcpu_create(vm, 0), leaf, LODGE_MAX_CPUID);

	for (i = 0; i < nr; i++)
		if (leaf[i].leaf == 0x40000010)
			c.tsc_khz = leaf[i].eax / 10 * 27;
	fd = ioctl(lodge_open(), LODGE_CREATE_VM, &c);
	if (fd < 0 && errno == EOPNOTSUPP)
		SKIP("the processor cannot scale the TSC");
	ASSERT_OK(fd);
	vm_tsc_khz = c.tsc_khz;
	measure_rate();
}

#define ROUNDS	2000

static volatile u64 last, turn, backwards;

/* In turns, so that each reads after the other */
static void take_turns(u64 id)
{
	u64 i, now;

	wrmsr(MSR_CLOCK, (u64)CLOCK(id) | 1);
	for (i = 0; i < ROUNDS; i++) {
		while ((turn & 1) != id)
			cpu_relax();
		now = guest_now(id);
		if (now < last)
			backwards++;
		last = now;
		asm volatile("" : : : "memory");
		turn++;
	}
	GUEST_DONE();
}

static void *run(void *arg)
{
	vcpu_done((struct vcpu *)arg);
	return NULL;
}

TEST(two_vcpus_agree)
{
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu[2];
	struct lodge_mp mp;
	pthread_t t;
	int i;

	need_cpus(2);
	for (i = 0; i < 2; i++) {
		vcpu[i] = vcpu_create(vm, i);
		vcpu_start_long_arg(vcpu[i], take_turns, i);
		vcpu_get_mp(vcpu[i], &mp);
		mp.state = LODGE_MP_RUNNABLE;
		vcpu_set_mp(vcpu[i], &mp);
	}
	t = thread_start(run, vcpu[1]);
	vcpu_done(vcpu[0]);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(GUEST_VAR(vm, turn), 2ull * ROUNDS);
	EXPECT_EQ(GUEST_VAR(vm, backwards), 0ull);
}

/* ---- steal time ---------------------------------------------------------- */

static void steal(void)
{
	STEAL->steal = ~0u;
	STEAL->version = ~0u;
	STEAL->preempted = 1;
	wrmsr(MSR_STEAL, (u64)STEAL | 1);
	GUEST_ASSERT(!(STEAL->version & 1));
	GUEST_ASSERT_EQ(STEAL->preempted, 0);
	GUEST_ASSERT_EQ(STEAL->flags, 0);
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_STEAL, (u64)STEAL | 3), EXC(X_GP));
	GUEST_ASSERT_EQ(rdmsr(MSR_STEAL), (u64)STEAL | 1);
	GUEST_SYNC2(1, STEAL->steal);
	GUEST_ASSERT_EQ(STEAL->preempted, 0);
	wrmsr(MSR_STEAL, 0);
	GUEST_SYNC2(2, STEAL->steal);
}

TEST(steal_time)
{
	struct vcpu *vcpu = vcpu_long(vm_create(MACHINE), 0, steal);

	vcpu_sync(vcpu, 1);
	EXPECT_LE(vcpu->arg[1], 1000000000ull);
	sleep_ms(20);
	vcpu_sync(vcpu, 2);
	EXPECT_LE(vcpu->arg[1], 1000000000ull);
	vcpu_done(vcpu);
}

/* ---- hypercalls ---------------------------------------------------------- */

static long hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	long ret;

	asm volatile("vmcall" : "=a" (ret)
		     : "0" (nr), "b" (a), "c" (b), "d" (c), "S" (d) : "memory");
	return ret;
}

static void user(void)
{
	long ret = hypercall(HC_POLL_IRQ, 0, 0, 0, 0);

	/* ring 3 has no ports: R12 is looked at after #GP of HLT */
	asm volatile("mov %0, %%r12; hlt" : : "r" (ret) : "r12");
}

static void on_gp(struct guest_frame *f)
{
	GUEST_ASSERT_EQ(f->cs & 3, 3);
	GUEST_ASSERT_EQ((long)f->r12, -EPERM_PV);
	GUEST_DONE();
}

static void calls(void)
{
	GUEST_ASSERT_EQ(hypercall(HC_POLL_IRQ, 0, 0, 0, 0), 0);
	GUEST_ASSERT_EQ(hypercall(0, 0, 0, 0, 0), (long)-ENOSYS_PV);
	GUEST_ASSERT_EQ(hypercall(2, 0, 0, 0, 0), (long)-ENOSYS_PV);
	GUEST_ASSERT_EQ(hypercall(~0ull, 0, 0, 0, 0), (long)-ENOSYS_PV);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI | 1ull << 32, 1, 0, 0, 0x40), (long)-ENOSYS_PV);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 0, 0, 0, 0x40), 0);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 1, 0, 0, 0x1000), (long)-EINVAL_PV);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, ~0ull, ~0ull, ~0ull, 0x40), 0);
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i" (SEL_USER_DATA), "r" ((u64)GPA_SCRATCH + 0x9000),
		     "i" (SEL_USER_CODE), "r" ((u64)user));
}

TEST(hypercalls)
{
	struct vm *vm = vm_create(MACHINE);

	vm_handler(vm, X_GP, on_gp);
	vcpu_done(vcpu_long(vm, 0, calls));
}

/* ---- features ------------------------------------------------------------ */

static const struct {
	u32 msr, bit;
} features[] = {
	{ MSR_WALL_OLD, 0 }, { MSR_CLOCK_OLD, 0 }, { MSR_WALL, 3 }, { MSR_CLOCK, 3 },
	{ MSR_STEAL, 5 }, { MSR_EOI, 6 }, { MSR_POLL, 12 },
};

#define NR_FEATURES	(sizeof(features) / sizeof(features[0]))

static void probe(u64 gone)
{
	unsigned int i;
	u64 v;

	for (i = 0; i < NR_FEATURES; i++) {
		u32 want = features[i].bit == gone ? EXC(X_GP) : 0;

		GUEST_ASSERT_EQ(rdmsr_safe(features[i].msr, &v), want);
		GUEST_ASSERT_EQ(wrmsr_safe(features[i].msr, want ? 1 : 0), want);
	}
}

static void without(u32 bit)
{
	static struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	int i, nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);

	for (i = 0; i < nr; i++)
		if (leaf[i].leaf == PV_FEATURES && bit < 32)
			leaf[i].eax &= ~(1u << bit);
	ASSERT_OK(vcpu_set_cpuid(vcpu, leaf, nr));
	vcpu_start_long_arg(vcpu, probe, bit);
	vcpu_done(vcpu);
	vcpu_free(vcpu);
	vm_free(vm);
}

TEST(features_taken_away)
{
	unsigned int i;

	without(~0u);
	for (i = 0; i < NR_FEATURES; i++)
		without(features[i].bit);
}
