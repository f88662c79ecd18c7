// SPDX-License-Identifier: GPL-2.0-only
/* Devices by netlink, and the verbs for them: what they have done, size, limits */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "blkguest.h"
#include "child.h"
#include "genl.h"
#include "json_read.h"

#define SECTORS		64
#define OK		VIRTIO_BLK_S_OK
#define IOERR		VIRTIO_BLK_S_IOERR
#define MANY		40
#define USER		1000
#define LONG		40000	/* ms: an emulated host is slow */

static struct genl g;
static struct child c;
static int image;

/* ---- inside -------------------------------------------------------------- */

static void reads_and_writes(void)
{
	blk_up();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 0, DATA, 1024), OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 1, DATA, 512), OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 5, DATA, 2048), OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_FLUSH, 0, 0, 0), OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, SECTORS, DATA, 512), IOERR);
	GUEST_SYNC(1);
	GUEST_DONE();
}

static u32 capacity(void)
{
	return read32(blk_bar + blk_config);
}

static u8 generation(void)
{
	return read8(blk_reg(VIRTIO_PCI_COMMON_CFGGENERATION));
}

static void sees_sizes(void)
{
	u8 was;

	blk_up();
	GUEST_ASSERT_EQ(capacity(), SECTORS);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, SECTORS, DATA, 512), IOERR);
	was = generation();
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(capacity(), 2 * SECTORS);
	GUEST_ASSERT(generation() != was);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 2 * SECTORS - 1, DATA, 512), OK);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(capacity(), SECTORS / 2);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, SECTORS / 2, DATA, 512), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, SECTORS / 2 - 1, DATA, 512), OK);
	GUEST_SYNC(3);
	GUEST_ASSERT_EQ(capacity(), 3 * SECTORS);
	GUEST_DONE();
}

static void many(u32 sync)
{
	int i;

	for (i = 0; i < MANY; i++)
		GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, i, DATA, 1024), OK);
	GUEST_SYNC(sync);
}

static void ask_in_vain(void)
{
	blk_header(VIRTIO_BLK_T_IN, 1);
	blk_part(HEADER, 16, false, true);
	blk_part(DATA, 512, true, true);
	blk_part(STATUS, 1, true, false);
	blk_kick();
}

/* A reset does not wait for what is held back, and what comes after it is held back again */
static void is_held_back(void)
{
	blk_up();
	many(1);
	many(2);
	many(3);
	ask_in_vain();
	blk_reset();
	blk_start(1 << VIRTIO_BLK_F_FLUSH, 1, RING_SIZE);
	GUEST_SYNC(4);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 1, DATA, 512), OK);
	GUEST_DONE();
}

/* The first request is free; before and after a reset the next one waits */
static void begins_limited(void)
{
	blk_up();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 1, DATA, 512), OK);
	ask_in_vain();
	GUEST_SYNC(1);
	blk_reset();
	blk_start(1 << VIRTIO_BLK_F_FLUSH, 1, RING_SIZE);
	ask_in_vain();
	GUEST_SYNC(2);
	while (read16(RING_USED + 2) != read16(RING_AVAIL + 2))
		cpu_relax();
	GUEST_ASSERT_EQ(read8(STATUS), OK);
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

static struct vcpu *vcpu_for(void (*fn)(void), u32 flags)
{
	struct vm *vm = vm_create(VM_PC);

	genl_open(&g);
	image = memfd_create("image", MFD_CLOEXEC);
	ASSERT_OK(image);
	ASSERT_EQ(ftruncate(image, SECTORS * 512), 0);
	ASSERT_EQ(blk_add(vm, image, flags, 2), SLOT);
	return vcpu_long(vm, 0, fn);
}

static off_t image_size(void)
{
	struct stat st;

	ASSERT_EQ(fstat(image, &st), 0);
	return st.st_size;
}

/**
 * struct device - what an answer tells
 * @value: by LODGE_A_DEVICE_*
 * @has: which of them there are
 * @name: of what is behind it
 * @nr: answers
 */
struct device {
	u64 value[LODGE_A_DEVICE_MAX + 1];
	bool has[LODGE_A_DEVICE_MAX + 1];
	char name[128];
	int nr;
};

static void take_device(const struct genl_answer *a, void *arg)
{
	struct device *d = arg;
	int i;

	d->nr++;
	for (i = 1; i <= LODGE_A_DEVICE_MAX; i++) {
		d->has[i] = a->attr[i];
		if (a->attr[i] && a->attr[i]->nla_len == NLA_HDRLEN + 4)
			d->value[i] = genl_u32(a, i);
		else if (a->attr[i] && a->attr[i]->nla_len == NLA_HDRLEN + 8)
			d->value[i] = genl_u64(a, i);
	}
	if (a->attr[LODGE_A_DEVICE_NAME])
		snprintf(d->name, sizeof(d->name), "%s",
			 (const char *)(a->attr[LODGE_A_DEVICE_NAME] + 1));
}

static struct device look(u32 number)
{
	struct device d = { .nr = 0 }, again = { .nr = 0 };

	genl_begin(&g, LODGE_CMD_DEVICE_GET, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	genl_put_u32(&g, LODGE_A_DEVICE_SLOT, SLOT);
	EXPECT_EQ(genl_send(&g, take_device, &d), 0);
	genl_begin(&g, LODGE_CMD_DEVICE_GET, NLM_F_DUMP);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	EXPECT_EQ(genl_send(&g, take_device, &again), 0);
	EXPECT_EQ(again.nr, 1);
	EXPECT_EQ(again.value[LODGE_A_DEVICE_SLOT], (u64)SLOT);
	return d;
}

static int set(u32 number, u32 slot, int attr, u64 value, unsigned int len)
{
	genl_begin(&g, LODGE_CMD_DEVICE_SET, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	genl_put_u32(&g, LODGE_A_DEVICE_SLOT, slot);
	if (attr)
		genl_put(&g, attr, &value, len);
	return genl_send(&g, NULL, NULL);
}

static int set_size(u32 number, u64 bytes)
{
	return set(number, SLOT, LODGE_A_DEVICE_SIZE, bytes, 8);
}

/* vmctl and these words; its status */
static int vmctl(const char *words)
{
	child_start_vmctl(&c, words);
	child_close_input(&c);
	return child_end(&c, LONG);
}

/* "VERB NUMBER REST" */
static int vmctl_on(const char *verb, u32 number, const char *rest)
{
	char words[256];

	snprintf(words, sizeof(words), "%s %u %s", verb, number, rest);
	return vmctl(words);
}

TEST(what_it_does)
{
	struct vcpu *vcpu = vcpu_for(reads_and_writes, 0);
	u32 number = genl_last_vm(&g);
	struct device d = look(number);

	EXPECT_EQ(d.value[LODGE_A_DEVICE_STATUS], 0u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_IN], 0u);
	vcpu_sync(vcpu, 1);
	d = look(number);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_KIND], (u64)LODGE_DEVICE_BLOCK);
	EXPECT_TRUE(text_has(d.name, "memfd:image"));
	EXPECT_EQ(d.value[LODGE_A_DEVICE_STATUS], 0xfu);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_ACCEPTED], 1ull << 32 | 1 << VIRTIO_BLK_F_FLUSH);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_ACCEPTED] & ~d.value[LODGE_A_DEVICE_OFFERED], 0u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_QUEUES], 2u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_ENABLED], 1u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_IN], 2u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_IN_BYTES], 1536u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_OUT], 1u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_OUT_BYTES], 2048u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_OTHER], 1u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_ERRORS], 1u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_KICKS], 5u);
	EXPECT_EQ(d.value[LODGE_A_DEVICE_SIZE], SECTORS * 512u);
	EXPECT_FALSE(d.has[LODGE_A_DEVICE_READ_ONLY]);
	EXPECT_FALSE(d.has[LODGE_A_DEVICE_MAC]);
	EXPECT_EQ(vmctl_on("devices -j", number, ""), 0);
	EXPECT_TRUE(json_valid(c.text));
	EXPECT_TRUE(text_is(json_at(c.text, "devices.0.name"), "disk0"));
	EXPECT_TRUE(text_is(json_at(c.text, "devices.0.in_bytes"), "1536"));
	EXPECT_TRUE(text_is(json_at(c.text, "devices.0.serial"), "twenty characters it"));
	EXPECT_EQ(vmctl_on("devices", number, ""), 0);
	EXPECT_TRUE(text_has(c.text, "disk0\t5\trunning\t/memfd:image (deleted)\t2\t1536\t"));
	EXPECT_TRUE(text_has(c.text, "\t2048\t1\t1\t5\t"));
	EXPECT_EQ(vmctl_on("stat -j", number, ""), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "devices.disk0.out_bytes"), "2048"));
	EXPECT_EQ(vmctl_on("stat -i 0.1 -c 2", number, ""), 0);
	EXPECT_TRUE(text_has(c.text, "\ndisk0.out_bytes\t2048\n"));
	EXPECT_TRUE(text_has(c.text, "\ndisk0.out_bytes\t0\n"));
	vcpu_done(vcpu);
}

TEST(sizes)
{
	struct vcpu *vcpu = vcpu_for(sees_sizes, 0);
	u32 number = genl_last_vm(&g);
	u64 interrupts;

	vcpu_sync(vcpu, 1);
	interrupts = look(number).value[LODGE_A_DEVICE_INTERRUPTS];
	EXPECT_EQ(set_size(number, 2 * SECTORS * 512), 0);
	EXPECT_EQ(look(number).value[LODGE_A_DEVICE_SIZE], 2 * SECTORS * 512u);
	EXPECT_EQ(look(number).value[LODGE_A_DEVICE_INTERRUPTS], interrupts + 1);
	EXPECT_EQ(image_size(), 2 * SECTORS * 512);
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vmctl_on("resize", number, "disk0 16k"), 2);
	EXPECT_TRUE(text_has(c.error, "--shrink"));
	EXPECT_EQ(image_size(), 2 * SECTORS * 512);
	EXPECT_EQ(vmctl_on("resize -j --shrink", number, "5 16k"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "size"), "16384"));
	EXPECT_EQ(image_size(), SECTORS / 2 * 512);
	vcpu_sync(vcpu, 3);
	EXPECT_EQ(image_size(), SECTORS / 2 * 512);
	/* somebody else has changed it */
	ASSERT_EQ(ftruncate(image, 3 * SECTORS * 512), 0);
	EXPECT_EQ(look(number).value[LODGE_A_DEVICE_SIZE], SECTORS / 2 * 512u);
	EXPECT_EQ(vmctl_on("resize", number, "disk0"), 0);
	EXPECT_EQ(look(number).value[LODGE_A_DEVICE_SIZE], 3 * SECTORS * 512u);
	vcpu_done(vcpu);
}

/* ---- root's disk in a user's VM ------------------------------------------ */

static u32 told(int from)
{
	u32 word;

	ASSERT_EQ(read(from, &word, sizeof(word)), (ssize_t)sizeof(word));
	return word;
}

static void tell(int to, u32 word)
{
	ASSERT_EQ(write(to, &word, sizeof(word)), (ssize_t)sizeof(word));
}

static void user_with_vm(int root)
{
	u32 number;

	ASSERT_OK(setresuid(USER, USER, USER));
	vm_create(VM_PC);
	genl_open(&g);
	number = genl_last_vm(&g);
	tell(root, number);
	told(root);
	EXPECT_EQ(set_size(number, 2 * SECTORS * 512), -EPERM);
	EXPECT_TRUE(text_has(g.text, "another user has opened the file"));
	EXPECT_EQ(g.bad, LODGE_A_DEVICE_SIZE);
	EXPECT_EQ(set(number, SLOT, LODGE_A_DEVICE_RESCAN, 0, 0), 0);
	tell(root, 0);
	told(root);
}

static void give_disk(u32 number)
{
	image = memfd_create("roots", MFD_CLOEXEC);
	ASSERT_OK(image);
	ASSERT_EQ(ftruncate(image, SECTORS * 512), 0);
	genl_begin(&g, LODGE_CMD_DEVICE_NEW, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	genl_put_u32(&g, LODGE_A_DEVICE_SLOT, SLOT);
	genl_put_u32(&g, LODGE_A_DEVICE_KIND, LODGE_DEVICE_BLOCK);
	genl_put_u32(&g, LODGE_A_DEVICE_FD, image);
	ASSERT_EQ(genl_send(&g, NULL, NULL), 0);
}

TEST(anothers_file)
{
	struct stat st;
	int s[2], status = -1;
	u32 number;
	pid_t pid;

	ASSERT_EQ(stat("/dev/lodge", &st), 0);
	ASSERT_EQ(chmod("/dev/lodge", 0666), 0);
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		close(s[0]);
		user_with_vm(s[1]);
		_exit(0);
	}
	close(s[1]);
	number = told(s[0]);
	ASSERT_EQ(chmod("/dev/lodge", st.st_mode & 07777), 0);
	genl_open(&g);
	give_disk(number);
	tell(s[0], 0);
	told(s[0]);
	EXPECT_EQ(image_size(), SECTORS * 512);
	EXPECT_EQ(set_size(number, 2 * SECTORS * 512), 0);
	EXPECT_EQ(image_size(), 2 * SECTORS * 512);
	tell(s[0], 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* ---- limits -------------------------------------------------------------- */

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the guest says so; as long as the limit has it take, @free without one */
static void takes_a_second(struct vcpu *vcpu, int sync, long free, const char *what)
{
	long took = -now_ms();

	vcpu_sync(vcpu, sync);
	took += now_ms();
	if (took < 850 || took > free + 6000) {
		diag("%s in %ld ms, without a limit in %ld ms", what, took, free);
		EXPECT_TRUE(false);
	}
}

TEST(limits)
{
	struct vcpu *vcpu = vcpu_for(is_held_back, 0);
	u32 number = genl_last_vm(&g);
	long free = -now_ms();

	vcpu_sync(vcpu, 1);
	free += now_ms();
	/* 40 KiB, of which 4 KiB are saved up */
	EXPECT_EQ(vmctl_on("limit --bps 40k", number, "disk0"), 0);
	takes_a_second(vcpu, 2, free, "40 KiB at 40 KiB/s");
	EXPECT_EQ(vmctl_on("limit -j --bps none --iops 40", number, "disk0"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "max_bytes"), "0"));
	EXPECT_TRUE(text_is(json_at(c.text, "max_requests"), "40"));
	takes_a_second(vcpu, 3, free, "40 requests at 40 a second");
	/* none is due for a year; to lift the limit frees it */
	EXPECT_EQ(set(number, SLOT, LODGE_A_DEVICE_MAX_BYTES, 1, 8), 0);
	vcpu_sync(vcpu, 4);
	EXPECT_EQ(vmctl_on("limit --bps none --iops none", number, "disk0"), 0);
	vcpu_done(vcpu);
}

/* Limits that the device is made with */
TEST(limits_from_the_start)
{
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_BLOCK, .slot = SLOT, .max_bytes = 1,
	};
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu;
	u32 number;
	int i;

	genl_open(&g);
	image = memfd_create("image", MFD_CLOEXEC);
	ASSERT_OK(image);
	ASSERT_EQ(ftruncate(image, SECTORS * 512), 0);
	d.fd = image;
	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), SLOT);
	vcpu = vcpu_long(vm, 0, begins_limited);
	number = genl_last_vm(&g);
	EXPECT_EQ(look(number).value[LODGE_A_DEVICE_MAX_BYTES], 1u);
	EXPECT_EQ(look(number).value[LODGE_A_DEVICE_MAX_REQUESTS], 0u);
	for (i = 1; i <= 2; i++) {
		vcpu_sync(vcpu, i);
		/* one that is not held back is done by then, as a rule */
		sleep_ms(100);
		EXPECT_EQ(look(number).value[LODGE_A_DEVICE_IN], 1u);
	}
	EXPECT_EQ(look(number).value[LODGE_A_DEVICE_MAX_BYTES], 1u);
	EXPECT_EQ(set(number, SLOT, LODGE_A_DEVICE_MAX_BYTES, 0, 8), 0);
	vcpu_done(vcpu);
	EXPECT_EQ(look(number).value[LODGE_A_DEVICE_IN], 2u);
}

static void refused(u32 number, u32 slot, int attr, u64 value, int error, const char *text)
{
	unsigned int len = attr == LODGE_A_DEVICE_LINK ? 4 : attr == LODGE_A_DEVICE_RESCAN ? 0 : 8;

	EXPECT_EQ(set(number, slot, attr, value, len), -error);
	if (!text_has(g.text, text))
		EXPECT_TRUE(false);
}

TEST(bad_requests)
{
	struct vcpu *vcpu = vcpu_for(reads_and_writes, LODGE_DEVICE_READONLY);
	u32 number = genl_last_vm(&g);

	refused(number, SLOT, 0, 0, EINVAL, "there is nothing to do");
	refused(number, SLOT + 1, LODGE_A_DEVICE_RESCAN, 0, ENODEV, "no such device");
	EXPECT_EQ(g.bad, LODGE_A_DEVICE_SLOT);
	refused(number, 0, LODGE_A_DEVICE_RESCAN, 0, ERANGE, "out of range");
	refused(number, 32, LODGE_A_DEVICE_RESCAN, 0, ERANGE, "out of range");
	refused(number, SLOT, LODGE_A_DEVICE_LINK, 1, EOPNOTSUPP, "not of a kind");
	EXPECT_EQ(g.bad, LODGE_A_DEVICE_LINK);
	refused(number, SLOT, LODGE_A_DEVICE_LINK, 2, ERANGE, "out of range");
	refused(number, SLOT, LODGE_A_DEVICE_SIZE, 511, ERANGE, "out of range");
	refused(number, SLOT, LODGE_A_DEVICE_SIZE, 513, EINVAL, "no multiple of 512");
	refused(number, SLOT, LODGE_A_DEVICE_SIZE, 1ull << 63, EINVAL, "the size is");
	refused(number, SLOT, LODGE_A_DEVICE_SIZE, 1024, EROFS, "read-only");
	refused(number, SLOT, LODGE_A_DEVICE_SERIAL, 0, EINVAL, "ttribute");
	EXPECT_TRUE(look(number).has[LODGE_A_DEVICE_READ_ONLY]);
	genl_begin(&g, LODGE_CMD_DEVICE_GET, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	EXPECT_EQ(genl_send(&g, NULL, NULL), -EINVAL);
	EXPECT_TRUE(text_has(g.text, "the number of a device is missing"));
	genl_begin(&g, LODGE_CMD_BALLOON_GET, 0);
	genl_put_u32(&g, LODGE_A_BALLOON_VM, number);
	EXPECT_EQ(genl_send(&g, NULL, NULL), -ENODEV);
	EXPECT_TRUE(text_has(g.text, "the VM has no balloon"));
	EXPECT_EQ(vmctl_on("link", number, "disk0 up"), 1);
	EXPECT_TRUE(text_has(c.error, "is no network device"));
	EXPECT_EQ(vmctl_on("resize", number, "disk1 4M"), 1);
	EXPECT_TRUE(text_has(c.error, "has no device disk1"));
	EXPECT_EQ(vmctl_on("limit", number, "disk0"), 2);
	EXPECT_EQ(vmctl_on("limit --iops 0", number, "disk0"), 2);
	EXPECT_EQ(vmctl_on("resize", number, "disk0 4X"), 2);
	EXPECT_EQ(vmctl_on("resize", number, ""), 2);
	EXPECT_EQ(vmctl("devices 4711"), 3);
	vm_free(vcpu->vm);
}

/* A VM without a machine has none; one without devices neither */
TEST(none)
{
	struct vm *vm = vm_create(0);

	genl_open(&g);
	EXPECT_EQ(vmctl_on("devices", genl_last_vm(&g), ""), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	EXPECT_EQ(vmctl_on("resize", genl_last_vm(&g), "disk0"), 1);
	refused(genl_last_vm(&g), SLOT, LODGE_A_DEVICE_RESCAN, 0, ENODEV, "no such device");
	vm_free(vm);
	vm = vm_create(VM_PC);
	EXPECT_EQ(vmctl_on("devices -j", genl_last_vm(&g), ""), 0);
	EXPECT_TRUE(json_valid(c.text));
	vm_free(vm);
}
