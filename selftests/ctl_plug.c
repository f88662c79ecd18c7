// SPDX-License-Identifier: GPL-2.0-only
/* Devices that come and go while the VM runs: registers, removal by the guest and by force */
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blkguest.h"
#include "child.h"
#include "genl.h"

#define CAME		0x620
#define WANTED		0x624
#define EJECT		0x628
#define GPE_STATUS	0x60c
#define GPE		(1u << 1)
#define BIT		(1u << SLOT)
#define NOBODY		0xffffffffu
#define SECTORS		64
#define OK		VIRTIO_BLK_S_OK
#define MARK		0x6576696c
#define OPS		6000
#define LONG		40000	/* ms: an emulated host is slow */

static struct genl g;
static struct child c;

/* ---- inside -------------------------------------------------------------- */

/* Takes what the register has; the event is there with it */
static u32 notice(u16 reg)
{
	u32 bits = inl(reg);

	GUEST_ASSERT(inb(GPE_STATUS) & GPE);
	outb(GPE_STATUS, GPE);
	GUEST_ASSERT(!(inb(GPE_STATUS) & GPE));
	outl(reg, bits);
	GUEST_ASSERT_EQ(inl(reg), 0);
	return bits;
}

static void takes_and_gives(void)
{
	GUEST_ASSERT_EQ(inl(CAME) | inl(WANTED) | inl(EJECT), 0);
	GUEST_ASSERT_EQ(read32(config(0)), NOBODY);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(notice(CAME), BIT);
	GUEST_ASSERT_EQ(inb(CAME), 0xff);
	GUEST_ASSERT_EQ(read32(config(0)), 0x10421af4);
	blk_up();
	write32(DATA, MARK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 3, DATA, 512), OK);
	/* nobody has asked for it */
	outl(EJECT, NOBODY);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 4, DATA, 512), OK);
	GUEST_SYNC(3);
	GUEST_ASSERT_EQ(notice(WANTED), BIT);
	outl(EJECT, ~BIT);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 5, DATA, 512), OK);
	blk_reset();
	outl(EJECT, BIT);
	while (read32(config(0)) != NOBODY)
		cpu_relax();
	GUEST_ASSERT_EQ(read32(blk_bar), NOBODY);
	write32(blk_bar, 0);
	GUEST_SYNC(4);
	GUEST_DONE();
}

/* Every request is answered, of a device that goes by force too */
static void until_pulled(void)
{
	u64 n = 0;
	u8 status;

	do {
		status = blk_ask(VIRTIO_BLK_T_OUT, n++ % SECTORS, DATA, 512);
	} while (status == OK);
	GUEST_ASSERT_EQ(status, VIRTIO_BLK_S_IOERR);
	while (!inl(WANTED))
		cpu_relax();
	GUEST_ASSERT_EQ(notice(WANTED), BIT);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_FLUSH, 0, DATA, 0), VIRTIO_BLK_S_IOERR);
}

static void is_busy(void)
{
	blk_up();
	until_pulled();
	while (read32(config(0)) != NOBODY)
		cpu_relax();
	/* a reset is over: no driver waits for it for ever */
	write8(blk_reg(VIRTIO_PCI_COMMON_STATUS), 0);
	GUEST_ASSERT_EQ(blk_status(), 0);
	GUEST_ASSERT_EQ(inl(CAME) | inl(WANTED), 0);
	outl(EJECT, NOBODY);
	GUEST_DONE();
}

/* In time: nothing is left where it was */
static void lets_go(void)
{
	blk_up();
	until_pulled();
	blk_reset();
	outl(EJECT, BIT);
	while (read32(config(0)) != NOBODY)
		cpu_relax();
	GUEST_ASSERT_EQ(read32(blk_bar), NOBODY);
	GUEST_DONE();
}

/* The guest does not look */
static void only_asks(void)
{
	blk_up();
	blk_ask(VIRTIO_BLK_T_OUT, 0, DATA, 512);
	GUEST_SYNC(1);
	while (read32(config(0)) != NOBODY)
		cpu_relax();
	GUEST_ASSERT_EQ(notice(WANTED), BIT);
	GUEST_DONE();
}

static u32 seed = 1;

static u32 any(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* Of the events and of hot-plug */
static u16 port(void)
{
	u32 n = any() % 16;

	return n < 4 ? GPE_STATUS + n : CAME + n - 4;
}

/* Configuration and BARs of all devices too */
static void does_anything(void)
{
	u32 i, where;

	for (i = 0; i < OPS; i++) {
		where = any() % 48;
		switch (any() % 8) {
		case 0:
			outl(port() & ~3, any());
			break;
		case 1:
			outb(port(), any());
			break;
		case 2:
			outl(EJECT, any());
			break;
		case 3:
			inl(port() & ~3);
			break;
		case 4:
			write32(ECAM + (any() % 32 << 15) + where * 4, any());
			break;
		case 5:
			write16(ECAM + (any() % 32 << 15) + PCI_COMMAND, any());
			break;
		case 6:
			write32(WINDOW + any() % 0x300000 / 4 * 4, any());
			break;
		default:
			read32(WINDOW + any() % 0x300000 / 4 * 4);
		}
	}
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

static void take_slot(const struct genl_answer *a, void *arg)
{
	*(u32 *)arg = genl_u32(a, LODGE_A_DEVICE_SLOT);
}

/* A disk; @slot 0: any.  The number, or a negative errno */
static int attach(struct genl *s, u32 number, int fd, u32 slot)
{
	u32 got = 0;
	int err;

	genl_begin(s, LODGE_CMD_DEVICE_NEW, 0);
	genl_put_u32(s, LODGE_A_DEVICE_VM, number);
	if (slot)
		genl_put_u32(s, LODGE_A_DEVICE_SLOT, slot);
	genl_put_u32(s, LODGE_A_DEVICE_KIND, LODGE_DEVICE_BLOCK);
	genl_put_u32(s, LODGE_A_DEVICE_FD, fd);
	err = genl_send(s, take_slot, &got);
	return err ? err : (int)got;
}

static int detach(struct genl *s, u32 number, u32 slot, bool force)
{
	genl_begin(s, LODGE_CMD_DEVICE_DELETE, 0);
	genl_put_u32(s, LODGE_A_DEVICE_VM, number);
	genl_put_u32(s, LODGE_A_DEVICE_SLOT, slot);
	if (force)
		genl_put(s, LODGE_A_DEVICE_FORCE, NULL, 0);
	return genl_send(s, NULL, NULL);
}

static void take_writes(const struct genl_answer *a, void *arg)
{
	*(u64 *)arg = genl_u64(a, LODGE_A_DEVICE_OUT);
}

/* What the device has written; false if there is none */
static bool look(struct genl *s, u32 number, u32 slot, u64 *writes)
{
	*writes = 0;
	genl_begin(s, LODGE_CMD_DEVICE_GET, 0);
	genl_put_u32(s, LODGE_A_DEVICE_VM, number);
	genl_put_u32(s, LODGE_A_DEVICE_SLOT, slot);
	return !genl_send(s, take_writes, writes);
}

static void until_gone(struct genl *s, u32 number, u32 slot)
{
	u64 writes;

	while (look(s, number, slot, &writes))
		usleep(1000);
}

static int make_image(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	ASSERT_OK(fd);
	ASSERT_EQ(ftruncate(fd, SECTORS * 512), 0);
	return fd;
}

/* Another open file of the same */
static int again(int fd)
{
	char path[32];
	int other;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_OK(other);
	return other;
}

static struct flock whole(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static bool is_locked(int fd)
{
	struct flock l = whole();

	ASSERT_EQ(fcntl(fd, F_OFD_GETLK, &l), 0);
	return l.l_type != F_UNLCK;
}

static u32 word_at(int fd, off_t at)
{
	u32 v = 0;

	ASSERT_EQ(pread(fd, &v, sizeof(v), at), (ssize_t)sizeof(v));
	return v;
}

TEST(by_the_guest)
{
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu = vcpu_long(vm, 0, takes_and_gives);
	int image = make_image(), other = again(image);
	struct flock l = whole();
	u64 writes;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	vcpu_sync(vcpu, 1);
	ASSERT_EQ(fcntl(image, F_OFD_SETLK, &l), 0);
	ASSERT_EQ(attach(&g, number, image, SLOT), SLOT);
	close(image);
	EXPECT_TRUE(is_locked(other));
	vcpu_sync(vcpu, 2);
	vcpu_sync(vcpu, 3);
	EXPECT_EQ(detach(&g, number, SLOT, false), 0);
	EXPECT_TRUE(look(&g, number, SLOT, &writes));
	EXPECT_EQ(writes, 2u);
	vcpu_sync(vcpu, 4);
	until_gone(&g, number, SLOT);
	EXPECT_EQ(detach(&g, number, SLOT, false), -ENODEV);
	while (is_locked(other))
		usleep(1000);
	EXPECT_EQ(word_at(other, 3 * 512), MARK);
	EXPECT_EQ(word_at(other, 5 * 512), MARK);
	vcpu_done(vcpu);
}

static void *takes_by_force(void *arg)
{
	u32 number = *(u32 *)arg;
	struct genl s;
	u64 writes;

	genl_open(&s);
	while (look(&s, number, SLOT, &writes) && writes < 8)
		usleep(1000);
	EXPECT_EQ(detach(&s, number, SLOT, true), 0);
	genl_close(&s);
	return NULL;
}

/* A guest with a disk, and somebody at work on it, who gets the VM's number; to the guest's end */
static u32 run_beside(void (*guest)(void), void *(*other)(void *number), pthread_t *thread)
{
	static u32 number;
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu;

	genl_open(&g);
	number = genl_last_vm(&g);
	EXPECT_EQ(blk_add(vm, make_image(), 0, 1), SLOT);
	vcpu = vcpu_long(vm, 0, guest);
	ASSERT_EQ(pthread_create(thread, NULL, other, &number), 0);
	vcpu_done(vcpu);
	return number;
}

TEST(by_force)
{
	pthread_t thread;
	u32 number = run_beside(is_busy, takes_by_force, &thread);

	pthread_join(thread, NULL);
	until_gone(&g, number, SLOT);
}

TEST(by_force_ejected)
{
	pthread_t thread;
	u32 number = run_beside(lets_go, takes_by_force, &thread);

	pthread_join(thread, NULL);
	until_gone(&g, number, SLOT);
}

/* A guest that is paused has its time when it goes on, unless it is made short */
TEST(by_force_twice)
{
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu;
	u64 writes;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	EXPECT_EQ(blk_add(vm, make_image(), 0, 1), SLOT);
	vcpu = vcpu_long(vm, 0, only_asks);
	vcpu_sync(vcpu, 1);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_PAUSE), 0);
	EXPECT_EQ(detach(&g, number, SLOT, true), 0);
	EXPECT_TRUE(look(&g, number, SLOT, &writes));
	EXPECT_EQ(detach(&g, number, SLOT, true), 0);
	until_gone(&g, number, SLOT);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_RESUME), 0);
	vcpu_done(vcpu);
}

static volatile bool over;
static unsigned int rounds;

static void *gives_and_takes(void *arg)
{
	u32 number = *(u32 *)arg;
	int image = make_image();
	struct genl s;
	int slot;

	genl_open(&s);
	while (!over) {
		slot = attach(&s, number, image, 0);
		EXPECT_TRUE(slot > 0);
		/* it may be gone already, if the guest was asked and has hit upon it */
		if (rounds % 2)
			detach(&s, number, slot, false);
		detach(&s, number, slot, true);
		/* at once, if the guest has hit upon a way to start a driver */
		detach(&s, number, slot, true);
		until_gone(&s, number, slot);
		rounds++;
	}
	genl_close(&s);
	close(image);
	return NULL;
}

TEST(all_at_once)
{
	pthread_t thread;

	run_beside(does_anything, gives_and_takes, &thread);
	over = true;
	pthread_join(thread, NULL);
	diag("%u rounds", rounds);
	EXPECT_TRUE(rounds);
}

/* A VM ends with a device that it was given, and with one that it has not given back */
TEST(ends_with_it)
{
	struct vm *vm = vm_create(VM_PC);
	int image = make_image(), other = again(image);
	struct flock l = whole();
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	ASSERT_EQ(fcntl(image, F_OFD_SETLK, &l), 0);
	ASSERT_EQ(attach(&g, number, image, 0), 1);
	ASSERT_EQ(attach(&g, number, other, 0), 2);
	EXPECT_EQ(detach(&g, number, 1, false), 0);
	EXPECT_EQ(detach(&g, number, 2, true), 0);
	close(image);
	vm_free(vm);
	/* what takes the device away may have the VM a moment longer */
	while (attach(&g, number, other, 0) != -ENOENT)
		usleep(1000);
	while (is_locked(other))
		usleep(1000);
}

static void refused(int result, int error, const char *text)
{
	EXPECT_EQ(result, -error);
	if (!text_has(g.text, text))
		EXPECT_TRUE(false);
}

static int attach_with(u32 number, u32 kind, int fd, int attr, const void *data, u32 len)
{
	genl_begin(&g, LODGE_CMD_DEVICE_NEW, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	genl_put_u32(&g, LODGE_A_DEVICE_KIND, kind);
	if (fd >= 0)
		genl_put_u32(&g, LODGE_A_DEVICE_FD, fd);
	if (attr)
		genl_put(&g, attr, data, len);
	return genl_send(&g, NULL, NULL);
}

TEST(refusals)
{
	struct vm *vm = vm_create(VM_PC), *plain;
	int image = make_image(), null = open("/dev/null", O_RDWR), i;
	const u32 queues = 2, mtu = 1400, large = 65536;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	EXPECT_EQ(pcidev_add(vm, SLOT), SLOT);
	refused(attach(&g, number, image, SLOT), EEXIST, "a device of this number");
	EXPECT_EQ(g.bad, LODGE_A_DEVICE_SLOT);
	refused(detach(&g, number, SLOT, true), EOPNOTSUPP, "neither a disk nor a network device");
	refused(detach(&g, number, SLOT + 1, true), ENODEV, "no such device");
	refused(attach(&g, number, 4711, 0), EBADF, "not open");
	EXPECT_EQ(g.bad, LODGE_A_DEVICE_FD);
	refused(attach(&g, number, null, 0), ENOTBLK, "neither a file nor a block device");
	refused(attach(&g, number, -1, 0), ERANGE, "out of range");
	refused(attach_with(number, LODGE_DEVICE_BLOCK, -1, 0, NULL, 0), EINVAL, "is missing");
	refused(attach_with(number, LODGE_DEVICE_NET, image, 0, NULL, 0), EINVAL, "no tap");
	refused(attach_with(number, LODGE_DEVICE_NET, image, LODGE_A_DEVICE_QUEUES, &queues, 4),
		EINVAL, "does not have this");
	refused(attach_with(number, LODGE_DEVICE_NET, image, LODGE_A_DEVICE_MTU, &mtu, 4),
		EINVAL, "no tap");
	refused(attach_with(number, LODGE_DEVICE_NET, image, LODGE_A_DEVICE_MTU, &large, 4),
		ERANGE, "out of range");
	refused(attach_with(number, LODGE_DEVICE_RNG, image, 0, NULL, 0), ERANGE, "out of range");
	EXPECT_EQ(attach_with(number, LODGE_DEVICE_NET, image, LODGE_A_DEVICE_MAC, "1234", 4),
		  -ERANGE);
	for (i = 0; i < 30; i++)
		EXPECT_TRUE(attach(&g, number, image, 0) > 0);
	refused(attach(&g, number, image, 0), ENOSPC, "as many devices as it can have");
	vm_free(vm);
	plain = vm_create(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL);
	refused(attach(&g, genl_last_vm(&g), image, 0), ENODEV, "no PCI bus");
	vm_free(plain);
	plain = vm_create(0);
	refused(attach(&g, genl_last_vm(&g), image, 0), ENODEV, "no PCI bus");
	vm_free(plain);
}

/* What LODGE_VM_GET_DEVICE gives makes the same device in another VM */
TEST(recalled)
{
	struct vm *vm = vm_create(VM_PC), *next;
	struct lodge_add_device d = { .size = sizeof(d), .slot = SLOT };
	int image = make_image();
	struct stat one, two;

	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), ENODEV);
	d.slot = ~0u;
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), ENODEV);
	EXPECT_EQ(blk_add(vm, image, LODGE_DEVICE_READONLY, 2), SLOT);
	d.slot = SLOT;
	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), SLOT);
	EXPECT_EQ(d.flags, LODGE_DEVICE_READONLY);
	EXPECT_EQ(d.queues, 2u);
	EXPECT_EQ(memcmp(d.serial, "twenty characters it", sizeof(d.serial)), 0);
	ASSERT_TRUE(d.fd > 0 && d.fd != image);
	EXPECT_EQ(fstat(image, &one) | fstat(d.fd, &two), 0);
	EXPECT_EQ(one.st_ino, two.st_ino);
	EXPECT_EQ(fcntl(d.fd, F_GETFD), FD_CLOEXEC);
	next = vm_create(VM_PC);
	EXPECT_EQ(ioctl(next->fd, LODGE_VM_ADD_DEVICE, &d), SLOT);
	vm_free(next);
	vm_free(vm);
}

/* The file may do what its opener could, who is the same user, but had more capabilities */
TEST(recalled_with_less_power)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct lodge_add_device d = { .size = sizeof(d), .slot = SLOT };
	struct __user_cap_data_struct caps[2];
	struct vm *vm = vm_create(VM_PC);

	EXPECT_EQ(blk_add(vm, make_image(), 0, 1), SLOT);
	ASSERT_OK(syscall(SYS_capget, &header, caps));
	caps[0].effective &= ~(1u << CAP_DAC_OVERRIDE);
	ASSERT_OK(syscall(SYS_capset, &header, caps));
	/* they can be had back */
	EXPECT_EQ(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), SLOT);
	close(d.fd);
	caps[0].permitted &= ~(1u << CAP_DAC_OVERRIDE);
	ASSERT_OK(syscall(SYS_capset, &header, caps));
	d = (struct lodge_add_device){ .size = sizeof(d), .slot = SLOT };
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), EPERM);
	vm_free(vm);
}

static struct lodge_add_device recall(struct vm *vm, int slot)
{
	struct lodge_add_device d = { .size = sizeof(d), .slot = slot };

	EXPECT_EQ(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), slot);
	return d;
}

/* The limits that a device was given, and those that came later */
TEST(recalled_with_limits)
{
	struct vm *vm = vm_create(VM_PC), *next;
	const u64 requests = 77, bytes = 5000;
	const int slot = 1;	/* the first that is free */
	struct lodge_add_device d;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	ASSERT_EQ(attach_with(number, LODGE_DEVICE_BLOCK, make_image(),
			      LODGE_A_DEVICE_MAX_REQUESTS, &requests, sizeof(requests)), 0);
	d = recall(vm, slot);
	EXPECT_EQ(d.max_requests, requests);
	EXPECT_EQ(d.max_bytes, 0u);
	genl_begin(&g, LODGE_CMD_DEVICE_SET, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	genl_put_u32(&g, LODGE_A_DEVICE_SLOT, slot);
	genl_put(&g, LODGE_A_DEVICE_MAX_BYTES, &bytes, sizeof(bytes));
	EXPECT_EQ(genl_send(&g, NULL, NULL), 0);
	d = recall(vm, slot);
	next = vm_create(VM_PC);
	EXPECT_EQ(ioctl(next->fd, LODGE_VM_ADD_DEVICE, &d), slot);
	d = recall(next, slot);
	EXPECT_EQ(d.max_requests, requests);
	EXPECT_EQ(d.max_bytes, bytes);
	d = (struct lodge_add_device){
		.size = sizeof(d), .id = LODGE_DEVICE_RNG, .fd = -1, .max_requests = 1,
	};
	EXPECT_ERRNO(ioctl(next->fd, LODGE_VM_ADD_DEVICE, &d), EINVAL);
	d.max_requests = 0;
	d.max_bytes = 1;
	EXPECT_ERRNO(ioctl(next->fd, LODGE_VM_ADD_DEVICE, &d), EINVAL);
	vm_free(next);
	vm_free(vm);
}

static unsigned int open_descriptors(void)
{
	unsigned int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A process that can have no more descriptors keeps those that it has, and the device its file */
TEST(recalled_without_room)
{
	struct lodge_add_device d = { .size = sizeof(d), .slot = SLOT };
	struct rlimit was, none = { 0 };
	struct vm *vm = vm_create(VM_PC);
	unsigned int before;
	int i;

	EXPECT_EQ(blk_add(vm, make_image(), 0, 1), SLOT);
	before = open_descriptors();
	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &was), 0);
	none.rlim_max = was.rlim_max;
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (i = 0; i < 100; i++)
		EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), EMFILE);
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
	EXPECT_EQ(open_descriptors(), before);
	EXPECT_EQ(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), SLOT);
	EXPECT_EQ(open_descriptors(), before + 1);
	vm_free(vm);
}

/* vmctl and these words; its status */
static int vmctl(const char *verb, u32 number, const char *rest)
{
	char words[256];

	snprintf(words, sizeof(words), "%s %u %s", verb, number, rest);
	child_start_vmctl(&c, words);
	child_close_input(&c);
	return child_end(&c, LONG);
}

TEST(vmctl_verbs)
{
	struct vm *vm = vm_create(VM_PC);
	char path[] = "/tmp/plug.XXXXXX", words[64];
	int fd = mkstemp(path);
	u32 number;

	ASSERT_OK(fd);
	ASSERT_EQ(ftruncate(fd, SECTORS * 512), 0);
	genl_open(&g);
	number = genl_last_vm(&g);
	snprintf(words, sizeof(words), "--disk %s,serial=x,iops=12,bps=4k", path);
	EXPECT_EQ(vmctl("attach", number, words), 0);
	EXPECT_TRUE(text_is(c.text, "disk0\n"));
	EXPECT_EQ(vmctl("attach", number, words), 1);
	EXPECT_TRUE(text_has(c.error, "another guest uses this image"));
	EXPECT_EQ(vmctl("attach", number, "--net nat"), 2);
	EXPECT_EQ(vmctl("attach", number, ""), 2);
	EXPECT_EQ(vmctl("detach -t 0.2", number, "disk0"), 124);
	EXPECT_TRUE(text_has(c.error, "has not given the device back"));
	EXPECT_EQ(vmctl("detach", number, "disk1"), 1);
	EXPECT_EQ(vmctl("detach -f", number, "disk0"), 0);
	EXPECT_EQ(vmctl("devices", number, ""), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	EXPECT_EQ(vmctl("attach -j", number, words), 0);
	EXPECT_TRUE(text_has(c.text, "\"serial\": \"x\""));
	EXPECT_TRUE(text_has(c.text, "\"max_requests\": 12"));
	EXPECT_TRUE(text_has(c.text, "\"max_bytes\": 4096"));
	vm_free(vm);
	unlink(path);
	EXPECT_EQ(vmctl("attach", number, words), 3);
}
