// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main thread while a guest runs: input, signals, the time limit; then how the
 * guest ended, in a sentence and an exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "balloon.h"
#include "console.h"
#include "counter.h"
#include "run.h"

#define INPUT_SIZE	4096
#define GRACE_NS	2000000000ULL	/* for output that nobody takes, when told to end */
#define SECOND_NS	1000000000ULL
#define LOOK_MS		500

/* Why the loop was left, besides the guest's end */
enum why { WHY_GUEST, WHY_KEY, WHY_SIGNAL, WHY_TIMEOUT, WHY_OUTPUT, WHY_FAILED };

/**
 * struct loop - the state of a run
 * @r: the command line
 * @vm: the VM
 * @serial: what comes out of the UART
 * @debug: what comes out of port 0xe9, if it is wanted
 * @debug_fd: file for that
 * @signals: signalfd
 * @start: when the guest started, ns of CLOCK_MONOTONIC
 * @deadline: when it must have ended, or 0
 * @is_terminal: standard input is one
 * @input_open: there may be more on standard input
 * @escape: state of the escape key
 * @input: bytes for the guest that it has not taken yet
 * @nr_input: how many
 * @left: @why is set
 * @why: who ended the run
 * @signal: for WHY_SIGNAL
 */
struct loop {
	const struct run *r;
	struct vm *vm;
	struct console_stream serial;
	struct console_stream debug;
	int debug_fd;
	int signals;
	uint64_t start;
	uint64_t deadline;
	bool is_terminal;
	bool input_open;
	struct console_escape escape;
	uint8_t input[INPUT_SIZE];
	size_t nr_input;
	bool left;
	enum why why;
	int signal;
};

static const char key_help[] =
	"\nCtrl-a x       end the guest\n"
	"Ctrl-a s       print its counters\n"
	"Ctrl-a Ctrl-a  send Ctrl-a to it\n"
	"Ctrl-a h       this\n";

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void leave(struct loop *l, enum why why)
{
	if (l->left)
		return;
	l->left = true;
	l->why = why;
}

/* ---- counters ------------------------------------------------------------ */

static void print_stats(struct vm *vm)
{
	uint64_t sum[LODGE_NR_STATS];
	unsigned int i, n = vm_stats(vm, sum);
	char lines[LODGE_NR_STATS * 64];
	size_t len = 0;

	lines[0] = 0;
	for (i = 0; i < n; i++)
		len += snprintf(lines + len, sizeof(lines) - len, "%-28s %14llu\n",
				counter_text(i), (unsigned long long)sum[i]);
	console_print(lines);
}

/* ---- input --------------------------------------------------------------- */

static void take_key(struct loop *l, uint8_t byte)
{
	switch (console_escape(&l->escape, byte)) {
	case CONSOLE_BYTE:
		l->input[l->nr_input++] = byte;
		break;
	case CONSOLE_LEAVE:
		leave(l, WHY_KEY);
		break;
	case CONSOLE_HELP:
		console_print(key_help);
		break;
	case CONSOLE_STATS:
		console_print("\n");
		print_stats(l->vm);
		break;
	case CONSOLE_NONE:
		break;
	}
}

static void read_input(struct loop *l)
{
	uint8_t buf[INPUT_SIZE];
	ssize_t i, n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 && errno == EIO && !console_foreground())
		return;
	if (n <= 0) {
		l->input_open = false;
		return;
	}
	if (!l->is_terminal) {
		memcpy(l->input, buf, n);
		l->nr_input = n;
		return;
	}
	for (i = 0; i < n; i++)
		take_key(l, buf[i]);
}

static void send_input(struct loop *l)
{
	ssize_t n = write(l->serial.in, l->input, l->nr_input);

	if (n <= 0)
		return;
	l->nr_input -= n;
	memmove(l->input, l->input + n, l->nr_input);
}

/* ---- signals ------------------------------------------------------------- */

/* To the guest's console, if that can be told */
static void tell_size(const struct loop *l)
{
	struct winsize size;

	if (!l->is_terminal || l->r->detached || ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		return;
	/* the serial port has none, and nor has a console with named ports */
	if (ioctl(l->serial.in, TIOCSWINSZ, &size))
		return;
}

static void take_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTSTP:
			console_restore();
			raise(SIGSTOP);
			break;
		case SIGCONT:
			/* a shell may have set the terminal in the meantime */
			console_restore();
			tell_size(l);
			break;
		case SIGWINCH:
			tell_size(l);
			break;
		default:
			l->signal = info.ssi_signo;
			leave(l, WHY_SIGNAL);
		}
	}
}

/* ---- the loop ------------------------------------------------------------ */

/* Nobody tells a process in the background when it comes to the front: so it looks */
static int timeout_ms(const struct loop *l, bool background)
{
	int limit = background ? LOOK_MS : -1;
	uint64_t now = now_ns();

	if (!l->deadline)
		return limit;
	if (now >= l->deadline)
		return 0;
	if (l->deadline - now < LOOK_MS * 1000000ULL || !background)
		limit = l->deadline - now > 1000 * SECOND_NS ? 1000000 :
			(l->deadline - now) / 1000000 + 1;
	return limit;
}

static void drain_wake(struct loop *l)
{
	uint64_t count;

	if (read(l->vm->wake, &count, sizeof(count)) < 0)
		return;
}

static bool guest_ended(struct loop *l)
{
	bool ended;

	pthread_mutex_lock(&l->vm->lock);
	ended = l->vm->end.kind != VM_RUNS;
	pthread_mutex_unlock(&l->vm->lock);
	return ended;
}

/* The places in @p behind the others' */
static unsigned int watch_nets(const struct vm_config *c, struct pollfd *p)
{
	unsigned int i;

	for (i = 0; i < c->nr_nets; i++)
		p[i] = (struct pollfd){ .fd = c->nets[i].dhcp, .events = POLLIN };
	return c->nr_nets;
}

static void serve_nets(const struct vm_config *c, const struct pollfd *p)
{
	unsigned int i;

	for (i = 0; i < c->nr_nets; i++)
		if (p[i].revents)
			net_serve(&c->nets[i]);
}

static void loop_once(struct loop *l)
{
	bool background = l->is_terminal && !console_raw();
	bool read_more = l->input_open && !l->nr_input && !background;
	struct pollfd p[6 + RUN_MAX_NETS] = {
		{ .fd = l->signals, .events = POLLIN },
		{ .fd = l->vm->wake, .events = POLLIN },
		{ .fd = read_more ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = l->nr_input ? l->serial.in : -1, .events = POLLOUT },
		{ .fd = l->vm->balloon, .events = POLLIN },
		{ .fd = l->vm->vsock.fd, .events = POLLIN },
	};

	poll(p, 6 + watch_nets(l->vm->config, p + 6), timeout_ms(l, background));
	if (p[0].revents)
		take_signal(l);
	if (p[1].revents)
		drain_wake(l);
	if (p[2].revents)
		read_input(l);
	if (p[3].revents || (p[2].revents && l->nr_input))
		send_input(l);
	if (p[4].revents)
		balloon_serve(l->vm);
	if (p[5].revents)
		vsock_serve(l->vm);
	serve_nets(l->vm->config, p + 6);
	if (console_stream_error(&l->serial) || console_stream_error(&l->debug))
		leave(l, WHY_OUTPUT);
	if (guest_ended(l))
		leave(l, WHY_GUEST);
	if (l->deadline && now_ns() >= l->deadline)
		leave(l, WHY_TIMEOUT);
}

/*
 * All that the guest has written goes out.  A reader that takes nothing is waited for, until a
 * signal comes; not long if it was a signal or the time limit that ended the run.
 */
static void drain_output(struct loop *l)
{
	bool patient = l->why == WHY_GUEST || l->why == WHY_KEY;
	uint64_t limit = patient ? 0 : now_ns() + GRACE_NS;

	console_stream_stop(&l->serial);
	console_stream_stop(&l->debug);
	while (!console_stream_done(&l->serial) || !console_stream_done(&l->debug)) {
		struct pollfd p[] = {
			{ .fd = l->signals, .events = POLLIN },
			{ .fd = l->vm->wake, .events = POLLIN },
		};
		int was = l->signal;

		poll(p, 2, limit ? 100 : -1);
		take_signal(l);
		drain_wake(l);
		if (l->signal != was)
			l->why = WHY_SIGNAL;
		if ((limit && now_ns() >= limit) || l->signal != was)
			break;
	}
	console_stream_free(&l->serial);
	console_stream_free(&l->debug);
}

/* ---- how it ended -------------------------------------------------------- */

static void say(struct loop *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct loop *l, const char *format, ...)
{
	char text[256];
	va_list ap;

	if (l->r->quiet)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	console_tell("%s after %.1f s", text, (double)(now_ns() - l->start) / SECOND_NS);
}

static int conclude_guest(struct loop *l)
{
	struct vm_end *end = &l->vm->end;

	switch (end->kind) {
	case VM_POWEROFF:
		say(l, "the guest powered off");
		return CMD_OK;
	case VM_RESET:
		say(l, l->r->restart ? "the guest restarts" : "the guest reset itself");
		return CMD_OK;
	case VM_PANIC:
		say(l, "the guest panicked");
		return RUN_PANIC;
	case VM_WATCHDOG:
		say(l, l->r->restart ? "the guest's watchdog expired: it restarts" :
				       "the guest's watchdog expired");
		return RUN_PANIC;
	case VM_EXIT:
		say(l, "the guest wrote %u to its exit port", end->code);
		return (end->code << 1 | 1) & 0xff;
	case VM_KILLED:
		say(l, "the guest was killed");
		return RUN_SIGNAL + SIGKILL;
	default:
		console_tell("%s", end->text);
		console_print(end->registers);
		return CMD_FAILED;
	}
}

static int conclude_output(struct loop *l)
{
	int error = console_stream_error(&l->serial);

	if (!error)
		return cmd_error(CMD_FAILED, "cannot write to %s: %s", l->r->debugcon,
				 strerror(console_stream_error(&l->debug)));
	if (error == EPIPE)
		return RUN_SIGNAL + SIGPIPE;
	return cmd_error(CMD_FAILED, "cannot write the guest's output: %s", strerror(error));
}

/* A guest that ended well while its reader went is fine; output that had to be kept is not */
static bool output_lost(const struct loop *l)
{
	int error = console_stream_error(&l->serial);

	return console_stream_error(&l->debug) || (error && error != EPIPE);
}

static int conclude(struct loop *l)
{
	if (l->why == WHY_GUEST && output_lost(l))
		return conclude_output(l);
	if (l->serial.last && l->serial.last != '\n' && isatty(STDERR_FILENO))
		console_print("\n");
	switch (l->why) {
	case WHY_KEY:
		say(l, "ended by Ctrl-a x");
		return CMD_OK;
	case WHY_SIGNAL:
		say(l, "ended by signal %d (%s)", l->signal, strsignal(l->signal));
		return RUN_SIGNAL + l->signal;
	case WHY_TIMEOUT:
		say(l, "the guest had not ended");
		return RUN_TIMEOUT;
	case WHY_OUTPUT:
		return conclude_output(l);
	case WHY_FAILED:
		return CMD_FAILED;
	default:
		return conclude_guest(l);
	}
}

/* The same for the VM's record */
static enum lodge_end_reason reason(const struct loop *l)
{
	switch (l->why) {
	case WHY_KEY:
		return LODGE_END_USER;
	case WHY_SIGNAL:
		return LODGE_END_SIGNAL;
	case WHY_TIMEOUT:
		return LODGE_END_TIMEOUT;
	case WHY_GUEST:
		break;
	default:
		return LODGE_END_ERROR;
	}
	switch (l->vm->end.kind) {
	case VM_POWEROFF:
		return LODGE_END_POWEROFF;
	case VM_RESET:
		return LODGE_END_RESET;
	case VM_PANIC:
		return LODGE_END_PANIC;
	case VM_WATCHDOG:
		return LODGE_END_WATCHDOG;
	case VM_EXIT:
		return LODGE_END_EXIT;
	case VM_KILLED:
		return LODGE_END_KILLED;
	default:
		return l->vm->end.shutdown ? LODGE_END_TRIPLE_FAULT : LODGE_END_ERROR;
	}
}

/* ---- together ------------------------------------------------------------ */

static int start_stream(struct loop *l, struct console_stream *s, unsigned int which, int out)
{
	int error, in = vm_console(l->vm, which);

	if (in < 0)
		return -1;
	error = console_stream_start(s, in, out, l->vm->wake);
	if (error)
		cmd_error(CMD_FAILED, "cannot start a thread for the console: %s",
			  strerror(error));
	return -!!error;
}

static int open_debugcon(struct loop *l)
{
	/* a guest that is started again adds to it */
	static int how = O_TRUNC;
	const char *name = l->r->debugcon;

	if (!name)
		return 0;
	l->debug_fd = !strcmp(name, "-") ? STDOUT_FILENO :
		      open(name, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666);
	how = O_APPEND;
	if (l->debug_fd < 0) {
		cmd_error(CMD_FAILED, "%s: %s", name, strerror(errno));
		return -1;
	}
	return start_stream(l, &l->debug, LODGE_CONSOLE_DEBUG, l->debug_fd);
}

static int open_streams(struct loop *l)
{
	if (open_debugcon(l))
		return -1;
	/* the module keeps the last of it for "vmctl log" */
	if (l->r->detached)
		return 0;
	return start_stream(l, &l->serial, l->r->vm.console ? LODGE_CONSOLE_VIRTIO :
			    LODGE_CONSOLE_SERIAL, STDOUT_FILENO);
}

static void stop_ports(const struct vm_config *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_ports; i++)
		port_stop(&c->ports[i]);
}

static int start_ports(struct vm *vm)
{
	const struct vm_config *c = vm->config;
	unsigned int i;

	for (i = 0; i < c->nr_ports; i++)
		if (port_start(&c->ports[i], vm, i)) {
			stop_ports(c);
			return -1;
		}
	return 0;
}

/* The streams' thread may outlive run_loop() when the process is about to end */
static struct loop loop;

/**
 * run_loop - run a guest to its end
 * @r: the command line
 * @vm: set up, not started
 * @deadline: ns of CLOCK_MONOTONIC, 0 for none
 * @again: out: the guest has reset itself, or its watchdog has, and shall be started again
 *
 * The signals in @r are blocked in all threads.
 *
 * Return: the exit status.
 */
int run_loop(const struct run *r, struct vm *vm, uint64_t deadline, bool *again)
{
	struct loop *l = &loop;
	int status;

	*again = false;
	*l = (struct loop){ .r = r, .vm = vm, .deadline = deadline, .input_open = !r->detached,
			    .debug_fd = -1, .is_terminal = isatty(STDIN_FILENO),
			    .signals = signalfd(-1, &r->signals, SFD_CLOEXEC | SFD_NONBLOCK) };
	if (l->signals < 0)
		return cmd_error(CMD_FAILED, "cannot watch for signals: %s", strerror(errno));
	if (open_streams(l) || start_ports(vm))
		return CMD_FAILED;
	console_raw();
	tell_size(l);
	l->start = now_ns();
	if (vm_start(vm))
		leave(l, WHY_FAILED);
	else
		run_ready(r);
	while (!l->left)
		loop_once(l);
	vm_stop(vm);
	*again = l->why == WHY_GUEST && r->restart &&
		 (vm->end.kind == VM_RESET || vm->end.kind == VM_WATCHDOG);
	drain_output(l);
	stop_ports(vm->config);
	if (!*again)
		console_restore();
	status = conclude(l);
	vm_tell_end(vm, reason(l), status, (r->detached || *again ? LODGE_VM_END_KEEP : 0) |
		    (*again ? LODGE_VM_END_RESTARTS : 0));
	if (r->stats && !*again)
		print_stats(vm);
	close(l->signals);
	if (l->debug_fd > STDERR_FILENO)
		close(l->debug_fd);
	return status;
}
