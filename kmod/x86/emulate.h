/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One guest instruction, executed in software.
 *
 * Pure code: no kernel services, no VMCS, no VM.  The caller fills a struct
 * lodge_emul with the guest's state, calls lodge_emul_step(), and writes back
 * what changed.  Memory, ports and vector registers are reached by callbacks.
 *
 * Left to the caller: the single-step trap when RFLAGS.TF was set before the
 * step (TF also limits a REP to one iteration), data breakpoints, and the I/O
 * permission bitmap, which the processor checks before the VM exit.
 *
 * Undefined flags come out as: AF clear after AND, OR, XOR, TEST and shifts; OF
 * after shifts and rotates by more than one as for the last single step; SF, ZF, AF,
 * PF unchanged after MUL and IMUL; all unchanged after DIV and IDIV; all but
 * ZF unchanged after BSF and BSR; all but CF unchanged after BT and its like.
 */
#ifndef LODGE_X86_EMULATE_H
#define LODGE_X86_EMULATE_H

#include "decode.h"
#include "walk.h"

struct lodge_emul;

/**
 * enum lodge_emul_result - what a step, or a callback, came to
 * @LODGE_EMUL_DONE: step: state committed.  Callback: success.
 * @LODGE_EMUL_USER: a callback needs user space first.  Nothing of the current
 *	iteration is committed; step again from the same state when the answer
 *	is there, and let the callback give it.
 * @LODGE_EMUL_RETRY: memory changed meanwhile, or a callback asks for it: run
 *	the guest again, nothing is committed.
 * @LODGE_EMUL_EXCEPTION: inject @lodge_emul.exc.  Nothing is committed but
 *	earlier iterations of a REP.
 * @LODGE_EMUL_UNSUPPORTED: not one of ours; #UD for the guest, and the log
 *	gets @lodge_insn.bytes.
 * @LODGE_EMUL_NOT_RAM: from the cmpxchg callback only: do a plain write
 *
 * A negative errno from a callback aborts the step in the same way as
 * @LODGE_EMUL_USER and is passed on.
 */
enum lodge_emul_result {
	LODGE_EMUL_DONE,
	LODGE_EMUL_USER,
	LODGE_EMUL_RETRY,
	LODGE_EMUL_EXCEPTION,
	LODGE_EMUL_UNSUPPORTED,
	LODGE_EMUL_NOT_RAM,
};

/* Instructions of the guest's CPUID; without the bit they are #UD, or BSF and BSR. */
#define LODGE_EMUL_BMI1		0x01	/* TZCNT */
#define LODGE_EMUL_LZCNT	0x02
#define LODGE_EMUL_POPCNT	0x04
#define LODGE_EMUL_MOVBE	0x08
#define LODGE_EMUL_SSE42	0x10	/* CRC32 */
#define LODGE_EMUL_CX16		0x20
#define LODGE_EMUL_AVX		0x40
#define LODGE_EMUL_MOVDIRI	0x80
#define LODGE_EMUL_ALL		0xff

/* Bytes that one INS or OUTS callback carries at most. */
#define LODGE_EMUL_IO_BYTES	1024

/* Iterations of MOVS, STOS, LODS, CMPS, SCAS in one step at most. */
#define LODGE_EMUL_BATCH	512

/**
 * struct lodge_emul_ops - how the emulator reaches the guest
 * @fetch: instruction bytes, never across a page; always asked for the rest of
 *	the page up to 15 bytes, so more than the instruction has
 * @read: data.  The segment has been checked; the callback translates and, if
 *	the access crosses a page, translates both before it touches either.
 *	Outside 64-bit mode the byte after 4 GiB - 1 is the one at 0.
 *	@len is 1, 2, 4, 8, 10, 16 or 32.  LODGE_ACC_WRITE in @access: a write of
 *	the same bytes follows, so ask for write permission now.
 * @write: data.  The last thing an iteration does; when it returns DONE the
 *	iteration is committed.
 * @probe: would such an access succeed?  No side effect beyond accessed and dirty.
 *	Used before INS reads the port, and for CLFLUSH.
 * @cmpxchg: write @new if memory still holds @old, atomically: DONE, RETRY if
 *	it holds something else, NOT_RAM for memory without atomicity.
 * @io_in: @count reads of @size (1, 2, 4) bytes from @port
 * @io_out: @count writes to @port
 * @vec_read: copy the low @len (16, 32) bytes of vector register @reg to @buf
 * @vec_write: copy them back.  @zero_upper: clear the register above @len.
 * @committed: an iteration was committed; whoever records reads for replay
 *	drops the record here.  May be NULL.
 *
 * Each returns an enum lodge_emul_result or a negative errno.  A callback that
 * returns EXCEPTION has filled @lodge_emul.exc.  A callback may set
 * @lodge_emul.stop to end the step after the current iteration.
 */
struct lodge_emul_ops {
	int (*fetch)(struct lodge_emul *e, u64 linear, void *buf, unsigned int len);
	int (*read)(struct lodge_emul *e, u64 linear, void *buf, unsigned int len,
		    unsigned int access);
	int (*write)(struct lodge_emul *e, u64 linear, const void *buf, unsigned int len,
		     unsigned int access);
	int (*probe)(struct lodge_emul *e, u64 linear, unsigned int len, unsigned int access);
	int (*cmpxchg)(struct lodge_emul *e, u64 linear, const void *old, const void *new,
		       unsigned int len, unsigned int access);
	int (*io_in)(struct lodge_emul *e, u16 port, unsigned int size, void *buf,
		     unsigned int count);
	int (*io_out)(struct lodge_emul *e, u16 port, unsigned int size, const void *buf,
		      unsigned int count);
	int (*vec_read)(struct lodge_emul *e, unsigned int reg, void *buf, unsigned int len);
	int (*vec_write)(struct lodge_emul *e, unsigned int reg, const void *buf,
			 unsigned int len, bool zero_upper);
	void (*committed)(struct lodge_emul *e);
};

/**
 * struct lodge_emul_seg - a segment register with its hidden part
 * @sel: selector
 * @base: linear base
 * @limit: last byte, granularity applied
 * @attr: access rights as in the VMCS (type, S, DPL, P, AVL, L, D/B, G, unusable)
 */
struct lodge_emul_seg {
	u64 base;
	u32 limit;
	u32 attr;
	u16 sel;
};

#define LODGE_SEG_WRITABLE	0x00002	/* data: writable; code: readable */
#define LODGE_SEG_DOWN		0x00004	/* data: expands down */
#define LODGE_SEG_CODE		0x00008

/**
 * struct lodge_emul_exc - an exception for the guest
 * @vector: 0 #DE, 6 #UD, 7 #NM, 12 #SS, 13 #GP, 14 #PF, 17 #AC
 * @has_error: an error code goes with it (never in real mode)
 * @error: the error code
 * @cr2: for #PF the address
 */
struct lodge_emul_exc {
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2;
};

/**
 * struct lodge_emul - the guest's state around one instruction
 * @ops: callbacks
 * @priv: the callbacks' own
 * @gpr: general registers, enum lodge_gpr
 * @rip: instruction pointer
 * @rflags: flags
 * @seg: segment registers, enum lodge_seg_reg
 * @cr0: control register 0
 * @cr3: control register 3, not used by the emulator itself
 * @cr4: control register 4
 * @efer: EFER
 * @xcr0: XCR0, for VEX
 * @features: LODGE_EMUL_* instructions that the guest may use
 * @cpl: current privilege level
 * @stop: a callback sets it to end a REP after the current iteration
 * @partial: result: a REP has iterations left, RIP still points to it
 * @clear_shadow: result: progress was made, STI and MOV SS block nothing more
 * @exc: result of EXCEPTION
 * @insn: result: the instruction, decoded
 * @next: private: state under construction
 * @io: private: bytes between port and memory
 *
 * Too large for a kernel stack; embed it in the vCPU.
 */
struct lodge_emul {
	const struct lodge_emul_ops *ops;
	void *priv;

	u64 gpr[16];
	u64 rip;
	u64 rflags;
	struct lodge_emul_seg seg[LODGE_SEGS];
	u64 cr0, cr3, cr4, efer, xcr0;
	u32 features;
	u8 cpl;

	bool stop;
	bool partial;
	bool clear_shadow;
	struct lodge_emul_exc exc;
	struct lodge_insn insn;

	struct {
		u64 gpr[16];
		u64 rip;
		u64 rflags;
	} next;
	u8 io[LODGE_EMUL_IO_BYTES];
};

/**
 * lodge_emul_decode() - fetch and decode the instruction at CS:RIP
 * @e: state
 *
 * Return: DONE with @lodge_emul.insn filled, EXCEPTION, UNSUPPORTED, or what
 * the fetch callback returned.
 */
int lodge_emul_decode(struct lodge_emul *e);

/**
 * lodge_emul_step() - fetch, decode and execute the instruction at CS:RIP
 * @e: state in, state out
 *
 * General registers, RIP and RFLAGS change only when all memory accesses of the
 * iteration have succeeded.  A REP does a bounded number of iterations.
 *
 * Return: enum lodge_emul_result, or a negative errno from a callback.
 */
int lodge_emul_step(struct lodge_emul *e);

/**
 * lodge_emul_mode() - the code segment's default size
 * @e: state
 *
 * Return: enum lodge_mode.
 */
unsigned int lodge_emul_mode(const struct lodge_emul *e);

#endif /* LODGE_X86_EMULATE_H */
