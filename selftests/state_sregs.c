// SPDX-License-Identifier: GPL-2.0-only
/* System registers: reset values, round trip, and refusal of what no processor takes */
#include "vm.h"

TEST(reset_values)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0), *second = vcpu_create(vm, 1);
	struct lodge_sregs s;
	unsigned int i;

	vcpu_get_sregs(vcpu, &s);
	EXPECT_EQ(s.cr0, 0x60000010ull);
	EXPECT_EQ(s.cr2, 0ull);
	EXPECT_EQ(s.cr3, 0ull);
	EXPECT_EQ(s.cr4, 0ull);
	EXPECT_EQ(s.cr8, 0ull);
	EXPECT_EQ(s.efer, 0ull);
	EXPECT_EQ(s.xcr0, 1ull);
	EXPECT_EQ(s.apic_base, 0xfee00900ull);
	EXPECT_EQ(s.gdt_base, 0ull);
	EXPECT_EQ(s.gdt_limit, 0xffffu);
	EXPECT_EQ(s.idt_base, 0ull);
	EXPECT_EQ(s.idt_limit, 0xffffu);
	for (i = LODGE_ES; i <= LODGE_GS; i++) {
		EXPECT_EQ(s.seg[i].selector, i == LODGE_CS ? 0xf000 : 0);
		EXPECT_EQ(s.seg[i].base, i == LODGE_CS ? 0xffff0000ull : 0);
		EXPECT_EQ(s.seg[i].limit, 0xffffu);
		EXPECT_EQ(s.seg[i].attr, i == LODGE_CS ? 0x9bu : 0x93u);
	}
	vcpu_get_sregs(second, &s);
	EXPECT_EQ(s.apic_base, 0xfee00800ull);	/* not the bootstrap processor */
}

static void nothing(void)
{
}

static void write_both(struct vcpu *vcpu, struct lodge_sregs *a, struct lodge_sregs *b)
{
	vcpu_set_sregs(vcpu, a);
	vcpu_get_sregs(vcpu, b);
	EXPECT_EQ(memcmp(a, b, sizeof(*a)), 0);
}

TEST(round_trip)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, nothing);
	struct lodge_sregs a, b;
	unsigned int i;

	vcpu_get_sregs(vcpu, &a);
	write_both(vcpu, &a, &b);
	for (i = LODGE_ES; i <= LODGE_GS; i++) {
		a.seg[i].selector = 0x18 + 8 * i;
		a.seg[i].limit = 0x12fff + (i << 12);
		a.seg[i].base = i >= LODGE_FS ? 0xffff800000000000ull + i : i << 16;
	}
	a.gdt_base = 0xffffffff81000000ull;
	a.gdt_limit = 0x7f;
	a.idt_base = 0xffffffff82000000ull;
	a.idt_limit = 0x3ff;
	a.cr2 = 0x123456789abcull;
	a.cr8 = 15;
	a.apic_base = 0xfee00800ull;
	a.efer |= EFER_SCE;
	a.cr0 |= CR0_TS | CR0_AM;
	write_both(vcpu, &a, &b);
}

TEST(survives_guest_execution)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, nothing);
	struct lodge_sregs a, b;

	vcpu_get_sregs(vcpu, &a);
	a.seg[LODGE_FS].base = 0x7fff12345678ull;
	a.seg[LODGE_GS].base = 0xffff888000000000ull;
	a.cr2 = 0xdeadbeef000ull;
	a.cr8 = 7;
	a.cr0 |= CR0_AM;
	vcpu_set_sregs(vcpu, &a);
	vcpu_done(vcpu);
	vcpu_get_sregs(vcpu, &b);
	EXPECT_EQ(a.cr0, b.cr0);
	EXPECT_EQ(a.cr2, b.cr2);
	EXPECT_EQ(a.cr3, b.cr3);
	EXPECT_EQ(a.cr4, b.cr4);
	EXPECT_EQ(a.cr8, b.cr8);
	EXPECT_EQ(a.efer, b.efer);
	EXPECT_EQ(memcmp(a.seg, b.seg, sizeof(a.seg)), 0);
}

/* Change one thing in a good state, and have it refused; the state stays as it was */
#define REFUSED(change) do {							\
	struct lodge_sregs after_;						\
										\
	s = good;								\
	change;									\
	EXPECT_ERRNO(vcpu_try_set_sregs(vcpu, &s), EINVAL);			\
	vcpu_get_sregs(vcpu, &after_);						\
	EXPECT_EQ(memcmp(&after_, &good, sizeof(good)), 0);			\
} while (0)

TEST(refuses_impossible)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, nothing);
	struct lodge_sregs good, s;

	vcpu_get_sregs(vcpu, &good);
	REFUSED(s.pad = 1);
	REFUSED(s.cr0 |= 1ull << 32);
	REFUSED(s.cr0 |= 1ull << 6);
	REFUSED(s.cr0 &= ~CR0_PE);			/* paging without protection */
	REFUSED(s.cr0 = (s.cr0 & ~CR0_CD) | CR0_NW);
	REFUSED(s.cr4 |= 1ull << 63);
	REFUSED(s.cr4 |= CR4_VMXE);			/* no VMX for guests */
	REFUSED(s.cr4 &= ~CR4_PAE);			/* long mode needs it */
	REFUSED(s.efer |= 1ull << 1);
	REFUSED(s.efer &= ~EFER_LMA);			/* LME and PG make it 1 */
	REFUSED(s.efer &= ~EFER_LME);
	REFUSED(s.cr3 |= 1ull << 63);
	REFUSED(s.cr8 = 16);
	REFUSED(s.xcr0 = 0);
	REFUSED(s.xcr0 = 5);				/* AVX without SSE */
	REFUSED(s.xcr0 |= 1ull << 62);
	REFUSED(s.apic_base |= 1ull << 62);
	REFUSED(s.gdt_limit = 0x10000);
	REFUSED(s.idt_limit = 0x10000);
	REFUSED(s.gdt_base = 0x8000000000000000ull);
	REFUSED(s.idt_base = 0x0000800000000000ull);
	REFUSED(s.seg[LODGE_FS].base = 0x0000800000000000ull);
	REFUSED(s.seg[LODGE_ES].attr |= 1u << 17);
	REFUSED(s.seg[LODGE_ES].attr |= 1u << 8);
	REFUSED(s.seg[LODGE_ES].pad[1] = 1);
	REFUSED(s.seg[LODGE_DS].base = 1ull << 32);
	/* PCID only in long mode */
	s = good;
	s.cr0 &= ~CR0_PG;
	s.efer &= ~EFER_LMA;
	s.cr4 |= CR4_PCIDE;
	EXPECT_ERRNO(vcpu_try_set_sregs(vcpu, &s), EINVAL);
}

/* LMA belongs to LME and PG together */
TEST(lma_follows)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_sregs s;

	vcpu_get_sregs(vcpu, &s);
	s.efer = EFER_LME;
	EXPECT_OK(vcpu_try_set_sregs(vcpu, &s));
	s.efer = EFER_LME | EFER_LMA;
	EXPECT_ERRNO(vcpu_try_set_sregs(vcpu, &s), EINVAL);
}

/* Page-directory pointers with reserved bits are a #GP of MOV to CR3 */
TEST(bad_pdpte)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_sregs s;

	vcpu_start_flat32(vcpu, GPA_CODE16);
	vcpu_get_sregs(vcpu, &s);
	s.cr0 |= CR0_PG;
	s.cr4 = CR4_PAE;
	s.cr3 = GPA_PDPT32;
	EXPECT_OK(vcpu_try_set_sregs(vcpu, &s));
	*(u64 *)vm_ptr(vm, GPA_PDPT32) |= 1ull << 5;
	EXPECT_ERRNO(vcpu_try_set_sregs(vcpu, &s), EINVAL);
}
