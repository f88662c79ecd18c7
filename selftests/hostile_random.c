// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hundred thousand random calls by several threads on the same descriptors, which come and go
 * meanwhile.  Arguments are valid ones with bits changed, extremes, or anything; they lie where
 * guests and the other threads write.  No call fails but by an errno that is documented, nothing
 * is written where it must not, and in the end nothing is left and a guest runs as ever.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mem.h"

#define CALLS		100000
#define THREADS		4
#define NR_VMS		3
#define NR_VCPUS	6
#define NR_EVENTFDS	3
#define MAX_FDS		64	/* so that they run out at times */

/*
 * All memory that calls are given: far from the rest, so that an address with bits changed is
 * not one of the program's own.  Its first pages are read-only, around it is nothing.
 */
#define ARENA		0x200000000000ull
#define ARENA_LEN	(256 * PAGE)
#define READONLY_LEN	(4 * PAGE)
#define RUN_AREAS	(ARENA + GIB)	/* of the vCPUs, 1 MiB apart */

enum kind { DEV, VM, VCPU, NR_KINDS };

/* Who draws a random number: a thread */
struct drawer {
	u32 seed;
	u64 calls, good, runs;
};

static int vms[NR_VMS], vcpus[NR_VCPUS], dev, eventfds[NR_EVENTFDS];
static u32 run_size;
static u64 xsave_size;
static volatile bool stop;
static bool never_enter;	/* a guest could loop for ever: bochs_if_clear() */
static u64 errors[256];
static pthread_t threads[THREADS];
static u64 calls_begun;
static volatile unsigned int finished;	/* threads */

static u32 rnd(struct drawer *d)
{
	u32 r = random_next(&d->seed) << 12;

	return r ^ random_next(&d->seed);
}

/* No number that could be the low half of an address in the program's image or heap */
static u32 odd_number(struct drawer *d)
{
	static const u32 extremes[] = { 0, 1, 2, 4, 8, 63, 64, 255, 256, 4095, 4096, 0x7fffffff,
					0x80000000, 0xfffff000, ~0u, 0x8000, 0x20000000 };
	u32 r = rnd(d);

	switch (r % 3) {
	case 0:
		return extremes[(r >> 8) % (sizeof(extremes) / sizeof(extremes[0]))];
	case 1:
		return rnd(d) % 0x1000;
	}
	return rnd(d) | 0x80000000;
}

static u64 arena_page(struct drawer *d)
{
	return ARENA + rnd(d) % (ARENA_LEN / PAGE) * PAGE;
}

/* Mostly memory, at times its edges, or none */
static u64 pointer(struct drawer *d)
{
	static const u64 bad[] = { 0, 8, ARENA - 8, ARENA - PAGE, ARENA + ARENA_LEN,
				   ARENA + ARENA_LEN - 4, 0x00007ffffffff000ull,
				   0x0000800000000000ull, 0xffff888000000000ull,
				   0xffffffff81000000ull, -8ull };
	u32 r = rnd(d);

	if (r % 8 == 0)
		return bad[(r >> 8) % (sizeof(bad) / sizeof(bad[0]))];
	if (r % 8 == 1)
		return arena_page(d) + rnd(d) % PAGE;
	return ARENA + READONLY_LEN + rnd(d) % (ARENA_LEN - READONLY_LEN - 2 * PAGE) / 8 * 8;
}

/**
 * struct call - an ioctl that takes a structure
 * @cmd: number
 * @size: of the structure
 * @on: kind of descriptor
 */
struct call {
	unsigned int cmd;
	unsigned int size;
	enum kind on;
};

#define CALL(nr, type, on)	{ LODGE_##nr, sizeof(struct type), on }
#define PAIR(nr, type)		CALL(VCPU_GET_##nr, type, VCPU), CALL(VCPU_SET_##nr, type, VCPU)

static const struct call calls[] = {
	CALL(GET_INFO, lodge_info, DEV),
	CALL(GET_CAPS, lodge_caps, DEV),
	CALL(VM_SET_SLOT, lodge_slot, VM),
	CALL(VM_SET_SLOT, lodge_slot, VM),
	CALL(VM_GET_DIRTY, lodge_dirty_log, VM),
	PAIR(REGS, lodge_regs),
	PAIR(SREGS, lodge_sregs),
	PAIR(DEBUG, lodge_debug),
	PAIR(XSAVE, lodge_xsave),
	PAIR(MSRS, lodge_msrs),
	PAIR(CPUID, lodge_cpuid),
	PAIR(EVENTS, lodge_events),
	PAIR(MP, lodge_mp),
	CALL(VM_SET_GSI, lodge_gsi, VM),
	CALL(VM_MSI, lodge_msi, VM),
	CALL(VM_IOEVENTFD, lodge_ioeventfd, VM),
	CALL(VM_IRQFD, lodge_irqfd, VM),
	CALL(VCPU_INTERRUPT, lodge_interrupt, VCPU),
	CALL(VCPU_GET_STATS, lodge_stats, VCPU),
};

#define NR_CALLS	(sizeof(calls) / sizeof(calls[0]))

static int some_fd(struct drawer *d, enum kind on)
{
	u32 r = rnd(d);

	if (r % 64 == 0)
		on = (r >> 8) % NR_KINDS;
	switch (on) {
	case DEV:
		return dev;
	case VM:
		return vms[(r >> 16) % NR_VMS];
	default:
		return vcpus[(r >> 16) % NR_VCPUS];
	}
}

/* A list of so many things at an address: the structures with count and entries are alike */
static void list(struct drawer *d, void *arg, u32 count)
{
	struct lodge_msrs *a = arg;

	a->count = count;
	a->entries = pointer(d);
}

static u64 draw_gpa(struct drawer *d)
{
	return rnd(d) % 8 ? rnd(d) % 512 * PAGE : (u64)odd_number(d) << rnd(d) % 32;
}

static void likely_ioeventfd(struct drawer *d, struct lodge_ioeventfd *a)
{
	a->flags = rnd(d) % 8;
	a->addr = rnd(d) % 2 ? rnd(d) % 0x1000 : draw_gpa(d);
	a->match = rnd(d) % 2;
	a->len = 1 << rnd(d) % 4;
	a->fd = eventfds[rnd(d) % NR_EVENTFDS];
}

static void likely_irqfd(struct drawer *d, struct lodge_irqfd *a)
{
	a->flags = rnd(d) % 2 ? rnd(d) % 5 : 0;
	a->fd = eventfds[rnd(d) % NR_EVENTFDS];
	a->resample_fd = -1;
	if (a->flags == LODGE_IRQFD_MSI)
		a->address = 0xfee00000 | (rnd(d) & 0xff00c);
	else if (a->flags != LODGE_IRQFD_DEASSIGN)
		a->gsi = rnd(d) % 24;
	if (a->flags == LODGE_IRQFD_LEVEL)
		a->resample_fd = eventfds[rnd(d) % NR_EVENTFDS];
}

/* What the call would take, as far as that can be told */
static void likely(struct drawer *d, const struct call *c, void *arg)
{
	memset(arg, 0, c->size);
	switch (c->cmd) {
	case LODGE_VM_SET_SLOT:
		*(struct lodge_slot *)arg = (struct lodge_slot){
			.slot = rnd(d) % 6, .flags = rnd(d) % 4, .gpa = draw_gpa(d),
			.len = rnd(d) % 4 ? rnd(d) % 200 * PAGE : 0, .hva = arena_page(d),
		};
		break;
	case LODGE_VM_GET_DIRTY:
		*(struct lodge_dirty_log *)arg = (struct lodge_dirty_log){
			.slot = rnd(d) % 6, .flags = rnd(d) % 2, .npages = 64 * (rnd(d) % 4),
			.first_page = 64 * (rnd(d) % 4), .bitmap = pointer(d),
		};
		break;
	case LODGE_VCPU_GET_XSAVE:
	case LODGE_VCPU_SET_XSAVE:
		list(d, arg, xsave_size);
		break;
	case LODGE_VCPU_GET_CPUID:
	case LODGE_VCPU_SET_CPUID:
		list(d, arg, rnd(d) % LODGE_MAX_CPUID);
		break;
	case LODGE_VCPU_GET_MSRS:
	case LODGE_VCPU_SET_MSRS:
	case LODGE_VCPU_GET_STATS:
		list(d, arg, rnd(d) % 30);
		break;
	case LODGE_VCPU_SET_MP:
		((struct lodge_mp *)arg)->state = rnd(d) % LODGE_MP_NR;
		break;
	case LODGE_VM_SET_GSI:
		((struct lodge_gsi *)arg)->gsi = rnd(d) % 24;
		((struct lodge_gsi *)arg)->level = rnd(d) % 2;
		break;
	case LODGE_VM_MSI:
		((struct lodge_msi *)arg)->data = rnd(d) & 0xffff;
		((struct lodge_msi *)arg)->address = 0xfee00000 | (rnd(d) & 0xff00c);
		break;
	case LODGE_VM_IOEVENTFD:
		likely_ioeventfd(d, arg);
		break;
	case LODGE_VM_IRQFD:
		likely_irqfd(d, arg);
		break;
	case LODGE_VCPU_INTERRUPT:
		((struct lodge_interrupt *)arg)->vector = 16 + rnd(d) % 240;
		break;
	case LODGE_VCPU_SET_REGS:
	case LODGE_VCPU_SET_SREGS:
	case LODGE_VCPU_SET_DEBUG:
	case LODGE_VCPU_SET_EVENTS:
		/* as it is */
		*(u32 *)arg = c->size;
		ioctl(some_fd(d, VCPU), c->cmd - 1, arg);
		break;
	}
	*(u32 *)arg = c->size;
}

static void spoil(struct drawer *d, u32 *words, u32 size)
{
	u32 n = rnd(d) % 4, r;

	while (n--) {
		r = rnd(d) % (size / 4);
		/* a wrong size keeps the call from getting any further */
		if (!r && rnd(d) % 8)
			continue;
		if (rnd(d) % 2)
			words[r] = odd_number(d);
		else
			words[r] ^= 1u << rnd(d) % 32;
	}
}

static void note(struct drawer *d, long ret)
{
	/* of Documentation/uapi.rst, and what descriptors that come and go add to it */
	static const int known[] = { EFAULT, EINVAL, E2BIG, ENOTTY, ENOMEM, EINTR, EEXIST, ENOENT,
				     EMFILE, EBADF, ENODEV, ENOSPC };
	unsigned int i;
	int err = errno;

	d->calls++;
	if (ret >= 0) {
		d->good++;
		ASSERT_LE(ret, 4096l);
		return;
	}
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (err == known[i])
			break;
	ASSERT_LT(i, (unsigned int)(sizeof(known) / sizeof(known[0])));
	__atomic_fetch_add(&errors[err], 1, __ATOMIC_RELAXED);
}

static void replace(int *place, int fd)
{
	int old = __atomic_exchange_n(place, fd, __ATOMIC_SEQ_CST);

	if (old >= 0)
		ASSERT_OK(close(old));
}

static void new_vm(struct drawer *d)
{
	struct lodge_create_vm arg = { .size = sizeof(arg), .flags = rnd(d) % 16 };
	int fd = ioctl(dev, LODGE_CREATE_VM, &arg);

	note(d, fd);
	if (fd >= 0)
		replace(&vms[rnd(d) % NR_VMS], fd);
}

/* The mapping of the run area keeps the former vCPU there for a while longer */
static void new_vcpu(struct drawer *d)
{
	struct lodge_create_vcpu arg = { sizeof(arg), rnd(d) % 8 };
	unsigned int nr = rnd(d) % NR_VCPUS;
	int fd = ioctl(some_fd(d, VM), LODGE_VM_CREATE_VCPU, &arg);

	note(d, fd);
	if (fd < 0)
		return;
	ASSERT_NE(mmap((void *)(RUN_AREAS + nr * MIB), run_size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, fd, 0), MAP_FAILED);
	replace(&vcpus[nr], fd);
}

/* What a guest wrote is read, what it may read is written, and the console goes again */
static void some_console(struct drawer *d)
{
	struct lodge_open_console arg = { .size = sizeof(arg), .which = rnd(d) % 2 };
	int fd = ioctl(some_fd(d, VM), LODGE_VM_CONSOLE, &arg);
	char *buf = (char *)pointer(d);

	if (fd < 0 && errno == EBUSY) {
		d->calls++;
		return;
	}
	note(d, fd);
	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	/* EBADF: the debug console is output only */
	if (write(fd, buf, rnd(d) % PAGE) < 0)
		ASSERT_TRUE(errno == EAGAIN || errno == EFAULT || errno == EINTR ||
			    (arg.which == LODGE_CONSOLE_DEBUG && errno == EBADF));
	if (read(fd, buf, rnd(d) % PAGE) < 0)
		ASSERT_TRUE(errno == EAGAIN || errno == EFAULT || errno == EINTR);
	ASSERT_OK(close(fd));
}

static void some_run(struct drawer *d)
{
	unsigned int nr = rnd(d) % NR_VCPUS;
	struct lodge_run *run = (void *)(RUN_AREAS + nr * MIB);

	run->immediate_exit = never_enter || rnd(d) % 4 == 0;
	d->runs++;
	note(d, ioctl(vcpus[nr], LODGE_VCPU_RUN));
}

/* mmap() of any descriptor, in any way, at a place of the thread's own */
static void some_mapping(struct drawer *d)
{
	size_t len = rnd(d) % 4 * PAGE + (rnd(d) % 4 ? 0 : rnd(d) % PAGE);
	void *p = mmap(NULL, len, rnd(d) % 8, rnd(d) % 2 ? MAP_SHARED : MAP_PRIVATE,
		       some_fd(d, rnd(d) % NR_KINDS), rnd(d) % 8 ? 0 : rnd(d) % 4 * PAGE);
	int err = errno;

	d->calls++;
	if (p != MAP_FAILED) {
		d->good++;
		ASSERT_OK(munmap(p, len));
		return;
	}
	ASSERT_TRUE(err == EINVAL || err == ENODEV || err == EACCES || err == EBADF ||
		    err == EPERM || err == ENOMEM);
}

static void any_number(struct drawer *d)
{
	void *arg = (void *)pointer(d);
	unsigned int nr = LODGE_IOC(rnd(d) % 0x80);

	/* these make descriptors, or run */
	if (nr == LODGE_CREATE_VM || nr == LODGE_VM_CREATE_VCPU || nr == LODGE_VM_CONSOLE ||
	    nr == LODGE_VCPU_RUN)
		return;
	note(d, ioctl(some_fd(d, rnd(d) % NR_KINDS), nr, arg));
}

static void any_memory(struct drawer *d)
{
	u64 at = arena_page(d), len = (1 + rnd(d) % 16) * PAGE;

	if (at < ARENA + READONLY_LEN || at + len > ARENA + ARENA_LEN)
		return;
	if (rnd(d) % 4)
		madvise((void *)at, len, MADV_DONTNEED);
	else
		ASSERT_NE(mmap((void *)at, len, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), MAP_FAILED);
}

static void one_call(struct drawer *d)
{
	const struct call *c = &calls[rnd(d) % NR_CALLS];
	u32 copy[256];
	u64 at;

	likely(d, c, copy);
	spoil(d, copy, c->size);
	/* a guest that writes to this program's image proves nothing */
	if (c->cmd == LODGE_VM_SET_SLOT && ((struct lodge_slot *)copy)->hva < ARENA)
		((struct lodge_slot *)copy)->hva += ARENA;
	at = pointer(d);
	/* not the read-only part, nor what is no memory */
	if (at >= ARENA + READONLY_LEN && at <= ARENA + ARENA_LEN - PAGE)
		memcpy((void *)at, copy, c->size);
	note(d, ioctl(some_fd(d, c->on), c->cmd, at));
}

static void some_signal(struct drawer *d)
{
	u64 one = 1;

	d->calls++;
	if (write(eventfds[rnd(d) % NR_EVENTFDS], &one, sizeof(one)) < 0)
		ASSERT_TRUE(errno == EAGAIN || errno == EINTR);
}

static void *thread(void *arg)
{
	struct drawer *d = arg;
	u32 r;

	while (__atomic_fetch_add(&calls_begun, 1, __ATOMIC_RELAXED) < CALLS) {
		r = rnd(d) % 1000;
		if (r < 8)
			new_vm(d);
		else if (r < 30)
			new_vcpu(d);
		else if (r < 33)
			replace(&vms[rnd(d) % NR_VMS], -1);
		else if (r < 36)
			replace(&vcpus[rnd(d) % NR_VCPUS], -1);
		else if (r < 45)
			some_mapping(d);
		else if (r < 60)
			any_memory(d);
		else if (r < 65)
			some_console(d);
		else if (r < 120)
			any_number(d);
		else if (r < 180)
			some_run(d);
		else if (r < 185)
			some_signal(d);
		else if (r < 190)
			note(d, ioctl(some_fd(d, VCPU), LODGE_VCPU_NMI));
		else
			one_call(d);
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* What runs is stopped soon, what sleeps is woken */
static void *kicker(void *arg)
{
	struct drawer *d = arg;
	unsigned int i;

	while (!stop) {
		usleep(1000);
		for (i = 0; i < NR_VCPUS; i++)
			*(volatile u8 *)(RUN_AREAS + i * MIB) = 1;
		/* anything in what the kernel reads there */
		((volatile u32 *)(RUN_AREAS + rnd(d) % NR_VCPUS * MIB))[1 + rnd(d) % 70] =
			odd_number(d);
		for (i = 0; i < THREADS; i++)
			pthread_kill(threads[i], SIGUSR1);
	}
	return NULL;
}

static void on_signal(int sig)
{
}

static void make_arena(u32 seed)
{
	u64 *p;

	p = mmap((void *)ARENA, ARENA_LEN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ((u64)p, ARENA);
	while ((u64)p < ARENA + ARENA_LEN)
		*p++ = (u64)random_next(&seed) << 32 | random_next(&seed);
	ASSERT_OK(mprotect((void *)ARENA, READONLY_LEN, PROT_READ));
	ASSERT_EQ((u64)mmap((void *)RUN_AREAS, NR_VCPUS * MIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), RUN_AREAS);
}

static void check_readonly(u32 seed)
{
	u64 *p;

	for (p = (u64 *)ARENA; (u64)p < ARENA + READONLY_LEN; p++)
		ASSERT_EQ(*p, (u64)random_next(&seed) << 32 | random_next(&seed));
}

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	ASSERT_TRUE(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static void good_guest(void)
{
	GUEST_DONE();
}

static void tell(const struct drawer *d)
{
	u64 n = 0, good = 0, runs = 0;
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		n += d[i].calls;
		good += d[i].good;
		runs += d[i].runs;
	}
	diag("%llu calls, %llu good, %llu runs", (unsigned long long)n, (unsigned long long)good,
	     (unsigned long long)runs);
	for (i = 0; i < 256; i++)
		if (errors[i])
			diag("%llu %s", (unsigned long long)errors[i], strerror(i));
	EXPECT_GT(good, n / 20);
	EXPECT_GT(runs, 1000ull);
}

static void close_all(void)
{
	unsigned int i;

	for (i = 0; i < NR_VMS; i++)
		replace(&vms[i], -1);
	for (i = 0; i < NR_VCPUS; i++)
		replace(&vcpus[i], -1);
	ASSERT_OK(munmap((void *)RUN_AREAS, NR_VCPUS * MIB));
}

TEST_SECONDS(calls, 200)
{
	const char *text = getenv("SEED");
	u32 seed = text ? strtoul(text, NULL, 0) : (u32)now_ns(), fds, i;
	long users = get_number("/sys/module/lodge/refcnt");
	struct rlimit limit = { MAX_FDS, MAX_FDS };
	struct drawer d[THREADS + 1] = { 0 };
	struct lodge_info info;
	pthread_t kick;
	struct vm *vm;

	diag("SEED=%u", seed);
	lodge_info(&info);
	run_size = info.run_size;
	xsave_size = info.xsave_size;
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &limit));
	signal(SIGUSR1, on_signal);
	never_enter = bochs_if_clear();
	make_arena(seed);
	memset(vms, 0xff, sizeof(vms));
	memset(vcpus, 0xff, sizeof(vcpus));
	for (i = 0; i < NR_EVENTFDS; i++)
		ASSERT_OK(eventfds[i] = eventfd(0, EFD_NONBLOCK));
	fds = open_fds();
	dev = lodge_open();
	for (i = 0; i <= THREADS; i++)
		d[i].seed = seed + i * 0x9e3779b9u;
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(thread, &d[i]);
	kick = thread_start(kicker, &d[THREADS]);
	while (finished < THREADS)
		usleep(1000);
	stop = true;
	ASSERT_EQ(pthread_join(kick, NULL), 0);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
	tell(d);
	check_readonly(seed);
	close_all();
	ASSERT_OK(close(dev));
	EXPECT_EQ(open_fds(), fds);
	EXPECT_EQ(get_number("/sys/module/lodge/refcnt"), users);
	vm = vm_create(0);
	vcpu_done(vcpu_long(vm, 0, good_guest));
}
