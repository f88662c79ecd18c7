// SPDX-License-Identifier: GPL-2.0-only
/* Messages between the local APICs of three vCPUs, by memory and by MSRs */
#include "apic.h"

#define CPUS		3
#define ALL		((1u << CPUS) - 1)
#define AP_PAGE		(GPA_CODE16 >> 12)

#define LOGICAL		0x800
#define LOWEST		0x100
#define INIT		0x4500
#define STARTUP		0x4600

static volatile u32 ready, taken[CPUS], nmis[CPUS];

/* ---- messages between three ---------------------------------------------- */

static void on_ipi(struct guest_frame *f)
{
	__atomic_fetch_add(&taken[apic_id()], 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

static void on_nmi(struct guest_frame *f)
{
	__atomic_fetch_add(&nmis[apic_id()], 1, __ATOMIC_SEQ_CST);
}

static void listen(u64 cpu)
{
	apic_enable();
	GUEST_ASSERT_EQ(apic_id(), cpu);
	__atomic_fetch_or(&ready, 1u << cpu, __ATOMIC_SEQ_CST);
	for (;;)
		safe_halt();
}

/* This command reaches those of the mask, once, and nobody else */
static void reaches(u32 command, u32 dest, u32 mask)
{
	u32 i;

	for (i = 0; i < CPUS; i++)
		taken[i] = 0;
	apic_send(command | 0x61, dest);
	let_in();
	/* the second marks the end of the first for those that are not in the mask */
	apic_send(ICR_TO_ALL | 0x62, 0);
	let_in();
	for (i = 0; i < CPUS; i++) {
		u32 want = 1 + (mask >> i & 1);

		if (!wait_for(&taken[i], want))
			GUEST_PRINT("command %#llx to %#llx: CPU %llu", command, dest, i);
		GUEST_ASSERT_EQ(taken[i], want);
	}
}

static void physical(void)
{
	u32 i;

	for (i = 0; i < CPUS; i++)
		reaches(0, i, 1u << i);
	reaches(0, x2apic ? 0xffffffff : 0xff, ALL);
	reaches(0, 0x33, 0);
	reaches(ICR_TO_SELF, 1, 1);
	reaches(ICR_TO_ALL, 1, ALL);
	reaches(ICR_TO_OTHERS, 0, ALL & ~1);
	/* by the shorthand for all with lowest priority: one of them */
	if (x2apic)
		reaches(0, 0xff, 0);
}

/* The APs have set their APIC_LDR as the first does */
static void logical(void)
{
	u32 mask;

	for (mask = 0; mask <= ALL; mask++)
		reaches(LOGICAL, mask, mask);
	reaches(LOGICAL, x2apic ? 0xffffffff : 0xff, ALL);
	if (x2apic)
		reaches(LOGICAL, 0x10001, 0);	/* another cluster */
}

static void lowest(void)
{
	u32 i, sum = 0;

	for (i = 0; i < CPUS; i++)
		taken[i] = 0;
	for (i = 0; i < 30; i++) {
		apic_send(LOGICAL | LOWEST | 0x61, ALL);
		let_in();
		/* not before it has been taken: else two may be one */
		for (sum = 0; sum <= i; cpu_relax())
			sum = taken[0] + taken[1] + taken[2];
	}
	GUEST_ASSERT_EQ(sum, 30);
	if (x2apic)
		return;		/* where it is the processor's own choice */
	/* with a high task priority none comes here */
	apic_write(APIC_TPR, 0xf0);
	taken[0] = 0;
	for (i = 0; i < 30; i++) {
		apic_send(LOGICAL | LOWEST | 0x61, 1 | 2);
		let_in();
	}
	apic_write(APIC_TPR, 0);
	let_in();
	GUEST_ASSERT_EQ(taken[0], 0);
}

static void speak(void)
{
	u32 i;

	apic_enable();
	if (!x2apic)
		apic_write(APIC_LDR, 1 << 24);
	GUEST_ASSERT(wait_for(&ready, ALL & ~1));
	physical();
	logical();
	lowest();
	for (i = 0; i < CPUS; i++) {
		apic_send(ICR_NMI, i);
		GUEST_ASSERT(wait_for(&nmis[i], 1));
	}
	apic_send(ICR_NMI | ICR_TO_OTHERS, 0);
	GUEST_ASSERT(wait_for(&nmis[1], 2));
	GUEST_ASSERT(wait_for(&nmis[2], 2));
	apic_send(ICR_NMI | ICR_TO_SELF, 0);
	GUEST_ASSERT(wait_for(&nmis[0], 2));
}

static void *run_it(void *arg)
{
	vcpu_ucall(arg);
	ktap_fail(__FILE__, __LINE__, "an AP has ended");
	return NULL;
}

/* The first is not created yet */
static struct vm *three_vcpus(void (*others)(u64))
{
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu;
	struct lodge_mp mp;
	int i;

	vm_handler(vm, 0x61, on_ipi);
	vm_handler(vm, 0x62, on_ipi);
	vm_handler(vm, X_NMI, on_nmi);
	for (i = 1; i < CPUS; i++) {
		vcpu = vcpu_create(vm, i);
		vcpu_start_long_arg(vcpu, others, i);
		vcpu_get_mp(vcpu, &mp);
		mp.state = LODGE_MP_RUNNABLE;
		vcpu_set_mp(vcpu, &mp);
		thread_start(run_it, vcpu);
	}
	return vm;
}

static void three(void (*fn)(void), void (*others)(u64))
{
	vcpu_done(vcpu_long(three_vcpus(others), 0, fn));
}

static void listen_flat(u64 cpu)
{
	if (!x2apic)
		apic_write(APIC_LDR, 1u << (24 + cpu));
	listen(cpu);
}

TEST_MODES(messages)
{
	three(speak, listen_flat);
}

/* Clusters of xAPIC mode: 0 and 1 in the first, 2 in the second */
static u32 cluster_ldr(u64 cpu)
{
	return (cpu < 2 ? 0x10u | 1u << cpu : 0x24u) << 24;
}

static void listen_cluster(u64 cpu)
{
	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, cluster_ldr(cpu));
	listen(cpu);
}

static void speak_cluster(void)
{
	apic_enable();
	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, cluster_ldr(0));
	GUEST_ASSERT(wait_for(&ready, ALL & ~1));
	reaches(LOGICAL, 0x11, 1);
	reaches(LOGICAL, 0x12, 2);
	reaches(LOGICAL, 0x1f, 3);
	reaches(LOGICAL, 0x2f, 4);
	reaches(LOGICAL, 0x21, 0);
	reaches(LOGICAL, 0x3f, 0);
	reaches(LOGICAL, 0xff, ALL);
}

TEST(clusters_xapic)
{
	x2apic = false;
	three(speak_cluster, listen_cluster);
}

/* ---- INIT and startup ---------------------------------------------------- */

/* Tells what its APIC is after INIT; in x2APIC mode its registers too */
GUEST_BLOB(ap,
	".code16\n"
	"	xor	%ax, %ax\n"
	"	mov	%ax, %ds\n"
	"	mov	$0x1b, %ecx\n"
	"	rdmsr\n"
	"	mov	%eax, 0x7000\n"
	"	test	$0x400, %ax\n"
	"	jz	1f\n"
	"	mov	$0x802, %ecx\n"
	"	rdmsr\n"
	"	mov	%eax, 0x7004\n"
	"	mov	$0x80f, %ecx\n"
	"	rdmsr\n"
	"	mov	%eax, 0x7008\n"
	"	mov	$0x808, %ecx\n"
	"	rdmsr\n"
	"	mov	%eax, 0x700c\n"
	"1:	lock; incl 0x7010\n"
	"2:	cli\n"
	"	hlt\n"
	"	jmp	2b\n"
);

GUEST_BLOB(ap_nmi,
	".code16\n"
	"	lock; incl %cs:0x7014\n"
	"	iret\n"
);

#define AP_DATA		((volatile u32 *)0x7000)	/* that was page tables */
#define AP_NMI		(GPA_CODE16 + 0x800)

static void listen_busy(u64 cpu)
{
	apic_enable();
	apic_write(APIC_TPR, 0x20);
	listen(cpu);
}

static void start_others(void)
{
	apic_enable();
	GUEST_ASSERT(wait_for(&ready, ALL & ~1));
	AP_DATA[4] = 0;
	/* startup without INIT is ignored; so is the de-assertion of INIT */
	apic_send(STARTUP | AP_PAGE, 2);
	apic_send(0x8500, 2);
	reaches(0, 2, 4);
	apic_send(INIT, 2);
	apic_send(STARTUP | AP_PAGE, 2);
	GUEST_ASSERT(wait_for(&AP_DATA[4], 1));
	GUEST_ASSERT_EQ(AP_DATA[0], APIC_BASE | APIC_EN | (x2apic ? APIC_EXTD : 0));
	if (x2apic) {
		GUEST_ASSERT_EQ(AP_DATA[1], 2);
		GUEST_ASSERT_EQ(AP_DATA[2], 0xff);
		GUEST_ASSERT_EQ(AP_DATA[3], 0);
	}
	/* it runs: a second startup is ignored; what it was sent before INIT is gone */
	apic_send(STARTUP | AP_PAGE, 2);
	taken[1] = 0;
	apic_send(ICR_TO_OTHERS | 0x61, 0);
	GUEST_ASSERT(wait_for(&taken[1], 1));
	GUEST_ASSERT_EQ(AP_DATA[4], 1);
	/* with its APIC off by software, as after INIT, an ICR_NMI comes through all the same */
	apic_send(ICR_NMI, 2);
	GUEST_ASSERT(wait_for(&AP_DATA[5], 1));
}

TEST_MODES(init_and_startup)
{
	struct vm *vm = three_vcpus(listen_busy);

	vm_load_blob(vm, GPA_CODE16, ap);
	vm_load_blob(vm, AP_NMI, ap_nmi);
	*(u32 *)vm_ptr(vm, X_NMI * 4) = AP_NMI;
	vcpu_done(vcpu_long(vm, 0, start_others));
}

/* ---- NMIs to oneself ------------------------------------------------------ */

static void on_own_nmi(struct guest_frame *f)
{
	u32 i;

	if (++nmis[0] == 1)
		for (i = 0; i < 10; i++)
			apic_send(ICR_NMI | ICR_TO_SELF, 0);
}

/* One is handled, one waits, the rest are one with that */
static void many_nmis(void)
{
	u32 i;

	apic_enable();
	for (i = 0; i < 50; i++) {
		nmis[0] = 0;
		apic_send(ICR_NMI | ICR_TO_SELF, 0);
		cpu_relax();
		GUEST_ASSERT_EQ(nmis[0], 2);
	}
}

TEST_MODES(one_nmi_waits)
{
	struct vm *vm = vm_create(MACHINE);

	vm_handler(vm, X_NMI, on_own_nmi);
	run_alone(vm, many_nmis);
}

