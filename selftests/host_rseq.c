// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restartable sequences of a host thread that runs a guest: after each run, wherever
 * the thread was moved meanwhile, the CPU number in its rseq area is right; and per-CPU
 * counters that are updated by critical sections beside guests come out right.
 */
#include <linux/rseq.h>
#include <sched.h>
#include <signal.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/trash.h"

#define ROUNDS	1000
#define ADDS	20000
#define GUEST_ROUNDS	200

static struct rseq *area(void)
{
	char *tp;

	if (!__rseq_size)
		SKIP("libc has registered no rseq area");
	asm volatile("mov %%fs:0, %0" : "=r" (tp));
	return (struct rseq *)(tp + __rseq_offset);
}

static u32 real_cpu(void)
{
	unsigned int cpu = ~0u;

	ASSERT_OK(syscall(SYS_getcpu, &cpu, NULL, NULL));
	return cpu;
}

static volatile int stop;

static void *mover(void *arg)
{
	pthread_t t = *(pthread_t *)arg;
	cpu_set_t set;
	int i;

	for (i = 0; !stop; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % nr_cpus(), &set);
		pthread_setaffinity_np(t, sizeof(set), &set);
		usleep(200);
	}
	return NULL;
}

/* The thread is moved while it is in LODGE_VCPU_RUN */
TEST(cpu_number)
{
	volatile struct rseq *r = area();
	pthread_t self = pthread_self(), t;
	struct vcpu *vcpu = trash_vcpu();
	u32 seen, before, after, stable = 0;
	int i;

	need_cpus(2);
	t = thread_start(mover, &self);
	for (i = 0; i < ROUNDS; i++) {
		trash_once(vcpu);
		before = real_cpu();
		seen = r->cpu_id;
		after = real_cpu();
		/* moved just now, once at least: try again */
		if (before != after)
			continue;
		ASSERT_EQ(seen, before);
		stable++;
	}
	stop = 1;
	pthread_join(t, NULL);
	EXPECT_GT(stable, (u32)ROUNDS / 4);
}

/* counter[cpu] += 1 as a critical section; true if it was not interrupted */
static bool add_here(struct rseq *r, u64 *counter)
{
	u64 ok = 0;
	u32 cpu = *(volatile u32 *)&r->cpu_id_start;

	asm volatile(".pushsection __rseq_cs, \"aw\"\n"
		     "	.balign 32\n"
		     "3:	.long 0, 0\n"
		     "	.quad 1f, 2f - 1f, 4f\n"
		     ".popsection\n"
		     "	lea 3b(%%rip), %%rax\n"
		     "	mov %%rax, %[cs]\n"
		     "1:	cmp %[cpu], %[id]\n"
		     "	jne 5f\n"
		     "	mov $1, %[ok]\n"
		     "	incq (%[counter])\n"
		     "2:	jmp 6f\n"
		     "	.long 0x53053053\n"		/* RSEQ_SIG */
		     "4:\n"
		     "5:	xor %k[ok], %k[ok]\n"
		     "6:	movq $0, %[cs]\n"
		     : [ok] "+&r" (ok), [cs] "=m" (r->rseq_cs), [id] "+m" (r->cpu_id)
		     : [cpu] "r" (cpu), [counter] "r" (counter + 8 * cpu)
		     : "rax", "memory", "cc");
	return ok;
}

static u64 counters[64 * 8];

static void *adder(void *arg)
{
	struct rseq *r = area();
	u64 i, tries;

	for (i = tries = 0; i < ADDS || !trash_more(GUEST_ROUNDS); tries++) {
		i += add_here(r, counters);
		if (tries % 256 == 0)
			raw_yield();
	}
	return (void *)i;
}

TEST(critical_sections)
{
	u64 sum = 0, wanted = 0;
	pthread_t t[4];
	void *ret;
	int i;

	for (i = 0; i < nr_cpus(); i++) {
		trash_beside(i);
		trash_beside(i);
	}
	for (i = 0; i < 4; i++)
		t[i] = thread_start(adder, NULL);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(pthread_join(t[i], &ret), 0);
		wanted += (u64)ret;
	}
	for (i = 0; i < 64; i++)
		sum += counters[8 * i];
	EXPECT_EQ(sum, wanted);
}
