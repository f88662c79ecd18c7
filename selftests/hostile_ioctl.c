// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every ioctl with arguments that a caller must not give: sizes, pointers, reserved
 * members, flags and ranges.  Each is answered by the errno of Documentation/uapi.rst.
 */
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"

/* MACHINE: a VM with its machine in the kernel */
enum object { DEV, VM, VCPU, MACHINE, NR_OBJECTS };

/**
 * struct call - an ioctl that takes a structure
 * @name: for messages
 * @cmd: number
 * @size: of the structure
 * @on: kind of descriptor
 * @get: the kernel writes to the structure
 */
struct call {
	const char *name;
	unsigned int cmd;
	unsigned int size;
	enum object on;
	bool get;
};

#define CALL(nr, type, on, get)	{ #nr, LODGE_##nr, sizeof(struct type), on, get }
#define PAIR(nr, type)								\
	CALL(VCPU_GET_##nr, type, VCPU, true), CALL(VCPU_SET_##nr, type, VCPU, false)

static const struct call calls[] = {
	CALL(GET_INFO, lodge_info, DEV, true),
	CALL(GET_CAPS, lodge_caps, DEV, true),
	CALL(CREATE_VM, lodge_create_vm, DEV, false),
	CALL(VM_SET_SLOT, lodge_slot, VM, false),
	CALL(VM_GET_DIRTY, lodge_dirty_log, VM, false),
	CALL(VM_CREATE_VCPU, lodge_create_vcpu, VM, false),
	PAIR(REGS, lodge_regs),
	PAIR(SREGS, lodge_sregs),
	PAIR(DEBUG, lodge_debug),
	PAIR(XSAVE, lodge_xsave),
	PAIR(MSRS, lodge_msrs),
	PAIR(CPUID, lodge_cpuid),
	PAIR(EVENTS, lodge_events),
	PAIR(MP, lodge_mp),
	CALL(VM_SET_GSI, lodge_gsi, MACHINE, false),
	CALL(VM_MSI, lodge_msi, MACHINE, false),
	CALL(VM_CONSOLE, lodge_open_console, MACHINE, false),
	CALL(VM_ADD_DEVICE, lodge_add_device, MACHINE, false),
	CALL(VM_GET_DEVICE, lodge_add_device, MACHINE, true),
	CALL(VM_ADD_FILE, lodge_add_file, MACHINE, false),
	CALL(VM_IOEVENTFD, lodge_ioeventfd, VM, false),
	CALL(VM_IRQFD, lodge_irqfd, MACHINE, false),
	CALL(VM_VSOCK, lodge_vsock, MACHINE, false),
	CALL(VM_END, lodge_vm_end, VM, false),
	CALL(VCPU_INTERRUPT, lodge_interrupt, VCPU, false),
	CALL(VCPU_GET_STATS, lodge_stats, VCPU, true),
};

#define NR_CALLS	(sizeof(calls) / sizeof(calls[0]))
#define MEM_LEN		(64 * PAGE)
#define MEM_GPA		0x40000000ull
#define LOG_SLOT	1

static int fd[NR_OBJECTS], eventfd_fd;
static struct lodge_info info;
static char *mem;			/* slot LOG_SLOT, at MEM_GPA */
static u64 bitmap[64];
static char xsave[16384] __attribute__((aligned(64)));
static struct lodge_msr msr;
static struct lodge_cpuid_leaf leaves[LODGE_MAX_CPUID];
static u64 stats[LODGE_NR_STATS];
static struct vm *the_vm;
static struct vcpu *the_vcpu;

static void setup(void)
{
	lodge_info(&info);
	ASSERT_LE(info.xsave_size, (u32)sizeof(xsave));
	the_vm = vm_create(0);
	the_vcpu = vcpu_create(the_vm, 0);
	fd[DEV] = lodge_open();
	fd[VM] = the_vm->fd;
	fd[VCPU] = the_vcpu->fd;
	fd[MACHINE] = vm_create(VM_PC)->fd;
	eventfd_fd = eventfd(0, 0);
	ASSERT_OK(eventfd_fd);
	mem = mem_anon(MEM_LEN, PAGE);
	vm_slot(the_vm, LOG_SLOT, LODGE_SLOT_LOG_DIRTY, MEM_GPA, MEM_LEN, mem);
}

/* Those that bring interrupts, or take them */
static bool valid_event(const struct call *c, void *arg)
{
	switch (c->cmd) {
	case LODGE_VCPU_INTERRUPT:
		((struct lodge_interrupt *)arg)->vector = 32;
		return true;
	case LODGE_VM_MSI:
		((struct lodge_msi *)arg)->address = 0xfee00000;
		return true;
	case LODGE_VM_IOEVENTFD:
		*(struct lodge_ioeventfd *)arg = (struct lodge_ioeventfd){
			.size = c->size, .addr = MEM_GPA - 8, .len = 8, .fd = eventfd_fd,
		};
		return true;
	case LODGE_VM_IRQFD:
		*(struct lodge_irqfd *)arg = (struct lodge_irqfd){
			.size = c->size, .fd = eventfd_fd, .resample_fd = -1, .gsi = 5,
		};
		return true;
	case LODGE_VM_VSOCK:
		*(struct lodge_vsock *)arg = (struct lodge_vsock){
			.size = c->size, .cid = 3, .features = 1ull << VIRTIO_F_VERSION_1,
			.kick = { eventfd_fd, eventfd_fd }, .call = { eventfd_fd, eventfd_fd },
			.error = eventfd_fd,
		};
		return true;
	}
	return false;
}

/* A device to ask for */
static u32 add_device(void)
{
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_RNG, .slot = 1, .fd = -1,
	};

	if (ioctl(fd[MACHINE], LODGE_VM_ADD_DEVICE, &d) < 0)
		ASSERT_EQ(errno, EEXIST);
	return d.slot;
}

/* A call that succeeds, but for what the test then spoils */
static void valid(const struct call *c, void *arg)
{
	memset(arg, 0, c->size);
	*(u32 *)arg = c->size;
	switch (c->cmd) {
	case LODGE_VM_SET_SLOT:
		*(struct lodge_slot *)arg = (struct lodge_slot){
			.size = c->size, .slot = LOG_SLOT, .flags = LODGE_SLOT_LOG_DIRTY,
			.gpa = MEM_GPA, .len = MEM_LEN, .hva = (u64)mem,
		};
		return;
	case LODGE_VM_GET_DIRTY:
		*(struct lodge_dirty_log *)arg = (struct lodge_dirty_log){
			.size = c->size, .slot = LOG_SLOT, .npages = 64, .bitmap = (u64)bitmap,
		};
		return;
	case LODGE_VM_CREATE_VCPU:
		((struct lodge_create_vcpu *)arg)->id = 7;
		return;
	case LODGE_VM_END:
		((struct lodge_vm_end *)arg)->reason = LODGE_END_ERROR;
		return;
	case LODGE_VM_ADD_DEVICE:
		dup2(vm_create(VM_PC)->fd, fd[MACHINE]);	/* one bus is soon full */
		((struct lodge_add_device *)arg)->id = LODGE_DEVICE_RNG;
		((struct lodge_add_device *)arg)->fd = -1;
		return;
	case LODGE_VM_GET_DEVICE:
		((struct lodge_add_device *)arg)->slot = add_device();
		return;
	case LODGE_VM_ADD_FILE:
		*(struct lodge_add_file *)arg = (struct lodge_add_file){
			.size = c->size, .len = 8, .data = (u64)bitmap, .name = "a",
		};
		return;
	}
	if (valid_event(c, arg) || c->on != VCPU)
		return;
	if (c->cmd == LODGE_VCPU_GET_XSAVE || c->cmd == LODGE_VCPU_SET_XSAVE) {
		((struct lodge_xsave *)arg)->len = info.xsave_size;
		((struct lodge_xsave *)arg)->data = (u64)xsave;
	} else if (c->cmd == LODGE_VCPU_GET_MSRS || c->cmd == LODGE_VCPU_SET_MSRS) {
		msr = (struct lodge_msr){ .index = MSR_STAR };
		*(struct lodge_msrs *)arg = (struct lodge_msrs){ c->size, 1, (u64)&msr };
	} else if (c->cmd == LODGE_VCPU_GET_CPUID || c->cmd == LODGE_VCPU_SET_CPUID) {
		*(struct lodge_cpuid *)arg = (struct lodge_cpuid){ c->size, LODGE_MAX_CPUID,
								   (u64)leaves };
		if (c->cmd == LODGE_VCPU_SET_CPUID)
			((struct lodge_cpuid *)arg)->count = 0;
	} else if (c->cmd == LODGE_VCPU_GET_STATS) {
		*(struct lodge_stats *)arg = (struct lodge_stats){ c->size, LODGE_NR_STATS,
								   (u64)stats };
	} else if (!c->get) {
		/* the state as it is: SET takes what GET gives */
		ASSERT_OK(ioctl(fd[VCPU], c->cmd - 1, arg));
	}
}

/* One of the kind is there: make room for the next */
static void undo(const struct call *c)
{
	struct lodge_ioeventfd io = {
		.size = sizeof(io), .flags = LODGE_IOEVENTFD_DEASSIGN, .addr = MEM_GPA - 8,
		.len = 8, .fd = -1,
	};
	struct lodge_irqfd irq = {
		.size = sizeof(irq), .flags = LODGE_IRQFD_DEASSIGN, .fd = eventfd_fd,
		.resample_fd = -1,
	};

	if (c->cmd == LODGE_VM_IOEVENTFD)
		ASSERT_OK(ioctl(fd[c->on], c->cmd, &io));
	else if (c->cmd == LODGE_VM_IRQFD)
		ASSERT_OK(ioctl(fd[c->on], c->cmd, &irq));
}

/* For calls that a VM takes once */
static void renew_machine(const struct call *c)
{
	struct lodge_add_device d = { .size = sizeof(d), .id = LODGE_DEVICE_VSOCK, .fd = -1 };

	if (c->cmd != LODGE_VM_ADD_FILE && c->cmd != LODGE_VM_VSOCK)
		return;
	close(fd[MACHINE]);
	fd[MACHINE] = vm_create(VM_PC | LODGE_VM_DEBUG_PORTS)->fd;
	if (c->cmd == LODGE_VM_VSOCK)
		ASSERT_OK(ioctl(fd[MACHINE], LODGE_VM_ADD_DEVICE, &d));
}

static long do_call(const struct call *c, void *arg)
{
	long ret;

	renew_machine(c);
	errno = 0;
	ret = ioctl(fd[c->on], c->cmd, arg);
	if (ret > 2 && (c->cmd == LODGE_CREATE_VM || c->cmd == LODGE_VM_CREATE_VCPU ||
			c->cmd == LODGE_VM_CONSOLE || c->cmd == LODGE_VM_VSOCK))
		close(ret);
	if (!ret)
		undo(c);
	return ret;
}

static void expect(const struct call *c, void *arg, int wanted, const char *what)
{
	long ret = do_call(c, arg);
	int err = ret < 0 ? errno : 0;

	if (err == wanted)
		return;
	diag("%s, %s: %s instead of %s", c->name, what, strerror(err), strerror(wanted));
	EXPECT_EQ(err, wanted);
}

static void set_xsave(void)
{
	struct lodge_xsave x = { sizeof(x), info.xsave_size, (u64)xsave };

	ASSERT_OK(ioctl(fd[VCPU], LODGE_VCPU_GET_XSAVE, &x));
}

TEST(sizes)
{
	char *arg = mem_anon(2 * PAGE, PAGE);
	const struct call *c;
	unsigned int i;

	setup();
	set_xsave();
	for (c = calls; c < calls + NR_CALLS; c++) {
		static const u32 bad[] = { 0, 1, 3, 4, 7, PAGE + 1, 2 * PAGE, 0x7fffffff,
					   0x80000000, ~0u };

		memset(arg, 0, 2 * PAGE);
		valid(c, arg);
		expect(c, arg, 0, "as it should be");
		for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			valid(c, arg);
			*(u32 *)arg = bad[i];
			expect(c, arg, EINVAL, "wrong size");
		}
		valid(c, arg);
		*(u32 *)arg = c->size - 1;
		expect(c, arg, EINVAL, "one byte too small");
		valid(c, arg);
		*(u32 *)arg = PAGE;
		expect(c, arg, 0, "a page, zero after the structure");
		for (i = c->size; i < PAGE; i++)
			ASSERT_EQ(arg[i], 0);
		valid(c, arg);
		*(u32 *)arg = c->size + 1;
		arg[c->size] = 1;
		expect(c, arg, E2BIG, "one byte more, not zero");
		valid(c, arg);
		*(u32 *)arg = PAGE;
		arg[c->size] = 0;
		arg[PAGE - 1] = 1;
		expect(c, arg, E2BIG, "a page, its last byte not zero");
		*(u32 *)arg = PAGE - 1;
		expect(c, arg, 0, "beyond the last byte");
		arg[PAGE - 1] = 0;
	}
}

TEST(pointers)
{
	static const u64 bad[] = {
		0, 1, 8, 0x1000, 0x00007ffffffff000ull, 0x0000800000000000ull,
		0x8000000000000000ull, 0xffff800000000000ull, 0xffff888000000000ull,
		0xffffffff81000000ull, -4096ull, -8ull, -1ull,
	};
	const struct call *c;
	unsigned int i;

	setup();
	for (c = calls; c < calls + NR_CALLS; c++)
		for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			expect(c, (void *)bad[i], EFAULT, "bad pointer");
}

/* The structure at the end of memory, partly behind it, in memory that is not writable */
TEST(edges_of_memory)
{
	char *page = mem_anon(2 * PAGE, PAGE), *arg;
	const struct call *c;

	setup();
	set_xsave();
	ASSERT_OK(mprotect(page + PAGE, PAGE, PROT_NONE));
	for (c = calls; c < calls + NR_CALLS; c++) {
		arg = page + PAGE - c->size;
		valid(c, arg);
		expect(c, arg, 0, "up to the end of memory");
		valid(c, arg);
		*(u32 *)arg = c->size + 1;
		expect(c, arg, EFAULT, "size beyond the end of memory");
		memset(page, 0, PAGE);
		arg = page + PAGE - c->size + 1;
		*(u32 *)(page + PAGE - 4) = c->size;
		expect(c, page + PAGE - 4, EFAULT, "only the size in memory");
		expect(c, page + PAGE - 2, EFAULT, "half of the size in memory");
		valid(c, page);
		ASSERT_OK(mprotect(page, PAGE, PROT_READ));
		expect(c, page, c->get ? EFAULT : 0, "read-only");
		ASSERT_OK(mprotect(page, PAGE, PROT_READ | PROT_WRITE));
		memset(page, 0, PAGE);
	}
}

TEST(unaligned_pointers)
{
	char *page = mem_anon(2 * PAGE, PAGE);
	const struct call *c;
	char copy[1024];
	unsigned int i;

	setup();
	set_xsave();
	for (c = calls; c < calls + NR_CALLS; c++) {
		ASSERT_LE(c->size, (unsigned int)sizeof(copy));
		for (i = 1; i < 8; i += 2) {
			valid(c, copy);
			memcpy(page + i, copy, c->size);
			expect(c, page + i, 0, "unaligned");
			memcpy(page + PAGE - i, copy, c->size);
			expect(c, page + PAGE - i, 0, "across pages");
		}
	}
}

static bool alike(enum object a, enum object b)
{
	return a == b || (a == VM && b == MACHINE) || (a == MACHINE && b == VM);
}

TEST(wrong_descriptor)
{
	int null = open("/dev/null", O_RDWR);
	char arg[1024] __attribute__((aligned(8)));
	const struct call *c;
	enum object o;

	setup();
	for (c = calls; c < calls + NR_CALLS; c++) {
		valid(c, arg);
		for (o = DEV; o < NR_OBJECTS; o++)
			if (!alike(o, c->on))
				EXPECT_ERRNO(ioctl(fd[o], c->cmd, arg), ENOTTY);
		EXPECT_ERRNO(ioctl(null, c->cmd, arg), ENOTTY);
	}
	EXPECT_ERRNO(ioctl(fd[DEV], LODGE_VCPU_RUN), ENOTTY);
	EXPECT_ERRNO(ioctl(fd[VM], LODGE_VCPU_RUN), ENOTTY);
	EXPECT_ERRNO(ioctl(fd[DEV], LODGE_VCPU_NMI), ENOTTY);
	EXPECT_ERRNO(ioctl(fd[VM], LODGE_VCPU_NMI), ENOTTY);
}

static bool known(unsigned int cmd, enum object on)
{
	const struct call *c;

	for (c = calls; c < calls + NR_CALLS; c++)
		if (c->cmd == cmd && alike(c->on, on))
			return true;
	/* the one without an argument */
	if (cmd == LODGE_VM_BALLOON)
		return on == VM || on == MACHINE;
	return on == VCPU && (cmd == LODGE_VCPU_RUN || cmd == LODGE_VCPU_NMI);
}

TEST(unknown_numbers)
{
	char arg[1024] __attribute__((aligned(8))) = { 0 };
	unsigned int nr, i;
	enum object o;

	setup();
	EXPECT_ERRNO(ioctl(fd[VM], LODGE_VM_BALLOON, arg), ENODEV);
	EXPECT_ERRNO(ioctl(fd[MACHINE], LODGE_VM_BALLOON, arg), ENODEV);
	for (o = DEV; o < NR_OBJECTS; o++) {
		for (nr = 0; nr < 256; nr++) {
			static const unsigned int base[] = {
				_IOC(_IOC_READ, 0xbe, 0, 8), _IOC(_IOC_WRITE, 0xbe, 0, 8),
				_IOC(_IOC_READ | _IOC_WRITE, 0xbe, 0, 64), _IO(0xae, 0),
				_IOC(_IOC_NONE, 0xbe, 0, 8),
			};

			if (!known(LODGE_IOC(nr), o))
				EXPECT_ERRNO(ioctl(fd[o], LODGE_IOC(nr), arg), ENOTTY);
			for (i = 0; i < sizeof(base) / sizeof(base[0]); i++)
				EXPECT_ERRNO(ioctl(fd[o], base[i] + nr, arg), ENOTTY);
		}
	}
}

/* Calls other than ioctl and mmap */
TEST(other_system_calls)
{
	char buf[16] = { 0 };
	enum object o;

	setup();
	for (o = DEV; o < NR_OBJECTS; o++) {
		EXPECT_ERRNO(read(fd[o], buf, sizeof(buf)), EINVAL);
		EXPECT_ERRNO(write(fd[o], buf, sizeof(buf)), EINVAL);
		EXPECT_TRUE(ftruncate(fd[o], 0));
		if (o != VCPU)
			EXPECT_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd[o], 0),
				     ENODEV);
	}
}

static int create_vm(u32 flags, const char *name, int len)
{
	struct lodge_create_vm c = { .size = sizeof(c), .flags = flags };
	int ret;

	memcpy(c.name, name, len);
	ret = ioctl(fd[DEV], LODGE_CREATE_VM, &c);
	if (ret >= 0)
		close(ret);
	return ret < 0 ? errno : 0;
}

TEST(create_vm_arguments)
{
	const u32 good = LODGE_VM_HLT_IN_KERNEL | LODGE_VM_DEBUG_PORTS | LODGE_VM_CLOSED;
	unsigned int bit;

	setup();
	for (bit = 0; bit < 32; bit++)
		EXPECT_EQ(create_vm(1u << bit, "", 0), 1u << bit & good ? 0 : EINVAL);
	EXPECT_EQ(create_vm(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL, "", 0), 0);
	EXPECT_EQ(create_vm(0, "a name, with blanks", 20), 0);
	EXPECT_EQ(create_vm(0, "0123456789012345678901234567890", 32), 0);
	EXPECT_EQ(create_vm(0, "01234567890123456789012345678901", 32), EINVAL);
	EXPECT_EQ(create_vm(0, "a/b", 4), EINVAL);
	EXPECT_EQ(create_vm(0, "a\nb", 4), EINVAL);
	EXPECT_EQ(create_vm(0, "a\x7f", 3), EINVAL);
	EXPECT_EQ(create_vm(0, "\x01", 2), EINVAL);
	EXPECT_EQ(create_vm(0, "a\0b", 4), EINVAL);
	EXPECT_EQ(create_vm(0, "\0b", 3), EINVAL);
}

static int create_vcpu(u32 id)
{
	struct lodge_create_vcpu c = { .size = sizeof(c), .id = id };
	int ret = ioctl(fd[VM], LODGE_VM_CREATE_VCPU, &c);

	if (ret >= 0)
		close(ret);
	return ret < 0 ? errno : 0;
}

TEST(create_vcpu_arguments)
{
	setup();
	EXPECT_EQ(create_vcpu(0), EEXIST);
	EXPECT_EQ(create_vcpu(info.max_vcpus - 1), 0);
	EXPECT_EQ(create_vcpu(info.max_vcpus), EINVAL);
	EXPECT_EQ(create_vcpu(0x7fffffff), EINVAL);
	EXPECT_EQ(create_vcpu(0x80000000), EINVAL);
	EXPECT_EQ(create_vcpu(~0u), EINVAL);
}

static int slot(u32 nr, u32 flags, u64 gpa, u64 len, u64 hva)
{
	return vm_slot_try(the_vm, nr, flags, gpa, len, (void *)hva) ? errno : 0;
}

TEST(slot_arguments)
{
	const u64 h = 0x10000000, top = 0x00007ffffffff000ull, gpa = 0x80000000;
	u64 limit;
	unsigned int bit;

	setup();
	limit = 1ull << info.phys_bits;
	for (bit = 2; bit < 32; bit++)
		EXPECT_EQ(slot(2, 1u << bit, gpa, PAGE, h), EINVAL);
	EXPECT_EQ(slot(info.max_slots - 1, 0, gpa, PAGE, h), 0);
	EXPECT_EQ(slot(info.max_slots - 1, 0, 0, 0, 0), 0);
	EXPECT_EQ(slot(info.max_slots, 0, gpa, PAGE, h), EINVAL);
	EXPECT_EQ(slot(info.max_slots, 0, 0, 0, 0), EINVAL);
	EXPECT_EQ(slot(~0u, 0, gpa, PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, 0, 0, 0), ENOENT);
	/* alignment */
	EXPECT_EQ(slot(2, 0, gpa + 1, PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, gpa + 0x800, PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, gpa, PAGE + 1, h), EINVAL);
	EXPECT_EQ(slot(2, 0, gpa, 1, h), EINVAL);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, h + 1), EINVAL);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, h + 0x200), EINVAL);
	/* guest-physical range */
	EXPECT_EQ(slot(2, 0, limit - PAGE, PAGE, h), 0);
	EXPECT_EQ(slot(2, 0, limit, PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, limit - PAGE, 2 * PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, 0x8000000000000000ull, PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, -PAGE, PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, -PAGE, 2 * PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, gpa, -PAGE, h), EINVAL);
	EXPECT_EQ(slot(2, 0, gpa, -gpa, h), EINVAL);
	EXPECT_EQ(slot(2, 0, gpa, 8ull << 40, h), info.phys_bits > 43 ? 0 : EINVAL);
	EXPECT_EQ(slot(2, 0, gpa, (8ull << 40) + PAGE, h), EINVAL);
	/* owner's range */
	EXPECT_EQ(slot(2, 0, gpa, PAGE, 0), 0);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, top - PAGE), 0);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, top), EFAULT);
	EXPECT_EQ(slot(2, 0, gpa, 2 * PAGE, top - PAGE), EFAULT);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, 0x0000800000000000ull), EFAULT);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, 0x8000000000000000ull), EFAULT);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, 0xffff888000000000ull), EFAULT);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, 0xffffffff81000000ull), EFAULT);
	EXPECT_EQ(slot(2, 0, gpa, PAGE, -PAGE), EFAULT);
	EXPECT_EQ(slot(2, 0, gpa, 2 * PAGE, -PAGE), EFAULT);
	/* the failures have changed nothing */
	EXPECT_EQ(slot(2, 0, 0, 0, 0), 0);
	EXPECT_EQ(slot(2, 0, 0, 0, 0), ENOENT);
}

TEST(slot_padding)
{
	struct lodge_slot s;
	unsigned int bit;

	setup();
	for (bit = 0; bit < 32; bit++) {
		valid(&calls[3], &s);
		s.pad = 1u << bit;
		EXPECT_ERRNO(ioctl(fd[VM], LODGE_VM_SET_SLOT, &s), EINVAL);
		s.len = 0;
		EXPECT_ERRNO(ioctl(fd[VM], LODGE_VM_SET_SLOT, &s), EINVAL);
	}
}

static int dirty(u32 nr, u32 flags, u64 first, u64 npages, void *to)
{
	struct lodge_dirty_log d = {
		.size = sizeof(d), .slot = nr, .flags = flags, .first_page = first,
		.npages = npages, .bitmap = (u64)to,
	};

	return ioctl(fd[VM], LODGE_VM_GET_DIRTY, &d) ? errno : 0;
}

TEST(dirty_log_arguments)
{
	struct lodge_dirty_log d;
	unsigned int bit;

	setup();
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 64, bitmap), 0);
	for (bit = 1; bit < 32; bit++)
		EXPECT_EQ(dirty(LOG_SLOT, 1u << bit, 0, 64, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 0, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 65, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 63, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 1, 63, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 64, 64, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 128, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, -64ull, 64, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, -64ull, 128, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, -64ull, bitmap), EINVAL);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 1ull << 58, 64, bitmap), EINVAL);
	EXPECT_EQ(dirty(VM_SLOT, 0, 0, 64, bitmap), ENOENT);
	EXPECT_EQ(dirty(3, 0, 0, 64, bitmap), ENOENT);
	EXPECT_EQ(dirty(info.max_slots, 0, 0, 64, bitmap), ENOENT);
	EXPECT_EQ(dirty(~0u, 0, 0, 64, bitmap), ENOENT);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 64, NULL), EFAULT);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 64, (void *)0xffff888000000000ull), EFAULT);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 64, (void *)-8ull), EFAULT);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 64, (void *)0x8000000000000000ull), EFAULT);
	EXPECT_EQ(dirty(LOG_SLOT, LODGE_DIRTY_PEEK, 0, 64, NULL), EFAULT);
	EXPECT_EQ(dirty(LOG_SLOT, 0, 0, 64, (char *)bitmap + 3), 0);
	for (bit = 0; bit < 32; bit++) {
		valid(&calls[4], &d);
		d.pad = 1u << bit;
		EXPECT_ERRNO(ioctl(fd[VM], LODGE_VM_GET_DIRTY, &d), EINVAL);
	}
}

TEST(run_area)
{
	int v;

	setup();
	v = fd[VCPU];
#define MAP(len, off) ((long)mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, v, off))
	EXPECT_OK(MAP(info.run_size, 0));
	EXPECT_OK(MAP(PAGE, 0));
	EXPECT_OK(MAP(PAGE, info.run_size - PAGE));
	EXPECT_ERRNO(MAP(info.run_size + PAGE, 0), EINVAL);
	EXPECT_ERRNO(MAP(info.run_size, PAGE), EINVAL);
	EXPECT_ERRNO(MAP(PAGE, info.run_size), EINVAL);
	EXPECT_ERRNO(MAP(PAGE, 0x7ffffffffffff000ll), EINVAL);
	EXPECT_ERRNO(MAP(PAGE, 1ll << 44), EINVAL);
	EXPECT_ERRNO((long)mremap(the_vcpu->run, info.run_size, 4 * info.run_size,
				  MREMAP_MAYMOVE), EFAULT);
}
