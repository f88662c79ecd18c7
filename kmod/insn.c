// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that a vCPU has executed in software: the emulator's way to guest
 * memory, ports and registers, and the exits to user space that it asks for.
 *
 * A read that user space must answer ends the step; when the answer is there the
 * step is done again from the same state and finds it.  Writes are handed out
 * after the step, which is complete then.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/lodge_netlink.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/processor-flags.h>
#include <asm/processor.h>

#include "alloc.h"
#include "dev/ioeventfd.h"
#include "vm.h"
#include "vmx/vmx.h"
#include "x86/emulate.h"
#include "x86/walk.h"

#define INSN_PARTS	(LODGE_PART_RIP | LODGE_PART_RSP | LODGE_PART_RFLAGS | LODGE_PART_SEGS | \
			 LODGE_PART_CRS | LODGE_PART_PDPTE | LODGE_PART_SHADOW)

/* MOV SS and STI block (INTERRUPTIBILITY_* in vmx/fields.h) */
#define SHADOW_BY_INSN	3

static int walk_read(struct lodge_walk *w, u64 gpa, void *buf, unsigned int len)
{
	struct lodge_vcpu *vcpu = w->priv;

	return lodge_mem_read_near(&vcpu->vm->mem, &vcpu->insn.near, gpa, buf, len) ? -EFAULT : 0;
}

static int walk_cmpxchg(struct lodge_walk *w, u64 gpa, u64 old, u64 new, unsigned int len)
{
	struct lodge_vcpu *vcpu = w->priv;
	u64 found = old;
	int ret = lodge_mem_cmpxchg(&vcpu->vm->mem, gpa, &found, new, len);

	if (ret)
		return ret == LODGE_MEM_MMIO ? 0 : ret;	/* tables in ROM keep their bits */
	return found == old ? 0 : -EAGAIN;
}

/* Linear to physical; what comes back is a result of the emulator's callbacks */
static int translate(struct lodge_emul *e, u64 linear, unsigned int access, u64 *gpa)
{
	struct lodge_vcpu *vcpu = e->priv;
	struct lodge_walk w = {
		.cr0 = e->cr0, .cr3 = e->cr3, .cr4 = e->cr4, .efer = e->efer,
		.rflags = e->rflags, .pkru = vcpu->fpu.pkru,
		.maxphyaddr = boot_cpu_data.x86_phys_bits, .gbpages = true,
		.pdpte = vcpu->pdpte,
		.read_gpa = walk_read, .cmpxchg_gpa = walk_cmpxchg, .priv = vcpu,
	};
	int ret = lodge_walk(&w, linear, access);

	if (ret == LODGE_WALK_FAULT) {
		e->exc = (struct lodge_emul_exc){
			.vector = 14, .has_error = true, .error = w.error, .cr2 = linear,
		};
		return LODGE_EMUL_EXCEPTION;
	}
	if (ret < 0)
		return ret == -EAGAIN ? LODGE_EMUL_RETRY : ret;
	*gpa = w.gpa;
	return LODGE_EMUL_DONE;
}

static unsigned int access_of(const struct lodge_emul *e, unsigned int access)
{
	return access | (e->cpl == 3 && !(access & LODGE_ACC_IMPLICIT) ? LODGE_ACC_USER : 0);
}

/**
 * lodge_insn_end - have the run end as a device wants it
 * @vcpu: locked, or in a window
 * @end: not LODGE_BUS_DONE or LODGE_BUS_RETRY
 * @value: what was written to the device
 */
void lodge_insn_end(struct lodge_vcpu *vcpu, enum lodge_bus_end end, u32 value)
{
	struct lodge_run *run = vcpu->run;

	if (end == LODGE_BUS_EXIT) {
		run->exit_reason = LODGE_EXIT_DEBUG_EXIT;
		run->debug_exit = value;
		return;
	}
	vcpu->told = end == LODGE_BUS_POWEROFF ? LODGE_VM_EVENT_POWEROFF :
		     end == LODGE_BUS_RESET ? LODGE_VM_EVENT_RESET : LODGE_VM_EVENT_PANIC;
	run->exit_reason = LODGE_EXIT_SYSTEM;
	run->system = (struct lodge_run_system){
		.type = end == LODGE_BUS_POWEROFF ? LODGE_SYSTEM_POWEROFF :
			end == LODGE_BUS_RESET ? LODGE_SYSTEM_RESET : LODGE_SYSTEM_PANIC,
		.code = value,
	};
}

/* The page of the local APIC, as long as that is in xAPIC mode */
static bool is_lapic(const struct lodge_vcpu *vcpu, u64 gpa)
{
	u64 base = vcpu->s.apic_base;

	return vcpu->vm->machine && !((base ^ gpa) & LODGE_LAPIC_BASE_ADDRESS) &&
	       (base & (MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE)) == MSR_IA32_APICBASE_ENABLE;
}

/* Registers are 32 bits wide, 16 bytes apart, and want whole accesses (SDM Vol 3A, 11.4.1) */
static u64 lapic_read(struct lodge_vcpu *vcpu, u32 offset, unsigned int len)
{
	u64 value = lodge_lapic_read(&vcpu->lapic, offset & ~0xf);

	return (offset & 0xf) + len > 4 ? 0 : value >> (offset & 0xf) * 8;
}

/* A device of the kernel's own, or nobody in a closed VM; false: user space's matter */
static bool own_read(struct lodge_vcpu *vcpu, u64 gpa, void *buf, unsigned int len)
{
	const struct lodge_bus_range *r;
	u64 value = ~0ULL;

	if (is_lapic(vcpu, gpa)) {
		value = lapic_read(vcpu, gpa & (LODGE_LAPIC_SIZE - 1), len);
	} else {
		r = lodge_bus_find(&vcpu->vm->memory, gpa, len);
		if (r && r->ops->read)
			value = r->ops->read(r->dev, gpa - r->first, len);
		else if (!(vcpu->vm->flags & LODGE_VM_CLOSED))
			return false;
	}
	memcpy(buf, &value, len);
	return true;
}

/* As own_read(); @end: LODGE_BUS_RETRY or not */
static bool own_write(struct lodge_vcpu *vcpu, u64 gpa, const void *buf, unsigned int len,
		      enum lodge_bus_end *end)
{
	const struct lodge_bus_range *r;
	u64 value = 0;

	*end = LODGE_BUS_DONE;
	memcpy(&value, buf, len);
	if (is_lapic(vcpu, gpa)) {
		if (len >= 4 && !(gpa & 0xf))
			lodge_lapic_write(&vcpu->lapic, gpa & (LODGE_LAPIC_SIZE - 1), value);
		return true;
	}
	r = lodge_bus_find(&vcpu->vm->memory, gpa, len);
	if (!r || !r->ops->write)
		return lodge_ioeventfd_write(&vcpu->vm->memory, gpa, len, value) ||
		       (vcpu->vm->flags & LODGE_VM_CLOSED);
	*end = r->ops->write(r->dev, gpa - r->first, len, value);
	if (*end != LODGE_BUS_DONE && *end != LODGE_BUS_RETRY)
		lodge_insn_end(vcpu, *end, value);
	return true;
}

/* A read outside memory: answered by user space before, or to be asked of it */
static int device_read(struct lodge_vcpu *vcpu, u64 gpa, void *buf, unsigned int len)
{
	struct lodge_insn_state *st = &vcpu->insn;
	struct lodge_run_mmio *mmio = &vcpu->run->mmio;

	if (own_read(vcpu, gpa, buf, len))
		return LODGE_EMUL_DONE;
	if (st->next_read < st->nr_reads) {
		const struct lodge_insn_access *a = &st->read[st->next_read];

		if (a->gpa == gpa && a->len == len) {
			memcpy(buf, a->data, len);
			st->next_read++;
			return LODGE_EMUL_DONE;
		}
		/* the guest changed the instruction or its tables meanwhile */
		st->nr_reads = st->next_read;
	}
	if (st->nr_reads == LODGE_INSN_ACCESSES)
		return LODGE_EMUL_UNSUPPORTED;
	st->read[st->nr_reads] = (struct lodge_insn_access){ .gpa = gpa, .len = len };
	*mmio = (struct lodge_run_mmio){ .gpa = gpa, .len = len };
	st->complete = LODGE_COMPLETE_MMIO_READ;
	vcpu->run->exit_reason = LODGE_EXIT_MMIO;
	return LODGE_EMUL_USER;
}

static int device_write(struct lodge_emul *e, u64 gpa, const void *buf, unsigned int len)
{
	struct lodge_vcpu *vcpu = e->priv;
	struct lodge_insn_state *st = &vcpu->insn;
	struct lodge_insn_access *a = &st->write[st->nr_writes];
	enum lodge_bus_end end;

	if (own_write(vcpu, gpa, buf, len, &end))
		return end == LODGE_BUS_RETRY ? LODGE_EMUL_RETRY : LODGE_EMUL_DONE;
	if (st->nr_writes == LODGE_INSN_ACCESSES)
		return LODGE_EMUL_UNSUPPORTED;
	*a = (struct lodge_insn_access){ .gpa = gpa, .len = len };
	memcpy(a->data, buf, len);
	st->nr_writes++;
	e->stop = true;
	return LODGE_EMUL_DONE;
}

/* One page's part of an access, in pieces of at most 8 bytes outside memory */
static int access_page(struct lodge_emul *e, u64 gpa, void *buf, unsigned int len, bool write)
{
	struct lodge_vcpu *vcpu = e->priv;
	struct lodge_mem *mem = &vcpu->vm->mem;
	unsigned int n;
	int ret;

	ret = write ? lodge_mem_write(mem, gpa, buf, len) : lodge_mem_read(mem, gpa, buf, len);
	if (ret != LODGE_MEM_MMIO)
		return ret;
	for (; len; gpa += n, buf += n, len -= n) {
		n = min(len, 8u);
		ret = write ? device_write(e, gpa, buf, n) : device_read(vcpu, gpa, buf, n);
		if (ret)
			return ret;
	}
	return LODGE_EMUL_DONE;
}

/* Where an access goes on after a page; addresses wrap at 4 GiB outside 64-bit mode */
static u64 second_page(const struct lodge_emul *e, u64 linear, unsigned int first)
{
	return lodge_emul_mode(e) == LODGE_MODE_64 ? linear + first : (u32)(linear + first);
}

static int access_linear(struct lodge_emul *e, u64 linear, void *buf, unsigned int len,
			 unsigned int access, bool write)
{
	unsigned int first = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(linear));
	u64 gpa[2];
	int ret;

	access = access_of(e, access);
	ret = translate(e, linear, access, &gpa[0]);
	if (!ret && first < len)
		ret = translate(e, second_page(e, linear, first), access, &gpa[1]);
	if (ret)
		return ret;
	ret = access_page(e, gpa[0], buf, first, write);
	if (!ret && first < len)
		ret = access_page(e, gpa[1], buf + first, len - first, write);
	return ret;
}

static int op_fetch(struct lodge_emul *e, u64 linear, void *buf, unsigned int len)
{
	struct lodge_vcpu *vcpu = e->priv;
	unsigned int user = e->cpl == 3 ? LODGE_ACC_USER : 0;
	u64 gpa;
	int ret = translate(e, linear, LODGE_ACC_FETCH | user, &gpa);

	if (ret)
		return ret;
	ret = lodge_mem_read_near(&vcpu->vm->mem, &vcpu->insn.near, gpa, buf, len);
	return ret == LODGE_MEM_MMIO ? LODGE_EMUL_UNSUPPORTED : ret;
}

static int op_read(struct lodge_emul *e, u64 linear, void *buf, unsigned int len,
		   unsigned int access)
{
	return access_linear(e, linear, buf, len, access, false);
}

static int op_write(struct lodge_emul *e, u64 linear, const void *buf, unsigned int len,
		    unsigned int access)
{
	return access_linear(e, linear, (void *)buf, len, access | LODGE_ACC_WRITE, true);
}

static int op_probe(struct lodge_emul *e, u64 linear, unsigned int len, unsigned int access)
{
	unsigned int first = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(linear));
	u64 gpa;
	int ret;

	access = access_of(e, access);
	ret = translate(e, linear, access, &gpa);
	if (!ret && first < len)
		ret = translate(e, second_page(e, linear, first), access, &gpa);
	return ret;
}

static int op_cmpxchg(struct lodge_emul *e, u64 linear, const void *old, const void *new,
		      unsigned int len, unsigned int access)
{
	struct lodge_vcpu *vcpu = e->priv;
	u64 gpa, want = 0, found, value = 0;
	int ret;

	/* split locks and CMPXCHG16B are not atomic against other vCPUs here */
	if (len > 8 || offset_in_page(linear) + len > PAGE_SIZE)
		return LODGE_EMUL_NOT_RAM;
	ret = translate(e, linear, access_of(e, access | LODGE_ACC_WRITE), &gpa);
	if (ret)
		return ret;
	memcpy(&want, old, len);
	memcpy(&value, new, len);
	found = want;
	ret = lodge_mem_cmpxchg(&vcpu->vm->mem, gpa, &found, value, len);
	/* -EINVAL: it would be a split lock, which the host may forbid */
	if (ret)
		return ret == LODGE_MEM_MMIO || ret == -EINVAL ? LODGE_EMUL_NOT_RAM : ret;
	return found == want ? LODGE_EMUL_DONE : LODGE_EMUL_RETRY;
}

static void ask_port(struct lodge_vcpu *vcpu, u16 port, u8 width, bool in, u32 count)
{
	vcpu->counts.stat[LODGE_STAT_IO_USER]++;
	vcpu->run->exit_reason = LODGE_EXIT_IO;
	vcpu->run->io = (struct lodge_run_io){
		.port = port, .width = width, .direction = in ? LODGE_IO_IN : LODGE_IO_OUT,
		.count = count, .data_offset = PAGE_SIZE,
	};
}

static void *port_data(struct lodge_vcpu *vcpu)
{
	return (void *)vcpu->run + PAGE_SIZE;
}

static int op_io_in(struct lodge_emul *e, u16 port, unsigned int size, void *buf,
		    unsigned int count)
{
	struct lodge_vcpu *vcpu = e->priv;
	const struct lodge_bus_range *r = lodge_bus_find(&vcpu->vm->bus, port, size);
	unsigned int i;

	if (r && r->ops->read) {
		for (i = 0; i < count; i++) {
			u64 v = r->ops->read(r->dev, port - r->first, size);

			memcpy(buf + i * size, &v, size);
		}
		return LODGE_EMUL_DONE;
	}
	if (vcpu->vm->flags & LODGE_VM_CLOSED) {
		memset(buf, 0xff, size * count);
		return LODGE_EMUL_DONE;
	}
	if (vcpu->insn.string_bytes) {
		u32 bytes = vcpu->insn.string_bytes;

		vcpu->insn.string_bytes = 0;
		if (bytes == size * count) {
			memcpy(buf, port_data(vcpu), bytes);
			e->stop = true;
			return LODGE_EMUL_DONE;
		}
	}
	ask_port(vcpu, port, size, true, count);
	vcpu->insn.complete = LODGE_COMPLETE_STRING_IN;
	return LODGE_EMUL_USER;
}

/* What signals no eventfd is put where user space finds it.  Return: how many they are */
static unsigned int signal_ports(struct lodge_vcpu *vcpu, u16 port, unsigned int size,
				 const void *buf, unsigned int count)
{
	void *left = port_data(vcpu);
	unsigned int i;

	for (i = 0; i < count; i++) {
		u32 v = 0;

		memcpy(&v, buf + i * size, size);
		if (lodge_ioeventfd_write(&vcpu->vm->bus, port, size, v))
			continue;
		memcpy(left, &v, size);
		left += size;
	}
	return (left - port_data(vcpu)) / size;
}

static int op_io_out(struct lodge_emul *e, u16 port, unsigned int size, const void *buf,
		     unsigned int count)
{
	struct lodge_vcpu *vcpu = e->priv;
	const struct lodge_bus_range *r = lodge_bus_find(&vcpu->vm->bus, port, size);
	enum lodge_bus_end end;
	unsigned int i;

	for (i = 0; r && r->ops->write && i < count; i++) {
		u32 v = 0;

		memcpy(&v, buf + i * size, size);
		end = r->ops->write(r->dev, port - r->first, size, v);
		if (end == LODGE_BUS_DONE)
			continue;
		lodge_insn_end(vcpu, end, v);
		e->stop = true;
		return LODGE_EMUL_DONE;
	}
	if (r && r->ops->write)
		return LODGE_EMUL_DONE;
	count = signal_ports(vcpu, port, size, buf, count);
	if (!count || (vcpu->vm->flags & LODGE_VM_CLOSED))
		return LODGE_EMUL_DONE;
	ask_port(vcpu, port, size, false, count);
	e->stop = true;
	return LODGE_EMUL_DONE;
}

static int op_vec_read(struct lodge_emul *e, unsigned int reg, void *buf, unsigned int len)
{
	struct lodge_vcpu *vcpu = e->priv;

	return lodge_fpu_vector_read(&vcpu->fpu, reg, buf, len) ? LODGE_EMUL_UNSUPPORTED :
								  LODGE_EMUL_DONE;
}

static int op_vec_write(struct lodge_emul *e, unsigned int reg, const void *buf,
			unsigned int len, bool zero_upper)
{
	struct lodge_vcpu *vcpu = e->priv;

	return lodge_fpu_vector_write(&vcpu->fpu, reg, buf, len, zero_upper) ?
	       LODGE_EMUL_UNSUPPORTED : LODGE_EMUL_DONE;
}

static void op_committed(struct lodge_emul *e)
{
	struct lodge_vcpu *vcpu = e->priv;

	vcpu->insn.nr_reads = 0;
	vcpu->insn.next_read = 0;
	vcpu->counts.stat[LODGE_STAT_MMIO]++;
}

static const struct lodge_emul_ops emul_ops = {
	.fetch = op_fetch,
	.read = op_read,
	.write = op_write,
	.probe = op_probe,
	.cmpxchg = op_cmpxchg,
	.io_in = op_io_in,
	.io_out = op_io_out,
	.vec_read = op_vec_read,
	.vec_write = op_vec_write,
	.committed = op_committed,
};

static const struct lodge_cpuid_leaf *leaf_of(const struct lodge_vcpu *vcpu, u32 leaf)
{
	static const struct lodge_cpuid_leaf none;
	const struct lodge_cpuid_leaf *l = lodge_cpuid_find(&vcpu->cpuid, leaf, 0);

	return l && l->leaf == leaf ? l : &none;
}

/* Instructions that the guest's CPUID has */
static u32 features(const struct lodge_vcpu *vcpu)
{
	const struct lodge_cpuid_leaf *basic = leaf_of(vcpu, 1), *more = leaf_of(vcpu, 7);

	return (more->ebx & BIT(3) ? LODGE_EMUL_BMI1 : 0) |
	       (leaf_of(vcpu, 0x80000001)->ecx & BIT(5) ? LODGE_EMUL_LZCNT : 0) |
	       (basic->ecx & BIT(23) ? LODGE_EMUL_POPCNT : 0) |
	       (basic->ecx & BIT(22) ? LODGE_EMUL_MOVBE : 0) |
	       (basic->ecx & BIT(20) ? LODGE_EMUL_SSE42 : 0) |
	       (basic->ecx & BIT(13) ? LODGE_EMUL_CX16 : 0) |
	       (basic->ecx & BIT(28) ? LODGE_EMUL_AVX : 0) |
	       (more->ecx & BIT(27) ? LODGE_EMUL_MOVDIRI : 0);
}

static void load_state(struct lodge_vcpu *vcpu, struct lodge_emul *e)
{
	unsigned int i;

	e->ops = &emul_ops;
	e->priv = vcpu;
	memcpy(e->gpr, vcpu->gpr, sizeof(e->gpr));
	e->rip = vcpu->rip;
	e->rflags = vcpu->rflags;
	for (i = 0; i < LODGE_SEGS; i++) {
		const struct lodge_segment *s = &vcpu->s.seg[i];

		e->seg[i] = (struct lodge_emul_seg){
			.base = s->base, .limit = s->limit, .attr = s->attr, .sel = s->selector,
		};
	}
	e->cr0 = vcpu->s.cr0;
	e->cr3 = vcpu->s.cr3;
	e->cr4 = vcpu->s.cr4;
	e->efer = vcpu->s.efer;
	e->xcr0 = vcpu->s.xcr0;
	e->features = features(vcpu);
	e->cpl = (vcpu->s.seg[LODGE_SS].attr & LODGE_SEG_DPL) >> 5;
	e->stop = false;
}

static void store_state(struct lodge_vcpu *vcpu, const struct lodge_emul *e, int result)
{
	bool step = vcpu->rflags & X86_EFLAGS_TF;

	memcpy(vcpu->gpr, e->gpr, sizeof(vcpu->gpr));
	vcpu->rip = e->rip;
	vcpu->rflags = e->rflags;
	lodge_vcpu_mark(vcpu, LODGE_PART_RIP | LODGE_PART_RSP | LODGE_PART_RFLAGS);
	if (!e->clear_shadow)
		return;
	vcpu->shadow &= ~SHADOW_BY_INSN;
	lodge_vcpu_mark(vcpu, LODGE_PART_SHADOW);
	if (step && result == LODGE_EMUL_DONE) {
		vcpu->debug.dr6 |= 0x4000;
		lodge_vcpu_raise(vcpu, 1, false, 0);
	}
}

/**
 * lodge_insn_system - reach memory at a linear address outside instructions
 * @vcpu: locked, does not run; CRS, SEGS, RFLAGS and PDPTE cached
 * @linear: outside 64-bit mode
 * @buf: result, or what to write; NULL: only see whether it could be done
 * @len: bytes, in two pages at most
 * @access: LODGE_ACC_*; with LODGE_ACC_WRITE it is a write
 *
 * Return: LODGE_EMUL_DONE; _EXCEPTION, with the exception in lodge_emul.exc; _RETRY;
 * _UNSUPPORTED if that is no memory; or an errno.
 */
int lodge_insn_system(struct lodge_vcpu *vcpu, u64 linear, void *buf, unsigned int len,
		      unsigned int access)
{
	unsigned int first = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(linear));
	struct lodge_mem *mem = &vcpu->vm->mem;
	struct lodge_emul *e = vcpu->insn.emul;
	const bool write = access & LODGE_ACC_WRITE;
	u64 gpa[2] = { 0 };
	int ret;

	load_state(vcpu, e);
	ret = translate(e, (u32)linear, access, &gpa[0]);
	if (!ret && first < len)
		ret = translate(e, (u32)(linear + first), access, &gpa[1]);
	if (ret || !buf)
		return ret;
	ret = write ? lodge_mem_write(mem, gpa[0], buf, first) :
		      lodge_mem_read(mem, gpa[0], buf, first);
	if (!ret && first < len)
		ret = write ? lodge_mem_write(mem, gpa[1], buf + first, len - first) :
			      lodge_mem_read(mem, gpa[1], buf + first, len - first);
	return ret == LODGE_MEM_MMIO ? LODGE_EMUL_UNSUPPORTED : ret;
}

/* Hands out the next write that waits; LODGE_NEXT_ENTER if there is none */
static int next_write(struct lodge_vcpu *vcpu)
{
	struct lodge_insn_state *st = &vcpu->insn;
	const struct lodge_insn_access *a = &st->write[st->next_write];

	if (st->next_write == st->nr_writes) {
		st->nr_writes = 0;
		st->next_write = 0;
		return LODGE_NEXT_ENTER;
	}
	st->next_write++;
	vcpu->run->exit_reason = LODGE_EXIT_MMIO;
	vcpu->run->mmio = (struct lodge_run_mmio){ .gpa = a->gpa, .len = a->len, .is_write = 1 };
	memcpy(vcpu->run->mmio.data, a->data, a->len);
	st->complete = LODGE_COMPLETE_MMIO_WRITE;
	return LODGE_NEXT_USER;
}

static int unknown(struct lodge_vcpu *vcpu, const struct lodge_insn *insn)
{
	struct lodge_run_insn *r = &vcpu->run->insn;
	u32 len = min_t(u32, insn->len, LODGE_INSN_MAX);

	pr_warn_ratelimited("vCPU %u: instruction at %#llx is not emulated: %*ph\n",
			    vcpu->id, vcpu->rip, (int)len, insn->bytes);
	*r = (struct lodge_run_insn){ .rip = vcpu->rip, .len = len };
	memcpy(r->bytes, insn->bytes, len);
	vcpu->run->exit_reason = LODGE_EXIT_UNKNOWN_INSN;
	vcpu->insn.complete = LODGE_COMPLETE_UNKNOWN;
	return LODGE_NEXT_USER;
}

static void raise_from(struct lodge_vcpu *vcpu, const struct lodge_emul_exc *exc)
{
	if (exc->vector == 14)
		vcpu->s.cr2 = exc->cr2;
	lodge_vcpu_raise(vcpu, exc->vector, exc->has_error, exc->error);
}

/**
 * lodge_insn_emulate - execute the instruction at the guest's RIP in software
 * @vcpu: locked, does not run
 *
 * Return: enum lodge_next, or an errno.
 */
int lodge_insn_emulate(struct lodge_vcpu *vcpu)
{
	struct lodge_insn_state *st = &vcpu->insn;
	struct lodge_emul *e = st->emul;
	int ret;

	ret = vmx_state_fetch(vcpu, INSN_PARTS);
	if (ret)
		return ret;
	vcpu->counts.stat[LODGE_STAT_EMULATED]++;
	vcpu->run->exit_reason = LODGE_EXIT_NONE;
	load_state(vcpu, e);
	st->next_read = 0;
	ret = lodge_emul_step(e);
	/* iterations of a REP that came before the end are committed in any case */
	store_state(vcpu, e, ret);
	st->string_bytes = 0;

	switch (ret) {
	case LODGE_EMUL_DONE:
		st->nr_reads = 0;
		if (vcpu->run->exit_reason != LODGE_EXIT_NONE)
			return LODGE_NEXT_USER;
		return next_write(vcpu);
	case LODGE_EMUL_USER:
		return LODGE_NEXT_USER;
	case LODGE_EMUL_RETRY:
		/* done anew by the guest: answers and writes of this try are void */
		st->nr_reads = 0;
		if (!e->clear_shadow)
			st->nr_writes = 0;
		return next_write(vcpu);
	case LODGE_EMUL_EXCEPTION:
		st->nr_reads = 0;
		raise_from(vcpu, &e->exc);
		return next_write(vcpu);
	case LODGE_EMUL_UNSUPPORTED:
		st->nr_reads = 0;
		st->nr_writes = 0;
		return unknown(vcpu, &e->insn);
	}
	st->nr_reads = 0;
	st->nr_writes = 0;
	vcpu->run->exit_reason = LODGE_EXIT_MEMORY_ERROR;
	vcpu->run->memory = (struct lodge_run_memory){ .gpa = ~0ULL, .error = -ret };
	return LODGE_NEXT_USER;
}

/**
 * lodge_insn_port - let user space do a port access that is no string instruction
 * @vcpu: locked, does not run; the caller skips the instruction
 * @port: port
 * @width: 1, 2 or 4
 * @in: IN, else OUT
 *
 * Return: LODGE_NEXT_USER.
 */
int lodge_insn_port(struct lodge_vcpu *vcpu, u16 port, u8 width, bool in)
{
	ask_port(vcpu, port, width, in, 1);
	if (in) {
		memset(port_data(vcpu), 0xff, 4);
		vcpu->insn.complete = LODGE_COMPLETE_PORT_IN;
		vcpu->insn.port_width = width;
	} else {
		memcpy(port_data(vcpu), &vcpu->gpr[LODGE_RAX], 4);
	}
	return LODGE_NEXT_USER;
}

static void complete_port_in(struct lodge_vcpu *vcpu)
{
	u8 width = vcpu->insn.port_width;
	u64 mask = width == 4 ? ~0ULL : BIT_ULL(width * 8) - 1;
	u32 value;

	memcpy(&value, port_data(vcpu), sizeof(value));
	vcpu->gpr[LODGE_RAX] = (vcpu->gpr[LODGE_RAX] & ~mask) | (value & mask);
}

static noinline int complete_rest(struct lodge_vcpu *vcpu, u32 what)
{
	struct lodge_insn_state *st = &vcpu->insn;

	switch (what) {
	case LODGE_COMPLETE_STRING_IN:
		/* user space may have changed its copy of these: bounded by the data page */
		st->string_bytes = min_t(u64, (u64)vcpu->run->io.width * vcpu->run->io.count,
					 LODGE_RUN_DATA);
		return lodge_insn_emulate(vcpu);
	case LODGE_COMPLETE_MMIO_READ:
		memcpy(st->read[st->nr_reads].data, vcpu->run->mmio.data, 8);
		st->nr_reads++;
		return lodge_insn_emulate(vcpu);
	case LODGE_COMPLETE_MMIO_WRITE:
		return next_write(vcpu);
	case LODGE_COMPLETE_HYPERCALL:
		vcpu->gpr[LODGE_RAX] = vcpu->run->hypercall.ret;
		break;
	case LODGE_COMPLETE_HYPERCALL32:
		vcpu->gpr[LODGE_RAX] = (u32)vcpu->run->hypercall.ret;
		break;
	case LODGE_COMPLETE_UNKNOWN:
		lodge_vcpu_raise(vcpu, 6, false, 0);
		break;
	}
	return LODGE_NEXT_ENTER;
}

/**
 * lodge_insn_complete - finish what the last exit to user space has left
 * @vcpu: locked, at the start of LODGE_VCPU_RUN
 *
 * Return: enum lodge_next, or an errno.
 */
int lodge_insn_complete(struct lodge_vcpu *vcpu)
{
	u32 what = vcpu->insn.complete;

	vcpu->insn.complete = LODGE_COMPLETE_NONE;
	if (unlikely(what != LODGE_COMPLETE_PORT_IN))
		return complete_rest(vcpu, what);
	complete_port_in(vcpu);
	return LODGE_NEXT_ENTER;
}

/**
 * lodge_insn_create - the emulator's state of a vCPU
 * @vcpu: not yet published
 *
 * Return: 0 or -ENOMEM.
 */
int lodge_insn_create(struct lodge_vcpu *vcpu)
{
	vcpu->insn.emul = lodge_alloc(sizeof(*vcpu->insn.emul), GFP_KERNEL_ACCOUNT);
	return vcpu->insn.emul ? 0 : -ENOMEM;
}

/**
 * lodge_insn_destroy - mirror of lodge_insn_create(), or of its failure
 * @vcpu: that does not run
 */
void lodge_insn_destroy(struct lodge_vcpu *vcpu)
{
	kfree(vcpu->insn.emul);
}
