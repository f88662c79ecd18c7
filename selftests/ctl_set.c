// SPDX-License-Identifier: GPL-2.0-only
/* What vm-set changes of a VM: its name, and its share of processor time; dumps of some VMs */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "genl.h"
#include "vm.h"

#define LONG	20000	/* ms */
#define MS	1000000ull

static struct genl g;

/* ---- helpers ------------------------------------------------------------- */

static void begin(u32 number)
{
	genl_begin(&g, LODGE_CMD_VM_SET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
}

static int name_it(u32 number, const char *name, unsigned int len)
{
	begin(number);
	genl_put(&g, LODGE_A_VM_NAME, name, len);
	return genl_send(&g, NULL, NULL);
}

static int set(u32 number, int attr, u32 value)
{
	begin(number);
	genl_put_u32(&g, attr, value);
	return genl_send(&g, NULL, NULL);
}

/**
 * struct found - what there is of a VM
 * @name: of it
 * @limit: of its processor time
 * @state: LODGE_STATE_*
 */
struct found {
	char name[LODGE_NAME_LEN + 1];
	u32 limit;
	u32 state;
};

static void take_vm(const struct genl_answer *a, void *arg)
{
	const struct nlattr *name = a->attr[LODGE_A_VM_NAME];
	struct found *f = arg;

	snprintf(f->name, sizeof(f->name), "%s", (const char *)(name + 1));
	f->limit = a->attr[LODGE_A_VM_CPU_LIMIT] ? genl_u32(a, LODGE_A_VM_CPU_LIMIT) : 0;
	f->state = genl_u32(a, LODGE_A_VM_STATE);
}

static struct found look(u32 number)
{
	struct found f = { .limit = ~0u };

	genl_begin(&g, LODGE_CMD_VM_GET, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	EXPECT_EQ(genl_send(&g, take_vm, &f), 0);
	return f;
}

static bool is_called(u32 number, const char *name)
{
	struct found f = look(number);

	if (!strcmp(f.name, name))
		return true;
	diag("it is called \"%s\"", f.name);
	return false;
}

/* ---- the name ------------------------------------------------------------ */

TEST(name)
{
	char longest[LODGE_NAME_LEN];
	struct genl_answer a;
	struct genl events;
	u32 number;
	int fd;

	genl_open(&g);
	fd = vm_bare("old");
	number = genl_last_vm(&g);
	genl_open(&events);
	ASSERT_EQ(genl_join(&events, LODGE_EVENT_GROUP_LIFE), 0);
	EXPECT_EQ(name_it(number, "new", 4), 0);
	EXPECT_TRUE(is_called(number, "new"));
	ASSERT_TRUE(genl_event(&events, LONG, &a));
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_KIND), (u32)LODGE_VM_EVENT_RENAMED);
	EXPECT_EQ(strcmp((const char *)(a.attr[LODGE_A_EVENT_NAME] + 1), "new"), 0);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	EXPECT_EQ(name_it(number, longest, sizeof(longest)), 0);
	EXPECT_TRUE(is_called(number, longest));
	EXPECT_EQ(name_it(number, "", 1), 0);
	EXPECT_TRUE(is_called(number, ""));
	/* what comes before the action is done, whatever becomes of that */
	begin(number);
	genl_put(&g, LODGE_A_VM_NAME, "more", 5);
	genl_put_u32(&g, LODGE_A_VM_CPU_LIMIT, 50);
	genl_put_u32(&g, LODGE_A_VM_ACTION, LODGE_ACTION_RESUME);
	EXPECT_EQ(genl_send(&g, NULL, NULL), -EALREADY);
	EXPECT_TRUE(is_called(number, "more"));
	EXPECT_EQ(look(number).limit, 50u);
	close(fd);
}

TEST(bad_names)
{
	static const struct {
		const char *name;
		unsigned int len;
		int error;
	} bad[] = {
		{ "a/b", 4, EINVAL }, { "a\nb", 4, EINVAL }, { "\x80", 2, EINVAL },
		{ "a\0b", 4, EINVAL }, { "none", 4, EINVAL }, { "", 0, ERANGE },
		{ "0123456789012345678901234567890x", 33, ERANGE },
	};
	unsigned int i;
	u32 number;
	int fd, got;

	genl_open(&g);
	fd = vm_bare("good");
	number = genl_last_vm(&g);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin(number);
		genl_put(&g, LODGE_A_VM_NAME, bad[i].name, bad[i].len);
		genl_put_u32(&g, LODGE_A_VM_CPU_LIMIT, 50);
		got = genl_send(&g, NULL, NULL);
		/* how the kernel's own checks call it differs */
		EXPECT_TRUE(got == -EINVAL || (got == -ERANGE && bad[i].error == ERANGE));
		EXPECT_EQ(g.bad, LODGE_A_VM_NAME);
		if (got == -EINVAL && bad[i].len && bad[i].len <= LODGE_NAME_LEN &&
		    bad[i].name[bad[i].len - 1] == 0)
			EXPECT_TRUE(strstr(g.text, "printable characters"));
		EXPECT_TRUE(is_called(number, "good"));
		EXPECT_EQ(look(number).limit, 0u);
	}
	close(fd);
	EXPECT_EQ(name_it(number, "late", 5), -ENOENT);
}

static void set_end(int fd, u32 flags)
{
	struct lodge_vm_end e = {
		.size = sizeof(e), .reason = LODGE_END_RESET, .flags = flags,
	};

	ASSERT_EQ(ioctl(fd, LODGE_VM_END, &e), 0);
}

/* What the VM was told is true of its record, and of the VM that takes the place of that */
TEST(name_stays)
{
	u32 number;
	int fd;

	genl_open(&g);
	fd = vm_bare("job");
	number = genl_last_vm(&g);
	EXPECT_EQ(name_it(number, "task", 5), 0);
	EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 30), 0);
	set_end(fd, LODGE_VM_END_KEEP | LODGE_VM_END_RESTARTS);
	close(fd);
	EXPECT_TRUE(is_called(number, "task"));
	EXPECT_EQ(look(number).state, (u32)LODGE_STATE_ENDED);
	EXPECT_EQ(name_it(number, "late", 5), -ESRCH);
	fd = vm_bare("job");
	EXPECT_TRUE(is_called(number, "task"));
	EXPECT_EQ(look(number).state, (u32)LODGE_STATE_CREATED);
	EXPECT_EQ(look(number).limit, 30u);
	set_end(fd, LODGE_VM_END_KEEP);
	close(fd);
	EXPECT_TRUE(is_called(number, "task"));
	genl_begin(&g, LODGE_CMD_VM_DELETE, 0);
	genl_put_u32(&g, LODGE_A_VM_NUMBER, number);
	EXPECT_EQ(genl_send(&g, NULL, NULL), 0);
}

/* ---- the limit ----------------------------------------------------------- */

static volatile u64 count;

static void counts(void)
{
	for (;;)
		count++;
}

static u64 counted(struct vm *vm)
{
	return *(volatile u64 *)&GUEST_VAR(vm, count);
}

static void *run(void *arg)
{
	struct vcpu *vcpu = arg;

	while (!vcpu_run_try(vcpu) && vcpu->run->exit_reason == LODGE_EXIT_NONE)
		;
	return NULL;
}

static void until_counts(struct vm *vm)
{
	u64 before = counted(vm);

	while (counted(vm) == before)
		poll(NULL, 0, 1);
}

static u64 ns_of(clockid_t clock)
{
	struct timespec t;

	ASSERT_EQ(clock_gettime(clock, &t), 0);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

/* What all threads get while @ms pass, in percent of one CPU */
static unsigned int share(const pthread_t *thread, unsigned int n, int ms)
{
	u64 start = ns_of(CLOCK_MONOTONIC), ran = 0;
	clockid_t clock;
	unsigned int i;

	for (i = 0; i < n; i++) {
		ASSERT_EQ(pthread_getcpuclockid(thread[i], &clock), 0);
		ran -= ns_of(clock);
	}
	poll(NULL, 0, ms);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(pthread_getcpuclockid(thread[i], &clock), 0);
		ran += ns_of(clock);
	}
	return ran * 100 / (ns_of(CLOCK_MONOTONIC) - start);
}

static u32 spin(struct vm **vm, struct vcpu **vcpu, pthread_t *thread, unsigned int n)
{
	unsigned int i;

	genl_open(&g);
	*vm = vm_create(0);
	for (i = 0; i < n; i++) {
		vcpu[i] = vcpu_long(*vm, i, counts);
		ASSERT_EQ(pthread_create(&thread[i], NULL, run, vcpu[i]), 0);
	}
	until_counts(*vm);
	return genl_last_vm(&g);
}

static void end(u32 number, struct vcpu **vcpu, const pthread_t *thread, unsigned int n)
{
	unsigned int i;

	EXPECT_EQ(set(number, LODGE_A_VM_ACTION, LODGE_ACTION_KILL), 0);
	for (i = 0; i < n; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(vcpu[i]->run->exit_reason, (u32)LODGE_EXIT_SYSTEM);
		EXPECT_EQ(vcpu[i]->run->system.type, (u32)LODGE_SYSTEM_KILL);
	}
}

TEST(limit)
{
	unsigned int limited, lifted;
	struct vcpu *vcpu[2];
	pthread_t thread[2];
	struct vm *vm;
	u32 number = spin(&vm, vcpu, thread, 2);

	EXPECT_EQ(look(number).limit, 0u);
	EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 6401), -ERANGE);
	EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 10), 0);
	EXPECT_EQ(look(number).limit, 10u);
	limited = share(thread, 2, 2000);
	until_counts(vm);
	EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 0), 0);
	EXPECT_EQ(look(number).limit, 0u);
	lifted = share(thread, 2, 1000);
	diag("%u%% of a CPU with a limit of 10%%, %u%% without", limited, lifted);
	/* a tick of 10 ms, of each of the two, is half of that more */
	EXPECT_LE(limited, 35u);
	EXPECT_GE(limited, 1u);
	EXPECT_GE(lifted, 2 * limited);
	end(number, vcpu, thread, 2);
}

/* The other things that a VM is told are done at once, whatever it owes */
TEST(limited_and_paused)
{
	struct vcpu *vcpu;
	pthread_t thread;
	struct vm *vm;
	u32 number = spin(&vm, &vcpu, &thread, 1);
	u64 before;

	EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 1), 0);
	share(&thread, 1, 300);
	EXPECT_EQ(set(number, LODGE_A_VM_ACTION, LODGE_ACTION_PAUSE), 0);
	before = counted(vm);
	poll(NULL, 0, 300);
	EXPECT_EQ(counted(vm), before);
	EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 6400), 0);
	EXPECT_EQ(counted(vm), before);
	EXPECT_EQ(set(number, LODGE_A_VM_ACTION, LODGE_ACTION_RESUME), 0);
	until_counts(vm);
	EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 1), 0);
	share(&thread, 1, 300);
	end(number, &vcpu, &thread, 1);
}

TEST(limited_and_killed)
{
	char byte;
	int p[2];
	pid_t pid;

	ASSERT_OK(pipe(p));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		struct vcpu *vcpu;
		pthread_t thread;
		struct vm *vm;
		u32 number = spin(&vm, &vcpu, &thread, 1);

		EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 1), 0);
		share(&thread, 1, 500);
		if (write(p[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(p[1]);
	ASSERT_EQ(read(p[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
}

static void nothing(int sig)
{
	(void)sig;
}

/* A signal takes a vCPU out that waits for its share; called again, it waits again */
TEST(limited_and_signalled)
{
	struct sigaction action = { .sa_handler = nothing };
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, counts);
	u32 number;
	int i;

	genl_open(&g);
	number = genl_last_vm(&g);
	sigaction(SIGALRM, &action, NULL);
	EXPECT_EQ(set(number, LODGE_A_VM_CPU_LIMIT, 1), 0);
	for (i = 0; i < 3; i++) {
		alarm(1);
		EXPECT_ERRNO(ioctl(vcpu->fd, LODGE_VCPU_RUN, 0), EINTR);
	}
	EXPECT_GT(counted(vm), 0u);
}

/* ---- filters ------------------------------------------------------------- */

static void one_more(const struct genl_answer *a, void *arg)
{
	(void)a;
	++*(int *)arg;
}

/* How many a dump has; @name: of those with it, @state: of those in it, unless it is -1 */
static int filtered(const char *name, int state)
{
	int nr = 0;

	genl_begin(&g, LODGE_CMD_VM_GET, NLM_F_DUMP);
	if (name)
		genl_put(&g, LODGE_A_VM_NAME, name, strlen(name) + 1);
	if (state >= 0)
		genl_put_u32(&g, LODGE_A_VM_STATE, state);
	EXPECT_EQ(genl_send(&g, one_more, &nr), 0);
	return nr;
}

TEST(filtered_dumps)
{
	struct vm *vm[3];
	u32 number = 0;
	int i;

	genl_open(&g);
	for (i = 0; i < 3; i++) {
		vm[i] = vm_create(0);
		number = genl_last_vm(&g);
		EXPECT_EQ(name_it(number, i ? "filter two" : "filter one", 11), 0);
	}
	EXPECT_EQ(set(number, LODGE_A_VM_ACTION, LODGE_ACTION_PAUSE), 0);
	EXPECT_EQ(filtered("filter one", -1), 1);
	EXPECT_EQ(filtered("filter two", -1), 2);
	EXPECT_EQ(filtered("filter", -1), 0);
	EXPECT_EQ(filtered("filter two", LODGE_STATE_PAUSED), 1);
	EXPECT_EQ(filtered("filter two", LODGE_STATE_ENDED), 0);
	EXPECT_EQ(filtered("filter one", LODGE_STATE_PAUSED), 0);
	EXPECT_GE(filtered(NULL, LODGE_STATE_CREATED), 2);
	EXPECT_GE(filtered(NULL, -1), 3);
	for (i = 0; i < 3; i++)
		vm_free(vm[i]);
}
