// SPDX-License-Identifier: GPL-2.0-only
/*
 * LODGE_VM_IOEVENTFD: writes of a guest that signal eventfds and are done with that, those
 * beside them that still come to user space, and changes while the guest writes.
 */
#include "eventfds.h"

#define A_PORT		0x500
#define B_PORT		0x510
#define ANY_PORT	0x520
#define NEAR_PORT	0x530
#define MMIO		0xd0000000ull
#define WRITES		60000

/* ---- ports --------------------------------------------------------------- */

static void write_ports(void)
{
	static u32 string[] = { 7, 9, 8, 7 };
	const u32 *from = string;
	u64 count = 4;

	outl(A_PORT, 5);
	outw(A_PORT, 6);		/* exits from here on where it says so */
	outb(A_PORT, 7);
	outl(A_PORT + 1, 8);
	inl(A_PORT);
	GUEST_SYNC(1);
	outl(B_PORT, 7);
	outl(B_PORT, 8);
	outl(B_PORT, 9);		/* exits */
	outl(B_PORT, 7);
	outb(ANY_PORT, 1);
	outw(ANY_PORT, 2);
	outl(ANY_PORT, 3);
	outb(ANY_PORT + 1, 3);		/* exits */
	outl(NEAR_PORT, 1);
	outb(NEAR_PORT, 1);
	outw(NEAR_PORT, 1);		/* exits */
	/* of a string only what nobody has taken comes out */
	asm volatile("rep outsl" : "+S" (from), "+c" (count) : "d" (B_PORT) : "memory");
	GUEST_ASSERT_EQ(from - string, 4);
	GUEST_DONE();
}

static void expect_port(struct vcpu *vcpu, u16 port, u8 width, u32 count, u32 value)
{
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, port);
	EXPECT_EQ(vcpu->run->io.width, width);
	EXPECT_EQ(vcpu->run->io.count, count);
	if (vcpu->run->io.direction == LODGE_IO_OUT)
		EXPECT_EQ(*(u32 *)((char *)vcpu->run + vcpu->run->io.data_offset), value);
}

TEST(ports)
{
	struct vm *vm = vm_create(0);
	int a = event(), seven = event(), eight = event(), any = event(), near = event();
	struct vcpu *vcpu = vcpu_long(vm, 0, write_ports);

	EXPECT_OK(ioeventfd(vm, PORT, A_PORT, 4, 0, a));
	EXPECT_OK(ioeventfd(vm, PORT | MATCH, B_PORT, 4, 7, seven));
	EXPECT_OK(ioeventfd(vm, PORT | MATCH, B_PORT, 4, 8, eight));
	EXPECT_OK(ioeventfd(vm, PORT, ANY_PORT, 0, 0, any));
	EXPECT_OK(ioeventfd(vm, PORT, NEAR_PORT, 4, 0, near));
	EXPECT_OK(ioeventfd(vm, PORT, NEAR_PORT, 1, 0, near));
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.width, 2);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.width, 1);
	expect_port(vcpu, A_PORT + 1, 4, 1, 8);
	expect_port(vcpu, A_PORT, 4, 1, 0);
	vcpu_sync(vcpu, 1);
	EXPECT_EQ(signals(a), 1);
	expect_port(vcpu, B_PORT, 4, 1, 9);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, ANY_PORT + 1);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, NEAR_PORT);
	expect_port(vcpu, B_PORT, 4, 1, 9);
	vcpu_done(vcpu);
	EXPECT_EQ(signals(a), 0);
	EXPECT_EQ(signals(seven), 4);
	EXPECT_EQ(signals(eight), 2);
	EXPECT_EQ(signals(any), 3);
	EXPECT_EQ(signals(near), 2);
}

/* ---- memory -------------------------------------------------------------- */

static void write_memory(void)
{
	*(volatile u8 *)MMIO = 1;		/* exits */
	*(volatile u16 *)MMIO = 2;
	*(volatile u32 *)MMIO = 3;
	*(volatile u64 *)MMIO = 4;		/* exits */
	*(volatile u16 *)(MMIO + 1) = 5;	/* exits */
	GUEST_ASSERT_EQ(*(volatile u32 *)MMIO, 0x55555555);	/* exits */
	*(volatile u64 *)(MMIO + 8) = 0x1122334455667788;
	*(volatile u64 *)(MMIO + 8) = 0x1122334455667789;	/* exits */
	*(volatile u32 *)(MMIO + 8) = 0x55667788;		/* exits */
	*(volatile u8 *)(MMIO + 16) = 1;
	*(volatile u64 *)(MMIO + 16) = 1;
	GUEST_DONE();
}

static void expect_memory(struct vcpu *vcpu, u64 gpa, u32 len, bool write)
{
	vcpu_exit(vcpu, LODGE_EXIT_MMIO);
	EXPECT_EQ(vcpu->run->mmio.gpa, gpa);
	EXPECT_EQ(vcpu->run->mmio.len, len);
	EXPECT_EQ(!!vcpu->run->mmio.is_write, write);
	memset(vcpu->run->mmio.data, 0x55, sizeof(vcpu->run->mmio.data));
}

TEST(memory)
{
	struct vm *vm = vm_create(0);
	int two = event(), four = event(), match = event(), any = event();
	struct vcpu *vcpu = vcpu_long(vm, 0, write_memory);

	EXPECT_OK(ioeventfd(vm, 0, MMIO, 2, 0, two));
	EXPECT_OK(ioeventfd(vm, 0, MMIO, 4, 0, four));
	EXPECT_OK(ioeventfd(vm, MATCH, MMIO + 8, 8, 0x1122334455667788, match));
	EXPECT_OK(ioeventfd(vm, 0, MMIO + 16, 0, 0, any));
	expect_memory(vcpu, MMIO, 1, true);
	expect_memory(vcpu, MMIO, 8, true);
	expect_memory(vcpu, MMIO + 1, 2, true);
	expect_memory(vcpu, MMIO, 4, false);
	expect_memory(vcpu, MMIO + 8, 8, true);
	expect_memory(vcpu, MMIO + 8, 4, true);
	vcpu_done(vcpu);
	EXPECT_EQ(signals(two), 1);
	EXPECT_EQ(signals(four), 1);
	EXPECT_EQ(signals(match), 1);
	EXPECT_EQ(signals(any), 2);
}

/* ---- what is refused ----------------------------------------------------- */

TEST(refused)
{
	struct vm *vm = vm_create(0);
	int e = event(), pipes[2], bit;
	struct lodge_info info;

	lodge_info(&info);
	ASSERT_OK(pipe(pipes));
	for (bit = 3; bit < 32; bit++)
		EXPECT_ERRNO(ioeventfd(vm, 1u << bit, MMIO, 4, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, PORT, A_PORT, 8, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, PORT, A_PORT, 3, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO, 16, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO, 0x80000000, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO, ~0u, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, PORT, 0x10000, 1, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, PORT, 0x10000, 0, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, PORT, 0xfffd, 4, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, PORT, -1ull, 2, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, 1ull << info.phys_bits, 1, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, (1ull << info.phys_bits) - 1, 2, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, -1ull, 8, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO, 4, 1, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, MATCH, MMIO, 0, 0, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, MATCH, MMIO, 4, 1ull << 32, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, MATCH | PORT, A_PORT, 1, 0x100, e), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO, 4, 0, -1), EBADF);
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO, 4, 0, 1000000), EBADF);
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO, 4, 0, pipes[0]), EINVAL);
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO, 4, 0, vm->fd), EINVAL);
	/* at the very ends */
	EXPECT_OK(ioeventfd(vm, PORT, 0xffff, 1, 0, e));
	EXPECT_OK(ioeventfd(vm, PORT, 0, 4, 0, e));
	EXPECT_OK(ioeventfd(vm, 0, (1ull << info.phys_bits) - 8, 8, 0, e));
	EXPECT_OK(ioeventfd(vm, MATCH, MMIO, 8, -1ull, e));
}

TEST(overlaps)
{
	const u32 off = LODGE_IOEVENTFD_DEASSIGN;
	struct vm *vm = vm_create(0), *pc = vm_create(VM_PC | LODGE_VM_DEBUG_PORTS);
	int a = event(), b = event();

	EXPECT_OK(ioeventfd(vm, PORT, A_PORT, 4, 0, a));
	EXPECT_ERRNO(ioeventfd(vm, PORT, A_PORT, 4, 0, a), EEXIST);
	EXPECT_ERRNO(ioeventfd(vm, PORT, A_PORT, 4, 0, b), EEXIST);
	EXPECT_ERRNO(ioeventfd(vm, PORT | MATCH, A_PORT, 4, 1, b), EEXIST);
	EXPECT_ERRNO(ioeventfd(vm, PORT, A_PORT, 0, 0, b), EEXIST);
	EXPECT_OK(ioeventfd(vm, PORT, A_PORT, 2, 0, b));
	EXPECT_OK(ioeventfd(vm, 0, A_PORT, 4, 0, b));
	EXPECT_OK(ioeventfd(vm, PORT | MATCH, B_PORT, 4, 1, a));
	EXPECT_OK(ioeventfd(vm, PORT | MATCH, B_PORT, 4, 2, a));
	EXPECT_ERRNO(ioeventfd(vm, PORT | MATCH, B_PORT, 4, 2, b), EEXIST);
	EXPECT_ERRNO(ioeventfd(vm, PORT, B_PORT, 4, 0, b), EEXIST);
	EXPECT_ERRNO(ioeventfd(vm, PORT, B_PORT, 0, 0, b), EEXIST);
	EXPECT_OK(ioeventfd(vm, PORT, ANY_PORT, 0, 0, a));
	EXPECT_ERRNO(ioeventfd(vm, PORT, ANY_PORT, 1, 0, b), EEXIST);
	/* only what is there, as it is there, can be taken away */
	EXPECT_ERRNO(ioeventfd(vm, PORT | off, A_PORT, 4, 0, b), ENOENT);
	EXPECT_ERRNO(ioeventfd(vm, off, MMIO, 4, 0, a), ENOENT);
	EXPECT_ERRNO(ioeventfd(vm, PORT | off, A_PORT, 1, 0, a), ENOENT);
	EXPECT_ERRNO(ioeventfd(vm, PORT | off, B_PORT, 4, 0, a), ENOENT);
	EXPECT_ERRNO(ioeventfd(vm, PORT | MATCH | off, B_PORT, 4, 3, a), ENOENT);
	EXPECT_ERRNO(ioeventfd(pc, PORT | off, A_PORT, 4, 0, -1), ENOENT);
	EXPECT_OK(ioeventfd(vm, PORT | off, A_PORT, 4, 0, a));
	EXPECT_ERRNO(ioeventfd(vm, PORT | off, A_PORT, 4, 0, a), ENOENT);
	EXPECT_OK(ioeventfd(vm, PORT | MATCH | off, B_PORT, 4, 1, -1));
	EXPECT_OK(ioeventfd(vm, PORT, A_PORT, 4, 0, b));
	/* devices in the kernel */
	EXPECT_ERRNO(ioeventfd(pc, PORT, 0x3f8, 1, 0, a), EEXIST);
	EXPECT_ERRNO(ioeventfd(pc, PORT, 0x3f6, 4, 0, a), EEXIST);
	EXPECT_OK(ioeventfd(pc, PORT, 0x3f6, 2, 0, a));
	EXPECT_ERRNO(ioeventfd(pc, PORT, 0xcf8, 4, 0, a), EEXIST);
	EXPECT_ERRNO(ioeventfd(pc, 0, 0xfec00000, 4, 0, a), EEXIST);
	EXPECT_ERRNO(ioeventfd(pc, 0, MMIO, 4, 0, a), EEXIST);
	EXPECT_OK(ioeventfd(pc, 0, 0xfed00000, 4, 0, a));
}

TEST(as_many_as_there_may_be)
{
	struct vm *vm = vm_create(0);
	int e = event();
	u32 i;

	for (i = 0; i < LODGE_MAX_IOEVENTFDS; i++)
		ASSERT_OK(ioeventfd(vm, MATCH, MMIO, 4, i * 7 % LODGE_MAX_IOEVENTFDS, e));
	EXPECT_ERRNO(ioeventfd(vm, 0, MMIO + 8, 4, 0, e), ENOSPC);
	EXPECT_OK(ioeventfd(vm, PORT, A_PORT, 4, 0, e));
	EXPECT_OK(ioeventfd(vm, MATCH | LODGE_IOEVENTFD_DEASSIGN, MMIO, 4, 100, e));
	EXPECT_OK(ioeventfd(vm, 0, MMIO - 8, 4, 0, e));
}

/* ---- others at work ------------------------------------------------------ */

static void write_on(void)
{
	u32 i;

	for (i = 0; i < WRITES; i++)
		outl(A_PORT, i);
	GUEST_DONE();
}

static struct vm *the_vm;
static int the_event;
static volatile bool stop;

static void *change(void *unused)
{
	const u32 off = LODGE_IOEVENTFD_DEASSIGN;
	u64 n;

	for (n = 0; !stop; n++) {
		ASSERT_OK(ioeventfd(the_vm, PORT, A_PORT, 4, 0, the_event));
		ASSERT_OK(ioeventfd(the_vm, PORT, A_PORT + 1, 4, 0, the_event));
		if (n % 2)
			usleep(1000);
		ASSERT_OK(ioeventfd(the_vm, PORT | off, A_PORT, 4, 0, -1));
		ASSERT_OK(ioeventfd(the_vm, PORT | off, A_PORT + 1, 4, 0, -1));
	}
	return (void *)n;
}

/* A write signals or exits, never both and never neither */
TEST(changes_while_the_guest_writes)
{
	struct vm *vm = the_vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_on);
	u64 exits = 0, signalled;
	pthread_t thread;
	void *changes;

	the_event = event();
	thread = thread_start(change, NULL);
	while (vcpu_run(vcpu) == LODGE_EXIT_IO && vcpu->run->io.port == A_PORT)
		exits++;
	stop = true;
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	pthread_join(thread, &changes);
	signalled = signals(the_event);
	diag("%llu of %u writes signalled, %lu changes", (unsigned long long)signalled, WRITES,
	     (unsigned long)changes);
	EXPECT_EQ(signalled + exits, WRITES);
	EXPECT_GT(signalled, 0);
}

static void write_and_halt(void)
{
	u32 i;

	for (i = 0; i < 100; i++)
		outl(A_PORT, i);
	outl(B_PORT, 0);
	halt();
}

/* The eventfd is kept when its descriptor goes; and a closed VM signals as others do */
TEST(closed_descriptors_and_vms)
{
	struct vm *vm = vm_create(LODGE_VM_CLOSED);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_and_halt);
	int e = event(), other = dup(e);

	ASSERT_OK(other);
	EXPECT_OK(ioeventfd(vm, PORT, A_PORT, 4, 0, e));
	close(e);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
	EXPECT_EQ(signals(other), 100);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_EXITS_USER), 1);
	close(other);
	vcpu_free(vcpu);
	vm_free(vm);
}
