// SPDX-License-Identifier: GPL-2.0-only
/*
 * LODGE_VM_IRQFD: eventfds that interrupt a guest, by edges, levels and messages; what its EOI
 * does; and their end while others signal them.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "eventfds.h"

#define MACHINE		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)

#define X2APIC_EOI	0x80b
#define X2APIC_SVR	0x80f
#define X2APIC_LINT0	0x835
#define IOAPIC		0xfec00000ull
#define LEVEL_ENTRY	0x8000
#define MASKED		0x10000
#define MANY		1000
#define EDGE_GSI	5
#define LEVEL_GSI	20
#define PIC_GSI		10
#define EDGE_VECTOR	0x50
#define LEVEL_VECTOR	0x51
#define MSI_VECTOR	0x52
#define PIC_VECTOR	0x60	/* of IRQ 0 */

#define DOORBELL	0x500

static volatile u64 edges, levels, messages, by_pic;

static void ioapic(u32 pin, u32 entry)
{
	*(volatile u32 *)IOAPIC = 0x11 + 2 * pin;
	*(volatile u32 *)(IOAPIC + 0x10) = 0;
	*(volatile u32 *)IOAPIC = 0x10 + 2 * pin;
	*(volatile u32 *)(IOAPIC + 0x10) = entry;
}

static void on_edge(struct guest_frame *f)
{
	edges++;
	wrmsr(X2APIC_EOI, 0);
}

static void on_level(struct guest_frame *f)
{
	/* one that does not end would keep the guest from saying so */
	if (++levels == MANY)
		ioapic(LEVEL_GSI, MASKED);
	wrmsr(X2APIC_EOI, 0);
}

static void on_message(struct guest_frame *f)
{
	messages++;
	wrmsr(X2APIC_EOI, 0);
}

static void on_pic(struct guest_frame *f)
{
	by_pic++;
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void pic(void)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, PIC_VECTOR);
	outb(0xa1, PIC_VECTOR + 8);
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0xfb);
	outb(0xa1, 0xff & ~(1 << (PIC_GSI - 8)));
	outb(0x4d1, 1 << (PIC_GSI - 8));
}

static void set_up(void)
{
	cli();
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC_SVR, 0x1ff);
	wrmsr(X2APIC_LINT0, 0x700);
	ioapic(EDGE_GSI, EDGE_VECTOR);
	ioapic(LEVEL_GSI, LEVEL_ENTRY | LEVEL_VECTOR);
	pic();
}

/* Tells how many there were, as often as it is asked */
static void count(void)
{
	set_up();
	for (;;) {
		asm volatile("sti; nop; nop; nop; cli" : : : "memory");
		guest_ucall(UCALL_SYNC, edges, levels, messages, by_pic);
	}
}

static struct vcpu *vcpu_for(void (*fn)(void))
{
	struct vm *vm = vm_create(MACHINE);

	vm_handler(vm, EDGE_VECTOR, on_edge);
	vm_handler(vm, LEVEL_VECTOR, on_level);
	vm_handler(vm, MSI_VECTOR, on_message);
	vm_handler(vm, PIC_VECTOR + PIC_GSI, on_pic);
	return vcpu_long(vm, 0, fn);
}

/* Since it started */
static void expect_counts(struct vcpu *vcpu, u64 e, u64 l, u64 m, u64 p)
{
	/* what the kernel still has to pass on is there with the second */
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	EXPECT_EQ(vcpu->arg[0], e);
	EXPECT_EQ(vcpu->arg[1], l);
	EXPECT_EQ(vcpu->arg[2], m);
	EXPECT_EQ(vcpu->arg[3], p);
}

/* ---- interrupts ---------------------------------------------------------- */

TEST(edges_and_messages)
{
	struct vcpu *vcpu = vcpu_for(count);
	int edge = event(), message = event(), early = event();

	EXPECT_OK(irqfd_line(vcpu->vm, edge, EDGE_GSI, -1));
	EXPECT_OK(irqfd_msi(vcpu->vm, message, MSI_VECTOR));
	expect_counts(vcpu, 0, 0, 0, 0);
	signal_fd(edge);
	expect_counts(vcpu, 1, 0, 0, 0);
	signal_fd(message);
	expect_counts(vcpu, 1, 0, 1, 0);
	signal_fd(message);
	signal_fd(edge);
	expect_counts(vcpu, 2, 0, 2, 0);
	/* the kernel has read them */
	EXPECT_EQ(signals(edge), 0);
	EXPECT_EQ(signals(message), 0);
	/* those that do not interrupt any more are left alone */
	EXPECT_OK(irqfd_remove(vcpu->vm, message));
	signal_fd(message);
	expect_counts(vcpu, 2, 0, 2, 0);
	EXPECT_EQ(signals(message), 1);
	/* signalled before */
	signal_fd(early);
	EXPECT_OK(irqfd_msi(vcpu->vm, early, MSI_VECTOR));
	expect_counts(vcpu, 2, 0, 3, 0);
	EXPECT_EQ(signals(early), 0);
}

/* Held until the EOI, which is told */
static void check_level(u32 gsi, bool is_pic)
{
	struct vcpu *vcpu = vcpu_for(count);
	int e = event(), again = event();

	expect_counts(vcpu, 0, 0, 0, 0);
	EXPECT_OK(irqfd_line(vcpu->vm, e, gsi, again));
	expect_counts(vcpu, 0, 0, 0, 0);
	EXPECT_EQ(signals(again), 0);
	signal_fd(e);
	expect_counts(vcpu, 0, !is_pic, 0, is_pic);
	EXPECT_EQ(signals(again), 1);
	/* they merge while it is held */
	signal_fd(e);
	signal_fd(e);
	EXPECT_EQ(signals(again), 0);
	expect_counts(vcpu, 0, 2 * !is_pic, 0, 2 * is_pic);
	EXPECT_EQ(signals(again), 1);
	/* taken away while it is held: no interrupt is left behind, and nobody is told */
	signal_fd(e);
	EXPECT_OK(irqfd_remove(vcpu->vm, e));
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	ASSERT_LE(vcpu->arg[is_pic ? 3 : 1], 3ull);
	expect_counts(vcpu, 0, is_pic ? 0 : vcpu->arg[1], 0, is_pic ? vcpu->arg[3] : 0);
	EXPECT_EQ(signals(again), 0);
}

TEST(level_at_the_ioapic)
{
	check_level(LEVEL_GSI, false);
}

TEST(level_at_the_pics)
{
	check_level(PIC_GSI, true);
}

TEST(a_shared_line)
{
	struct vcpu *vcpu = vcpu_for(count);
	int a = event(), b = event(), edge = event(), a_again = event(), b_again = event();
	struct lodge_gsi gsi = { .size = sizeof(gsi), .gsi = LEVEL_GSI, .level = 1 };

	EXPECT_OK(irqfd_line(vcpu->vm, a, LEVEL_GSI, a_again));
	EXPECT_OK(irqfd_line(vcpu->vm, b, LEVEL_GSI, b_again));
	EXPECT_OK(irqfd_line(vcpu->vm, edge, LEVEL_GSI, -1));
	expect_counts(vcpu, 0, 0, 0, 0);
	signal_fd(a);
	signal_fd(b);
	expect_counts(vcpu, 0, 1, 0, 0);
	EXPECT_EQ(signals(a_again), 1);
	EXPECT_EQ(signals(b_again), 1);
	/* one that is gone neither holds the line for the other nor lets it go */
	signal_fd(b);
	EXPECT_OK(irqfd_remove(vcpu->vm, a));
	expect_counts(vcpu, 0, 2, 0, 0);
	EXPECT_EQ(signals(a_again), 0);
	EXPECT_EQ(signals(b_again), 1);
	/* an edge at a level-triggered pin is an interrupt too, and holds nothing */
	signal_fd(edge);
	expect_counts(vcpu, 0, 3, 0, 0);
	EXPECT_EQ(signals(b_again), 0);
	/* what a device asserts stays asserted */
	ASSERT_OK(ioctl(vcpu->vm->fd, LODGE_VM_SET_GSI, &gsi));
	signal_fd(b);
	signal_fd(edge);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	EXPECT_GT(vcpu->arg[1], 4ull);
	EXPECT_EQ(signals(b_again), 1);
}

/* Those that are signalled by an EOI interrupt in turn, also the same one */
TEST(eois_that_interrupt)
{
	struct vcpu *vcpu = vcpu_for(count);
	int level = event(), message = event(), itself = event();

	EXPECT_OK(irqfd_msi(vcpu->vm, message, MSI_VECTOR));
	EXPECT_OK(irqfd_line(vcpu->vm, level, LEVEL_GSI, message));
	signal_fd(level);
	expect_counts(vcpu, 0, 1, 1, 0);
	EXPECT_OK(irqfd_remove(vcpu->vm, level));
	EXPECT_OK(irqfd_line(vcpu->vm, itself, LEVEL_GSI, itself));
	signal_fd(itself);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	EXPECT_GT(vcpu->arg[1], 2ull);
	EXPECT_OK(irqfd_remove(vcpu->vm, itself));
}

static void ring(void)
{
	u64 i;

	set_up();
	sti();
	for (i = 1; i <= 1000; i++) {
		outl(DOORBELL, i);
		while (messages != i)
			cpu_relax();
	}
	GUEST_DONE();
}

/* From a write to the interrupt without user space */
TEST(an_ioeventfd_that_is_an_irqfd)
{
	struct vcpu *vcpu = vcpu_for(ring);
	int e = event();
	u64 before;

	EXPECT_OK(irqfd_msi(vcpu->vm, e, MSI_VECTOR));
	EXPECT_OK(ioeventfd(vcpu->vm, PORT, DOORBELL, 4, 0, e));
	before = vcpu_stat(vcpu, LODGE_STAT_EXITS_USER);
	vcpu_done(vcpu);
	EXPECT_LE(vcpu_stat(vcpu, LODGE_STAT_EXITS_USER), before + 5);
}

static void sleep_until_interrupted(void)
{
	set_up();
	while (!messages)
		safe_halt();
	GUEST_DONE();
}

static void *signal_later(void *fd)
{
	sleep_ms(50);
	signal_fd((long)fd);
	return NULL;
}

TEST(a_sleeper_is_woken)
{
	struct vcpu *vcpu = vcpu_for(sleep_until_interrupted);
	int e = event();

	EXPECT_OK(irqfd_msi(vcpu->vm, e, MSI_VECTOR));
	thread_start(signal_later, (void *)(long)e);
	vcpu_done(vcpu);
}

/* ---- what is refused ----------------------------------------------------- */

#define EXPECT_REFUSED(err, what...) do {					\
	struct lodge_irqfd a_ = { .size = sizeof(a_), .fd = e, .resample_fd = -1, what };	\
										\
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_IRQFD, &a_), err);			\
} while (0)

TEST(refused)
{
	struct vm *vm = vm_create(0);
	int e = event(), other = event(), bit;

	EXPECT_REFUSED(ENODEV, .gsi = 5);
	vm = vm_create(MACHINE);
	for (bit = 3; bit < 32; bit++)
		EXPECT_REFUSED(EINVAL, .flags = 1u << bit);
	EXPECT_REFUSED(EINVAL, .gsi = 24);
	EXPECT_REFUSED(EINVAL, .gsi = 2);
	EXPECT_REFUSED(EINVAL, .gsi = ~0u);
	EXPECT_REFUSED(EINVAL, .gsi = 5, .data = 1);
	EXPECT_REFUSED(EINVAL, .gsi = 5, .address = 0xfee00000);
	EXPECT_REFUSED(EINVAL, .gsi = 5, .resample_fd = other);
	EXPECT_REFUSED(EBADF, .gsi = 5, .flags = LEVEL);
	EXPECT_REFUSED(EINVAL, .gsi = 5, .flags = LEVEL, .resample_fd = vm->fd);
	EXPECT_REFUSED(EINVAL, .flags = MSI);
	EXPECT_REFUSED(EINVAL, .flags = MSI, .address = 0xfed00000);
	EXPECT_REFUSED(EINVAL, .flags = MSI, .address = 0x1fee00000);
	EXPECT_REFUSED(EINVAL, .flags = MSI, .address = 0xfee00000, .gsi = 1);
	EXPECT_REFUSED(EINVAL, .flags = MSI, .address = 0xfee00000, .resample_fd = other);
	EXPECT_REFUSED(EINVAL, .flags = MSI | LEVEL, .address = 0xfee00000, .resample_fd = other);
	EXPECT_REFUSED(EBADF, .fd = -1);
	EXPECT_REFUSED(EBADF, .fd = 1000000);
	EXPECT_REFUSED(EINVAL, .fd = vm->fd);
	EXPECT_REFUSED(ENOENT, .flags = LODGE_IRQFD_DEASSIGN);
	EXPECT_REFUSED(EBADF, .flags = LODGE_IRQFD_DEASSIGN, .fd = -1);
	EXPECT_REFUSED(EINVAL, .flags = LODGE_IRQFD_DEASSIGN | MSI);
	EXPECT_REFUSED(EINVAL, .flags = LODGE_IRQFD_DEASSIGN, .gsi = 5);
	EXPECT_REFUSED(EINVAL, .flags = LODGE_IRQFD_DEASSIGN, .resample_fd = 0);
	/* once in a VM, by whatever descriptor */
	EXPECT_OK(irqfd_line(vm, e, 5, -1));
	EXPECT_REFUSED(EEXIST, .gsi = 6);
	EXPECT_REFUSED(EEXIST, .fd = dup(e), .gsi = 5);
	EXPECT_REFUSED(EEXIST, .flags = MSI, .address = 0xfee00000);
	EXPECT_OK(irqfd_line(vm, other, 5, e));
	EXPECT_OK(irqfd_line(vm_create(MACHINE), e, 5, -1));
	EXPECT_OK(irqfd_remove(vm, dup(e)));
	EXPECT_REFUSED(ENOENT, .flags = LODGE_IRQFD_DEASSIGN);
	EXPECT_OK(irqfd_line(vm, e, 0, -1));
}

/* Those whose eventfd is closed make room by and by */
TEST(as_many_as_there_may_be)
{
	struct vm *vm = vm_create(MACHINE);
	int fd[LODGE_MAX_IRQFDS], more = event(), i, round, tries = 0;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < LODGE_MAX_IRQFDS; i++) {
			fd[i] = event();
			while (irqfd_msi(vm, fd[i], MSI_VECTOR)) {
				ASSERT_EQ(errno, ENOSPC);
				ASSERT_GT(round, 0);
				ASSERT_LT(tries++, 1000);
				sleep_ms(1);
			}
		}
		EXPECT_ERRNO(irqfd_msi(vm, more, MSI_VECTOR), ENOSPC);
		for (i = 0; i < LODGE_MAX_IRQFDS; i++)
			close(fd[i]);
	}
}

/* ---- the end ------------------------------------------------------------- */

#define FDS		6
#define THREADS		3
#define ROUNDS		12

static int fds[FDS];
static volatile bool stop;

static void *signal_on(void *unused)
{
	u64 one = 1;
	int i;

	for (i = 0; !stop; i++)
		if (write(fds[i % FDS], &one, sizeof(one)) < 0)
			ASSERT_EQ(errno, EAGAIN);
	return NULL;
}

static void assign_all(struct vm *vm, int again)
{
	int i;

	for (i = 0; i < FDS; i++)
		ASSERT_OK(i % 3 == 2 ? irqfd_msi(vm, fds[i], MSI_VECTOR) :
				       irqfd_line(vm, fds[i], i % 3 ? LEVEL_GSI : EDGE_GSI,
						  i % 3 ? again : -1));
}

/* The guest gets its turn, however long that takes */
static void wait_signal(int fd)
{
	int tries = 0;

	while (!signals(fd)) {
		ASSERT_LT(tries++, 20000);
		sleep_ms(1);
	}
}

static struct vcpu *some_vcpu;

static void *run_on(void *unused)
{
	while (!stop && vcpu_ucall(some_vcpu) == UCALL_SYNC)
		;
	return NULL;
}

/* Signalled by several threads while the guest runs, all the time that they are taken away */
TEST(deassigned_while_signalled)
{
	pthread_t thread[THREADS], runner;
	int i, round, again = event();

	some_vcpu = vcpu_for(count);
	for (i = 0; i < FDS; i++)
		fds[i] = event();
	for (i = 0; i < THREADS; i++)
		thread[i] = thread_start(signal_on, NULL);
	runner = thread_start(run_on, NULL);
	for (round = 0; round < ROUNDS; round++) {
		assign_all(some_vcpu->vm, again);
		if (!round)
			wait_signal(again);
		sleep_ms(2);
		for (i = 0; i < FDS; i++)
			ASSERT_OK(irqfd_remove(some_vcpu->vm, fds[i]));
	}
	stop = true;
	pthread_join(runner, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

TEST(destroyed_while_signalled)
{
	pthread_t thread[THREADS];
	int i, round, again = event();
	struct vcpu *vcpu;
	struct vm *vm;

	for (i = 0; i < FDS; i++)
		fds[i] = event();
	for (i = 0; i < THREADS; i++)
		thread[i] = thread_start(signal_on, NULL);
	for (round = 0; round < ROUNDS; round++) {
		vcpu = vcpu_for(count);
		vm = vcpu->vm;
		assign_all(vm, again);
		for (i = 0; i < 20; i++)
			ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
		vcpu_free(vcpu);
		vm_free(vm);
	}
	stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* The last descriptor is closed by one thread while another signals, and the VM goes meanwhile */
TEST(closed_while_signalled)
{
	int i, round, again = event();
	pthread_t thread;
	struct vm *vm;

	for (round = 0; round < ROUNDS; round++) {
		stop = false;
		vm = vm_create(MACHINE);
		for (i = 0; i < FDS; i++)
			fds[i] = event();
		assign_all(vm, again);
		thread = thread_start(signal_on, NULL);
		usleep(500 * round);
		/* what takes its place takes what is written */
		for (i = 0; i < FDS; i++) {
			int fresh = event();

			ASSERT_OK(dup2(fresh, fds[i]));
			close(fresh);
		}
		vm_free(vm);
		stop = true;
		pthread_join(thread, NULL);
		for (i = 0; i < FDS; i++)
			close(fds[i]);
	}
}

static void be_killed(int again)
{
	struct vcpu *vcpu = vcpu_for(count);

	assign_all(vcpu->vm, again);
	for (;;)
		vcpu_ucall(vcpu);
}

/* Its owner is killed; who else has the eventfds signals on */
TEST(killed_while_signalled)
{
	int i, round, again = event();
	pthread_t thread;
	pid_t pid;

	for (i = 0; i < FDS; i++)
		fds[i] = event();
	thread = thread_start(signal_on, NULL);
	for (round = 0; round < ROUNDS; round++) {
		pid = fork();
		if (!pid)
			be_killed(again);
		ASSERT_OK(pid);
		wait_signal(again);
		usleep(300 * round);
		ASSERT_OK(kill(pid, SIGKILL));
		ASSERT_EQ(waitpid(pid, NULL, 0), pid);
		signals(again);		/* the next one's count */
	}
	stop = true;
	pthread_join(thread, NULL);
}
