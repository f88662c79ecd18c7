// SPDX-License-Identifier: GPL-2.0-only
/* vmctl run: how guests end and with which status, what comes out, signals, mistakes */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "json_read.h"
#include "ktap.h"
#include "pcguest.h"

#define LONG	40000	/* ms: an emulated host is slow */

PC_GUEST(hello, ".code16\n" PC_PUTS("hello_text") PC_POWEROFF
	 "hello_text: .asciz \"hello, world\\r\\n\"");
PC_GUEST(exits, ".code16; mov $0xf4, %dx; mov $5, %al; out %al, %dx; 1: hlt; jmp 1b");
PC_GUEST(resets, ".code16; mov $0xcf9, %dx; mov $6, %al; out %al, %dx; 1: hlt; jmp 1b");
PC_GUEST(panics, ".code16; mov $0x505, %dx; mov $1, %al; out %al, %dx; 1: hlt; jmp 1b");
PC_GUEST(crashes, ".code32; ud2");
PC_GUEST(spins, ".code16\n" PC_PUTS("spins_text") "1: jmp 1b\nspins_text: .asciz \"up\\n\"");
PC_GUEST(sleeps, ".code16\n" PC_PUTS("sleeps_text")
	 "1: cli; hlt; jmp 1b\nsleeps_text: .asciz \"up\\n\"");
/* writes the same to 16 MiB, and waits */
PC_GUEST(fills, ".code32; mov $0x400000, %edi; mov $0x400000, %ecx; mov $0x5a5a5a5a, %eax\n"
	 "cld; rep stosl; mov $'u', %al\n" PC_PUTC "mov $'p', %al\n" PC_PUTC
	 "1: cli; hlt; jmp 1b");
/* an x87 store to where no memory is */
PC_GUEST(strange, ".code32; fnsave 0xd0000000");
/* 200,000 bytes: ' ' to '_' over and over */
PC_GUEST(floods, ".code16; xor %ecx, %ecx\n"
	 "1: mov %cl, %al; and $63, %al; add $32, %al\n" PC_PUTC
	 "inc %ecx; cmp $200000, %ecx; jne 1b\n" PC_POWEROFF);
/* sends back what it gets; 'q' powers off, 'r' resets */
PC_GUEST(echoes, ".code16\n" PC_PUTS("echoes_text")
	 "1:" PC_GETC "push %ax\n" PC_PUTC "pop %ax\n"
	 "cmp $'r', %al; jne 2f; mov $0xcf9, %dx; mov $6, %al; out %al, %dx\n"
	 "2: cmp $'q', %al; jne 1b\n" PC_POWEROFF "echoes_text: .asciz \"ready\\n\"");
/* hangs once told to, with its watchdog running */
PC_GUEST(hangs, ".code16\n" PC_PUTS("hangs_text")
	 "1:" PC_GETC "cmp $'q', %al; je 2f; mov $0x638, %dx; mov $2, %eax; out %eax, %dx\n"
	 "mov $0x630, %dx; mov $1, %al; out %eax, %dx; cli; 3: hlt; jmp 3b\n"
	 "2:" PC_POWEROFF "hangs_text: .asciz \"ready\\n\"");
PC_GUEST(debugs, ".code16\n"
	 "mov $'d', %al; out %al, $0xe9; mov $'b', %al; out %al, $0xe9\n" PC_POWEROFF);
/* multiboot: prints its command line, its module's, and the module */
PC_GUEST(modules, ".code32\n"
	 ".long 0x1badb002, 0x10003, -(0x1badb002 + 0x10003)\n"
	 ".long 0x100000, 0x100000, 0, 0, 0x100020\n"
	 "cmp $0x2badb002, %eax; jne 9f; mov %ebx, %ebp; mov $0x80000, %esp\n"
	 "mov 16(%ebp), %esi; call 1f\n"
	 "mov 24(%ebp), %edi; mov 8(%edi), %esi; call 1f\n"
	 "mov (%edi), %esi; mov 4(%edi), %ecx; movb $0, (%ecx); call 1f\n" PC_POWEROFF
	 "1: lodsb; test %al, %al; jz 2f\n" PC_PUTC "jmp 1b\n"
	 "2: mov $'\\n', %al\n" PC_PUTC "ret\n9: ud2");
/* a letter for each of the first four PCI devices: 'a' + virtio's number, or '-' */
PC_GUEST(devices, ".code32; mov $0x80000800, %ebx\n"
	 "1: mov %ebx, %eax; mov $0xcf8, %dx; out %eax, %dx; mov $0xcfc, %dx; in %dx, %eax\n"
	 "cmp $0x1af4, %ax; jne 2f; shr $16, %eax; sub $0x1040 - 'a', %eax; jmp 3f\n"
	 "2: mov $'-', %al\n3:" PC_PUTC
	 "add $0x800, %ebx; cmp $0x80002800, %ebx; jne 1b\n" PC_POWEROFF);
/* multiboot: prints its environment, ends with 16 times the digit in it and its processors */
PC_GUEST(suite, ".code32\n"
	 ".long 0x1badb002, 0x10003, -(0x1badb002 + 0x10003)\n"
	 ".long 0x100000, 0x100000, 0, 0, 0x100020\n"
	 "cmp $0x2badb002, %eax; jne 9f; cmpl $1, 20(%ebx); jne 9f\n"
	 "mov 24(%ebx), %edi; mov (%edi), %esi; mov 4(%edi), %ecx\n"
	 "1: cmp %ecx, %esi; jae 3f; lodsb; cmp $'=', %al; jne 2f; movzbl (%esi), %ebp\n"
	 "2:" PC_PUTC "jmp 1b\n"
	 "3: mov $0x510, %dx; mov $5, %ax; out %ax, %dx; inc %dx; xor %eax, %eax; in %dx, %al\n"
	 "sub $'0', %ebp; shl $4, %ebp; add %ebp, %eax; mov $0xf4, %dx; out %al, %dx\n"
	 "4: hlt; jmp 4b\n9: ud2");
/* firmware: tries to write to itself, then tells both from above and from below 1 MiB */
PC_GUEST(firmware, ".code16\n"
	 "1: movb $'X', %cs:0xf000 + 6f - 1b\n"
	 "mov %cs:0xf000 + 6f - 1b, %al\n" PC_PUTC
	 "ljmp $0xff00, $2f - 1b\n"
	 "2: mov %cs:6f - 1b, %al\n" PC_PUTC PC_POWEROFF
	 "6: .ascii \"R\"\n"
	 ".fill 0xff0 - (. - 1b), 1, 0\n"
	 ".byte 0xe9; .word 0xf000 - 0xfff3\n"
	 ".fill 0x1000 - (. - 1b), 1, 0");

/* its stack and its interrupt table are where no memory is */
PC_GUEST(lost, ".code32; lidt 1f - lost_start + 0x100000; mov $0xd0000000, %esp; ud2\n"
	 "1: .word 0x7ff; .long 0xd0001000");

static struct child c;
static char dir[] = "/tmp/vmctl-test.XXXXXX";

/* Both in the harness, not in the processes of its tests */
static void __attribute__((constructor)) make_dir(void)
{
	if (!mkdtemp(dir))
		perror(dir);
}

static void __attribute__((destructor)) remove_dir(void)
{
	char path[sizeof(dir) + 260];
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static const char *file(const char *name, const void *start, const void *end)
{
	static char path[4][64];
	static int n;
	FILE *f;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	f = fopen(path[n], "w");
	ASSERT_TRUE(f);
	fwrite(start, 1, (const char *)end - (const char *)start, f);
	ASSERT_EQ(fclose(f), 0);
	return path[n];
}

/* vmctl run and these words, separated by spaces */
static void start(const char *words, const char *image)
{
	static char line[1024];
	char *argv[32] = { (char *)"vmctl", (char *)"run" };
	int argc = 2;

	snprintf(line, sizeof(line), "%s", words);
	for (argv[argc] = strtok(line, " "); argv[argc]; argv[argc] = strtok(NULL, " "))
		argc++;
	argv[argc++] = (char *)image;
	argv[argc] = NULL;
	child_start(&c, argv);
}

static int run(const char *words, const char *image)
{
	start(words, image);
	child_close_input(&c);
	return child_end(&c, LONG);
}

#define guest(name)	file(#name, name##_start, name##_end)
#define REAL		"--flat 0x7c00 "
#define FLAT32		"--flat 0x100000 "

/* ---- ends ---------------------------------------------------------------- */

TEST(power_off)
{
	EXPECT_EQ(run(REAL, guest(hello)), 0);
	EXPECT_EQ(strcmp(c.text, "hello, world\r\n"), 0);
	EXPECT_TRUE(text_has(c.error, "vmctl: the guest powered off after "));
	EXPECT_EQ(run(REAL "-q", guest(hello)), 0);
	EXPECT_EQ(strcmp(c.error, ""), 0);
}

TEST(exit_port)
{
	EXPECT_EQ(run(REAL, guest(exits)), 5 << 1 | 1);
	EXPECT_TRUE(text_has(c.error, "wrote 5 to its exit port"));
}

TEST(reset)
{
	EXPECT_EQ(run(REAL, guest(resets)), 0);
	EXPECT_TRUE(text_has(c.error, "the guest reset itself"));
}

TEST(restart)
{
	start(REAL "--reboot=restart", guest(echoes));
	ASSERT_TRUE(child_expect(&c, "ready", LONG));
	child_write(&c, "r", 1);
	ASSERT_TRUE(child_expect(&c, "ready\nrready", LONG));
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_EQ(strcmp(c.text, "ready\nrready\nq"), 0);
	EXPECT_TRUE(text_has(c.error, "the guest restarts"));
	EXPECT_TRUE(text_has(c.error, "powered off"));
}

TEST(panic)
{
	EXPECT_EQ(run(REAL, guest(panics)), 255);
	EXPECT_TRUE(text_has(c.error, "the guest panicked"));
}

TEST(watchdog)
{
	start(REAL, guest(hangs));
	child_write(&c, "h", 1);
	EXPECT_EQ(child_end(&c, LONG), 255);
	EXPECT_TRUE(text_has(c.error, "the guest's watchdog expired after"));
	start(REAL "--reboot=restart", guest(hangs));
	child_write(&c, "h", 1);
	ASSERT_TRUE(child_expect(&c, "ready\nready", LONG));
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(text_has(c.error, "the guest's watchdog expired: it restarts"));
}

TEST(triple_fault)
{
	EXPECT_EQ(run(FLAT32, guest(crashes)), 1);
	EXPECT_TRUE(text_has(c.error, "triple fault on CPU 0"));
	EXPECT_TRUE(text_has(c.error, "rip 0000000000100000"));
	EXPECT_TRUE(text_has(c.error, "cr0 11 "));
}

TEST(undeliverable)
{
	EXPECT_EQ(run(FLAT32, guest(lost)), 1);
	EXPECT_TRUE(text_has(c.error, "where no memory is"));
}

TEST(unknown_instruction)
{
	EXPECT_EQ(run(FLAT32, guest(strange)), 1);
	EXPECT_TRUE(text_has(c.error, "does not emulate at rip 0x100000: dd"));
	EXPECT_TRUE(text_has(c.error, "triple fault"));
}

TEST(timeout)
{
	EXPECT_EQ(run(REAL "-t 1.5", guest(spins)), 124);
	EXPECT_EQ(strcmp(c.text, "up\n"), 0);
	EXPECT_TRUE(text_has(c.error, "had not ended after "));
	EXPECT_EQ(run(REAL "-t 1", guest(sleeps)), 124);
}

/* ---- signals ------------------------------------------------------------- */

static void ended_by(int sig, const char *image)
{
	start(REAL, image);
	ASSERT_TRUE(child_expect(&c, "up", LONG));
	kill(c.pid, sig);
	EXPECT_EQ(child_end(&c, LONG), 128 + sig);
	if (sig != SIGKILL)
		EXPECT_TRUE(text_has(c.error, "ended by signal"));
}

TEST(signals)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGKILL };
	unsigned int i;

	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		ended_by(sigs[i], guest(spins));
		ended_by(sigs[i], guest(sleeps));
	}
}

/* What is ignored when vmctl starts stays so */
TEST(nohup)
{
	child_ignores = SIGHUP;
	start(REAL, guest(echoes));
	ASSERT_TRUE(child_expect(&c, "ready", LONG));
	kill(c.pid, SIGHUP);
	usleep(300000);
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
}

TEST(stop_and_continue)
{
	struct pollfd p = { .events = POLLIN };
	int status;

	start(REAL, guest(echoes));
	ASSERT_TRUE(child_expect(&c, "ready\n", LONG));
	kill(c.pid, SIGSTOP);
	ASSERT_EQ(waitpid(c.pid, &status, WUNTRACED), c.pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	child_write(&c, "x", 1);
	p.fd = c.out;
	EXPECT_EQ(poll(&p, 1, 500), 0);
	kill(c.pid, SIGCONT);
	EXPECT_TRUE(child_expect(&c, "x", LONG));
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
}

/* ---- streams ------------------------------------------------------------- */

TEST(input_is_passed_on_to_its_end)
{
	start(REAL, guest(echoes));
	child_write(&c, "abc", 3);
	ASSERT_TRUE(child_expect(&c, "ready\nabc", LONG));
	child_write(&c, "\1x\3\4q", 5);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_EQ(strcmp(c.text, "ready\nabc\1x\3\4q"), 0);

	start(REAL "-t 2", guest(echoes));
	child_write(&c, "z", 1);
	child_close_input(&c);
	EXPECT_EQ(child_end(&c, LONG), 124);
	EXPECT_EQ(strcmp(c.text, "ready\nz"), 0);
}

/* More than all buffers on the way hold */
TEST(much_input)
{
	static char bytes[20000];
	pid_t writer;

	memset(bytes, 'i', sizeof(bytes));
	bytes[sizeof(bytes) - 1] = 'q';
	start(REAL, guest(echoes));
	writer = fork();
	if (!writer)
		_exit(write(c.in, bytes, sizeof(bytes)) != sizeof(bytes));
	child_close_input(&c);
	EXPECT_EQ(child_end(&c, LONG), 0);
	ASSERT_EQ(c.len, 6 + sizeof(bytes));
	EXPECT_EQ(memcmp(c.text + 6, bytes, sizeof(bytes)), 0);
}

static void flooded(void)
{
	size_t i;

	ASSERT_EQ(c.len, 200000u);
	for (i = 0; i < c.len; i++)
		if (c.text[i] != (char)(' ' + i % 64))
			break;
	EXPECT_EQ(i, c.len);
}

TEST(no_output_is_lost)
{
	EXPECT_EQ(run(REAL, guest(floods)), 0);
	flooded();
}

/* The guest waits for a reader that does not read, and all is there when it does */
TEST(no_output_is_lost_by_a_slow_reader)
{
	start(REAL, guest(floods));
	child_close_input(&c);
	sleep(6);
	EXPECT_EQ(waitpid(c.pid, NULL, WNOHANG), 0);
	EXPECT_EQ(child_end(&c, LONG), 0);
	flooded();
}

/* Nor does such a reader keep a signal or the time limit from ending the run */
TEST(nobody_reads)
{
	start(REAL "-t 5", guest(floods));
	sleep(6);
	EXPECT_EQ(child_end(&c, LONG), 124);
	start(REAL, guest(floods));
	sleep(4);
	kill(c.pid, SIGTERM);
	sleep(4);
	EXPECT_EQ(child_end(&c, LONG), 143);
}

TEST(reader_goes)
{
	start(REAL, guest(floods));
	ASSERT_TRUE(child_expect(&c, " !", LONG));
	close(c.out);
	c.out = -1;
	EXPECT_EQ(child_end(&c, LONG), 128 + SIGPIPE);
	EXPECT_EQ(strcmp(c.error, ""), 0);
}

TEST(debug_console)
{
	char path[64], words[128], text[8] = "";
	const char *image = guest(debugs);
	int fd;

	snprintf(path, sizeof(path), "%s/debug", dir);
	snprintf(words, sizeof(words), REAL "--debugcon %s", path);
	EXPECT_EQ(run(words, image), 0);
	fd = open(path, O_RDONLY);
	ASSERT_OK(fd);
	EXPECT_EQ(read(fd, text, sizeof(text)), 2);
	EXPECT_EQ(strcmp(text, "db"), 0);
	EXPECT_EQ(run(REAL "--debugcon -", image), 0);
	EXPECT_EQ(strcmp(c.text, "db"), 0);
	EXPECT_EQ(run(REAL "--debugcon /nowhere/x", image), 1);
	EXPECT_TRUE(text_has(c.error, "/nowhere/x: No such file"));
	EXPECT_EQ(run(REAL "--debugcon /dev/full", image), 1);
	EXPECT_TRUE(text_has(c.error, "cannot write to /dev/full: No space left"));
}

/* ---- kinds of images ----------------------------------------------------- */

TEST(multiboot_with_a_module)
{
	static const char module[] = "contents of it";
	const char *image = guest(modules);
	char path[64];
	char *argv[] = {
		(char *)"vmctl", (char *)"run", (char *)"-k", (char *)image, (char *)"--append",
		(char *)"one two", (char *)"--append", (char *)"three", (char *)"--initrd", path,
		NULL,
	};

	snprintf(path, sizeof(path), "%s two words", file("module", module, module + 14));
	child_start(&c, argv);
	EXPECT_EQ(child_end(&c, LONG), 0);
	EXPECT_TRUE(text_has(c.text, "/modules one two three\n"));
	EXPECT_TRUE(text_has(c.text, "/module two words\n"));
	EXPECT_TRUE(text_has(c.text, "\ncontents of it\n"));
}

/* As images for QEMU's -kernel do: a module is the environment, a port takes the result */
TEST(image_of_a_test_suite)
{
	static const char environment[] = "EXIT=2\n";
	const char *image = guest(suite);
	char words[128];

	snprintf(words, sizeof(words), "-c 3 -i %s", file("env", environment, environment + 7));
	EXPECT_EQ(run(words, image), 0x23 << 1 | 1);
	EXPECT_EQ(strcmp(c.text, "EXIT=2\n"), 0);
	EXPECT_TRUE(text_has(c.error, "wrote 35 to its exit port"));
	EXPECT_EQ(run("", image), 1);
	EXPECT_TRUE(text_has(c.error, "triple fault"));
}

TEST(firmware)
{
	char words[128];

	snprintf(words, sizeof(words), "--firmware %s", guest(firmware));
	EXPECT_EQ(run(words, NULL), 0);
	EXPECT_EQ(strcmp(c.text, "RR"), 0);
}

/* ---- the VM -------------------------------------------------------------- */

/* Its names as ps and top have them */
static bool thread_named(pid_t pid, const char *name)
{
	char path[300], comm[32];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	ASSERT_TRUE(d);
	while ((e = readdir(d)) && !found) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid, e->d_name);
		f = fopen(path, "r");
		found = f && fgets(comm, sizeof(comm), f) && !strncmp(comm, name, strlen(name)) &&
			comm[strlen(name)] == '\n';
		if (f)
			fclose(f);
	}
	closedir(d);
	return found;
}

TEST(threads_have_names)
{
	start(REAL "-c 12 --name a-very-long-name-of-a-vm", guest(sleeps));
	ASSERT_TRUE(child_expect(&c, "up", LONG));
	EXPECT_TRUE(thread_named(c.pid, "a-very-long-n/0"));
	EXPECT_TRUE(thread_named(c.pid, "a-very-long-/11"));
	kill(c.pid, SIGTERM);
	EXPECT_EQ(child_end(&c, LONG), 143);
	start(REAL, guest(sleeps));
	ASSERT_TRUE(child_expect(&c, "up", LONG));
	EXPECT_TRUE(thread_named(c.pid, "sleeps/0"));
	kill(c.pid, SIGTERM);
	EXPECT_EQ(child_end(&c, LONG), 143);
}

TEST(memory)
{
	EXPECT_EQ(run(REAL "-m 2M", guest(hello)), 0);
	/* more than the host has: it is address space until it is touched */
	EXPECT_EQ(run(REAL "-m 32G", guest(hello)), 0);
	EXPECT_EQ(run(REAL "--thp", guest(hello)), 0);
	EXPECT_EQ(run(REAL "-m 60T", guest(hello)), 1);
	EXPECT_TRUE(text_has(c.error, "addresses of"));
	EXPECT_EQ(run(REAL "-m 32G --hugetlb", guest(hello)), 1);
	EXPECT_TRUE(text_has(c.error, "nr_hugepages"));
}

/* Of a process's memory, what smaps counts under that name, in KiB */
static long smaps(pid_t pid, const char *name)
{
	char path[64], line[256];
	long sum = 0, n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "r");
	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) &&
		    sscanf(line + strlen(name), ": %ld kB", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

static long setting(const char *path, long value)
{
	FILE *f = fopen(path, value < 0 ? "r" : "w");

	if (!f)
		return -1;
	if (value < 0 ? fscanf(f, "%ld", &value) != 1 : fprintf(f, "%ld", value) < 0)
		value = -1;
	return fclose(f) ? -1 : value;
}

static void start_filling(struct child *child, const char *words)
{
	start(words, guest(fills));
	ASSERT_TRUE(child_expect(&c, "up", LONG));
	*child = c;
}

static void end_filling(struct child *child)
{
	kill(child->pid, SIGTERM);
	EXPECT_EQ(child_end(child, LONG), 143);
}

TEST(transparent_huge_pages)
{
	start_filling(&c, FLAT32 "-m 32M --thp");
	EXPECT_GE(smaps(c.pid, "AnonHugePages"), 8 << 10);
	end_filling(&c);
}

TEST(pool_of_huge_pages)
{
	const char *pool = "/proc/sys/vm/nr_hugepages";
	long before = setting(pool, -1);

	setting(pool, 16);
	if (setting(pool, -1) < 16) {
		setting(pool, before);
		SKIP("the host has no 16 huge pages");
	}
	start_filling(&c, FLAT32 "-m 32M --hugetlb");
	EXPECT_GE(smaps(c.pid, "Private_Hugetlb"), 16 << 10);
	end_filling(&c);
	setting(pool, before);
}

#define KSM	"/sys/kernel/mm/ksm/"

TEST_SECONDS(same_pages_are_shared, 120)
{
	static struct child one, two;
	int i;

	if (setting(KSM "pages_to_scan", 10000) < 0)
		SKIP("the host's kernel has no KSM");
	start_filling(&one, FLAT32 "-m 32M --ksm");
	start_filling(&two, FLAT32 "-m 32M --ksm");
	setting(KSM "sleep_millisecs", 20);
	setting(KSM "run", 1);
	for (i = 0; i < 300 && setting(KSM "pages_sharing", -1) < 8000; i++)
		usleep(100000);
	EXPECT_GE(setting(KSM "pages_sharing", -1), 8000);
	setting(KSM "run", 2);
	setting(KSM "run", 0);
	end_filling(&one);
	end_filling(&two);
}

TEST(counters)
{
	EXPECT_EQ(run(REAL "--stats", guest(hello)), 0);
	EXPECT_TRUE(text_has(c.error, "port accesses "));
	EXPECT_TRUE(text_has(c.error, "\nexits "));
}

TEST(cpu_features)
{
	EXPECT_EQ(run(REAL "--cpu-feature -sse2,+fpu", guest(hello)), 0);
	EXPECT_EQ(run(REAL "--cpu-feature +intel_pt", guest(hello)), 1);
	EXPECT_TRUE(text_has(c.error, "cannot give a guest \"intel_pt\""));
}

TEST_SECONDS(most_processors, 120)
{
	EXPECT_EQ(run(REAL "-c 64", guest(hello)), 0);
	EXPECT_EQ(strcmp(c.text, "hello, world\r\n"), 0);
}

/* ---- mistakes ------------------------------------------------------------ */

static bool one_sentence(void)
{
	char *end = strchr(c.error, '\n');

	return !c.len && !strncmp(c.error, "vmctl: ", 7) && end && !end[1];
}

static bool mistake(const char *words, const char *image, int status, const char *about)
{
	int got = run(words, image);

	if (got == status && one_sentence() && strstr(c.error, about))
		return true;
	diag("vmctl run %s: status %d, \"%.300s\"", words, got, c.error);
	return false;
}

/* An image of 1 MiB */
static const char *image(const char *name)
{
	const char *path = file(name, "", "");

	ASSERT_OK(truncate(path, 1 << 20));
	return path;
}

TEST(disks)
{
	char words[200];
	const char *path = image("disk");

	EXPECT_EQ(run(FLAT32, guest(devices)), 0);
	EXPECT_EQ(strcmp(c.text, "----"), 0);
	snprintf(words, sizeof(words), FLAT32 "--rng --disk %s,serial=one -d %s,ro,queues=2", path,
		 image("other"));
	EXPECT_EQ(run(words, guest(devices)), 0);
	EXPECT_EQ(strcmp(c.text, "cce-"), 0);
	snprintf(words, sizeof(words), FLAT32 "--rng --disk %s,direct", path);
	/* a tmpfs learnt it with Linux 6.6 */
	if (run(words, guest(devices)))
		EXPECT_TRUE(text_has(c.error, "its file system cannot do direct I/O"));
	else
		EXPECT_EQ(strcmp(c.text, "ce--"), 0);
}

static void has_limits(const char *requests, const char *bytes)
{
	struct child d;

	child_start_vmctl(&d, "devices -j limited");
	child_close_input(&d);
	EXPECT_EQ(child_end(&d, LONG), 0);
	EXPECT_TRUE(text_is(json_at(d.text, "devices.0.max_requests"), requests));
	EXPECT_TRUE(text_is(json_at(d.text, "devices.0.max_bytes"), bytes));
}

/* Those of the command line, and those that have come since */
TEST(limits_of_a_disk)
{
	char words[200];
	struct child d;

	snprintf(words, sizeof(words), REAL "--reboot=restart --name limited --disk %s,iops=7,bps=3M",
		 image("slow"));
	start(words, guest(echoes));
	ASSERT_TRUE(child_expect(&c, "ready", LONG));
	has_limits("7", "3145728");
	child_start_vmctl(&d, "limit --iops 9 limited disk0");
	child_close_input(&d);
	EXPECT_EQ(child_end(&d, LONG), 0);
	child_write(&c, "r", 1);
	ASSERT_TRUE(child_expect(&c, "ready\nrready", LONG));
	has_limits("9", "3145728");
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
}

/* What root attaches is root's: its descriptor is not for the VM's user, who makes the next VM */
TEST(disk_of_root)
{
	const char *path = image("roots"), *code = guest(echoes);
	char words[200];
	struct stat st;
	struct child d;

	ASSERT_EQ(chmod(dir, 0755) | chmod(path, 0600), 0);
	ASSERT_EQ(stat("/dev/lodge", &st), 0);
	ASSERT_EQ(chmod("/dev/lodge", 0666), 0);
	ASSERT_OK(setresuid(1000, 1000, 0));
	start(REAL "--reboot=restart --name users", code);
	ASSERT_OK(setresuid(0, 0, 0));
	ASSERT_TRUE(child_expect(&c, "ready", LONG));
	snprintf(words, sizeof(words), "attach users --disk %s", path);
	child_start_vmctl(&d, words);
	EXPECT_EQ(child_end(&d, LONG), 0);
	EXPECT_TRUE(text_is(d.text, "disk0\n"));
	child_write(&c, "r", 1);
	ASSERT_TRUE(child_expect(&c, "ready\nrready", LONG));
	child_start_vmctl(&d, "devices users");
	EXPECT_EQ(child_end(&d, LONG), 0);
	EXPECT_TRUE(text_is(d.text, ""));
	/* it is free, so root can attach it again */
	child_start_vmctl(&d, words);
	EXPECT_EQ(child_end(&d, LONG), 0);
	child_write(&c, "q", 1);
	EXPECT_EQ(child_end(&c, LONG), 0);
	ASSERT_EQ(chmod("/dev/lodge", st.st_mode & 07777), 0);
	EXPECT_TRUE(text_has(c.error, "has device 1 no more: who attached it has other rights"));
}

TEST(disks_are_locked)
{
	char words[200];
	const char *path = image("disk");
	struct child first;

	snprintf(words, sizeof(words), REAL "--disk %s", path);
	start(words, guest(spins));
	ASSERT_TRUE(child_expect(&c, "up", LONG));
	first = c;
	EXPECT_TRUE(mistake(words, guest(hello), 1, "another guest uses this image"));
	snprintf(words, sizeof(words), REAL "--disk %s,ro", path);
	EXPECT_TRUE(mistake(words, guest(hello), 1, "another guest writes to this image"));
	kill(first.pid, SIGKILL);
	EXPECT_EQ(child_end(&first, LONG), 128 + SIGKILL);
	snprintf(words, sizeof(words), REAL "--disk %s,ro --disk %s,ro", path, path);
	EXPECT_EQ(run(words, guest(hello)), 0);
}

TEST(mistakes)
{
	EXPECT_TRUE(mistake("", NULL, 2, "Name a kernel"));
	EXPECT_TRUE(mistake("", "/nowhere", 1, "/nowhere: No such file"));
	EXPECT_TRUE(mistake("", "/", 1, "/: Is a directory"));
	EXPECT_TRUE(mistake("", "/dev/null", 1, "/dev/null is empty"));
	EXPECT_TRUE(mistake("", "/proc/self/exe", 1, "no PVH note"));
	EXPECT_TRUE(mistake("-i /nowhere", guest(modules), 1, "/nowhere: No such file"));
	EXPECT_TRUE(mistake("--mem 1x", "x", 2, "512M or 2G"));
	EXPECT_TRUE(mistake("--mem 1M", "x", 2, "2M at least"));
	EXPECT_TRUE(mistake("-c 0", "x", 2, "--cpus takes a number"));
	EXPECT_TRUE(mistake("-c 65", "x", 2, "a guest can have 64"));
	EXPECT_TRUE(mistake("-t never", "x", 2, "--timeout takes seconds"));
	EXPECT_TRUE(mistake("--reboot=often", "x", 2, "exit or restart"));
	EXPECT_TRUE(mistake("--watchdog=bark", "x", 2, "reset, pause or nmi"));
	EXPECT_TRUE(mistake("--name a/b", "x", 2, "slashes"));
	EXPECT_TRUE(mistake("--cpu-feature +warp", "x", 2, "no processor feature \"warp\""));
	EXPECT_TRUE(mistake("--thp --ksm", "x", 2, "exclude each other"));
	EXPECT_TRUE(mistake("--firmware x", "x", 2, "--firmware"));
	EXPECT_TRUE(mistake("--mem", NULL, 2, "wants SIZE"));
	EXPECT_TRUE(mistake("--disk x,rw", "x", 2, "none of ro, direct"));
	EXPECT_TRUE(mistake("--disk /nowhere", guest(hello), 1, "there is no such file"));
	EXPECT_TRUE(mistake("--disk /dev/null", guest(hello), 1, "neither a file nor"));
	EXPECT_TRUE(mistake("--nonsense", "x", 2, "no option --nonsense"));
	EXPECT_TRUE(mistake("one", "two", 2, "no use for"));
}
