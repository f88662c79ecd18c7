// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address translation for a guest's network, by the kernel's nf_tables and the nft command.
 *
 * A process of its own, the keeper, sets all up as vmctl asks it to through a socket, and undoes it
 * when vmctl's end of that is closed, which a SIGKILL does as well. It holds a shared lock on LOCK;
 * who finds IPv4 forwarding off switches it on, and notes that there, for the last one to switch it
 * off again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "nat.h"

#define LOCK		"/run/lodge-nat"
#define FORWARD		"/proc/sys/net/ipv4/ip_forward"
#define RESOLV		"/etc/resolv.conf"
#define RESOLVED	"/run/systemd/resolve/resolv.conf"	/* whom a local resolver asks */

#define MAX_TABLES	32

#define REPLY_NO_NFT		-1
#define REPLY_NFT_FAILED	-2	/* it has said why */

/**
 * struct order - what the keeper is asked for; it replies with an int: REPLY_*, an errno, or 0
 * @tap: name of the tap, or empty: there will be no more orders
 * @number: of its network
 */
struct order {
	char tap[IFNAMSIZ];
	unsigned int number;
};

/* vmctl's end */
static int keeper = -1;

/* ---- nft ----------------------------------------------------------------- */

static int execute(const char *rules)
{
	static const char * const names[] = { "nft", "/usr/sbin/nft", "/sbin/nft" };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		execlp(names[i], "nft", rules, NULL);
	return 127;
}

/* Its exit status; what it complains of goes to standard error */
static int nft(const char *rules)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return 126;
	if (!pid)
		_exit(execute(rules));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static int add_table(const char *table, const struct order *o)
{
	char rules[512];
	int status;

	snprintf(rules, sizeof(rules),
		 "add table ip %s; "
		 "add chain ip %s out { type nat hook postrouting priority 100; }; "
		 "add rule ip %s out ip saddr 10.73.%u.0/24 oifname != \"%s\" masquerade",
		 table, table, table, o->number, o->tap);
	status = nft(rules);
	if (!status)
		return 0;
	return status == 127 ? REPLY_NO_NFT : REPLY_NFT_FAILED;
}

static void delete_table(const char *table)
{
	char rules[64];

	snprintf(rules, sizeof(rules), "delete table ip %s", table);
	nft(rules);
}

/* ---- forwarding ---------------------------------------------------------- */

/* '0', '1', or 0 if that cannot be read */
static char get_forward(void)
{
	int fd = open(FORWARD, O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd < 0)
		return 0;
	if (read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c;
}

static int put_forward(char c)
{
	int fd = open(FORWARD, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, &c, 1) != 1)
		error = errno;
	close(fd);
	return error;
}

/* The lock, held; or -1 with errno. Two that start together note and do the same. */
static int start_forward(void)
{
	int fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error = 0;

	if (fd < 0)
		return -1;
	/* waits while the last one switches it off */
	if (flock(fd, LOCK_SH))
		error = errno;
	else if (get_forward() == '0')
		error = pwrite(fd, "0", 1, 0) == 1 ? put_forward('1') : errno;
	if (!error)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

/* Converting a lock gives the old one up first: of two that end together one is the last */
static void stop_forward(int fd)
{
	char was;

	if (!flock(fd, LOCK_EX | LOCK_NB) && pread(fd, &was, 1, 0) == 1 && was == '0' &&
	    !ftruncate(fd, 0))
		put_forward('0');
	close(fd);
}

/* ---- the keeper ---------------------------------------------------------- */

/**
 * struct kept - what is to be undone
 * @socket: to vmctl
 * @forward: the lock, or -1
 * @table: names
 * @nr_tables: how many
 */
struct kept {
	int socket;
	int forward;
	char table[MAX_TABLES][IFNAMSIZ + 12];
	unsigned int nr_tables;
};

/* What vmctl's output is piped to must not wait for the keeper */
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int i;

	for (i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		dup2(null, i);
	close(null);
}

static int obey(struct kept *k, const struct order *o)
{
	char *table = k->table[k->nr_tables];
	int status = ENOSPC;

	if (k->nr_tables == MAX_TABLES)
		return status;
	if (k->forward < 0) {
		k->forward = start_forward();
		if (k->forward < 0)
			return errno;
	}
	/* a tap of that name may have had a table that is still to go, so with a number */
	snprintf(table, sizeof(k->table[0]), "%s_%d", o->tap, getpid());
	status = add_table(table, o);
	k->nr_tables += !status;
	return status;
}

static void keep(int socket)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	struct kept k = { .socket = socket, .forward = -1 };
	struct order o;
	unsigned int i;
	int status;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	setsid();
	prctl(PR_SET_NAME, "vmctl-nat");
	if (chdir("/"))
		return;
	while (recv(socket, &o, sizeof(o), 0) == sizeof(o)) {
		if (!*o.tap) {
			leave_terminal();
			continue;
		}
		status = obey(&k, &o);
		if (send(socket, &status, sizeof(status), MSG_NOSIGNAL) < 0)
			break;
	}
	leave_terminal();
	for (i = 0; i < k.nr_tables; i++)
		delete_table(k.table[i]);
	if (k.forward >= 0)
		stop_forward(k.forward);
}

/* ---- vmctl's side -------------------------------------------------------- */

int nat_prepare(void)
{
	int s[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s))
		return cmd_error(CMD_FAILED, "cannot make a socket: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		close(s[0]);
		close(s[1]);
		return cmd_error(CMD_FAILED, "cannot start a process: %s", strerror(errno));
	}
	if (!pid) {
		close(s[0]);
		keep(s[1]);
		_exit(0);
	}
	close(s[1]);
	keeper = s[0];
	return CMD_OK;
}

int nat_start(const char *tap, unsigned int number)
{
	struct order o = { .number = number };
	int status;

	snprintf(o.tap, sizeof(o.tap), "%s", tap);
	if (send(keeper, &o, sizeof(o), MSG_NOSIGNAL) != sizeof(o) ||
	    recv(keeper, &status, sizeof(status), 0) != sizeof(status))
		return cmd_error(CMD_FAILED, "--net nat: the process that would set it up has gone");
	switch (status) {
	case 0:
		return CMD_OK;
	case REPLY_NO_NFT:
		return cmd_error(CMD_FAILED, "--net nat: there is no nft command: install the package nftables");
	case REPLY_NFT_FAILED:
		return cmd_error(CMD_FAILED, "--net nat: nft has made no table for the network of %s",
				 tap);
	}
	return cmd_error(CMD_FAILED, "--net nat: cannot have the host forward packets: %s",
			 strerror(status));
}

void nat_ready(void)
{
	struct order o = { 0 };

	if (keeper >= 0 && send(keeper, &o, sizeof(o), MSG_NOSIGNAL) < 0)
		return;
}

/* ---- name servers -------------------------------------------------------- */

unsigned int nat_read_dns(const char *file, uint8_t dns[DHCP_MAX_DNS][4])
{
	FILE *f = fopen(file, "re");
	unsigned int n = 0;
	char line[512], word[64];

	if (!f)
		return 0;
	while (n < DHCP_MAX_DNS && fgets(line, sizeof(line), f))
		if (sscanf(line, " nameserver %63s", word) == 1 &&
		    inet_pton(AF_INET, word, dns[n]) == 1 && dns[n][0] != 127)
			n++;
	fclose(f);
	return n;
}

unsigned int nat_find_dns(uint8_t dns[DHCP_MAX_DNS][4])
{
	unsigned int n = nat_read_dns(RESOLV, dns);

	return n ? n : nat_read_dns(RESOLVED, dns);
}
