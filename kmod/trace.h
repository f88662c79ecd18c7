/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - tracepoints, in the system "lodge"
 *
 * All but the numbers of a queue and of a GSI are printed as NAME=VALUE, which
 * vmctl trace takes apart: new ones come last, and none has a space in it.
 *
 * They fire where interrupts are off and the guest's state is loaded, too; where not is
 * told in Documentation/life-of-an-exit.rst.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM lodge

#if !defined(LODGE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define LODGE_TRACE_H

#include <linux/tracepoint.h>

#include "vmx/reasons.h"

#define LODGE_TRACE_REASON(nr, name, text)	{ nr, #name },

/* What an EPT violation's qualification and enum lodge_trace_kind say */
#define lodge_trace_access	{ 1, "r" }, { 2, "w" }, { 4, "x" }
#define lodge_trace_kinds	{ 0, "irq" }, { 2, "nmi" }, { 3, "exception" }

/* Device IDs (virtio 1.2, 5) */
#define lodge_trace_devices	{ 1, "net" }, { 2, "blk" }, { 3, "console" }, { 4, "rng" }, \
				{ 5, "balloon" }, { 19, "vsock" }

/* The guest is about to be entered */
TRACE_EVENT(lodge_entry,
	TP_PROTO(u32 vm, u32 vcpu, u64 rip),
	TP_ARGS(vm, vcpu, rip),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->rip = rip;
	),
	TP_printk("vm=%u vcpu=%u rip=%#llx", __entry->vm, __entry->vcpu, __entry->rip)
);

/* The guest was left; info: VMCS_EXIT_INTR_INFO of an exception or NMI, else 0 */
TRACE_EVENT(lodge_exit,
	TP_PROTO(u32 vm, u32 vcpu, u32 reason, u64 rip, u64 qualification, u32 info),
	TP_ARGS(vm, vcpu, reason, rip, qualification, info),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u32, info)
		__field(u64, rip)
		__field(u64, qualification)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->reason = reason;
		__entry->info = info;
		__entry->rip = rip;
		__entry->qualification = qualification;
	),
	TP_printk("vm=%u vcpu=%u reason=%s rip=%#llx qualification=%#llx info=%#x",
		  __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->reason & 0xffff,
				   VMX_EXIT_REASONS(LODGE_TRACE_REASON) { 0xffff, "?" }),
		  __entry->rip, __entry->qualification, __entry->info)
);

/* An event is delivered with the next entry; kind: as in VMCS_ENTRY_INTR_INFO */
TRACE_EVENT(lodge_inject,
	TP_PROTO(u32 vm, u32 vcpu, u32 kind, u32 vector, u32 error),
	TP_ARGS(vm, vcpu, kind, vector, error),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, kind)
		__field(u32, vector)
		__field(u32, error)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->kind = kind;
		__entry->vector = vector;
		__entry->error = error;
	),
	TP_printk("vm=%u vcpu=%u kind=%s vector=%u error=%#x", __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->kind, lodge_trace_kinds), __entry->vector,
		  __entry->error)
);

/* An EPT violation; size: bytes of the leaf that maps the address now, 0 if none does */
TRACE_EVENT(lodge_fault,
	TP_PROTO(u32 vm, u32 vcpu, u64 gpa, u32 access, u64 size),
	TP_ARGS(vm, vcpu, gpa, access, size),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u64, gpa)
		__field(u64, size)
		__field(u32, access)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->access = access;
	),
	TP_printk("vm=%u vcpu=%u gpa=%#llx access=%s size=%llu", __entry->vm, __entry->vcpu,
		  __entry->gpa, __print_flags(__entry->access, "", lodge_trace_access),
		  __entry->size)
);

/* The driver has added to a queue; worker: thread that serves the device */
TRACE_EVENT(lodge_kick,
	TP_PROTO(u32 vm, u32 device, u32 worker, u32 queue),
	TP_ARGS(vm, device, worker, queue),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, device)
		__field(u32, worker)
		__field(u32, queue)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->device = device;
		__entry->worker = worker;
		__entry->queue = queue;
	),
	TP_printk("vm=%u device=%s queue=%u worker=%u", __entry->vm,
		  __print_symbolic(__entry->device, lodge_trace_devices), __entry->queue,
		  __entry->worker)
);

/* A device's line is asserted or released */
TRACE_EVENT(lodge_irq,
	TP_PROTO(u32 vm, u32 gsi, bool level),
	TP_ARGS(vm, gsi, level),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, gsi)
		__field(u32, level)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->gsi = gsi;
		__entry->level = level;
	),
	TP_printk("vm=%u gsi=%u level=%u", __entry->vm, __entry->gsi, __entry->level)
);

/* A device sends a message; it is an interrupt if the address is one */
TRACE_EVENT(lodge_msi,
	TP_PROTO(u32 vm, u64 address, u32 data),
	TP_ARGS(vm, address, data),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, data)
		__field(u64, address)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->data = data;
		__entry->address = address;
	),
	TP_printk("vm=%u vector=%u address=%#llx data=%#x", __entry->vm, __entry->data & 0xff,
		  __entry->address, __entry->data)
);

#endif /* LODGE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH kmod
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
