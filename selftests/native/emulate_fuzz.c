// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator and the walker under hostile bytes and hostile state.
 *
 * Input: 64 bytes of state, then the instruction, then memory.  Whatever comes,
 * a step ends, keeps to the callbacks' contract and changes nothing on failure.
 *
 * native-sources: x86/emulate.c x86/exec_mem.c x86/exec_rmw.c x86/exec_stack.c
 * native-sources: x86/exec_string.c x86/exec_vector.c x86/alu.c x86/decode.c x86/optable.c
 * native-sources: x86/walk.c
 */
#include "x86/emulate.h"

#define CHECK(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

struct fuzz {
	struct lodge_emul e;
	u8 mem[4096];
	const u8 *code;
	size_t len;
	unsigned int calls, answers;
	u64 chaos;		/* what the callbacks answer, two bits each */
	u64 committed_rcx;
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Mostly DONE; now and then something else. */
static int answer(struct fuzz *f)
{
	unsigned int a = f->chaos >> (f->answers++ % 32 * 2) & 3;

	f->calls++;
	CHECK(f->calls < 100000);
	if (f->chaos & 1)
		return LODGE_EMUL_DONE;
	switch (f->answers % 3 ? 0 : a) {
	case 1:
		return LODGE_EMUL_USER;
	case 2:
		f->e.exc.vector = 14;
		return LODGE_EMUL_EXCEPTION;
	case 3:
		return -ENOMEM;
	}
	return LODGE_EMUL_DONE;
}

static void check_access(struct lodge_emul *e, u64 linear, unsigned int len, unsigned int access)
{
	CHECK(len && len <= LODGE_EMUL_IO_BYTES);
	CHECK(!(access & ~(LODGE_ACC_WRITE | LODGE_ACC_USER)));
	CHECK(!(access & LODGE_ACC_USER) == (e->cpl != 3));
	if (lodge_emul_mode(e) != LODGE_MODE_64)
		CHECK(linear <= 0xffffffff);
}

static int fuzz_fetch(struct lodge_emul *e, u64 linear, void *buf, unsigned int len)
{
	struct fuzz *f = (struct fuzz *)e;
	u64 base = lodge_emul_mode(e) == LODGE_MODE_64 ? 0 : e->seg[LODGE_CS].base;
	unsigned int i;

	CHECK(len && len <= LODGE_INSN_MAX && (linear & 4095) + len <= 4096);
	for (i = 0; i < len; i++) {
		size_t at = (u32)(linear + i - e->rip - base);

		((u8 *)buf)[i] = at < f->len ? f->code[at] : 0;
	}
	return answer(f);
}

static int fuzz_read(struct lodge_emul *e, u64 linear, void *buf, unsigned int len,
		     unsigned int access)
{
	struct fuzz *f = (struct fuzz *)e;

	check_access(e, linear, len, access);
	memcpy(buf, f->mem + (linear % (sizeof(f->mem) - len)), len);
	return answer(f);
}

static int fuzz_write(struct lodge_emul *e, u64 linear, const void *buf, unsigned int len,
		      unsigned int access)
{
	struct fuzz *f = (struct fuzz *)e;
	int ret = answer(f);

	check_access(e, linear, len, access);
	CHECK(access & LODGE_ACC_WRITE);
	if (!ret)
		memcpy(f->mem + (linear % (sizeof(f->mem) - len)), buf, len);
	return ret;
}

static int fuzz_probe(struct lodge_emul *e, u64 linear, unsigned int len, unsigned int access)
{
	check_access(e, linear, len, access);
	return answer((struct fuzz *)e);
}

static int fuzz_cmpxchg(struct lodge_emul *e, u64 linear, const void *old, const void *new,
			unsigned int len, unsigned int access)
{
	struct fuzz *f = (struct fuzz *)e;

	CHECK(len <= 16);
	if (f->chaos & 2)
		return LODGE_EMUL_NOT_RAM;
	if (memcmp(f->mem + (linear % (sizeof(f->mem) - len)), old, len))
		return LODGE_EMUL_RETRY;
	return fuzz_write(e, linear, new, len, access);
}

static int fuzz_io_in(struct lodge_emul *e, u16 port, unsigned int size, void *buf,
		      unsigned int count)
{
	CHECK((size == 1 || size == 2 || size == 4) && count &&
	      size * count <= LODGE_EMUL_IO_BYTES);
	memset(buf, 0xff, size * count);
	return answer((struct fuzz *)e);
}

static int fuzz_io_out(struct lodge_emul *e, u16 port, unsigned int size, const void *buf,
		       unsigned int count)
{
	static volatile u8 sink;
	unsigned int i;

	CHECK((size == 1 || size == 2 || size == 4) && count &&
	      size * count <= LODGE_EMUL_IO_BYTES);
	for (i = 0; i < size * count; i++)
		sink = ((const u8 *)buf)[i];
	(void)sink;
	return answer((struct fuzz *)e);
}

static int fuzz_vec_read(struct lodge_emul *e, unsigned int reg, void *buf, unsigned int len)
{
	CHECK(reg < 16 && (len == 16 || len == 32));
	memset(buf, reg, len);
	return answer((struct fuzz *)e);
}

static int fuzz_vec_write(struct lodge_emul *e, unsigned int reg, const void *buf,
			  unsigned int len, bool zero_upper)
{
	static u8 copy[32];

	CHECK(reg < 16 && (len == 16 || len == 32));
	memcpy(copy, buf, len);
	return answer((struct fuzz *)e);
}

static void fuzz_committed(struct lodge_emul *e)
{
	((struct fuzz *)e)->committed_rcx = e->gpr[LODGE_RCX];
}

static const struct lodge_emul_ops fuzz_ops = {
	.fetch = fuzz_fetch, .read = fuzz_read, .write = fuzz_write, .probe = fuzz_probe,
	.cmpxchg = fuzz_cmpxchg, .io_in = fuzz_io_in, .io_out = fuzz_io_out,
	.vec_read = fuzz_vec_read, .vec_write = fuzz_vec_write, .committed = fuzz_committed,
};

static void set_state(struct lodge_emul *e, const u8 *s)
{
	static const u32 attrs[] = {
		0xa09b, 0xc09b, 0x9b, 0xc093, 0x93, 0xc097, 0x97, 0xc091, 0xc099, 0x10000, 0xa0fb,
	};
	unsigned int i;

	for (i = 0; i < 16; i++) {
		memcpy(&e->gpr[i], s + (i * 3) % 40, 8);
		e->gpr[i] >>= s[i] & 63;
		if (s[i] & 64)
			e->gpr[i] = -e->gpr[i];
	}
	memcpy(&e->rip, s + 40, 8);
	e->rip &= s[48] & 192 ? 0x7fff : ~0ULL >> (s[48] & 63);
	e->rflags = s[49] | (u64)s[50] << 8 | (u64)s[51] << 16 | LODGE_INSN_MAX;
	for (i = 0; i < LODGE_SEGS; i++) {
		e->seg[i].attr = attrs[(s[52] + i * (s[53] & 3)) % ARRAY_SIZE(attrs)];
		e->seg[i].base = s[54] & 1 ? (u64)s[55 + i % 4] << (s[54] >> 2) : 0;
		e->seg[i].limit = s[54] & 2 ? 0xffffffff : s[55 + i % 4] << 8 | 0xff;
	}
	e->cr0 = s[59] | (s[60] & 1 ? 0x80040000 : 0);
	e->cr4 = (s[60] & 2 ? 0x1000 : 0) | (s[60] & 4 ? 0x40200 : 0);
	e->efer = s[60] & 8 ? 0xd00 : 0;
	e->xcr0 = s[60] & 16 ? 7 : 1;
	e->features = s[61];
	e->cpl = s[62] & 3;
}

static unsigned long ends[LODGE_EMUL_UNSUPPORTED + 2];

static void fuzz_step(const u8 *data, size_t size)
{
	static struct fuzz f;
	u64 gpr[16], rip, rflags;
	int ret;

	memset(&f, 0, offsetof(struct fuzz, mem));
	f.e.ops = &fuzz_ops;
	set_state(&f.e, data);
	f.code = data + 64;
	f.len = size - 64;
	f.calls = 0;
	f.answers = 0;
	memcpy(&f.chaos, data + 8, 8);
	memcpy(f.mem, data, size < sizeof(f.mem) ? size : sizeof(f.mem));

	memcpy(gpr, f.e.gpr, sizeof(gpr));
	rip = f.e.rip;
	rflags = f.e.rflags;
	ret = lodge_emul_step(&f.e);
	CHECK(ret <= LODGE_EMUL_UNSUPPORTED);
	ends[ret < 0 ? LODGE_EMUL_UNSUPPORTED + 1 : ret]++;
	CHECK(f.e.insn.len <= LODGE_INSN_MAX);
	if (ret != LODGE_EMUL_DONE && !f.e.clear_shadow) {
		CHECK(!memcmp(gpr, f.e.gpr, sizeof(gpr)));
		CHECK(rip == f.e.rip && rflags == f.e.rflags);
	}
	if (ret != LODGE_EMUL_DONE || f.e.partial)
		CHECK(rip == f.e.rip);
	if (ret == LODGE_EMUL_DONE)
		CHECK(f.e.clear_shadow);
}

static const u8 *walk_data;
static size_t walk_size;
static unsigned int walk_reads;

static int fuzz_walk_read(struct lodge_walk *w, u64 gpa, void *buf, unsigned int len)
{
	CHECK((len == 4 || len == 8) && gpa % len == 0 && gpa >> 52 == 0);
	CHECK(++walk_reads <= 5 * 8);
	memset(buf, 0, len);
	memcpy(buf, walk_data + gpa % (walk_size - len + 1), len);
	return 0;
}

static int fuzz_walk_mark(struct lodge_walk *w, u64 gpa, u64 old, u64 new, unsigned int len)
{
	CHECK((len == 4 || len == 8) && gpa % len == 0 && (old & 1));
	return walk_data[gpa % walk_size] & 1 ? 0 : -EAGAIN;
}

static void fuzz_walk(const u8 *s, size_t size)
{
	struct lodge_walk w = {
		.read_gpa = fuzz_walk_read, .cmpxchg_gpa = fuzz_walk_mark,
		.maxphyaddr = s[0], .gbpages = s[1] & 1,
	};
	u64 linear;
	int ret;

	memcpy(&w.cr0, s + 8, 8);
	memcpy(&w.cr3, s + 16, 8);
	memcpy(&w.cr4, s + 24, 8);
	memcpy(&w.efer, s + 32, 8);
	memcpy(&w.pkru, s + 40, 4);
	memcpy(&w.rflags, s + 44, 8);
	memcpy(&linear, s + 52, 8);
	walk_data = s;
	walk_size = size;
	walk_reads = 0;
	ret = lodge_walk(&w, linear, s[60] & 15);
	CHECK(ret == LODGE_WALK_OK || ret == LODGE_WALK_FAULT || ret == -EAGAIN);
	CHECK(ret != LODGE_WALK_OK || w.gpa >> 52 == 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size < 72)
		return 0;
	fuzz_step(data, size);
	fuzz_walk(data, size);
	return 0;
}

#ifdef STANDALONE
#include <time.h>

int main(int argc, char **argv)
{
	unsigned long inputs = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000, i;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL);
	u64 state = seed * 2 + 1;
	u8 data[160];
	unsigned int k;

	printf("TAP version 13\n1..1\n# seed %#llx\n", seed);
	for (i = 0; i < inputs; i++) {
		for (k = 0; k < sizeof(data); k++) {
			state = state * 6364136223846793005ULL + 1442695040888963407ULL;
			data[k] = state >> 33;
			if (k % 16 == 0 && (state >> 60) == 0)
				k += 12;
		}
		/* half of the instructions from the map with two bytes */
		if (state >> 63)
			data[64] = 0x0f;
		LLVMFuzzerTestOneInput(data, sizeof(data));
	}
	printf("# done %lu, user %lu, retry %lu, exception %lu, unsupported %lu, errno %lu\n",
	       ends[0], ends[1], ends[2], ends[3], ends[4], ends[5]);
	printf("ok 1 %lu random inputs\n", inputs);
	return 0;
}
#endif
