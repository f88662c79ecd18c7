// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations and how each is measured. A figure includes the loop around the
 * operation ("empty loop" tells how much that is), and for what goes to user space
 * the few instructions of the back end's run loop.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define MSR_TSC_ADJUST	0x3b
#define FAULT_PAGES	512
#define WAKE_SECONDS	60
#define X2APIC_EOI_MSR	0x80b

static struct guest_args *guest_args(struct machine *m)
{
	return (struct guest_args *)(m->mem + GUEST_ARGS);
}

static int run_loop(struct machine *m, const unsigned char *loop, __u64 n, __u64 value)
{
	struct entry entry = { .start = loop };
	struct guest_args *args = guest_args(m);
	int ret;

	args->n = n;
	args->value = value;
	if (m->be->start(m, &entry))
		return -1;
	do {
		ret = m->be->run(m);
	} while (ret > 0);
	return ret;
}

/* The guest times a loop of its own */
static int measure_loop(struct machine *m, const struct op *op, double *ticks)
{
	__u64 value = op->value == KERNEL_PORT ? m->be->kernel_port : op->value;

	if (run_loop(m, op->loop, op->n, value))
		return -1;
	*ticks = (double)guest_args(m)->ticks / op->n;
	return 0;
}

/* Likewise, and each round takes one interrupt of the local APIC */
static int measure_apic(struct machine *m, const struct op *op, double *ticks)
{
	struct guest_args *args = guest_args(m);
	__u64 before;

	args->eoi_msr = X2APIC_EOI_MSR;
	if (run_loop(m, guest_apic_setup, 0, 0))
		return -1;
	before = args->wakeups;
	if (run_loop(m, op->loop, op->n, 0))
		return -1;
	if (args->wakeups - before != op->n)
		return fail("%s: %u rounds, %llu interrupts", op->name, op->n,
			    (unsigned long long)(args->wakeups - before));
	*ticks = (double)args->ticks / op->n;
	return 0;
}

/* The task priority, with an APIC that is enabled */
static int measure_cr8(struct machine *m, const struct op *op, double *ticks)
{
	if (run_loop(m, guest_apic_setup, 0, 0))
		return -1;
	return measure_loop(m, op, ticks);
}

/* Likewise, with pages that the host has and the guest has not touched yet */
static int measure_fault(struct machine *m, const struct op *op, double *ticks)
{
	__u64 *faulted = m->data;
	__u64 address = EXTRA_GPA + *faulted;

	*faulted += op->n * 4096;
	if (*faulted > m->extra_size)
		return fail("%s: too many rounds", op->name);
	if (run_loop(m, op->loop, op->n, address))
		return -1;
	*ticks = (double)guest_args(m)->ticks / op->n;
	return 0;
}

/* The run call that does not enter the guest */
static int measure_ioctl(struct machine *m, const struct op *op, double *ticks)
{
	__u64 start;
	unsigned int i;

	m->be->set_immediate_exit(m, true);
	start = rdtsc();
	for (i = 0; i < op->n; i++)
		if (m->be->run(m) != 1)
			return fail("%s: immediate_exit has no effect", op->name);
	*ticks = (double)(rdtsc() - start) / op->n;
	m->be->set_immediate_exit(m, false);
	return 0;
}

/* From no VM to the guest's first instruction, and back from it */
static int measure_create(struct machine *old, const struct op *op, double *ticks)
{
	struct entry entry = { .start = op->loop, .rdx = PORT_DONE };
	struct machine m = *old;
	__u64 start = rdtsc();
	int ret;

	ret = machine_create(&m, old->be);
	if (!ret)
		ret = m.be->start(&m, &entry);
	if (!ret)
		ret = m.be->run(&m);
	*ticks = rdtsc() - start;
	machine_destroy(&m);
	return ret;
}

static void *run_halted(void *arg)
{
	struct machine *m = arg;

	return (void *)(long)m->be->run(m);
}

static int wake(struct machine *m, bool irq)
{
	struct guest_args *args = guest_args(m);
	__u64 before = args->wakeups;
	time_t end = time(NULL) + WAKE_SECONDS;
	int ret = irq ? m->be->interrupt(m) : m->be->nmi(m);

	while (!ret && args->wakeups == before) {
		sched_yield();
		if (time(NULL) > end)
			ret = fail("%s: the guest does not wake up from HLT", m->be->name);
	}
	return ret;
}

static void stop_thread(struct machine *m, pthread_t thread, void **state)
{
	m->be->set_immediate_exit(m, true);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, state);
	m->be->set_immediate_exit(m, false);
}

/*
 * This thread wakes the vCPU's on the same CPU and yields; when it runs again, the
 * guest has taken the interrupt and halted once more.
 */
static int measure_hlt(struct machine *m, const struct op *op, double *ticks)
{
	struct entry entry = { .start = op->loop, .irqs = op->irqs };
	struct guest_args *args = guest_args(m);
	pthread_t thread;
	unsigned int i;
	__u64 start;
	void *state;
	int ret;

	args->eoi_msr = m->be->eoi_msr;
	if (m->be->start(m, &entry))
		return -1;
	if (pthread_create(&thread, NULL, run_halted, m))
		return fail("no thread");
	ret = wake(m, op->irqs);
	start = rdtsc();
	for (i = 0; !ret && i < op->n; i++)
		ret = wake(m, op->irqs);
	*ticks = (double)(rdtsc() - start) / op->n;

	stop_thread(m, thread, &state);
	return ret || (long)state < 0 ? -1 : 0;
}

/*
 * Two vCPUs that wake each other and sleep meanwhile, on one CPU of the host: each half of
 * a round is an IPI, the end of a HLT and a switch of threads.
 */
static int play(struct machine *m, const struct op *op)
{
	struct entry setup = { .start = guest_apic_setup, .stack = GUEST_STACK2 };
	struct entry answer = { .start = guest_ipi_answer, .stack = GUEST_STACK2 };
	struct machine second;
	pthread_t thread;
	void *state;
	int ret = -1;

	guest_args(m)->eoi_msr = X2APIC_EOI_MSR;
	if (run_loop(m, guest_apic_setup, 0, 0))
		return -1;
	if (m->be->add_vcpu(m, &second) || m->be->start(&second, &setup) ||
	    m->be->run(&second) || m->be->start(&second, &answer))
		goto out;
	if (pthread_create(&thread, NULL, run_halted, &second)) {
		fail("no thread");
		goto out;
	}
	/* it sleeps before the first */
	ret = run_loop(m, op->loop, 1, 0);
	if (!ret)
		ret = run_loop(m, op->loop, op->n / 2, 0);
	stop_thread(&second, thread, &state);
	if ((long)state < 0)
		ret = -1;
out:
	machine_remove_vcpu(&second);
	return ret;
}

static int measure_ipi(struct machine *old, const struct op *op, double *ticks)
{
	struct machine m = *old;
	int ret = machine_create(&m, old->be);

	if (!ret)
		ret = play(&m, op);
	*ticks = (double)guest_args(&m)->ticks / op->n;
	machine_destroy(&m);
	return ret;
}

const struct op ops[] = {
	{ "empty loop", measure_loop, guest_empty, .n = 1000 },
	{ "cpuid", measure_loop, guest_cpuid, .n = 1000, .target = 360 },
	{ "port, in the kernel", measure_loop, guest_inb, .n = 1000, .value = KERNEL_PORT,
	  .target = 420 },
	{ "port, to user space", measure_loop, guest_inl, .n = 500, .value = PORT_USER,
	  .target = 1500 },
	{ "vmcall, to user space", measure_loop, guest_vmcall, .n = 500 },
	{ "rdmsr TSC_ADJUST", measure_loop, guest_rdmsr, .n = 1000, .value = MSR_TSC_ADJUST,
	  .target = 400 },
	{ "wrmsr TSC_ADJUST", measure_loop, guest_wrmsr, .n = 1000, .value = MSR_TSC_ADJUST,
	  .target = 400 },
	{ "mov to cr8", measure_cr8, guest_write_cr8, .n = 1000 },
	{ "mov from cr8", measure_cr8, guest_read_cr8, .n = 1000 },
	{ "IPI to self", measure_apic, guest_ipi_self, .n = 500, .target = 1500 },
	{ "IPI to a sleeping vCPU", measure_ipi, guest_ipi_other, .n = 400, .fresh = true },
	{ "TSC deadline, at once", measure_apic, guest_deadline, .n = 500, .target = 1500 },
	{ "EPT fault, 4 KiB page present", measure_fault, guest_touch, .n = FAULT_PAGES,
	  .target_ratio = 0.5 },
	{ "HLT wake-up by NMI", measure_hlt, guest_hlt, .n = 200 },
	{ "HLT wake-up by interrupt", measure_hlt, guest_hlt, .n = 200, .irqs = true },
	{ "run call, no entry", measure_ioctl, NULL, .n = 1000 },
	{ "VM create to first instruction", measure_create, guest_first, .n = 1, .fresh = true,
	  .target = 2000000 },
};

const unsigned int nr_ops = sizeof(ops) / sizeof(ops[0]);
