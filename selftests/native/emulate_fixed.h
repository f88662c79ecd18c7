/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the sandbox cannot show: privileged state, ports, MMIO, replay.
 *
 * A flat 128 KiB of memory at linear 0, of which the page at MMIO answers USER
 * until it was asked twice, and the page at HOLE faults.
 */
#ifndef SELFTESTS_NATIVE_EMULATE_FIXED_H
#define SELFTESTS_NATIVE_EMULATE_FIXED_H

#define FX_SIZE		0x20000
#define FX_CODE		0x1000ull
#define FX_DATA		0x4000ull
#define FX_MMIO		0x8000ull
#define FX_HOLE		0xa000ull

struct fx {
	struct lodge_emul e;
	u8 mem[FX_SIZE];
	bool answered;			/* user space has the MMIO value */
	unsigned int user_every;	/* how many MMIO reads succeed between two USERs */
	unsigned int reads, writes, fetches, commits, io_calls, io_count;
	unsigned int last_access, io_size;
	u16 port;
	int cmpxchg_ret, stop_after, read_ret;
	u8 io_next;
	u8 vec[16][32];
};

static struct fx *fx_of(struct lodge_emul *e)
{
	return (struct fx *)e;
}

static int fx_fetch(struct lodge_emul *e, u64 linear, void *buf, unsigned int len)
{
	fx_of(e)->fetches++;
	if ((linear & ~0xfffULL) == FX_HOLE || linear + len > FX_SIZE)
		return model_fault(e, linear, LODGE_PF_FETCH);
	memcpy(buf, fx_of(e)->mem + linear, len);
	return LODGE_EMUL_DONE;
}

static int fx_check(struct lodge_emul *e, u64 linear, unsigned int len, unsigned int access)
{
	u64 last = linear + len - 1;

	fx_of(e)->last_access = access;
	if (last >= FX_SIZE || (linear & ~0xfffULL) == FX_HOLE)
		return model_fault(e, linear, access & LODGE_ACC_WRITE);
	if ((last & ~0xfffULL) == FX_HOLE)
		return model_fault(e, FX_HOLE, access & LODGE_ACC_WRITE);
	return LODGE_EMUL_DONE;
}

static int fx_read(struct lodge_emul *e, u64 linear, void *buf, unsigned int len,
		   unsigned int access)
{
	struct fx *f = fx_of(e);
	int ret = fx_check(e, linear, len, access);

	if (ret || f->read_ret)
		return ret ? ret : f->read_ret;
	if ((linear & ~0xfffULL) == FX_MMIO && f->user_every && !f->answered &&
	    f->reads % f->user_every == f->user_every - 1) {
		f->answered = true;
		return LODGE_EMUL_USER;
	}
	f->reads++;
	memcpy(buf, f->mem + linear, len);
	return LODGE_EMUL_DONE;
}

static int fx_write(struct lodge_emul *e, u64 linear, const void *buf, unsigned int len,
		    unsigned int access)
{
	struct fx *f = fx_of(e);
	int ret = fx_check(e, linear, len, access);

	if (ret)
		return ret;
	memcpy(f->mem + linear, buf, len);
	f->writes++;
	if (f->stop_after && f->writes == (unsigned int)f->stop_after)
		e->stop = true;
	return LODGE_EMUL_DONE;
}

static int fx_cmpxchg(struct lodge_emul *e, u64 linear, const void *old, const void *new,
		      unsigned int len, unsigned int access)
{
	struct fx *f = fx_of(e);

	if (f->cmpxchg_ret)
		return f->cmpxchg_ret;
	if (memcmp(f->mem + linear, old, len))
		return LODGE_EMUL_RETRY;
	return fx_write(e, linear, new, len, access);
}

static int fx_io_in(struct lodge_emul *e, u16 port, unsigned int size, void *buf,
		    unsigned int count)
{
	struct fx *f = fx_of(e);
	unsigned int i;

	f->io_calls++;
	f->io_count += count;
	f->io_size = size;
	f->port = port;
	for (i = 0; i < size * count; i++)
		((u8 *)buf)[i] = f->io_next++;
	return LODGE_EMUL_DONE;
}

static int fx_io_out(struct lodge_emul *e, u16 port, unsigned int size, const void *buf,
		     unsigned int count)
{
	struct fx *f = fx_of(e);
	unsigned int i;

	f->io_calls++;
	f->io_count += count;
	f->io_size = size;
	f->port = port;
	for (i = 0; i < size * count; i++)
		f->io_next += ((const u8 *)buf)[i];
	return LODGE_EMUL_DONE;
}

static int fx_vec_read(struct lodge_emul *e, unsigned int reg, void *buf, unsigned int len)
{
	memcpy(buf, fx_of(e)->vec[reg], len);
	return LODGE_EMUL_DONE;
}

static int fx_vec_write(struct lodge_emul *e, unsigned int reg, const void *buf,
			unsigned int len, bool zero_upper)
{
	memcpy(fx_of(e)->vec[reg], buf, len);
	return LODGE_EMUL_DONE;
}

static void fx_committed(struct lodge_emul *e)
{
	fx_of(e)->commits++;
	fx_of(e)->answered = false;
}

static const struct lodge_emul_ops fx_ops = {
	.fetch = fx_fetch, .read = fx_read, .write = fx_write, .probe = fx_check,
	.cmpxchg = fx_cmpxchg, .io_in = fx_io_in, .io_out = fx_io_out,
	.vec_read = fx_vec_read, .vec_write = fx_vec_write, .committed = fx_committed,
};

/* A fresh machine in 16-bit real, 32-bit or 64-bit mode, with this code at FX_CODE. */
static struct fx *fx(unsigned int mode, const char *code, unsigned int len)
{
	static struct fx f;
	unsigned int i;

	memset(&f, 0, sizeof(f));
	f.e.ops = &fx_ops;
	f.e.features = LODGE_EMUL_ALL;
	f.e.rip = FX_CODE;
	f.e.rflags = LODGE_FLAG_ONE;
	f.e.cr4 = 0x40620;
	f.e.xcr0 = 7;
	f.e.cr0 = mode == LODGE_MODE_16 ? 0 : 0x80000001;
	f.e.efer = mode == LODGE_MODE_64 ? 0xd00 : 0;
	for (i = 0; i < LODGE_SEGS; i++) {
		f.e.seg[i].attr = mode == LODGE_MODE_16 ? 0x93 : 0xc093;
		f.e.seg[i].limit = mode == LODGE_MODE_16 ? 0xffff : 0xffffffff;
	}
	f.e.seg[LODGE_CS].attr = mode == LODGE_MODE_16 ? 0x9b :
				 mode == LODGE_MODE_32 ? 0xc09b : 0xa09b;
	memcpy(f.mem + FX_CODE, code, len);
	return &f;
}

#define FX(_mode, _code)	fx(LODGE_MODE_##_mode, _code, sizeof(_code) - 1)
#define STEP(_f)		lodge_emul_step(&(_f)->e)
#define GPR(_f, _r)		((_f)->e.gpr[LODGE_##_r])
#define EXPECT(_x)		expect(_x, #_x, __func__, __LINE__)

static bool fx_failed;

static void expect(bool ok, const char *what, const char *where, int line)
{
	if (ok)
		return;
	printf("# %s:%d: %s\n", where, line, what);
	fx_failed = true;
}

static u64 fx_u64(const struct fx *f, u64 at)
{
	u64 v;

	memcpy(&v, f->mem + at, 8);
	return v;
}

static bool raised(const struct fx *f, u8 vector, bool has_error)
{
	return f->e.exc.vector == vector && f->e.exc.has_error == has_error;
}

static void real_mode(void)
{
	struct fx *f = FX(16, "\x88\x00");	/* mov [bx+si], al */

	f->e.seg[LODGE_DS].base = 0x3000;
	GPR(f, RBX) = 0xfff0;
	GPR(f, RSI) = 0x1020;
	GPR(f, RAX) = 0x55;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->mem[0x4010] == 0x55);
	EXPECT(f->e.rip == FX_CODE + 2 && f->e.clear_shadow);

	f = FX(16, "\x89\x07");			/* mov [bx], ax */
	GPR(f, RBX) = 0xffff;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, false));
	f = FX(16, "\x89\x46\x00");		/* mov [bp+0], ax */
	GPR(f, RBP) = 0xffff;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 12, false));
	f = FX(16, "\x67\x88\x03");		/* mov [ebx], al */
	GPR(f, RBX) = 0x10000;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, false));
	f->e.seg[LODGE_DS].limit = 0xffffffff;	/* unreal mode */
	EXPECT(STEP(f) == LODGE_EMUL_DONE);
	f = FX(16, "\x2e\x88\x07");		/* mov cs:[bx], al: no type check */
	GPR(f, RBX) = FX_DATA;
	EXPECT(STEP(f) == LODGE_EMUL_DONE);
	f = FX(16, "\xc5\xf8\x28\xc1");		/* no VEX: LDS with a register */
	EXPECT(STEP(f) == LODGE_EMUL_UNSUPPORTED);
	f = FX(16, "\x90");
	f->e.seg[LODGE_CS].limit = FX_CODE - 1;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, false));
	f = FX(16, "\xb8\x34\x12");		/* the limit cuts the immediate */
	f->e.seg[LODGE_CS].limit = FX_CODE + 1;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, false));
}

static void replay(void)
{
	struct fx *f = FX(64, "\x01\x03");	/* add [rbx], eax */
	const u64 before = FX_DATA;

	GPR(f, RBX) = FX_MMIO;
	GPR(f, RAX) = 5;
	f->mem[FX_MMIO] = 7;
	f->user_every = 1;
	EXPECT(STEP(f) == LODGE_EMUL_USER);
	EXPECT(f->e.rip == FX_CODE && !f->writes && !f->commits && !f->e.clear_shadow);
	EXPECT(f->last_access == LODGE_ACC_WRITE);
	EXPECT(STEP(f) == LODGE_EMUL_DONE);
	EXPECT(f->mem[FX_MMIO] == 12 && f->writes == 1 && f->commits == 1);

	f = FX(64, "\xff\x33");			/* push [rbx] */
	GPR(f, RBX) = FX_MMIO;
	GPR(f, RSP) = FX_DATA;
	f->user_every = 1;
	EXPECT(STEP(f) == LODGE_EMUL_USER && GPR(f, RSP) == before && !f->writes);
	EXPECT(STEP(f) == LODGE_EMUL_DONE && GPR(f, RSP) == before - 8);

	f = FX(64, "\x8b\x03");			/* mov eax, [rbx] */
	GPR(f, RBX) = FX_MMIO;
	GPR(f, RAX) = ~0ULL;
	f->read_ret = -ENOMEM;
	EXPECT(STEP(f) == -ENOMEM && GPR(f, RAX) == ~0ULL && f->e.rip == FX_CODE);
}

static void rep_restart(void)
{
	struct fx *f = FX(64, "\xf3\xa4");	/* rep movsb */

	GPR(f, RSI) = FX_MMIO;
	GPR(f, RDI) = FX_DATA;
	GPR(f, RCX) = 10;
	f->user_every = 4;
	EXPECT(STEP(f) == LODGE_EMUL_USER);
	EXPECT(GPR(f, RCX) == 7 && GPR(f, RSI) == FX_MMIO + 3 && f->e.rip == FX_CODE);
	EXPECT(f->commits == 3 && f->e.clear_shadow && (f->e.rflags & LODGE_FLAG_RF));
	EXPECT(STEP(f) == LODGE_EMUL_USER && GPR(f, RCX) == 3);
	EXPECT(STEP(f) == LODGE_EMUL_DONE && GPR(f, RCX) == 0 && f->e.rip == FX_CODE + 2);
	EXPECT(!f->e.partial && !(f->e.rflags & LODGE_FLAG_RF) && f->writes == 10);

	f = FX(64, "\xf3\xab");			/* rep stosd into a page that faults */
	GPR(f, RDI) = FX_HOLE - 10;
	GPR(f, RCX) = 5;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 14, true));
	EXPECT(f->e.exc.cr2 == FX_HOLE && GPR(f, RCX) == 3 && GPR(f, RDI) == FX_HOLE - 2);

	f = FX(64, "\xf3\xaa");			/* rep stosb, bounded */
	GPR(f, RDI) = FX_DATA;
	GPR(f, RCX) = ~0ULL;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->e.partial && f->e.rip == FX_CODE);
	EXPECT(GPR(f, RCX) == ~0ULL - LODGE_EMUL_BATCH);
	f->stop_after = f->writes + 2;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && GPR(f, RCX) == ~0ULL - LODGE_EMUL_BATCH - 2);
	f->e.rflags |= LODGE_FLAG_TF;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && GPR(f, RCX) == ~0ULL - LODGE_EMUL_BATCH - 3);
}

static void string_in(void)
{
	struct fx *f = FX(64, "\xf3\x6d");	/* rep insd */

	GPR(f, RDX) = 0xabcd01f0;
	GPR(f, RDI) = FX_DATA;
	GPR(f, RCX) = 300;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->e.partial);
	EXPECT(f->io_calls == 1 && f->io_count == 256 && f->io_size == 4 && f->port == 0x1f0);
	EXPECT(STEP(f) == LODGE_EMUL_DONE && !f->e.partial && f->io_count == 300);
	EXPECT(f->mem[FX_DATA + 1199] == 1199 % 256 && GPR(f, RDI) == FX_DATA + 1200);

	f = FX(64, "\xf3\x6d");			/* up to the page that faults, not over it */
	GPR(f, RDI) = FX_HOLE - 10;
	GPR(f, RCX) = 5;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->io_count == 2 && GPR(f, RCX) == 3);
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && f->e.exc.cr2 == FX_HOLE);
	EXPECT(f->io_count == 2);

	f = FX(16, "\xf3\x6c");			/* rep insb, downwards, ES whatever the prefix */
	f->e.rflags |= LODGE_FLAG_DF;
	f->e.seg[LODGE_ES].base = FX_DATA;
	GPR(f, RDI) = 1;
	GPR(f, RCX) = 0xffff0002;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->e.partial && f->io_count == 1);
	EXPECT(STEP(f) == LODGE_EMUL_DONE && !f->e.partial && f->mem[FX_DATA] == 1);
	EXPECT((u16)GPR(f, RDI) == 0xffff && GPR(f, RCX) == 0xffff0000);

	f = FX(16, "\xf3\x6c");			/* the offset wraps at 64 KiB */
	GPR(f, RDI) = 0xfffe;
	GPR(f, RCX) = 4;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->io_count == 2 && GPR(f, RDI) == 0);
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->mem[0] == 2 && f->mem[1] == 3);
}

static void string_out(void)
{
	struct fx *f = FX(16, "\x64\xf3\x6e");	/* rep fs:outsb */

	f->e.seg[LODGE_FS].base = FX_DATA;
	f->mem[FX_DATA + 4] = 3;
	f->mem[FX_DATA + 6] = 4;
	GPR(f, RSI) = 4;
	GPR(f, RCX) = 3;
	GPR(f, RDX) = 0x3f8;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->io_calls == 1 && f->io_count == 3);
	EXPECT(f->io_next == 7 && f->port == 0x3f8 && GPR(f, RSI) == 7 && !GPR(f, RCX));

	f = FX(32, "\x6f");			/* outsd at a limit */
	f->e.seg[LODGE_DS].limit = FX_DATA + 2;
	GPR(f, RSI) = FX_DATA;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true) && !f->io_calls);

	f = FX(32, "\xf3\x6e");			/* as many as the segment has */
	f->e.seg[LODGE_DS].limit = FX_DATA + 1;
	GPR(f, RSI) = FX_DATA;
	GPR(f, RCX) = 3;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && STEP(f) == LODGE_EMUL_DONE);
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && f->io_count == 2 && GPR(f, RCX) == 1);
}

static void in_out_ports(void)
{
	struct fx *f = FX(64, "\xe5\x71");	/* in eax, 0x71 */

	GPR(f, RAX) = ~0ULL;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && GPR(f, RAX) == 0x03020100 && f->port == 0x71);
	f = FX(64, "\xec");			/* in al, dx */
	GPR(f, RAX) = ~0ULL;
	GPR(f, RDX) = 0x1234;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && GPR(f, RAX) == ~0xffULL && f->port == 0x1234);
	f = FX(64, "\x66\xef");			/* out dx, ax */
	GPR(f, RAX) = 0xff0102;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->io_next == 3 && f->io_size == 2);
	f = FX(16, "\xe6\x80");			/* out 0x80, al */
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->port == 0x80 && f->io_size == 1);
}

static void locked(void)
{
	struct fx *f = FX(64, "\xf0\xff\x03");	/* lock inc dword [rbx] */

	GPR(f, RBX) = FX_DATA;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && fx_u64(f, FX_DATA) == 1);
	f->e.rip = FX_CODE;
	f->cmpxchg_ret = LODGE_EMUL_RETRY;
	EXPECT(STEP(f) == LODGE_EMUL_RETRY && f->e.rip == FX_CODE);
	f->cmpxchg_ret = LODGE_EMUL_NOT_RAM;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && fx_u64(f, FX_DATA) == 2);
	f = FX(64, "\xf0\x89\x03");		/* lock mov */
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 6, false));
	f = FX(64, "\x87\x03");			/* xchg locks by itself */
	GPR(f, RBX) = FX_DATA;
	f->cmpxchg_ret = LODGE_EMUL_RETRY;
	EXPECT(STEP(f) == LODGE_EMUL_RETRY);
}

static void features(void)
{
	struct fx *f = FX(64, "\xf3\x0f\xbc\xc3");	/* tzcnt eax, ebx */

	GPR(f, RAX) = 9;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && GPR(f, RAX) == 32);
	f->e.rip = FX_CODE;
	f->e.features = 0;
	GPR(f, RAX) = 9;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && GPR(f, RAX) == 9);
	f = FX(64, "\x0f\x38\xf1\x03");			/* movbe [rbx], eax */
	f->e.features = 0;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 6, false));
	f = FX(64, "\x0f\x38\xf9\x03");			/* movdiri [rbx], eax */
	GPR(f, RBX) = FX_DATA;
	GPR(f, RAX) = 0x11223344;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && fx_u64(f, FX_DATA) == 0x11223344);
	f = FX(64, "\x0f\x01\x10");			/* lgdt [rax] */
	EXPECT(STEP(f) == LODGE_EMUL_UNSUPPORTED && f->e.rip == FX_CODE);
	f = FX(64, "\x0f\xa2");				/* cpuid */
	EXPECT(STEP(f) == LODGE_EMUL_UNSUPPORTED && f->e.insn.bytes[1] == 0xa2);
}

static void vectors(void)
{
	struct fx *f = FX(64, "\x0f\x11\x03");		/* movups [rbx], xmm0 */

	GPR(f, RBX) = FX_DATA;
	memset(f->vec[0], 0x5a, 16);
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->mem[FX_DATA + 15] == 0x5a);
	f->e.rip = FX_CODE;
	f->e.cr0 |= 8;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 7, false));
	f->e.cr0 ^= 8 | 4;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 6, false));
	f->e.cr0 ^= 4;
	f->e.cr4 = 0;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 6, false));
	f = FX(64, "\xc5\xfc\x11\x03");			/* vmovups [rbx], ymm0 */
	GPR(f, RBX) = FX_DATA;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->e.rip == FX_CODE + 4);
	f->e.rip = FX_CODE;
	f->e.xcr0 = 3;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 6, false));
}

static void canonical_addresses(void)
{
	struct fx *f = FX(64, "\x8b\x03");	/* mov eax, [rbx] */

	GPR(f, RBX) = 1ULL << 47;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true));
	f->e.cr4 |= 1 << 12;			/* 57 bits: now it only does not exist */
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 14, true));
	GPR(f, RBX) = 1ULL << 56;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true));
	f = FX(64, "\x8b\x04\x24");		/* mov eax, [rsp] */
	GPR(f, RSP) = 1ULL << 62;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 12, true));
	f = FX(64, "\xff\xe0");			/* jmp rax */
	GPR(f, RAX) = 1ULL << 47;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true) && f->e.rip == FX_CODE);
	f = FX(64, "\x90");
	f->e.rip = 1ULL << 47;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true));
}

static void fetching(void)
{
	struct fx *f = FX(64, "");

	f->e.rip = FX_HOLE - 2;
	memcpy(f->mem + FX_HOLE - 2, "\x8b\x03", 2);
	GPR(f, RBX) = FX_DATA;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->fetches == 1);
	f->e.rip = FX_HOLE - 1;
	f->mem[FX_HOLE - 1] = 0x8b;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 14, true));
	EXPECT(f->fetches == 3 && f->e.exc.cr2 == FX_HOLE);
	f = FX(64, "\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x8b\x03");
	GPR(f, RBX) = FX_DATA;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->e.insn.len == 15);
	f = FX(64, "\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x8b\x03");
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true));
}

static void access_bits(void)
{
	struct fx *f = FX(64, "\x8b\x03");

	GPR(f, RBX) = FX_DATA;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->last_access == 0);
	f->e.cpl = 3;
	f->e.rip = FX_CODE;
	EXPECT(STEP(f) == LODGE_EMUL_DONE && f->last_access == LODGE_ACC_USER);
	/* alignment is checked for user code alone, and only if asked for */
	f->e.cr0 |= 1 << 18;
	f->e.rflags |= LODGE_FLAG_AC;
	f->e.rip = FX_CODE;
	GPR(f, RBX) = FX_DATA + 1;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 17, true));
	f->e.cpl = 0;
	EXPECT(STEP(f) == LODGE_EMUL_DONE);
}

static void segment_types(void)
{
	struct fx *f = FX(32, "\x89\x03");	/* mov [ebx], eax */

	GPR(f, RBX) = FX_DATA;
	f->e.seg[LODGE_DS].attr = 0xc091;	/* read-only */
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true) && !f->writes);
	f->e.seg[LODGE_DS].attr = 0x10000;	/* unusable */
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true));
	f->e.seg[LODGE_DS].attr = 0xc097;	/* expand-down */
	f->e.seg[LODGE_DS].limit = FX_DATA - 1;
	EXPECT(STEP(f) == LODGE_EMUL_DONE);
	f->e.seg[LODGE_DS].limit = FX_DATA;
	f->e.rip = FX_CODE;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true));
	f = FX(32, "\x2e\x8b\x03");		/* mov eax, cs:[ebx], execute-only */
	GPR(f, RBX) = FX_DATA;
	EXPECT(STEP(f) == LODGE_EMUL_DONE);
	f->e.rip = FX_CODE;
	f->e.seg[LODGE_CS].attr = 0xc099;
	EXPECT(STEP(f) == LODGE_EMUL_EXCEPTION && raised(f, 13, true));
}

static const struct {
	void (*run)(void);
	const char *name;
} fixed_list[] = {
	{ real_mode, "real mode: segments, limits, no error codes" },
	{ replay, "a read that needs user space is replayed" },
	{ rep_restart, "REP: restart, faults, bounds" },
	{ string_in, "INS" },
	{ string_out, "OUTS" },
	{ in_out_ports, "IN and OUT" },
	{ locked, "LOCK" },
	{ features, "what the guest's CPUID lacks, and what nobody does" },
	{ vectors, "vector moves under CR0, CR4, XCR0" },
	{ canonical_addresses, "canonical addresses of 48 and 57 bits" },
	{ fetching, "fetch: page ends and the limit of 15 bytes" },
	{ access_bits, "user and supervisor accesses" },
	{ segment_types, "segment types" },
};

#define FIXED_TESTS	((unsigned int)ARRAY_SIZE(fixed_list))

static void fixed_tests(void)
{
	unsigned int i;

	for (i = 0; i < FIXED_TESTS; i++) {
		fx_failed = false;
		fixed_list[i].run();
		result(!fx_failed, fixed_list[i].name);
	}
}

#endif /* SELFTESTS_NATIVE_EMULATE_FIXED_H */
