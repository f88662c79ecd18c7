// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory-type range registers (SDM Vol 3A, 12.11): kept for the guest, and without
 * effect: its memory is the owner's, which is write-back, and there is no device
 * behind any of it.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <asm/processor.h>

#include "mtrr.h"

#define MTRR_CAP		0xfe
#define MTRR_FIX64K		0x250
#define MTRR_FIX16K_FIRST	0x258
#define MTRR_FIX16K_LAST	0x259
#define MTRR_FIX4K_FIRST	0x268
#define MTRR_FIX4K_LAST		0x26f
#define MTRR_DEF_TYPE		0x2ff

#define CAP		(LODGE_MTRR_VARIABLE | BIT(8) | BIT(10))	/* fixed ones, WC */
#define DEF_VALID	0xcffULL	/* type, fixed enable, enable */
#define MASK_VALID	BIT_ULL(11)
#define FIRST_VARIABLE	0x200		/* IA32_MTRR_PHYSBASE0 */
#define LAST_VARIABLE	(FIRST_VARIABLE + 2 * LODGE_MTRR_VARIABLE - 1)

static bool type_valid(u8 type)
{
	return type < 7 && type != 2 && type != 3;
}

static bool types_valid(u64 types)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8)
		if (!type_valid(types >> i))
			return false;
	return true;
}

static bool variable_valid(u32 index, u64 value)
{
	u64 address = value & GENMASK_ULL(boot_cpu_data.x86_phys_bits - 1, 12);

	/* the odd ones are masks */
	if (index & 1)
		return !(value & ~(address | MASK_VALID));
	return !(value & ~(address | 0xff)) && type_valid(value);
}

/* A fixed-range register's place, or -1 */
static int fixed(u32 index)
{
	switch (index) {
	case MTRR_FIX64K:
		return 0;
	case MTRR_FIX16K_FIRST ... MTRR_FIX16K_LAST:
		return 1 + index - MTRR_FIX16K_FIRST;
	case MTRR_FIX4K_FIRST ... MTRR_FIX4K_LAST:
		return 3 + index - MTRR_FIX4K_FIRST;
	}
	return -1;
}

/* The register, or NULL if there is none of this number */
static u64 *find(struct lodge_mtrr *m, u32 index)
{
	int i = fixed(index);

	if (i >= 0)
		return &m->fixed[array_index_nospec(i, LODGE_MTRR_FIXED)];
	if (index >= FIRST_VARIABLE && index <= LAST_VARIABLE) {
		i = array_index_nospec(index - FIRST_VARIABLE, 2 * LODGE_MTRR_VARIABLE);
		return &m->variable[i];
	}
	return index == MTRR_DEF_TYPE ? &m->def : NULL;
}

/**
 * lodge_mtrr_read - RDMSR
 * @m: the vCPU's
 * @index: ECX
 * @value: written on success
 *
 * Return: 0, or -EINVAL: there is no such MTRR.
 */
int lodge_mtrr_read(struct lodge_mtrr *m, u32 index, u64 *value)
{
	const u64 *reg = find(m, index);

	if (index == MTRR_CAP) {
		*value = CAP;
		return 0;
	}
	if (!reg)
		return -EINVAL;
	*value = *reg;
	return 0;
}

/**
 * lodge_mtrr_write - WRMSR
 * @m: the vCPU's
 * @index: ECX
 * @value: EDX:EAX
 *
 * Return: 0, or -EINVAL: no such MTRR, a reserved bit or type.
 */
int lodge_mtrr_write(struct lodge_mtrr *m, u32 index, u64 value)
{
	u64 *reg = find(m, index);
	bool valid;

	if (!reg)
		return -EINVAL;
	if (reg == &m->def)
		valid = !(value & ~DEF_VALID) && type_valid(value);
	else if (fixed(index) >= 0)
		valid = types_valid(value);
	else
		valid = variable_valid(index, value);
	if (!valid)
		return -EINVAL;
	*reg = value;
	return 0;
}
