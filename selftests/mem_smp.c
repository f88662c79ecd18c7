// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several vCPUs and the owner's own threads add to the same words, while other pages around
 * them are thrown away and protected all the time: nothing is lost.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"

#define NR_VCPUS	3
#define NR_THREADS	2
#define NR_WORDS	8
#define LEN		(2 * HUGE)
#define MS		1500

static volatile u64 stop;

/* Words in pages of their own, spread over the region; those at odd MiB are thrown away */
static u64 word(unsigned int nr)
{
	return nr * (LEN / NR_WORDS);
}

static u64 other(unsigned int nr)
{
	return word(nr) + LEN / NR_WORDS / 2;
}

static inline void add(volatile void *p)
{
	u64 one = 1;

	asm volatile("lock; xaddq %0, (%1)" : "+r" (one) : "r" (p) : "memory", "cc");
}

/* The counts that each vCPU has made of each word: its own memory, past the region */
static void adder(u64 id)
{
	volatile u64 *mine = (u64 *)(GPA_SCRATCH + id * PAGE);
	u32 s = id, nr;

	while (!stop) {
		nr = random_next(&s) % NR_WORDS;
		add((void *)(GPA_REGION + word(nr)));
		mine[nr]++;
		/* what is thrown away is zero, or what somebody wrote since */
		*(volatile u64 *)(GPA_REGION + other(nr)) = 7;
		if (*(volatile u64 *)(GPA_REGION + other(nr)) & ~7ull)
			GUEST_ASSERT_EQ(*(volatile u64 *)(GPA_REGION + other(nr)), 7);
	}
	GUEST_DONE();
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	for (;;) {
		u32 reason = vcpu_run_exit(vcpu);

		if (vcpu_is_ucall(vcpu))
			return NULL;
		/* the storm forbids for a moment what the guest does */
		ASSERT_EQ(reason, (u32)LODGE_EXIT_MEMORY_ERROR);
		usleep(100);
	}
}

struct host_adder {
	struct vm *vm;
	char *mem;
	u64 made[NR_WORDS];
};

static void *host_adder(void *arg)
{
	struct host_adder *h = arg;
	u32 s = (u64)h, nr, i = 0;

	while (!GUEST_VAR(h->vm, stop)) {
		nr = random_next(&s) % NR_WORDS;
		add(h->mem + word(nr));
		h->made[nr]++;
		if (++i % 64 == 0)
			usleep(100);
	}
	return NULL;
}

static void storm(char *mem, bool huge)
{
	u64 end = now_ns() + MS * 1000000ull;
	unsigned int i;

	for (i = 0; now_ns() < end; i++) {
		char *p = mem + other(i % NR_WORDS);

		switch (i % 4) {
		case 0:
			ASSERT_OK(madvise(p, PAGE, MADV_DONTNEED));
			break;
		case 1:
			ASSERT_OK(mprotect(p, PAGE, PROT_READ));
			ASSERT_OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
			break;
		case 2:
			ASSERT_OK(mprotect(p, PAGE, PROT_NONE));
			ASSERT_OK(madvise(p, 2 * PAGE, MADV_DONTNEED));
			ASSERT_OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
			break;
		case 3:
			if (huge)
				madvise(mem, LEN, 25 /* MADV_COLLAPSE */);
			break;
		}
	}
}

static void run(char *mem, bool huge)
{
	struct host_adder host[NR_THREADS];
	pthread_t t[NR_VCPUS + NR_THREADS];
	struct vm *vm = vm_create(0);
	unsigned int i, nr;
	u64 sum, all = 0;

	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, LEN, mem);
	memset(host, 0, sizeof(host));
	for (i = 0; i < NR_VCPUS; i++) {
		struct vcpu *vcpu = vcpu_create(vm, i);

		vcpu_start_long_arg(vcpu, adder, i);
		t[i] = thread_start(runner, vcpu);
	}
	for (i = 0; i < NR_THREADS; i++) {
		host[i].vm = vm;
		host[i].mem = mem;
		t[NR_VCPUS + i] = thread_start(host_adder, &host[i]);
	}
	storm(mem, huge);
	GUEST_VAR(vm, stop) = 1;
	for (i = 0; i < NR_VCPUS + NR_THREADS; i++)
		ASSERT_EQ(pthread_join(t[i], NULL), 0);
	for (nr = 0; nr < NR_WORDS; nr++) {
		for (i = sum = 0; i < NR_VCPUS; i++)
			sum += ((u64 *)vm_ptr(vm, GPA_SCRATCH + i * PAGE))[nr];
		for (i = 0; i < NR_THREADS; i++)
			sum += host[i].made[nr];
		EXPECT_EQ(*(u64 *)(mem + word(nr)), sum);
		all += sum;
	}
	diag("%llu additions", (unsigned long long)all);
	EXPECT_GT(all, 1000ull);
}

TEST(small_pages)
{
	char *mem = mem_anon(LEN, HUGE);

	madvise(mem, LEN, MADV_NOHUGEPAGE);
	run(mem, false);
}

TEST(huge_pages)
{
	char *mem = mem_thp(LEN);

	memset(mem, 0, LEN);
	run(mem, true);
}

/* Locked operations across two pages, on one of which the owner always works */
static void split_adder(u64 id)
{
	volatile u64 *mine = (u64 *)(GPA_SCRATCH + id * PAGE);

	while (!stop) {
		asm volatile("lock; incq (%0)" : : "r" (GPA_REGION + PAGE - 4) : "memory", "cc");
		mine[0]++;
	}
	GUEST_DONE();
}

TEST(split_locks)
{
	char *mem = mem_anon(4 * PAGE, PAGE);
	struct vm *vm = vm_create(0);
	u64 end = now_ns() + 300000000, sum = 0, v;
	pthread_t t[2];
	int i;

	memset(mem, 0, 4 * PAGE);
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, 4 * PAGE, mem);
	for (i = 0; i < 2; i++) {
		struct vcpu *vcpu = vcpu_create(vm, i);

		vcpu_start_long_arg(vcpu, split_adder, i);
		t[i] = thread_start(runner, vcpu);
	}
	while (now_ns() < end) {
		ASSERT_OK(mprotect(mem + PAGE, PAGE, PROT_READ));
		ASSERT_OK(mprotect(mem + PAGE, PAGE, PROT_READ | PROT_WRITE));
		usleep(100);
	}
	GUEST_VAR(vm, stop) = 1;
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(pthread_join(t[i], NULL), 0);
		sum += *(u64 *)vm_ptr(vm, GPA_SCRATCH + i * PAGE);
	}
	memcpy(&v, mem + PAGE - 4, 8);
	EXPECT_EQ(v, sum);
}
