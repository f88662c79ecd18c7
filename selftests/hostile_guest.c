// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that do anything: random bytes as code in each mode, random MSRs, control registers,
 * ports and addresses, with the machine's devices in the kernel and without.  The host stays
 * sound, and each guest ends by an exit that has a name.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "mem.h"

#define MS		1500	/* for each test */
#define SLICE		4000	/* microseconds after which a guest is stopped */
#define CODE		0x10000ull	/* of 16 and 32 bits */
#define CODE_LEN	0x8000

static volatile u32 seed;
static u32 flags;		/* of the VMs */
static u64 count[LODGE_EXIT_NR];
static u64 ticks, returns;	/* of and from vcpu_run_try() */

static u32 rnd(void)
{
	u32 s = seed, r = random_next(&s) << 12;

	r ^= random_next(&s);
	seed = s;
	return r;
}

static u32 start_seed(void)
{
	const char *text = getenv("SEED");
	u32 s = text ? strtoul(text, NULL, 0) : (u32)now_ns();

	diag("SEED=%u", s);
	return s;
}

static void tell(void)
{
	char line[256];
	int n = 0;
	u32 i;

	for (i = 0; i < LODGE_EXIT_NR; i++)
		if (count[i])
			n += snprintf(line + n, sizeof(line) - n, " %s %llu", exit_name(i),
				      (unsigned long long)count[i]);
	diag("exits:%s", line);
}

static struct lodge_run *running;

/* A guest that loops without an exit is stopped by a signal */
static void on_alarm(int sig)
{
	running->immediate_exit = 1;
}

static void alarm_in(unsigned int us)
{
	struct itimerval t = { .it_value.tv_usec = us };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* Return: false if the guest is at its end */
static bool run_exits(struct vcpu *vcpu, unsigned int exits)
{
	struct lodge_run *run = vcpu->run;

	while (exits--) {
		u64 start = rdtsc();
		int failed = vcpu_run_try(vcpu);

		ticks += rdtsc() - start;
		returns++;
		if (failed) {
			ASSERT_EQ(errno, EINTR);
			ASSERT_EQ(run->exit_reason, (u32)LODGE_EXIT_NONE);
			count[LODGE_EXIT_NONE]++;
			run->immediate_exit = 0;
			return true;
		}
		ASSERT_LT(run->exit_reason, (u32)LODGE_EXIT_NR);
		ASSERT_NE(run->exit_reason, (u32)LODGE_EXIT_NONE);
		count[run->exit_reason]++;
		switch (run->exit_reason) {
		case LODGE_EXIT_MMIO:
			ASSERT_GE(run->mmio.len, 1u);
			ASSERT_LE(run->mmio.len, 8u);
			ASSERT_LE(run->mmio.is_write, 1u);
			*(u32 *)run->mmio.data = rnd();
			break;
		case LODGE_EXIT_IO:
			ASSERT_LE((u64)run->io.data_offset + run->io.width * run->io.count,
				  vcpu->run_size);
			ASSERT_GE(run->io.count, 1u);
			/* an exception that the guest has no handler for */
			if (vcpu_is_ucall(vcpu) &&
			    *(u32 *)((char *)run + run->io.data_offset) == UCALL_TRAP)
				return false;
			if (run->io.direction == LODGE_IO_IN)
				*(u32 *)((char *)run + run->io.data_offset) = rnd();
			break;
		case LODGE_EXIT_SHUTDOWN:
		case LODGE_EXIT_FAIL_ENTRY:
		case LODGE_EXIT_INTERNAL:
		case LODGE_EXIT_MEMORY_ERROR:
			return false;
		}
	}
	return true;
}

/*
 * Run until the guest can go no further, is interrupted, or has made so many exits; devices
 * read as random.  Return: false if it is at its end.
 */
static bool run(struct vcpu *vcpu, unsigned int exits)
{
	bool ret;

	running = vcpu->run;
	signal(SIGALRM, on_alarm);
	alarm_in(SLICE);
	ret = run_exits(vcpu, exits);
	/* the caller may free the vCPU, whose run area the handler writes to */
	alarm_in(0);
	running->immediate_exit = 0;
	return ret;
}

static void fill(void *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i += 4)
		*(u32 *)(p + i) = rnd();
}

/* Opcodes that leave the guest, or that the emulator does, more often than chance has them */
static void sprinkle(u8 *p, size_t len)
{
	static const u8 insn[][4] = {
		{ 0x0f, 0x01, 0xc1 }, { 0x0f, 0x30 }, { 0x0f, 0x32 }, { 0x0f, 0xa2 },
		{ 0x0f, 0x22, 0xc0 }, { 0x0f, 0x22, 0xe0 }, { 0x0f, 0x22, 0xd8 },
		{ 0x0f, 0x20, 0xc0 }, { 0x0f, 0x23, 0xf8 }, { 0x0f, 0x21, 0xf0 },
		{ 0xf3, 0x6c }, { 0xf3, 0x6e }, { 0xf3, 0xa4 }, { 0xf3, 0xab }, { 0xed },
		{ 0xef }, { 0x0f, 0x01, 0xd1 }, { 0x0f, 0x08 }, { 0x0f, 0x09 }, { 0xf4 },
		{ 0x0f, 0x06 }, { 0x0f, 0x01, 0x38 }, { 0xcf }, { 0xfb }, { 0x0f, 0x01, 0xca },
		{ 0x0f, 0xc7, 0x08 }, { 0xf0, 0x0f, 0xb1, 0x08 }, { 0x66, 0x0f, 0x38, 0x80 },
	};
	size_t i;
	u32 r;

	for (i = 0; i + 4 < len; i += 5 + rnd() % 30) {
		r = rnd() % (sizeof(insn) / sizeof(insn[0]));
		memcpy(p + i, insn[r], 4);
	}
}

static void random_regs(struct vcpu *vcpu, u64 rip)
{
	struct lodge_regs r = { .rip = rip, .rflags = 2 };
	int i;

	for (i = 0; i < LODGE_NR_GPRS; i++) {
		switch (rnd() % 4) {
		case 0:
			r.gpr[i] = rnd() % 0x100;
			break;
		case 1:
			r.gpr[i] = GPA_SCRATCH + rnd() % MIB;
			break;
		case 2:
			r.gpr[i] = rnd();
			break;
		case 3:
			r.gpr[i] = (u64)rnd() << 32 | rnd();
			break;
		}
	}
	r.gpr[LODGE_RSP] = GPA_STACK + 0x4000;
	if (rnd() % 8 == 0)
		r.rflags |= RFLAGS_TF;
	vcpu_set_regs(vcpu, &r);
}

static void any_message(struct vm *vm)
{
	struct lodge_msi msi = { .size = sizeof(msi), .data = rnd(),
				 .address = 0xfee00000 | (rnd() & 0xfffff) };
	struct lodge_gsi gsi = { .size = sizeof(gsi), .gsi = rnd() % 24, .level = rnd() % 2 };

	EXPECT_OK(ioctl(vm->fd, LODGE_VM_MSI, &msi));
	EXPECT_OK(ioctl(vm->fd, LODGE_VM_SET_GSI, &gsi));
}

/*
 * What an exit costs is left out, roughly.  The simulated host's TSC counts instructions: in three
 * modes, with the machine and without, this makes ten million and more.
 */
static void tell_ticks(u64 exits)
{
	u64 outside = returns * 2000 + exits * 500;

	diag("%llu thousand ticks in the guest, %llu exits", ticks < outside ? 0ULL :
	     (unsigned long long)(ticks - outside) / 1000, (unsigned long long)exits);
	EXPECT_GT(ticks, outside + 2000000);
}

/* Any bytes as code; exceptions lead into it again, where the mode makes that easy */
static void random_code(void (*start)(struct vcpu *vcpu), u64 at)
{
	u64 end = now_ns() + MS * 1000000ull, rounds;
	struct lodge_events e = { .size = sizeof(e) };
	struct vcpu *vcpu = NULL;
	struct vm *vm = NULL;
	u64 exits = 0;

	if (bochs_if_clear())
		SKIP("a guest that loops with IF clear keeps this Bochs' interrupts out");
	seed = start_seed();
	for (rounds = 0; now_ns() < end; rounds++) {
		u64 part = rnd() % (CODE_LEN / 512) * 512;

		/* one that has spoiled its tables does little more than shut down */
		if (rounds % 64 == 0) {
			if (vm) {
				exits += vcpu_stat(vcpu, LODGE_STAT_EXITS);
				vcpu_free(vcpu);
				vm_free(vm);
			}
			vm = vm_create(flags);
			vcpu = vcpu_create(vm, 0);
			fill(vm_ptr(vm, at), CODE_LEN);
		}
		fill(vm_ptr(vm, at + part), 512);
		sprinkle(vm_ptr(vm, at + part), 512);
		start(vcpu);
		if (rnd() % 8 == 0)
			vcpu_nmi(vcpu);
		if (rnd() % 8 == 0)
			vcpu_interrupt(vcpu, 16 + rnd() % 240);
		if (flags && rnd() % 8 == 0)
			any_message(vm);
		run(vcpu, 300);
		/* what waits for delivery may stay, or not */
		if (rounds % 2)
			vcpu_set_events(vcpu, &e);
	}
	diag("%llu rounds", (unsigned long long)rounds);
	tell();
	tell_ticks(exits + vcpu_stat(vcpu, LODGE_STAT_EXITS));
	EXPECT_GT(rounds, 100ull);
}

static void reset_mp(struct vcpu *vcpu)
{
	struct lodge_mp mp = { .state = LODGE_MP_RUNNABLE };

	vcpu_set_mp(vcpu, &mp);
}

static void start16(struct vcpu *vcpu)
{
	u16 *vectors = vm_ptr(vcpu->vm, 0);
	u32 i;

	for (i = 0; i < 512; i += 2) {
		vectors[i] = rnd() % CODE_LEN;
		vectors[i + 1] = CODE >> 4;
	}
	reset_mp(vcpu);
	vcpu_start_real(vcpu, CODE >> 4, rnd() % CODE_LEN);
	if (rnd() % 4)
		random_regs(vcpu, rnd() % CODE_LEN);
}

static void start32(struct vcpu *vcpu)
{
	reset_mp(vcpu);
	vcpu_start_flat32(vcpu, CODE + rnd() % CODE_LEN);
	random_regs(vcpu, CODE + rnd() % CODE_LEN);
}

static void start64(struct vcpu *vcpu)
{
	reset_mp(vcpu);
	vcpu_start_long(vcpu, NULL);
	random_regs(vcpu, GPA_SCRATCH + rnd() % CODE_LEN);
}

#define MACHINE	(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL | LODGE_VM_DEBUG_PORTS)

/* One test without the machine, one with it */
#define TEST_BOTH(name, statement)	\
TEST(name)				\
{					\
	statement;			\
}					\
TEST(machine_##name)			\
{					\
	flags = MACHINE;		\
	statement;			\
}

TEST_BOTH(code_16, random_code(start16, CODE))
TEST_BOTH(code_32, random_code(start32, CODE))
TEST_BOTH(code_64, random_code(start64, GPA_SCRATCH))

/* ---- guests that go on after what they did --------------------------------- */

static void any_msr(void)
{
	static const u32 base[] = { 0, 0x100, 0x170, 0x200, 0x270, 0x380, 0x400, 0x480, 0x600,
				    0x800, 0xd00, 0x4b564d00, 0x40000000, 0xc0000080,
				    0xc0000100, 0xc0010000, 0xc0011000 };
	u32 i, index;
	u64 v, w;

	for (i = 0; ; i++) {
		index = base[rnd() % (sizeof(base) / sizeof(base[0]))] + rnd() % 0x40;
		if (i % 7 == 0)
			index = rnd();
		/* the guest's own way of going on is not to be lost */
		if (index == MSR_EFER || index == MSR_FS_BASE || index == MSR_GS_BASE)
			continue;
		w = (u64)rnd() << 32 | rnd();
		if (i & 1)
			w &= 0xff;
		if (!rdmsr_safe(index, &v) && i % 3)
			w ^= v;
		wrmsr_safe(index, w);
		rdmsr_safe(index, &v);
		if (i % 64 == 0)
			GUEST_SYNC(i);
	}
}

static void any_cr(void)
{
	u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4(), v;
	u32 i;

	for (i = 0; ; i++) {
		v = 1ull << rnd() % 64;
		switch (i % 6) {
		case 0:
			write_cr0_safe(cr0 ^ (v & ~(u64)(CR0_PE | CR0_PG)));
			break;
		case 1:
			/* this guest's pages are all user pages: SMEP and SMAP end it */
			write_cr4_safe(cr4 ^ (v & ~(u64)(CR4_PAE | CR4_SMEP | CR4_SMAP)));
			break;
		case 2:
			write_cr8_safe(v);
			break;
		case 3:
			xsetbv_safe(rnd() % 3, v | rnd() % 8);
			break;
		case 4:
			write_dr7_safe(v & ~0xffull);
			write_dr6_safe(v);
			write_dr0_safe(v);
			break;
		case 5:
			write_cr3_safe(cr3 | (v & 0xfff));
			break;
		}
		write_dr7(0x400);
		write_cr3(cr3);
		write_cr4(cr4);
		write_cr0(cr0);
		write_cr8(0);
		if (i % 64 == 0)
			GUEST_SYNC(i);
	}
}

static void any_port(void)
{
	u32 i, r;
	u64 di, n;

	for (i = 0; ; i++) {
		r = rnd();
		switch (i % 8) {
		case 0:
			inb(r);
			break;
		case 1:
			inw(r);
			break;
		case 2:
			inl(r);
			break;
		case 3:
			asm volatile("outb %%al, %%dx" : : "a" (r), "d" (r >> 8));
			break;
		case 4:
			asm volatile("outw %%ax, %%dx" : : "a" (r), "d" (r >> 8));
			break;
		case 5:
			asm volatile("outl %%eax, %%dx" : : "a" (r), "d" (r >> 8));
			break;
		case 6:
			di = GPA_SCRATCH + r % 0x8000;
			n = rnd() % 3000;
			asm volatile("rep insl" : "+D" (di), "+c" (n) : "d" (r >> 8) : "memory");
			break;
		case 7:
			di = GPA_SCRATCH + r % 0x8000;
			n = rnd() % 3000;
			asm volatile("rep outsb" : "+S" (di), "+c" (n) : "d" (r >> 8) : "memory");
			break;
		}
	}
}

/* Physical addresses up to the last that tables can name, by page tables of its own */
static void any_address(void)
{
	u64 *pdpt = (u64 *)(GPA_PML4 + 0x1000), cr3 = read_cr3(), a;
	u32 i, r;

	for (i = 0; ; i++) {
		r = rnd();
		/* a page of 1 GiB at 4 GiB, which leads anywhere */
		pdpt[4] = ((u64)rnd() << 30 & 0x000fffffc0000000ull) | 0x83 | (r & 0x18);
		write_cr3(cr3);
		a = (4ull << 30) + r % GIB;
		switch (i % 6) {
		case 0:
			GUEST_TRY("cmpb %%al, (%[a])", [a] "r" (a), "a" (0));
			break;
		case 1:
			GUEST_TRY("movq %%rax, (%[a])", [a] "r" (a), "a" (r));
			break;
		case 2:
			GUEST_TRY("lock; addl %%eax, (%[a])", [a] "r" (a), "a" (r));
			break;
		case 3:
			GUEST_TRY("movups %%xmm0, (%[a])", [a] "r" (a));
			break;
		case 4:
			GUEST_TRY("call *%[a]", [a] "r" (a));
			break;
		case 5:
			GUEST_TRY("fldt (%[a])", [a] "r" (a));
			break;
		}
	}
}

/* Back from where a call has led to */
static void back(struct guest_frame *f)
{
	guest_handler h = guest_handlers[f->vector];

	if (f->rip >> 32) {
		f->rip = *(u64 *)f->rsp;
		f->rsp += 8;
		return;
	}
	guest_handlers[f->vector] = NULL;
	guest_trap(f);
	guest_handlers[f->vector] = h;
}

static struct vcpu *new_guest(void (*fn)(void))
{
	struct vm *vm = vm_create(flags);

	vm_handler(vm, X_PF, back);
	vm_handler(vm, X_UD, back);
	GUEST_VAR(vm, seed) = rnd();
	return vcpu_long(vm, 0, fn);
}

static void go_on(void (*fn)(void))
{
	u64 end = now_ns() + MS * 1000000ull, rounds;
	struct vcpu *vcpu;
	struct vm *vm;

	seed = start_seed();
	vcpu = new_guest(fn);
	for (rounds = 0; now_ns() < end; rounds++) {
		if (run(vcpu, 1000))
			continue;
		/* at its end: once more, from the start, with other numbers */
		vm = vcpu->vm;
		vcpu_free(vcpu);
		vm_free(vm);
		vcpu = new_guest(fn);
	}
	diag("%llu exits", (unsigned long long)vcpu_stat(vcpu, LODGE_STAT_EXITS));
	tell();
}

TEST_BOTH(msrs, go_on(any_msr))
TEST_BOTH(control_registers, go_on(any_cr))
TEST_BOTH(ports, go_on(any_port))
TEST_BOTH(addresses, go_on(any_address))
