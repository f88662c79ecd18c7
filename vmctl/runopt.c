// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of `vmctl run`, and the files it names.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpufeature.h"
#include "nat.h"
#include "run.h"
#include "size.h"

#define DEFAULT_MEMORY	(512ULL << 20)
#define HUGE_PAGE	(2ULL << 20)
#define MAX_FILE	(4ULL << 30)

static int set_memory(struct run *r, const char *value)
{
	uint64_t size = size_parse(value);

	if (!size)
		return cmd_error(CMD_USAGE, "--mem takes a size as 512M or 2G, not \"%s\"", value);
	if (size < GUESTMEM_MIN)
		return cmd_error(CMD_USAGE, "--mem %s is too little: a guest needs 2M at least",
				 value);
	if (size % 4096)
		return cmd_error(CMD_USAGE, "--mem %s is no multiple of 4k", value);
	r->vm.memory = size;
	return CMD_OK;
}

static int set_cpus(struct run *r, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)*value) || *end || !n)
		return cmd_error(CMD_USAGE, "--cpus takes a number, not \"%s\"", value);
	if (n > VM_MAX_CPUS)
		return cmd_error(CMD_USAGE, "--cpus %s is too many: a guest can have %d", value,
				 VM_MAX_CPUS);
	r->vm.cpus = n;
	return CMD_OK;
}

static bool name_byte_valid(char c)
{
	return c > ' ' && c < 0x7f && c != '/';
}

int run_check_name(const char *name)
{
	const char *p;

	if (!*name || strlen(name) >= LODGE_NAME_LEN)
		return cmd_error(CMD_USAGE, "a name has 1 to %d characters", LODGE_NAME_LEN - 1);
	for (p = name; *p; p++)
		if (!name_byte_valid(*p))
			return cmd_error(CMD_USAGE, "\"%s\": a name has no spaces, slashes or special characters",
					 name);
	return CMD_OK;
}

static int set_name(struct run *r, const char *value)
{
	int status = run_check_name(value);

	if (!status)
		snprintf(r->name, sizeof(r->name), "%s", value);
	return status;
}

static int set_timeout(struct run *r, const char *value)
{
	char *end;
	double s = strtod(value, &end);

	if (end == value || *end || !isfinite(s) || s <= 0 || s > 1e9)
		return cmd_error(CMD_USAGE, "--timeout takes seconds, not \"%s\"", value);
	r->timeout = s;
	return CMD_OK;
}

static int set_flat(struct run *r, const char *value)
{
	char *end;

	errno = 0;
	r->flat_addr = strtoull(value, &end, 0);
	if (!isdigit((unsigned char)*value) || *end || errno)
		return cmd_error(CMD_USAGE, "--flat takes an address as 0x7c00, not \"%s\"", value);
	r->flat = true;
	return CMD_OK;
}

static int set_reboot(struct run *r, const char *value)
{
	r->restart = !strcmp(value, "restart");
	if (r->restart || !strcmp(value, "exit"))
		return CMD_OK;
	return cmd_error(CMD_USAGE, "--reboot takes exit or restart, not \"%s\"", value);
}

static int set_panic(struct run *r, const char *value)
{
	r->vm.pause_on_panic = !strcmp(value, "pause");
	if (r->vm.pause_on_panic || !strcmp(value, "exit"))
		return CMD_OK;
	return cmd_error(CMD_USAGE, "--panic takes exit or pause, not \"%s\"", value);
}

static int set_watchdog(struct run *r, const char *value)
{
	static const char * const names[] = {
		[VM_WATCHDOG_RESET] = "reset",
		[VM_WATCHDOG_PAUSE] = "pause",
		[VM_WATCHDOG_NMI] = "nmi",
	};
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(value, names[i])) {
			r->vm.on_watchdog = i;
			return CMD_OK;
		}
	return cmd_error(CMD_USAGE, "--watchdog takes reset, pause or nmi, not \"%s\"", value);
}

static int set_pages(struct run *r, enum guestmem_pages pages)
{
	if (r->vm.pages != GUESTMEM_PLAIN && r->vm.pages != pages)
		return cmd_error(CMD_USAGE, "--hugetlb, --thp and --ksm exclude each other");
	r->vm.pages = pages;
	return CMD_OK;
}

static int set_feature(struct run *r, const char *value)
{
	char error[200];

	if (cpufeature_check(value, error, sizeof(error)))
		return cmd_error(CMD_USAGE, "%s", error);
	if (r->vm.nr_cpu_features == RUN_MAX_FILES)
		return cmd_error(CMD_USAGE, "--cpu-feature stands there too often: use commas");
	r->features[r->vm.nr_cpu_features++] = value;
	return CMD_OK;
}

static int set_image(struct run *r, const char *value)
{
	if (r->image.name)
		return cmd_error(CMD_USAGE, "two images, \"%s\" and \"%s\": run takes one",
				 r->image.name, value);
	r->image.name = value;
	return CMD_OK;
}

/* Several command lines are one */
static int add_append(struct run *r, const char *value)
{
	char *joined;

	if (!r->append) {
		r->append = value;
		return CMD_OK;
	}
	if (asprintf(&joined, "%s %s", r->append, value) < 0)
		return cmd_error(CMD_FAILED, "out of memory");
	r->append = joined;
	return CMD_OK;
}

static int add_initrd(struct run *r, const char *name, const char *args)
{
	if (r->nr_initrd == RUN_MAX_FILES)
		return cmd_error(CMD_USAGE, "more than %d initial RAM disks or modules",
				 RUN_MAX_FILES);
	r->initrd[r->nr_initrd++] = (struct boot_file){ .name = name, .args = args };
	return CMD_OK;
}

/*
 * A file's name, or several with commas between; where there is no such file, what stands behind
 * the first space is for the module.  A name with a comma or space in it wins if it exists.
 */
static int add_initrds(struct run *r, const char *value)
{
	char *list, *word, *space;
	int status = CMD_OK;

	if (!access(value, F_OK))
		return add_initrd(r, value, "");
	list = strdup(value);
	if (!list)
		return cmd_error(CMD_FAILED, "out of memory");
	/* the names live as long as vmctl */
	while (!status && (word = strsep(&list, ","))) {
		space = access(word, F_OK) ? strchr(word, ' ') : NULL;
		if (space)
			*space++ = 0;
		status = add_initrd(r, word, space ? space : "");
	}
	return status;
}

static int add_disk(struct run *r, const char *value)
{
	if (r->vm.nr_disks == RUN_MAX_DISKS)
		return cmd_error(CMD_USAGE, "more than %d disks", RUN_MAX_DISKS);
	return disk_parse(&r->disk[r->vm.nr_disks++], value);
}

static int add_net(struct run *r, const char *value)
{
	if (r->vm.nr_nets == RUN_MAX_NETS)
		return cmd_error(CMD_USAGE, "more than %d network devices", RUN_MAX_NETS);
	return net_parse(&r->net[r->vm.nr_nets++], value);
}

/* "size=SIZE", or SIZE alone; --mem may stand behind it, so check() compares the two */
static int set_balloon(struct run *r, const char *value)
{
	const char *size = value && !strncmp(value, "size=", 5) ? value + 5 : value;

	r->vm.balloon = true;
	if (!value)
		return CMD_OK;
	r->vm.balloon_size = size_parse(size);
	if (!r->vm.balloon_size)
		return cmd_error(CMD_USAGE, "--balloon takes a size as size=512M, not \"%s\"",
				 value);
	return CMD_OK;
}

static int set_vsock(struct run *r, const char *value)
{
	unsigned long long cid;
	char *end;

	errno = 0;
	cid = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)*value) || *end)
		return cmd_error(CMD_USAGE, "--vsock takes a CID, which is a number, not \"%s\"",
				 value);
	if (cid < VSOCK_FIRST_CID)
		return cmd_error(CMD_USAGE, "--vsock %s: a guest's CID is 3 at least, those below are the host's",
				 value);
	if (errno || cid > VSOCK_LAST_CID)
		return cmd_error(CMD_USAGE, "--vsock %s: a CID is %u at most", value,
				 VSOCK_LAST_CID);
	r->vm.vsock = cid;
	return CMD_OK;
}

static int add_port(struct run *r, const char *value)
{
	struct port *p = &r->port[r->vm.nr_ports];
	unsigned int i;
	int status;

	if (r->vm.nr_ports == LODGE_MAX_PORTS)
		return cmd_error(CMD_USAGE, "more than %d ports", LODGE_MAX_PORTS);
	status = port_parse(p, value);
	for (i = 0; i < r->vm.nr_ports && !status; i++)
		if (!strcmp(r->port[i].name, p->name))
			return cmd_error(CMD_USAGE, "there are two ports with the name %s",
					 p->name);
	r->vm.nr_ports++;
	return status;
}

static int set_device(struct run *r, const struct cmd_value *v)
{
	switch (v->id) {
	case 'd':
		return add_disk(r, v->value);
	case RUN_NET:
		return add_net(r, v->value);
	case RUN_RNG:
		r->vm.rng = true;
		return CMD_OK;
	case RUN_NO_PCI:
		r->vm.no_pci = true;
		return CMD_OK;
	case RUN_CONSOLE:
		r->vm.console = true;
		return CMD_OK;
	case RUN_PORT:
		return add_port(r, v->value);
	case RUN_BALLOON:
		return set_balloon(r, v->value);
	case RUN_VSOCK:
		return set_vsock(r, v->value);
	default:
		return cmd_error(CMD_FAILED, "run has an option that it does not know");
	}
}

static int set_option(struct run *r, const struct cmd_value *v)
{
	switch (v->id) {
	case 'k':
		return set_image(r, v->value);
	case 'i':
		return add_initrds(r, v->value);
	case 'a':
		return add_append(r, v->value);
	case 'm':
		return set_memory(r, v->value);
	case 'c':
		return set_cpus(r, v->value);
	case 'n':
		return set_name(r, v->value);
	case 't':
		return set_timeout(r, v->value);
	case 'q':
		r->quiet = true;
		return CMD_OK;
	case RUN_REBOOT:
		return set_reboot(r, v->value);
	case RUN_ON_PANIC:
		return set_panic(r, v->value);
	case RUN_WATCHDOG:
		return set_watchdog(r, v->value);
	case RUN_CPU_FEATURE:
		return set_feature(r, v->value);
	case RUN_FLAT:
		return set_flat(r, v->value);
	case RUN_FIRMWARE:
		r->firmware.name = v->value;
		return CMD_OK;
	case RUN_HUGETLB:
		return set_pages(r, GUESTMEM_HUGETLB);
	case RUN_THP:
		return set_pages(r, GUESTMEM_THP);
	case RUN_KSM:
		return set_pages(r, GUESTMEM_KSM);
	case RUN_DEBUGCON:
		r->debugcon = v->value;
		return CMD_OK;
	case RUN_DRY_RUN:
		return cmd_error(CMD_USAGE, "--dry-run is for --file");
	case RUN_FOREGROUND:
		r->foreground = true;
		return CMD_OK;
	case RUN_STATS:
		r->stats = true;
		return CMD_OK;
	default:
		return set_device(r, v);
	}
}

/* After the file, as far as its name is fit for one */
static void default_name(struct run *r)
{
	const char *file = r->image.name ? r->image.name : r->firmware.name;
	const char *p = strrchr(file, '/');
	size_t n = 0;

	for (p = p ? p + 1 : file; *p && n < sizeof(r->name) - 1; p++)
		r->name[n++] = name_byte_valid(*p) ? *p : '_';
	r->name[n] = 0;
}

/* A whole word of the kernel's command line */
static bool is_told(const struct run *r, const char *word)
{
	size_t len = strlen(word);
	const char *p = r->append;

	for (; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (strcspn(p, " ") == len && !strncmp(p, word, len))
			return true;
	return false;
}

/* A kernel that does not look at the ACPI tables is told on its command line */
static int announce(struct run *r)
{
	unsigned int i, n = vm_config_devices(&r->vm);
	int status = CMD_OK;
	char *word;

	if (!r->vm.no_pci || !is_told(r, "acpi=off"))
		return CMD_OK;
	for (i = 1; i <= n && !status; i++) {
		if (asprintf(&word, "virtio_mmio.device=%uK@0x%lx:%u", LODGE_MMIO_SIZE >> 10,
			     LODGE_MMIO_BASE + i * LODGE_MMIO_SIZE,
			     LODGE_MMIO_GSI + i % LODGE_MMIO_LINES) < 0)
			return cmd_error(CMD_FAILED, "out of memory");
		status = add_append(r, word);
	}
	return status;
}

static int check(struct run *r)
{
	if (!r->image.name && !r->firmware.name)
		return cmd_error(CMD_USAGE, "run what? Name a kernel: vmctl run IMAGE");
	if (r->firmware.name && (r->image.name || r->nr_initrd || r->append || r->flat))
		return cmd_error(CMD_USAGE, "--firmware starts the firmware alone: there is no way yet to hand it a kernel");
	if (r->firmware.name && r->vm.no_pci)
		return cmd_error(CMD_USAGE, "--firmware finds its disks by PCI: leave --no-pci out");
	if (r->vm.pages == GUESTMEM_HUGETLB && r->vm.memory % HUGE_PAGE)
		return cmd_error(CMD_USAGE, "with --hugetlb, --mem is a multiple of 2M");
	if (r->vm.balloon_size > r->vm.memory)
		return cmd_error(CMD_USAGE, "--balloon leaves the guest more than --mem gives it");
	if (r->vm.balloon_size % 4096)
		return cmd_error(CMD_USAGE, "the size of --balloon is no multiple of 4k");
	return CMD_OK;
}

int run_parse(struct run *r, const struct cmd_args *args, bool detached)
{
	int i, status;

	*r = (struct run){ .vm = { .memory = DEFAULT_MEMORY, .cpus = 1 }, .detached = detached,
			   .restart = detached, .ready = -1 };
	r->vm.name = r->name;
	r->vm.cpu_features = r->features;
	r->vm.disks = r->disk;
	r->vm.nets = r->net;
	r->vm.ports = r->port;
	for (i = 0; i < args->nr_values; i++) {
		cmd_where(args->values[i].where);
		status = set_option(r, &args->values[i]);
		if (status)
			return status;
	}
	cmd_where(args->where);
	if (args->argc) {
		status = set_image(r, args->argv[0]);
		if (status)
			return status;
	}
	status = check(r);
	if (!status)
		status = announce(r);
	if (!status && !r->name[0])
		default_name(r);
	return status;
}

/* ---- files --------------------------------------------------------------- */

/* All of it, also of a pipe; 0 or an errno */
static int read_all(int fd, struct boot_file *f)
{
	size_t room = 1 << 20, len = 0;
	uint8_t *data, *more;
	struct stat st;
	int error;
	ssize_t n = 1;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (uint64_t)st.st_size < MAX_FILE)
		room = st.st_size + 1;
	data = malloc(room);
	error = data ? 0 : ENOMEM;
	while (n && !error) {
		if (len == room) {
			more = room < MAX_FILE ? realloc(data, 2 * room) : NULL;
			if (!more) {
				error = room < MAX_FILE ? ENOMEM : EFBIG;
				break;
			}
			data = more;
			room *= 2;
		}
		n = read(fd, data + len, room - len);
		if (n > 0)
			len += n;
		else if (n < 0 && errno != EINTR)
			error = errno;
	}
	if (error) {
		free(data);
		return error;
	}
	f->data = data;
	f->len = len;
	return 0;
}

static int read_file(struct boot_file *f)
{
	int error, fd;

	if (!f->name)
		return CMD_OK;
	if (!f->args)
		f->args = "";
	fd = open(f->name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cmd_error(CMD_FAILED, "%s: %s", f->name, strerror(errno));
	error = read_all(fd, f);
	close(fd);
	if (error)
		return cmd_error(CMD_FAILED, "%s: %s", f->name, strerror(error));
	return CMD_OK;
}

static void free_file(struct boot_file *f)
{
	free((void *)f->data);
	f->data = NULL;
	f->len = 0;
}

/* When no guest will be made of them any more */
void run_free_files(struct run *r)
{
	unsigned int i;

	free_file(&r->image);
	free_file(&r->firmware);
	for (i = 0; i < r->nr_initrd; i++)
		free_file(&r->initrd[i]);
}

/* First of all: what this process has later is not the keeper's too */
static int prepare_nets(const struct run *r)
{
	unsigned int i;

	for (i = 0; i < r->vm.nr_nets; i++)
		if (r->net[i].nat)
			return nat_prepare();
	return CMD_OK;
}

static int open_nets(struct run *r)
{
	unsigned int i;
	int status = CMD_OK;

	for (i = 0; i < r->vm.nr_nets && !status; i++)
		status = net_open(&r->net[i], r->quiet);
	nat_ready();
	return status;
}

int run_read_files(struct run *r)
{
	unsigned int i;
	int status = prepare_nets(r);

	if (!status)
		status = read_file(&r->image);
	if (!status)
		status = read_file(&r->firmware);
	for (i = 0; i < r->nr_initrd && !status; i++)
		status = read_file(&r->initrd[i]);
	for (i = 0; i < r->vm.nr_disks && !status; i++)
		status = disk_open(&r->disk[i]);
	for (i = 0; i < r->vm.nr_ports && !status; i++)
		status = port_open(&r->port[i]);
	if (!status)
		status = open_nets(r);
	for (i = 0; i < r->vm.nr_ports && status; i++)
		port_close(&r->port[i]);
	return status;
}
