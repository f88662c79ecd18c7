// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paravirtual end of interrupt: the guest clears a bit in memory instead of writing to
 * its APIC.  In xAPIC mode, where software delivers on every processor.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define MACHINE		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)
#define MSR_PV_EOI	0x4b564d04
#define PV_FEATURES	0x40000001
#define PV_EOI		(1u << 6)

#define RECORD		((volatile u32 *)GPA_SCRATCH)	/* a page of its own */

#define APIC		0xfee00000ull
#define APIC_EOI	0xb0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_ICR	0x300
#define IOAPIC		0xfec00000ull

#define LOW		0x40
#define HIGH		0x80
#define LEVEL		0x90
#define GSI		10
#define MANY		2000
#define SOME		300

#define TRIES		50

static volatile u64 taken, ended, refused, order;
static volatile bool nest, offered;

static u32 apic_read(u32 reg)
{
	return *(volatile u32 *)(APIC + reg);
}

static void apic_write(u32 reg, u32 value)
{
	*(volatile u32 *)(APIC + reg) = value;
}

static void self_ipi(u8 vector)
{
	apic_write(APIC_ICR, 0x44000 | vector);
}

static bool in_service(u8 vector)
{
	return apic_read(APIC_ISR + vector / 32 * 0x10) >> vector % 32 & 1;
}

/* As Linux does it */
static void end_interrupt(void)
{
	bool accepted;

	asm volatile("btrl $0, %0" : "+m" (*RECORD), "=@ccc" (accepted));
	if (accepted) {
		ended++;
		return;
	}
	refused++;
	apic_write(APIC_EOI, 0);
}

static void on_low(struct guest_frame *f)
{
	taken++;
	order = order << 8 | LOW;
	end_interrupt();
}

static void on_high(struct guest_frame *f)
{
	taken++;
	order = order << 8 | HIGH;
	if (nest) {
		/* something waits from now on: the offer is void */
		offered = *RECORD;
		self_ipi(LOW);
		GUEST_ASSERT_EQ(*RECORD, 0);
	}
	end_interrupt();
}

static void on_level(struct guest_frame *f)
{
	taken++;
	GUEST_ASSERT_EQ(*RECORD, 0);
	GUEST_SYNC(7);		/* the line goes low */
	end_interrupt();
}

static void set_up(void)
{
	cli();
	apic_write(APIC_SVR, 0x1ff);
	GUEST_ASSERT_EQ(rdmsr(MSR_PV_EOI), 0);
	wrmsr(MSR_PV_EOI, (u64)RECORD | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_PV_EOI), (u64)RECORD | 1);
}

static struct vcpu *vcpu_for(struct vm *vm, void (*fn)(void))
{
	vm_handler(vm, LOW, on_low);
	vm_handler(vm, HIGH, on_high);
	vm_handler(vm, LEVEL, on_level);
	return vcpu_long(vm, 0, fn);
}

static void ipis(void)
{
	u64 i;

	set_up();
	sti();
	/* any exit takes the offer back: have all pages mapped */
	self_ipi(LOW);
	self_ipi(HIGH);
	ended = 0;
	self_ipi(LOW);
	GUEST_ASSERT_EQ(ended, 1);
	GUEST_ASSERT(!in_service(LOW));
	GUEST_SYNC(1);
	taken = 0;
	ended = 0;
	for (i = 0; i < MANY; i++)
		self_ipi(i & 1 ? LOW : HIGH);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(taken, MANY);
	GUEST_ASSERT(ended > MANY - MANY / 100);	/* but for the host's ticks */
	/* turned off, it is as ever */
	wrmsr(MSR_PV_EOI, 0);
	refused = 0;
	self_ipi(LOW);
	GUEST_ASSERT_EQ(taken, MANY + 1);
	GUEST_ASSERT_EQ(refused, 1);
}

TEST(saves_an_exit)
{
	struct vcpu *vcpu = vcpu_for(vm_create(MACHINE), ipis);
	u64 before, after;

	vcpu_sync(vcpu, 1);
	before = vcpu_stat(vcpu, LODGE_STAT_EMULATED);
	vcpu_sync(vcpu, 2);
	after = vcpu_stat(vcpu, LODGE_STAT_EMULATED);
	/* those of the ICR */
	EXPECT_LE(after - before, MANY + MANY / 100 + 2ull);
	vcpu_done(vcpu);
}

/* Of two ends one has to be seen; a tick of the host takes back the other's offer, too */
static void check_ends(void)
{
	GUEST_ASSERT_EQ(order, HIGH << 8 | LOW);
	GUEST_ASSERT(refused >= 1);
	GUEST_ASSERT_EQ(refused + ended, 2);
	GUEST_ASSERT(!in_service(LOW));
	GUEST_ASSERT(!in_service(HIGH));
	order = 0;
	refused = 0;
	ended = 0;
}

/* Both wait: the end of the first lets the second in, so it must be seen */
static bool both_wait(void)
{
	bool saved;

	cli();
	self_ipi(LOW);
	self_ipi(HIGH);
	sti();
	cpu_relax();
	saved = ended == 1;
	check_ends();
	return saved;
}

/* The second comes when the first has been offered */
static bool second_comes(void)
{
	bool saved;

	nest = true;
	self_ipi(HIGH);
	nest = false;
	saved = offered && ended == 1;
	check_ends();
	return saved;
}

static void two(void)
{
	u64 i, waiting = 0, coming = 0;

	set_up();
	for (i = 0; i < TRIES; i++) {
		waiting += both_wait();
		coming += second_comes();
	}
	GUEST_ASSERT(waiting);
	GUEST_ASSERT(coming);
}

TEST(not_if_another_waits)
{
	vcpu_done(vcpu_for(vm_create(MACHINE), two));
}

static void level(void)
{
	set_up();
	*(volatile u32 *)IOAPIC = 0x10 + 2 * GSI;
	*(volatile u32 *)(IOAPIC + 0x10) = 0x8000 | LEVEL;
	sti();
	GUEST_SYNC(6);		/* the line goes high */
	cpu_relax();
	GUEST_ASSERT_EQ(taken, 1);
	GUEST_ASSERT_EQ(refused, 1);
	GUEST_SYNC(6);
	cpu_relax();
	GUEST_ASSERT_EQ(taken, 2);
}

TEST(not_for_level)
{
	struct lodge_gsi gsi = { .size = sizeof(gsi), .gsi = GSI };
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu = vcpu_for(vm, level);
	int i;

	for (i = 0; i < 2; i++) {
		vcpu_sync(vcpu, 6);
		gsi.level = 1;
		ASSERT_OK(ioctl(vm->fd, LODGE_VM_SET_GSI, &gsi));
		vcpu_sync(vcpu, 7);
		gsi.level = 0;
		ASSERT_OK(ioctl(vm->fd, LODGE_VM_SET_GSI, &gsi));
	}
	vcpu_done(vcpu);
}

static void under_fire(void)
{
	u64 i;

	set_up();
	sti();
	for (i = 1; i <= SOME; i++) {
		self_ipi(i & 1 ? LOW : HIGH);
		GUEST_ASSERT_EQ(taken, i);
	}
	GUEST_ASSERT_EQ(ended + refused, SOME);
}

static volatile bool stop;

/* The owner's mapping of the record's page comes and goes; what it holds stays */
static void *unmapper(void *arg)
{
	struct vm *vm = arg;

	while (!stop) {
		madvise(vm_ptr(vm, GPA_SCRATCH), 4096, MADV_DONTNEED);
		usleep(1000);
	}
	return NULL;
}

TEST(page_not_at_hand)
{
	struct vm *vm = vm_create_on(MACHINE, vm_shared_memory(VM_MEMORY), VM_MEMORY);
	struct vcpu *vcpu = vcpu_for(vm, under_fire);
	pthread_t t = thread_start(unmapper, vm);

	vcpu_done(vcpu);
	stop = true;
	ASSERT_EQ(pthread_join(t, NULL), 0);
}

static void no_memory(void)
{
	set_up();
	wrmsr(MSR_PV_EOI, 0x7ffffffff001);
	sti();
	self_ipi(LOW);
	GUEST_ASSERT_EQ(taken, 1);
	GUEST_ASSERT_EQ(refused, 1);
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_PV_EOI, (u64)RECORD | 2), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_PV_EOI, (u64)RECORD | 3), EXC(X_GP));
	GUEST_ASSERT_EQ(rdmsr(MSR_PV_EOI), 0x7ffffffff001);
}

TEST(bad_addresses)
{
	vcpu_done(vcpu_for(vm_create(MACHINE), no_memory));
}

static void absent(void)
{
	u64 v;

	GUEST_ASSERT_EQ(rdmsr_safe(MSR_PV_EOI, &v), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_PV_EOI, (u64)RECORD | 1), EXC(X_GP));
}

TEST(can_be_taken_away)
{
	static struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];
	struct vcpu *vcpu = vcpu_for(vm_create(MACHINE), absent);
	int i, nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);

	for (i = 0; i < nr; i++) {
		if (leaf[i].leaf != PV_FEATURES)
			continue;
		EXPECT_TRUE(leaf[i].eax & PV_EOI);
		leaf[i].eax &= ~PV_EOI;
	}
	ASSERT_OK(vcpu_set_cpuid(vcpu, leaf, nr));
	vcpu_done(vcpu);
}
