// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator against the real CPU, and by hand where no user program can go.
 *
 * native-sources: x86/emulate.c x86/exec_mem.c x86/exec_rmw.c x86/exec_stack.c
 * native-sources: x86/exec_string.c x86/exec_vector.c x86/alu.c x86/decode.c x86/optable.c
 *
 * Usage: emulate_test [-s seed] [-n cases] [-b batch] [-v]
 * A mismatch prints the seed; "-b 1" finds the case of a wrong memory sum.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emulate_model.h"

#define KSFT_SKIP	4

static unsigned int test_number, failures;
static struct cpu_shared *shared;
static int to_helper, from_helper;
static pid_t helper;
static unsigned int batch = CPU_BATCH;

static void result(bool ok, const char *name)
{
	printf("%sok %u %s\n", ok ? "" : "not ", ++test_number, name);
	fflush(stdout);
	failures += !ok;
}

/* The helper lies beside this program. */
static bool helper_path(char *path, size_t n)
{
	ssize_t len = readlink("/proc/self/exe", path, n - 1);
	char *slash;

	if (len < 0)
		return false;
	path[len] = 0;
	slash = strrchr(path, '/');
	snprintf(slash, n - (slash - path), "/emulate_helper");
	return access(path, X_OK) == 0;
}

static bool start_helper(void)
{
	int down[2], up[2], mem = memfd_create("emulate", 0);
	char path[4096];

	if (!helper_path(path, sizeof(path)) || mem < 0 || ftruncate(mem, sizeof(*shared)))
		return false;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	if (shared == MAP_FAILED || pipe(down) || pipe(up))
		return false;
	helper = fork();
	if (helper == 0) {
		/* out of the way of 3, 4 and 5 first */
		int a = fcntl(mem, F_DUPFD, 20), b = fcntl(down[0], F_DUPFD, 20);
		int c = fcntl(up[1], F_DUPFD, 20);

		dup2(a, 3);
		dup2(b, 4);
		dup2(c, 5);
		for (int fd = 6; fd < 40; fd++)
			close(fd);
		execl(path, path, NULL);
		_exit(1);
	}
	close(down[0]);
	close(up[1]);
	to_helper = down[1];
	from_helper = up[0];
	return helper > 0;
}

static bool run_batch(unsigned int count)
{
	char byte = 0;

	shared->count = count;
	return write(to_helper, &byte, 1) == 1 && read(from_helper, &byte, 1) == 1;
}

static void stop_helper(void)
{
	int status;

	close(to_helper);
	waitpid(helper, &status, 0);
}

static void print_case(const struct cpu_case *c, const struct lodge_emul *e)
{
	unsigned int i, n = e->insn.len ? e->insn.len : 15;

	printf("# bytes");
	for (i = 0; i < n; i++)
		printf(" %02x", c->bytes[i]);
	printf(" (op %u map %u opcode %02x) cs %x ss %x ds %x es %x\n", e->insn.op, e->insn.map,
	       e->insn.opcode, c->cs, c->ss, c->ds, c->es);
	for (i = 0; i < 16; i++)
		printf("%s%s=%#llx%s", i % 4 ? " " : "# ", gpr_names[i], (u64)c->in.gpr[i],
		       i % 4 == 3 ? "\n" : "");
	printf("# rip=%#llx rflags=%#llx poke %#llx at %#llx\n", (u64)c->in.rip,
	       (u64)c->in.rflags, (u64)c->poke, (u64)c->poke_at);
}

static bool ends_with_segment(const struct cpu_case *c, const struct lodge_emul *e)
{
	return c->cs == LDT_SEL(LDT_SHORT32) &&
	       c->in.rip + e->insn.len == cpu_ldt[LDT_SHORT32].limit + 1;
}

/*
 * A branch that is taken where its segment ends: of a hundred times once, the same branch with the
 * same target, an AMD EPYC tells of #GP there, as if it went on.  All others are compared.
 */
static bool may_fault(const struct cpu_case *c, const struct lodge_emul *e)
{
	return (e->insn.flags & INSN_F64) && ends_with_segment(c, e) && c->trapno == 13 &&
	       !c->err && c->out.rip == c->in.rip;
}

/* Some makers' CPUs do otherwise here, or the sandbox cannot show it. */
static bool not_comparable(const struct model *m, const struct cpu_case *c, int ret)
{
	const struct lodge_emul *e = &m->e;

	if (ret < 0)
		return true;
	/* neither maker says whether the limit or the alignment counts first */
	if (ret == LODGE_EMUL_EXCEPTION &&
	    ((e->insn.flags & INSN_ALIGN) || e->insn.op == OP_CMPXCHG8B) &&
	    (e->exc.vector == 12 || (c->cs != 0x33 && e->exc.vector != 14)))
		return true;
	/* what a CALL has pushed is not there if the CPU does as may_fault() says */
	if (e->insn.op == OP_CALL && ends_with_segment(c, e))
		return true;
	/* a branch out of the canonical or segment range faults before or after it */
	return ret == LODGE_EMUL_EXCEPTION && e->exc.vector == 13 && (e->insn.flags & INSN_F64);
}

static void choose_segments(struct cpu_case *c, unsigned int mode)
{
	static const u8 data[] = {
		LDT_DATA16, LDT_DOWN32, LDT_RO, LDT_DOWN16, LDT_SMALL, LDT_FLAT32,
	};
	static const u8 stack[] = { LDT_DATA16, LDT_STACK16, LDT_FLAT32, LDT_SMALL, LDT_DOWN32 };
	static const u8 code32[] = { LDT_XO32, LDT_SHORT32 };

	c->ss = 0x2b;
	c->ds = 0x2b;
	c->es = 0x2b;
	c->cs = mode == LODGE_MODE_64 ? 0x33 : 0x23;
	if (mode == LODGE_MODE_64 || (mode == LODGE_MODE_32 && chance(40)))
		return;
	if (mode == LODGE_MODE_16)
		c->cs = LDT_SEL(LDT_CODE16);
	else if (chance(40))
		c->cs = LDT_SEL(code32[below(2)]);
	c->ss = LDT_SEL(stack[below(ARRAY_SIZE(stack))]);
	c->ds = chance(5) ? 0 : LDT_SEL(data[below(ARRAY_SIZE(data))]);
	c->es = LDT_SEL(data[below(ARRAY_SIZE(data))]);
}

static unsigned int coverage[OP_BY_PREFIX];
static unsigned int outcomes[32], skipped;

/*
 * Cases of one batch: generated and emulated one after the other, then executed
 * by the CPU at once, then compared.
 */
static bool random_batch(struct model *m, unsigned int mode, unsigned int *n)
{
	static struct model after[CPU_BATCH];
	static int rets[CPU_BATCH];
	static u64 sums[CPU_BATCH];
	unsigned int i = 0;
	char why[256];

	while (i < *n) {
		struct cpu_case *c = &shared->cases[i];
		struct model before = *m;

		memset(c, 0, sizeof(*c));
		choose_segments(c, mode);
		model_state(m, c);
		if (!gen_case(c, &m->e, mode))
			continue;
		rets[i] = model_run(m, c);
		if (not_comparable(m, c, rets[i])) {
			skipped++;
			*m = before;
			continue;
		}
		coverage[m->e.insn.op]++;
		gen_last->run++;
		outcomes[rets[i] == LODGE_EMUL_EXCEPTION ? m->e.exc.vector : 1]++;
		after[i] = *m;
		sums[i] = cpu_sum(m->data);
		i++;
	}
	if (!run_batch(i)) {
		printf("# the sandbox died\n");
		return false;
	}
	for (i = 0; i < *n; i++) {
		const struct cpu_case *c = &shared->cases[i];
		bool bad = differs(&after[i], c, rets[i], why, sizeof(why));

		if (bad && rets[i] != LODGE_EMUL_EXCEPTION && may_fault(c, &after[i].e)) {
			skipped++;
			bad = false;
		}
		if (!bad && c->sum == sums[i])
			continue;
		printf("# mismatch: %s\n", bad ? why : "memory");
		print_case(c, &after[i].e);
		if (!bad && batch == 1) {
			for (unsigned int k = 0; k < MODEL_DATA_SIZE; k++) {
				if (shared->data[k] != m->data[k])
					printf("# %#llx: %02x, emulator %02x\n", CPU_DATA + k,
					       shared->data[k], m->data[k]);
			}
		}
		return false;
	}
	return true;
}

static void random_cases(const char *what, unsigned int mode, unsigned int cases)
{
	static struct model m;
	unsigned int i, n;
	bool ok = true;
	char name[128];

	for (i = 0; i < MODEL_DATA_SIZE; i++)
		m.data[i] = rnd();
	memcpy(shared->data, m.data, sizeof(m.data));
	for (i = 0; ok && i < cases; i += n) {
		n = min(batch, cases - i);
		ok = random_batch(&m, mode, &n);
	}
	snprintf(name, sizeof(name), "%u random %s instructions as on the CPU", cases, what);
	result(ok, name);
}

#include "emulate_fixed.h"

int main(int argc, char **argv)
{
	unsigned int cases = 200000, covered = 0, i;
	bool verbose = false, native;
	u64 seed;
	int opt;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = getpid();
	while ((opt = getopt(argc, argv, "s:n:b:v")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'n')
			cases = strtoul(optarg, NULL, 0);
		else if (opt == 'b')
			batch = min(max(1ul, strtoul(optarg, NULL, 0)), (unsigned long)CPU_BATCH);
		else
			verbose = true;
	}
	printf("TAP version 13\n1..%u\n# seed %#llx, %u cases\n", FIXED_TESTS + 3, seed, cases);
	rnd_state = seed * 2 + 1;
	signal(SIGPIPE, SIG_IGN);
	fixed_tests();
	gen_init();
	native = start_helper();
	if (!native || !run_batch(0)) {
		for (i = 0; i < 3; i++)
			printf("ok %u # SKIP no sandbox\n", ++test_number);
	} else {
		random_cases("64-bit", LODGE_MODE_64, cases);
		if (shared->can_segments) {
			random_cases("32-bit", LODGE_MODE_32, cases / 2);
			random_cases("16-bit", LODGE_MODE_16, cases / 4);
		} else {
			printf("ok %u # SKIP no modify_ldt\n", ++test_number);
			printf("ok %u # SKIP no modify_ldt\n", ++test_number);
		}
		stop_helper();
	}
	for (i = 0; verbose && i < OP_BY_PREFIX; i++)
		printf("# op %u: %u\n", i, coverage[i]);
	for (i = 0; i < 32; i++) {
		if (outcomes[i])
			printf("# vector %u: %u\n", i, outcomes[i]);
	}
	for (i = 0; i < gen_count; i++)
		covered += gen_rows[i].run != 0;
	printf("# %u of %u rows of the opcode maps, %u cases not comparable\n", covered,
	       gen_count, skipped);
	printf("# %s: seed %#llx\n", failures ? "FAIL" : "PASS", seed);
	return failures ? 1 : 0;
}
