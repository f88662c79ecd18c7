// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random rings, split and packed, that change while they are read, and random calls.
 *
 * With clang a libFuzzer target; with -DSTANDALONE a program:
 *
 *   vq_fuzz [-n sequences] [-s seed]   random sequences
 *   vq_fuzz FILE...                    inputs that were found before
 *
 * native-sources: virtio/vq.c
 * native-shim: vqshim.h
 */
#include <unistd.h>

#include "vq_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)	WARN_ON(!(x))

static const u8 *input, *input_end;
static struct lodge_vq vq;
static struct lodge_vq_chain chain;
static bool racing;
static unsigned long chains;

static u64 take(unsigned int bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | (input < input_end ? *input++ : 0);
	return v;
}

/* Addresses where something may go wrong, and those where it goes well */
static u64 some_address(void)
{
	static const u64 some[] = {
		BUFFERS, SECOND, SECOND - 8, MEM_END - 16, MEM_END, ROM, ROM_END - 1, TABLES,
		TABLES + 256, DESC, DEVICE, DRIVER, ~0ULL, ~0xfULL, 1ULL << 52, 1ULL << 63,
	};
	u8 op = take(1);

	return op & 0xe0 ? BUFFERS + op * 16 : some[op % ARRAY_SIZE(some)];
}

static u32 some_length(void)
{
	static const u32 some[] = {
		0, 1, 15, 16, 32, 48, 512, PAGE, SECOND, 0x80000000, 0xffffffff, 0xfffffff0,
		LODGE_VQ_MAX_SIZE * 16, LODGE_VQ_MAX_SIZE * 16 + 16,
	};
	u8 op = take(1);

	return op & 0xc0 ? op : some[op % ARRAY_SIZE(some)];
}

static u16 some_flags(void)
{
	u8 op = take(1);

	return (op & 7) | (op & 8 ? AVAIL_BIT : 0) | (op & 16 ? USED_BIT : 0) |
	       (op & 0xe0 ? 0 : 0x6ff8);
}

/* What a driver may write, now or while the device reads */
static void scribble(void)
{
	u8 op = take(1);
	u64 table = op & 0x80 ? TABLES : DESC;
	unsigned int i = take(1) % 32;
	u16 last;

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
		last = op & 8 ? take(2) : take(1) % 32;
		set_desc(table + i * 16, some_address(), some_length(),
			 vq.s.packed ? last : some_flags(), vq.s.packed ? some_flags() : last);
		break;
	case 3:
		set16(DRIVER + 2, op & 8 ? take(2) : vq.next + take(1) % 16);
		break;
	case 4:
		set16(DRIVER + 4 + i * 2, op & 8 ? take(2) : take(1) % 32);
		break;
	case 5:
		set32(DRIVER, take(4));
		break;
	case 6:
		set16(DRIVER + 4 + vq.s.size * 2, take(2));
		break;
	default:
		/* the descriptor that is next is there */
		if (vq.s.packed)
			set16(DESC + vq.next * 16 + 14,
			      (get16(DESC + vq.next * 16 + 14) & 7) |
			      (vq.next_wrap ? AVAIL_BIT : USED_BIT));
		else
			set16(DRIVER + 2, get16(DRIVER + 2) + 1);
	}
}

static void meanwhile(u64 gpa, size_t len)
{
	if (racing && input < input_end && take(1) & 1)
		scribble();
}

static void check_chain(void)
{
	u64 out = 0, in = 0;
	unsigned int i;

	CHECK(chain.nr_out + chain.nr_in <= LODGE_VQ_MAX_IOV);
	CHECK(chain.slots <= vq.s.size);
	CHECK(vq.s.packed || chain.id < vq.s.size);
	for (i = 0; i < chain.nr_out + chain.nr_in; i++) {
		size_t len = chain.iov[i].iov_len;
		bool write = i >= chain.nr_out;

		CHECK(len && all_there(chain.gpa[i], len, write));
		CHECK(slot_of(chain.gpa[i]) == slot_of(chain.gpa[i] + len - 1));
		CHECK(chain.iov[i].iov_base == at(chain.gpa[i]));
		*(write ? &in : &out) += len;
	}
	CHECK(out == chain.out_len && in == chain.in_len);
}

static void pop(void)
{
	unsigned int before = memory.accesses;
	bool was_broken = vq.broken;
	int ret = lodge_vq_pop(&vq, &chain);

	/* the ring's words, its descriptors, a table's */
	CHECK(memory.accesses - before <= 2 + vq.s.size + LODGE_VQ_MAX_SIZE);
	CHECK((ret < 0) == vq.broken && (!was_broken || ret == -EIO));
	CHECK(ret <= 1);
	if (ret == 1) {
		chains++;
		check_chain();
		lodge_vq_written(&vq, &chain, take(1) << take(1) % 8);
		if (take(1) & 1)
			CHECK(!lodge_vq_undo(&vq, &chain));
	}
}

static void check_ring(void)
{
	unsigned int i;

	CHECK(vq.s.size <= LODGE_VQ_MAX_SIZE);
	if (vq.s.packed)
		CHECK(vq.next < vq.s.size && vq.used < vq.s.size);
	for (i = MEM_END / PAGE; i < ARRAY_SIZE(dirty); i++)
		CHECK(!dirty[i]);
}

static void call(u8 op)
{
	switch (op >> 4 & 7) {
	case 0:
		chain.slots = 1 + take(1) % vq.s.size;
		chain.id = take(2);
		lodge_vq_push(&vq, &chain, take(4));
		break;
	case 1:
		CHECK(lodge_vq_wants_interrupt(&vq) <= 1);
		break;
	case 2:
		CHECK(lodge_vq_enable_kicks(&vq) <= 1);
		break;
	case 3:
		lodge_vq_disable_kicks(&vq);
		break;
	case 4:
		racing = op & 8;
		break;
	default:
		pop();
	}
}

static void restart(void)
{
	u8 how = take(1);
	u16 size = how & 8 ? 1 + take(2) % LODGE_VQ_MAX_SIZE : 1 << how % 11;
	struct lodge_vq_setup s;

	s = (struct lodge_vq_setup){
		.size = size, .desc = DESC, .driver = DRIVER, .device = DEVICE,
		.packed = how & 16, .event_idx = how & 32, .indirect = how & 64,
	};
	memset(first_slot, 0, TABLES + 1024);
	memset(dirty, 0, sizeof(dirty));
	if (lodge_vq_start(&vq, &memory, &s)) {
		CHECK(size & (size - 1) && !s.packed);
		vq.s.size = 1;
	}
	after_read = meanwhile;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u8 op;

	input = data;
	input_end = data + size;
	racing = false;
	restart();
	while (input < input_end) {
		op = take(1);
		if (op & 1)
			call(op);
		else
			scribble();
		check_ring();
		if (vq.broken)
			restart();
	}
	return 0;
}

#ifdef STANDALONE
static int run_file(const char *name)
{
	static u8 data[1 << 16];
	FILE *f = fopen(name, "rb");
	size_t n;

	if (!f) {
		perror(name);
		return 1;
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	return LLVMFuzzerTestOneInput(data, n);
}

int main(int argc, char **argv)
{
	unsigned long i, count = 5000;
	unsigned int seed = getpid();
	u8 data[1024];
	size_t j, n;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		if (opt == 'n')
			count = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	if (optind < argc) {
		for (; optind < argc; optind++) {
			if (run_file(argv[optind]))
				return 1;
		}
		return 0;
	}
	srandom(seed);
	for (i = 0; i < count; i++) {
		n = random() % sizeof(data);
		for (j = 0; j < n; j++)
			data[j] = random() >> 8;
		LLVMFuzzerTestOneInput(data, n);
	}
	printf("# vq_fuzz: %lu sequences, seed %u: %lu chains\n", count, seed, chains);
	return 0;
}
#endif
