// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU's thread: LODGE_VCPU_RUN, and what there is to do when it returns.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "console.h"
#include "ctl.h"
#include "vm.h"

#define NO_SUCH_HYPERCALL	((uint64_t)-1000)

#define PANICKED		1	/* to the pvpanic port; 2: it goes on to save a dump */

/* Nobody is there: reads give all ones, writes are lost */
static void answer_io(struct lodge_run *run, size_t run_size)
{
	struct lodge_run_io io = run->io;
	uint64_t len = (uint64_t)io.width * io.count;

	if (io.direction == LODGE_IO_IN && io.data_offset <= run_size &&
	    len <= run_size - io.data_offset)
		memset((char *)run + io.data_offset, 0xff, len);
}

/* It counts again: a guest that the NMI does not help has it once more */
static void watchdog(struct vcpu *cpu)
{
	struct vm *vm = cpu->vm;

	switch (vm->config->on_watchdog) {
	case VM_WATCHDOG_PAUSE:
		if (ctl_pause_own()) {
			console_tell("the guest's watchdog expired: it is paused");
			return;
		}
		break;
	case VM_WATCHDOG_NMI:
		console_tell("the guest's watchdog expired: it gets an NMI");
		if (!ioctl(vm->cpu[0].fd, LODGE_VCPU_NMI))
			return;
		break;
	case VM_WATCHDOG_RESET:
		break;
	}
	vm_finish(vm, VM_WATCHDOG, 0);
}

static void system_event(struct vcpu *cpu)
{
	struct lodge_run_system *s = &cpu->run->system;

	switch (s->type) {
	case LODGE_SYSTEM_POWEROFF:
		vm_finish(cpu->vm, VM_POWEROFF, s->code);
		break;
	case LODGE_SYSTEM_RESET:
		vm_finish(cpu->vm, VM_RESET, s->code);
		break;
	case LODGE_SYSTEM_KILL:
		vm_finish(cpu->vm, VM_KILLED, 0);
		break;
	case LODGE_SYSTEM_PANIC:
		/* a kernel that goes on into its crash kernel is not at its end */
		if ((s->code & PANICKED) &&
		    !(cpu->vm->config->pause_on_panic && ctl_pause_own()))
			vm_finish(cpu->vm, VM_PANIC, s->code);
		break;
	case LODGE_SYSTEM_WATCHDOG:
		watchdog(cpu);
		break;
	default:
		vm_fail(cpu, "the guest has ended in a way that vmctl does not know (%u)", s->type);
	}
}

/* Told once; the guest gets #UD when it runs on */
static void unknown_insn(struct vcpu *cpu)
{
	struct lodge_run_insn *insn = &cpu->run->insn;
	char bytes[3 * sizeof(insn->bytes) + 1] = "";
	unsigned int i;
	bool told;

	pthread_mutex_lock(&cpu->vm->lock);
	told = cpu->vm->told;
	cpu->vm->told = true;
	pthread_mutex_unlock(&cpu->vm->lock);
	if (told)
		return;
	for (i = 0; i < insn->len && i < sizeof(insn->bytes); i++)
		snprintf(bytes + 3 * i, 4, " %02x", insn->bytes[i]);
	console_tell("CPU %u used an instruction that lodge does not emulate at rip 0x%llx:%s; it gets #UD",
		     cpu->id, (unsigned long long)insn->rip, bytes);
}

static void memory_error(struct vcpu *cpu)
{
	struct lodge_run_memory *m = &cpu->run->memory;

	vm_fail(cpu, "CPU %u could not %s guest memory at 0x%llx: %s", cpu->id,
		m->access & 4 ? "execute" : m->access & 2 ? "write" : "read",
		(unsigned long long)m->gpa, strerror(m->error));
}

/* VM-exit reason 48, EPT violation (SDM Vol 3D, appendix C) */
#define EPT_VIOLATION	48

static void internal_error(struct vcpu *cpu)
{
	struct lodge_run_fail *f = &cpu->run->fail;

	if (f->exit_reason == EPT_VIOLATION)
		vm_fail(cpu, "CPU %u could not deliver an exception or interrupt: the guest's stack or a descriptor table is where no memory is",
			cpu->id);
	else
		vm_fail(cpu, "lodge has no answer to exit reason 0x%x of CPU %u, qualification 0x%llx",
			f->exit_reason, cpu->id, (unsigned long long)f->qualification);
}

static void handle_exit(struct vcpu *cpu)
{
	struct lodge_run *run = cpu->run;

	switch (run->exit_reason) {
	case LODGE_EXIT_NONE:
	case LODGE_EXIT_IRQ_WINDOW:
		break;
	case LODGE_EXIT_IO:
		answer_io(run, cpu->vm->info.run_size);
		break;
	case LODGE_EXIT_MMIO:
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		break;
	case LODGE_EXIT_HYPERCALL:
		run->hypercall.ret = NO_SUCH_HYPERCALL;
		break;
	case LODGE_EXIT_SYSTEM:
		system_event(cpu);
		break;
	case LODGE_EXIT_DEBUG_EXIT:
		vm_finish(cpu->vm, VM_EXIT, run->debug_exit);
		break;
	case LODGE_EXIT_UNKNOWN_INSN:
		unknown_insn(cpu);
		break;
	case LODGE_EXIT_MEMORY_ERROR:
		memory_error(cpu);
		break;
	case LODGE_EXIT_SHUTDOWN:
		vm_fail(cpu, "the guest ended with a triple fault on CPU %u", cpu->id);
		break;
	case LODGE_EXIT_FAIL_ENTRY:
		vm_fail(cpu, "CPU %u could not be entered: exit reason 0x%x, instruction error %u, qualification 0x%llx",
			cpu->id, run->fail.exit_reason, run->fail.insn_error,
			(unsigned long long)run->fail.qualification);
		break;
	case LODGE_EXIT_INTERNAL:
		internal_error(cpu);
		break;
	default:
		vm_fail(cpu, "CPU %u returned with reason %u, which vmctl does not know", cpu->id,
			run->exit_reason);
	}
}

static bool ended(struct vm *vm)
{
	bool stop;

	pthread_mutex_lock(&vm->lock);
	stop = vm->end.kind != VM_RUNS;
	pthread_mutex_unlock(&vm->lock);
	return stop;
}

void *vcpu_thread(void *arg)
{
	struct vcpu *cpu = arg;
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	while (!__atomic_load_n(&cpu->vm->stopping, __ATOMIC_SEQ_CST) && !ended(cpu->vm)) {
		if (!ioctl(cpu->fd, LODGE_VCPU_RUN, 0))
			handle_exit(cpu);
		else if (errno == EBUSY)
			vm_fail(cpu, "VMX cannot be used any more: the kernel's log tells why");
		else if (errno != EINTR && errno != EAGAIN)
			vm_fail(cpu, "CPU %u cannot run: %s", cpu->id, strerror(errno));
	}
	return NULL;
}

/* Some lines for a failure's report */
void vcpu_registers(struct vcpu *cpu, char *text, size_t size)
{
	static const char names[LODGE_NR_GPRS][4] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	struct lodge_sregs s = { .size = sizeof(s) };
	struct lodge_regs r = { .size = sizeof(r) };
	size_t n = 0;
	int i;

	text[0] = 0;
	if (ioctl(cpu->fd, LODGE_VCPU_GET_REGS, &r) || ioctl(cpu->fd, LODGE_VCPU_GET_SREGS, &s))
		return;
	n += snprintf(text + n, size - n, "  rip %016llx  rflags %08llx  cs %04x\n",
		      (unsigned long long)r.rip, (unsigned long long)r.rflags,
		      s.seg[LODGE_CS].selector);
	for (i = 0; i < LODGE_NR_GPRS && n < size; i++)
		n += snprintf(text + n, size - n, "  %3s %016llx%s", names[i],
			      (unsigned long long)r.gpr[i], i % 4 == 3 ? "\n" : "");
	if (n < size)
		snprintf(text + n, size - n, "  cr0 %llx  cr2 %llx  cr3 %llx  cr4 %llx  efer %llx\n",
			 (unsigned long long)s.cr0, (unsigned long long)s.cr2,
			 (unsigned long long)s.cr3, (unsigned long long)s.cr4,
			 (unsigned long long)s.efer);
}
