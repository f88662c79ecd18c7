// SPDX-License-Identifier: GPL-2.0-only
/* The netlink family: what it refuses and how it says so, whose VMs one sees, records, limits */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "genl.h"
#include "vm.h"

#define USER	1000
#define LONG	20000	/* ms */

static struct genl g;

/* ---- helpers ------------------------------------------------------------- */

/* A VM without memory; its descriptor */
static int create(const char *name)
{
	struct lodge_create_vm c = { .size = sizeof(c) };
	int fd, dev = open("/dev/lodge", O_RDWR | O_CLOEXEC);

	ASSERT_OK(dev);
	snprintf(c.name, sizeof(c.name), "%s", name);
	fd = ioctl(dev, LODGE_CREATE_VM, &c);
	close(dev);
	return fd;
}

static int ask(int cmd, uint32_t number, genl_take take, void *arg)
{
	genl_begin(&g, cmd, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	return genl_send(&g, take, arg);
}

/**
 * struct found - what a dump of VMs told
 * @name: of interest
 * @number: of the last one of that name, or 0
 * @state: its state
 * @reason: likewise
 * @status: likewise
 * @nr: how many of that name
 * @all: how many of any
 * @last: number of the last
 * @sorted: each number was above the one before
 */
struct found {
	const char *name;
	uint32_t number;
	uint32_t state;
	uint32_t reason;
	uint32_t status;
	int nr;
	int all;
	uint32_t last;
	bool sorted;
};

static void take_vm(const struct genl_answer *a, void *arg)
{
	struct found *f = arg;
	uint32_t number = genl_u32(a, LODGE_A_VM_NUMBER);

	f->sorted &= number > f->last;
	f->last = number;
	f->all++;
	if (strcmp((const char *)(a->attr[LODGE_A_VM_NAME] + 1), f->name))
		return;
	f->nr++;
	f->number = number;
	f->state = genl_u32(a, LODGE_A_VM_STATE);
	if (f->state != LODGE_STATE_ENDED)
		return;
	f->reason = genl_u32(a, LODGE_A_VM_REASON);
	f->status = genl_u32(a, LODGE_A_VM_STATUS);
	EXPECT_GE(genl_u64(a, LODGE_A_VM_ENDED), genl_u64(a, LODGE_A_VM_CREATED));
}

static struct found find(const char *name)
{
	struct found f = { .name = name, .sorted = true };

	genl_begin(&g, LODGE_CMD_VM_GET, NLM_F_DUMP);
	EXPECT_EQ(genl_send(&g, take_vm, &f), 0);
	EXPECT_TRUE(f.sorted);
	return f;
}

/* A process that has a VM of this name, and waits */
static pid_t owner_of(const char *name)
{
	int p[2];
	char byte;
	pid_t pid;

	ASSERT_OK(pipe(p));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		if (create(name) >= 0 && write(p[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(p[1]);
	ASSERT_EQ(read(p[0], &byte, 1), 1);
	close(p[0]);
	return pid;
}

static void end(pid_t pid, int sig)
{
	kill(pid, sig);
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
}

static void forget(const char *name)
{
	struct found f;

	for (f = find(name); f.nr; f = find(name))
		ASSERT_EQ(ask(LODGE_CMD_VM_DELETE, f.number, NULL, NULL), 0);
}

/* As another user, in a process of its own; @fn's failures are the test's */
static void as_user(uid_t uid, int clone_flags, void (*fn)(uint32_t number), uint32_t number)
{
	int status;
	pid_t pid = fork();

	ASSERT_OK(pid);
	if (!pid) {
		if (clone_flags)
			ASSERT_OK(unshare(clone_flags));
		if (uid)
			ASSERT_OK(setresuid(uid, uid, uid));
		genl_open(&g);
		fn(number);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* ---- what it refuses ----------------------------------------------------- */

static bool is_dump(void)
{
	return (((struct nlmsghdr *)g.room)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

static void refused(int error, const char *text, int bad)
{
	int got = genl_send(&g, NULL, NULL);

	EXPECT_EQ(got, -error);
	/* Linux 6.1 has no way for the start of a dump to say more than an errno */
	if (is_dump() && !g.text[0])
		return;
	if (!strstr(g.text, text) || g.bad != bad) {
		diag("\"%s\" about attribute %d, not \"%s\" about %d", g.text, g.bad, text, bad);
		EXPECT_TRUE(false);
	}
}

TEST(bad_requests)
{
	uint32_t number;
	uint16_t shorter = 1;
	int fd;

	genl_open(&g);
	fd = create("bad");
	ASSERT_OK(fd);
	number = find("bad").number;
	genl_begin(&g, LODGE_CMD_VM_GET, 0);
	refused(EINVAL, "the number of a VM is missing", 0);
	genl_begin(&g, LODGE_CMD_VM_GET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, 0x7ffffffe);
	refused(ENOENT, "there is no such VM", LODGE_A_VM_NUMBER);
	genl_begin(&g, LODGE_CMD_VM_GET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, 0);
	refused(ERANGE, "out of range", LODGE_A_VM_NUMBER);
	genl_begin(&g, LODGE_CMD_VM_GET, 0);
	genl_put(&g, LODGE_A_VM_NUMBER, &shorter, sizeof(shorter));
	refused(EINVAL, "length", LODGE_A_VM_NUMBER);
	genl_begin(&g, LODGE_CMD_VM_GET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	genl_put_u32(&g, LODGE_A_VM_STATE, 1);
	refused(EINVAL, "only a dump is filtered", LODGE_A_VM_STATE);
	genl_begin(&g, LODGE_CMD_VM_GET, NLM_F_DUMP);
	genl_put_u32(&g, LODGE_A_VM_STATE, LODGE_STATE_ENDED + 1);
	refused(ERANGE, "out of range", LODGE_A_VM_STATE);
	genl_begin(&g, LODGE_CMD_VM_GET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	genl_put_u32(&g, LODGE_A_VM_REASON, 1);
	refused(EINVAL, "nknown attribute", LODGE_A_VM_REASON);
	genl_begin(&g, LODGE_CMD_VM_GET, NLM_F_DUMP);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	refused(EINVAL, "a dump is of all VMs", LODGE_A_VM_NUMBER);
	genl_begin(&g, LODGE_CMD_VM_SET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	refused(EINVAL, "no action, name or limit", 0);
	genl_begin(&g, LODGE_CMD_VM_SET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	genl_put_u32(&g, LODGE_A_VM_ACTION, LODGE_ACTION_NMI + 1);
	refused(ERANGE, "out of range", LODGE_A_VM_ACTION);
	genl_begin(&g, LODGE_CMD_VM_SET, NLM_F_DUMP);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	refused(EOPNOTSUPP, "", 0);
	genl_begin(&g, LODGE_CMD_VM_DELETE, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	refused(EBUSY, "the VM has not ended", LODGE_A_VM_NUMBER);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_STOP), -ENODEV);
	EXPECT_TRUE(strstr(g.text, "no power button"));
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_RESUME), -EALREADY);
	close(fd);
	EXPECT_EQ(find("bad").nr, 0);
	EXPECT_EQ(ask(LODGE_CMD_VM_GET, number, NULL, NULL), -ENOENT);
}

TEST(bad_requests_for_parts)
{
	uint32_t number;
	int fd;

	genl_open(&g);
	fd = create("bad");
	ASSERT_OK(fd);
	number = find("bad").number;
	genl_begin(&g, LODGE_CMD_VCPU_GET, 0);
	genl_put_u32(&g, LODGE_A_VCPU_VM, number);
	refused(EINVAL, "the number of a vCPU is missing", 0);
	genl_put_u32(&g, LODGE_A_VCPU_ID, 0);
	refused(ENOENT, "no such vCPU", LODGE_A_VCPU_ID);
	genl_begin(&g, LODGE_CMD_VCPU_GET, 0);
	genl_put_u32(&g, LODGE_A_VCPU_VM, number);
	genl_put_u32(&g, LODGE_A_VCPU_ID, 64);
	refused(ERANGE, "out of range", LODGE_A_VCPU_ID);
	genl_begin(&g, LODGE_CMD_VCPU_GET, NLM_F_DUMP);
	refused(EINVAL, "the number of a VM is missing", 0);
	genl_begin(&g, LODGE_CMD_STATS_GET, NLM_F_DUMP);
	genl_put_u32(&g, LODGE_A_STATS_VM, number);
	genl_put_u32(&g, LODGE_A_STATS_VCPU, 0);
	refused(EINVAL, "a dump is of all there are", LODGE_A_STATS_VCPU);
	genl_begin(&g, LODGE_CMD_CONSOLE_GET, 0);
	genl_put_u32(&g, LODGE_A_CONSOLE_VM, number);
	genl_put_u32(&g, LODGE_A_CONSOLE_WHICH, 3);
	refused(ERANGE, "out of range", LODGE_A_CONSOLE_WHICH);
	genl_begin(&g, LODGE_CMD_CAPS_GET, 0);
	genl_put_u32(&g, 1, 1);
	refused(EINVAL, "ttribute", 1);
	genl_begin(&g, LODGE_CMD_EVENT, 0);
	refused(EOPNOTSUPP, "", 0);
	genl_begin(&g, 99, 0);
	refused(EOPNOTSUPP, "", 0);
	close(fd);
}

/* ---- whose VMs one sees -------------------------------------------------- */

static void sees_nothing(uint32_t number)
{
	int cmd;

	EXPECT_EQ(find("").all, 0);
	for (cmd = LODGE_CMD_VM_GET; cmd <= LODGE_CMD_MAX; cmd++) {
		if (cmd == LODGE_CMD_CAPS_GET || cmd == LODGE_CMD_EVENT ||
		    cmd == LODGE_CMD_EVENT_LISTEN || cmd == LODGE_CMD_VM_NEW)
			continue;
		genl_begin(&g, cmd, 0);
		genl_put_u32(&g, 1, number);
		if (cmd == LODGE_CMD_VM_SET)
			genl_put_u32(&g, LODGE_A_VM_ACTION, LODGE_ACTION_KILL);
		if (cmd == LODGE_CMD_VCPU_GET)
			genl_put_u32(&g, LODGE_A_VCPU_ID, 0);
		EXPECT_EQ(genl_send(&g, NULL, NULL), -ENOENT);
		EXPECT_TRUE(strstr(g.text, "there is no such VM"));
	}
	genl_begin(&g, LODGE_CMD_VCPU_GET, NLM_F_DUMP);
	genl_put_u32(&g, LODGE_A_VCPU_VM, number);
	EXPECT_EQ(genl_send(&g, NULL, NULL), -ENOENT);
	genl_begin(&g, LODGE_CMD_CAPS_GET, 0);
	EXPECT_EQ(genl_send(&g, NULL, NULL), 0);
}

static void sees_own(uint32_t number)
{
	struct genl_answer a;
	struct genl events;
	struct found f;
	int fd;

	sees_nothing(number);
	genl_open(&events);
	for (fd = 0; fd < LODGE_EVENT_GROUP_NR; fd++)
		EXPECT_EQ(genl_join(&events, fd), -EPERM);
	genl_begin(&events, LODGE_CMD_EVENT_LISTEN, 0);
	EXPECT_EQ(genl_send(&events, NULL, NULL), 0);
	EXPECT_EQ(genl_send(&events, NULL, NULL), -EALREADY);
	fd = create("mine");
	ASSERT_OK(fd);
	f = find("mine");
	EXPECT_EQ(f.all, 1);
	EXPECT_EQ(genl_act(&g, f.number, LODGE_ACTION_PAUSE), 0);
	ASSERT_TRUE(genl_event(&events, LONG, &a));
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_KIND), (u32)LODGE_VM_EVENT_CREATED);
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_VM), f.number);
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_SEQ), 1u);
	ASSERT_TRUE(genl_event(&events, LONG, &a));
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_KIND), (u32)LODGE_VM_EVENT_PAUSED);
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_SEQ), 2u);
	EXPECT_FALSE(genl_event(&events, 0, &a));
}

TEST(other_users)
{
	mode_t mode = 0600;
	struct stat st;
	uint32_t number;
	int fd;

	genl_open(&g);
	fd = create("roots");
	ASSERT_OK(fd);
	number = find("roots").number;
	ASSERT_EQ(stat("/dev/lodge", &st), 0);
	mode = st.st_mode & 07777;
	ASSERT_EQ(chmod("/dev/lodge", 0666), 0);
	as_user(USER, 0, sees_own, number);
	ASSERT_EQ(chmod("/dev/lodge", mode), 0);
	/* root of a user namespace of his own is root of that alone, though his user is the same */
	as_user(0, CLONE_NEWUSER, sees_nothing, number);
	as_user(0, CLONE_NEWUSER | CLONE_NEWNET, sees_nothing, number);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_PAUSE), 0);
	close(fd);
}

static void has_one(uint32_t number)
{
	EXPECT_EQ(ask(LODGE_CMD_VM_GET, number, NULL, NULL), 0);
	EXPECT_EQ(find("roots").nr, 1);
}

TEST(other_network_namespace)
{
	uint32_t number;
	int fd;

	genl_open(&g);
	fd = create("roots");
	ASSERT_OK(fd);
	number = find("roots").number;
	/* CAP_SYS_ADMIN it is that shows it */
	as_user(0, CLONE_NEWNET, has_one, number);
	close(fd);
}

/* A socket that somebody without rights has opened gives none to who is made to write to it */
TEST(borrowed_socket)
{
	uint32_t number;
	int fd;

	genl_open(&g);
	fd = create("roots");
	ASSERT_OK(fd);
	number = find("roots").number;
	genl_close(&g);
	ASSERT_OK(seteuid(USER));
	genl_open(&g);
	ASSERT_OK(seteuid(0));
	EXPECT_EQ(ask(LODGE_CMD_VM_GET, number, NULL, NULL), -ENOENT);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_KILL), -ENOENT);
	EXPECT_EQ(find("roots").all, 0);
	genl_begin(&g, LODGE_CMD_EVENT_LISTEN, 0);
	EXPECT_EQ(genl_send(&g, NULL, NULL), -EPERM);
	close(fd);
}

/* ---- records ------------------------------------------------------------- */

TEST(killed)
{
	struct found f;
	pid_t pid;

	genl_open(&g);
	forget("victim");
	pid = owner_of("victim");
	f = find("victim");
	EXPECT_EQ(f.state, (u32)LODGE_STATE_CREATED);
	end(pid, SIGKILL);
	f = find("victim");
	ASSERT_EQ(f.nr, 1);
	EXPECT_EQ(f.state, (u32)LODGE_STATE_ENDED);
	EXPECT_EQ(f.reason, (u32)LODGE_END_KILLED);
	EXPECT_EQ(f.status, 128u + SIGKILL);
	EXPECT_EQ(genl_act(&g, f.number, LODGE_ACTION_KILL), -ESRCH);
	EXPECT_EQ(ask(LODGE_CMD_STATS_GET, f.number, NULL, NULL), 0);
	EXPECT_EQ(ask(LODGE_CMD_CONSOLE_GET, f.number, NULL, NULL), 0);
	EXPECT_EQ(ask(LODGE_CMD_VM_DELETE, f.number, NULL, NULL), 0);
	EXPECT_EQ(ask(LODGE_CMD_VM_DELETE, f.number, NULL, NULL), -ENOENT);
}

static void set_end(int fd, u32 reason, u32 status, u32 flags)
{
	struct lodge_vm_end e = {
		.size = sizeof(e), .reason = reason, .status = status, .flags = flags,
	};

	ASSERT_EQ(ioctl(fd, LODGE_VM_END, &e), 0);
}

TEST(told)
{
	struct found f;
	uint32_t number;
	int fd;

	genl_open(&g);
	forget("job");
	fd = create("job");
	set_end(fd, LODGE_END_EXIT, 7, 0);
	close(fd);
	EXPECT_EQ(find("job").nr, 0);
	fd = create("job");
	number = find("job").number;
	set_end(fd, LODGE_END_PANIC, 255, LODGE_VM_END_KEEP);
	set_end(fd, LODGE_END_RESET, 0, LODGE_VM_END_KEEP | LODGE_VM_END_RESTARTS);
	close(fd);
	f = find("job");
	EXPECT_EQ(f.number, number);
	EXPECT_EQ(f.reason, (u32)LODGE_END_RESET);
	EXPECT_EQ(ask(LODGE_CMD_VM_DELETE, number, NULL, NULL), -EBUSY);
	/* another name is another VM; the same is the same */
	fd = create("other");
	EXPECT_NE(find("other").number, number);
	close(fd);
	fd = create("job");
	f = find("job");
	EXPECT_EQ(f.nr, 1);
	EXPECT_EQ(f.number, number);
	EXPECT_EQ(f.state, (u32)LODGE_STATE_CREATED);
	close(fd);
	EXPECT_EQ(find("job").nr, 0);
}

/* The records of a network namespace go with it */
TEST(network_namespace_goes)
{
	int i, status;
	pid_t pid;

	genl_open(&g);
	forget("guest");
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		ASSERT_OK(unshare(CLONE_NEWNET));
		end(owner_of("guest"), SIGKILL);
		genl_open(&g);
		EXPECT_EQ(find("guest").nr, 1);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	for (i = 0; i < 200 && find("guest").nr; i++)
		poll(NULL, 0, 50);
	EXPECT_EQ(find("guest").nr, 0);
}

/* ---- limits -------------------------------------------------------------- */

TEST(limits)
{
	int i, fd[6];

	genl_open(&g);
	forget("many");
	set_parameter("vms_per_user", "5");
	for (i = 0; i < 5; i++) {
		fd[i] = create("many");
		EXPECT_OK(fd[i]);
	}
	EXPECT_ERRNO(create("many"), EUSERS);
	close(fd[2]);
	fd[2] = create("many");
	EXPECT_OK(fd[2]);
	for (i = 0; i < 5; i++)
		close(fd[i]);
	set_parameter("vms_per_user", "256");
	set_parameter("records_per_user", "3");
	for (i = 0; i < 5; i++)
		end(owner_of(i == 1 ? "second" : "many"), SIGKILL);
	EXPECT_EQ(find("many").all, 3);
	EXPECT_EQ(find("second").nr, 0);
	set_parameter("records_per_user", "0");
	end(owner_of("many"), SIGKILL);
	EXPECT_EQ(find("many").all, 0);
	set_parameter("records_per_user", "64");
}

/* ---- dumps --------------------------------------------------------------- */

#define MANY	120

TEST_SECONDS(large_dump, 120)
{
	int i, fd[MANY];
	struct found f;

	genl_open(&g);
	for (i = 0; i < MANY; i++) {
		fd[i] = create("many");
		ASSERT_OK(fd[i]);
	}
	f = find("many");
	EXPECT_EQ(f.nr, MANY);
	EXPECT_FALSE(g.interrupted);
	for (i = 0; i < MANY; i += 2)
		close(fd[i]);
	EXPECT_EQ(find("many").nr, MANY / 2);
	for (i = 1; i < MANY; i += 2)
		close(fd[i]);
	EXPECT_EQ(find("many").nr, 0);
}

static void take_first(const struct genl_answer *a, void *arg)
{
	bool *done = arg;

	if (!*done)
		ASSERT_OK(create("late"));
	*done = true;
}

/* Something comes between the messages of a dump: it says so */
TEST(changed_meanwhile)
{
	bool done = false;
	int i;

	genl_open(&g);
	set_parameter("vms_per_user", "1000");
	/* more than the largest message takes, which is one of 32 KiB */
	for (i = 0; i < 500; i++)
		ASSERT_OK(create("many"));
	genl_begin(&g, LODGE_CMD_VM_GET, NLM_F_DUMP);
	EXPECT_EQ(genl_send(&g, take_first, &done), 0);
	EXPECT_TRUE(g.interrupted);
	set_parameter("vms_per_user", "256");
}

/* ---- control ------------------------------------------------------------- */

static volatile u64 count;

static void counts(void)
{
	for (;;)
		count++;
}

static void *run(void *arg)
{
	struct vcpu *vcpu = arg;

	while (!vcpu_run_try(vcpu) && vcpu->run->exit_reason == LODGE_EXIT_NONE)
		;
	return NULL;
}

static u64 counted(struct vm *vm)
{
	return *(volatile u64 *)&GUEST_VAR(vm, count);
}

static void take_state(const struct genl_answer *a, void *arg)
{
	*(u32 *)arg = genl_u32(a, LODGE_A_VCPU_STATE);
}

static u32 vcpu_state(u32 number)
{
	u32 state = ~0u;

	genl_begin(&g, LODGE_CMD_VCPU_GET, 0);
	genl_put_u32(&g, LODGE_A_VCPU_VM, number);
	genl_put_u32(&g, LODGE_A_VCPU_ID, 0);
	EXPECT_EQ(genl_send(&g, take_state, &state), 0);
	return state;
}

TEST(pause_and_kill)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, counts);
	pthread_t thread;
	struct found f;
	u64 before;

	genl_open(&g);
	f = find("");
	ASSERT_EQ(f.nr, 1);
	ASSERT_EQ(pthread_create(&thread, NULL, run, vcpu), 0);
	while (!counted(vm))
		poll(NULL, 0, 1);
	EXPECT_EQ(find("").state, (u32)LODGE_STATE_RUNNING);
	EXPECT_EQ(genl_act(&g, f.number, LODGE_ACTION_PAUSE), 0);
	/* from the moment of the answer on */
	before = counted(vm);
	poll(NULL, 0, 200);
	EXPECT_EQ(counted(vm), before);
	EXPECT_EQ(vcpu_state(f.number), (u32)LODGE_VCPU_STATE_PAUSED);
	EXPECT_EQ(genl_act(&g, f.number, LODGE_ACTION_RESUME), 0);
	while (counted(vm) == before)
		poll(NULL, 0, 1);
	EXPECT_EQ(genl_act(&g, f.number, LODGE_ACTION_KILL), 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_KILL);
	before = counted(vm);
	EXPECT_EQ(vcpu_run_try(vcpu), 0);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_KILL);
	EXPECT_EQ(counted(vm), before);
}

static void nothing(int sig)
{
	(void)sig;
}

/* A signal takes a paused vCPU out; called again, it waits again.  A late vCPU waits as well */
TEST(paused_vcpus)
{
	struct sigaction action = { .sa_handler = nothing };
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, counts);
	struct vcpu *late;
	u32 number;

	genl_open(&g);
	number = find("").number;
	sigaction(SIGALRM, &action, NULL);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_PAUSE), 0);
	late = vcpu_long(vm, 1, counts);
	alarm(1);
	EXPECT_ERRNO(ioctl(vcpu->fd, LODGE_VCPU_RUN, 0), EINTR);
	alarm(1);
	EXPECT_ERRNO(ioctl(vcpu->fd, LODGE_VCPU_RUN, 0), EINTR);
	alarm(1);
	EXPECT_ERRNO(ioctl(late->fd, LODGE_VCPU_RUN, 0), EINTR);
	EXPECT_EQ(counted(vm), 0u);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_RESET), 0);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_RESUME), 0);
	EXPECT_EQ(vcpu_run_exit(late), (u32)LODGE_EXIT_SYSTEM);
	EXPECT_EQ(late->run->system.type, (u32)LODGE_SYSTEM_RESET);
	/* it was for one */
	alarm(1);
	EXPECT_ERRNO(ioctl(vcpu->fd, LODGE_VCPU_RUN, 0), EINTR);
	EXPECT_GT(counted(vm), 0u);
}

/* ---- garbage ------------------------------------------------------------- */

static u32 seed;

static u32 any(u32 below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void put_garbage(void)
{
	char bytes[64];
	unsigned int i, len = any(4) ? 4 : any(sizeof(bytes));

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = any(3) ? 0 : any(256);
	if (any(2))
		*(u32 *)bytes = any(8);
	genl_put(&g, any(8) ? any(any(2) ? 16 : 32) : any(65536), bytes, len);
}

/*
 * Attributes and headers in disorder; now and then a socket that goes before its answer is read.
 * Every few requests for a VM have all that it takes, and what comes of them is closed at once.
 * Return: how many VMs there were.
 */
static int garble(int dev, int n)
{
	struct nlmsghdr *h = (struct nlmsghdr *)g.room;
	int above = (dev > g.fd ? dev : g.fd) + 1, vms = 0;
	struct nlattr *first;
	u32 i, nr;
	int cmd;

	syscall(SYS_close_range, above, ~0u, 0);
	while (n--) {
		cmd = any(LODGE_CMD_MAX + 2);
		genl_begin(&g, cmd, any(3) ? 0 : NLM_F_DUMP);
		if (cmd == LODGE_CMD_VM_NEW && any(2))
			genl_put_u32(&g, LODGE_A_VM_DEVICE, dev);
		nr = any(5);
		for (i = 0; i < nr; i++)
			put_garbage();
		first = (struct nlattr *)(g.room + NLMSG_HDRLEN + GENL_HDRLEN);
		if (nr && !any(8))
			first->nla_len = any(65536);
		if (!any(16))
			h->nlmsg_flags |= any(65536);
		h->nlmsg_len = any(16) ? g.len : any(g.len + 1);
		send(g.fd, g.room, g.len, MSG_DONTWAIT);
		if (any(4))
			while (recv(g.fd, g.room, sizeof(g.room), MSG_DONTWAIT) > 0)
				;
		vms += fcntl(above, F_GETFD) >= 0;
		syscall(SYS_close_range, above, ~0u, 0);
		if (!any(64)) {
			genl_close(&g);
			genl_open(&g);
		}
	}
	return vms;
}

#define GARBLERS	3
#define MESSAGES	15000

TEST_SECONDS(garbage, 200)
{
	pid_t pid[GARBLERS];
	int i, fd, status, left = GARBLERS;

	for (i = 0; i < GARBLERS; i++) {
		pid[i] = fork();
		ASSERT_OK(pid[i]);
		if (!pid[i]) {
			seed = i + 1;
			fd = lodge_open();
			genl_open(&g);
			EXPECT_GT(garble(fd, MESSAGES), 0);
			_exit(0);
		}
	}
	while (left) {
		fd = create("target");
		ASSERT_OK(fd);
		vm_free(vm_create(0));
		close(fd);
		for (i = 0; i < GARBLERS; i++) {
			if (!pid[i] || waitpid(pid[i], &status, WNOHANG) != pid[i])
				continue;
			EXPECT_EQ(status, 0);
			pid[i] = 0;
			left--;
		}
	}
	genl_open(&g);
	EXPECT_EQ(find("target").nr, 0);
}
