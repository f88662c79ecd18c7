// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl's ACPI tables: found from the root, with right lengths and checksums, and AML
 * whose blocks nest, for any number of processors.  With iasl there, it has a look too.
 *
 * native-sources: ../vmctl/acpi.c ../vmctl/aml.c
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../vmctl/acpi.h"
#include "../../vmctl/aml.h"
#include "../lib/ktap.c"

#define BASE	0xf0000
#define ROOM	0x10000

static uint8_t tables[ROOM];
static size_t used;

static uint64_t le(const uint8_t *p, unsigned int width)
{
	uint64_t value = 0;

	while (width--)
		value = value << 8 | p[width];
	return value;
}

static const uint8_t *at(uint64_t address, size_t len)
{
	ASSERT_GE(address, (uint64_t)BASE);
	ASSERT_LE(address - BASE + len, used);
	return tables + (address - BASE);
}

static bool sums_up(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum += *p++;
	return !sum;
}

static void build_machine(const struct acpi_machine *machine)
{
	memset(tables, 0, sizeof(tables));
	used = acpi_build(tables, sizeof(tables), BASE, machine);
	ASSERT_NE(used, 0u);
}

static void build(unsigned int cpus)
{
	build_machine(&(struct acpi_machine){ .cpus = cpus, .pci = true });
}

/* The table at an address, after a look at what all have in common */
static const uint8_t *table_at(uint64_t address, const char *signature)
{
	const uint8_t *p = at(address, 36);

	if (signature)
		ASSERT_EQ(memcmp(p, signature, 4), 0);
	at(address, le(p + 4, 4));
	ASSERT_TRUE(sums_up(p, le(p + 4, 4)));
	ASSERT_EQ(memcmp(p + 10, "LODGE ", 6), 0);
	return p;
}

static const uint8_t *look_for_table(const char *signature)
{
	const uint8_t *xsdt = table_at(le(tables + 24, 8), "XSDT");
	uint64_t i, n = (le(xsdt + 4, 4) - 36) / 8;

	for (i = 0; i < n; i++) {
		uint64_t address = le(xsdt + 36 + 8 * i, 8);

		if (!memcmp(at(address, 4), signature, 4))
			return table_at(address, signature);
	}
	return NULL;
}

static const uint8_t *find_table(const char *signature)
{
	const uint8_t *p = look_for_table(signature);

	ASSERT_TRUE(p);
	return p;
}

TEST(roots)
{
	const uint8_t *xsdt, *rsdt;
	uint64_t i, n;

	build(1);
	ASSERT_EQ(memcmp(tables, "RSD PTR ", 8), 0);
	EXPECT_TRUE(sums_up(tables, 20));
	EXPECT_TRUE(sums_up(tables, 36));
	EXPECT_EQ(tables[15], 2);
	EXPECT_EQ(le(tables + 20, 4), 36u);
	xsdt = table_at(le(tables + 24, 8), "XSDT");
	rsdt = table_at(le(tables + 16, 4), "RSDT");
	n = (le(xsdt + 4, 4) - 36) / 8;
	EXPECT_EQ(n, (le(rsdt + 4, 4) - 36) / 4);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(le(xsdt + 36 + 8 * i, 8), le(rsdt + 36 + 4 * i, 4));
		table_at(le(xsdt + 36 + 8 * i, 8), NULL);
	}
}

TEST(fadt)
{
	const uint8_t *p, *facs;

	build(1);
	p = find_table("FACP");
	ASSERT_EQ(le(p + 4, 4), 276u);
	EXPECT_EQ(p[8], 6);
	EXPECT_EQ(le(p + 46, 2), 9u);		/* SCI */
	EXPECT_EQ(le(p + 48, 4), 0u);		/* no SMI command: ACPI mode always */
	EXPECT_EQ(le(p + 56, 4), 0x600u);
	EXPECT_EQ(le(p + 64, 4), 0x604u);
	EXPECT_EQ(le(p + 76, 4), 0x608u);
	EXPECT_EQ(p[88], 4);
	EXPECT_EQ(p[89], 2);
	EXPECT_EQ(p[91], 4);
	EXPECT_EQ(le(p + 80, 4), 0x60cu);
	EXPECT_EQ(p[92], 4);
	/* the same ports once more, as generic addresses */
	EXPECT_EQ(le(p + 148, 4), 0x02002001u);
	EXPECT_EQ(le(p + 152, 8), 0x600u);
	EXPECT_EQ(le(p + 176, 8), 0x604u);
	EXPECT_EQ(le(p + 212, 8), 0x608u);
	EXPECT_EQ(le(p + 224, 8), 0x60cu);
	EXPECT_EQ(le(p + 112, 4) & 0x500, 0x500u);	/* 32-bit timer, reset register */
	EXPECT_EQ(le(p + 116, 1), 1u);
	EXPECT_EQ(le(p + 120, 8), 0xcf9u);
	EXPECT_EQ(p[128], 6);
	EXPECT_EQ(le(p + 40, 4), le(p + 140, 8));
	table_at(le(p + 40, 4), "DSDT");
	facs = at(le(p + 36, 4), 64);
	EXPECT_EQ(memcmp(facs, "FACS", 4), 0);
	EXPECT_EQ((facs - tables) % 64, 0);
}

TEST(mcfg)
{
	const uint8_t *p;

	build(1);
	p = find_table("MCFG");
	ASSERT_EQ(le(p + 4, 4), 60u);
	EXPECT_EQ(le(p + 36, 8), 0u);
	EXPECT_EQ(le(p + 44, 8), 0xc0000000u);
	EXPECT_EQ(le(p + 52, 4), 0u);		/* segment 0, bus 0 to 0 */
}

/* Counts what the MADT has of each kind */
static void madt(unsigned int cpus)
{
	const uint8_t *p, *end;
	unsigned int lapics = 0, overrides = 0;

	build(cpus);
	p = find_table("APIC");
	EXPECT_EQ(le(p + 36, 4), 0xfee00000u);
	EXPECT_EQ(le(p + 40, 4), 1u);
	end = p + le(p + 4, 4);
	for (p += 44; p < end; p += p[1]) {
		ASSERT_GE(p[1], 6);
		ASSERT_LE(p + p[1], end);
		switch (p[0]) {
		case 0:
			EXPECT_EQ(p[2], lapics);
			EXPECT_EQ(p[3], lapics);
			EXPECT_EQ(le(p + 4, 4), 1u);
			lapics++;
			break;
		case 1:
			EXPECT_EQ(p[2], cpus);
			EXPECT_EQ(le(p + 4, 4), 0xfec00000u);
			EXPECT_EQ(le(p + 8, 4), 0u);
			break;
		case 2:
			overrides |= 1u << p[3];
			EXPECT_EQ(le(p + 4, 4), p[3] ? p[3] : 2);
			EXPECT_EQ(le(p + 8, 2), p[3] == 9 ? 0xd : 0);
			break;
		default:
			EXPECT_EQ(p[0], 4);
		}
	}
	EXPECT_EQ(lapics, cpus);
	EXPECT_EQ(overrides, 1u << 0 | 1u << 9);
}

TEST(madt_lists_all_processors)
{
	unsigned int cpus;

	for (cpus = 1; cpus <= ACPI_MAX_CPUS; cpus++)
		madt(cpus);
}

/* ---- AML ----------------------------------------------------------------- */

/* The bytes that the encoder may produce, read back: how many devices and names there are */
struct walk {
	unsigned int devices;
	unsigned int names;
	unsigned int ports[8];
	unsigned int nr_ports;
	unsigned int irqs;
	unsigned int fixed[2];		/* memory: first, length */
	unsigned int window[2], io[2];
	unsigned int buses[2];		/* first, last */
	unsigned int routes;
	unsigned int gsis;
	unsigned int methods;
	unsigned int ejects;		/* slots that can be ejected */
	unsigned int notifies;
	unsigned int register_port;
};

static const uint8_t *object(struct walk *w, const uint8_t *p, const uint8_t *limit);

static const uint8_t *pkg_length(const uint8_t *p, const uint8_t **end)
{
	unsigned int i, extra = p[0] >> 6;
	uint32_t len = extra ? p[0] & 0xf : p[0] & 0x3f;

	for (i = 0; i < extra; i++)
		len |= (uint32_t)p[1 + i] << (4 + 8 * i);
	*end = p + len;
	return p + 1 + extra;
}

static bool is_lead(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || c == '_';
}

static const uint8_t *name(const uint8_t *p)
{
	int i, parts = 1;

	if (*p == '\\')
		p++;
	if (*p == 0x2f) {
		parts = p[1];
		ASSERT_GE(parts, 3);
		p += 2;
	}
	for (; parts--; p += 4)
		for (i = 0; i < 4; i++)
			ASSERT_TRUE(is_lead(p[i]) || (i && p[i] >= '0' && p[i] <= '9'));
	return p;
}

/* A large descriptor: memory, or what a bus passes on */
static void large(struct walk *w, const uint8_t *p)
{
	switch (*p) {
	case 0x86:
		ASSERT_EQ(le(p + 1, 2), 9u);
		w->fixed[0] = le(p + 4, 4);
		w->fixed[1] = le(p + 8, 4);
		break;
	case 0x89:
		/* of the device whose memory was just before it; level, active high, shared */
		ASSERT_EQ(le(p + 1, 2), 6u);
		EXPECT_EQ(p[3], 9);
		EXPECT_EQ(p[4], 1);
		w->gsis++;
		EXPECT_EQ(w->fixed[0], 0xd0000000u + w->gsis * 0x1000);
		EXPECT_EQ(w->fixed[1], 0x1000u);
		EXPECT_EQ(le(p + 5, 4), 10 + w->gsis % 6);
		break;
	case 0x87:
		ASSERT_EQ(le(p + 1, 2), 23u);
		EXPECT_EQ(p[3], 0);
		w->window[0] = le(p + 10, 4);
		w->window[1] = le(p + 22, 4);
		EXPECT_EQ(le(p + 14, 4), le(p + 10, 4) + le(p + 22, 4) - 1);
		break;
	default:
		ASSERT_EQ(*p, 0x88);
		ASSERT_EQ(le(p + 1, 2), 13u);
		EXPECT_EQ(le(p + 14, 2), le(p + 10, 2) - le(p + 8, 2) + 1);
		if (p[3] == 1) {
			EXPECT_EQ(p[5], 3);
			w->io[0] = le(p + 8, 2);
			w->io[1] = le(p + 10, 2);
			break;
		}
		EXPECT_EQ(p[3], 2);
		w->buses[0] = le(p + 8, 2);
		w->buses[1] = le(p + 10, 2);
	}
}

static void resources(struct walk *w, const uint8_t *p, const uint8_t *end)
{
	while (*p != 0x79) {
		if (*p & 0x80) {
			large(w, p);
			p += 3 + le(p + 1, 2);
		} else if (*p == 0x47) {
			EXPECT_EQ(le(p + 2, 2), le(p + 4, 2));
			if (w->nr_ports < 8)
				w->ports[w->nr_ports++] = le(p + 2, 2);
			p += 8;
		} else {
			ASSERT_EQ(*p, 0x22);
			w->irqs |= le(p + 1, 2);
			p += 3;
		}
		ASSERT_LT(p, end);
	}
	EXPECT_TRUE(p + 2 == end);
}

/* The bits in the registers are the slots' numbers, and each has one */
static const uint8_t *method(struct walk *w, const uint8_t *p, const uint8_t *limit)
{
	const uint8_t *end;

	p = pkg_length(p, &end);
	ASSERT_LE(end, limit);
	w->methods++;
	if (!memcmp(p, "_EJ0", 4)) {
		ASSERT_EQ(p[4], 1);
		ASSERT_EQ(p[5], 0x70);
		w->ejects++;
		EXPECT_EQ(p[6], w->ejects < 8 ? 0x0a : w->ejects < 16 ? 0x0b : 0x0c);
		EXPECT_EQ(le(p + 7, 1 << (p[6] - 0x0a)), 1u << w->ejects);
	}
	for (p = name(p) + 1; p < end;)
		p = object(w, p, end);
	ASSERT_TRUE(p == end);
	return end;
}

/* A region of ports, or its fields, three of four bytes */
static const uint8_t *registers(struct walk *w, const uint8_t *p)
{
	const uint8_t *end;
	int i;

	if (*p == 0x80) {
		p = name(p + 1);
		ASSERT_EQ(*p, 1);
		ASSERT_EQ(p[1], 0x0b);
		w->register_port = le(p + 2, 2);
		ASSERT_EQ(p[4], 0x0a);
		EXPECT_EQ(p[5], 12);
		return p + 6;
	}
	p = name(pkg_length(p + 1, &end));
	EXPECT_EQ(*p++, 3);
	for (i = 0; i < 3; i++, p++)
		p = name(p);
	ASSERT_TRUE(p == end);
	return end;
}

static const uint8_t *block(struct walk *w, const uint8_t *p, const uint8_t *limit, bool named)
{
	const uint8_t *end;

	p = pkg_length(p, &end);
	ASSERT_LE(end, limit);
	p = named ? name(p) : p + 1;
	while (p < end)
		p = object(w, p, end);
	ASSERT_TRUE(p == end);
	return end;
}

/* What methods consist of */
static const uint8_t *term(struct walk *w, const uint8_t *p, const uint8_t *limit)
{
	const uint8_t *end;

	switch (*p) {
	case 0x14:
		return method(w, p + 1, limit);
	case 0x60:
	case 0x68:
	case 0x69:
		return p + 1;
	case 0x70:
		return object(w, object(w, p + 1, limit), limit);
	case 0x7b:
		/* two operands, and no target */
		return object(w, object(w, object(w, p + 1, limit), limit), limit);
	case 0x86:
		w->notifies++;
		return object(w, name(p + 1), limit);
	case 0xa0:
		p = object(w, pkg_length(p + 1, &end), limit);
		while (p < end)
			p = object(w, p, end);
		ASSERT_TRUE(p == end);
		return end;
	default:
		if (*p == '\\' || is_lead(*p))
			return name(p);
		ktap_fail(__FILE__, __LINE__, "an opcode that the encoder does not write");
		ktap_stop();
	}
}

static const uint8_t *object(struct walk *w, const uint8_t *p, const uint8_t *limit)
{
	const uint8_t *end;

	ASSERT_LT(p, limit);
	switch (*p) {
	case 0x00:
	case 0x01:
		return p + 1;
	case 0x08:
		w->names++;
		return object(w, name(p + 1), limit);
	case 0x0a:
		return p + 2;
	case 0x0b:
		return p + 3;
	case 0x0c:
		/* a device's entry in _PRT */
		if (le(p + 1, 2) == 0xffff) {
			w->routes++;
			EXPECT_EQ(le(p + 3, 2), w->routes);
			EXPECT_EQ(le(p + 5, 3), 0x0a0000u);
			EXPECT_EQ(p[8], 16 + w->routes % 8);
		}
		return p + 5;
	case 0x0d:
		return p + strlen((const char *)p) + 1;
	case 0x10:
		return block(w, p + 1, limit, true);
	case 0x11:
		p = pkg_length(p + 1, &end);
		ASSERT_EQ(*p, 0x0b);
		EXPECT_EQ(le(p + 1, 2), (uint64_t)(end - p - 3));
		resources(w, p + 3, end);
		return end;
	case 0x12:
		return block(w, p + 1, limit, false);
	case 0x5b:
		if (p[1] == 0x80 || p[1] == 0x81)
			return registers(w, p + 1);
		ASSERT_EQ(p[1], 0x82);
		w->devices++;
		return block(w, p + 2, limit, true);
	default:
		return term(w, p, limit);
	}
}

static void walk_dsdt(struct walk *w)
{
	const uint8_t *p, *end;

	*w = (struct walk){ 0 };
	p = table_at(le(find_table("FACP") + 40, 4), "DSDT");
	EXPECT_EQ(p[8], 2);
	end = p + le(p + 4, 4);
	for (p += 36; p < end;)
		p = object(w, p, end);
}

static void dsdt(unsigned int cpus)
{
	struct walk w;

	build(cpus);
	walk_dsdt(&w);
	EXPECT_EQ(w.devices, cpus + 5 + 31);
	EXPECT_EQ(w.ejects, 31u);
	EXPECT_EQ(w.notifies, 31u);
	EXPECT_EQ(w.methods, 31u + 3);
	EXPECT_EQ(w.register_port, 0x620u);
	EXPECT_EQ(w.gsis, 0u);
	EXPECT_EQ(w.names, 2 * cpus + 3 + 3 + 3 + 7 + 3 + 1 + 31 * 2);
	EXPECT_EQ(w.nr_ports, 4u);
	EXPECT_EQ(w.ports[0], 0x3f8u);
	EXPECT_EQ(w.ports[1], 0x70u);
	EXPECT_EQ(w.ports[2], 0x505u);
	EXPECT_EQ(w.ports[3], 0xcf8u);
	EXPECT_EQ(w.irqs, 1u << 4 | 1u << 8);
	EXPECT_EQ(w.buses[0] | w.buses[1], 0u);
	EXPECT_EQ(w.io[0], 0xc000u);
	EXPECT_EQ(w.io[1], 0xffffu);
	EXPECT_EQ(w.window[0], 0xc0100000u);
	EXPECT_EQ(w.window[1], 0x3eb00000u);
	EXPECT_EQ(w.fixed[0], 0xc0000000u);
	EXPECT_EQ(w.fixed[1], 0x100000u);
	EXPECT_EQ(w.routes, 31u);
}

TEST(dsdt_nests)
{
	unsigned int cpus;

	for (cpus = 1; cpus <= ACPI_MAX_CPUS; cpus++)
		dsdt(cpus);
}

TEST(no_pci)
{
	struct acpi_machine machine = { .cpus = 2 };
	struct walk w;

	for (machine.virtio = 0; machine.virtio < 32; machine.virtio++) {
		build_machine(&machine);
		EXPECT_TRUE(!look_for_table("MCFG"));
		walk_dsdt(&w);
		EXPECT_EQ(w.devices, 2 + 3 + machine.virtio);
		EXPECT_EQ(w.names, 2 * 2 + 3 + 3 + 3 + 1 + 3 * machine.virtio);
		EXPECT_EQ(w.gsis, machine.virtio);
		EXPECT_EQ(w.methods, 0u);
		EXPECT_EQ(find_table("FACP")[92], 0);
		EXPECT_EQ(w.nr_ports, 3u);
		EXPECT_EQ(w.window[0] | w.io[1] | w.routes, 0u);
	}
	EXPECT_EQ(acpi_build(tables, sizeof(tables), BASE, &machine), 0u);
}

/* Lengths on both sides of where their encoding grows */
TEST(block_lengths)
{
	static uint8_t buf[1 << 21];
	size_t n;

	for (n = 0; n < 70000; n += n < 5000 ? 1 : 997) {
		const uint8_t *end, *p;
		struct aml a;
		size_t i;

		aml_init(&a, buf, sizeof(buf));
		aml_scope(&a, "X");
		for (i = 0; i < n; i++)
			aml_integer(&a, 1);
		aml_end(&a);
		ASSERT_FALSE(a.overflow);
		p = pkg_length(buf + 1, &end);
		ASSERT_TRUE(end == buf + a.len);
		ASSERT_EQ(memcmp(p, "X___", 4), 0);
		ASSERT_EQ((size_t)(end - p), 4 + n);
	}
}

/* Each action is one access to one register of the watchdog, whose ports it does not leave */
TEST(watchdog)
{
	static const uint8_t actions[] = { 1, 4, 5, 6, 8, 9, 10, 11, 32, 33 };
	const uint8_t *p, *e;
	unsigned int i;

	build(1);
	p = find_table("WDAT");
	EXPECT_EQ(le(p + 36, 4), 32);
	EXPECT_EQ(le(p + 40, 5), 0xffffff00ff);
	EXPECT_EQ(le(p + 48, 4), ACPI_WATCHDOG_MS);
	EXPECT_EQ(le(p + 52, 4), ACPI_WATCHDOG_MAX);
	EXPECT_EQ(le(p + 56, 4), 1);
	EXPECT_EQ(p[60], 1);
	ASSERT_EQ(le(p + 64, 4), sizeof(actions));
	ASSERT_EQ(le(p + 4, 4), 68 + sizeof(actions) * 24);
	for (i = 0; i < sizeof(actions); i++) {
		e = p + 68 + i * 24;
		EXPECT_EQ(e[0], actions[i]);
		EXPECT_LE(e[1], 3);
		/* a port, 32 bits, in one access */
		EXPECT_EQ(le(e + 4, 4), 0x03002001);
		EXPECT_GE(le(e + 8, 8), (uint64_t)ACPI_WATCHDOG_PORT);
		EXPECT_LE(le(e + 8, 8), (uint64_t)ACPI_WATCHDOG_PORT + 12);
		EXPECT_EQ(le(e + 20, 4), UINT32_MAX);
	}
}

TEST(too_little_room)
{
	struct acpi_machine machine = { .cpus = 3, .pci = true };
	size_t room, whole;

	build(3);
	whole = used;
	for (room = 0; room < whole; room++) {
		uint8_t *exact = calloc(1, room ? room : 1);

		ASSERT_EQ(acpi_build(exact, room, BASE, &machine), 0u);
		free(exact);
	}
	EXPECT_EQ(acpi_build(tables, sizeof(tables), 0xfffff000, &machine), 0u);
	machine.cpus = 0;
	EXPECT_EQ(acpi_build(tables, sizeof(tables), BASE, &machine), 0u);
	machine.cpus = ACPI_MAX_CPUS + 1;
	EXPECT_EQ(acpi_build(tables, sizeof(tables), BASE, &machine), 0u);
}

static void try_iasl(const uint8_t *p)
{
	char dir[] = "/tmp/acpi-test.XXXXXX", cmd[512];
	FILE *f;

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd), "%s/d.dat", dir);
	f = fopen(cmd, "wb");
	ASSERT_TRUE(f);
	fwrite(p, 1, le(p + 4, 4), f);
	fclose(f);
	snprintf(cmd, sizeof(cmd),
		 "cd %s && iasl -d d.dat > log 2>&1 && iasl -we d.dsl >> log 2>&1 && grep -q '0 Warnings' log",
		 dir);
	EXPECT_EQ(system(cmd), 0);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	EXPECT_EQ(system(cmd), 0);
}

static const uint8_t *find_dsdt(void)
{
	return table_at(le(find_table("FACP") + 40, 4), "DSDT");
}

TEST(iasl_takes_it)
{
	if (system("iasl -v > /dev/null 2>&1"))
		SKIP("iasl is not installed");
	build(5);
	try_iasl(find_dsdt());
	try_iasl(find_table("WDAT"));
	build_machine(&(struct acpi_machine){ .cpus = 5, .virtio = 31 });
	try_iasl(find_dsdt());
}
