// SPDX-License-Identifier: GPL-2.0-only
/* The tour in README.md, word for word, with a small kernel in the place of the user's */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"
#include "pcguest.h"

#define LONG	60000	/* ms */

/* A multiboot kernel: says that it is there, then waits for the power button */
PC_GUEST(kernel, ".code32\n"
	 ".long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)\n"
	 ".long 0x100000, 0x100000, 0, 0, 0x100020\n"
	 "mov $(8f - kernel_start + 0x100000), %esi\n"
	 "2: lodsb; test %al, %al; jz 3f\n" PC_PUTC "jmp 2b\n"
	 "3: pause; mov $0x600, %dx; in %dx, %ax; test $1, %ah; jz 3b\n" PC_POWEROFF
	 "8: .asciz \"the kernel is up\\r\\n\"");

extern const char readme[], readme_end[];
asm(".pushsection .rodata, \"a\"\n"
    "readme: .incbin \"" README "\"\nreadme_end: .byte 0\n.popsection\n");

static void write_file(const char *name, const char *bytes, size_t len)
{
	FILE *f = fopen(name, "w");

	ASSERT_TRUE(f);
	ASSERT_EQ(fwrite(bytes, 1, len, f), len);
	ASSERT_EQ(fclose(f), 0);
}

/* The block of commands behind the tour's heading */
static void write_tour(void)
{
	const char *from = strstr(readme, "\n## Five minutes\n"), *to;

	ASSERT_TRUE(from);
	from = strstr(from, "\n```\n");
	ASSERT_TRUE(from);
	from += 5;
	to = strstr(from, "\n```\n");
	ASSERT_TRUE(to);
	write_file("tour.sh", from, to + 1 - from);
}

static bool has(const struct child *c, const char *words)
{
	if (strstr(c->text, words))
		return true;
	diag("no \"%s\" in \"%.2000s\"", words, c->text);
	return false;
}

static void use_built_vmctl(void)
{
	char self[256], path[1024];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ASSERT_OK(n);
	self[n] = 0;
	*strrchr(self, '/') = 0;
	snprintf(path, sizeof(path), "%s:%s/..", getenv("PATH"), self);
	setenv("PATH", path, 1);
}

TEST(tour)
{
	char dir[] = "/tmp/tour-test.XXXXXX";
	char *argv[] = { (char *)"sh", (char *)"-e", (char *)"tour.sh", NULL };
	struct child c;
	struct stat st;

	ASSERT_TRUE(mkdtemp(dir));
	ASSERT_OK(chdir(dir));
	use_built_vmctl();
	write_tour();
	write_file("vmlinuz", kernel_start, kernel_end - kernel_start);
	write_file("initrd.gz", "", 1);
	child_start_on_terminal(&c, argv);
	/* the one command that waits for a key */
	EXPECT_TRUE(child_expect(&c, "this is the console of web", LONG));
	EXPECT_TRUE(child_expect(&c, "the kernel is up\r\n", LONG));
	child_write(&c, "\1x", 2);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(has(&c, "running"));
	EXPECT_TRUE(has(&c, "%CPU"));
	EXPECT_TRUE(has(&c, "port accesses"));
	EXPECT_TRUE(has(&c, "web\tpower-off\t0\r\n"));
	EXPECT_TRUE(has(&c, "db\tpower-off\t0\r\n"));
	EXPECT_EQ(stat("web.core", &st), 0);
	EXPECT_GE((unsigned long)st.st_size, 128ul << 20);
	EXPECT_EQ(unlink("web.core"), 0);
	unlink("tour.sh");
	unlink("two.vm");
	unlink("vmlinuz");
	unlink("initrd.gz");
	EXPECT_EQ(rmdir(dir), 0);
}
