// SPDX-License-Identifier: GPL-2.0-only
/*
 * kill -9 of a process whose guest waits for a reset of its disk, which waits for a request that is
 * under way and does not end.  All goes, and nothing is written where it does not belong.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "killed.h"
#include "missing.h"
#include "mmiodev.h"

#define NUMBER		3	/* of the device */
#define QUEUE_SIZE	8
#define VERSION_1	1	/* of the upper half */
#define DESC		GPA_SCRATCH
#define AVAIL		(GPA_SCRATCH + 0x1000)
#define USED		(GPA_SCRATCH + 0x2000)
#define HEADER		(GPA_SCRATCH + 0x3000)
#define STATUS		(GPA_SCRATCH + 0x4000)
#define DATA		GPA_FREE		/* nobody has touched it */
#define PAGE		4096u
#define PAGES		4u			/* of the image */
#define OLD		0x55
#define NO_STATUS	0x77

/* ---- inside -------------------------------------------------------------- */

static volatile u64 stage;

static void describe(u16 i, u64 addr, u32 len, u16 flags)
{
	volatile struct vring_desc *d = (struct vring_desc *)DESC + i;

	d->addr = addr;
	d->len = len;
	d->flags = flags;
	d->next = i + 1;
}

/* A page is to be written to the image's second one; then the reset that has to wait for that */
static void writes_and_resets(void)
{
	mmio_put(VIRTIO_MMIO_STATUS, 3);
	mmio_accept(0, 0);
	mmio_accept(1, VERSION_1);
	mmio_put(VIRTIO_MMIO_STATUS, 0xb);
	mmio_queue(0, QUEUE_SIZE, DESC, AVAIL, USED);
	mmio_put(VIRTIO_MMIO_STATUS, 0xf);
	write32(HEADER, VIRTIO_BLK_T_OUT);
	write32(HEADER + 8, PAGE / 512);
	write8(STATUS, NO_STATUS);
	describe(0, HEADER, 16, VRING_DESC_F_NEXT);
	describe(1, DATA, PAGE, VRING_DESC_F_NEXT);
	describe(2, STATUS, 1, VRING_DESC_F_WRITE);
	write16(AVAIL + 2, 1);
	mmio_put(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	while (!stage)
		cpu_relax();
	mmio_put(VIRTIO_MMIO_STATUS, 0);
	stage = 3;
	GUEST_DONE();
}

/* ---- the process --------------------------------------------------------- */

static void *run_to_the_end(void *vcpu)
{
	vcpu_done((struct vcpu *)vcpu);
	return NULL;
}

/* Tells when the worker waits for the page, and then waits as well */
static void be_the_owner(void *mem, int image, int tell)
{
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_BLOCK, .slot = NUMBER, .fd = image,
	};
	struct vm *vm;
	int uffd;

	number = NUMBER;
	vm = vm_create_on(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL, mem, VM_MEMORY);
	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), NUMBER);
	uffd = missing_make(vm_ptr(vm, DATA));
	if (uffd < 0) {
		ASSERT_EQ(write(tell, "-", 1), 1);
		exit(0);
	}
	thread_start(run_to_the_end, vcpu_long(vm, 0, writes_and_resets));
	missing_wait(uffd);
	GUEST_VAR(vm, stage) = 2;
	ASSERT_EQ(write(tell, "+", 1), 1);
	for (;;)
		pause();
}

/* ---- who kills it -------------------------------------------------------- */

/* Does one of its threads wait in this function of the kernel's?  -1: that cannot be seen */
static int waits_in(pid_t pid, const char *function)
{
	char path[300], text[4096];
	struct dirent *e;
	int fd, ret = -1;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	ASSERT_TRUE(dir);
	while (ret != 1 && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid, e->d_name);
		fd = open(path, O_RDONLY);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (n >= 0) {
			text[n] = 0;
			ret = !!strstr(text, function);
		}
		close(fd);
	}
	closedir(dir);
	return ret;
}

static bool all_are(const u8 *bytes, size_t len, u8 value)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

static int make_image(void)
{
	u8 page[PAGE];
	unsigned int i;
	int fd = memfd_create("image", MFD_CLOEXEC);

	ASSERT_OK(fd);
	memset(page, OLD, sizeof(page));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(write(fd, page, PAGE), (ssize_t)PAGE);
	return fd;
}

/* The page that was to be written is there as a whole or not at all, and the others as they were */
static void check_image(int image)
{
	u8 page[PAGE];
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		ASSERT_EQ(pread(image, page, PAGE, i * PAGE), (ssize_t)PAGE);
		EXPECT_TRUE(all_are(page, PAGE, OLD) || (i == 1 && all_are(page, PAGE, 0)));
	}
}

/* What the guest had is as it left it, but for what the request is answered by */
static void check_memory(const u8 *mem)
{
	const u8 *used = mem + USED;

	EXPECT_TRUE(mem[STATUS] == NO_STATUS || mem[STATUS] == VIRTIO_BLK_S_OK ||
		    mem[STATUS] == VIRTIO_BLK_S_IOERR);
	EXPECT_TRUE(all_are(mem + STATUS + 1, PAGE - 1, 0));
	EXPECT_TRUE(all_are(mem + DATA, 16 * PAGE, 0));
	/* index, then the head and the length of one */
	EXPECT_TRUE(used[2] <= 1 && !used[3]);
	EXPECT_TRUE(all_are(used + 4, 4, 0));
	EXPECT_TRUE(used[8] <= 1 && all_are(used + 9, PAGE - 9, 0));
}

TEST(killed_in_a_reset)
{
	u8 *mem = vm_shared_memory(VM_MEMORY), *was = malloc(VM_MEMORY);
	unsigned int i, before = module_users();
	int told[2], image = make_image(), sleeps = 0;
	char byte = 0;
	pid_t pid;

	ASSERT_TRUE(was);
	ASSERT_OK(pipe(told));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid)
		be_the_owner(mem, image, told[1]);
	close(told[1]);
	ASSERT_EQ(read(told[0], &byte, 1), 1);
	if (byte == '-')
		SKIP("there is no userfaultfd");
	for (i = 0; i < 300 && !sleeps; i++) {
		sleeps = waits_in(pid, "lodge_virtio_wait");
		sleep_ms(20);
	}
	EXPECT_NE(sleeps, 0);
	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
	for (i = 0; i < 300 && module_users() != before; i++)
		sleep_ms(100);
	EXPECT_EQ(module_users(), before);
	/* the reset was not over */
	EXPECT_EQ(*(u64 *)(mem + (u64)&stage), 2ull);
	memcpy(was, mem, VM_MEMORY);
	check_memory(mem);
	check_image(image);
	sleep_ms(100);
	EXPECT_EQ(memcmp(was, mem, VM_MEMORY), 0);
}
