// SPDX-License-Identifier: GPL-2.0-only
/* VMs made by netlink: what they are and can do, who may make them, what is left of a failure */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "genl.h"
#include "killed.h"
#include "vm.h"

#define USER	1000
#define LONG	20000	/* ms */

static struct genl g;
static int dev;

/* ---- helpers ------------------------------------------------------------- */

/**
 * struct made - what an answer says
 * @nr: answers
 * @cmd: of the last
 * @fd: -1 if it has none
 * @number: and so on, as the attributes
 * @name: likewise
 * @state: likewise
 * @uid: likewise
 * @pid: likewise
 * @vcpus: likewise
 * @memory: likewise
 * @limit: likewise, 0 if there is none
 */
struct made {
	int nr;
	int cmd;
	int fd;
	u32 number;
	char name[LODGE_NAME_LEN];
	u32 state;
	u32 uid;
	u32 pid;
	u32 vcpus;
	u64 memory;
	u32 limit;
};

static void take_vm(const struct genl_answer *a, void *arg)
{
	struct made *m = arg;

	*m = (struct made){
		.nr = m->nr + 1,
		.cmd = a->cmd,
		.fd = a->attr[LODGE_A_VM_FD] ? (int)genl_u32(a, LODGE_A_VM_FD) : -1,
		.number = genl_u32(a, LODGE_A_VM_NUMBER),
		.state = genl_u32(a, LODGE_A_VM_STATE),
		.uid = genl_u32(a, LODGE_A_VM_UID),
		.pid = genl_u32(a, LODGE_A_VM_PID),
		.vcpus = genl_u32(a, LODGE_A_VM_VCPUS),
		.memory = genl_u64(a, LODGE_A_VM_MEMORY),
		.limit = a->attr[LODGE_A_VM_CPU_LIMIT] ? genl_u32(a, LODGE_A_VM_CPU_LIMIT) : 0,
	};
	snprintf(m->name, sizeof(m->name), "%s", (const char *)(a->attr[LODGE_A_VM_NAME] + 1));
}

static void open_all(void)
{
	genl_open(&g);
	dev = lodge_open();
}

static void begin(int device, const char *name)
{
	genl_begin(&g, LODGE_CMD_VM_NEW, 0);
	genl_put_u32(&g, LODGE_A_VM_DEVICE, device);
	genl_put(&g, LODGE_A_VM_NAME, name, strlen(name) + 1);
}

/* Sends what was begun; the test goes on only if it is answered as it should be */
static struct made finish(void)
{
	struct made m = { .fd = -1 };
	int err = genl_send(&g, take_vm, &m);

	if (err)
		diag("%s", g.text);
	ASSERT_EQ(err, 0);
	ASSERT_EQ(m.nr, 1);
	ASSERT_EQ(m.cmd, LODGE_CMD_VM_NEW);
	ASSERT_GE(m.fd, 0);
	return m;
}

static struct made make(const char *name)
{
	begin(dev, name);
	return finish();
}

static int look(u32 number, struct made *m)
{
	*m = (struct made){ .fd = -1 };
	genl_begin(&g, LODGE_CMD_VM_GET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	return genl_send(&g, take_vm, m);
}

/* How many VMs and records the sender sees */
static int all(void)
{
	struct made m = { .nr = 0 };

	genl_begin(&g, LODGE_CMD_VM_GET, NLM_F_DUMP);
	EXPECT_EQ(genl_send(&g, take_vm, &m), 0);
	return m.nr;
}

/* The descriptor that the next call to make one would return */
static int next_fd(void)
{
	int fd = dup(STDOUT_FILENO);

	ASSERT_OK(fd);
	close(fd);
	return fd;
}

/* Sends what was begun, in vain; nothing comes of it */
static void refused(int error, const char *text, int bad)
{
	unsigned int users = module_users();
	struct made m = { .nr = 0 };
	int fd = next_fd(), got = genl_send(&g, take_vm, &m);

	EXPECT_EQ(got, -error);
	EXPECT_EQ(m.nr, 0);
	EXPECT_EQ(next_fd(), fd);
	EXPECT_EQ(module_users(), users);
	if (strstr(g.text, text) && g.bad == bad)
		return;
	diag("\"%s\" about attribute %d, not \"%s\" about %d", g.text, g.bad, text, bad);
	EXPECT_TRUE(false);
}

/* In a process of its own, whose failures are the test's */
static void in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	ASSERT_OK(pid);
	if (!pid) {
		fn();
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* ---- what it is ---------------------------------------------------------- */

static volatile u64 sum;

static void adds(void)
{
	u64 i;

	for (i = 1; i <= 1000; i++)
		sum += i;
	GUEST_SYNC(sum);
	GUEST_DONE();
}

TEST(runs_a_guest)
{
	void *mem = mmap(NULL, VM_MEMORY, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct made m, now;
	struct vcpu *vcpu;
	struct vm *vm;

	open_all();
	m = make("door");
	EXPECT_EQ(strcmp(m.name, "door"), 0);
	EXPECT_EQ(m.state, (u32)LODGE_STATE_CREATED);
	EXPECT_EQ(m.uid, 0u);
	EXPECT_EQ(m.pid, (u32)getpid());
	EXPECT_EQ(m.vcpus, 0u);
	EXPECT_EQ(m.memory, 0u);
	EXPECT_EQ(m.limit, 0u);
	EXPECT_EQ(fcntl(m.fd, F_GETFD), FD_CLOEXEC);
	vm = vm_of(m.fd, mem, VM_MEMORY);
	vcpu = vcpu_long(vm, 0, adds);
	vcpu_sync(vcpu, 500500);
	vcpu_done(vcpu);
	ASSERT_EQ(look(m.number, &now), 0);
	EXPECT_EQ(strcmp(now.name, "door"), 0);
	EXPECT_EQ(now.state, (u32)LODGE_STATE_RUNNING);
	EXPECT_EQ(now.vcpus, 1u);
	EXPECT_EQ(now.memory, (u64)VM_MEMORY);
	EXPECT_EQ(now.fd, -1);
	EXPECT_EQ(all(), 1);
	vcpu_free(vcpu);
	vm_free(vm);
	EXPECT_EQ(look(m.number, &now), -ENOENT);
}

/* Is there such a console? */
static bool has_console(int fd, u32 which)
{
	struct lodge_open_console c = { .size = sizeof(c), .which = which };
	int console = ioctl(fd, LODGE_VM_CONSOLE, &c);

	if (console >= 0)
		close(console);
	return console >= 0;
}

TEST(flags)
{
	struct made m;

	open_all();
	m = make("");
	EXPECT_FALSE(has_console(m.fd, LODGE_CONSOLE_SERIAL));
	close(m.fd);
	begin(dev, "pc");
	genl_put_u32(&g, LODGE_A_VM_FLAGS, VM_PC | LODGE_VM_DEBUG_PORTS | LODGE_VM_CLOSED);
	m = finish();
	EXPECT_TRUE(has_console(m.fd, LODGE_CONSOLE_SERIAL));
	EXPECT_TRUE(has_console(m.fd, LODGE_CONSOLE_DEBUG));
	close(m.fd);
	/* all that it takes is the descriptor, however it was opened */
	genl_begin(&g, LODGE_CMD_VM_NEW, 0);
	genl_put_u32(&g, LODGE_A_VM_DEVICE, open("/dev/lodge", O_RDONLY));
	m = finish();
	EXPECT_EQ(m.name[0], 0);
}

static const char *text_of(const struct genl_answer *a, int attr)
{
	return a->attr[attr] ? (const char *)(a->attr[attr] + 1) : "";
}

static void expect_event(struct genl *events, u32 kind, u32 number)
{
	struct genl_answer a;

	ASSERT_TRUE(genl_event(events, LONG, &a));
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_KIND), kind);
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_VM), number);
}

TEST(limit)
{
	struct genl events;
	struct made m, now;

	open_all();
	genl_open(&events);
	ASSERT_EQ(genl_join(&events, LODGE_EVENT_GROUP_LIFE), 0);
	begin(dev, "slow");
	genl_put_u32(&g, LODGE_A_VM_CPU_LIMIT, 50);
	m = finish();
	EXPECT_EQ(m.limit, 50u);
	ASSERT_EQ(look(m.number, &now), 0);
	EXPECT_EQ(now.limit, 50u);
	close(m.fd);
	expect_event(&events, LODGE_VM_EVENT_CREATED, m.number);
	expect_event(&events, LODGE_VM_EVENT_LIMITED, m.number);
	expect_event(&events, LODGE_VM_EVENT_ENDED, m.number);
	expect_event(&events, LODGE_VM_EVENT_DELETED, m.number);
}

/* What is made again is the same, whichever way it was made */
TEST(made_again)
{
	struct lodge_vm_end e = {
		.size = sizeof(e), .reason = LODGE_END_RESET,
		.flags = LODGE_VM_END_KEEP | LODGE_VM_END_RESTARTS,
	};
	struct made m, again;
	int fd;

	open_all();
	begin(dev, "job");
	genl_put_u32(&g, LODGE_A_VM_CPU_LIMIT, 70);
	m = finish();
	ASSERT_EQ(ioctl(m.fd, LODGE_VM_END, &e), 0);
	close(m.fd);
	fd = vm_bare("job");
	ASSERT_EQ(look(m.number, &again), 0);
	EXPECT_EQ(again.limit, 70u);
	ASSERT_EQ(ioctl(fd, LODGE_VM_END, &e), 0);
	close(fd);
	again = make("job");
	EXPECT_EQ(again.number, m.number);
	EXPECT_EQ(again.limit, 70u);
	EXPECT_EQ(again.state, (u32)LODGE_STATE_CREATED);
	EXPECT_EQ(all(), 1);
}

static void makes_one(void)
{
	open_all();
	make("victim");
}

TEST(killed)
{
	struct made m = { .nr = 0 };

	kill_while(makes_one);
	genl_open(&g);
	genl_begin(&g, LODGE_CMD_VM_GET, NLM_F_DUMP);
	ASSERT_EQ(genl_send(&g, take_vm, &m), 0);
	ASSERT_EQ(m.nr, 1);
	EXPECT_EQ(strcmp(m.name, "victim"), 0);
	EXPECT_EQ(m.state, (u32)LODGE_STATE_ENDED);
	genl_begin(&g, LODGE_CMD_VM_DELETE, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, m.number);
	EXPECT_EQ(genl_send(&g, NULL, NULL), 0);
}

/* ---- what it refuses ----------------------------------------------------- */

TEST(bad_devices)
{
	static const u64 wide;
	struct made m;
	int fd;

	open_all();
	genl_begin(&g, LODGE_CMD_VM_NEW, 0);
	refused(EINVAL, "the descriptor of /dev/lodge is missing", 0);
	begin(-1, "x");
	refused(ERANGE, "out of range", LODGE_A_VM_DEVICE);
	begin(0x7fffffff, "x");
	refused(EBADF, "is not open", LODGE_A_VM_DEVICE);
	fd = lodge_open();
	close(fd);
	begin(fd, "x");
	refused(EBADF, "is not open", LODGE_A_VM_DEVICE);
	/* which no ioctl works on either */
	fd = open("/dev/lodge", O_PATH);
	ASSERT_OK(fd);
	begin(fd, "x");
	refused(EBADF, "is not open", LODGE_A_VM_DEVICE);
	begin(g.fd, "x");
	refused(ENOTTY, "is not of /dev/lodge", LODGE_A_VM_DEVICE);
	fd = open("/dev/null", O_RDWR);
	ASSERT_OK(fd);
	begin(fd, "x");
	refused(ENOTTY, "is not of /dev/lodge", LODGE_A_VM_DEVICE);
	m = make("x");
	begin(m.fd, "y");
	refused(ENOTTY, "is not of /dev/lodge", LODGE_A_VM_DEVICE);
	genl_begin(&g, LODGE_CMD_VM_NEW, 0);
	genl_put(&g, LODGE_A_VM_DEVICE, &wide, sizeof(wide));
	refused(EINVAL, "length", LODGE_A_VM_DEVICE);
	EXPECT_EQ(all(), 1);
}

TEST(bad_requests)
{
	static const u32 flags[] = { LODGE_VM_MACHINE, LODGE_VM_PCI | LODGE_VM_HLT_IN_KERNEL };
	unsigned int i;

	open_all();
	begin(dev, "a/b");
	refused(EINVAL, "printable characters", LODGE_A_VM_NAME);
	begin(dev, "a\nb");
	refused(EINVAL, "printable characters", LODGE_A_VM_NAME);
	genl_begin(&g, LODGE_CMD_VM_NEW, 0);
	genl_put_u32(&g, LODGE_A_VM_DEVICE, dev);
	genl_put(&g, LODGE_A_VM_NAME, "none", 4);
	refused(EINVAL, "", LODGE_A_VM_NAME);
	begin(dev, "0123456789012345678901234567890x");
	refused(EINVAL, "", LODGE_A_VM_NAME);
	begin(dev, "x");
	genl_put_u32(&g, LODGE_A_VM_CPU_LIMIT, 6401);
	refused(ERANGE, "out of range", LODGE_A_VM_CPU_LIMIT);
	begin(dev, "x");
	genl_put_u32(&g, LODGE_A_VM_FLAGS, LODGE_VM_PCI << 1);
	refused(EINVAL, "reserved bit", LODGE_A_VM_FLAGS);
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		begin(dev, "x");
		genl_put_u32(&g, LODGE_A_VM_FLAGS, flags[i]);
		refused(EINVAL, "a machine halts in the kernel", LODGE_A_VM_FLAGS);
	}
	begin(dev, "x");
	genl_put_u32(&g, LODGE_A_VM_TSC_KHZ, 1);
	refused(EINVAL, "too far from the host's", LODGE_A_VM_TSC_KHZ);
	begin(dev, "x");
	genl_put_u32(&g, LODGE_A_VM_FD, 20);
	refused(EINVAL, "nknown attribute", LODGE_A_VM_FD);
	begin(dev, "x");
	genl_put_u32(&g, LODGE_A_VM_NUMBER, 20);
	refused(EINVAL, "attribute", LODGE_A_VM_NUMBER);
	begin(dev, "x");
	((struct nlmsghdr *)g.room)->nlmsg_flags |= NLM_F_DUMP;
	EXPECT_EQ(genl_send(&g, NULL, NULL), -EOPNOTSUPP);
	EXPECT_EQ(all(), 0);
}

/* ---- who may ------------------------------------------------------------- */

static void become_user(void)
{
	ASSERT_OK(setgroups(0, NULL));
	ASSERT_OK(setresgid(USER, USER, USER));
	ASSERT_OK(setresuid(USER, USER, USER));
}

static void is_refused_as_user(void)
{
	become_user();
	begin(dev, "borrowed");
	refused(EPERM, "the socket is another user's", 0);
}

/* Whose socket it is counts, and the descriptor: not whether one could open the device oneself */
static void makes_one_as_user(void)
{
	struct made m;

	become_user();
	EXPECT_TRUE(open("/dev/lodge", O_RDWR) < 0 && errno == EACCES);
	genl_open(&g);
	m = make("users");
	EXPECT_EQ(m.uid, (u32)USER);
	EXPECT_EQ(all(), 1);
}

TEST(other_users)
{
	open_all();
	in_child(is_refused_as_user);
	in_child(makes_one_as_user);
	/* the other way round: rights do not help a socket that somebody without has opened */
	genl_close(&g);
	ASSERT_OK(seteuid(USER));
	genl_open(&g);
	ASSERT_OK(seteuid(0));
	begin(dev, "borrowed");
	refused(EPERM, "the socket is another user's", 0);
}

static void is_root_elsewhere(void)
{
	struct made m;

	ASSERT_OK(unshare(CLONE_NEWUSER));
	begin(dev, "x");
	refused(EPERM, "the socket is another user's", 0);
	genl_close(&g);
	genl_open(&g);
	m = make("x");
	EXPECT_EQ(all(), 1);
	close(m.fd);
}

static void is_elsewhere(void)
{
	struct genl old;
	struct made m;

	ASSERT_OK(unshare(CLONE_NEWNET));
	begin(dev, "x");
	refused(EPERM, "another network namespace", 0);
	old = g;
	genl_open(&g);
	m = make("x");
	EXPECT_EQ(all(), 1);
	close(m.fd);
	genl_close(&old);
}

TEST(other_namespaces)
{
	open_all();
	in_child(is_root_elsewhere);
	in_child(is_elsewhere);
	EXPECT_EQ(all(), 0);
}

/* ---- limits -------------------------------------------------------------- */

static void restore(void)
{
	set_parameter("vms_per_user", "256");
}

TEST(too_many)
{
	struct made m[2];
	int fd;

	open_all();
	ktap_at_end(restore);
	set_parameter("vms_per_user", "3");
	m[0] = make("x");
	fd = vm_bare("x");
	m[1] = make("x");
	begin(dev, "x");
	refused(EUSERS, "the user has as many VMs as he may have", 0);
	close(fd);
	EXPECT_GE(make("x").fd, 0);
	EXPECT_EQ(all(), 3);
	close(m[0].fd);
	close(m[1].fd);
}

TEST(no_descriptor)
{
	struct made m = { .nr = 0 };
	struct rlimit old, none;
	int fd;

	open_all();
	ASSERT_OK(getrlimit(RLIMIT_NOFILE, &old));
	fd = next_fd();
	none = (struct rlimit){ fd, old.rlim_max };
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &none));
	begin(dev, "x");
	EXPECT_EQ(genl_send(&g, take_vm, &m), -EMFILE);
	EXPECT_TRUE(strstr(g.text, "as many descriptors"));
	EXPECT_EQ(m.nr, 0);
	EXPECT_EQ(all(), 0);
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(make("x").fd, fd);
}

/* ---- an answer that does not get through --------------------------------- */

/* Sends what was begun, and leaves the answer where it is */
static void send_only(void)
{
	struct nlmsghdr *h = (struct nlmsghdr *)g.room;

	h->nlmsg_len = g.len;
	ASSERT_EQ(send(g.fd, g.room, g.len, 0), (ssize_t)g.len);
}

static void fill_socket(void)
{
	int i, least = 1;

	ASSERT_OK(setsockopt(g.fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)));
	for (i = 0; i < 64; i++) {
		genl_begin(&g, LODGE_CMD_CAPS_GET, 0);
		send_only();
	}
}

/* Reads all there is; how much of it is answers to @cmd */
static int drain_socket(int cmd)
{
	static char bytes[65536] __attribute__((aligned(8)));
	const struct nlmsghdr *h = (const struct nlmsghdr *)bytes;
	int nr = 0;
	ssize_t n;

	while ((n = recv(g.fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 || errno == ENOBUFS)
		if (n > 0 && h->nlmsg_type == g.family)
			nr += ((const struct genlmsghdr *)NLMSG_DATA(h))->cmd == cmd;
	EXPECT_EQ(errno, EAGAIN);
	return nr;
}

TEST(no_room_for_the_answer)
{
	struct genl_answer a;
	struct genl events;
	unsigned int users;
	u32 number;
	int i, fd;

	open_all();
	genl_open(&events);
	ASSERT_EQ(genl_join(&events, LODGE_EVENT_GROUP_LIFE), 0);
	users = module_users();
	fd = next_fd();
	fill_socket();
	for (i = 0; i < 10; i++) {
		begin(dev, "full");
		send_only();
		/* it was made, and has gone again before the call returned */
		EXPECT_EQ(next_fd(), fd);
		EXPECT_EQ(module_users(), users);
		ASSERT_TRUE(genl_event(&events, 0, &a));
		EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_KIND), (u32)LODGE_VM_EVENT_CREATED);
		EXPECT_EQ(strcmp(text_of(&a, LODGE_A_EVENT_NAME), "full"), 0);
		number = genl_u32(&a, LODGE_A_EVENT_VM);
		expect_event(&events, LODGE_VM_EVENT_ENDED, number);
		expect_event(&events, LODGE_VM_EVENT_DELETED, number);
	}
	EXPECT_EQ(drain_socket(LODGE_CMD_VM_NEW), 0);
	EXPECT_EQ(all(), 0);
	EXPECT_EQ(make("full").fd, fd);
}

/* Requests for many in one call */
TEST(many_at_once)
{
	enum { MANY = 20 };
	char request[GENL_MAX];
	struct genl_answer a;
	unsigned int len = 0;
	int i, fd[MANY];

	open_all();
	for (i = 0; i < MANY; i++) {
		begin(dev, "many");
		((struct nlmsghdr *)g.room)->nlmsg_len = g.len;
		memcpy(request + len, g.room, g.len);
		len += NLMSG_ALIGN(g.len);
	}
	ASSERT_EQ(send(g.fd, request, len, 0), (ssize_t)len);
	for (i = 0; i < MANY; i++) {
		ASSERT_TRUE(genl_event(&g, 0, &a));
		ASSERT_EQ(a.cmd, LODGE_CMD_VM_NEW);
		fd[i] = genl_u32(&a, LODGE_A_VM_FD);
	}
	EXPECT_EQ(all(), MANY);
	for (i = 0; i < MANY; i++)
		EXPECT_OK(close(fd[i]));
	EXPECT_EQ(all(), 0);
}
