// SPDX-License-Identifier: GPL-2.0-only
/* What netlink tells of a vCPU: exits by reason, with ticks; faults by size; where it may run */
#include <sched.h>

#include "genl.h"
#include "vm.h"

#define N		25
#define REASONS		80
#define CPUID		10	/* SDM Vol 3D, appendix C */
#define HLT		12
#define RDMSR		31
#define EPT_VIOLATION	48

static struct genl g;

/**
 * struct stats - what there is of a vCPU, or of a VM
 * @stat: counters
 * @count: exits by reason
 * @ticks: likewise
 */
struct stats {
	u64 stat[LODGE_NR_STATS];
	u64 count[REASONS];
	u64 ticks[REASONS];
};

static void take(const struct genl_answer *a, void *arg)
{
	struct genl_answer counters, exits, exit;
	struct stats *s = arg;
	unsigned int i;

	memset(s, 0, sizeof(*s));
	genl_nested(a->attr[LODGE_A_STATS_COUNTERS], &counters);
	genl_nested(a->attr[LODGE_A_STATS_EXITS], &exits);
	for (i = 0; i < LODGE_NR_STATS; i++)
		s->stat[i] = genl_u64(&counters, LODGE_A_COUNTER(i));
	for (i = 0; i < REASONS; i++) {
		if (!exits.attr[i + 1])
			continue;
		genl_nested(exits.attr[i + 1], &exit);
		EXPECT_EQ(genl_u32(&exit, LODGE_A_EXIT_REASON), i);
		s->count[i] = genl_u64(&exit, LODGE_A_EXIT_COUNT);
		s->ticks[i] = genl_u64(&exit, LODGE_A_EXIT_TICKS);
		EXPECT_NE(s->count[i], 0u);
	}
}

static struct stats stats_of(u32 number, int vcpu)
{
	struct stats s;

	genl_begin(&g, LODGE_CMD_STATS_GET, 0);
	genl_put_u32(&g, LODGE_A_STATS_VM, number);
	if (vcpu >= 0)
		genl_put_u32(&g, LODGE_A_STATS_VCPU, vcpu);
	EXPECT_EQ(genl_send(&g, take, &s), 0);
	return s;
}

static u64 sum(const u64 *values)
{
	u64 s = 0;
	unsigned int i;

	for (i = 0; i < REASONS; i++)
		s += values[i];
	return s;
}

static void exits(void)
{
	u32 r[4], i;

	GUEST_SYNC(0);
	for (i = 0; i < N; i++)
		cpuid(0, 0, r);
	for (i = 0; i < 2 * N; i++)
		rdmsr(MSR_TSC_ADJUST);
	for (i = 0; i < N; i++)
		*(volatile u8 *)(GPA_FREE + 0x1000ull * i) = 1;
	GUEST_SYNC(1);
	GUEST_DONE();
}

TEST(exits_by_reason)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, exits);
	struct stats before, after, all;
	u64 start, ticks;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	vcpu_sync(vcpu, 0);
	before = stats_of(number, 0);
	start = rdtsc();
	vcpu_sync(vcpu, 1);
	ticks = rdtsc() - start;
	after = stats_of(number, 0);
	EXPECT_EQ(after.count[CPUID] - before.count[CPUID], (u64)N);
	EXPECT_EQ(after.count[RDMSR] - before.count[RDMSR], 2ull * N);
	EXPECT_GE(after.count[EPT_VIOLATION] - before.count[EPT_VIOLATION], 1u);
	EXPECT_EQ(sum(after.count), after.stat[LODGE_STAT_EXITS]);
	/* of the last exit they are not there yet */
	EXPECT_GT(after.ticks[CPUID], before.ticks[CPUID] + N);
	EXPECT_GT(after.ticks[RDMSR], before.ticks[RDMSR] + 2 * N);
	EXPECT_LE(after.ticks[CPUID] - before.ticks[CPUID] + after.ticks[RDMSR] -
		  before.ticks[RDMSR] + after.ticks[EPT_VIOLATION] - before.ticks[EPT_VIOLATION],
		  ticks);
	EXPECT_GE(after.stat[LODGE_STAT_FAULTS_4K] + after.stat[LODGE_STAT_FAULTS_2M] +
		  after.stat[LODGE_STAT_FAULTS_1G], 1u);
	EXPECT_LE(after.stat[LODGE_STAT_FAULTS_4K] + after.stat[LODGE_STAT_FAULTS_2M] +
		  after.stat[LODGE_STAT_FAULTS_1G], after.stat[LODGE_STAT_EPT_FAULTS]);
	vcpu_done(vcpu);
	after = stats_of(number, 0);
	vcpu_free(vcpu);
	/* it is remembered */
	all = stats_of(number, -1);
	EXPECT_EQ(all.count[CPUID], after.count[CPUID]);
	EXPECT_EQ(all.ticks[CPUID], after.ticks[CPUID]);
	EXPECT_EQ(all.stat[LODGE_STAT_EXITS], after.stat[LODGE_STAT_EXITS]);
}

static void on_nmi(struct guest_frame *f)
{
	(void)f;
}

static void sleeps(void)
{
	GUEST_SYNC(0);
	halt();
	GUEST_DONE();
}

static void *run_to_end(void *vcpu)
{
	vcpu_done((struct vcpu *)vcpu);
	return NULL;
}

/* To a HLT belongs what it slept */
TEST(halted)
{
	struct vm *vm = vm_create(LODGE_VM_HLT_IN_KERNEL);
	struct vcpu *vcpu = vcpu_long(vm, 0, sleeps);
	struct stats after;
	pthread_t thread;
	u64 start, slept;

	vm_handler(vm, 2, on_nmi);
	genl_open(&g);
	vcpu_sync(vcpu, 0);
	start = rdtsc();
	thread = thread_start(run_to_end, vcpu);
	sleep_ms(200);
	slept = rdtsc() - start;
	vcpu_nmi(vcpu);
	pthread_join(thread, NULL);
	after = stats_of(genl_last_vm(&g), 0);
	EXPECT_EQ(after.count[HLT], 1u);
	EXPECT_GE(after.ticks[HLT], slept / 2);
}

/**
 * struct place - where a vCPU may run
 * @has: that is known
 * @first: CPUs 0 to 63
 */
struct place {
	bool has;
	u64 first;
};

static void take_place(const struct genl_answer *a, void *arg)
{
	const struct nlattr *affinity = a->attr[LODGE_A_VCPU_AFFINITY];
	struct place *p = arg;

	p->has = affinity;
	if (!affinity)
		return;
	EXPECT_EQ((affinity->nla_len - NLA_HDRLEN) % 8, 0u);
	memcpy(&p->first, affinity + 1, sizeof(p->first));
}

static struct place place_of(u32 number)
{
	struct place p = { 0 };

	genl_begin(&g, LODGE_CMD_VCPU_GET, 0);
	genl_put_u32(&g, LODGE_A_VCPU_VM, number);
	genl_put_u32(&g, LODGE_A_VCPU_ID, 0);
	EXPECT_EQ(genl_send(&g, take_place, &p), 0);
	return p;
}

TEST(affinity)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, exits);
	struct place p;
	cpu_set_t set;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	EXPECT_FALSE(place_of(number).has);
	vcpu_sync(vcpu, 0);
	ASSERT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	p = place_of(number);
	EXPECT_TRUE(p.has);
	EXPECT_EQ(p.first, *(u64 *)&set);
	pin_to_cpu(nr_cpus() - 1);
	EXPECT_EQ(place_of(number).first, 1ull << (nr_cpus() - 1));
}
