// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network devices: what the command line says of one, and its tap.
 *
 * A tap that is made here has the name lodgeN and the address 10.73.N.1/24; it is not persistent,
 * so the kernel removes it when vmctl and the guest are gone, whatever ended them. A guest that
 * asks by DHCP has 10.73.N.2. As the port of a bridge it has no address: the bridge's network has
 * its own.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd.h"
#include "nat.h"
#include "net.h"

#define TUN		"/dev/net/tun"
#define HEADER		12	/* struct virtio_net_hdr_mrg_rxbuf */
#define MAX_MADE	256
#define MIN_MTU		68
#define PLAIN_MTU	1500

/* @what: a tap or bridge, whose name goes to @to */
static int set_interface(const char **to, const char *what, const char *name)
{
	if (!*name || strlen(name) >= IFNAMSIZ)
		return cmd_error(CMD_USAGE, "--net: the name of a %s has 1 to %d characters", what,
				 IFNAMSIZ - 1);
	*to = name;
	return CMD_OK;
}

static int set_mac(struct net *n, const char *value)
{
	const char *p = value;
	char *end;
	int i;

	for (i = 0; i < 6; i++, p = end + 1) {
		unsigned long byte = strtoul(p, &end, 16);

		if (!isxdigit((unsigned char)*p) || end - p > 2 || *end != (i < 5 ? ':' : 0))
			return cmd_error(CMD_USAGE, "--net: mac takes an address as 52:54:00:12:34:56, not \"%s\"",
					 value);
		n->mac[i] = byte;
	}
	if (n->mac[0] & 1)
		return cmd_error(CMD_USAGE, "--net: %s is no address of a single device", value);
	if (!memcmp(n->mac, "\0\0\0\0\0", 6))
		return cmd_error(CMD_USAGE, "--net: %s is no address", value);
	return CMD_OK;
}

static int set_mtu(struct net *n, const char *value)
{
	char *end;
	unsigned long mtu = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)*value) || *end || mtu < MIN_MTU || mtu > UINT16_MAX)
		return cmd_error(CMD_USAGE, "--net: mtu takes a number from %d to %d, not \"%s\"",
				 MIN_MTU, UINT16_MAX, value);
	n->mtu = mtu;
	return CMD_OK;
}

static int set_pairs(struct net *n, const char *value)
{
	char *end;
	unsigned long queues = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)*value) || *end || !queues || queues > LODGE_MAX_PAIRS)
		return cmd_error(CMD_USAGE, "--net: queues takes a number from 1 to %d, not \"%s\"",
				 LODGE_MAX_PAIRS, value);
	n->queues = queues;
	return CMD_OK;
}

static int take_word(struct net *n, const char *word)
{
	if (!strncmp(word, "tap=", 4))
		return set_interface(&n->tap, "tap", word + 4);
	if (!strncmp(word, "bridge=", 7))
		return set_interface(&n->bridge, "bridge", word + 7);
	if (!strncmp(word, "mac=", 4))
		return set_mac(n, word + 4);
	if (!strncmp(word, "mtu=", 4))
		return set_mtu(n, word + 4);
	if (!strncmp(word, "queues=", 7))
		return set_pairs(n, word + 7);
	if (!strcmp(word, "nat")) {
		n->nat = true;
		return CMD_OK;
	}
	if (rate_is_option(word))
		return rate_take(&n->limits, word, "--net");
	return cmd_error(CMD_USAGE, "--net: \"%s\" is none of tap=NAME, bridge=NAME, mac=ADDRESS, mtu=N, queues=N, nat, %s",
			 word, RATE_WORDS);
}

/**
 * net_parse - OPTION[,OPTION...]
 * @n: to fill
 * @value: the option's, or NULL
 *
 * Return: CMD_OK or CMD_USAGE.
 */
int net_parse(struct net *n, const char *value)
{
	char *list, *word;
	int i, status = CMD_OK;

	*n = (struct net){ .queues = 1, .dhcp = -1 };
	for (i = 0; i < LODGE_MAX_PAIRS; i++)
		n->fd[i] = -1;
	if (!value)
		return CMD_OK;
	/* the name lives as long as vmctl */
	list = strdup(value);
	if (!list)
		return cmd_error(CMD_FAILED, "out of memory");
	while (!status && (word = strsep(&list, ",")))
		status = take_word(n, word);
	if (!status && n->nat && n->tap)
		return cmd_error(CMD_USAGE, "--net: nat is for a tap that vmctl makes, not for %s",
				 n->tap);
	if (!status && n->bridge && (n->tap || n->nat))
		return cmd_error(CMD_USAGE, "--net: bridge makes a tap that has the network of %s: it goes with neither tap nor nat",
				 n->bridge);
	return status;
}

/* ---- the tap ------------------------------------------------------------- */

static int open_tun(struct net *n)
{
	unsigned int i;

	for (i = 0; i < n->queues; i++) {
		n->fd[i] = open(TUN, O_RDWR | O_CLOEXEC);
		if (n->fd[i] < 0)
			break;
	}
	if (i == n->queues)
		return CMD_OK;
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return cmd_error(CMD_FAILED, "--net: there is no %s: load the module with \"modprobe tun\"",
				 TUN);
	case EACCES:
	case EPERM:
		return cmd_error(CMD_FAILED, "--net: you may not open %s", TUN);
	default:
		return cmd_error(CMD_FAILED, "--net: %s: %s", TUN, strerror(errno));
	}
}

/* 0 or an errno */
static int attach_queue(int fd, const char *name, int flags)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags };
	int header = HEADER;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &req) || ioctl(fd, TUNSETVNETHDRSZ, &header))
		return errno;
	return 0;
}

static int attach(const struct net *n, const char *name)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < n->queues && !error; i++)
		error = attach_queue(n->fd[i], name, n->queues > 1 ? IFF_MULTI_QUEUE : 0);
	return error;
}

static int attach_failed(const struct net *n, int error)
{
	const char *multi = n->queues > 1 ? " multi_queue" : "";

	switch (error) {
	case EPERM:
	case EACCES:
		return cmd_error(CMD_FAILED, "--net tap=%s: you may not use it: have root make it with \"ip tuntap add %s mode tap%s user NAME\"",
				 n->tap, n->tap, multi);
	case EBUSY:
		return cmd_error(CMD_FAILED, "--net tap=%s: another guest or program uses it",
				 n->tap);
	case EINVAL:
		return cmd_error(CMD_FAILED, "--net tap=%s: it is no tap, or one of %s", n->tap,
				 n->queues > 1 ? "a single queue" : "several queues");
	default:
		return cmd_error(CMD_FAILED, "--net tap=%s: %s", n->tap, strerror(error));
	}
}

/* A request about an interface; 0 or an errno */
static int ask(unsigned long request, struct ifreq *req, const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	snprintf(req->ifr_name, sizeof(req->ifr_name), "%s", name);
	if (ioctl(fd, request, req))
		error = errno;
	close(fd);
	return error;
}

static int set_address(unsigned long request, const char *name, const char *address)
{
	struct ifreq req = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	inet_pton(AF_INET, address, &in.sin_addr);
	memcpy(&req.ifr_addr, &in, sizeof(in));
	return ask(request, &req, name);
}

static int bring_up(const char *name)
{
	struct ifreq req = { 0 };
	int error = ask(SIOCGIFFLAGS, &req, name);

	req.ifr_flags |= IFF_UP;
	return error ? error : ask(SIOCSIFFLAGS, &req, name);
}

/* Its address, and up; 0 or an errno */
static int configure(const struct net *n, const char *name, const char *address)
{
	struct ifreq req = { .ifr_mtu = n->mtu };
	int error = n->mtu ? ask(SIOCSIFMTU, &req, name) : 0;

	if (!error)
		error = set_address(SIOCSIFADDR, name, address);
	if (!error)
		error = set_address(SIOCSIFNETMASK, name, "255.255.255.0");
	return error ? error : bring_up(name);
}

/* Whether anybody has a queue of a tap, if it is up */
static bool has_carrier(const char *name)
{
	char path[64], c = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &c, 1) != 1)
		c = 0;
	if (fd >= 0)
		close(fd);
	return c == '1';
}

/* Who has a tap of one queue has it alone; of several, each would get a part of what comes */
static int attach_named(const struct net *n)
{
	return n->queues > 1 && has_carrier(n->tap) ? EBUSY : attach(n, n->tap);
}

/* Without it a guest can still choose an address itself; 0 or an errno */
static int open_dhcp(struct net *n, const char *name)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT) };
	int one = 1, error;

	n->dhcp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->dhcp < 0)
		return errno;
	if (!setsockopt(n->dhcp, SOL_SOCKET, SO_BINDTODEVICE, name, strlen(name)) &&
	    !setsockopt(n->dhcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
	    !setsockopt(n->dhcp, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) &&
	    !bind(n->dhcp, (struct sockaddr *)&in, sizeof(in)))
		return 0;
	error = errno;
	close(n->dhcp);
	n->dhcp = -1;
	return error;
}

static void lease(struct net *n, const char *name, unsigned int number, bool quiet)
{
	int error;

	if (n->alone) {
		cmd_error(0, "the guest's network is %s, where the host is 10.73.%u.1/24; nobody answers DHCP there, so give the guest an address as 10.73.%u.2/24",
			  name, number, number);
		return;
	}
	error = open_dhcp(n, name);

	n->lease = (struct dhcp_lease){
		.server = { 10, 73, number, 1 }, .client = { 10, 73, number, 2 },
		.mask = { 255, 255, 255, 0 }, .mtu = n->mtu, .routes = n->nat,
	};
	if (n->nat)
		n->lease.nr_dns = nat_find_dns(n->lease.dns);
	if (error)
		cmd_error(0, "--net: the guest is not answered when it asks for an address by DHCP: %s",
			  strerror(error));
	if (!quiet)
		cmd_error(0, "the guest's network is %s, where the host is 10.73.%u.1/24%s", name,
			  number, error ? "" : "; DHCP gives it the address that ends in 2");
}

/* That of an interface, unless another is asked for, or it goes without saying */
static void take_mtu(struct net *n, const char *name)
{
	struct ifreq req = { 0 };

	if (!n->mtu && !ask(SIOCGIFMTU, &req, name) && req.ifr_mtu != PLAIN_MTU &&
	    req.ifr_mtu >= MIN_MTU && req.ifr_mtu <= UINT16_MAX)
		n->mtu = req.ifr_mtu;
}

/* A bridge's address is the lowest of its ports': it shall not become this one; 0 or an errno */
static int make_high(const char *name)
{
	struct ifreq req = { 0 };
	int error = ask(SIOCGIFHWADDR, &req, name);

	req.ifr_hwaddr.sa_data[0] = 0xfe;
	return error ? error : ask(SIOCSIFHWADDR, &req, name);
}

/* A port of a bridge, and up; 0 or an errno */
static int join(struct net *n, const char *name)
{
	struct ifreq port = { .ifr_ifindex = if_nametoindex(name) }, mtu = { 0 };
	int error = make_high(name);

	take_mtu(n, n->bridge);
	mtu.ifr_mtu = n->mtu;
	if (!error && n->mtu)
		error = ask(SIOCSIFMTU, &mtu, name);
	if (!error)
		error = ask(SIOCBRADDIF, &port, n->bridge);
	return error ? error : bring_up(name);
}

/* @name: of a tap that has been made */
static int join_bridge(struct net *n, const char *name, bool quiet)
{
	int error = join(n, name);

	if (error)
		return cmd_error(CMD_FAILED, "--net bridge=%s: cannot have a tap as its port: %s",
				 n->bridge, strerror(error));
	if (!quiet)
		cmd_error(0, "the guest's network is that of %s, by %s", n->bridge, name);
	return CMD_OK;
}

static int check_bridge(const struct net *n)
{
	char path[64];

	if (!if_nametoindex(n->bridge))
		return cmd_error(CMD_FAILED, "--net bridge=%s: there is no such interface; \"ip link add %s type bridge\" makes one",
				 n->bridge, n->bridge);
	snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", n->bridge);
	if (access(path, F_OK))
		return cmd_error(CMD_FAILED, "--net bridge=%s: it is no bridge", n->bridge);
	return CMD_OK;
}

/* Who has the name has the network: two that start at the same time get two */
static int make_tap(struct net *n, bool quiet)
{
	char name[IFNAMSIZ], address[INET_ADDRSTRLEN];
	int i, error = EBUSY;

	for (i = 0; i < MAX_MADE && error == EBUSY; i++) {
		snprintf(name, sizeof(name), "lodge%u", (uint8_t)i);
		error = if_nametoindex(name) ? EBUSY : attach(n, name);
	}
	if (error == EPERM)
		return cmd_error(CMD_FAILED, "--net: only root may make a tap: have root make one with \"ip tuntap add NAME mode tap user YOU\", and use \"--net tap=NAME\"");
	if (error)
		return cmd_error(CMD_FAILED, "--net: cannot make a tap: %s", strerror(error));
	if (n->bridge)
		return join_bridge(n, name, quiet);
	snprintf(address, sizeof(address), "10.73.%d.1", i - 1);
	error = configure(n, name, address);
	if (error)
		return cmd_error(CMD_FAILED, "--net: cannot bring %s up: %s", name,
				 strerror(error));
	lease(n, name, i - 1, quiet);
	return n->nat ? nat_start(name, i - 1) : CMD_OK;
}

/**
 * net_open - find or make a tap and attach to it
 * @n: from net_parse()
 * @quiet: do not tell what it is called
 *
 * Return: CMD_OK or CMD_FAILED.
 */
int net_open(struct net *n, bool quiet)
{
	int status = open_tun(n);
	int error;

	if (!status && n->bridge)
		status = check_bridge(n);
	if (status)
		return status;
	if (!n->tap)
		return make_tap(n, quiet);
	if (!if_nametoindex(n->tap))
		return cmd_error(CMD_FAILED, "--net tap=%s: there is no such interface; \"ip tuntap add %s mode tap%s\" makes one, \"--net\" alone takes one of its own",
				 n->tap, n->tap, n->queues > 1 ? " multi_queue" : "");
	error = attach_named(n);
	if (error)
		return attach_failed(n, error);
	take_mtu(n, n->tap);
	return CMD_OK;
}

void net_serve(const struct net *n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT) };
	struct dhcp_reply reply;
	uint8_t request[1500];
	ssize_t len = recv(n->dhcp, request, sizeof(request), 0);
	size_t size = len > 0 ? dhcp_answer(&n->lease, request, len, &reply) : 0;

	if (!size)
		return;
	memcpy(&to.sin_addr, reply.to, sizeof(to.sin_addr));
	/* a guest that has not heard it asks again */
	if (sendto(n->dhcp, reply.data, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return;
}
