// SPDX-License-Identifier: GPL-2.0-only
/* Protection keys of a host program beside guests with their own PKRU */
#include <signal.h>
#include <sys/mman.h>

#include "lib/trash.h"

#define ROUNDS	200

static u32 read_pkru(void)
{
	u32 v, edx;

	asm volatile("rdpkru" : "=a" (v), "=d" (edx) : "c" (0));
	return v;
}

static volatile int faults;
static int key;

static void on_segv(int nr, siginfo_t *info, void *context)
{
	/* the handler runs with the kernel's default PKRU; let the access through */
	faults++;
	EXPECT_EQ(info->si_code, SEGV_PKUERR);
	EXPECT_EQ(info->si_pkey, (u32)key);
	mprotect(info->si_addr, 4096, PROT_READ | PROT_WRITE);
	pkey_mprotect(info->si_addr, 4096, PROT_READ | PROT_WRITE, 0);
}

static volatile u64 *protected_page(void)
{
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	void *p;

	if (!host_has("ospke"))
		SKIP("the processor has no protection keys");
	key = pkey_alloc(0, PKEY_DISABLE_WRITE);
	ASSERT_OK(key);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(p, MAP_FAILED);
	ASSERT_OK(pkey_mprotect(p, 4096, PROT_READ | PROT_WRITE, key));
	ASSERT_OK(sigaction(SIGSEGV, &sa, NULL));
	return p;
}

TEST(across_runs)
{
	volatile u64 *p = protected_page();
	struct vcpu *vcpu = trash_vcpu();
	u32 mine;
	int i;

	mine = read_pkru();
	ASSERT_TRUE(mine & 2u << 2 * key);
	for (i = 0; i < ROUNDS; i++) {
		trash_once(vcpu);
		ASSERT_EQ(read_pkru(), mine);
	}
	EXPECT_EQ(*p, 0ull);
	EXPECT_EQ(faults, 0);
	*p = 1;
	EXPECT_EQ(faults, 1);
}

TEST(beside)
{
	volatile u64 *p = protected_page();
	u32 mine = read_pkru();
	u64 before;
	int i;

	pin_to_cpu(0);
	trash_beside(0);
	trash_beside(0);
	while (!trash_more(5))
		sched_yield();
	before = trash_rounds();
	for (i = 0; i < ROUNDS || !trash_more(before + ROUNDS); i++) {
		ASSERT_EQ(read_pkru(), mine);
		sched_yield();
	}
	EXPECT_EQ(faults, 0);
	*p = 1;
	EXPECT_EQ(faults, 1);
}

/* The kernel obeys PKRU in its own accesses for the run: guest memory of a forbidden key */
static void touch(void)
{
	*(volatile u64 *)GPA_FREE = 7;
	GUEST_SYNC(1);
}

TEST(guest_memory_with_a_key)
{
	struct vm *vm;
	struct vcpu *vcpu;
	u32 reason;

	protected_page();
	vm = vm_create(0);
	vcpu = vcpu_long(vm, 0, touch);
	ASSERT_OK(pkey_mprotect(vm_ptr(vm, GPA_FREE), 4096, PROT_READ | PROT_WRITE, key));
	/* as for a read-only mapping, or as the kernel itself may: either, but no hang, no oops */
	reason = vcpu_run_exit(vcpu);
	diag("exit %s", exit_name(reason));
	EXPECT_TRUE(reason == LODGE_EXIT_MEMORY_ERROR || vcpu_is_ucall(vcpu));
}
