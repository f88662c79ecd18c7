// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests about VMs whose owners have the kernel wait for ever: for memory that nobody provides,
 * for a file system that does not answer.  Each comes back, and holds up nobody else.
 */
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blkguest.h"
#include "genl.h"
#include "missing.h"

#define PAGE		4096u
#define MISSING		GPA_FREE	/* nobody has touched it */
#define SECTORS		64u
#define LONG		60000		/* ms */

static struct genl g;

/* ---- memory that does not come ------------------------------------------- */

static int make_missing(void *page)
{
	int fd = missing_make(page);

	if (fd < 0)
		SKIP("there is no userfaultfd");
	return fd;
}

static void provide(int uffd, void *page)
{
	struct uffdio_zeropage zero = { .range = { .start = (u64)page, .len = PAGE } };

	ASSERT_OK(ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
}

static void *missing_page(int *uffd)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(page != MAP_FAILED);
	*uffd = make_missing(page);
	return page;
}

/* ---- requests ------------------------------------------------------------ */

static int peek(struct genl *s, u32 number, u64 address)
{
	const u64 len = 16;

	genl_begin(s, LODGE_CMD_MEMORY_GET, 0);
	genl_put_u32(s, LODGE_A_MEMORY_VM, number);
	genl_put(s, LODGE_A_MEMORY_ADDRESS, &address, sizeof(address));
	genl_put(s, LODGE_A_MEMORY_LENGTH, &len, sizeof(len));
	return genl_send(s, NULL, NULL);
}

static void begin_device(int cmd, u32 number, u32 slot)
{
	genl_begin(&g, cmd, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	if (slot)
		genl_put_u32(&g, LODGE_A_DEVICE_SLOT, slot);
}

static int pull(u32 number, u32 slot)
{
	begin_device(LODGE_CMD_DEVICE_DELETE, number, slot);
	genl_put(&g, LODGE_A_DEVICE_FORCE, NULL, 0);
	return genl_send(&g, NULL, NULL);
}

static void take_slot(const struct genl_answer *a, void *arg)
{
	*(u32 *)arg = genl_u32(a, LODGE_A_DEVICE_SLOT);
}

/* A disk; @slot 0: any.  The number, or a negative errno */
static int attach(u32 number, u32 slot, int fd)
{
	u32 got = 0;
	int err;

	begin_device(LODGE_CMD_DEVICE_NEW, number, slot);
	genl_put_u32(&g, LODGE_A_DEVICE_KIND, LODGE_DEVICE_BLOCK);
	genl_put_u32(&g, LODGE_A_DEVICE_FD, fd);
	err = genl_send(&g, take_slot, &got);
	return err ? err : (int)got;
}

static void take_size(const struct genl_answer *a, void *arg)
{
	*(u64 *)arg = genl_u64(a, LODGE_A_DEVICE_SIZE);
}

/* 0: there is none */
static u64 size_of(u32 number, u32 slot)
{
	u64 size = 0;

	begin_device(LODGE_CMD_DEVICE_GET, number, slot);
	return genl_send(&g, take_size, &size) ? 0 : size;
}

static int set_size(u32 number, u64 size)
{
	begin_device(LODGE_CMD_DEVICE_SET, number, SLOT);
	genl_put(&g, LODGE_A_DEVICE_SIZE, &size, sizeof(size));
	return genl_send(&g, NULL, NULL);
}

static int rescan(u32 number)
{
	begin_device(LODGE_CMD_DEVICE_SET, number, SLOT);
	genl_put(&g, LODGE_A_DEVICE_RESCAN, NULL, 0);
	return genl_send(&g, NULL, NULL);
}

static void expect_event(struct genl *events, u32 kind, u32 slot)
{
	struct genl_answer a;

	ASSERT_TRUE(genl_event(events, LONG, &a));
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_KIND), kind);
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_SLOT), slot);
}

/* ---- memory -------------------------------------------------------------- */

TEST(memory)
{
	struct vm *vm = vm_create(0);
	int uffd = make_missing(vm_ptr(vm, MISSING));
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	EXPECT_EQ(peek(&g, number, MISSING), -ETIMEDOUT);
	EXPECT_TRUE(strstr(g.text, "does not come"));
	/* what has been given up is in nobody's way */
	EXPECT_EQ(peek(&g, number, GPA_SCRATCH), 0);
	EXPECT_EQ(peek(&g, number, MISSING), -ETIMEDOUT);
	provide(uffd, vm_ptr(vm, MISSING));
	EXPECT_EQ(peek(&g, number, MISSING), 0);
	vm_free(vm);
}

static volatile bool over;
static volatile unsigned int peeks;

static void *peeks_on(void *arg)
{
	struct genl s;

	genl_open(&s);
	while (!over) {
		EXPECT_EQ(peek(&s, *(u32 *)arg, MISSING), -ETIMEDOUT);
		peeks++;
	}
	genl_close(&s);
	return NULL;
}

/* Ends within a while?  -1: it cannot be run */
static int run(const char *command)
{
	pid_t pid = fork();
	int status, i;

	ASSERT_OK(pid);
	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	for (i = 0; i < LONG / 100; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
		sleep_ms(100);
	}
	diag("no end of: %s", command);
	return 1;
}

/* A module of the host's own that registers a family of its own */
TEST_SECONDS(other_families, 240)
{
	struct vm *vm = vm_create(0);
	pthread_t thread;
	u32 number;
	int i;

	if (run("rmmod psample 2> /dev/null && modprobe psample 2> /dev/null"))
		SKIP("psample is not there to be loaded");
	make_missing(vm_ptr(vm, MISSING));
	genl_open(&g);
	number = genl_last_vm(&g);
	thread = thread_start(peeks_on, &number);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(run("rmmod psample"), 0);
		EXPECT_EQ(run("modprobe psample"), 0);
	}
	over = true;
	pthread_join(thread, NULL);
	diag("%u times meanwhile", peeks);
	EXPECT_GE(peeks, 1u);
	vm_free(vm);
}

/* ---- what the owner is in the middle of ---------------------------------- */

struct call {
	int fd;
	void *page;
};

static void *writes(void *arg)
{
	struct call *c = arg;

	EXPECT_EQ(write(c->fd, c->page, 16), 16);
	return NULL;
}

static int type(u32 number, bool with_break)
{
	genl_begin(&g, LODGE_CMD_CONSOLE_WRITE, 0);
	genl_put_u32(&g, LODGE_A_CONSOLE_VM, number);
	genl_put(&g, LODGE_A_CONSOLE_DATA, "x", 1);
	if (with_break)
		genl_put(&g, LODGE_A_CONSOLE_BREAK, NULL, 0);
	return genl_send(&g, NULL, NULL);
}

TEST(console)
{
	struct lodge_open_console open = { .size = sizeof(open), .which = LODGE_CONSOLE_SERIAL };
	struct vm *vm = vm_create(VM_PC);
	struct call c;
	pthread_t thread;
	u32 number;
	int uffd;

	c.fd = ioctl(vm->fd, LODGE_VM_CONSOLE, &open);
	ASSERT_OK(c.fd);
	c.page = missing_page(&uffd);
	genl_open(&g);
	number = genl_last_vm(&g);
	thread = thread_start(writes, &c);
	missing_wait(uffd);
	EXPECT_EQ(type(number, false), -EBUSY);
	EXPECT_EQ(type(number, true), 0);
	provide(uffd, c.page);
	pthread_join(thread, NULL);
	close(c.fd);
	vm_free(vm);
}

static void *adds_file(void *arg)
{
	struct call *c = arg;
	struct lodge_add_file f = {
		.size = sizeof(f), .name = "f", .len = 16, .data = (u64)c->page,
	};

	EXPECT_OK(ioctl(c->fd, LODGE_VM_ADD_FILE, &f));
	return NULL;
}

TEST(file)
{
	struct vm *vm = vm_create(VM_PC | LODGE_VM_DEBUG_PORTS);
	struct call c = { .fd = vm->fd };
	pthread_t thread;
	u32 number;
	int uffd;

	c.page = missing_page(&uffd);
	genl_open(&g);
	number = genl_last_vm(&g);
	thread = thread_start(adds_file, &c);
	missing_wait(uffd);
	genl_begin(&g, LODGE_CMD_STATS_GET, 0);
	genl_put_u32(&g, LODGE_A_STATS_VM, number);
	EXPECT_EQ(genl_send(&g, NULL, NULL), 0);
	provide(uffd, c.page);
	pthread_join(thread, NULL);
	vm_free(vm);
}

/* ---- a disk that does not go --------------------------------------------- */

static void writes_a_page(void)
{
	blk_up();
	blk_ask(VIRTIO_BLK_T_OUT, 0, MISSING, PAGE);
	GUEST_DONE();
}

static void *run_to_the_end(void *vcpu)
{
	vcpu_done((struct vcpu *)vcpu);
	return NULL;
}

static int make_image(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	ASSERT_OK(fd);
	ASSERT_EQ(ftruncate(fd, SECTORS * 512), 0);
	return fd;
}

TEST_SECONDS(removal, 120)
{
	struct vm *vm = vm_create(VM_PC);
	int image = make_image(), uffd, other, slot;
	struct genl events;
	pthread_t thread;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	ASSERT_EQ(blk_add(vm, image, 0, 1), SLOT);
	uffd = make_missing(vm_ptr(vm, MISSING));
	thread = thread_start(run_to_the_end, vcpu_long(vm, 0, writes_a_page));
	missing_wait(uffd);
	genl_open(&events);
	ASSERT_EQ(genl_join(&events, LODGE_EVENT_GROUP_DEVICE), 0);
	/* at once with the second */
	EXPECT_EQ(pull(number, SLOT), 0);
	pull(number, SLOT);
	while (size_of(number, SLOT))
		sleep_ms(10);
	/* its number is not free */
	EXPECT_EQ(attach(number, SLOT, image), -EEXIST);
	EXPECT_TRUE(strstr(g.text, "not got rid of it yet"));
	other = attach(number, 0, image);
	EXPECT_TRUE(other > 0 && other != SLOT);
	EXPECT_EQ(size_of(number, other), SECTORS * 512);
	expect_event(&events, LODGE_VM_EVENT_ATTACHED, other);
	provide(uffd, vm_ptr(vm, MISSING));
	do {
		slot = attach(number, SLOT, image);
	} while (slot == -EEXIST);
	EXPECT_EQ(slot, SLOT);
	expect_event(&events, LODGE_VM_EVENT_DETACHED, SLOT);
	expect_event(&events, LODGE_VM_EVENT_ATTACHED, SLOT);
	pthread_join(thread, NULL);
	genl_close(&events);
	vm_free(vm);
}

/* ---- a file system that does not answer ---------------------------------- */

/*
 * One file, whose size is changed when the test lets it be
 */
static struct {
	char path[32];
	int fd;
	u64 size;
	volatile bool stuck;	/* whether changes of the size are answered */
	volatile u64 waits;	/* the request that is not answered, or 0 */
	u64 wanted;		/* size that it asks for */
} fs;

static void answer(u64 unique, int error, const void *data, u32 len)
{
	char room[256];
	struct fuse_out_header *h = (void *)room;

	*h = (struct fuse_out_header){
		.len = sizeof(*h) + len, .error = -error, .unique = unique,
	};
	memcpy(room + sizeof(*h), data, len);
	/* who asked may be gone */
	(void)!write(fs.fd, room, h->len);
}

static struct fuse_attr attr_of(u64 node)
{
	return (struct fuse_attr){
		.ino = node, .size = node == 1 ? 0 : fs.size, .nlink = 1, .blksize = PAGE,
		.mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644,
	};
}

static void answer_attr(u64 unique, u64 node)
{
	struct fuse_attr_out out = { .attr = attr_of(node) };

	answer(unique, 0, &out, sizeof(out));
}

static void change_size(void)
{
	fs.size = fs.wanted;
	answer_attr(fs.waits, 2);
	fs.waits = 0;
}

static void serve(const struct fuse_in_header *h)
{
	struct fuse_init_out init = { .major = 7, .minor = 31, .max_write = PAGE };
	struct fuse_entry_out entry = { .nodeid = 2, .attr = attr_of(2) };
	struct fuse_open_out open = { .fh = 1 };

	switch (h->opcode) {
	case FUSE_INIT:
		answer(h->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer(h->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		answer_attr(h->unique, h->nodeid);
		break;
	case FUSE_SETATTR:
		fs.wanted = ((const struct fuse_setattr_in *)(h + 1))->size;
		fs.waits = h->unique;
		if (!fs.stuck)
			change_size();
		break;
	case FUSE_OPEN:
		answer(h->unique, 0, &open, sizeof(open));
		break;
	case FUSE_RELEASE:
		answer(h->unique, 0, "", 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(h->unique, ENOSYS, "", 0);
	}
}

static void *serve_all(void *arg)
{
	static char room[FUSE_MIN_READ_BUFFER + PAGE] __attribute__((aligned(8)));

	while (read(fs.fd, room, sizeof(room)) > 0)
		serve((const struct fuse_in_header *)room);
	return arg;
}

static void unmount(void)
{
	umount2(fs.path, MNT_DETACH);
	rmdir(fs.path);
}

/* The file, as somebody has it who has opened it */
static int mount_it(void)
{
	char text[128];
	int fd;

	strcpy(fs.path, "/tmp/stuck.XXXXXX");
	ASSERT_TRUE(mkdtemp(fs.path));
	fs.fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(text, sizeof(text), "fd=%d,rootmode=40000,user_id=0,group_id=0", fs.fd);
	if (fs.fd < 0 || mount("test", fs.path, "fuse", MS_NOSUID | MS_NODEV, text)) {
		rmdir(fs.path);
		SKIP("there is no FUSE");
	}
	ktap_at_end(unmount);
	fs.size = SECTORS * 512;
	thread_start(serve_all, NULL);
	snprintf(text, sizeof(text), "%s/disk", fs.path);
	fd = open(text, O_RDWR | O_CLOEXEC);
	ASSERT_OK(fd);
	return fd;
}

TEST_SECONDS(size, 120)
{
	struct vm *vm = vm_create(VM_PC);
	int fd = mount_it();
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	ASSERT_EQ(blk_add(vm, fd, 0, 1), SLOT);
	close(fd);
	EXPECT_EQ(set_size(number, 2 * SECTORS * 512), 0);
	EXPECT_EQ(size_of(number, SLOT), 2 * SECTORS * 512);
	fs.stuck = true;
	EXPECT_EQ(set_size(number, SECTORS * 512), -EINPROGRESS);
	EXPECT_TRUE(strstr(g.text, "goes on"));
	/* the guest does not write any more to what is to be cut off */
	EXPECT_EQ(size_of(number, SLOT), SECTORS * 512);
	EXPECT_EQ(set_size(number, 3 * SECTORS * 512), -EBUSY);
	EXPECT_TRUE(strstr(g.text, "not come to its end"));
	EXPECT_EQ(rescan(number), -EBUSY);
	EXPECT_TRUE(fs.waits);
	fs.stuck = false;
	change_size();
	while (rescan(number))
		sleep_ms(10);
	EXPECT_EQ(fs.size, SECTORS * 512);
	EXPECT_EQ(size_of(number, SLOT), SECTORS * 512);
	vm_free(vm);
}

/* The VM ends all the same */
TEST_SECONDS(size_at_the_end, 120)
{
	struct vm *vm = vm_create(VM_PC);
	int fd = mount_it(), err;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	ASSERT_EQ(blk_add(vm, fd, 0, 1), SLOT);
	close(fd);
	fs.stuck = true;
	EXPECT_EQ(set_size(number, 2 * SECTORS * 512), -EINPROGRESS);
	vm_free(vm);
	do {
		genl_begin(&g, LODGE_CMD_VM_GET, 0);
		genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
		err = genl_send(&g, NULL, NULL);
	} while (!err);
	EXPECT_EQ(err, -ENOENT);
	EXPECT_TRUE(fs.waits);
	change_size();
}
