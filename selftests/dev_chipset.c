// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chipset from inside a guest: PIT and RTC interrupt it, three clocks agree, the
 * time is the host's, and each way to end or reset the machine ends the run.
 */
#include <stdio.h>
#include <time.h>

#include "vm.h"

#define MACHINE		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)

#define X2APIC_SVR	0x80f
#define X2APIC_LINT0	0x835

#define PM_TIMER	0x608
#define PM_HZ		3579545
#define TRIES		5

#define MASTER		0x20
#define SLAVE		0xa0
#define VECTOR		0x40	/* of IRQ 0 */

#define PIT_HZ		1193182
#define RTC_C		0x0c

static volatile u64 ticks, updates;

static u8 rtc_read(u8 index)
{
	outb(0x70, index);
	return inb(0x71);
}

static void rtc_write(u8 index, u8 value)
{
	outb(0x70, index);
	outb(0x71, value);
}

static void on_pit(struct guest_frame *f)
{
	ticks++;
	outb(MASTER, 0x20);
}

static void on_rtc(struct guest_frame *f)
{
	if (rtc_read(RTC_C) & 0x10)
		updates++;
	ticks++;
	outb(SLAVE, 0x20);
	outb(MASTER, 0x20);
}

/* The PICs by way of LINT0, as firmware leaves it; @mask: of the IRQs, 1 is off */
static void set_up(u16 mask)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC_SVR, 0x1ff);
	wrmsr(X2APIC_LINT0, 0x700);
	outb(MASTER, 0x11);
	outb(SLAVE, 0x11);
	outb(MASTER + 1, VECTOR);
	outb(SLAVE + 1, VECTOR + 8);
	outb(MASTER + 1, 4);
	outb(SLAVE + 1, 2);
	outb(MASTER + 1, 1);
	outb(SLAVE + 1, 1);
	outb(MASTER + 1, mask);
	outb(SLAVE + 1, mask >> 8);
}

static void pit(u8 channel, u8 mode, u16 count)
{
	outb(0x43, channel << 6 | 0x30 | mode << 1);
	outb(0x40 + channel, count);
	outb(0x40 + channel, count >> 8);
}

static struct vcpu *vcpu_for(void (*fn)(void))
{
	struct vm *vm = vm_create(MACHINE);

	vm_handler(vm, VECTOR, on_pit);
	vm_handler(vm, VECTOR + 8, on_rtc);
	return vcpu_long(vm, 0, fn);
}

/* ---- PIT ----------------------------------------------------------------- */

#define MS	200

static void count_ticks(bool sleep, u64 want)
{
	u32 start;

	/* a first tick may come of the control word */
	ticks = 0;
	while (!ticks)
		safe_halt();
	start = inl(PM_TIMER);
	ticks = 0;
	while (ticks < want) {
		if (sleep)
			safe_halt();
		cpu_relax();
	}
	cli();
	GUEST_SYNC2(1, inl(PM_TIMER) - start);
}

static void ticks_asleep(void)
{
	set_up(0xfffe);
	pit(0, 2, PIT_HZ / 1000);
	count_ticks(true, MS);
	GUEST_DONE();
}

static void ticks_awake(void)
{
	set_up(0xfffe);
	pit(0, 3, PIT_HZ / 1000);
	count_ticks(false, MS);
	GUEST_DONE();
}

/* So many ticks take so long, and late ones are made up for */
static void check_ticks(void (*fn)(void))
{
	struct vcpu *vcpu = vcpu_for(fn);
	u64 clocks;

	vcpu_sync(vcpu, 1);
	clocks = vcpu->arg[1];
	diag("%u ticks of 1 ms in %llu us", MS, clocks * 1000000ull / PM_HZ);
	EXPECT_GE(clocks, (u64)PM_HZ * (MS - 5) / 1000);
	EXPECT_LE(clocks, (u64)PM_HZ * (MS + 20) / 1000);
	vcpu_done(vcpu);
}

TEST(periodic_ticks_wake_a_sleeper)
{
	check_ticks(ticks_asleep);
}

TEST(periodic_ticks_interrupt)
{
	check_ticks(ticks_awake);
}

static void shots(void)
{
	u64 i;

	set_up(0xfffe);
	for (i = 0; i < 100; i++) {
		ticks = 0;
		pit(0, i % 2 ? 0 : 4, 100 + 10 * i);
		while (!ticks)
			safe_halt();
		cli();
	}
	/* none comes of itself */
	ticks = 0;
	sti();
	pit(2, 0, 50000);
	outb(0x61, 1);
	pit(2, 0, 50000);
	while (!(inb(0x61) & 0x20))
		cpu_relax();
	GUEST_ASSERT_EQ(ticks, 0);
	GUEST_DONE();
}

TEST(one_shots)
{
	struct vcpu *vcpu = vcpu_for(shots);

	vcpu_done(vcpu);
}

/* Linux measures its TSC so */
static void measure(void)
{
	u32 start, i;

	for (i = 1; i <= TRIES; i++) {
		outb(0x61, 1);
		pit(2, 0, PIT_HZ / 20);
		start = inl(PM_TIMER);
		while (!(inb(0x61) & 0x20))
			cpu_relax();
		GUEST_SYNC2(i, inl(PM_TIMER) - start);
	}
	GUEST_DONE();
}

TEST(channel_2_and_the_pm_timer_agree)
{
	struct vcpu *vcpu = vcpu_for(measure);
	u64 longest = 0, shortest = ~0ull;
	unsigned int i;

	/* one that the host's other work has split is too long, or too short */
	for (i = 1; i <= TRIES; i++) {
		vcpu_sync(vcpu, i);
		longest = vcpu->arg[1] > longest ? vcpu->arg[1] : longest;
		shortest = vcpu->arg[1] < shortest ? vcpu->arg[1] : shortest;
	}
	diag("50 ms are %llu us, at most %llu", shortest * 1000000ull / PM_HZ,
	     longest * 1000000ull / PM_HZ);
	EXPECT_GE(longest, (u64)PM_HZ / 20 - 20);
	EXPECT_LE(shortest, (u64)PM_HZ / 20 * 11 / 10);
	vcpu_done(vcpu);
}

/* ---- RTC ----------------------------------------------------------------- */

static u32 bcd(u8 v)
{
	return (v >> 4) * 10 + (v & 15);
}

static void read_time(void)
{
	u64 t = 0;

	while (rtc_read(0x0a) & 0x80)
		cpu_relax();
	t = t * 100 + bcd(rtc_read(0x32));
	t = t * 100 + bcd(rtc_read(9));
	t = t * 100 + bcd(rtc_read(8));
	t = t * 100 + bcd(rtc_read(7));
	t = t * 100 + bcd(rtc_read(4));
	t = t * 100 + bcd(rtc_read(2));
	t = t * 100 + bcd(rtc_read(0));
	GUEST_SYNC2(1, t);
	GUEST_DONE();
}

static u64 as_number(time_t t)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	return ((((tm.tm_year + 1900) * 100ull + tm.tm_mon + 1) * 100 + tm.tm_mday) * 100 +
		tm.tm_hour) * 10000 + tm.tm_min * 100 + tm.tm_sec;
}

TEST(the_time_is_the_host_s)
{
	struct vcpu *vcpu = vcpu_for(read_time);
	u64 before = as_number(time(NULL));

	vcpu_sync(vcpu, 1);
	EXPECT_GE(vcpu->arg[1], before);
	EXPECT_LE(vcpu->arg[1], as_number(time(NULL)));
	vcpu_done(vcpu);
}

static void rtc_ticks(void)
{
	u32 start;

	set_up(0xfefb);
	rtc_write(0x0a, 0x26);
	rtc_read(RTC_C);
	rtc_write(0x0b, 0x52);	/* periodic and update */
	while (!ticks)
		safe_halt();
	start = inl(PM_TIMER);
	ticks = 0;
	while (ticks < 256)
		safe_halt();
	GUEST_SYNC2(1, inl(PM_TIMER) - start);
	while (!updates)
		safe_halt();
	rtc_write(0x0b, 0x02);
	rtc_read(RTC_C);
	GUEST_DONE();
}

TEST(rtc_interrupts)
{
	struct vcpu *vcpu = vcpu_for(rtc_ticks);

	vcpu_sync(vcpu, 1);
	diag("256 ticks of 1/1024 s in %llu us", vcpu->arg[1] * 1000000ull / PM_HZ);
	EXPECT_GE(vcpu->arg[1], (u64)PM_HZ / 4 - PM_HZ / 256);
	EXPECT_LE(vcpu->arg[1], (u64)PM_HZ / 2);
	vcpu_done(vcpu);
}

/* ---- the end ------------------------------------------------------------- */

static void ends(void)
{
	outw(0x604, 5 << 10 | 1 << 13);
	outb(0x605, 0x34);
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	outb(0x64, 0xfe);
	outb(0x92, 1);
	GUEST_ASSERT_EQ(inb(0x505), 1);
	outb(0x505, 1);
	GUEST_DONE();
}

static void expect_end(struct vcpu *vcpu, u32 type, u32 code)
{
	vcpu_exit(vcpu, LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, type);
	EXPECT_EQ(vcpu->run->system.code, code);
}

TEST(ends)
{
	struct vcpu *vcpu = vcpu_for(ends);

	expect_end(vcpu, LODGE_SYSTEM_POWEROFF, 5 << 10 | 1 << 13);
	expect_end(vcpu, LODGE_SYSTEM_POWEROFF, 0x34);
	expect_end(vcpu, LODGE_SYSTEM_RESET, 0x06);
	expect_end(vcpu, LODGE_SYSTEM_RESET, 0xfe);
	expect_end(vcpu, LODGE_SYSTEM_RESET, 1);
	expect_end(vcpu, LODGE_SYSTEM_PANIC, 1);
	vcpu_done(vcpu);
}

/* Timers under way when everything goes */
static void leaves(void)
{
	set_up(0xfffe);
	pit(0, 2, 200);
	rtc_write(0x0b, 0x72);
	outw(0x602, 1);
	GUEST_DONE();
}

TEST(gone_with_timers_under_way)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		struct vcpu *vcpu = vcpu_for(leaves);
		struct vm *vm = vcpu->vm;

		vcpu_done(vcpu);
		sleep_ms(i % 3);
		vcpu_free(vcpu);
		vm_free(vm);
	}
}

/* ---- what a test image asks ---------------------------------------------- */

static u64 fw_cfg(u16 key, u32 len)
{
	u64 value = 0;
	u32 i;

	outw(0x510, key);
	for (i = 0; i < len; i++)
		value |= (u64)inb(0x511) << i * 8;
	return value;
}

static void ask(void)
{
	GUEST_ASSERT_EQ(fw_cfg(0, 4), 0x554d4551);	/* "QEMU" */
	GUEST_ASSERT_EQ(fw_cfg(1, 4), 1);		/* no DMA */
	GUEST_ASSERT_EQ(fw_cfg(5, 2), 3);
	GUEST_ASSERT_EQ(fw_cfg(15, 2), 3);
	GUEST_SYNC2(1, fw_cfg(3, 8));
	/* past the end, and what there is not */
	GUEST_ASSERT_EQ(inb(0x511), 0);
	GUEST_ASSERT_EQ(inb(0x511), 0);
	GUEST_ASSERT_EQ(fw_cfg(0x11, 8), 0);
	GUEST_ASSERT_EQ(fw_cfg(0xffff, 8), 0);
	/* other widths and ports are nothing */
	GUEST_ASSERT_EQ(fw_cfg(0, 1), 'Q');
	outb(0x510, 5);
	outb(0x511, 5);
	GUEST_ASSERT_EQ(inw(0x510), 0xffff);
	GUEST_ASSERT_EQ(inb(0x511), 'E');
}

/* Files of user space: a directory at 0x19, contents from 0x20 on */
static void read_files(void)
{
	char name[LODGE_FILE_NAME_LEN];
	unsigned int i, len, key;

	GUEST_ASSERT_EQ(fw_cfg(0x19, 4), 0x02000000);	/* two, big-endian */
	for (i = 0; i < 2; i++) {
		for (len = 0, key = 0; len < 4; len++)
			GUEST_ASSERT_EQ(inb(0x511), (u64)(len == 3 ? 3 - i : 0));
		GUEST_ASSERT_EQ(inb(0x511), 0);
		key = inb(0x511);
		GUEST_ASSERT_EQ(key, 0x20 + i);
		GUEST_ASSERT_EQ(inb(0x511) | inb(0x511), 0);
		for (len = 0; len < sizeof(name); len++)
			name[len] = inb(0x511);
		GUEST_ASSERT_EQ(name[0], 'a' + i);
		GUEST_ASSERT_EQ(name[1], 0);
	}
	GUEST_ASSERT_EQ(fw_cfg(0x20, 8), 0x332211);
	GUEST_ASSERT_EQ(fw_cfg(0x21, 8), 0x5544);
	GUEST_ASSERT_EQ(fw_cfg(0x22, 8), 0);
	GUEST_ASSERT_EQ(fw_cfg(0x1f, 8), 0);
	GUEST_ASSERT_EQ(fw_cfg(0xffff, 8), 0);
}

static int add_file(struct vm *vm, const char *name, const void *data, u32 len)
{
	struct lodge_add_file f = { .size = sizeof(f), .len = len, .data = (u64)data };

	memcpy(f.name, name, strnlen(name, sizeof(f.name)));
	return ioctl(vm->fd, LODGE_VM_ADD_FILE, &f);
}

TEST(files)
{
	struct vm *vm = vm_create(MACHINE | LODGE_VM_DEBUG_PORTS);
	struct vm *none = vm_create(MACHINE);
	char name[LODGE_FILE_NAME_LEN + 1];
	struct vcpu *vcpu;

	EXPECT_OK(add_file(vm, "a", "\x11\x22\x33", 3));
	EXPECT_OK(add_file(vm, "b", "\x44\x55", 2));
	EXPECT_ERRNO(add_file(vm, "b", "\x44\x55", 2), EEXIST);
	EXPECT_ERRNO(add_file(vm, "c", "", 0), EINVAL);
	EXPECT_ERRNO(add_file(vm, "c", "", LODGE_FILE_MAX + 1), EINVAL);
	EXPECT_ERRNO(add_file(vm, "", "1", 1), EINVAL);
	EXPECT_ERRNO(add_file(vm, "a b", "1", 1), EINVAL);
	memset(name, 'x', sizeof(name));
	EXPECT_ERRNO(add_file(vm, name, "1", 1), EINVAL);
	EXPECT_ERRNO(add_file(vm, "c", (void *)8, 1), EFAULT);
	EXPECT_ERRNO(add_file(none, "a", "1", 1), ENODEV);
	vcpu = vcpu_long(vm, 0, read_files);
	EXPECT_ERRNO(add_file(vm, "c", "1", 1), EBUSY);
	vcpu_done(vcpu);
}

TEST(sixteen_files)
{
	struct vm *vm = vm_create(MACHINE | LODGE_VM_DEBUG_PORTS);
	char name[8];
	int i;

	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		ASSERT_OK(add_file(vm, name, name, sizeof(name)));
	}
	EXPECT_ERRNO(add_file(vm, "more", "1", 1), ENOSPC);
}

TEST(size_of_the_machine)
{
	struct vm *vm = vm_create(MACHINE | LODGE_VM_DEBUG_PORTS);
	struct vcpu *vcpu = vcpu_long(vm, 0, ask);

	vcpu_create(vm, 1);
	vcpu_create(vm, 2);
	vm_slot(vm, 1, LODGE_SLOT_READONLY, 0x80000000, 4096, vm->mem);
	vcpu_sync(vcpu, 1);
	EXPECT_EQ(vcpu->arg[1], vm->size);
	vcpu_done(vcpu);
}

/* While memory comes and goes: what is read is the size that it had, before or after */
#define SIZES	400

static void ask_for_size(void)
{
	int i;

	for (i = 0; i < SIZES; i++)
		GUEST_SYNC2(1, fw_cfg(3, 8));
	GUEST_DONE();
}

struct resizer {
	struct vm *vm;
	bool stop;
	u64 rounds;
};

static void *resize(void *arg)
{
	struct resizer *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		vm_slot(r->vm, 1, 0, 0x80000000, 4096, r->vm->mem);
		vm_slot(r->vm, 1, 0, 0, 0, NULL);
		r->rounds++;
	}
	return NULL;
}

TEST(size_while_memory_comes_and_goes)
{
	struct vm *vm = vm_create(MACHINE | LODGE_VM_DEBUG_PORTS);
	struct vcpu *vcpu = vcpu_long(vm, 0, ask_for_size);
	struct resizer r = { .vm = vm };
	pthread_t t = thread_start(resize, &r);
	int i;

	for (i = 0; i < SIZES; i++) {
		vcpu_sync(vcpu, 1);
		if (vcpu->arg[1] != vm->size)
			ASSERT_EQ(vcpu->arg[1], vm->size + 4096);
	}
	vcpu_done(vcpu);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	ASSERT_GE(r.rounds, 1u);
}
