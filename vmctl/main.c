// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl: the table of verbs, and all that is common to them: finding one by the
 * beginning of its name, options, usage, exit status.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "ctl.h"
#include "rate.h"
#include "run.h"

#define MAX_OPTS	32
#define MAX_VMS		256	/* on a command line */
#define USAGE_OPTS	4	/* more are "[option ...]" in the usage line */

#define NET_WORDS	"tap=NAME, bridge=NAME, mac=ADDRESS, mtu=N, queues=N, " RATE_WORDS
#define NET_TEXT	"a NIC; " NET_WORDS ", nat"
#define DISK_TEXT	"a disk; ro, direct, serial=TEXT, queues=N, " RATE_WORDS

static int cmd_help(const struct cmd_args *args);

static const struct cmd_opt json_opts[] = {
	{ 'j', "json", NULL, "print JSON" },
	{ 0 }
};

static const struct cmd_opt attach_opts[] = {
	{ 'd', "disk", "FILE[,OPTION...]", DISK_TEXT },
	{ CTL_NET, "net", "[OPTION,...]", "a NIC; " NET_WORDS },
	{ 'j', "json", NULL, "print the device as JSON" },
	{ 0 }
};

static const struct cmd_opt detach_opts[] = {
	{ 'f', "force", NULL, "whether the guest gives it back or not" },
	{ 't', "timeout", "SECONDS", "how long the guest has (default 10)" },
	{ 0 }
};

static const struct cmd_opt console_opts[] = {
	{ 'r', "read-only", NULL, "look on, send no keys" },
	{ 0 }
};

static const struct cmd_opt events_opts[] = {
	{ 'c', "count", "N", "end after so many" },
	{ 'o', "only", "GROUP[,GROUP...]", "what is heard of: life, device, guest (default: all)" },
	{ 'j', "json", NULL, "print JSON, an object an event" },
	{ 0 }
};

static const struct cmd_opt list_opts[] = {
	{ 'r', "running", NULL, "only those that have not ended" },
	{ 'j', "json", NULL, "print JSON" },
	{ 0 }
};

static const struct cmd_opt log_opts[] = {
	{ 'f', "follow", NULL, "go on until the VM ends" },
	{ CTL_DEBUG, "debugcon", NULL, "what went to port 0xe9, instead of the serial port" },
	{ CTL_HVC, "hvc", NULL, "what went to the virtio console, hvc0, of run --console" },
	{ 0 }
};

static const struct cmd_opt limit_opts[] = {
	{ CTL_BPS, "bps", "SIZE", "bytes a second, as 10M, or \"none\"" },
	{ CTL_IOPS, "iops", "N", "requests or frames a second, or \"none\"" },
	{ 'j', "json", NULL, "print the device as JSON" },
	{ 0 }
};

static const struct cmd_opt resize_opts[] = {
	{ CTL_SHRINK, "shrink", NULL, "also if it becomes smaller, and what lies beyond is lost" },
	{ 'j', "json", NULL, "print the device as JSON" },
	{ 0 }
};

static const struct cmd_opt device_opts[] = {
	{ 'j', "json", NULL, "print the device as JSON" },
	{ 0 }
};

static const struct cmd_opt mem_opts[] = {
	{ 'b', "binary", NULL, "the bytes as they are" },
	{ 0 }
};

static const struct cmd_opt regs_opts[] = {
	{ 'c', "cpu", "N", "of this processor only" },
	{ 'j', "json", NULL, "print JSON" },
	{ 0 }
};

static const struct cmd_opt top_opts[] = {
	{ 'b', "batch", NULL, "print tables one below the other, also on a terminal" },
	{ 'i', "interval", "SECONDS", "how long between them (default 2)" },
	{ 'n', "iterations", "N", "end after so many" },
	{ 0 }
};

static const struct cmd_opt trace_opts[] = {
	{ 'c', "count", "N", "end after so many" },
	{ 'j', "json", NULL, "print JSON, a line an event" },
	{ 0 }
};

static const struct cmd_opt stat_opts[] = {
	{ 'i', "interval", "SECONDS", "again and again, each time what has come since" },
	{ 'c', "count", "N", "so many times" },
	{ 'j', "json", NULL, "print JSON" },
	{ 0 }
};

static const struct cmd_opt stop_opts[] = {
	{ 'f', "force", NULL, "do not ask the guest: as kill" },
	{ 'w', "wait", NULL, "until it has ended" },
	{ 0 }
};

static const struct cmd_opt wait_opts[] = {
	{ 't', "timeout", "SECONDS", "not longer than this; then the status is 124" },
	{ 'q', "quiet", NULL, "do not tell how it ended" },
	{ 0 }
};

static const struct cmd_opt run_opts[] = {
	{ 'k', "kernel", "IMAGE", "the image, instead of naming it last" },
	{ 'i', "initrd", "FILE[,FILE...]", "initial RAM disk, or \"MODULE argument ...\"" },
	{ 'a', "append", "STRING", "the kernel's command line (default for Linux: console=ttyS0)" },
	{ 'm', "mem", "SIZE", "memory, as 512M (the default) or 4G" },
	{ 'c', "cpus", "N", "processors (default 1)" },
	{ 'd', "disk", "FILE[,OPTION...]", DISK_TEXT },
	{ RUN_NET, "net", "[OPTION,...]", NET_TEXT },
	{ RUN_RNG, "rng", NULL, "a source of random numbers" },
	{ 'f', "file", "FILE", "what this file says of the VM; start: of these, or of all in it" },
	{ RUN_DRY_RUN, "dry-run", NULL, "with --file: tell what would be started, and do not" },
	{ RUN_FOREGROUND, "foreground", NULL, "start: stay until the guest ends, as run does" },
	{ RUN_NO_PCI, "no-pci", NULL, "no PCI bus: disks and so on are virtio-mmio devices" },
	{ RUN_CONSOLE, "console", NULL, "the terminal is a virtio console, hvc0, not ttyS0" },
	{ RUN_PORT, "port", "NAME=FILE", "a port of a virtio console; or NAME=unix:SOCKET" },
	{ RUN_BALLOON, "balloon", "[size=SIZE]", "give back unused memory; leave it SIZE" },
	{ RUN_VSOCK, "vsock", "CID", "sockets between guest and host; CID is the guest's address" },
	{ 'n', "name", "NAME", "of the VM and its threads (default: the image's)" },
	{ 't', "timeout", "SECONDS", "end the guest after this time, with status 124" },
	{ 'q', "quiet", NULL, "do not tell how the guest ended" },
	{ RUN_REBOOT, "reboot", "exit|restart", "what a guest's reset does (default: exit)" },
	{ RUN_ON_PANIC, "panic", "exit|pause", "what a guest's panic does (default: exit)" },
	{ RUN_WATCHDOG, "watchdog", "reset|pause|nmi", "what its watchdog does (default: reset)" },
	{ RUN_CPU_FEATURE, "cpu-feature", "+NAME,-NAME", "give or take processor features" },
	{ RUN_FLAT, "flat", "ADDRESS", "load the image there and start it there" },
	{ RUN_FIRMWARE, "firmware", "FILE", "start this ROM at the reset vector, no IMAGE" },
	{ RUN_HUGETLB, "hugetlb", NULL, "memory from the host's pool of huge pages" },
	{ RUN_THP, "thp", NULL, "memory of transparent huge pages" },
	{ RUN_KSM, "ksm", NULL, "memory whose equal pages are shared" },
	{ RUN_DEBUGCON, "debugcon", "FILE", "where to write what the guest sends to port 0xe9" },
	{ RUN_STATS, "stats", NULL, "print counters at the end" },
	{ 0 }
};

static const char run_more[] =
	"IMAGE is a bzImage, a vmlinux, an ELF file with a PVH note, a multiboot kernel, or,\n"
	"with --flat, anything.\n"
	"On a terminal Ctrl-a x ends the guest, Ctrl-a h shows the other keys.\n"
	"Exit status: 0 powered off or reset, 1 failed, 2 wrong command line, 124 timeout,\n"
	"128+n signal n, 255 the guest's kernel panicked or its watchdog reset it; a value v\n"
	"written to port 0xf4 gives (v * 2 + 1) modulo 256.\n";

static const char start_more[] =
	"It has no terminal: vmctl log shows what the guest writes, and its record stays when it\n"
	"ends, until vmctl rm.  A reset starts it again, unless --reboot=exit says otherwise.\n";

static const char vm_more[] = "VM is its name or number.\n";

static const char completion_more[] =
	"For now: source <(vmctl completion bash), or vmctl completion fish | source.\n";

static const char console_more[] =
	"VM is its name or number.  Shows the last that the guest wrote, then goes on.\n"
	"On a terminal Ctrl-a x leaves, Ctrl-a h shows the other keys.  The first who comes\n"
	"has the input; others look on.\n";

static const char dump_more[] =
	"VM is its name or number.  It is paused meanwhile.  FILE is for crash and drgn.\n";

static const char mem_more[] =
	"VM is its name or number.  Numbers are decimal, or hexadecimal after 0x; LENGTH is 256\n"
	"if it is not given.\n";

static const char pin_more[] =
	"VM is its name or number, CPU one of its processors or \"all\", HOST-CPUS as 0-2,5.\n";

static const char regs_more[] =
	"VM is its name or number.  It is paused for a moment, unless it is paused.\n";

static const char sysrq_more[] =
	"VM is its name or number, KEY what Alt-SysRq would be pressed with: vmctl sysrq web t\n"
	"The guest's console must be its serial port.\n";

static const char top_more[] =
	"On a terminal q leaves.\n";

static const char balloon_more[] =
	"VM is its name or number, of a VM that was started with --balloon.  SIZE, as 512M, is what\n"
	"the guest shall keep of its memory.\n";

static const char trace_more[] =
	"VM is its name or number.  EVENTs are of: entry, exit, inject, fault, kick, irq, msi;\n"
	"without any, all.  Ctrl-c ends it.  For root.\n";

#define DEVICE_TEXT	"a device is named as vmctl devices has it, by its PCI number, or\n" \
			"by what is behind it.\n"

static const char attach_more[] =
	"VM is its name or number.  Prints what the device is called in vmctl devices.\n";

static const char detach_more[] =
	"VM is its name or number; " DEVICE_TEXT
	"The guest is asked for it, and what is behind it is let go when it has given it back.\n";

static const char resize_more[] =
	"VM is its name or number; " DEVICE_TEXT
	"The file behind the disk gets SIZE, as 4G; without SIZE the disk gets the size that its file\n"
	"or block device has now.  The guest is told.\n";

static const char rename_more[] =
	"VM is its name or number.  Its record has the new name, too.\n";

static const char link_more[] =
	"VM is its name or number; " DEVICE_TEXT "Without a cable all frames are lost.\n";

static const char limit_more[] =
	"VM is its name or number; " DEVICE_TEXT
	"A network device has the limit in each direction.  What is not given stays as it is.\n"
	"Or it is cpu=50%: all processors have half of one of the host's; cpu=none lifts it.\n";

static const char wait_more[] =
	"VM is its name or number.  Prints name, reason and status, with tabs between; the exit\n"
	"status is the guest's, as vmctl run has it.\n";

const struct cmd cmds[] = {
	{ "check", "", "tell whether lodge can run on this machine", json_opts, 0, NULL,
	  cmd_check },
	{ "run", "[IMAGE]", "run a guest on this terminal until it ends", run_opts, 1, run_more,
	  cmd_run },
	{ "start", "[IMAGE]", "run a guest that needs no terminal", run_opts, MAX_VMS, start_more,
	  cmd_start },
	{ "list", "[VM ...]", "list virtual machines", list_opts, MAX_VMS, NULL, cmd_list },
	{ "ls", "[VM ...]", NULL, list_opts, MAX_VMS, NULL, cmd_list },
	{ "status", "[VM ...]", NULL, list_opts, MAX_VMS, NULL, cmd_list },
	{ "info", "VM ...", "tell all about a VM", json_opts, MAX_VMS, vm_more, cmd_info },
	{ "stat", "VM ...", "print a VM's counters", stat_opts, MAX_VMS, vm_more, cmd_stat },
	{ "log", "VM ...", "print the last that a guest wrote", log_opts, MAX_VMS, vm_more,
	  cmd_log },
	{ "console", "VM", "use a VM's serial console from this terminal", console_opts, 1,
	  console_more, cmd_console },
	{ "top", "", "show which VMs do how much, again and again", top_opts, 0, top_more,
	  cmd_top },
	{ "exits", "VM ...", "print why processors leave the guest", json_opts, MAX_VMS, vm_more,
	  cmd_exits },
	{ "events", "", "tell what happens to VMs, as it happens", events_opts, 0, NULL,
	  cmd_events },
	{ "trace", "VM [EVENT ...]", "tell what a VM's processors and devices do, as they do it",
	  trace_opts, MAX_VMS, trace_more, cmd_trace },
	{ "stop", "VM ...", "ask a guest to power off", stop_opts, MAX_VMS, vm_more, cmd_stop },
	{ "pause", "VM ...", "have a VM wait", NULL, MAX_VMS, vm_more, cmd_pause },
	{ "resume", "VM ...", "have it go on", NULL, MAX_VMS, vm_more, cmd_resume },
	{ "unpause", "VM ...", NULL, NULL, MAX_VMS, vm_more, cmd_resume },
	{ "reset", "VM ...", "reset a VM, as its guest could", NULL, MAX_VMS, vm_more, cmd_reset },
	{ "kill", "VM ...", "end a VM at once", NULL, MAX_VMS, vm_more, cmd_kill },
	{ "rename", "VM NAME", "call a VM otherwise", NULL, 2, rename_more, cmd_rename },
	{ "nmi", "VM ...", "send a non-maskable interrupt to the boot processor", NULL, MAX_VMS,
	  vm_more, cmd_nmi },
	{ "sysrq", "VM KEY", "send a serial break and a key: Linux's magic SysRq", NULL, 2,
	  sysrq_more, cmd_sysrq },
	{ "regs", "VM ...", "print the registers of a VM's processors", regs_opts, MAX_VMS,
	  regs_more, cmd_regs },
	{ "mem", "VM ADDRESS [LENGTH]", "print a VM's memory", mem_opts, 3, mem_more, cmd_mem },
	{ "dump", "VM FILE", "write a VM's memory and registers to a file", NULL, 2, dump_more,
	  cmd_dump },
	{ "balloon", "VM [SIZE]", "have a guest make do with less memory, or tell what it has",
	  json_opts, 2, balloon_more, cmd_balloon },
	{ "devices", "VM ...", "tell of a VM's disks, network and other virtio devices", json_opts,
	  MAX_VMS, vm_more, cmd_devices },
	{ "attach", "VM", "give a running VM a disk or network device", attach_opts, 1, attach_more,
	  cmd_attach },
	{ "detach", "VM DEVICE", "take one from it", detach_opts, 2, detach_more, cmd_detach },
	{ "resize", "VM DISK [SIZE]", "give a disk another size", resize_opts, 3, resize_more,
	  cmd_resize },
	{ "link", "VM NIC up|down", "put in or take out a network device's cable", device_opts, 3,
	  link_more, cmd_link },
	{ "limit", "VM DEVICE", "limit a disk, a network device, or a VM's processor time",
	  limit_opts, 2, limit_more, cmd_limit },
	{ "pin", "VM CPU HOST-CPUS", "have a VM's processor run on these of the host's", NULL, 3,
	  pin_more, cmd_pin },
	{ "wait", "VM ...", "wait until a VM has ended", wait_opts, MAX_VMS, wait_more, cmd_wait },
	{ "rm", "VM ...", "forget a VM that has ended", NULL, MAX_VMS, vm_more, cmd_rm },
	{ "completion", "bash|zsh|fish", "print what completes these commands in a shell", NULL, 1,
	  completion_more, cmd_completion },
	{ "version", "", "print the versions of vmctl and of the module", json_opts, 0, NULL,
	  cmd_version },
	{ "help", "[command]", "explain a command", NULL, 1, NULL, cmd_help },
	{ 0 }
};

static const char *where_wrong;

void cmd_where(const char *where)
{
	where_wrong = where;
}

int cmd_error(int status, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "vmctl: %s%s", where_wrong ? where_wrong : "", where_wrong ? ": " : "");
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

static void print_usage(FILE *f)
{
	const struct cmd *c;

	fputs("usage: vmctl [-j] command [argument ...]\n\n", f);
	for (c = cmds; c->name; c++)
		if (c->help)
			fprintf(f, "  %-10s %s\n", c->name, c->help);
	fputs("\nA command may be shortened as long as it stays unique.\n"
	      "vmctl help COMMAND explains one; vmctl(8) is the manual.\n", f);
}

static void print_opt(int id, const char *name, const char *arg, const char *help)
{
	char left[64];
	int n = id < 256 ? snprintf(left, sizeof(left), "-%c, ", id) :
			   snprintf(left, sizeof(left), "    ");

	snprintf(left + n, sizeof(left) - n, "--%s%s%s", name, arg ? " " : "", arg ? arg : "");
	printf("  %-30s %s\n", left, help);
}

/* Another name of a verb has the help of the one before it that does the same */
static const char *help_of(const struct cmd *c)
{
	const struct cmd *first = cmds;

	while (first->fn != c->fn)
		first++;
	return first->help;
}

static void print_cmd_usage(const struct cmd *c)
{
	const struct cmd_opt *o;
	int n = 0;

	printf("usage: vmctl %s", c->name);
	for (o = c->opts; o && o->id; o++)
		n++;
	if (n > USAGE_OPTS)
		printf(" [option ...]");
	for (o = c->opts; n && n <= USAGE_OPTS && o->id; o++)
		o->id < 256 ? printf(" [-%c]", o->id) : printf(" [--%s]", o->name);
	printf("%s%s\n\n%s\n\n", *c->args ? " " : "", c->args, help_of(c));
	for (o = c->opts; o && o->id; o++)
		print_opt(o->id, o->name, o->arg, o->help);
	print_opt('h', "help", NULL, "print this");
	if (c->more)
		printf("\n%s", c->more);
}

/* Finds a verb by its name or a unique beginning of it; tells the user if there is none */
static const struct cmd *find_cmd(const char *word)
{
	const struct cmd *c, *found = NULL;

	for (c = cmds; c->name; c++) {
		if (!strcmp(word, c->name))
			return c;
		if (strncmp(word, c->name, strlen(word)))
			continue;
		if (found && found->fn != c->fn) {
			cmd_error(CMD_USAGE, "\"%s\" may mean %s or %s: type more of it", word,
				  found->name, c->name);
			return NULL;
		}
		found = found ? found : c;
	}
	if (!found)
		cmd_error(CMD_USAGE, "there is no command \"%s\": see vmctl help", word);
	return found;
}

static const struct cmd_opt *find_opt(const struct cmd *c, int id)
{
	const struct cmd_opt *o;

	for (o = c->opts; o && o->id; o++)
		if (o->id == id)
			return o;
	return NULL;
}

/* The option that getopt_long() refused, as the user wrote it; @missing: its argument */
static int bad_option(const struct cmd *c, char **argv, bool missing)
{
	const struct cmd_opt *o = find_opt(c, optopt);

	if (o && missing)
		return cmd_error(CMD_USAGE, "%s --%s wants %s: see vmctl help %s", c->name, o->name,
				 o->arg, c->name);
	if (o || optopt == 'h')
		return cmd_error(CMD_USAGE, "%s --%s takes no argument: see vmctl help %s", c->name,
				 o ? o->name : "help", c->name);
	if (optopt)
		return cmd_error(CMD_USAGE, "%s has no option -%c: see vmctl help %s", c->name,
				 optopt, c->name);
	return cmd_error(CMD_USAGE, "%s has no option %s: see vmctl help %s", c->name,
			 argv[optind - 1], c->name);
}

static bool is_optional(const struct cmd_opt *o)
{
	return o && o->arg && *o->arg == '[';
}

/* What getopt_long() wants to know, from the command's table */
static void fill_options(const struct cmd *c, struct option *options, char *letters)
{
	const struct cmd_opt *o;
	int n = 0;

	options[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	letters += sprintf(letters, ":h");
	for (o = c->opts; o && o->id && n < MAX_OPTS; o++, n++) {
		options[n] = (struct option){
			o->name, !o->arg ? no_argument : is_optional(o) ? optional_argument :
			required_argument, NULL, o->id,
		};
		if (o->id < 256)
			letters += sprintf(letters, "%c%s", o->id, o->arg ? ":" : "");
	}
	options[n] = (struct option){ 0 };
}

/* An argument that may be left out stands behind "=", or is the next word: with one, or "nat" */
static char *argument(const struct cmd_opt *o, int argc, char **argv)
{
	char *next = optind < argc ? argv[optind] : NULL;

	if (!is_optional(o) || optarg || !next || *next == '-' || !access(next, F_OK) ||
	    (!strchr(next, '=') && strcmp(next, "nat")))
		return optarg;
	optind++;
	return next;
}

static int run_cmd(const struct cmd *c, bool json, int argc, char **argv)
{
	struct option options[MAX_OPTS + 1];
	struct cmd_args args = { .cmd = c, .json = json };
	char letters[2 * MAX_OPTS + 3];
	int i, room = 0;

	/* "-qq" is two options in one word */
	for (i = 1; i < argc; i++)
		room += strlen(argv[i]);
	args.values = calloc(room + 1, sizeof(*args.values));
	if (!args.values)
		return cmd_error(CMD_FAILED, "out of memory");
	fill_options(c, options, letters);
	optind = 0;
	while ((i = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (i) {
		case 'h':
			print_cmd_usage(c);
			return CMD_OK;
		case 'j':
			args.json = true;
			break;
		case '?':
		case ':':
			return bad_option(c, argv, i == ':');
		default:
			args.values[args.nr_values++] = (struct cmd_value){
				.id = i, .value = argument(find_opt(c, i), argc, argv),
			};
		}
	}
	args.argc = argc - optind;
	args.argv = argv + optind;
	if (args.argc > c->max_args)
		return cmd_error(CMD_USAGE, "%s has no use for \"%s\": see vmctl help %s", c->name,
				 args.argv[c->max_args], c->name);
	return c->fn(&args);
}

static int cmd_help(const struct cmd_args *args)
{
	const struct cmd *c;

	if (!args->argc) {
		print_usage(stdout);
		return CMD_OK;
	}
	c = find_cmd(args->argv[0]);
	if (!c)
		return CMD_USAGE;
	print_cmd_usage(c);
	return CMD_OK;
}

/* Options before the verb, then the verb */
static int dispatch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	const struct cmd *c;
	bool json = false;
	int i;

	opterr = 0;
	while ((i = getopt_long(argc, argv, "+hjV", options, NULL)) != -1) {
		if (i == 'j') {
			json = true;
		} else if (i == 'h') {
			print_usage(stdout);
			return CMD_OK;
		} else if (i == 'V') {
			return cmd_version(&(struct cmd_args){ .json = json });
		} else if (optopt) {
			return cmd_error(CMD_USAGE, "there is no option -%c: see vmctl help",
					 optopt);
		} else {
			return cmd_error(CMD_USAGE, "there is no option %s: see vmctl help",
					 argv[optind - 1]);
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		return CMD_USAGE;
	}
	c = find_cmd(argv[optind]);
	if (!c)
		return CMD_USAGE;
	return run_cmd(c, json, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	int status = dispatch(argc, argv);

	if (fflush(stdout) || ferror(stdout))
		return cmd_error(CMD_FAILED, "cannot write the output: %s", strerror(errno));
	return status;
}
