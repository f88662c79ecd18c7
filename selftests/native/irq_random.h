/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A string of bytes as what guests, devices and time do to the interrupt
 * controllers of four vCPUs; after each step what must always hold is checked.
 */
#ifndef SELFTESTS_NATIVE_IRQ_RANDOM_H
#define SELFTESTS_NATIVE_IRQ_RANDOM_H

#include "irq_model.h"

#define CPUS		4
#define MUST(c)		WARN_ON(!(c))

/**
 * struct bytes - what is left of the string
 * @at: the next one
 * @end: behind the last one
 */
struct bytes {
	const u8 *at, *end;
};

static u8 next8(struct bytes *b)
{
	return b->at < b->end ? *b->at++ : 0;
}

static u32 next32(struct bytes *b)
{
	u32 v = next8(b);

	v |= next8(b) << 8;
	v |= next8(b) << 16;
	return v | (u32)next8(b) << 24;
}

static void check_lapic(struct cpu *cpu)
{
	struct lodge_lapic *lapic = &cpu->lapic;
	int i, vector = lodge_lapic_next(lapic);
	u64 mode = lapic->base & 0xc00;

	MUST(mode != LODGE_LAPIC_BASE_X2APIC);
	MUST((lapic->base & ~0xc00ULL) == (LODGE_LAPIC_BASE | (lapic->id ? 0 : 0x100)));
	MUST(!(lapic->irr[0] & 0xffff) && !(lapic->isr[0] & 0xffff));
	MUST(lapic->tpr <= 0xff);
	/* no two of a class are in service */
	for (i = 0; i < 16; i++)
		MUST(__builtin_popcountl(lapic->isr[i / 4] >> 16 * (i % 4) & 0xffff) <= 1);
	if (vector >= 0) {
		MUST(test_bit(vector, lapic->irr));
		MUST(vector >> 4 > lodge_lapic_cr8(lapic));
		for (i = vector & ~0xf; i < 256; i++)
			MUST(!test_bit(i, lapic->isr));
		for (i = vector + 1; i < 256; i++)
			MUST(!test_bit(i, lapic->irr));
	}
	if (!(lapic->svr & 0x100))
		for (i = 0; i < LODGE_NR_LVTS; i++)
			MUST(lapic->lvt[i] & APIC_LVT_MASKED ||
			     (i == LODGE_LVT_LINT0 && lapic->lvt[i] == 0x700));
	MUST(!(lapic->svr & ~0x13ffu));
	MUST(!(lapic->esr_pending & ~0xe0ul));
	MUST(lapic->timer.armed || !lapic->timer.hrtimer.queued);
	MUST(lapic->timer.masked == !!(lapic->lvt[0] & APIC_LVT_MASKED));
	MUST(!lapic->timer.masked || !lapic->timer.armed);
	MUST(lodge_timer_count(&lapic->timer) <= lapic->timer.initial);
	MUST(lapic->timer.period <= 0xffffffffULL << 7);
}

static void check_all(void)
{
	unsigned int i;

	MUST(!irq.lock.held && !shim_rcu);
	for (i = 0; i < CPUS; i++)
		check_lapic(&cpus[i]);
	for (i = 0; i < LODGE_IOAPIC_PINS; i++) {
		MUST(!(irq.ioapic.entry[i] & 0x00fffffffffe1000ULL));
		MUST(!(irq.ioapic.entry[i] & 0x4000) || (irq.ioapic.entry[i] & 0x8000));
	}
	MUST(!(irq.pic.chip[0].elcr & 7));
	MUST(irq.pic.chip[0].priority < 8 && irq.pic.chip[1].priority < 8);
	/* an output is somebody's unmasked request */
	if (irq.pic.output)
		MUST(irq.pic.chip[0].irr & ~irq.pic.chip[0].imr);
	MUST(irq.pic.output == !!(irq.ioapic.level & 1));
}

/* What runs the guest: takes what there is, as kmod/events.c does */
static void run(unsigned int i, struct bytes *b)
{
	struct lodge_lapic *lapic = &cpus[i].lapic;
	u8 how = next8(b);
	int vector;

	if (!i && lodge_route_extint_waits(&irq) && lodge_lapic_takes_extint(lapic)) {
		vector = lodge_route_extint_take(&irq);
		MUST(vector >= 0 && vector < 256);
		return;
	}
	vector = take(i);
	if (vector < 0)
		return;
	MUST(test_bit(vector, lapic->isr));
	if (how % 4 == 0)
		lodge_lapic_return(lapic, vector);
	else if (how % 4 == 1)
		eoi(i);
}

/* A timer per vCPU: one interrupt each at most until a vCPU runs, and MAX_TICKS' sleeps */
static void sleep_a_while(struct bytes *b)
{
	u32 t = next32(b);

	advance((u64)(t & 0xffffff) << (t >> 24 & 15), CPUS * 2);
}

static void access_lapic(unsigned int i, struct bytes *b)
{
	/* the ones that matter more often than chance has them */
	static const u16 some[] = { 0x80, 0xb0, 0xd0, 0xe0, 0xf0, 0x280, 0x300, 0x310, 0x320, 0x350,
				    0x370, 0x380, 0x3e0, 0x3f0 };
	struct lodge_lapic *lapic = &cpus[i].lapic;
	u8 which = next8(b);
	u32 offset = which < 0xc0 ? some[which % ARRAY_SIZE(some)] : next32(b) & 0xfff;
	u32 value = next32(b);
	u64 wide;

	/* enabled more often than not */
	if (offset == 0xf0 && value & 0x30000)
		value = (value & 0x12ff) | 0x100;
	lodge_lapic_write(lapic, offset, value);
	lodge_lapic_read(lapic, offset);
	wide = offset == 0x300 ? (u64)next32(b) << 32 : 0;
	if (lodge_lapic_write_msr(lapic, 0x800 + offset / 16, wide | value) && value & 1) {
		/* with fewer bits, as a guest would */
		static const u32 masks[] = { 0xff, 0xccfff, 0x710ff, 0x1ff };

		lodge_lapic_write_msr(lapic, 0x800 + offset / 16,
				      wide | (value & masks[value >> 30]));
	}
	lodge_lapic_read_msr(lapic, 0x800 + offset / 16, &wide);
}

static void access_pic(struct bytes *b)
{
	static const u16 at[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	u8 which = next8(b);
	u8 value = next8(b);

	if (which & 0x80)
		inb(at[which % ARRAY_SIZE(at)]);
	else if (which & 0x40)
		out(at[which % 3 * 2], 2, value | next8(b) << 8);
	else
		outb(at[which % ARRAY_SIZE(at)], value);
}

static void access_ioapic(struct bytes *b)
{
	u8 which = next8(b);
	u32 value = next32(b);

	if (which < 0xe0) {
		ioapic_set(which & 0x3f, value);
		ioapic_get(which & 0x3f);
	} else if (which < 0xf0) {
		store(LODGE_IOAPIC_BASE + 0x40, 4, value);
	} else {
		store(LODGE_IOAPIC_BASE + (value & 0xff0), 1 << (which & 3), value);
		load(LODGE_IOAPIC_BASE + (value & 0xff0), 1 << (which & 3));
	}
}

static void deadline_and_tsc(unsigned int i, struct bytes *b)
{
	struct lodge_lapic *lapic = &cpus[i].lapic;
	u32 value = next32(b);

	if (value & 1) {
		lodge_lapic_write_deadline(lapic, shim_tsc + cpus[i].offset + (int)value / 2);
		lodge_lapic_read_deadline(lapic);
	} else {
		cpus[i].offset += (int)value;
		lodge_lapic_offset_changed(lapic);
	}
}

static void step(struct bytes *b)
{
	u8 what = next8(b);
	unsigned int i = what >> 6;
	u32 value;

	switch (what & 0x1f) {
	case 0 ... 7:
		access_lapic(i, b);
		break;
	case 8 ... 14:
		run(i, b);
		break;
	case 15 ... 16:
		access_pic(b);
		break;
	case 17 ... 19:
		access_ioapic(b);
		break;
	case 20 ... 23:
		value = next8(b);
		gsi(value & 0x1f, value & 0x80);
		break;
	case 24:
		value = next32(b);
		lodge_route_msi(&irq, 0xfee00000 | (value & 0x7f00c), value >> 16);
		break;
	case 25:
		lodge_lapic_set_cr8(&cpus[i].lapic, next8(b) & 0xf);
		break;
	case 26:
		value = next32(b);
		lodge_lapic_set_base(&cpus[i].lapic,
				     (value & 1 ? value : LODGE_LAPIC_BASE) | (value & 0xc00));
		break;
	case 27:
		lodge_lapic_reset(&cpus[i].lapic, next8(b));
		break;
	case 28 ... 29:
		deadline_and_tsc(i, b);
		break;
	case 30:
		sleep_a_while(b);
		break;
	case 31:
		if (!next8(b))
			lodge_route_reset(&irq);
		break;
	}
}

/* Runs the whole string; aborts where something does not hold */
static void run_bytes(const u8 *data, size_t size)
{
	struct bytes b = { data, data + size };

	running_machine(CPUS, size && data[0] & 1);
	while (b.at < b.end) {
		step(&b);
		check_all();
	}
}

#endif /* SELFTESTS_NATIVE_IRQ_RANDOM_H */
