// SPDX-License-Identifier: GPL-2.0-only
/* vmctl's verbs that reach into a VM: exits, top, nmi, regs, mem, pin, dump */
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "json_read.h"
#include "ktap.h"
#include "pcguest.h"

#define LONG	40000	/* ms */
#define MAGIC	0x5a17		/* in BX */
#define DUMP	"/tmp/inside.core"

/* An NMI has it write "N"; it has what Linux tells a vmcore's reader by, in a page of its own */
PC_GUEST(waits, ".code16\n"
	 "cli; xor %ax, %ax; mov %ax, %ds; mov %ax, %ss; mov $0x7000, %sp\n"
	 "movw $(8f - waits_start + 0x7c00), 8; movw $0, 10\n"
	 "mov $0x5a17, %bx\n" PC_PUTS("waits_text") "1: cli; hlt; jmp 1b\n"
	 "8: mov $'N', %al\n" PC_PUTC "iret\n"
	 "waits_text: .asciz \"ready\\r\\n\"\n"
	 ".org waits_start + 0x1400\n"
	 ".asciz \"OSRELEASE=1.2.3\\nPAGESIZE=4096\\nSYMBOL(swapper_pg_dir)=ffffffff80003000\\n"
	 "NUMBER(phys_base)=-4096\\n\"");

PC_GUEST(panics, ".code16; mov $0x505, %dx; mov $1, %al; mov $0x5a17, %bx; out %al, %dx\n"
	 PC_POWEROFF);

static struct child c;

/* vmctl and these words; its status */
static int vmctl(const char *words)
{
	child_start_vmctl(&c, words);
	child_close_input(&c);
	return child_end(&c, LONG);
}

static void start(void)
{
	char words[160];
	size_t len = waits_end - waits_start;
	int i, fd = memfd_create("waits", 0);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, waits_start, len), (ssize_t)len);
	snprintf(words, sizeof(words), "start --name=in --mem=2M --cpus=2 --flat 0x7c00 /proc/%d/fd/%d",
		 getpid(), fd);
	ASSERT_EQ(vmctl(words), 0);
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(vmctl("log in"), 0);
		if (strstr(c.text, "ready"))
			break;
		usleep(50000);
	}
	ASSERT_TRUE(i < 200);
}

static void stop(void)
{
	EXPECT_EQ(vmctl("kill in"), 0);
	EXPECT_EQ(vmctl("rm in"), 0);
}

TEST(counters_of_each_processor)
{
	start();
	EXPECT_EQ(vmctl("exits in"), 0);
	EXPECT_TRUE(text_has(c.text, "0\tIO_INSTRUCTION\t"));
	EXPECT_FALSE(strstr(c.text, "1\tIO_INSTRUCTION\t"));
	EXPECT_EQ(vmctl("exits -j in"), 0);
	EXPECT_TRUE(json_at(c.text, "cpus.0.exits.0.reason"));
	EXPECT_TRUE(atoi(json_at(c.text, "cpus.0.exits.0.count")) > 0);
	/* those of the last exit are not there yet */
	EXPECT_TRUE(json_at(c.text, "cpus.0.exits.0.ticks"));
	EXPECT_TRUE(text_is(json_at(c.text, "name"), "in"));
	EXPECT_TRUE(text_is(json_at(c.text, "cpus.1.id"), "1"));
	EXPECT_TRUE(atoi(json_at(c.text, "cpus.0.counters.io")) > 7);
	EXPECT_TRUE(text_is(json_at(c.text, "cpus.1.counters.io"), "0"));
	EXPECT_EQ(vmctl("top -n 2 -i 0.2"), 0);
	EXPECT_TRUE(text_has(c.text, "%CPU"));
	EXPECT_TRUE(text_has(c.text, " in "));
	EXPECT_TRUE(text_has(c.text, " running "));
	stop();
	EXPECT_EQ(vmctl("top -n 0"), 2);
	EXPECT_EQ(vmctl("exits in"), 3);
}

TEST(nmi)
{
	int i;

	start();
	EXPECT_EQ(vmctl("nmi in"), 0);
	for (i = 0; i < 200 && !strstr(c.text, "ready\r\nN"); i++) {
		usleep(20000);
		ASSERT_EQ(vmctl("log in"), 0);
	}
	EXPECT_TRUE(text_has(c.text, "ready\r\nN"));
	stop();
}

TEST(registers)
{
	start();
	EXPECT_EQ(vmctl("regs in"), 0);
	EXPECT_TRUE(text_has(c.text, "cpu 0\n"));
	EXPECT_TRUE(text_has(c.text, "cpu 1\n"));
	EXPECT_TRUE(text_has(c.text, "rbx    0000000000005a17"));
	/* not paused by that */
	EXPECT_EQ(vmctl("list in"), 0);
	EXPECT_TRUE(text_has(c.text, "running"));
	EXPECT_EQ(vmctl("pause in"), 0);
	EXPECT_EQ(vmctl("regs -j --cpu 0 in"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "0.id"), "0"));
	EXPECT_TRUE(text_is(json_at(c.text, "0.rbx"), "0x5a17"));
	EXPECT_TRUE(text_is(json_at(c.text, "0.cs.base"), "0x0"));
	EXPECT_EQ(vmctl("list in"), 0);
	EXPECT_TRUE(text_has(c.text, "paused"));
	EXPECT_EQ(vmctl("regs --cpu 2 in"), 2);
	stop();
}

TEST(memory)
{
	start();
	EXPECT_EQ(vmctl("mem in 0x9000 16"), 0);
	EXPECT_TRUE(text_has(c.text,
			     "0000000000009000  4f 53 52 45 4c 45 41 53  45 3d 31 2e 32 2e"));
	EXPECT_TRUE(text_has(c.text, " 33 0a  OSRELEASE=1.2.3.\n"));
	/* to the end, and more than one message holds */
	EXPECT_EQ(vmctl("mem --binary in 0x100000 0x100000"), 0);
	EXPECT_EQ(c.len, 0x100000u);
	EXPECT_EQ(vmctl("mem in 0x200000"), 1);
	EXPECT_TRUE(text_has(c.error, "is memory"));
	EXPECT_EQ(vmctl("mem in 0x1fffff 2"), 1);
	EXPECT_EQ(vmctl("mem in nowhere"), 2);
	EXPECT_EQ(vmctl("mem in 0xffffffffffffffff 2"), 2);
	stop();
}

static bool runs_on(int thread, int cpu)
{
	cpu_set_t set;

	ASSERT_OK(sched_getaffinity(thread, sizeof(set), &set));
	return CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set);
}

TEST(pin)
{
	int threads[2];

	start();
	EXPECT_EQ(vmctl("info -j in"), 0);
	threads[0] = atoi(json_at(c.text, "cpus.0.thread"));
	threads[1] = atoi(json_at(c.text, "cpus.1.thread"));
	EXPECT_EQ(vmctl("pin in 1 0"), 0);
	EXPECT_TRUE(runs_on(threads[1], 0));
	EXPECT_EQ(vmctl("info -j in"), 0);
	EXPECT_TRUE(text_is(json_at(c.text, "cpus.1.affinity"), "0"));
	EXPECT_EQ(vmctl("pin in all 0"), 0);
	EXPECT_TRUE(runs_on(threads[0], 0));
	EXPECT_EQ(vmctl("pin in 2 0"), 2);
	EXPECT_EQ(vmctl("pin in 0 0-"), 2);
	EXPECT_EQ(vmctl("pin in 0 1023"), 1);
	stop();
}

/* It stays as it was, until it is told to go on */
TEST(panic)
{
	size_t len = panics_end - panics_start;
	int i, fd = memfd_create("panics", 0);
	char words[160];

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, panics_start, len), (ssize_t)len);
	snprintf(words, sizeof(words), "start --name=in --mem=2M --panic=pause --flat 0x7c00 /proc/%d/fd/%d",
		 getpid(), fd);
	ASSERT_EQ(vmctl(words), 0);
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(vmctl("list in"), 0);
		if (strstr(c.text, "paused"))
			break;
		usleep(50000);
	}
	EXPECT_TRUE(text_has(c.text, "paused"));
	EXPECT_EQ(vmctl("regs in"), 0);
	EXPECT_TRUE(text_has(c.text, "rbx    0000000000005a17"));
	EXPECT_EQ(vmctl("dump in " DUMP), 0);
	EXPECT_TRUE(text_has(c.error, "no VMCOREINFO"));
	unlink(DUMP);
	EXPECT_EQ(vmctl("resume in"), 0);
	EXPECT_EQ(vmctl("wait in"), 0);
	EXPECT_TRUE(text_has(c.text, "in\tpower-off\t0"));
	EXPECT_EQ(vmctl("rm in"), 0);
}

static char core[4 << 20];
static size_t core_len;

static void read_core(void)
{
	int fd = open(DUMP, O_RDONLY);
	ssize_t n;

	ASSERT_OK(fd);
	for (core_len = 0; (n = read(fd, core + core_len, sizeof(core) - core_len)) > 0;)
		core_len += n;
	close(fd);
}

/* The bytes of a note, or NULL */
static const char *note(const char *name, uint32_t type, unsigned int which)
{
	const Elf64_Phdr *p = (void *)(core + sizeof(Elf64_Ehdr));
	const char *at = core + p->p_offset, *end = at + p->p_filesz;

	while (at < end) {
		const Elf64_Nhdr *h = (void *)at;
		const char *bytes = at + sizeof(*h) + ((h->n_namesz + 3) & ~3u);

		if (h->n_type == type && !strcmp(at + sizeof(*h), name) && !which--)
			return bytes;
		at = bytes + ((h->n_descsz + 3) & ~3u);
	}
	return NULL;
}

TEST(dump)
{
	const Elf64_Ehdr *e = (void *)core;
	const Elf64_Phdr *p = (void *)(e + 1);
	struct stat st;
	uint64_t rbx;

	start();
	EXPECT_EQ(vmctl("dump in " DUMP), 0);
	read_core();
	ASSERT_TRUE(core_len > sizeof(*e));
	EXPECT_TRUE(!memcmp(core, ELFMAG, 4));
	EXPECT_EQ(e->e_type, ET_CORE);
	EXPECT_EQ(e->e_phnum, 3);
	EXPECT_EQ(p[0].p_type, PT_NOTE);
	/* the root of the page tables, where the guest's note has it */
	EXPECT_EQ(p[1].p_type, PT_LOAD);
	EXPECT_EQ(p[1].p_vaddr, 0xffffffff80003000u);
	EXPECT_EQ(p[1].p_paddr, 0x2000u);
	EXPECT_EQ(p[1].p_offset, p[2].p_offset + 0x2000);
	EXPECT_EQ(p[1].p_filesz, 4096u);
	EXPECT_EQ(p[2].p_type, PT_LOAD);
	EXPECT_EQ(p[2].p_paddr, 0u);
	EXPECT_EQ(p[2].p_filesz, 2u << 20);
	ASSERT_EQ(core_len, p[2].p_offset + p[2].p_filesz);
	EXPECT_TRUE(!memcmp(core + p[2].p_offset + 0x7c00, waits_start, waits_end - waits_start));
	ASSERT_TRUE(note("VMCOREINFO", 0, 0));
	EXPECT_TRUE(!strncmp(note("VMCOREINFO", 0, 0), "OSRELEASE=1.2.3\n", 16));
	ASSERT_TRUE(note("CORE", NT_PRSTATUS, 1));
	EXPECT_FALSE(note("CORE", NT_PRSTATUS, 2));
	/* struct elf_prstatus.pr_reg, struct user_regs_struct.rbx */
	memcpy(&rbx, note("CORE", NT_PRSTATUS, 0) + 112 + 5 * 8, sizeof(rbx));
	EXPECT_EQ(rbx, (uint64_t)MAGIC);
	ASSERT_EQ(stat(DUMP, &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600u);
	EXPECT_TRUE(st.st_blocks * 512 < 1 << 20);
	EXPECT_EQ(vmctl("list in"), 0);
	EXPECT_TRUE(text_has(c.text, "running"));
	EXPECT_EQ(vmctl("dump in /nowhere/core"), 1);
	EXPECT_EQ(vmctl("dump in"), 2);
	stop();
	EXPECT_EQ(vmctl("dump in " DUMP), 3);
	unlink(DUMP);
}
