// SPDX-License-Identifier: GPL-2.0-only
/* vmctl console on a terminal: what was written before, keys, who has the input, ways out; sysrq */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"
#include "pcguest.h"

#define LONG	40000	/* ms */

/*
 * Sends back what it gets plus 1; 'q' powers off, 'r' resets.  A break is told of as '!': it is
 * seen in the line status, and its byte is 0.
 */
PC_GUEST(echoes, ".code16\n" PC_PUTS("echoes_text")
	 "1: mov $0x3fd, %dx\n2: in %dx, %al; test $1, %al; jz 2b\n"
	 "test $0x10, %al; jnz 3f; mov $0x3f8, %dx; in %dx, %al\n"
	 "cmp $'q', %al; je 9f; cmp $'r', %al; je 8f; inc %al\n" PC_PUTC "jmp 1b\n"
	 "3: mov $0x3f8, %dx; in %dx, %al; mov $'!', %al\n" PC_PUTC "jmp 1b\n"
	 "8: mov $0xcf9, %dx; mov $6, %al; out %al, %dx; hlt\n"
	 "9:" PC_POWEROFF "echoes_text: .asciz \"ready\\r\\n\"");

static struct child c;

static void launch(struct child *child, const char *a, const char *b, bool terminal)
{
	char *argv[] = { (char *)"vmctl", (char *)a, (char *)b, NULL };

	if (terminal)
		child_start_on_terminal(child, argv);
	else
		child_start(child, argv);
}

/* vmctl and two words, without input; its status */
static int vmctl(const char *a, const char *b)
{
	launch(&c, a, b, false);
	child_close_input(&c);
	return child_end(&c, LONG);
}

/* The guest as "echo" */
static void start(void)
{
	static char path[64];
	char *argv[] = {
		(char *)"vmctl", (char *)"start", (char *)"--name=echo", (char *)"--mem=2M",
		(char *)"--flat", (char *)"0x7c00", path, NULL,
	};
	size_t len = echoes_end - echoes_start;
	int fd = memfd_create("echoes", 0);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, echoes_start, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	child_start(&c, argv);
	child_close_input(&c);
	ASSERT_EQ(child_end(&c, LONG), 0);
}

static void stop(void)
{
	EXPECT_EQ(vmctl("kill", "echo"), 0);
	EXPECT_EQ(vmctl("rm", "echo"), 0);
}

/* A terminal whose user sees the guest */
static void attach(struct child *child)
{
	launch(child, "console", "echo", true);
	ASSERT_TRUE(child_expect(child, "ready\r\n", LONG));
}

static bool is_raw(const struct child *child)
{
	struct termios t;

	ASSERT_EQ(tcgetattr(child->in, &t), 0);
	return !(t.c_lflag & (ICANON | ECHO | ISIG));
}

TEST(keys_and_escape)
{
	struct child t;

	start();
	attach(&t);
	EXPECT_TRUE(is_raw(&t));
	child_write(&t, "a\3\1\1", 4);
	EXPECT_TRUE(child_expect(&t, "b\4\2", LONG));
	child_write(&t, "\1h", 2);
	EXPECT_TRUE(child_expect(&t, "Ctrl-a x       leave the guest", LONG));
	child_write(&t, "\1x", 2);
	EXPECT_EQ(child_end(&t, LONG), 0);
	EXPECT_FALSE(is_raw(&t));
	/* it lives on, and shows who comes next what was written before */
	attach(&t);
	EXPECT_TRUE(text_has(t.text, "ready\r\nb\4\2"));
	child_write(&t, "c", 1);
	EXPECT_TRUE(child_expect(&t, "\2d", LONG));
	child_write(&t, "q", 1);
	EXPECT_EQ(child_end(&t, LONG), 0);
	EXPECT_TRUE(text_has(t.text, "vmctl: echo has ended: power-off (0)"));
	EXPECT_EQ(vmctl("rm", "echo"), 0);
}

TEST(one_writes_others_look_on)
{
	struct child first, second;

	start();
	attach(&first);
	attach(&second);
	EXPECT_TRUE(text_has(second.text, "your keys do not go there: another has the input"));
	child_write(&second, "xyz", 3);
	child_write(&first, "m", 1);
	EXPECT_TRUE(child_expect(&first, "n", LONG));
	EXPECT_TRUE(child_expect(&second, "ready\r\nn", LONG));
	child_write(&first, "\1x", 2);
	EXPECT_EQ(child_end(&first, LONG), 0);
	child_write(&second, "\1x", 2);
	EXPECT_EQ(child_end(&second, LONG), 0);
	EXPECT_FALSE(strstr(second.text, "yz{"));
	/* the input was given back, also by one that is killed */
	attach(&first);
	EXPECT_FALSE(strstr(first.text, "your keys"));
	kill(first.pid, SIGKILL);
	EXPECT_EQ(child_end(&first, LONG), 128 + SIGKILL);
	attach(&first);
	EXPECT_FALSE(strstr(first.text, "your keys"));
	kill(first.pid, SIGTERM);
	EXPECT_EQ(child_end(&first, LONG), 128 + SIGTERM);
	EXPECT_FALSE(is_raw(&first));
	stop();
}

TEST(over_a_reset)
{
	struct child t;

	start();
	attach(&t);
	child_write(&t, "1", 1);
	EXPECT_TRUE(child_expect(&t, "ready\r\n2", LONG));
	child_write(&t, "r", 1);
	EXPECT_TRUE(child_expect(&t, "2ready\r\n", LONG));
	child_write(&t, "3", 1);
	EXPECT_TRUE(child_expect(&t, "2ready\r\n4", LONG));
	child_write(&t, "q", 1);
	EXPECT_EQ(child_end(&t, LONG), 0);
	EXPECT_EQ(vmctl("rm", "echo"), 0);
}

/* From a pipe bytes go as they are, and not lost when there are many */
TEST(pipe)
{
	char many[9000];
	struct child t;

	start();
	launch(&t, "console", "echo", false);
	memset(many, '0', sizeof(many));
	memcpy(many + sizeof(many) - 3, "\1xq", 3);
	child_write(&t, many, sizeof(many));
	child_close_input(&t);
	EXPECT_EQ(child_end(&t, LONG), 0);
	EXPECT_TRUE(text_has(t.text + t.len - 6, "11\2y"));
	EXPECT_EQ(vmctl("rm", "echo"), 0);
}

/* A break and the key behind it, whoever has the input */
TEST(sysrq)
{
	char *argv[] = { (char *)"vmctl", (char *)"sysrq", (char *)"echo", (char *)"t", NULL };
	struct child t;

	start();
	attach(&t);
	child_write(&t, "a", 1);
	EXPECT_TRUE(child_expect(&t, "ready\r\nb", LONG));
	child_start(&c, argv);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(child_expect(&t, "ready\r\nb!u", LONG));
	child_write(&t, "\1x", 2);
	EXPECT_EQ(child_end(&t, LONG), 0);
	stop();
}

TEST(mistakes)
{
	EXPECT_EQ(vmctl("console", "nobody"), 3);
	EXPECT_TRUE(text_has(c.error, "there is no VM nobody"));
	EXPECT_EQ(vmctl("console", NULL), 2);
	EXPECT_EQ(vmctl("sysrq", "nobody"), 2);
}
