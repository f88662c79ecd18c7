// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address translation for a guest's network, by the kernel's nf_tables and the nft command.
 *
 * A process of its own, the keeper, sets all up as vmctl asks it to through a socket, and undoes it
 * when vmctl's end of that is closed, which a SIGKILL does as well. A tap that goes before, as when
 * its device is detached, takes its part along: the next guest may get its name. The keeper holds a
 * shared lock on LOCK; who finds IPv4 forwarding off switches it on, and notes that there, for the
 * last one to switch it off again.
 *
 * A keeper may be killed, too. What it leaves has its process ID in the name; other keepers take
 * it away, when they start and when they end. Not while the tap is there: the guest still needs it.
 * vmctl holds the lock together with its keeper, so forwarding stays on as long.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
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
#define MAX_REMAINS	64	/* at a time */

#define TABLE_NAME	(IFNAMSIZ + 12)
#define NAME		"vmctl-nat"	/* of a keeper */

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

/* @out: where its output goes, and no complaints; or -1: to where ours goes */
static pid_t start_nft(const char *rules, int out)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	if (out >= 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(out, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	_exit(execute(rules));
}

/* Its exit status */
static int end_nft(pid_t pid)
{
	int status;

	if (pid < 0)
		return 126;
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
	status = end_nft(start_nft(rules, -1));
	if (!status)
		return 0;
	return status == 127 ? REPLY_NO_NFT : REPLY_NFT_FAILED;
}

static void delete_table(const char *table)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char rules[64];

	snprintf(rules, sizeof(rules), "delete table ip %s", table);
	end_nft(start_nft(rules, null));
	close(null);
}

/* ---- what dead keepers have left ----------------------------------------- */

static bool is_keeper(int pid)
{
	char path[64], name[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fscanf(f, "%15s", name) != 1)
		*name = 0;
	fclose(f);
	return !strcmp(name, NAME);
}

/*
 * Of "table ip TAP_PID" the name, if nobody needs that table any more. The tap @mine is new, and so
 * is its table.
 */
static bool is_remains(const char *line, const char *mine, char table[TABLE_NAME])
{
	char tap[IFNAMSIZ], exact[TABLE_NAME + 16];
	unsigned int number;
	int pid;

	if (sscanf(line, "table ip lodge%u_%d", &number, &pid) != 2)
		return false;
	snprintf(tap, sizeof(tap), "lodge%u", number);
	snprintf(table, TABLE_NAME, "%s_%d", tap, pid);
	snprintf(exact, sizeof(exact), "table ip %s\n", table);
	return !strcmp(line, exact) && !is_keeper(pid) &&
	       (!strcmp(tap, mine) || !if_nametoindex(tap));
}

/* @mine: the name of a tap that has just been made, or "" */
static void sweep(const char *mine)
{
	char table[MAX_REMAINS][TABLE_NAME], line[128];
	unsigned int i, n = 0;
	FILE *f = NULL;
	pid_t pid;
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return;
	pid = start_nft("list tables ip", p[1]);
	close(p[1]);
	f = fdopen(p[0], "r");
	while (f && n < MAX_REMAINS && fgets(line, sizeof(line), f))
		n += is_remains(line, mine, table[n]);
	if (f)
		fclose(f);
	else
		close(p[0]);
	end_nft(pid);
	for (i = 0; i < n; i++)
		delete_table(table[i]);
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

/* Takes the lock; 0 or an errno. Two that start together note and do the same. */
static int start_forward(int lock)
{
	/* waits while the last one switches it off */
	if (flock(lock, LOCK_SH))
		return errno;
	if (get_forward() != '0')
		return 0;
	return pwrite(lock, "0", 1, 0) == 1 ? put_forward('1') : errno;
}

/*
 * Converting a lock gives the old one up first: of two that end together one is the last. vmctl has
 * the same open file, so closing it here would not unlock it.
 */
static void stop_forward(int lock)
{
	char was;

	if (!flock(lock, LOCK_EX | LOCK_NB) && pread(lock, &was, 1, 0) == 1 && was == '0' &&
	    !ftruncate(lock, 0))
		put_forward('0');
	flock(lock, LOCK_UN);
}

/* ---- the keeper ---------------------------------------------------------- */

/**
 * struct part - of what is to be undone, that of a tap
 * @table: name
 * @tap: interface index, which no other gets
 */
struct part {
	char table[TABLE_NAME];
	unsigned int tap;
};

/**
 * struct kept - what is to be undone
 * @lock: the file LOCK, open; or an errno, negative
 * @locked: and that is done, and forwarding is on
 * @part: of each tap
 * @nr_parts: how many
 * @links: can be read when interfaces have come or gone; or -1
 */
struct kept {
	int lock;
	bool locked;
	struct part part[MAX_TABLES];
	unsigned int nr_parts;
	int links;
};

static int watch_links(void)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&nl, sizeof(nl))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void stop_unused(struct kept *k)
{
	if (!k->locked || k->nr_parts)
		return;
	sweep("");
	stop_forward(k->lock);
	k->locked = false;
}

/* Some of what the socket would tell may be lost, so it is not asked which */
static void undo_gone(struct kept *k)
{
	char name[IFNAMSIZ], any;
	unsigned int i;

	if (recv(k->links, &any, 1, 0) < 0 && errno != ENOBUFS)
		return;
	for (i = k->nr_parts; i--;)
		if (!if_indextoname(k->part[i].tap, name) && errno == ENXIO) {
			delete_table(k->part[i].table);
			k->part[i] = k->part[--k->nr_parts];
		}
	stop_unused(k);
}

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
	struct part *p = &k->part[k->nr_parts];
	int status = ENOSPC;

	if (k->nr_parts == MAX_TABLES)
		return status;
	if (k->lock < 0)
		return -k->lock;
	if (!k->locked) {
		status = start_forward(k->lock);
		if (status)
			return status;
		k->locked = true;
	}
	sweep(o->tap);
	/* a tap of that name may have had a table that is still to go, so with a number */
	snprintf(p->table, sizeof(p->table), "%s_%d", o->tap, getpid());
	p->tap = if_nametoindex(o->tap);
	status = add_table(p->table, o);
	k->nr_parts += !status;
	return status;
}

/* Return: false if there will be none */
static bool next_order(struct kept *k, int socket, struct order *o)
{
	struct pollfd p[] = {
		{ .fd = socket, .events = POLLIN },
		{ .fd = k->links, .events = POLLIN },
	};

	while (poll(p, 2, -1) < 0 || !p[0].revents)
		if (p[1].revents)
			undo_gone(k);
	return recv(socket, o, sizeof(*o), 0) == sizeof(*o);
}

static void keep(int socket, int lock)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	struct kept k = { .lock = lock, .links = watch_links() };
	struct order o;
	unsigned int i;
	int status;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	setsid();
	prctl(PR_SET_NAME, NAME);
	if (chdir("/"))
		return;
	while (next_order(&k, socket, &o)) {
		if (!*o.tap) {
			leave_terminal();
			continue;
		}
		status = obey(&k, &o);
		if (send(socket, &status, sizeof(status), MSG_NOSIGNAL) < 0)
			break;
	}
	leave_terminal();
	while (k.nr_parts)
		delete_table(k.part[--k.nr_parts].table);
	stop_unused(&k);
}

/* ---- vmctl's side -------------------------------------------------------- */

int nat_prepare(void)
{
	int lock = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int s[2];
	pid_t pid;

	if (lock < 0)
		lock = -errno;
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
		keep(s[1], lock);
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
