// SPDX-License-Identifier: GPL-2.0-only
/* Several vCPUs, on fewer CPUs than they are, and several VMs at once, all computing */
#include "vm.h"

#define PER_VCPU	30000
#define MAX_VCPUS	8

static volatile u32 total, running, wanted;
static volatile u64 lock, guarded;

/* A lock, an atomic counter and a plain one under the lock */
static void add(u64 id)
{
	u32 i;

	asm volatile("lock; incl %0" : "+m" (running));
	while (running < wanted)
		cpu_relax();
	for (i = 0; i < PER_VCPU; i++) {
		asm volatile("lock; incl %0" : "+m" (total));
		if (i & 7)
			continue;
		while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
			cpu_relax();
		guarded += id + 1;
		__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	}
	GUEST_SYNC(id);
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_sync(vcpu, vcpu->id);
	return NULL;
}

static void start(struct vm *vm, int nr, pthread_t *t)
{
	int i;

	GUEST_VAR(vm, wanted) = nr;
	for (i = 0; i < nr; i++) {
		struct vcpu *vcpu = vcpu_create(vm, i);

		vcpu_start_long_arg(vcpu, add, i);
		t[i] = thread_start(runner, vcpu);
	}
}

static void finish(struct vm *vm, int nr, pthread_t *t)
{
	int i;

	for (i = 0; i < nr; i++)
		ASSERT_EQ(pthread_join(t[i], NULL), 0);
	EXPECT_EQ(GUEST_VAR(vm, total), (u32)nr * PER_VCPU);
	EXPECT_EQ(GUEST_VAR(vm, guarded), (u64)PER_VCPU / 8 * nr * (nr + 1) / 2);
}

TEST(two_vcpus)
{
	struct vm *vm = vm_create(0);
	pthread_t t[2];

	start(vm, 2, t);
	finish(vm, 2, t);
}

TEST_SECONDS(more_than_cpus, 120)
{
	struct vm *vm = vm_create(0);
	pthread_t t[MAX_VCPUS];

	start(vm, MAX_VCPUS, t);
	finish(vm, MAX_VCPUS, t);
}

TEST_SECONDS(two_vms, 120)
{
	struct vm *a = vm_create(0), *b = vm_create(0);
	pthread_t t[3], u[3];

	start(a, 3, t);
	start(b, 3, u);
	finish(a, 3, t);
	finish(b, 3, u);
}

/* Every number that may be given, all with their own state, run in turn by one thread */
static void own_id(u64 id)
{
	u32 r[4];

	cpuid(1, 0, r);
	GUEST_ASSERT_EQ(r[1] >> 24, id);
	GUEST_SYNC(id);
}

TEST(all_numbers)
{
	struct vm *vm = vm_create(0);
	struct lodge_create_vcpu create = { .size = sizeof(create) };
	struct vcpu *vcpu[64];
	struct lodge_info info;
	u32 i;

	lodge_info(&info);
	ASSERT_LE(info.max_vcpus, 64u);
	for (i = 0; i < info.max_vcpus; i++) {
		vcpu[i] = vcpu_create(vm, i);
		vcpu_start_long_arg(vcpu[i], own_id, i);
	}
	for (i = info.max_vcpus; i-- > 0;)
		vcpu_sync(vcpu[i], i);
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_CREATE_VCPU, &create), EEXIST);
	create.id = info.max_vcpus;
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_CREATE_VCPU, &create), EINVAL);
	/* a number is free again when its vCPU has been closed */
	vcpu_free(vcpu[5]);
	vcpu[5] = vcpu_create(vm, 5);
	vcpu_start_long_arg(vcpu[5], own_id, 5);
	vcpu_sync(vcpu[5], 5);
}
