// SPDX-License-Identifier: GPL-2.0-only
/* LODGE_VM_DEBUG_PORTS: the console at 0xe9, and the port 0xf4 that ends a run with a value */
#include "vm.h"

static void use_ports(void)
{
	GUEST_ASSERT_EQ(inb(0xe9), 0xe9);
	outb(0xe9, 'A');
	outb(0xf4, 0x12);
	outw(0xf4, 0x3456);
	outl(0xf4, 0x789abcde);
	GUEST_DONE();
}

TEST(on)
{
	struct vcpu *vcpu = vcpu_long(vm_create(LODGE_VM_DEBUG_PORTS), 0, use_ports);
	struct lodge_regs r;

	vcpu_exit(vcpu, LODGE_EXIT_IO);		/* the read was answered in the kernel */
	EXPECT_EQ(vcpu->run->io.port, 0xe9);
	EXPECT_EQ(vcpu->run->io.direction, LODGE_IO_OUT);
	EXPECT_EQ(((char *)vcpu->run)[vcpu->run->io.data_offset], 'A');
	vcpu_exit(vcpu, LODGE_EXIT_DEBUG_EXIT);
	EXPECT_EQ(vcpu->run->debug_exit, 0x12u);
	vcpu_get_regs(vcpu, &r);
	vcpu_exit(vcpu, LODGE_EXIT_DEBUG_EXIT);
	EXPECT_EQ(vcpu->run->debug_exit, 0x3456u);
	vcpu_exit(vcpu, LODGE_EXIT_DEBUG_EXIT);
	EXPECT_EQ(vcpu->run->debug_exit, 0x789abcdeu);
	vcpu_done(vcpu);
}

static void use_plain(void)
{
	GUEST_ASSERT_EQ(inb(0xe9), 0x5a);
	outb(0xf4, 0x12);
	GUEST_DONE();
}

/* Without the flag they are ports like others */
TEST(off)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, use_plain);

	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, 0xe9);
	((u8 *)vcpu->run)[vcpu->run->io.data_offset] = 0x5a;
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, 0xf4);
	vcpu_done(vcpu);
}
