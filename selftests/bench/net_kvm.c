// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM of bench_net under KVM: its network is vhost-net's.  There is no transport: guest and
 * this program agree on where the rings are.  Kicks are ioeventfds that KVM looks for
 * before it decodes anything, interrupts are messages by irqfd: as QEMU has a virtio-pci device.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net.h"

#define MAX_CPUID	128

/**
 * struct kvm - a VM under KVM
 * @vm: whose memory it has
 * @fd: the VM
 * @vcpu: its vCPU
 * @run: shared run area
 * @run_size: bytes of it
 * @stats: counters of the vCPU
 * @exits: where in them
 * @vhost: the network
 * @call: eventfds that interrupt: KVM forgets one that is closed
 */
struct kvm {
	struct vm *vm;
	int fd;
	int vcpu;
	struct kvm_run *run;
	int run_size;
	int stats;
	off_t exits;
	int vhost;
	int call[2];
};

/* ---- the vCPU ------------------------------------------------------------ */

static struct kvm_segment segment(const struct lodge_segment *from)
{
	return (struct kvm_segment){
		.base = from->base, .limit = from->limit, .selector = from->selector,
		.type = from->attr & LODGE_SEG_TYPE, .s = !!(from->attr & LODGE_SEG_S),
		.present = !!(from->attr & LODGE_SEG_P), .l = !!(from->attr & LODGE_SEG_L),
		.db = !!(from->attr & LODGE_SEG_DB), .g = !!(from->attr & LODGE_SEG_G),
		.unusable = !!(from->attr & LODGE_SEG_UNUSABLE),
	};
}

static void set_sregs(struct kvm *k, struct vcpu *like)
{
	struct lodge_sregs from;
	struct kvm_sregs s;

	vcpu_get_sregs(like, &from);
	ASSERT_OK(ioctl(k->vcpu, KVM_GET_SREGS, &s));
	s.cs = segment(&from.seg[LODGE_CS]);
	s.ds = segment(&from.seg[LODGE_DS]);
	s.es = segment(&from.seg[LODGE_ES]);
	s.fs = segment(&from.seg[LODGE_FS]);
	s.gs = segment(&from.seg[LODGE_GS]);
	s.ss = segment(&from.seg[LODGE_SS]);
	s.tr = segment(&from.seg[LODGE_TR]);
	s.ldt = segment(&from.seg[LODGE_LDTR]);
	s.gdt = (struct kvm_dtable){ from.gdt_base, from.gdt_limit };
	s.idt = (struct kvm_dtable){ from.idt_base, from.idt_limit };
	s.cr0 = from.cr0;
	s.cr3 = from.cr3;
	s.cr4 = from.cr4;
	s.efer = from.efer;
	ASSERT_OK(ioctl(k->vcpu, KVM_SET_SREGS, &s));
}

static void set_regs(struct kvm *k, struct vcpu *like)
{
	struct lodge_regs from;
	struct kvm_regs r;

	vcpu_get_regs(like, &from);
	r = (struct kvm_regs){
		.rip = from.rip, .rflags = from.rflags, .rsp = from.gpr[LODGE_RSP],
		.rdi = from.gpr[LODGE_RDI], .r11 = from.gpr[LODGE_R11],
	};
	ASSERT_OK(ioctl(k->vcpu, KVM_SET_REGS, &r));
}

static void set_cpuid(int kvm, struct kvm *k)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					  MAX_CPUID * sizeof(cpuid->entries[0]));

	ASSERT_TRUE(cpuid);
	cpuid->nent = MAX_CPUID;
	ASSERT_OK(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid));
	ASSERT_OK(ioctl(k->vcpu, KVM_SET_CPUID2, cpuid));
	free(cpuid);
}

/* KVM's api.rst, 4.133 */
static void find_exits(struct kvm *k)
{
	union {
		struct kvm_stats_desc d;
		char room[sizeof(struct kvm_stats_desc) + 256];
	} u;
	struct kvm_stats_header h;
	size_t size;
	u32 i;

	k->stats = ioctl(k->vcpu, KVM_GET_STATS_FD, 0);
	ASSERT_OK(k->stats);
	ASSERT_EQ(pread(k->stats, &h, sizeof(h), 0), (ssize_t)sizeof(h));
	size = sizeof(u.d) + h.name_size;
	ASSERT_LT(size, sizeof(u));
	for (i = 0; i < h.num_desc; i++) {
		ASSERT_EQ(pread(k->stats, &u, size, h.desc_offset + i * size), (ssize_t)size);
		if (!strcmp(u.d.name, "exits"))
			break;
	}
	ASSERT_LT(i, h.num_desc);
	k->exits = h.data_offset + u.d.offset;
}

/**
 * kvm_exits - VM exits so far
 * @k: the VM
 *
 * Return: how many.
 */
u64 kvm_exits(const struct kvm *k)
{
	u64 exits;

	ASSERT_EQ(pread(k->stats, &exits, sizeof(exits), k->exits), (ssize_t)sizeof(exits));
	return exits;
}

/**
 * kvm_sync - run until the guest's next GUEST_SYNC()
 * @k: the VM
 */
void kvm_sync(struct kvm *k)
{
	struct kvm_regs r;

	while (ioctl(k->vcpu, KVM_RUN, 0))
		ASSERT_EQ(errno, EINTR);
	ASSERT_EQ(k->run->exit_reason, (u32)KVM_EXIT_IO);
	ASSERT_EQ(k->run->io.port, UCALL_PORT);
	if (*(u32 *)((char *)k->run + k->run->io.data_offset) == UCALL_SYNC)
		return;
	ASSERT_OK(ioctl(k->vcpu, KVM_GET_REGS, &r));
	ktap_fail_cmp("guest", r.rsi, (const char *)r.rdi, r.rcx, r.rbx);
	ktap_stop();
}

/* ---- the VM -------------------------------------------------------------- */

static void route(struct kvm *k)
{
	struct {
		struct kvm_irq_routing r;
		struct kvm_irq_routing_entry e[2];
	} u = { .r.nr = 2 };
	u32 q;

	for (q = 0; q < 2; q++)
		u.e[q] = (struct kvm_irq_routing_entry){
			.gsi = q, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = 0xfee00000, .data = NET_VECTOR + q },
		};
	ASSERT_OK(ioctl(k->fd, KVM_SET_GSI_ROUTING, &u));
}

static void create_vm(struct kvm *k, int kvm)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = k->vm->size, .userspace_addr = (u64)k->vm->mem,
	};

	k->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	ASSERT_OK(k->fd);
	k->run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	ASSERT_OK(ioctl(k->fd, KVM_SET_TSS_ADDR, 0xfffbd000l));
	ASSERT_OK(ioctl(k->fd, KVM_CREATE_IRQCHIP, 0));
	ASSERT_OK(ioctl(k->fd, KVM_SET_USER_MEMORY_REGION, &region));
	route(k);
	k->vcpu = ioctl(k->fd, KVM_CREATE_VCPU, 0);
	ASSERT_OK(k->vcpu);
	k->run = mmap(NULL, k->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, k->vcpu, 0);
	ASSERT_NE((void *)k->run, MAP_FAILED);
	set_cpuid(kvm, k);
}

/* ---- its network --------------------------------------------------------- */

static void start_queue(struct kvm *k, u32 q, int tap)
{
	char *mem = k->vm->mem;
	struct vhost_vring_state size = { .index = q, .num = NET_SLOTS }, base = { .index = q };
	struct vhost_vring_addr addr = {
		.index = q, .desc_user_addr = (u64)mem + NET_DESC(q),
		.avail_user_addr = (u64)mem + NET_AVAIL(q),
		.used_user_addr = (u64)mem + NET_USED(q),
	};
	struct vhost_vring_file kick = { .index = q, .fd = eventfd(0, EFD_CLOEXEC) };
	struct vhost_vring_file call = { .index = q, .fd = eventfd(0, EFD_CLOEXEC) };
	struct vhost_vring_file backend = { .index = q, .fd = tap };
	struct kvm_ioeventfd door = { .addr = NET_DOORBELL + q * 0x1000, .fd = kick.fd };
	struct kvm_irqfd irq = { .fd = call.fd, .gsi = q };

	ASSERT_OK(kick.fd);
	ASSERT_OK(call.fd);
	ASSERT_OK(ioctl(k->fd, KVM_IOEVENTFD, &door));
	ASSERT_OK(ioctl(k->fd, KVM_IRQFD, &irq));
	ASSERT_OK(ioctl(k->vhost, VHOST_SET_VRING_NUM, &size));
	ASSERT_OK(ioctl(k->vhost, VHOST_SET_VRING_BASE, &base));
	ASSERT_OK(ioctl(k->vhost, VHOST_SET_VRING_ADDR, &addr));
	ASSERT_OK(ioctl(k->vhost, VHOST_SET_VRING_KICK, &kick));
	ASSERT_OK(ioctl(k->vhost, VHOST_SET_VRING_CALL, &call));
	ASSERT_OK(ioctl(k->vhost, VHOST_NET_SET_BACKEND, &backend));
	close(kick.fd);
	k->call[q] = call.fd;
}

static void start_network(struct kvm *k, int tap)
{
	struct {
		struct vhost_memory m;
		struct vhost_memory_region r;
	} memory = {
		.m.nregions = 1,
		.r = { .memory_size = k->vm->size, .userspace_addr = (u64)k->vm->mem },
	};
	u64 offered, wanted = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF |
			      1ull << 29 /* VIRTIO_RING_F_EVENT_IDX */;
	u32 q;

	ASSERT_OK(ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN));
	k->vhost = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	if (k->vhost < 0)
		SKIP("no /dev/vhost-net: modprobe vhost_net");
	ASSERT_OK(ioctl(k->vhost, VHOST_SET_OWNER));
	ASSERT_OK(ioctl(k->vhost, VHOST_GET_FEATURES, &offered));
	ASSERT_EQ(offered & wanted, wanted);
	ASSERT_OK(ioctl(k->vhost, VHOST_SET_FEATURES, &wanted));
	ASSERT_OK(ioctl(k->vhost, VHOST_SET_MEM_TABLE, &memory));
	for (q = 0; q < 2; q++)
		start_queue(k, q, tap);
}

/**
 * kvm_create - a VM with one vCPU and a network
 * @like: whose memory and registers it is to have; does not run meanwhile
 * @tap: what its network is to be
 *
 * Return: the VM.
 */
struct kvm *kvm_create(struct vcpu *like, int tap)
{
	struct kvm *k = calloc(1, sizeof(*k));
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	ASSERT_TRUE(k);
	if (kvm < 0)
		SKIP("no /dev/kvm: modprobe kvm_intel");
	k->vm = like->vm;
	create_vm(k, kvm);
	close(kvm);
	set_sregs(k, like);
	set_regs(k, like);
	find_exits(k);
	start_network(k, tap);
	return k;
}

/**
 * kvm_destroy - end it
 * @k: the VM; its memory stays
 */
void kvm_destroy(struct kvm *k)
{
	close(k->vhost);
	close(k->call[NET_RX]);
	close(k->call[NET_TX]);
	close(k->stats);
	munmap(k->run, k->run_size);
	close(k->vcpu);
	close(k->fd);
	free(k);
}
