// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: what a guest and its devices do is all told, also what is answered with
 * interrupts off, once each and in order; the formats name their fields; a filter holds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkguest.h"

#define TRACING		"/sys/kernel/tracing"
#define CPUIDS		25
#define GSI		3
#define MSI_ADDRESS	0xfee00000ull
#define MSI_DATA	0x4071u

#define TEXT_SIZE	(8u << 20)

static char *text;
static char instance[128];

/* ---- tracefs ------------------------------------------------------------- */

static void put(const char *name, const char *value)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	fd = open(path, O_WRONLY | O_TRUNC);
	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, value, strlen(value)), (ssize_t)strlen(value));
	close(fd);
}

static void get(const char *name)
{
	char path[256];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	fd = open(path, O_RDONLY);
	ASSERT_OK(fd);
	while ((n = read(fd, text + len, TEXT_SIZE - 1 - len)) > 0)
		len += n;
	ASSERT_OK(n);
	text[len] = 0;
	close(fd);
}

static void trace_close(void)
{
	if (*instance && rmdir(instance))
		diag("%s stays: %s", instance, strerror(errno));
}

static void trace_open(void)
{
	if (access(TRACING "/events", F_OK))
		SKIP("no tracefs");
	/* not in the program, which is guest memory too */
	text = mmap(NULL, TEXT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(text, MAP_FAILED);
	snprintf(instance, sizeof(instance), TRACING "/instances/lodge-test-%d", getpid());
	ASSERT_OK(mkdir(instance, 0700));
	ktap_at_end(trace_close);
	ASSERT_FALSE(access(TRACING "/events/lodge", F_OK));
	put("buffer_size_kb", "8192");
	put("events/lodge/enable", "1");
}

/* What was traced of these, one line each, from the first word behind the event's name on */
static unsigned int count(const char *event, const char *words)
{
	unsigned int n = 0;
	char *line, *end, *found;
	char name[64];

	snprintf(name, sizeof(name), ": %s: ", event);
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		found = strstr(line, name);
		if (found && strstr(found, words))
			n++;
		*end = '\n';
	}
	return n;
}

static unsigned int vm_number(void)
{
	const char *at = strstr(text, ": vm=");

	ASSERT_TRUE(at);
	return atoi(at + 5);
}

/* ---- a guest ------------------------------------------------------------- */

static volatile u64 arrived;

static void on_event(struct guest_frame *f)
{
	arrived++;
}

static void events(void)
{
	u32 r[4], i;

	for (i = 0; i < CPUIDS; i++)
		cpuid(0, 0, r);
	GUEST_ASSERT_EQ(GUEST_TRY("rdmsr", "c" (0x12345678)), EXC(X_GP));
	write8(GPA_FREE + 0x123456, 1);
	GUEST_SYNC(1);
	sti();
	asm volatile("nop");
	GUEST_ASSERT_EQ(arrived, 2);
	cli();
	blk_up();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
	GUEST_DONE();
}

static struct vcpu *vcpu_with_disk(void)
{
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_BLOCK, .slot = SLOT,
		.fd = memfd_create("image", MFD_CLOEXEC),
	};
	struct vm *vm = vm_create(VM_PC);

	ASSERT_OK(ftruncate(d.fd, 4096));
	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), SLOT);
	vm_handler(vm, 0x40, on_event);
	vm_handler(vm, X_NMI, on_event);
	return vcpu_long(vm, 0, events);
}

static void run(struct vcpu *vcpu)
{
	struct lodge_gsi gsi = { .size = sizeof(gsi), .gsi = GSI, .level = 1 };
	struct lodge_msi msi = {
		.size = sizeof(msi), .data = MSI_DATA, .address = MSI_ADDRESS,
	};

	vcpu_sync(vcpu, 1);
	ASSERT_OK(vcpu_interrupt(vcpu, 0x40));
	ASSERT_OK(vcpu_nmi(vcpu));
	ASSERT_OK(ioctl(vcpu->vm->fd, LODGE_VM_SET_GSI, &gsi));
	ASSERT_OK(ioctl(vcpu->vm->fd, LODGE_VM_MSI, &msi));
	vcpu_done(vcpu);
}

TEST(told)
{
	struct vcpu *vcpu;
	char words[128];
	u32 vm;

	trace_open();
	vcpu = vcpu_with_disk();
	run(vcpu);
	put("tracing_on", "0");
	get("trace");
	vm = vm_number();
	snprintf(words, sizeof(words), "vm=%u vcpu=0 reason=CPUID rip=0x4", vm);
	EXPECT_EQ(count("lodge_exit", words), CPUIDS);
	EXPECT_EQ(count("lodge_exit", ""), vcpu_stat(vcpu, LODGE_STAT_EXITS));
	EXPECT_EQ(count("lodge_exit", "reason=CPUID"), vcpu_stat(vcpu, LODGE_STAT_CPUID));
	EXPECT_EQ(count("lodge_exit", "reason=EPT_VIOLATION"),
		  vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS));
	EXPECT_EQ(count("lodge_fault", ""), vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS));
	EXPECT_EQ(count("lodge_entry", "vcpu=0 rip=0x"), vcpu_stat(vcpu, LODGE_STAT_EXITS));
	EXPECT_EQ(count("lodge_exit", "reason=?"), 0u);
	EXPECT_EQ(count("lodge_inject", ""), vcpu_stat(vcpu, LODGE_STAT_INJECTED));
	EXPECT_EQ(count("lodge_inject", "kind=irq vector=64 error=0"), 1u);
	EXPECT_EQ(count("lodge_inject", "kind=nmi vector=2 error=0"), 1u);
	/* more often than raised, if its delivery finds a page that is not mapped yet */
	EXPECT_GE(count("lodge_inject", "kind=exception vector=13 error=0"), 1u);
	snprintf(words, sizeof(words), "vm=%u vcpu=0 gpa=0x%llx access=", vm,
		 GPA_FREE + 0x123456ull);
	EXPECT_EQ(count("lodge_fault", words), 1u);
	/* a register of the disk: no memory */
	EXPECT_GE(count("lodge_fault", "access=w size=0"), 1u);
	EXPECT_GE(count("lodge_fault", " size=4096") + count("lodge_fault", " size=2097152"), 1u);
	snprintf(words, sizeof(words), "vm=%u device=blk queue=0 worker=", vm);
	EXPECT_EQ(count("lodge_kick", words), 1u);
	snprintf(words, sizeof(words), "vm=%u gsi=%d level=1", vm, GSI);
	EXPECT_EQ(count("lodge_irq", words), 1u);
	snprintf(words, sizeof(words), "vm=%u vector=%u address=%#llx data=%#x", vm,
		 MSI_DATA & 0xff, MSI_ADDRESS, MSI_DATA);
	EXPECT_EQ(count("lodge_msi", words), 1u);
}

TEST(filtered)
{
	unsigned int vm;
	char words[32];

	trace_open();
	run(vcpu_with_disk());
	get("trace");
	vm = vm_number();
	snprintf(words, sizeof(words), "vm == %u", vm + 1);
	put("events/lodge/filter", words);
	put("trace", "");
	run(vcpu_with_disk());
	get("trace");
	snprintf(words, sizeof(words), " vm=%u ", vm + 1);
	EXPECT_EQ(count("lodge_exit", words), count("lodge_exit", ""));
	EXPECT_GT(count("lodge_exit", words), CPUIDS);
	put("trace", "");
	run(vcpu_with_disk());
	get("trace");
	EXPECT_EQ(count("lodge_exit", ""), 0u);
	put("events/lodge/filter", "0");
	put("events/lodge/lodge_exit/filter", "vcpu == 0 && reason == 10");
	run(vcpu_with_disk());
	get("trace");
	EXPECT_EQ(count("lodge_exit", "reason=CPUID"), CPUIDS);
	EXPECT_EQ(count("lodge_exit", ""), CPUIDS);
}

/* What perf and trace-cmd read */
TEST(formats)
{
	static const char * const names[] = {
		"entry", "exit", "inject", "fault", "kick", "irq", "msi",
	};
	char path[64];
	unsigned int i;

	trace_open();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "events/lodge/lodge_%s/format", names[i]);
		get(path);
		EXPECT_TRUE(strstr(text, "field:u32 vm;"));
		EXPECT_TRUE(strstr(text, "print fmt: \"vm=%u "));
	}
	get("events/lodge/lodge_exit/format");
	EXPECT_TRUE(strstr(text, "{ 10, \"CPUID\" }"));
	EXPECT_TRUE(strstr(text, "{ 48, \"EPT_VIOLATION\" }"));
}
