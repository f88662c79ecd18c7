// SPDX-License-Identifier: GPL-2.0-only
/* vmctl run on a terminal: raw while the guest has it, restored on every way out; the escape key */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
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

/*
 * Waits until the virtio console's configuration has 100 columns and 40 rows, says so at port 0xe9,
 * and ends with 5 when there are 133 and 50
 */
PC_GUEST(sized, ".code32; mov $0x80000804, %eax; mov $0xcf8, %dx; out %eax, %dx\n"
	 "mov $0xcfc, %dx; mov $2, %eax; out %eax, %dx\n"
	 "1: pause; cmpl $40 << 16 | 100, 0xc0202000; jne 1b; mov $'1', %al; out %al, $0xe9\n"
	 "2: pause; cmpl $50 << 16 | 133, 0xc0202000; jne 2b\n"
	 "mov $0xf4, %dx; mov $5, %al; out %al, %dx; 3: hlt; jmp 3b");

static struct child c;
static struct termios before;

static const char *image(const char *from, const char *to)
{
	static char path[64];
	int fd = memfd_create("image", 0);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, from, to - from), to - from);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	return path;
}

static void start(const char *option)
{
	char *argv[] = {
		(char *)"vmctl", (char *)"run", (char *)"--flat", (char *)"0x7c00",
		(char *)image(echoes_start, echoes_end), (char *)option, NULL,
	};

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

static void resize(unsigned short cols, unsigned short rows)
{
	const struct winsize size = { .ws_col = cols, .ws_row = rows };

	ASSERT_OK(ioctl(c.in, TIOCSWINSZ, &size));
}

/* What it has at first, and what it gets */
TEST(size)
{
	char *argv[] = {
		(char *)"vmctl", (char *)"run", (char *)"--flat", (char *)"0x100000",
		(char *)image(sized_start, sized_end), (char *)"--console",
		(char *)"--debugcon", (char *)"-", NULL,
	};

	child_start_on_terminal(&c, argv);
	resize(100, 40);
	ASSERT_TRUE(child_expect(&c, "1", LONG));
	resize(133, 50);
	EXPECT_EQ(child_end(&c, LONG), 11);
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
