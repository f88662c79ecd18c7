// SPDX-License-Identifier: GPL-2.0-only
/* vmctl's verbs for VMs that run elsewhere, on VMs that run, pause, have ended, or are not there */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "json_read.h"
#include "ktap.h"
#include "pcguest.h"

#define LONG	40000	/* ms: an emulated host is slow */

PC_GUEST(spins, ".code16\n" PC_PUTS("spins_text") "1: jmp 1b\nspins_text: .asciz \"spinning\\n\"");
PC_GUEST(sleeps, ".code16\n" PC_PUTS("sleeps_text")
	 "1: cli; hlt; jmp 1b\nsleeps_text: .asciz \"asleep\\n\"");
PC_GUEST(exits, ".code16\n" PC_PUTS("exits_text")
	 "mov $0xf4, %dx; mov $5, %al; out %al, %dx; 1: hlt; jmp 1b\nexits_text: .asciz \"bye\\n\"");
/* waits for the power button */
PC_GUEST(obeys, ".code16\n" PC_PUTS("obeys_text")
	 "1: mov $0x600, %dx; in %dx, %ax; test $1, %ah; jz 1b\n" PC_POWEROFF
	 "obeys_text: .asciz \"ready\\n\"");
PC_GUEST(panics, ".code16; mov $0x505, %dx; mov $1, %al; out %al, %dx; 1: hlt; jmp 1b");
PC_GUEST(crashes, ".code16; lidt 1f-crashes_start+0x7c00; int3; 1: .word 0, 0, 0");

static char dir[] = "/tmp/ctl-test.XXXXXX";
static struct child c;

static const char *file(const char *name, const char *start, const char *end)
{
	static char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ASSERT_TRUE(f);
	fwrite(start, 1, end - start, f);
	ASSERT_EQ(fclose(f), 0);
	return path;
}

#define guest(name)	file(#name, name##_start, name##_end)

/* One that has been written */
#define guest_path(name)	(snprintf(path_of, sizeof(path_of), "%s/" #name, dir), path_of)

static char path_of[64];

/* vmctl and these words; its status */
static int vmctl(const char *words)
{
	int status;

	child_start_vmctl(&c, words);
	child_close_input(&c);
	status = child_end(&c, LONG);
	if (status == -1)
		diag("vmctl %s", words);
	return status;
}

/* Starts a guest; its number */
static int start(const char *options, const char *image)
{
	char words[256];

	snprintf(words, sizeof(words), "start --flat 0x7c00 -m 2M %s %s", options, image);
	ASSERT_EQ(vmctl(words), 0);
	return atoi(c.text);
}

static int on(const char *verb, int number)
{
	char words[128];

	snprintf(words, sizeof(words), "%s %d", verb, number);
	return vmctl(words);
}

/* What a VM's JSON says; NULL if it is not there */
static const char *fact(int number, const char *name)
{
	char path[64];

	if (on("list -j", number))
		return NULL;
	snprintf(path, sizeof(path), "vms.0.%s", name);
	return json_at(c.text, path);
}

/* Until the guest has written these words */
static void await_output(int number, const char *words)
{
	int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(on("log", number), 0);
		if (strstr(c.text, words))
			return;
		poll(NULL, 0, 50);
	}
	diag("no \"%s\" in \"%.300s\"", words, c.text);
	ASSERT_TRUE(false);
}

/* All VMs and records go, those too that a test which failed has left */
static void clean_up(void)
{
	char *list, *line, *left, words[32];

	vmctl("list");
	list = strdup(c.text);
	for (line = strtok_r(list, "\n", &left); line; line = strtok_r(NULL, "\n", &left)) {
		snprintf(words, sizeof(words), "%d", atoi(line));
		if (!strstr(line, "\tended\t"))
			on("kill", atoi(line));
		on("rm", atoi(line));
	}
	free(list);
}

static void setup(void)
{
	static bool done;

	if (!done)
		ASSERT_TRUE(mkdtemp(dir));
	done = true;
	clean_up();
}

static void teardown(void)
{
	char words[128];

	clean_up();
	ASSERT_EQ(vmctl("list"), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	snprintf(words, sizeof(words), "rm -rf %s", dir);
	EXPECT_EQ(system(words), 0);
}

/* ---- running ------------------------------------------------------------- */

TEST(running)
{
	char words[64];
	int nr;

	setup();
	nr = start("-n web -c 2", guest(spins));
	await_output(nr, "spinning\n");
	EXPECT_TRUE(text_is(fact(nr, "state"), "running"));
	EXPECT_TRUE(text_is(fact(nr, "name"), "web"));
	EXPECT_TRUE(text_is(fact(nr, "cpus"), "2"));
	EXPECT_TRUE(text_is(fact(nr, "memory"), "2097152"));
	EXPECT_TRUE(text_is(fact(nr, "reason"), "null"));
	EXPECT_TRUE(text_is(fact(nr, "uid"), "0"));
	EXPECT_EQ(vmctl("info -j web"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "cpus.1.state"), "not started"));
	EXPECT_TRUE(text_is(json_at(c.text, "vm.name"), "web"));
	EXPECT_EQ(vmctl("info web"), 0);
	EXPECT_TRUE(text_has(c.text, "state      running\n"));
	EXPECT_EQ(vmctl("stat -j web"), 0);
	EXPECT_TRUE(json_at(c.text, "counters.exits") && atoi(json_at(c.text, "counters.exits")));
	EXPECT_TRUE(text_is(json_at(c.text, "counters.cpuid"), "0"));
	EXPECT_EQ(vmctl("stat -i 0.1 -c 2 web"), 0);
	EXPECT_TRUE(text_has(c.text, "exits\t"));
	snprintf(words, sizeof(words), "%d\tweb\trunning\t2\t2097152\t", nr);
	EXPECT_EQ(vmctl("list -r"), 0);
	EXPECT_TRUE(text_has(c.text, words));
	EXPECT_TRUE(text_has(c.text, "\t0\tnone\t0\n"));
	EXPECT_EQ(vmctl("rm web"), 5);
	EXPECT_TRUE(text_has(c.error, "web: the VM has not ended"));
	EXPECT_EQ(vmctl("resume web"), 5);
	EXPECT_TRUE(text_has(c.error, "web: the VM is not paused"));
	EXPECT_EQ(vmctl("wait -t 0.3 web"), 124);
	EXPECT_EQ(vmctl("start --flat 0x7c00 -n web /nonexistent"), 5);
	EXPECT_TRUE(text_has(c.error, "is called web already"));
	teardown();
}

TEST(button)
{
	int nr;

	setup();
	nr = start("-n web", guest(obeys));
	await_output(nr, "ready\n");
	EXPECT_EQ(vmctl("stop -w web"), 0);
	EXPECT_TRUE(text_is(fact(nr, "state"), "ended"));
	EXPECT_TRUE(text_is(fact(nr, "reason"), "power-off"));
	EXPECT_TRUE(text_is(fact(nr, "status"), "0"));
	EXPECT_EQ(vmctl("wait web"), 0);
	EXPECT_TRUE(text_is(c.text, "web\tpower-off\t0\n"));
	teardown();
}

TEST(reset)
{
	char pid[32];
	int nr, i;

	setup();
	nr = start("-n web", guest(obeys));
	await_output(nr, "ready\n");
	snprintf(pid, sizeof(pid), "%s", fact(nr, "pid"));
	EXPECT_EQ(vmctl("reset web"), 0);
	/* the same VM for everybody, but with a new console */
	for (i = 0; i < 100 && (on("stat -j", nr) || !strstr(c.text, "\"exits_user\": 0")); i++)
		poll(NULL, 0, 50);
	await_output(nr, "ready\n");
	EXPECT_TRUE(text_is(fact(nr, "pid"), pid));
	EXPECT_TRUE(text_is(fact(nr, "state"), "running"));
	EXPECT_EQ(vmctl("stop -w web"), 0);
	EXPECT_TRUE(text_is(fact(nr, "reason"), "power-off"));
	nr = start("-n once --reboot=exit", guest(spins));
	await_output(nr, "spinning\n");
	EXPECT_EQ(vmctl("reset once"), 0);
	EXPECT_EQ(vmctl("wait once"), 0);
	EXPECT_TRUE(text_is(c.text, "once\treset\t0\n"));
	teardown();
}

/* ---- paused -------------------------------------------------------------- */

static long exits(int nr)
{
	const char *value;

	EXPECT_EQ(on("stat -j", nr), 0);
	value = json_at(c.text, "counters.exits");
	return value ? atol(value) : -1;
}

TEST(paused)
{
	long before;
	int nr;

	setup();
	nr = start("-n web", guest(spins));
	await_output(nr, "spinning\n");
	EXPECT_EQ(vmctl("pause web"), 0);
	EXPECT_TRUE(text_is(fact(nr, "state"), "paused"));
	before = exits(nr);
	poll(NULL, 0, 300);
	EXPECT_EQ(exits(nr), before);
	EXPECT_EQ(vmctl("info -j web"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "cpus.0.state"), "paused"));
	EXPECT_EQ(vmctl("pause web"), 5);
	EXPECT_TRUE(text_has(c.error, "web: the VM is paused already"));
	EXPECT_EQ(vmctl("stop web"), 5);
	EXPECT_TRUE(text_has(c.error, "web: the VM is paused"));
	EXPECT_EQ(vmctl("unpause web"), 0);
	EXPECT_TRUE(text_is(fact(nr, "state"), "running"));
	poll(NULL, 0, 300);
	EXPECT_GT(exits(nr), before);
	/* killed while it is paused */
	EXPECT_EQ(vmctl("pause web"), 0);
	EXPECT_EQ(vmctl("kill web"), 0);
	EXPECT_TRUE(text_is(fact(nr, "reason"), "killed"));
	EXPECT_TRUE(text_is(fact(nr, "status"), "137"));
	teardown();
}

/* What a reset asks for is done when the VM goes on; a signal ends a paused one */
TEST(paused_and_more)
{
	int nr;

	setup();
	nr = start("-n web --reboot=exit", guest(sleeps));
	await_output(nr, "asleep\n");
	EXPECT_EQ(vmctl("pause web"), 0);
	EXPECT_EQ(vmctl("reset web"), 0);
	poll(NULL, 0, 200);
	EXPECT_TRUE(text_is(fact(nr, "state"), "paused"));
	EXPECT_EQ(vmctl("resume web"), 0);
	EXPECT_EQ(vmctl("wait web"), 0);
	EXPECT_TRUE(text_is(fact(nr, "reason"), "reset"));
	nr = start("-n db", guest(sleeps));
	await_output(nr, "asleep\n");
	EXPECT_EQ(vmctl("pause db"), 0);
	kill(atoi(fact(nr, "pid")), SIGTERM);
	EXPECT_EQ(vmctl("wait db"), 128 + SIGTERM);
	EXPECT_TRUE(text_is(c.text, "db\tsignal\t143\n"));
	teardown();
}

/* ---- ended --------------------------------------------------------------- */

TEST(ended)
{
	int nr;

	setup();
	nr = start("-n job", guest(exits));
	EXPECT_EQ(vmctl("wait job"), 11);
	EXPECT_TRUE(text_is(c.text, "job\texit\t11\n"));
	EXPECT_EQ(vmctl("wait -q job"), 11);
	EXPECT_TRUE(text_is(c.text, ""));
	EXPECT_TRUE(text_is(fact(nr, "state"), "ended"));
	EXPECT_TRUE(text_is(fact(nr, "pid"), "null"));
	EXPECT_TRUE(text_is(fact(nr, "cpus"), "1"));
	EXPECT_TRUE(text_is(fact(nr, "memory"), "2097152"));
	EXPECT_EQ(vmctl("log job"), 0);
	EXPECT_TRUE(text_is(c.text, "bye\n"));
	EXPECT_EQ(vmctl("log -f job"), 0);
	EXPECT_TRUE(text_is(c.text, "bye\n"));
	EXPECT_GT(exits(nr), 0);
	EXPECT_EQ(vmctl("info job"), 0);
	EXPECT_TRUE(text_has(c.text, "reason     exit\nstatus     11\n"));
	EXPECT_EQ(vmctl("pause job"), 3);
	EXPECT_TRUE(text_has(c.error, "job: the VM has ended"));
	EXPECT_EQ(vmctl("kill job"), 3);
	EXPECT_EQ(vmctl("stop job"), 3);
	EXPECT_EQ(vmctl("reset job"), 3);
	EXPECT_EQ(vmctl("list -r"), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	EXPECT_EQ(vmctl("rm job"), 0);
	EXPECT_EQ(vmctl("rm job"), 3);
	EXPECT_TRUE(text_has(c.error, "there is no VM job"));
	teardown();
}

TEST(ends)
{
	int nr;

	setup();
	nr = start("-n job", guest(panics));
	EXPECT_EQ(vmctl("wait job"), 255);
	EXPECT_TRUE(text_is(fact(nr, "reason"), "panic"));
	nr = start("-n crash", guest(crashes));
	EXPECT_EQ(vmctl("wait crash"), 1);
	EXPECT_TRUE(text_is(fact(nr, "reason"), "triple-fault"));
	nr = start("-n slow -t 0.5", guest(spins));
	EXPECT_EQ(vmctl("wait slow"), 124);
	EXPECT_TRUE(text_is(fact(nr, "reason"), "timeout"));
	teardown();
}

/* Of several that are called the same */
TEST(names)
{
	int first, second;

	setup();
	first = start("-n job", guest(exits));
	EXPECT_EQ(vmctl("wait -q job"), 11);
	second = start("-n job", guest(spins));
	EXPECT_NE(first, second);
	EXPECT_EQ(vmctl("info -j job"), 0);
	EXPECT_EQ(atoi(json_at(c.text, "vm.number")), second);
	EXPECT_EQ(vmctl("kill job"), 0);
	/* the one that has ended last */
	EXPECT_EQ(vmctl("wait job"), 137);
	EXPECT_EQ(on("wait", first), 11);
	EXPECT_EQ(vmctl("rm job job"), 0);
	EXPECT_EQ(vmctl("rm job"), 3);
	teardown();
}

TEST(several)
{
	setup();
	start("-n a", guest(spins));
	start("-n b", guest(sleeps));
	EXPECT_EQ(vmctl("pause a b"), 0);
	EXPECT_EQ(vmctl("resume a nobody b"), 3);
	EXPECT_TRUE(text_has(c.error, "there is no VM nobody"));
	EXPECT_EQ(vmctl("resume b"), 5);
	EXPECT_EQ(vmctl("list a b -j"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "vms.1.name"), "b"));
	EXPECT_EQ(vmctl("stop -f a b"), 0);
	EXPECT_EQ(vmctl("rm a b"), 0);
	teardown();
}

/* ---- nothing there, mistakes --------------------------------------------- */

TEST(absent)
{
	static const char * const verbs[] = {
		"info", "stat", "log", "stop", "pause", "resume", "reset", "kill", "wait", "rm", "list",
	};
	char words[64];
	unsigned int i;

	setup();
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		snprintf(words, sizeof(words), "%s nobody", verbs[i]);
		EXPECT_EQ(vmctl(words), 3);
		EXPECT_TRUE(text_is(c.error, "vmctl: there is no VM nobody\n"));
		snprintf(words, sizeof(words), "%s 4711", verbs[i]);
		EXPECT_EQ(vmctl(words), 3);
		EXPECT_TRUE(text_is(c.error, "vmctl: there is no VM 4711\n"));
		if (!strcmp(verbs[i], "list"))
			continue;
		EXPECT_EQ(vmctl(verbs[i]), 2);
		EXPECT_TRUE(text_has(c.error, "which VM?"));
	}
	EXPECT_EQ(vmctl("list -j"), 0);
	EXPECT_TRUE(json_valid(c.text));
	EXPECT_EQ(vmctl("start /nonexistent"), 1);
	EXPECT_EQ(vmctl("start"), 2);
	/* what goes wrong after the fork is told, too */
	EXPECT_EQ(vmctl("start --flat 0xfffffff0 /proc/self/exe"), 1);
	EXPECT_TRUE(text_has(c.error, "vmctl: "));
	EXPECT_EQ(vmctl("list"), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	teardown();
}

/* ---- processes ----------------------------------------------------------- */

TEST(run_leaves_no_record)
{
	char words[128];

	setup();
	snprintf(words, sizeof(words), "run -q --flat 0x7c00 -n job %s", guest(exits));
	EXPECT_EQ(vmctl(words), 11);
	EXPECT_EQ(vmctl("list"), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	teardown();
}

TEST(killed_process)
{
	struct child run;
	char words[128];
	int nr;

	setup();
	snprintf(words, sizeof(words), "run --flat 0x7c00 -n job %s", guest(spins));
	child_start_vmctl(&c, words);
	ASSERT_TRUE(child_expect(&c, "spinning", LONG));
	run = c;
	EXPECT_EQ(vmctl("list -j job"), 0);
	nr = atoi(json_at(c.text, "vms.0.number"));
	EXPECT_EQ(atoi(json_at(c.text, "vms.0.pid")), run.pid);
	kill(run.pid, SIGKILL);
	EXPECT_EQ(vmctl("wait job"), 137);
	EXPECT_EQ(child_end(&run, LONG), 137);
	EXPECT_TRUE(text_is(fact(nr, "reason"), "killed"));
	EXPECT_EQ(on("log", nr), 0);
	EXPECT_TRUE(text_is(c.text, "spinning\n"));
	teardown();
}

/* From elsewhere, of a VM on a terminal: what vmctl run tells, and what the waiter learns */
TEST(kill_of_run)
{
	struct child run, waiter;
	char words[128];

	setup();
	snprintf(words, sizeof(words), "run --flat 0x7c00 -n job %s", guest(sleeps));
	child_start_vmctl(&c, words);
	ASSERT_TRUE(child_expect(&c, "asleep", LONG));
	run = c;
	child_start_vmctl(&c, "wait job");
	waiter = c;
	poll(NULL, 0, 500);
	EXPECT_EQ(vmctl("kill job"), 0);
	EXPECT_EQ(child_end(&run, LONG), 137);
	EXPECT_TRUE(text_has(run.error, "the guest was killed"));
	EXPECT_EQ(child_end(&waiter, LONG), 137);
	EXPECT_TRUE(text_is(waiter.text, "job\tkilled\t137\n"));
	EXPECT_EQ(vmctl("list"), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	teardown();
}

/* A process that does not listen is killed */
TEST(stopped_process)
{
	int nr, pid;

	setup();
	nr = start("-n job", guest(sleeps));
	await_output(nr, "asleep\n");
	pid = atoi(fact(nr, "pid"));
	kill(pid, SIGSTOP);
	EXPECT_EQ(vmctl("kill job"), 0);
	EXPECT_TRUE(text_is(fact(nr, "reason"), "killed"));
	teardown();
}

/* It has no terminal, and does not end with the session that it was started from */
TEST(detached)
{
	char link[128], path[64], words[128];
	char *argv[] = { (char *)"vmctl", (char *)"start", (char *)"--flat", (char *)"0x7c00",
			 (char *)"-n", (char *)"job", NULL, NULL };
	int nr, i;
	ssize_t n;

	setup();
	snprintf(words, sizeof(words), "%s", guest(spins));
	argv[6] = words;
	child_start_on_terminal(&c, argv);
	EXPECT_EQ(child_end(&c, LONG), 0);
	nr = atoi(c.text);
	/* the terminal goes */
	close(c.in);
	await_output(nr, "spinning\n");
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%d", fact(nr, "pid"), i);
		n = readlink(path, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = 0;
		EXPECT_TRUE(text_is(link, "/dev/null"));
	}
	EXPECT_EQ(vmctl("kill job"), 0);
	teardown();
}

/* ---- users --------------------------------------------------------------- */

static void be_user(const char *image)
{
	struct child waiter, run;
	char words[160];

	ASSERT_OK(setresuid(1000, 1000, 1000));
	EXPECT_EQ(vmctl("list"), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	EXPECT_EQ(vmctl("kill roots"), 3);
	start("-n mine", image);
	EXPECT_EQ(vmctl("list -j"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "vms.0.name"), "mine"));
	EXPECT_TRUE(text_is(json_at(c.text, "vms.0.uid"), "1000"));
	EXPECT_FALSE(json_at(c.text, "vms.1.name"));
	EXPECT_EQ(vmctl("kill mine"), 0);
	/* of a VM that leaves no record, too */
	snprintf(words, sizeof(words), "run --flat 0x7c00 -n short %s", image);
	child_start_vmctl(&c, words);
	ASSERT_TRUE(child_expect(&c, "spinning", LONG));
	run = c;
	child_start_vmctl(&c, "wait short");
	waiter = c;
	poll(NULL, 0, 500);
	kill(run.pid, SIGTERM);
	EXPECT_EQ(child_end(&run, LONG), 143);
	EXPECT_EQ(child_end(&waiter, LONG), 143);
	EXPECT_TRUE(text_is(waiter.text, "short\tsignal\t143\n"));
}

TEST(other_user)
{
	struct stat st;
	int status;
	pid_t pid;

	setup();
	start("-n roots", guest(spins));
	ASSERT_EQ(chmod(dir, 0755), 0);
	ASSERT_EQ(stat("/dev/lodge", &st), 0);
	ASSERT_EQ(chmod("/dev/lodge", 0666), 0);
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		be_user(guest_path(spins));
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	ASSERT_EQ(chmod("/dev/lodge", st.st_mode & 07777), 0);
	EXPECT_EQ(vmctl("list mine roots -j"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "vms.0.uid"), "1000"));
	EXPECT_TRUE(text_is(json_at(c.text, "vms.0.state"), "ended"));
	EXPECT_TRUE(text_is(json_at(c.text, "vms.1.state"), "running"));
	teardown();
}

/* ---- following ----------------------------------------------------------- */

TEST(events)
{
	struct child events;
	char words[64];
	int nr;

	setup();
	EXPECT_EQ(vmctl("events --only life,nothing"), 2);
	child_start_vmctl(&c, "events -j -c 8 --only life,guest");
	events = c;
	poll(NULL, 0, 1000);
	nr = start("-n job", guest(spins));
	await_output(nr, "spinning\n");
	EXPECT_EQ(vmctl("pause job"), 0);
	EXPECT_EQ(vmctl("resume job"), 0);
	EXPECT_EQ(vmctl("kill job"), 0);
	EXPECT_EQ(vmctl("rm job"), 0);
	start("-n job", guest(spins));
	EXPECT_EQ(child_end(&events, LONG), 0);
	EXPECT_TRUE(text_is(events.error, ""));
	snprintf(words, sizeof(words), "\"number\": %d,", nr);
	EXPECT_TRUE(text_has(events.text, words));
	EXPECT_TRUE(text_has(events.text, "\"group\": \"life\",\n  \"event\": \"created\""));
	EXPECT_TRUE(text_has(events.text, "\"event\": \"running\""));
	EXPECT_TRUE(text_has(events.text, "\"event\": \"paused\""));
	EXPECT_TRUE(text_has(events.text, "\"event\": \"resumed\""));
	EXPECT_TRUE(text_has(events.text,
			"\"event\": \"ended\",\n  \"reason\": \"killed\",\n  \"status\": 137"));
	EXPECT_TRUE(text_has(events.text, "\"event\": \"deleted\""));
	*(strstr(events.text, "\n}\n") + 2) = 0;
	EXPECT_TRUE(text_is(json_at(events.text, "event"), "created"));
	teardown();
}

TEST(rename_and_limit)
{
	setup();
	start("-n job", guest(spins));
	start("-n other", guest(spins));
	EXPECT_EQ(vmctl("rename job"), 2);
	EXPECT_EQ(vmctl("rename job a/b"), 2);
	EXPECT_EQ(vmctl("rename job other"), 5);
	EXPECT_TRUE(text_has(c.error, "is called other already"));
	EXPECT_EQ(vmctl("rename job task"), 0);
	EXPECT_EQ(vmctl("info job"), 3);
	EXPECT_EQ(vmctl("limit task cpu=x"), 2);
	EXPECT_EQ(vmctl("limit task cpu=50% --bps 1M"), 2);
	EXPECT_EQ(vmctl("limit task cpu=9999"), 1);
	EXPECT_EQ(vmctl("limit task cpu=50%"), 0);
	EXPECT_EQ(vmctl("info -j task"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "vm.cpu_limit"), "50"));
	EXPECT_EQ(vmctl("info task"), 0);
	EXPECT_TRUE(text_has(c.text, "cpu limit  50%\n"));
	EXPECT_EQ(vmctl("limit -j task cpu=none"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "cpu_limit"), "0"));
	EXPECT_EQ(vmctl("list -j task"), 0);
	EXPECT_TRUE(text_has(c.text, "\"cpu_limit\": null"));
	EXPECT_EQ(vmctl("kill task other"), 0);
	EXPECT_EQ(vmctl("list -j task"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "vms.0.state"), "ended"));
	teardown();
}

TEST(follow_log)
{
	struct child log;

	setup();
	start("-n job", guest(obeys));
	child_start_vmctl(&c, "log -f job");
	ASSERT_TRUE(child_expect(&c, "ready\n", LONG));
	log = c;
	EXPECT_EQ(vmctl("stop -w job"), 0);
	EXPECT_EQ(child_end(&log, LONG), 0);
	EXPECT_TRUE(text_is(log.text, "ready\n"));
	teardown();
}

/* On a terminal there are headings, and nothing that only programs like */
TEST(table)
{
	char *argv[] = { (char *)"vmctl", (char *)"list", NULL };

	setup();
	start("-n web", guest(spins));
	child_start_on_terminal(&c, argv);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(text_has(c.text, "NR  NAME  STATE    CPUS  MEMORY"));
	EXPECT_TRUE(text_has(c.text, "web   running     1      2M  00:0"));
	EXPECT_FALSE(memchr(c.text, '\t', c.len));
	teardown();
}
