// SPDX-License-Identifier: GPL-2.0-only
/*
 * init - PID 1 of the simulated host.
 *
 * Mounts what a system has, runs /simhost/setup (modules), then the command in /simhost/argv, and
 * reports all they print, the kernel log and the verdict on the report disk (channel.h). `run`
 * puts those files into the initramfs; /simhost/shell asks for the command on a terminal, ttyS1,
 * and /simhost/get lists the files to bring back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "ata.h"
#include "channel.h"

#define MAX_ARGS	512
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *type, *dir, *options;
} mounts[] = {
	{ "proc", "/proc", NULL },
	{ "sysfs", "/sys", NULL },
	{ "devtmpfs", "/dev", NULL },
	{ "devpts", "/dev/pts", "ptmxmode=666" },
	{ "tmpfs", "/dev/shm", NULL },
	{ "hugetlbfs", "/dev/hugepages", NULL },
	{ "tmpfs", "/tmp", NULL },
	{ "tmpfs", "/run", NULL },
	{ "debugfs", "/sys/kernel/debug", NULL },
	{ "tracefs", "/sys/kernel/tracing", NULL },
	{ "cgroup2", "/sys/fs/cgroup", NULL },
};

/* How a line of the kernel log that tells of a fault begins, and what else gives one away. */
static const char * const bad_starts[] = {
	"WARNING: ", "BUG: ", "Oops: ", "kernel BUG at ", "general protection fault", "INFO: task ",
	"INFO: possible ", "UBSAN: ", "page allocation failure", "unchecked MSR access error",
	"refcount_t: ", "list_add corruption", "list_del corruption", "traps: PANIC",
	"unregister_netdevice: waiting", "watchdog: BUG: ", "invalid opcode: ", "stack segment: ",
	"rcu: INFO: ", "Kernel panic", "int3: ", "divide error: ", "double fault: ",
};

static const char * const bad_parts[] = {
	" detected stall", "detected stalls on", "self-detected stall", "soft lockup",
	"hard LOCKUP", "blocked for more than",
};

static struct sector batch[ATA_MAX_SECTORS];
static unsigned int batched;
static __u32 next_seq = 1;
static int kmsg = -1;
static int children = -1;
static struct verdict verdict;

static void flush(void)
{
	unsigned int i;

	for (i = 0; i < batched; i++)
		batch[i].check = sector_check(&batch[i]);
	if (batched)
		ata_write(next_seq - 1, batch, batched);
	next_seq += batched;
	batched = 0;
}

static void report(enum channel_type type, const void *data, size_t size)
{
	struct sector *s = batched ? &batch[batched - 1] : NULL;
	const __u8 *p = data;
	size_t n;

	do {
		if (!s || s->type != type || s->len == CHANNEL_DATA || type >= CHANNEL_FILE_END) {
			if (batched == ATA_MAX_SECTORS)
				flush();
			s = &batch[batched];
			memset(s, 0, sizeof(*s));
			s->seq = next_seq + batched++;
			s->type = type;
		}
		n = CHANNEL_DATA - s->len;
		if (n > size)
			n = size;
		memcpy(s->data + s->len, p, n);
		s->len += n;
		p += n;
		size -= n;
	} while (size);
}

static void complain(const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "simhost: init: %s: %s\n", what, strerror(errno));
	report(CHANNEL_STDERR, text, strlen(text));
}

static void judge(const char *line)
{
	bool bad = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad_starts) && !bad; i++)
		bad = !strncmp(line, bad_starts[i], strlen(bad_starts[i]));
	for (i = 0; i < ARRAY_SIZE(bad_parts) && !bad; i++)
		bad = strstr(line, bad_parts[i]);
	if (bad && !verdict.complaints++)
		snprintf(verdict.first, sizeof(verdict.first), "%s", line);
}

/* Reports what the kernel has logged since the last call. */
static void read_kernel_log(void)
{
	unsigned long long usec;
	char record[8192], line[8300], *text;
	ssize_t n;

	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text || sscanf(record, "%*u,%*u,%llu", &usec) != 1)
			continue;
		*text++ = '\0';
		text[strcspn(text, "\n")] = '\0';
		judge(text);
		snprintf(line, sizeof(line), "[%5llu.%06llu] %s\n", usec / 1000000, usec % 1000000,
			 text);
		report(CHANNEL_KERNEL, line, strlen(line));
		errno = 0;
	}
}

static void start_system(void)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit files = { 65536, 65536 };
	struct ifreq lo = { .ifr_name = "lo" };
	size_t i;
	int s;

	umask(022);
	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].dir, 0755);
		if (mount(mounts[i].type, mounts[i].dir, mounts[i].type, 0, mounts[i].options) &&
		    errno != EBUSY)
			complain(mounts[i].dir);
	}
	chmod("/tmp", 01777);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	setrlimit(RLIMIT_NOFILE, &files);
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	lo.ifr_flags = IFF_UP | IFF_RUNNING;
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &lo))
		complain("lo");
	close(s);
	sethostname("simhost", 7);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "vt220", 1);
	setenv("SIMHOST", "1", 1);
}

/*
 * Leads the session on ttyS1 for the command and outlives it: when a leader ends, the terminal
 * hangs up, and what has not left the slow serial line by then is lost.
 */
static void lead_session(void)
{
	int status;
	pid_t pid;

	ioctl(0, TIOCSCTTY, 1);
	pid = fork();
	if (!pid)
		return;
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	tcdrain(0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void become(char **argv, int out, int err, bool terminal)
{
	sigset_t none;
	int fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	fd = open(terminal ? "/dev/ttyS1" : "/dev/null", O_RDWR);
	dup2(fd, 0);
	dup2(terminal ? fd : out, 1);
	dup2(terminal ? fd : err, 2);
	if (terminal)
		lead_session();
	/* inherited, it would cost every system call an update of the TSS */
	iopl(0);
	execvp(argv[0], argv);
	dprintf(2, "simhost: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* One read at most, so that nobody's chatter keeps the others waiting. */
static bool relay(int fd, enum channel_type type)
{
	static char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		report(type, buf, (size_t)n);
	return n > 0;
}

/* Reaps whatever has ended; true once pid has, with its status as a shell would give it. */
static bool reap(pid_t pid, int *result)
{
	struct signalfd_siginfo info;
	bool ended = false;
	int status;
	pid_t p;

	while (read(children, &info, sizeof(info)) > 0)
		;
	while ((p = waitpid(-1, &status, WNOHANG)) > 0) {
		if (p != pid)
			continue;
		ended = true;
		*result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return ended;
}

/* Runs a program to its end, reporting its output as out and CHANNEL_STDERR. */
static int run(char **argv, enum channel_type out, bool terminal)
{
	struct pollfd fds[4];
	int pipes[2][2], result = 0, i;
	bool ended = false;
	pid_t pid;

	for (i = 0; i < 2; i++)
		if (pipe2(pipes[i], O_CLOEXEC) || fcntl(pipes[i][0], F_SETFL, O_NONBLOCK))
			complain("pipe");
	pid = fork();
	if (!pid)
		become(argv, pipes[0][1], pipes[1][1], terminal);
	if (pid < 0) {
		complain("fork");
		return 126;
	}
	close(pipes[0][1]);
	close(pipes[1][1]);
	for (i = 0; i < 4; i++)
		fds[i].events = POLLIN;
	fds[0].fd = pipes[0][0];
	fds[1].fd = pipes[1][0];
	fds[2].fd = kmsg;
	fds[3].fd = children;
	while (!ended) {
		poll(fds, 4, -1);
		for (i = 0; i < 2; i++)
			if (fds[i].revents && !relay(fds[i].fd, i ? CHANNEL_STDERR : out))
				fds[i].fd = fds[i].revents & POLLHUP ? -1 : fds[i].fd;
		ended = reap(pid, &result);
		read_kernel_log();
		flush();
	}
	for (i = 0; i < 2; i++) {
		while (relay(pipes[i][0], i ? CHANNEL_STDERR : out))
			;
		close(pipes[i][0]);
	}
	flush();
	return result;
}

static char *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "re");
	char *buf = NULL;
	size_t room = 0;

	*size = 0;
	if (!f)
		return NULL;
	do {
		room += 65536;
		buf = realloc(buf, room + 1);
		if (!buf)
			break;
		*size += fread(buf + *size, 1, room - *size, f);
		buf[*size] = '\0';
	} while (*size == room);
	fclose(f);
	return buf;
}

/* The command: words, each ended by a zero byte. A single word is for the shell to read. */
static int run_command(void)
{
	char *shell[] = { "/bin/sh", "-c", NULL, NULL };
	char *argv[MAX_ARGS + 1];
	size_t size;
	char *words = slurp("/simhost/argv", &size);
	bool terminal = !access("/simhost/shell", F_OK);
	char *p;
	int n = 0;

	for (p = words; p && p < words + size && n < MAX_ARGS; p += strlen(p) + 1)
		argv[n++] = p;
	argv[n] = NULL;
	if (!n)
		return 0;
	report(CHANNEL_READY, "", 0);
	flush();
	shell[2] = argv[0];
	return run(n > 1 ? argv : shell, CHANNEL_STDOUT, terminal);
}

static void send_file(const char *path)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	__s32 error = 0;
	ssize_t n = 0;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		report(CHANNEL_FILE, buf, (size_t)n);
	if (fd < 0 || n < 0)
		error = errno;
	report(CHANNEL_FILE_END, &error, sizeof(error));
	close(fd);
}

static void send_files(void)
{
	size_t size;
	char *list = slurp("/simhost/get", &size);
	char *path;

	while (list && (path = strsep(&list, "\n")))
		if (*path)
			send_file(path);
}

static __u32 read_taint(void)
{
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");
	__u32 taint = 0;

	if (!f || fscanf(f, "%u", &taint) != 1)
		complain("tainted");
	if (f)
		fclose(f);
	return taint;
}

/*
 * What a stock kernel complains of while it boots is between it and the processor model (6.12
 * finds core2_penryn's topology odd). It is told, but only what comes later counts.
 */
static void set_boot_aside(void)
{
	read_kernel_log();
	verdict.early_taint = read_taint();
	memcpy(verdict.early, verdict.first, sizeof(verdict.early));
	memset(verdict.first, 0, sizeof(verdict.first));
	verdict.complaints = 0;
}

static void finish(void)
{
	verdict.taint = read_taint();
	read_kernel_log();
	report(CHANNEL_VERDICT, &verdict, sizeof(verdict));
	flush();
	for (;;)
		pause();
}

int main(void)
{
	char *setup[] = { "/bin/sh", "/simhost/setup", NULL };
	sigset_t chld;

	iopl(3);
	start_system();
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	children = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (children < 0 || kmsg < 0)
		complain("/dev/kmsg");
	set_boot_aside();
	verdict.status = run(setup, CHANNEL_STDERR, false);
	if (!verdict.status) {
		verdict.ran = 1;
		verdict.status = run_command();
		send_files();
	}
	finish();
}
