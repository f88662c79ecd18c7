// SPDX-License-Identifier: GPL-2.0-only
/* vmctl run on a terminal: raw while the guest has it, restored on every way out; the escape key */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"
#include "pcguest.h"

#define LONG	40000	/* ms */

/* sends back what it gets plus 1; 'q' powers off, '!' makes it spin */
PC_GUEST(echoes, ".code16\n" PC_PUTS("echoes_text")
	 "1:" PC_GETC "cmp $'q', %al; je 9f; cmp $'!', %al; je 8f; inc %al\n" PC_PUTC "jmp 1b\n"
	 "8: jmp 8b\n9:" PC_POWEROFF "echoes_text: .asciz \"ready\\r\\n\"");

static struct child c;
static struct termios before;

static void start(const char *option)
{
	static char path[64];
	char *argv[] = {
		(char *)"vmctl", (char *)"run", (char *)"--flat", (char *)"0x7c00", path,
		(char *)option, NULL,
	};
	size_t len = echoes_end - echoes_start;
	int fd = memfd_create("echoes", 0);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, echoes_start, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	child_start_on_terminal(&c, argv);
}

static void get(struct termios *t)
{
	ASSERT_EQ(tcgetattr(c.in, t), 0);
}

static bool is_raw(void)
{
	struct termios t;

	get(&t);
	return !(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_iflag & (ICRNL | IXON)) &&
	       !(t.c_oflag & OPOST);
}

static bool is_restored(void)
{
	struct termios t;

	get(&t);
	return t.c_lflag == before.c_lflag && t.c_iflag == before.c_iflag &&
	       t.c_oflag == before.c_oflag && t.c_cflag == before.c_cflag &&
	       !memcmp(t.c_cc, before.c_cc, sizeof(t.c_cc));
}

/* Waits until the guest is there, and the terminal is its own */
static void started(const char *option)
{
	start(option);
	get(&before);
	ASSERT_FALSE(is_raw());
	ASSERT_TRUE(child_expect(&c, "ready\r\n", LONG));
	ASSERT_TRUE(is_raw());
}

static bool has(const char *words)
{
	if (strstr(c.text, words))
		return true;
	diag("no \"%s\" in \"%.300s\"", words, c.text);
	return false;
}

TEST(power_off)
{
	started(NULL);
	child_write(&c, "a", 1);
	EXPECT_TRUE(child_expect(&c, "ready\r\nb", LONG));
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(is_restored());
	EXPECT_TRUE(has("vmctl: the guest powered off after "));
}

/* Keys that a terminal would keep for itself */
TEST(all_keys_go_to_the_guest)
{
	static const char keys[] = "\3\4\r\n\21\23\26\32\34\177";
	char wanted[sizeof(keys)];
	unsigned int i;

	started(NULL);
	for (i = 0; i < sizeof(keys); i++)
		wanted[i] = i < sizeof(keys) - 1 ? keys[i] + 1 : 0;
	child_write(&c, keys, sizeof(keys) - 1);
	EXPECT_TRUE(child_expect(&c, wanted, LONG));
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(is_restored());
}

TEST(escape_leaves)
{
	started(NULL);
	child_write(&c, "\1x", 2);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(is_restored());
	EXPECT_TRUE(has("vmctl: ended by Ctrl-a x"));
}

TEST(escape_keys)
{
	started(NULL);
	child_write(&c, "\1h", 2);
	EXPECT_TRUE(child_expect(&c, "\r\nCtrl-a s       print its counters\r\n", LONG));
	child_write(&c, "\1s", 2);
	EXPECT_TRUE(child_expect(&c, "port accesses ", LONG));
	child_write(&c, "\1\1", 2);
	EXPECT_TRUE(child_expect(&c, "\2", LONG));
	/* a key without a meaning goes nowhere */
	child_write(&c, "\1ka", 3);
	EXPECT_TRUE(child_expect(&c, "\2b", LONG));
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
}

static void ended_by(int sig)
{
	started(NULL);
	kill(c.pid, sig);
	EXPECT_EQ(child_end(&c, LONG), 128 + sig);
	EXPECT_TRUE(is_restored());
}

TEST(signals)
{
	ended_by(SIGTERM);
	ended_by(SIGINT);
	ended_by(SIGHUP);
	/* a fault of vmctl's own */
	ended_by(SIGSEGV);
	ended_by(SIGABRT);
}

TEST(timeout)
{
	started("--timeout=3");
	child_write(&c, "!", 1);
	EXPECT_EQ(child_end(&c, LONG), 124);
	EXPECT_TRUE(is_restored());
}

/* Stopped, it gives the terminal back; continued, it takes it again */
TEST(stopped)
{
	int i, status;

	started(NULL);
	kill(c.pid, SIGTSTP);
	ASSERT_EQ(waitpid(c.pid, &status, WUNTRACED), c.pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_TRUE(is_restored());
	kill(c.pid, SIGCONT);
	for (i = 0; i < 100 && !is_raw(); i++)
		usleep(50000);
	EXPECT_TRUE(is_raw());
	child_write(&c, "a", 1);
	EXPECT_TRUE(child_expect(&c, "b", LONG));
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(is_restored());
}

TEST(mistake_leaves_the_terminal_alone)
{
	start("--mem=64T");
	get(&before);
	EXPECT_EQ(child_end(&c, LONG), 1);
	EXPECT_TRUE(is_restored());
}

/* The user's terminal goes away */
TEST(hangup)
{
	started(NULL);
	child_write(&c, "!", 1);
	usleep(200000);
	close(c.in);
	c.in = -1;
	c.out = -1;
	EXPECT_EQ(child_end(&c, LONG), 129);
}
