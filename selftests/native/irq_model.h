/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine of interrupt controllers and vCPUs that only count what they get.
 */
#ifndef SELFTESTS_NATIVE_IRQ_MODEL_H
#define SELFTESTS_NATIVE_IRQ_MODEL_H

#include "dev/bus.h"
#include "irq/message.h"
#include "irq/route.h"
#include "x86/tsc.h"

int shim_rcu;
u64 shim_ns = 1000000000;
u64 shim_tsc;
struct hrtimer *shim_timers;
unsigned long shim_starts;
unsigned int tsc_khz = 2000000;
static struct lodge_tsc model_tsc;

/**
 * struct cpu - a vCPU
 * @lapic: its APIC
 * @offset: of its TSC
 * @wakes: how often it was woken; the others likewise
 * @vector: of the last startup IPI
 */
struct cpu {
	struct lodge_lapic lapic;
	u64 offset;
	unsigned long wakes;
	unsigned long nmis;
	unsigned long inits;
	unsigned long startups;
	u8 vector;
};

static struct lodge_irq irq;
static struct lodge_bus ports, memory;
static struct cpu cpus[LODGE_IRQ_MAX_LAPICS];

static struct cpu *cpu_of(struct lodge_lapic *lapic)
{
	return container_of(lapic, struct cpu, lapic);
}

static void cpu_wake(struct lodge_lapic *lapic)
{
	cpu_of(lapic)->wakes++;
}

static void cpu_nmi(struct lodge_lapic *lapic)
{
	cpu_of(lapic)->nmis++;
}

static void cpu_init(struct lodge_lapic *lapic)
{
	cpu_of(lapic)->inits++;
}

static void cpu_startup(struct lodge_lapic *lapic, u8 vector)
{
	cpu_of(lapic)->startups++;
	cpu_of(lapic)->vector = vector;
}

static const struct lodge_lapic_ops cpu_ops = {
	.wake = cpu_wake, .nmi = cpu_nmi, .init = cpu_init, .startup = cpu_startup,
};

/* All anew: @n vCPUs as after power-up */
static void machine(unsigned int n)
{
	unsigned int i;

	shim_timers = NULL;
	shim_starts = 0;
	memset(&irq, 0, sizeof(irq));
	memset(&ports, 0, sizeof(ports));
	memset(&memory, 0, sizeof(memory));
	memset(cpus, 0, sizeof(cpus));
	model_tsc = (struct lodge_tsc){ .ratio = LODGE_TSC_SAME, .khz = tsc_khz };
	if (lodge_route_init(&irq, &ports, &memory))
		abort();
	for (i = 0; i < n; i++) {
		lodge_lapic_create(&cpus[i].lapic, &irq, i, &cpu_ops, &model_tsc,
				   &cpus[i].offset);
		lodge_lapic_publish(&cpus[i].lapic);
	}
}

/* The same, enabled by software as a kernel does; x2APIC mode on request */
static inline void running_machine(unsigned int n, bool x2apic)
{
	unsigned int i;

	machine(n);
	for (i = 0; i < n; i++) {
		struct lodge_lapic *lapic = &cpus[i].lapic;

		if (x2apic && (lodge_lapic_set_base(lapic, lapic->base | LODGE_LAPIC_BASE_X2APIC) ||
			       lodge_lapic_write_msr(lapic, 0x80f, 0x1ff)))
			abort();
		if (!x2apic)
			lodge_lapic_write(lapic, APIC_SPIV, 0x1ff);
	}
}

/* The timer that is due first */
static inline struct hrtimer *first_timer(void)
{
	struct hrtimer *t, *first = NULL;

	for (t = shim_timers; t; t = t->next)
		if (t->queued && (!first || t->expires < first->expires))
			first = t;
	return first;
}

static inline void clock_to(u64 ns)
{
	if (ns <= shim_ns)
		return;
	shim_tsc += (ns - shim_ns) * tsc_khz / 1000000;
	shim_ns = ns;
}

/*
 * Let time go by, with the timers that become due.  Returns how many fired; aborts
 * if that is more than @limit.
 */
static inline unsigned int advance(u64 ns, unsigned int limit)
{
	u64 end = shim_ns + ns;
	unsigned int fired = 0;
	struct hrtimer *t;

	while ((t = first_timer()) && (u64)t->expires <= end) {
		clock_to(t->expires);
		t->queued = false;
		if (++fired > limit)
			abort();
		if (t->function(t) == HRTIMER_RESTART)
			t->queued = true;
	}
	clock_to(end);
	return fired;
}

/* What the vCPU takes now: accepted, or -1 */
static inline int take(unsigned int i)
{
	int vector = lodge_lapic_next(&cpus[i].lapic);

	if (vector >= 0)
		lodge_lapic_accept(&cpus[i].lapic, vector);
	return vector;
}

static inline u32 get(unsigned int i, u32 offset)
{
	return lodge_lapic_read(&cpus[i].lapic, offset);
}

static inline void set(unsigned int i, u32 offset, u32 value)
{
	lodge_lapic_write(&cpus[i].lapic, offset, value);
}

static inline void eoi(unsigned int i)
{
	struct lodge_lapic *lapic = &cpus[i].lapic;

	if (lapic->base & LODGE_LAPIC_BASE_X2APIC)
		lodge_lapic_write_msr(lapic, 0x80b, 0);
	else
		lodge_lapic_write(lapic, APIC_EOI, 0);
}

/* A requested vector is dropped; false if it was not there */
static inline bool drop(unsigned int i, u8 vector)
{
	bool was = test_bit(vector, cpus[i].lapic.irr);

	clear_bit(vector, cpus[i].lapic.irr);
	return was;
}

/* Which vCPUs have a vector requested, a bit each; it is dropped */
static inline u64 reached(u8 vector)
{
	u64 set = 0;
	unsigned int i;

	for (i = 0; i < LODGE_IRQ_MAX_LAPICS; i++)
		if (drop(i, vector))
			set |= 1ULL << i;
	return set;
}

static inline u64 in(u16 port, u8 width)
{
	const struct lodge_bus_range *r = lodge_bus_find(&ports, port, width);

	return r ? r->ops->read(r->dev, port - r->first, width) : ~0ULL;
}

static inline void out(u16 port, u8 width, u32 value)
{
	const struct lodge_bus_range *r = lodge_bus_find(&ports, port, width);

	if (r)
		r->ops->write(r->dev, port - r->first, width, value);
}

static inline u8 inb(u16 port)
{
	return in(port, 1);
}

#define outb(port, value)	out(port, 1, value)

static inline u64 load(u64 gpa, u8 width)
{
	const struct lodge_bus_range *r = lodge_bus_find(&memory, gpa, width);

	return r ? r->ops->read(r->dev, gpa - r->first, width) : ~0ULL;
}

static inline void store(u64 gpa, u8 width, u64 value)
{
	const struct lodge_bus_range *r = lodge_bus_find(&memory, gpa, width);

	if (r)
		r->ops->write(r->dev, gpa - r->first, width, value);
}

static inline u32 ioapic_get(u8 reg)
{
	store(LODGE_IOAPIC_BASE, 4, reg);
	return load(LODGE_IOAPIC_BASE + 0x10, 4);
}

static inline void ioapic_set(u8 reg, u32 value)
{
	store(LODGE_IOAPIC_BASE, 4, reg);
	store(LODGE_IOAPIC_BASE + 0x10, 4, value);
}

#define gsi(line, level)	lodge_route_set_gsi(&irq, line, level)

#endif /* SELFTESTS_NATIVE_IRQ_MODEL_H */
