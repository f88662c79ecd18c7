// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verbs that reach into a VM: nmi, sysrq, regs, mem, pin.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "json.h"

/* ---- nmi, sysrq ---------------------------------------------------------- */

static int nmi_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	int error = nl_act(vm->number, LODGE_ACTION_NMI);

	(void)args;
	return error ? ctl_fail(error, vm->name) : CMD_OK;
}

int cmd_nmi(const struct cmd_args *args)
{
	return ctl_each(args, nmi_one);
}

int cmd_sysrq(const struct cmd_args *args)
{
	unsigned int taken;
	struct nl_vm vm;
	int status, error;

	if (args->argc != 2 || strlen(args->argv[1]) != 1)
		return cmd_error(CMD_USAGE, "sysrq takes a VM and a key: see vmctl help sysrq");
	status = ctl_find(args->argv[0], &vm);
	if (status)
		return status;
	error = nl_type(vm.number, args->argv[1], 1, true, &taken);
	if (error == -EAGAIN)
		return cmd_error(CMD_BUSY, "%s: %s", vm.name, nl_error());
	return error ? ctl_fail(error, vm.name) : CMD_OK;
}

/* ---- regs ---------------------------------------------------------------- */

static const char * const gpr_names[LODGE_NR_GPRS] = {
	[LODGE_RAX] = "rax", [LODGE_RCX] = "rcx", [LODGE_RDX] = "rdx", [LODGE_RBX] = "rbx",
	[LODGE_RSP] = "rsp", [LODGE_RBP] = "rbp", [LODGE_RSI] = "rsi", [LODGE_RDI] = "rdi",
	[LODGE_R8] = "r8", [LODGE_R9] = "r9", [LODGE_R10] = "r10", [LODGE_R11] = "r11",
	[LODGE_R12] = "r12", [LODGE_R13] = "r13", [LODGE_R14] = "r14", [LODGE_R15] = "r15",
};

static const char * const seg_names[LODGE_NR_SREGS] = {
	[LODGE_ES] = "es", [LODGE_CS] = "cs", [LODGE_SS] = "ss", [LODGE_DS] = "ds",
	[LODGE_FS] = "fs", [LODGE_GS] = "gs", [LODGE_LDTR] = "ldtr", [LODGE_TR] = "tr",
};

static void regs_text(uint32_t id, const struct lodge_regs *r, const struct lodge_sregs *s)
{
	unsigned int i;

	printf("cpu %u\n", id);
	for (i = 0; i < LODGE_NR_GPRS; i++)
		printf("%-6s %016llx%s", gpr_names[i], (unsigned long long)r->gpr[i],
		       i % 4 == 3 ? "\n" : "  ");
	printf("%-6s %016llx  %-6s %016llx\n", "rip", (unsigned long long)r->rip, "rflags",
	       (unsigned long long)r->rflags);
	printf("%-6s %016llx  %-6s %016llx  %-6s %016llx  %-6s %016llx\n", "cr0",
	       (unsigned long long)s->cr0, "cr2", (unsigned long long)s->cr2, "cr3",
	       (unsigned long long)s->cr3, "cr4", (unsigned long long)s->cr4);
	printf("%-6s %016llx  %-6s %016llx  %-6s %016llx\n", "cr8", (unsigned long long)s->cr8,
	       "efer", (unsigned long long)s->efer, "xcr0", (unsigned long long)s->xcr0);
	for (i = 0; i < LODGE_NR_SREGS; i++)
		printf("%-6s %04x  base %016llx  limit %08x  attributes %05x\n", seg_names[i],
		       s->seg[i].selector, (unsigned long long)s->seg[i].base, s->seg[i].limit,
		       s->seg[i].attr);
	printf("%-6s       base %016llx  limit %08x\n%-6s       base %016llx  limit %08x\n",
	       "gdtr", (unsigned long long)s->gdt_base, s->gdt_limit,
	       "idtr", (unsigned long long)s->idt_base, s->idt_limit);
}

static void regs_json(struct json *j, uint32_t id, const struct lodge_regs *r,
		      const struct lodge_sregs *s)
{
	unsigned int i;

	json_object(j, NULL);
	json_number(j, "id", id);
	for (i = 0; i < LODGE_NR_GPRS; i++)
		json_hex(j, gpr_names[i], r->gpr[i]);
	json_hex(j, "rip", r->rip);
	json_hex(j, "rflags", r->rflags);
	json_hex(j, "cr0", s->cr0);
	json_hex(j, "cr2", s->cr2);
	json_hex(j, "cr3", s->cr3);
	json_hex(j, "cr4", s->cr4);
	json_hex(j, "cr8", s->cr8);
	json_hex(j, "efer", s->efer);
	json_hex(j, "xcr0", s->xcr0);
	for (i = 0; i < LODGE_NR_SREGS; i++) {
		json_object(j, seg_names[i]);
		json_hex(j, "selector", s->seg[i].selector);
		json_hex(j, "base", s->seg[i].base);
		json_hex(j, "limit", s->seg[i].limit);
		json_hex(j, "attributes", s->seg[i].attr);
		json_end(j);
	}
	json_hex(j, "gdt_base", s->gdt_base);
	json_hex(j, "gdt_limit", s->gdt_limit);
	json_hex(j, "idt_base", s->idt_base);
	json_hex(j, "idt_limit", s->idt_limit);
	json_end(j);
}

/* Of a VM that is paused */
static int print_regs(const struct nl_vm *vm, bool as_json, const char *only)
{
	struct nl_vcpu *cpus = NULL;
	struct lodge_sregs s;
	struct lodge_regs r;
	struct json j;
	unsigned int i, n = 0, shown = 0;
	uint64_t id = 0;
	int error = nl_vcpus(vm->number, &cpus, &n);

	if (only && !ctl_number(only, &id))
		id = UINT64_MAX;
	if (as_json) {
		json_init(&j, stdout);
		json_array(&j, NULL);
	}
	for (i = 0; i < n && !error; i++) {
		if (only && cpus[i].id != id)
			continue;
		error = nl_regs(vm->number, cpus[i].id, &r, &s);
		if (error)
			break;
		if (as_json)
			regs_json(&j, cpus[i].id, &r, &s);
		else
			regs_text(cpus[i].id, &r, &s);
		shown++;
	}
	if (as_json)
		json_end(&j);
	free(cpus);
	if (error)
		return ctl_fail(error, vm->name);
	return only && !shown ? cmd_error(CMD_USAGE, "%s has no processor %s", vm->name, only) :
	       CMD_OK;
}

static int regs_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	bool paused;
	int status = ctl_hold(vm, &paused);

	if (status)
		return status;
	status = print_regs(vm, args->json, ctl_option(args, 'c'));
	ctl_let_go(vm, paused);
	return status;
}

int cmd_regs(const struct cmd_args *args)
{
	return ctl_each(args, regs_one);
}

/* ---- mem ----------------------------------------------------------------- */

static void print_line(uint64_t address, const uint8_t *p, unsigned int n)
{
	unsigned int i;

	printf("%016llx ", (unsigned long long)address);
	for (i = 0; i < 16; i++) {
		if (i < n)
			printf("%s%02x", i == 8 ? "  " : " ", p[i]);
		else
			printf("%s  ", i == 8 ? "  " : " ");
	}
	printf("  ");
	for (i = 0; i < n; i++)
		putchar(p[i] >= ' ' && p[i] <= '~' ? p[i] : '.');
	putchar('\n');
}

static int print_memory(const struct nl_vm *vm, uint64_t address, uint64_t len, bool binary)
{
	static uint8_t buf[NL_MEMORY_MAX];
	unsigned int i, n;
	int error;

	for (; len; address += n, len -= n) {
		n = len < sizeof(buf) ? len : sizeof(buf);
		error = nl_memory(vm->number, address, buf, n);
		if (error == -EFAULT)
			return cmd_error(CMD_FAILED, "%s: not all of 0x%llx to 0x%llx is memory",
					 vm->name, (unsigned long long)address,
					 (unsigned long long)(address + n - 1));
		if (error)
			return ctl_fail(error, vm->name);
		if (binary)
			fwrite(buf, 1, n, stdout);
		for (i = 0; i < n && !binary; i += 16)
			print_line(address + i, buf + i, n - i < 16 ? n - i : 16);
		if (ferror(stdout))
			return CMD_FAILED;
	}
	return CMD_OK;
}

int cmd_mem(const struct cmd_args *args)
{
	uint64_t address, len = 256;
	struct nl_vm vm;
	int status;

	if (args->argc < 2 || !ctl_number(args->argv[1], &address) ||
	    (args->argc > 2 && !ctl_number(args->argv[2], &len)) || !len || address + len < address)
		return cmd_error(CMD_USAGE, "mem takes a VM, an address and a length: see vmctl help mem");
	status = ctl_find(args->argv[0], &vm);
	return status ? status : print_memory(&vm, address, len, ctl_option(args, 'b'));
}

/* ---- pin ----------------------------------------------------------------- */

/* "0-3,8" */
static bool parse_cpus(const char *text, cpu_set_t *set)
{
	unsigned long first, last;
	char *end;

	CPU_ZERO(set);
	do {
		if (*text < '0' || *text > '9')
			return false;
		first = strtoul(text, &end, 10);
		last = first;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text)
				return false;
		}
		if (last >= CPU_SETSIZE || first > last)
			return false;
		for (; first <= last; first++)
			CPU_SET(first, set);
		text = end + 1;
	} while (*end == ',');
	return !*end;
}

static int pin(const struct nl_vm *vm, const char *which, const cpu_set_t *set)
{
	bool all = !strcmp(which, "all"), found = false;
	struct nl_vcpu *cpus = NULL;
	unsigned int i, n = 0;
	uint64_t id = 0;
	int error = nl_vcpus(vm->number, &cpus, &n);
	int status = CMD_OK;

	if (error)
		return ctl_fail(error, vm->name);
	if (!all && !ctl_number(which, &id))
		id = UINT64_MAX;
	for (i = 0; i < n && !status; i++) {
		if (!all && cpus[i].id != id)
			continue;
		found = true;
		if (!cpus[i].tid)
			status = cmd_error(CMD_BUSY, "%s: no thread has run processor %u yet",
					   vm->name, cpus[i].id);
		else if (sched_setaffinity(cpus[i].tid, sizeof(*set), set))
			status = cmd_error(CMD_FAILED, "%s: cannot pin processor %u: %s", vm->name,
					   cpus[i].id, strerror(errno));
	}
	free(cpus);
	return found ? status : cmd_error(CMD_USAGE, "%s has no processor %s", vm->name, which);
}

int cmd_pin(const struct cmd_args *args)
{
	struct nl_vm vm;
	cpu_set_t set;
	int status;

	if (args->argc != 3 || !parse_cpus(args->argv[2], &set))
		return cmd_error(CMD_USAGE, "pin takes a VM, one of its processors and a list of the host's, as 0-2,5: see vmctl help pin");
	status = ctl_find(args->argv[0], &vm);
	return status ? status : pin(&vm, args->argv[1], &set);
}
