// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl console: somebody else's terminal as a VM's.
 *
 * Netlink wakes nobody when a guest writes, so the console is looked at: often while
 * something happens there, else seldom.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "ctl.h"

#define BUSY_MS		10
#define IDLE_MS		100
#define BUSY_LOOKS	100	/* how long it counts as busy after the last byte */
#define STATE_LOOKS	10	/* how often it is asked whether the VM has ended */

/**
 * struct attached - a terminal and a VM's console
 * @vm: the VM
 * @position: what was read
 * @again: something was read before
 * @writes: keys go to the guest
 * @is_terminal: standard input is one
 * @input_open: there may be more of it
 * @escape: state of the escape key
 * @input: bytes that the guest has not taken yet
 * @nr_input: how many
 * @looks: since the last byte in any direction
 * @over: the user wants to leave, or the VM has ended
 */
struct attached {
	struct nl_vm vm;
	uint32_t position;
	bool again;
	bool writes;
	bool is_terminal;
	bool input_open;
	struct console_escape escape;
	uint8_t input[LODGE_CONSOLE_WRITE_MAX];
	size_t nr_input;
	unsigned int looks;
	bool over;
};

static const char keys[] =
	"\nCtrl-a x       leave the guest, which goes on\n"
	"Ctrl-a Ctrl-a  send Ctrl-a to it\n"
	"Ctrl-a h       this\n";

/* ---- signals ------------------------------------------------------------- */

static void end_by(int sig)
{
	console_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void stop_by(int sig)
{
	(void)sig;
	console_restore();
	raise(SIGSTOP);
}

static void watch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction now;
	unsigned int i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigaction(ends[i], NULL, &now) && now.sa_handler != SIG_IGN)
			signal(ends[i], end_by);
	signal(SIGTSTP, stop_by);
	signal(SIGTTIN, SIG_IGN);
}

/* ---- input --------------------------------------------------------------- */

static void take_key(struct attached *a, uint8_t byte)
{
	switch (console_escape(&a->escape, byte)) {
	case CONSOLE_BYTE:
		a->input[a->nr_input++] = byte;
		break;
	case CONSOLE_LEAVE:
		a->over = true;
		break;
	case CONSOLE_HELP:
		console_print(keys);
		break;
	default:
		break;
	}
}

static void read_input(struct attached *a)
{
	uint8_t buf[sizeof(a->input)];
	ssize_t i, n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == EIO))
		return;
	if (n <= 0) {
		a->input_open = false;
		return;
	}
	a->looks = 0;
	for (i = 0; i < n && !a->over; i++) {
		if (a->is_terminal)
			take_key(a, buf[i]);
		else
			a->input[a->nr_input++] = buf[i];
	}
	if (!a->writes)
		a->nr_input = 0;
}

/* 0, or an exit status */
static int send_input(struct attached *a)
{
	unsigned int taken;
	int error = nl_type(a->vm.number, a->input, a->nr_input, false, &taken);

	if (error == -ESRCH)
		return CMD_OK;	/* it may start again */
	if (error)
		return ctl_fail(error, a->vm.name);
	a->nr_input -= taken;
	memmove(a->input, a->input + taken, a->nr_input);
	return CMD_OK;
}

/* ---- output -------------------------------------------------------------- */

static bool write_all(const char *buf, size_t len)
{
	ssize_t n;

	for (; len; buf += n, len -= n) {
		n = write(STDOUT_FILENO, buf, len);
		if (n < 0 && errno != EINTR)
			return false;
		n = n < 0 ? 0 : n;
	}
	return true;
}

static int show_output(struct attached *a)
{
	char buf[NL_CONSOLE_MAX];
	unsigned int len;
	int error = nl_console(a->vm.number, LODGE_CONSOLE_SERIAL, a->again, &a->position, buf,
			       &len);

	if (error == -ENOENT && a->again) {
		a->over = true;
		return CMD_OK;
	}
	if (error)
		return ctl_fail(error, a->vm.name);
	a->again = true;
	if (len)
		a->looks = 0;
	return write_all(buf, len) ? CMD_OK :
	       cmd_error(CMD_FAILED, "cannot write the guest's output: %s", strerror(errno));
}

/* Asked before the last look at the console, so that nothing is missed */
static bool has_ended(struct attached *a)
{
	int error = nl_vm(a->vm.number, &a->vm);

	return error == -ENOENT || (!error && a->vm.state == LODGE_STATE_ENDED && !a->vm.restarts);
}

/* ---- together ------------------------------------------------------------ */

static int look(struct attached *a)
{
	bool ours = !a->is_terminal || console_raw();
	struct pollfd p = {
		.fd = ours && a->input_open && !a->nr_input ? STDIN_FILENO : -1, .events = POLLIN,
	};
	bool ended;
	int status;

	poll(&p, 1, a->looks < BUSY_LOOKS ? BUSY_MS : IDLE_MS);
	a->looks++;
	if (p.revents)
		read_input(a);
	status = a->nr_input ? send_input(a) : CMD_OK;
	if (status || a->over)
		return status;
	ended = !(a->looks % STATE_LOOKS) && has_ended(a);
	status = show_output(a);
	if (ended && !status) {
		a->over = true;
		console_tell("%s has ended: %s (%u)", a->vm.name, ctl_reason(a->vm.reason),
			     a->vm.status);
	}
	return status;
}

/* Whoever comes first has the input; the others look on */
static int claim(struct attached *a)
{
	unsigned int taken;
	int error = nl_type(a->vm.number, NULL, 0, false, &taken);

	if (error == -EBUSY)
		console_tell("%s: your keys do not go there: %s", a->vm.name, nl_error());
	else if (error && error != -ESRCH)
		return ctl_fail(error, a->vm.name);
	a->writes = !error;
	return CMD_OK;
}

static int talk(const struct cmd_args *args, const struct nl_vm *vm)
{
	static struct attached a;
	int status = CMD_OK;

	a = (struct attached){ .vm = *vm, .input_open = true };
	if (!ctl_option(args, 'r'))
		status = claim(&a);
	if (status)
		return status;
	watch_signals();
	a.is_terminal = console_init();
	console_raw();
	if (a.is_terminal)
		console_tell("this is the console of %s; Ctrl-a x leaves it, Ctrl-a h helps",
			     a.vm.name);
	status = show_output(&a);
	while (!status && !a.over)
		status = look(&a);
	console_restore();
	if (a.is_terminal)
		fputc('\n', stderr);
	return status;
}

int cmd_console(const struct cmd_args *args)
{
	if (args->argc > 1)
		return cmd_error(CMD_USAGE, "console is for one VM at a time");
	return ctl_each(args, talk);
}
