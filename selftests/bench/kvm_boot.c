// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the boot of a kernel costs under KVM: the image, the ACPI tables and the entry state are
 * those of "vmctl run", made by its own loader; the interrupt controllers and the PIT are KVM's;
 * the serial port and the power-off are here, as a small VMM has them. A VM has one vCPU.
 *
 *	bench_kvm_boot KERNEL INITRD MIB COMMAND-LINE
 *
 * The serial port goes to standard output; the counters of the vCPU, when the guest has switched
 * itself off, to standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <linux/serial_reg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../../vmctl/acpi.h"
#include "../../vmctl/vm.h"

#define MAX_CPUID	128
#define TSC_DEADLINE	(1u << 24)	/* leaf 1, ECX */

#define UART_PORT	0x3f8
#define UART_IRQ	4
#define PM1_SLEEP	0x2000		/* SLP_EN: S5 is the only state */
#define PM_TIMER_HZ	3579545
#define CMOS_PORT	0x70
#define KBD_COMMAND	0x64
#define PULSE_RESET	0xfe

/**
 * struct guest - the VM
 * @kvm: /dev/kvm
 * @fd: the VM
 * @vcpu: its vCPU
 * @run: shared run area
 * @mem: memory
 * @uart: registers of the serial port by their numbers; [UART_TX] is not used
 * @divisor: registers 0 and 1 with DLAB
 * @cmos: selected register of the clock
 * @sent: the transmitter has run empty since the guest has looked
 * @line: level of its interrupt
 * @off: the guest has switched itself off
 */
struct guest {
	int kvm;
	int fd;
	int vcpu;
	struct kvm_run *run;
	struct guestmem mem;
	__u8 uart[8];
	__u8 divisor[2];
	__u8 cmos;
	bool sent;
	bool line;
	bool off;
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("bench_kvm_boot: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	exit(1);
}

static int call(int fd, unsigned long request, void *arg, const char *name)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		die("%s: %s", name, strerror(errno));
	return ret;
}

#define CALL(fd, request, arg) call(fd, request, (void *)(arg), #request)

/* ---- the machine --------------------------------------------------------- */

static struct kvm_irq_routing_entry pin(__u32 gsi, __u32 chip, __u32 number)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = number },
	};
}

/* The PIT is at pin 2 of the IOAPIC, as the MADT says */
static void route(const struct guest *g)
{
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + 64 * sizeof(r->entries[0]));
	__u32 i;

	if (!r)
		die("no memory");
	for (i = 0; i < 16; i++)
		if (i != 2)
			r->entries[r->nr++] = pin(i, i < 8 ? KVM_IRQCHIP_PIC_MASTER :
						  KVM_IRQCHIP_PIC_SLAVE, i % 8);
	for (i = 0; i < 24; i++)
		if (i != 2)
			r->entries[r->nr++] = pin(i, KVM_IRQCHIP_IOAPIC, i ? i : 2);
	CALL(g->fd, KVM_SET_GSI_ROUTING, r);
	free(r);
}

static void add_slot(const struct guest *g, __u32 slot, __u64 gpa, __u64 size, void *mem)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (unsigned long)mem,
	};

	if (size)
		CALL(g->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static void set_cpuid(const struct guest *g)
{
	struct kvm_cpuid2 *cpuid;
	unsigned int i;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		die("no memory");
	cpuid->nent = MAX_CPUID;
	CALL(g->kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= TSC_DEADLINE;
	CALL(g->vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static void create(struct guest *g, __u64 size)
{
	struct kvm_pit_config pit = { 0 };
	__u64 identity_map = 0xfffbc000;
	int error;

	error = guestmem_alloc(&g->mem, size, GUESTMEM_PLAIN);
	if (error)
		die("no memory: %s", strerror(error));
	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (g->kvm < 0)
		die("/dev/kvm: %s", strerror(errno));
	g->fd = CALL(g->kvm, KVM_CREATE_VM, 0);
	CALL(g->fd, KVM_SET_TSS_ADDR, 0xfffbd000L);
	CALL(g->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	CALL(g->fd, KVM_CREATE_IRQCHIP, 0);
	CALL(g->fd, KVM_CREATE_PIT2, &pit);
	route(g);
	add_slot(g, 0, 0, guestmem_low(&g->mem), g->mem.host);
	add_slot(g, 1, GUESTMEM_HIGH, guestmem_high(&g->mem), g->mem.host + guestmem_low(&g->mem));
	g->vcpu = CALL(g->fd, KVM_CREATE_VCPU, 0);
	g->run = mmap(NULL, CALL(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		      MAP_SHARED, g->vcpu, 0);
	if (g->run == MAP_FAILED)
		die("mmap of the vCPU: %s", strerror(errno));
	set_cpuid(g);
}

/* ---- the kernel and its first instruction --------------------------------- */

static struct boot_file file_of(const char *name)
{
	struct boot_file f = { .name = name, .args = "" };
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", name, strerror(errno));
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die("%s: %s", name, strerror(errno));
	close(fd);
	f.data = p;
	f.len = st.st_size;
	return f;
}

static void segment(struct kvm_segment *to, const struct lodge_segment *from)
{
	*to = (struct kvm_segment){
		.base = from->base, .limit = from->limit, .selector = from->selector,
		.type = from->attr & LODGE_SEG_TYPE, .s = !!(from->attr & LODGE_SEG_S),
		.present = !!(from->attr & LODGE_SEG_P), .l = !!(from->attr & LODGE_SEG_L),
		.db = !!(from->attr & LODGE_SEG_DB), .g = !!(from->attr & LODGE_SEG_G),
		.unusable = !!(from->attr & LODGE_SEG_UNUSABLE),
	};
}

static void set_registers(const struct guest *g, const struct boot *b)
{
	struct lodge_sregs lodge_sregs = { 0 };
	struct lodge_regs lodge_regs;
	struct kvm_regs regs = { 0 };
	struct kvm_sregs s;

	CALL(g->vcpu, KVM_GET_SREGS, &s);
	start_registers(b, &lodge_regs, &lodge_sregs);
	segment(&s.es, &lodge_sregs.seg[LODGE_ES]);
	segment(&s.cs, &lodge_sregs.seg[LODGE_CS]);
	segment(&s.ss, &lodge_sregs.seg[LODGE_SS]);
	segment(&s.ds, &lodge_sregs.seg[LODGE_DS]);
	segment(&s.fs, &lodge_sregs.seg[LODGE_FS]);
	segment(&s.gs, &lodge_sregs.seg[LODGE_GS]);
	segment(&s.ldt, &lodge_sregs.seg[LODGE_LDTR]);
	segment(&s.tr, &lodge_sregs.seg[LODGE_TR]);
	s.gdt = (struct kvm_dtable){ lodge_sregs.gdt_base, lodge_sregs.gdt_limit };
	s.idt = (struct kvm_dtable){ lodge_sregs.idt_base, lodge_sregs.idt_limit };
	s.cr0 = lodge_sregs.cr0;
	s.cr3 = lodge_sregs.cr3;
	s.cr4 = lodge_sregs.cr4;
	s.efer = lodge_sregs.efer;
	CALL(g->vcpu, KVM_SET_SREGS, &s);

	regs.rip = lodge_regs.rip;
	regs.rflags = lodge_regs.rflags;
	regs.rax = lodge_regs.gpr[LODGE_RAX];
	regs.rbx = lodge_regs.gpr[LODGE_RBX];
	regs.rsi = lodge_regs.gpr[LODGE_RSI];
	regs.rsp = lodge_regs.gpr[LODGE_RSP];
	CALL(g->vcpu, KVM_SET_REGS, &regs);
}

static void load(struct guest *g, const char *kernel, const char *initrd, const char *cmdline)
{
	const struct acpi_machine machine = { .cpus = 1, .pci = true };
	struct boot_file ramdisk = file_of(initrd);
	static struct boot b;

	b = (struct boot){
		.mem = &g->mem, .image = file_of(kernel), .initrd = &ramdisk, .nr_initrd = 1,
		.cmdline = cmdline, .rsdp = BOOT_ACPI,
	};
	if (!acpi_build(g->mem.host + BOOT_ACPI, BOOT_HIGH - BOOT_ACPI, BOOT_ACPI, &machine))
		die("the ACPI tables do not fit");
	if (boot_load(&b))
		die("%s", b.error);
	set_registers(g, &b);
}

/* ---- the serial port: a 16550A that sends at once and receives nothing ---- */

static void update_line(struct guest *g)
{
	bool line = g->sent && (g->uart[UART_IER] & UART_IER_THRI);
	struct kvm_irq_level level = { .irq = UART_IRQ, .level = line };

	if (line != g->line)
		CALL(g->fd, KVM_IRQ_LINE, &level);
	g->line = line;
}

static __u8 uart_read(struct guest *g, unsigned int reg)
{
	__u8 mcr = g->uart[UART_MCR], value;

	if (reg <= UART_IER && (g->uart[UART_LCR] & UART_LCR_DLAB))
		return g->divisor[reg];
	switch (reg) {
	case UART_RX:
		return 0;
	case UART_IIR:
		value = g->line ? UART_IIR_THRI : UART_IIR_NO_INT;
		if (g->line)
			g->sent = false;
		update_line(g);
		return value | (g->uart[UART_FCR] & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
	case UART_LSR:
		return UART_LSR_THRE | UART_LSR_TEMT;
	case UART_MSR:
		if (!(mcr & UART_MCR_LOOP))
			return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
		return (mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
		       (mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
		       (mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
		       (mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
	}
	return g->uart[reg];
}

static void uart_write(struct guest *g, unsigned int reg, __u8 value)
{
	if (reg <= UART_IER && (g->uart[UART_LCR] & UART_LCR_DLAB)) {
		g->divisor[reg] = value;
		return;
	}
	if (reg == UART_TX && !(g->uart[UART_MCR] & UART_MCR_LOOP))
		putchar(value);
	if (reg == UART_TX || (reg == UART_IER && (value & ~g->uart[reg] & UART_IER_THRI)))
		g->sent = true;
	/* the FIFO control register is kept where the one for reading has no state */
	if (reg != UART_TX && reg != UART_LSR && reg != UART_MSR)
		g->uart[reg] = reg == UART_IER ? value & 0xf : value;
	update_line(g);
}

/* ---- ports ----------------------------------------------------------------- */

static __u32 pm_timer(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (__u64)PM_TIMER_HZ + now.tv_nsec * (__u64)PM_TIMER_HZ / 1000000000;
}

/* The time in BCD and hours to 24 */
static __u8 cmos_read(unsigned int reg)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	const int fields[] = {
		[0] = tm.tm_sec, [2] = tm.tm_min, [4] = tm.tm_hour, [6] = tm.tm_wday + 1,
		[7] = tm.tm_mday, [8] = tm.tm_mon + 1, [9] = tm.tm_year % 100,
	};

	if (reg < sizeof(fields) / sizeof(fields[0]))
		return fields[reg] / 10 << 4 | fields[reg] % 10;
	switch (reg) {
	case 0xa:
		return 0x26;
	case 0xb:
		return 0x02;
	case 0xd:
		return 0x80;
	case 0x32:
		return 0x20;
	}
	return 0;
}

static void port_read(struct guest *g, unsigned int port, __u8 *data, unsigned int size)
{
	__u32 value = ~0u;

	if (port >= UART_PORT && port < UART_PORT + 8 && size == 1)
		value = uart_read(g, port - UART_PORT);
	else if (port == CMOS_PORT + 1)
		value = cmos_read(g->cmos);
	else if (port == ACPI_PM_TIMER)
		value = pm_timer();
	else if (port >= ACPI_PM1_EVENT && port < ACPI_PM_TIMER)
		value = port == ACPI_PM1_CONTROL;	/* SCI_EN */
	memcpy(data, &value, size);
}

static void port_write(struct guest *g, unsigned int port, const __u8 *data, unsigned int size)
{
	__u32 value = 0;

	memcpy(&value, data, size);
	if (port >= UART_PORT && port < UART_PORT + 8 && size == 1)
		uart_write(g, port - UART_PORT, value);
	else if (port == CMOS_PORT)
		g->cmos = value & 0x7f;
	else if (port == ACPI_PM1_CONTROL && (value & PM1_SLEEP))
		g->off = true;
	else if ((port == KBD_COMMAND && value == PULSE_RESET) ||
		 (port == ACPI_RESET_PORT && (value & 4)))
		die("the guest has reset itself");
}

static void ports(struct guest *g)
{
	struct kvm_run *run = g->run;
	__u8 *data = (__u8 *)run + run->io.data_offset;
	unsigned int i;

	for (i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			port_read(g, run->io.port, data, run->io.size);
		else
			port_write(g, run->io.port, data, run->io.size);
	}
}

static void run_to_the_end(struct guest *g)
{
	while (!g->off) {
		if (ioctl(g->vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR)
				continue;
			die("KVM_RUN: %s", strerror(errno));
		}
		switch (g->run->exit_reason) {
		case KVM_EXIT_IO:
			ports(g);
			break;
		case KVM_EXIT_MMIO:
			if (!g->run->mmio.is_write)
				memset(g->run->mmio.data, 0xff, sizeof(g->run->mmio.data));
			break;
		default:
			die("exit reason %u", g->run->exit_reason);
		}
	}
}

/* ---- what KVM has counted (its api.rst, 4.133) ------------------------------ */

static void read_at(int fd, void *buf, size_t len, off_t at)
{
	if (pread(fd, buf, len, at) != (ssize_t)len)
		die("the statistics of the vCPU cannot be read");
}

static void tell_counters(const struct guest *g)
{
	int fd = CALL(g->vcpu, KVM_GET_STATS_FD, 0);
	struct kvm_stats_header h;
	size_t size;
	__u32 i;

	read_at(fd, &h, sizeof(h), 0);
	size = sizeof(struct kvm_stats_desc) + h.name_size;
	for (i = 0; i < h.num_desc; i++) {
		char room[sizeof(struct kvm_stats_desc) + 256];
		struct kvm_stats_desc *d = (struct kvm_stats_desc *)room;
		__u64 value;

		if (size > sizeof(room))
			die("names of %u bytes are too long", h.name_size);
		read_at(fd, d, size, h.desc_offset + i * size);
		if (d->size != 1 || (d->flags & KVM_STATS_TYPE_MASK) != KVM_STATS_TYPE_CUMULATIVE)
			continue;
		read_at(fd, &value, sizeof(value), h.data_offset + d->offset);
		fprintf(stderr, "%-24s %12llu\n", d->name, (unsigned long long)value);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	static struct guest g;

	if (argc != 5)
		die("KERNEL INITRD MIB COMMAND-LINE are wanted");
	create(&g, strtoull(argv[3], NULL, 0) << 20);
	load(&g, argv[1], argv[2], argv[4]);
	run_to_the_end(&g);
	if (fflush(stdout))
		die("standard output: %s", strerror(errno));
	tell_counters(&g);
	return 0;
}
