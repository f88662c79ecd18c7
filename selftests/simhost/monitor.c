// SPDX-License-Identifier: GPL-2.0-only
/*
 * monitor - starts Bochs and watches over one run of the simulated host.
 *
 *	monitor -d DIR [-t SECONDS] [-g DEST]... [-i] [-k] [-v] -- BOCHS ARGUMENT...
 *
 * DIR is the run's own directory: report.img (channel.h) and console.log grow there while the
 * host runs, and monitor passes on what the command prints, stores the files that come back and
 * turns the verdict into its own exit status (see `run --help`). Bochs runs on a pseudo terminal,
 * since the packaged one draws on it. -i joins the user's terminal to the host's ttyS1; -k keeps
 * DIR, which is removed otherwise; -v shows the console.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "boot.h"
#include "channel.h"
#include "file.h"

#define EXIT_DIED	98
#define EXIT_COMPLAINT	99
#define EXIT_TIMEOUT	124

#define TAINT_BAD_PAGE	0x0020u
#define TAINT_DIE	0x0080u
#define TAINT_WARN	0x0200u
#define TAINT_LOCKUP	0x4000u
#define TAINT_BAD	(TAINT_DIE | TAINT_BAD_PAGE | TAINT_WARN | TAINT_LOCKUP)

#define MAX_FILES	64
#define TAIL_LINES	30
#define CONTEXT_LINES	3	/* shown before what the kernel complained of */
#define POLL_MS		10
#define PANIC_GRACE_S	3
#define ESCAPE		0x1d	/* Ctrl-] ends an interactive run */

static const char *dir;
static const char *files[MAX_FILES];
static int nr_files, next_file;
static bool keep, verbose, interactive;
static time_t limit = 300;

static pid_t bochs;
static int report_fd, console_fd, kernel_fd, screen_fd, file_fd = -1;
static int screen = -1;		/* what Bochs draws */
static int tty = -1;		/* the host's ttyS1 */
static int input = -1;		/* what is typed for it */
static struct termios saved;
static bool is_raw;
static struct timespec started;

static __u32 expected = 1;
static struct verdict verdict;
static bool have_verdict, file_failed;
static int starts;
static time_t panic_at;
static char panic_line[256];
static volatile sig_atomic_t caught;

static const char *in_dir(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static time_t elapsed_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - started.tv_sec) * 1000 + (now.tv_nsec - started.tv_nsec) / 1000000;
}

static void on_signal(int sig)
{
	caught = sig;
}

static void show(struct map m, size_t from, int lines)
{
	for (; from < m.size && lines; from++) {
		if (m.data[from] == '\n')
			lines--;
		if (m.data[from] != '\r' && m.data[from] != BOOT_MARK)
			fputc(m.data[from], stderr);
	}
}

/* Where the line starts that is so many lines before offset i. */
static size_t back(struct map m, size_t i, int lines)
{
	while (i > 0)
		if (m.data[--i] == '\n' && !lines--)
			return i + 1;
	return 0;
}

static void show_tail(const char *name, const char *title)
{
	struct map m;

	if (access(in_dir(name), R_OK))
		return;
	m = map_file(in_dir(name));
	if (m.size <= 1)
		return;
	fprintf(stderr, "simhost: the last of %s:\n", title);
	show(m, back(m, m.size, TAIL_LINES), -1);
	if (m.data[m.size - 1] != '\n')
		fputc('\n', stderr);
}

/* The kernel log around its first complaint. */
static void show_complaint(void)
{
	struct map m = map_file(in_dir("kernel.log"));
	const __u8 *at = memmem(m.data, m.size, verdict.first, strlen(verdict.first));

	if (!verdict.complaints || !at) {
		show_tail("kernel.log", "the kernel log");
		return;
	}
	fputs("simhost: the kernel log there:\n", stderr);
	show(m, back(m, (size_t)(at - m.data), CONTEXT_LINES), CONTEXT_LINES + 2 * TAIL_LINES);
}

/* Ends everything; the only way out once Bochs has been started. */
static void finish(int status)
{
	pid_t pid;

	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	if (bochs > 0) {
		kill(-bochs, SIGKILL);
		waitpid(bochs, NULL, 0);
	}
	if (keep) {
		fprintf(stderr, "simhost: kept %s\n", dir);
		exit(status);
	}
	fflush(NULL);
	pid = fork();
	if (!pid) {
		execlp("rm", "rm", "-rf", dir, NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	exit(status);
}

static void died(int status, const char *why)
{
	fprintf(stderr, "simhost: %s\n", why);
	show_tail("kernel.log", "the kernel log");
	show_tail("console.log", "the console");
	finish(status);
}

/* Output that nobody reads any more ends the run, as a pipe does to any program. */
static void pass_on(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			finish(128 + SIGPIPE);
		p += n;
		len -= (size_t)n;
	}
}

static int open_in_dir(const char *name, int flags)
{
	int fd = open(in_dir(name), flags | O_CLOEXEC, 0666);

	if (fd < 0)
		die("%s: %s", in_dir(name), strerror(errno));
	return fd;
}

static void start_bochs(char **argv)
{
	struct winsize size = { .ws_row = 50, .ws_col = 132 };
	pid_t parent = getpid();

	bochs = forkpty(&screen, NULL, NULL, &size);
	if (bochs < 0)
		die("forkpty: %s", strerror(errno));
	if (bochs)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	if (getppid() != parent || chdir(dir))
		_exit(127);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* The pseudo terminal behind ttyS1; Bochs opens DIR/tty. */
static void open_tty(void)
{
	struct termios raw;
	int slave;

	if (openpty(&tty, &slave, NULL, NULL, NULL))
		die("openpty: %s", strerror(errno));
	if (!tcgetattr(slave, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(slave, TCSANOW, &raw);
	}
	if (symlink(ttyname(slave), in_dir("tty")))
		die("%s: %s", in_dir("tty"), strerror(errno));
	fcntl(tty, F_SETFD, FD_CLOEXEC);
	fcntl(slave, F_SETFD, FD_CLOEXEC);
	fcntl(tty, F_SETFL, O_NONBLOCK);
}

static void open_input(void)
{
	struct termios raw;

	if (!interactive)
		return;
	input = STDIN_FILENO;
	if (tcgetattr(STDIN_FILENO, &saved))
		return;
	raw = saved;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	is_raw = true;
}

static void take_file(const __u8 *data, size_t len)
{
	if (next_file >= nr_files)
		return;
	if (file_fd < 0)
		file_fd = open(files[next_file], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file_fd < 0) {
		fprintf(stderr, "simhost: %s: %s\n", files[next_file], strerror(errno));
		finish(EXIT_SETUP);
	}
	write_all(file_fd, data, len);
}

static void end_file(const __u8 *data)
{
	__s32 error;

	memcpy(&error, data, sizeof(error));
	if (error) {
		fprintf(stderr, "simhost: file %d of --get: %s\n", next_file + 1, strerror(error));
		file_failed = true;
	} else {
		take_file(data, 0);
	}
	if (file_fd >= 0)
		close(file_fd);
	file_fd = -1;
	next_file++;
}

static void take(const struct sector *s)
{
	switch (s->type) {
	case CHANNEL_STDOUT:
		pass_on(STDOUT_FILENO, s->data, s->len);
		break;
	case CHANNEL_STDERR:
		pass_on(STDERR_FILENO, s->data, s->len);
		break;
	case CHANNEL_KERNEL:
		write_all(kernel_fd, s->data, s->len);
		break;
	case CHANNEL_READY:
		if (verbose)
			fprintf(stderr, "simhost: ready after %.1f s\n",
				(double)elapsed_ms() / 1000);
		open_input();
		break;
	case CHANNEL_FILE:
		take_file(s->data, s->len);
		break;
	case CHANNEL_FILE_END:
		end_file(s->data);
		break;
	case CHANNEL_VERDICT:
		memcpy(&verdict, s->data, sizeof(verdict));
		have_verdict = true;
		break;
	}
}

/* Takes every sector of the report that has come; true if there was one. */
static bool read_report(void)
{
	static struct sector s[256];
	ssize_t n;
	int i, count;

	n = pread(report_fd, s, sizeof(s), (off_t)(expected - 1) * (off_t)sizeof(s[0]));
	count = n > 0 ? (int)((size_t)n / sizeof(s[0])) : 0;
	for (i = 0; i < count && !have_verdict; i++) {
		if (s[i].seq != expected || s[i].len > CHANNEL_DATA ||
		    s[i].check != sector_check(&s[i]))
			break;
		take(&s[i]);
		expected++;
	}
	return i > 0;
}

static void note_panic(const char *line)
{
	panic_at = elapsed_ms();
	snprintf(panic_line, sizeof(panic_line), "the host: %.*s",
		 (int)strcspn(line, "\r\n"), line);
}

static void read_console(void)
{
	static char line[512];
	static size_t fill;
	char buf[4096];
	ssize_t n, i;

	while ((n = read(console_fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < n; i++) {
			if (buf[i] == BOOT_MARK) {
				starts++;
				continue;
			}
			if (verbose && buf[i] != '\r')
				fputc(buf[i], stderr);
			if (fill < sizeof(line) - 1)
				line[fill++] = buf[i];
			if (buf[i] != '\n')
				continue;
			line[fill] = '\0';
			fill = 0;
			if (strstr(line, "end Kernel panic"))
				panic_at = elapsed_ms() - PANIC_GRACE_S * 1000;
			else if (!panic_at && strstr(line, "Kernel panic - not syncing"))
				note_panic(strstr(line, "Kernel panic"));
		}
	}
}

/*
 * Keystrokes in, the host's terminal out, and what Bochs draws to a file. True if the host's
 * terminal had something.
 */
static bool relay_terminals(void)
{
	struct pollfd fds[3] = {
		{ .fd = screen, .events = POLLIN },
		{ .fd = tty, .events = POLLIN },
		{ .fd = input, .events = POLLIN },
	};
	char buf[4096];
	ssize_t n;

	if (poll(fds, 3, POLL_MS) <= 0)
		return false;
	if (fds[0].revents) {
		n = read(screen, buf, sizeof(buf));
		if (n > 0)
			write_all(screen_fd, buf, (size_t)n);
		else
			screen = -1;
	}
	if (fds[1].revents & POLLIN) {
		n = read(tty, buf, sizeof(buf));
		if (n > 0)
			pass_on(STDOUT_FILENO, buf, (size_t)n);
	}
	if (fds[2].revents) {
		n = read(input, buf, sizeof(buf));
		if (n <= 0) {
			input = -1;
			return true;
		}
		if (is_raw && memchr(buf, ESCAPE, (size_t)n))
			finish(128 + SIGINT);
		pass_on(tty, buf, (size_t)n);
	}
	return fds[1].revents;
}

/* The verdict as an exit status, with a sentence for what the status cannot say. */
static int judge(void)
{
	__u32 taint = verdict.taint & ~verdict.early_taint & TAINT_BAD;
	int status = verdict.status;

	if (verdict.early[0])
		fprintf(stderr, "simhost: not counted, from the kernel's own start: %.160s\n",
			verdict.early);
	if (!verdict.ran) {
		fprintf(stderr, "simhost: the set-up inside the host failed (status %d)\n", status);
		show_tail("kernel.log", "the kernel log");
		return EXIT_SETUP;
	}
	if (verdict.complaints)
		fprintf(stderr, "simhost: the host's kernel complained (%u lines), first: %.160s\n",
			verdict.complaints, verdict.first);
	if (taint)
		fprintf(stderr, "simhost: the host's kernel is tainted:%s%s%s%s\n",
			taint & TAINT_WARN ? " W (warned)" : "",
			taint & TAINT_DIE ? " D (died)" : "",
			taint & TAINT_BAD_PAGE ? " B (bad page)" : "",
			taint & TAINT_LOCKUP ? " L (locked up)" : "");
	if (verdict.complaints || taint) {
		show_complaint();
		return status ? status : EXIT_COMPLAINT;
	}
	if (!status && file_failed)
		return EXIT_SETUP;
	return status;
}

static void watch(void)
{
	bool ended = false;
	int status;

	for (;;) {
		while (read_report())
			;
		read_console();
		if (have_verdict) {
			input = -1;
			while (interactive && relay_terminals())
				;
			finish(judge());
		}
		if (caught)
			finish(128 + caught);
		if (starts > 1)
			died(EXIT_DIED, "the host restarted");
		if (panic_at && elapsed_ms() - panic_at >= PANIC_GRACE_S * 1000)
			died(EXIT_DIED, panic_line);
		if (ended) {
			show_tail("screen.log", "the emulator's screen");
			show_tail("bochs.log", "the emulator's log");
			died(EXIT_DIED, "the emulator ended without a verdict");
		}
		if (limit && elapsed_ms() > limit * 1000)
			died(EXIT_TIMEOUT, "no verdict in time (--timeout)");
		ended = waitpid(bochs, &status, WNOHANG) == bochs;
		if (ended)
			bochs = -1;
		relay_terminals();
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	size_t i;
	int c;

	while ((c = getopt(argc, argv, "d:t:g:ikv")) != -1) {
		switch (c) {
		case 'd':
			dir = optarg;
			break;
		case 't':
			limit = atol(optarg);
			break;
		case 'i':
			interactive = true;
			break;
		case 'k':
			keep = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'g':
			if (nr_files == MAX_FILES)
				die("too many files to get");
			files[nr_files++] = optarg;
			break;
		default:
			return EXIT_SETUP;
		}
	}
	if (!dir || !argv[optind])
		die("usage: monitor -d DIR [-t SECONDS] [-g DEST]... [-ikv] -- BOCHS ARGUMENT...");
	signal(SIGPIPE, SIG_IGN);
	clock_gettime(CLOCK_MONOTONIC, &started);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	report_fd = open_in_dir("report.img", O_RDONLY);
	console_fd = open_in_dir("console.log", O_RDONLY | O_CREAT);
	kernel_fd = open_in_dir("kernel.log", O_WRONLY | O_CREAT | O_APPEND);
	screen_fd = open_in_dir("screen.log", O_WRONLY | O_CREAT);
	if (interactive)
		open_tty();
	start_bochs(argv + optind);
	watch();
}
