// SPDX-License-Identifier: GPL-2.0-only
/* vmctl trace: whose events, in which form, and that it leaves nothing behind */
#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "json_read.h"
#include "ktap.h"
#include "pcguest.h"

#define LONG	40000	/* ms */

PC_GUEST(asks, ".code16; 1: xor %eax, %eax; cpuid; jmp 1b");
PC_GUEST(reads, ".code16; 1: mov $0x3b, %ecx; rdmsr; wrmsr; jmp 1b");

static struct child c;

static void launch(const char *words)
{
	child_start_vmctl(&c, words);
	child_close_input(&c);
}

/* vmctl and these words; its status */
static int vmctl(const char *words)
{
	launch(words);
	return child_end(&c, LONG);
}

static void start(const char *name, const char *from, const char *to)
{
	char words[160], path[] = "/tmp/trace-test.XXXXXX";
	int fd = mkstemp(path);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, from, to - from), (ssize_t)(to - from));
	close(fd);
	snprintf(words, sizeof(words), "start --name=%s --mem=2M --flat 0x7c00 %s", name, path);
	ASSERT_EQ(vmctl(words), 0);
	unlink(path);
}

static void stop(const char *name)
{
	char words[64];

	snprintf(words, sizeof(words), "kill %s", name);
	EXPECT_EQ(vmctl(words), 0);
	snprintf(words, sizeof(words), "rm %s", name);
	EXPECT_EQ(vmctl(words), 0);
}

/* Instances of vmctl's */
static int instances(void)
{
	DIR *dir = opendir("/sys/kernel/tracing/instances");
	struct dirent *d;
	int n = 0;

	if (!dir)
		SKIP("no tracefs");
	while ((d = readdir(dir)))
		n += !strncmp(d->d_name, "vmctl-", 6);
	closedir(dir);
	return n;
}

static unsigned int lines(const char *words)
{
	unsigned int n = 0;
	const char *p;

	for (p = c.text; (p = strstr(p, words)); p++)
		n++;
	return n;
}

/* The other VM's exits are of another kind, and it has many */
TEST(of_one_vm)
{
	int before = instances();

	start("asks", asks_start, asks_end);
	start("reads", reads_start, reads_end);
	EXPECT_EQ(vmctl("trace -c 500 asks exit entry"), 0);
	EXPECT_EQ(lines("\n"), 500u);
	EXPECT_EQ(lines("\texit\tvcpu=0\treason="), 500 - lines("\tentry\tvcpu=0\trip=0x7c0"));
	/* on a slow machine most are the host's interrupts */
	EXPECT_GT(lines("\treason=CPUID\trip=0x7c03\tqualification=0x0\tinfo=0x0\n"), 0u);
	EXPECT_EQ(lines("MSR"), 0u);
	EXPECT_EQ(vmctl("trace -c 300 reads exit"), 0);
	EXPECT_EQ(lines("\texit\t"), 300u);
	EXPECT_GT(lines("reason=RDMSR"), 0u);
	EXPECT_EQ(lines("CPUID"), 0u);
	EXPECT_EQ(instances(), before);
	stop("asks");
	stop("reads");
}

TEST(as_json)
{
	char *line, *left;
	int n = 0;

	start("asks", asks_start, asks_end);
	EXPECT_EQ(vmctl("trace -j --count=5 asks exit"), 0);
	for (line = strtok_r(c.text, "\n", &left); line; line = strtok_r(NULL, "\n", &left)) {
		EXPECT_TRUE(json_valid(line));
		EXPECT_TRUE(text_is(json_at(line, "event"), "exit"));
		EXPECT_TRUE(text_is(json_at(line, "vcpu"), "0"));
		EXPECT_TRUE(json_at(line, "time") && json_at(line, "number"));
		EXPECT_TRUE(json_at(line, "reason") && text_has(json_at(line, "rip"), "0x"));
		n++;
	}
	EXPECT_EQ(n, 5);
	stop("asks");
}

/* A column under each word of the heading: TIME and CPU end with it, EVENT and WHAT begin */
static void is_aligned(const char *row, const char *heading)
{
	const char *time = strstr(heading, "TIME"), *cpu = strstr(heading, "CPU");
	const char *event = strstr(heading, "EVENT"), *what = strstr(heading, "WHAT");

	ASSERT_TRUE(time && cpu && event && what);
	ASSERT_GT(strlen(row), (size_t)(what - heading));
	EXPECT_TRUE(isdigit(row[time - heading + 3]) && row[time - heading + 4] == ' ');
	EXPECT_TRUE(isdigit(row[cpu - heading + 2]) && row[cpu - heading + 3] == ' ');
	EXPECT_EQ(row[event - heading - 1], ' ');
	EXPECT_TRUE(!strncmp(row + (event - heading), "exit  ", 6) ||
		    !strncmp(row + (event - heading), "entry ", 6));
	EXPECT_EQ(row[what - heading - 1], ' ');
	EXPECT_EQ(strncmp(row + (what - heading), "vcpu=0 r", 8), 0);
	EXPECT_EQ(row[strlen(row) - 1], '\r');
	EXPECT_TRUE(!strchr(row, '\t'));
}

TEST(on_a_terminal)
{
	char *argv[] = {
		(char *)"vmctl", (char *)"trace", (char *)"-c", (char *)"20", (char *)"asks",
		(char *)"exit", (char *)"entry", NULL,
	};
	char *heading, *row, *left;
	int n = 0;

	start("asks", asks_start, asks_end);
	child_start_on_terminal(&c, argv);
	EXPECT_EQ(child_end(&c, LONG), 0);
	heading = strtok_r(c.text, "\n", &left);
	ASSERT_TRUE(heading);
	while ((row = strtok_r(NULL, "\n", &left))) {
		is_aligned(row, heading);
		n++;
	}
	EXPECT_EQ(n, 20);
	stop("asks");
}

/* Ends it by a signal once it has said something; the status of a shell */
static int ended_by(int nr)
{
	launch("trace asks exit");
	EXPECT_TRUE(child_expect(&c, "reason=CPUID", LONG));
	EXPECT_GE(instances(), 1);
	kill(c.pid, nr);
	return child_end(&c, LONG);
}

TEST(leaves_nothing)
{
	int before = instances(), i;

	start("asks", asks_start, asks_end);
	EXPECT_EQ(ended_by(SIGINT), 128 + SIGINT);
	EXPECT_EQ(instances(), before);
	EXPECT_EQ(ended_by(SIGTERM), 128 + SIGTERM);
	EXPECT_EQ(instances(), before);
	EXPECT_EQ(ended_by(SIGKILL), 128 + SIGKILL);
	for (i = 0; i < 100 && instances() > before; i++)
		usleep(20000);
	EXPECT_EQ(instances(), before);
	/* the VM ends */
	launch("trace asks kick");
	for (i = 0; i < 100 && instances() == before; i++)
		usleep(20000);
	EXPECT_GT(instances(), before);
	ASSERT_EQ(system("vmctl kill asks"), 0);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_EQ(instances(), before);
	EXPECT_EQ(vmctl("trace asks"), 3);
	EXPECT_TRUE(text_has(c.error, "has ended"));
	EXPECT_EQ(vmctl("rm asks"), 0);
}

static void as_nobody(void)
{
	ASSERT_OK(setgid(65534));
	ASSERT_OK(setuid(65534));
	start("asks", asks_start, asks_end);
	EXPECT_EQ(vmctl("trace asks"), 1);
	EXPECT_TRUE(text_has(c.error, "tracing is for root"));
	stop("asks");
}

TEST(refusals)
{
	struct stat st;
	int status;

	start("asks", asks_start, asks_end);
	EXPECT_EQ(vmctl("trace"), 2);
	EXPECT_EQ(vmctl("trace asks entry everything"), 2);
	EXPECT_TRUE(text_has(c.error, "everything"));
	EXPECT_EQ(vmctl("trace -c 0 asks"), 2);
	EXPECT_EQ(vmctl("trace nobody"), 3);
	ASSERT_EQ(stat("/dev/lodge", &st), 0);
	ASSERT_EQ(chmod("/dev/lodge", 0666), 0);
	if (!fork()) {
		as_nobody();
		_exit(0);
	}
	ASSERT_OK(wait(&status));
	ASSERT_EQ(chmod("/dev/lodge", st.st_mode & 07777), 0);
	EXPECT_EQ(status, 0);
	/* of this process alone */
	ASSERT_OK(unshare(CLONE_NEWNS));
	ASSERT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	umount2("/sys/kernel/debug", MNT_DETACH);
	ASSERT_OK(umount2("/sys/kernel/tracing", MNT_DETACH));
	EXPECT_EQ(vmctl("trace asks"), 4);
	EXPECT_TRUE(text_has(c.error, "no tracefs"));
	stop("asks");
}
