// SPDX-License-Identifier: GPL-2.0-only
/*
 * kill -9 of a VM's process at random moments: while it sets the VM up, while vCPUs
 * run, halt, fault and exit.  All of it is freed, the host goes on, the next VM works.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define ROUNDS	150

/* A guest that does everything in turn */
static void busy(u64 id)
{
	volatile u64 *p = (u64 *)GPA_FREE;
	u32 r[4];
	u64 i;

	for (i = 0;; i++) {
		p[i * 512 % 0x80000] = i;		/* EPT faults */
		cpuid(0, 0, r);
		if (i % 64 == 0)
			inl(0x500);
		if (i % 64 == 1)
			wrmsr(MSR_KERNEL_GS_BASE, i);
		if (i % 512 == 2)
			asm volatile("movq %0, %%xmm3" : : "r" (i));
		if (i % 1024 == 3 && id == 1)
			safe_halt();
	}
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	for (;;)
		vcpu_run(vcpu);
	return NULL;
}

static void on_irq(struct guest_frame *f)
{
}

static void victim(void)
{
	struct vm *vm = vm_create(LODGE_VM_HLT_IN_KERNEL);
	struct vcpu *vcpu[3];
	u64 i;

	vm_handler(vm, 0x40, on_irq);
	for (i = 0; i < 3; i++) {
		vcpu[i] = vcpu_create(vm, i);
		vcpu_start_long_arg(vcpu[i], busy, i);
		thread_start(runner, vcpu[i]);
	}
	for (i = 0;; i++) {
		vcpu_interrupt(vcpu[1], 0x40);
		vcpu_nmi(vcpu[1]);
		madvise(vm_ptr(vm, GPA_FREE), 0x400000, MADV_DONTNEED);
		sched_yield();
	}
}

/* Module's use count, which each VM and vCPU descriptor raises */
static int module_refs(void)
{
	FILE *f = fopen("/sys/module/lodge/refcnt", "r");
	int n = -1;

	ASSERT_TRUE(f);
	ASSERT_EQ(fscanf(f, "%d", &n), 1);
	fclose(f);
	return n;
}

static void works(void)
{
	GUEST_SYNC(1);
}

TEST_SECONDS(at_random, 200)
{
	u32 seed = 12345;
	int i, status;

	for (i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();

		if (!pid)
			victim();
		ASSERT_GT(pid, 0);
		seed = seed * 1103515245 + 12345;
		usleep((seed >> 8) % 12000);
		ASSERT_OK(kill(pid, SIGKILL));
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_TRUE(WIFSIGNALED(status));
		ASSERT_EQ(WTERMSIG(status), SIGKILL);
	}
	for (i = 0; i < 100 && module_refs(); i++)
		sleep_ms(20);
	EXPECT_EQ(module_refs(), 0);
	vcpu_sync(vcpu_long(vm_create(0), 0, works), 1);
}

/* exit() with vCPUs running in other threads, and exec */
TEST(exit_and_exec)
{
	int i, status;

	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct vcpu *vcpu = vcpu_create(vm_create(0), 0);

			vcpu_start_long_arg(vcpu, busy, 0);
			thread_start(runner, vcpu);
			usleep(i * 500);
			if (i & 1)
				_exit(7);
			close(STDOUT_FILENO);
			execl("/proc/self/exe", "self", "no_such_test", NULL);
			_exit(8);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_TRUE(WIFEXITED(status));
		EXPECT_EQ(WEXITSTATUS(status), i & 1 ? 7 : KTAP_FAIL);
	}
	for (i = 0; i < 100 && module_refs(); i++)
		sleep_ms(20);
	EXPECT_EQ(module_refs(), 0);
}
