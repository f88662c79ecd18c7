// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of vmctl run, and the streams that bring a guest's output out.
 *
 * native-sources: ../vmctl/dhcp.c ../vmctl/nat.c
 */
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "../../vmctl/runopt.c"
#include "../../vmctl/size.c"
#include "../../vmctl/rate.c"
#include "../../vmctl/cpufeature.c"
#include "../../vmctl/disk.c"
#include "../../vmctl/net.c"
#include "../../vmctl/console.c"
/* a port's listen() */
static int late_listen(int fd, int backlog);
#define listen late_listen
#include "../../vmctl/port.c"
#undef listen
#include "../lib/ktap.c"

#define TEN_BYTES	"0123456789"
#define LONG_PATH	TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES \
			TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES

static char error_text[600];
static struct run r;

void cmd_where(const char *where)
{
	(void)where;
}

int cmd_error(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error_text, sizeof(error_text), format, ap);
	va_end(ap);
	return status;
}

/* What the module's descriptor is to the threads of ports: one end of a pair of sockets */
static int module_end = -1;

int vm_console(struct vm *vm, unsigned int which)
{
	(void)vm;
	(void)which;
	return module_end < 0 ? -1 : dup(module_end);
}

/* Options by their ids; ends with 0 */
static int parse_these(const char *image, ...)
{
	struct cmd_value values[80];
	char *argv[] = { (char *)image };
	struct cmd_args args = { .values = values, .argc = !!image, .argv = argv };
	va_list ap;
	int id;

	error_text[0] = 0;
	va_start(ap, image);
	while ((id = va_arg(ap, int)))
		values[args.nr_values++] = (struct cmd_value){ id, va_arg(ap, const char *) };
	va_end(ap);
	return run_parse(&r, &args, false);
}

static bool refuses(int id, const char *value, const char *words)
{
	int status = parse_these("x", id, value, 0);

	if (status == CMD_USAGE && strstr(error_text, words))
		return true;
	diag("%s: status %d, \"%s\"", value, status, error_text);
	return false;
}

TEST(defaults)
{
	ASSERT_EQ(parse_these("/boot/vm linuz\x01-6.12", 0), 0);
	EXPECT_EQ(r.vm.memory, 512ULL << 20);
	EXPECT_EQ(r.vm.cpus, 1u);
	EXPECT_EQ(strcmp(r.name, "vm_linuz_-6.12"), 0);
	EXPECT_TRUE(r.vm.name == r.name);
	EXPECT_TRUE(!r.append && !r.restart && !r.quiet && !r.stats && !r.flat);
	EXPECT_EQ(parse_these("a-name-that-is-longer-than-a-vm-may-have", 0), 0);
	EXPECT_EQ(strlen(r.name), 31u);
}

TEST(sizes)
{
	EXPECT_EQ(size_parse("512"), 512ULL << 20);
	EXPECT_EQ(size_parse("2G"), 2ULL << 30);
	EXPECT_EQ(size_parse("2g"), 2ULL << 30);
	EXPECT_EQ(size_parse("4096k"), 4ULL << 20);
	EXPECT_EQ(size_parse("4096K"), 4ULL << 20);
	EXPECT_EQ(size_parse("1T"), 1ULL << 40);
	EXPECT_EQ(size_parse("1GiB"), 1ULL << 30);
	EXPECT_EQ(size_parse("3MB"), 3ULL << 20);
	EXPECT_EQ(size_parse("64T"), 1ULL << 46);
	EXPECT_EQ(size_parse("65T"), 0u);
	EXPECT_EQ(size_parse("99999999999999999999"), 0u);
	EXPECT_EQ(size_parse("18446744073709551615T"), 0u);
	EXPECT_EQ(size_parse(""), 0u);
	EXPECT_EQ(size_parse("G"), 0u);
	EXPECT_EQ(size_parse("-1G"), 0u);
	EXPECT_EQ(size_parse(" 1G"), 0u);
	EXPECT_EQ(size_parse("1GG"), 0u);
	EXPECT_EQ(size_parse("1P"), 0u);
	EXPECT_EQ(size_parse("1.5G"), 0u);
}

TEST(options)
{
	ASSERT_EQ(parse_these(NULL, 'k', "kernel", 'a', "one", 'a', "two", 'm', "3G", 'c', "4",
			      'n', "it", 't', "2.5", 'q', NULL, RUN_STATS, NULL, RUN_REBOOT,
			      "restart", RUN_FLAT, "0x7c00", RUN_HUGETLB, NULL, RUN_CPU_FEATURE,
			      "+avx", RUN_CPU_FEATURE, "-sse", RUN_DEBUGCON, "f", 0), 0);
	EXPECT_EQ(strcmp(r.image.name, "kernel"), 0);
	EXPECT_EQ(strcmp(r.append, "one two"), 0);
	EXPECT_EQ(r.vm.memory, 3ULL << 30);
	EXPECT_EQ(r.vm.cpus, 4u);
	EXPECT_EQ(strcmp(r.name, "it"), 0);
	EXPECT_TRUE(r.timeout == 2.5 && r.quiet && r.stats && r.restart && r.flat);
	EXPECT_EQ(r.flat_addr, 0x7c00u);
	EXPECT_EQ(r.vm.pages, GUESTMEM_HUGETLB);
	EXPECT_EQ(r.vm.nr_cpu_features, 2u);
	EXPECT_EQ(strcmp(r.vm.cpu_features[1], "-sse"), 0);
	EXPECT_EQ(strcmp(r.debugcon, "f"), 0);
	free((void *)r.append);
}

TEST(mistakes)
{
	EXPECT_EQ(parse_these(NULL, 0), CMD_USAGE);
	EXPECT_TRUE(refuses('k', "y", "two images"));
	EXPECT_TRUE(refuses('m', "0", "512M or 2G"));
	EXPECT_TRUE(refuses('m', "1M", "2M at least"));
	EXPECT_TRUE(refuses('m', "2049k", "multiple of 4k"));
	EXPECT_TRUE(refuses('c', "1x", "a number"));
	EXPECT_TRUE(refuses('c', "-1", "a number"));
	EXPECT_TRUE(refuses('c', "65", "too many"));
	EXPECT_TRUE(refuses('c', "99999999999999999999999", "too many"));
	EXPECT_TRUE(refuses('n', "", "1 to 31"));
	EXPECT_TRUE(refuses('n', "0123456789012345678901234567890123", "1 to 31"));
	EXPECT_TRUE(refuses('n', "a b", "no spaces"));
	EXPECT_TRUE(refuses('t', "0", "takes seconds"));
	EXPECT_TRUE(refuses('t', "nan", "takes seconds"));
	EXPECT_TRUE(refuses('t', "inf", "takes seconds"));
	EXPECT_TRUE(refuses('t', "5m", "takes seconds"));
	EXPECT_TRUE(refuses(RUN_FLAT, "", "an address"));
	EXPECT_TRUE(refuses(RUN_FLAT, "-1", "an address"));
	EXPECT_TRUE(refuses(RUN_FLAT, "0x7c0g", "an address"));
	EXPECT_TRUE(refuses(RUN_REBOOT, "", "exit or restart"));
	EXPECT_TRUE(refuses(RUN_CPU_FEATURE, "avx", "+NAME or -NAME"));
	EXPECT_TRUE(refuses(RUN_FIRMWARE, "rom", "starts the firmware alone"));
	EXPECT_EQ(parse_these("x", RUN_THP, NULL, RUN_KSM, NULL, 0), CMD_USAGE);
	EXPECT_EQ(parse_these("x", RUN_HUGETLB, NULL, 'm', "3M", 0), CMD_USAGE);
}

TEST(no_pci)
{
	ASSERT_EQ(parse_these("x", RUN_NO_PCI, NULL, RUN_RNG, NULL, 'a', "quiet xacpi=off", 0), 0);
	EXPECT_TRUE(r.vm.no_pci);
	EXPECT_EQ(strcmp(r.append, "quiet xacpi=off"), 0);
	/* a kernel that is told not to look for them is told where they are */
	ASSERT_EQ(parse_these("x", RUN_NO_PCI, NULL, RUN_RNG, NULL, RUN_CONSOLE, NULL,
			      'a', "a  acpi=off b", 0), 0);
	EXPECT_EQ(strncmp(r.append, "a  acpi=off b virtio_mmio.device=4K@0xd0001000:11 ", 50), 0);
	EXPECT_EQ(strcmp(r.append + 50, "virtio_mmio.device=4K@0xd0002000:12"), 0);
	ASSERT_EQ(parse_these("x", RUN_RNG, NULL, 'a', "acpi=off", 0), 0);
	EXPECT_EQ(strcmp(r.append, "acpi=off"), 0);
	EXPECT_EQ(parse_these(NULL, RUN_FIRMWARE, "rom", RUN_NO_PCI, NULL, 0), CMD_USAGE);
}

/* Neither one that only the host reaches, nor IPv6, nor a fourth */
TEST(name_servers)
{
	static const char text[] =
		"# nameserver 1.1.1.1\nsearch a.example\nnameserver 127.0.0.53\n"
		"nameserver 10.0.0.1\nnameserver fe80::1%eth0\n nameserver\t10.0.0.2\n"
		"nameserver 10.0.0\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
	char path[] = "/tmp/runopt-test.XXXXXX";
	uint8_t dns[DHCP_MAX_DNS][4];
	int fd = mkstemp(path);

	ASSERT_TRUE(fd >= 0);
	ASSERT_EQ(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	EXPECT_EQ(nat_read_dns(path, dns), 3u);
	EXPECT_EQ(memcmp(dns, "\12\0\0\1\12\0\0\2\12\0\0\3", sizeof(dns)), 0);
	unlink(path);
	EXPECT_EQ(nat_read_dns(path, dns), 0u);
}

TEST(networks)
{
	ASSERT_EQ(parse_these("x", RUN_NET, NULL, RUN_NET, "tap=a", RUN_NET,
			      "mac=52:54:0:12:34:ff,mtu=9000,tap=abcdefghijklmno", 0), 0);
	EXPECT_EQ(r.vm.nr_nets, 3u);
	EXPECT_TRUE(r.vm.nets == r.net && !r.net[0].tap && r.net[0].fd[0] < 0 && !r.net[0].mtu);
	EXPECT_EQ(strcmp(r.net[1].tap, "a"), 0);
	EXPECT_EQ(strcmp(r.net[2].tap, "abcdefghijklmno"), 0);
	EXPECT_EQ(memcmp(r.net[2].mac, "\x52\x54\0\x12\x34\xff", 6), 0);
	EXPECT_EQ(r.net[2].mtu, 9000);
	EXPECT_TRUE(!r.net[0].nat && !r.net[1].nat);
	ASSERT_EQ(parse_these("x", RUN_NET, "nat,mtu=1400", 0), 0);
	EXPECT_TRUE(r.net[0].nat && r.net[0].mtu == 1400 && r.net[0].queues == 1);
	ASSERT_EQ(parse_these("x", RUN_NET, "queues=8,tap=a", 0), 0);
	EXPECT_TRUE(r.net[0].queues == 8 && r.net[0].fd[7] < 0 && r.net[0].tap);
	ASSERT_EQ(parse_these("x", RUN_NET, "bridge=br0,queues=2", 0), 0);
	EXPECT_TRUE(!strcmp(r.net[0].bridge, "br0") && !r.net[0].tap && r.net[0].queues == 2);
	EXPECT_TRUE(refuses(RUN_NET, "bridge=", "name of a bridge has 1 to 15"));
	EXPECT_TRUE(refuses(RUN_NET, "bridge=a,tap=b", "with neither tap nor nat"));
	EXPECT_TRUE(refuses(RUN_NET, "nat,bridge=a", "with neither tap nor nat"));
	EXPECT_TRUE(refuses(RUN_NET, "nat,tap=a", "a tap that vmctl makes"));
	EXPECT_TRUE(refuses(RUN_NET, "", "is none of tap"));
	EXPECT_TRUE(refuses(RUN_NET, "tap=a,", "is none of tap"));
	EXPECT_TRUE(refuses(RUN_NET, "tap=", "1 to 15"));
	EXPECT_TRUE(refuses(RUN_NET, "tap=abcdefghijklmnop", "1 to 15"));
	EXPECT_TRUE(refuses(RUN_NET, "mac=52:54:00:12:34", "an address as"));
	EXPECT_TRUE(refuses(RUN_NET, "mac=52:54:00:12:34:56:78", "an address as"));
	EXPECT_TRUE(refuses(RUN_NET, "mac=52:54:00:12:34:056", "an address as"));
	EXPECT_TRUE(refuses(RUN_NET, "mac=52:54:00:12:34:-1", "an address as"));
	EXPECT_TRUE(refuses(RUN_NET, "mac=52:54:00:12:34:", "an address as"));
	EXPECT_TRUE(refuses(RUN_NET, "mac=53:54:00:12:34:56", "single device"));
	EXPECT_TRUE(refuses(RUN_NET, "mac=0:0:0:0:0:0", "is no address"));
	EXPECT_TRUE(refuses(RUN_NET, "mtu=67", "from 68 to 65535"));
	EXPECT_TRUE(refuses(RUN_NET, "mtu=65536", "from 68 to 65535"));
	EXPECT_TRUE(refuses(RUN_NET, "mtu=1500x", "from 68 to 65535"));
	EXPECT_TRUE(refuses(RUN_NET, "queues=0", "from 1 to 8"));
	EXPECT_TRUE(refuses(RUN_NET, "queues=9", "from 1 to 8"));
	EXPECT_TRUE(refuses(RUN_NET, "queues=-1", "from 1 to 8"));
	EXPECT_TRUE(refuses(RUN_NET, "queues=2x", "from 1 to 8"));
}

TEST(ports)
{
	ASSERT_EQ(parse_these("x", RUN_PORT, "org.qemu.guest_agent.0=unix:/tmp/a=b", RUN_PORT,
			      "b=unix", 0), 0);
	EXPECT_EQ(r.vm.nr_ports, 2u);
	EXPECT_TRUE(r.vm.ports == r.port && !r.vm.console);
	EXPECT_TRUE(r.port[0].is_socket && !r.port[1].is_socket);
	EXPECT_EQ(strcmp(r.port[0].name, "org.qemu.guest_agent.0"), 0);
	EXPECT_EQ(strcmp(r.port[0].path, "/tmp/a=b"), 0);
	EXPECT_EQ(strcmp(r.port[1].path, "unix"), 0);
	EXPECT_EQ(parse_these("x", RUN_PORT, "a=b", RUN_PORT, "a=c", 0), CMD_USAGE);
	EXPECT_TRUE(strstr(error_text, "two ports with the name a"));
	EXPECT_EQ(parse_these("x", RUN_PORT, "a=b", RUN_PORT, "b=b", RUN_PORT, "c=b", RUN_PORT,
			      "d=b", RUN_PORT, "e=b", RUN_PORT, "f=b", 0), 0);
	EXPECT_EQ(parse_these("x", RUN_PORT, "a=b", RUN_PORT, "b=b", RUN_PORT, "c=b", RUN_PORT,
			      "d=b", RUN_PORT, "e=b", RUN_PORT, "f=b", RUN_PORT, "g=b", 0),
		  CMD_USAGE);
	EXPECT_TRUE(refuses(RUN_PORT, "a", "NAME=FILE"));
	EXPECT_TRUE(refuses(RUN_PORT, "=a", "NAME=FILE"));
	EXPECT_TRUE(refuses(RUN_PORT, "a/b=c", "NAME=FILE"));
	EXPECT_TRUE(refuses(RUN_PORT, "a b=c", "NAME=FILE"));
	EXPECT_TRUE(refuses(RUN_PORT, "..=c", "NAME=FILE"));
	EXPECT_TRUE(refuses(RUN_PORT, "\xc3\xa4=c", "NAME=FILE"));
	EXPECT_TRUE(refuses(RUN_PORT, "01234567890123456789012345678901=c", "NAME=FILE"));
	EXPECT_TRUE(refuses(RUN_PORT, "a=", "there is no path"));
	EXPECT_TRUE(refuses(RUN_PORT, "a=unix:", "there is no path"));
	EXPECT_TRUE(refuses(RUN_PORT, "a=unix:" LONG_PATH, "shorter than that"));
}

/* Between bind() and listen() somebody else starts, who has a while to do what he can */
static pid_t other_starts;
static int other_may;

static int late_listen(int fd, int backlog)
{
	siginfo_t info = { 0 };
	int i;

	if (other_starts && getpid() != other_starts) {
		ASSERT_EQ(write(other_may, "", 1), 1);
		for (i = 0; i < 50 && !info.si_pid; i++) {
			poll(NULL, 0, 10);
			ASSERT_OK(waitid(P_PID, other_starts, &info, WEXITED | WNOHANG | WNOWAIT));
		}
	}
	return listen(fd, backlog);
}

/* What port_open() says in another process, or another number if it takes too long */
static pid_t opens_port(const char *value, int when)
{
	struct port p;
	pid_t pid = fork();
	char c;

	ASSERT_OK(pid);
	if (pid)
		return pid;
	alarm(30);
	other_starts = 0;
	if (when >= 0 && read(when, &c, 1) != 1)
		_exit(99);
	_exit(port_parse(&p, value) ? 98 : port_open(&p));
}

static int status_of(pid_t pid)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int connect_to(const char *path, int flags)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	ASSERT_OK(fd);
	if (!connect(fd, (const struct sockaddr *)&un, sizeof(un)))
		return fd;
	close(fd);
	return -1;
}

/* What lies where a port's socket should: only one that nobody listens on makes room */
TEST(sockets_of_ports)
{
	char dir[] = "/tmp/ports.XXXXXX", value[64];
	const char *path = value + strlen("a=unix:");
	struct port one, two;
	struct stat st;
	int fd;

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(value, sizeof(value), "a=unix:%s/s", dir);
	ASSERT_EQ(port_parse(&one, value), CMD_OK);
	ASSERT_EQ(port_parse(&two, value), CMD_OK);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ASSERT_EQ(write(fd, "mine", 4), 4);
	close(fd);
	EXPECT_EQ(port_open(&one), CMD_FAILED);
	port_close(&one);
	EXPECT_EQ(lstat(path, &st), 0);
	EXPECT_EQ(st.st_size, 4);
	unlink(path);
	EXPECT_EQ(port_open(&one), CMD_OK);
	EXPECT_EQ(port_open(&two), CMD_FAILED);
	port_close(&two);
	EXPECT_EQ(lstat(path, &st), 0);
	/* killed */
	close(one.fd);
	EXPECT_EQ(port_open(&two), CMD_OK);
	port_close(&two);
	EXPECT_TRUE(lstat(path, &st) < 0);
	rmdir(dir);
}

/* Whose name it is lives: who does not listen yet, who is slow, who came after us */
TEST(living_sockets_of_ports)
{
	char dir[] = "/tmp/ports.XXXXXX", value[64];
	const char *path = value + strlen("a=unix:");
	int start[2], i, fd, client[64];
	struct port one, two;
	struct stat st;

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(value, sizeof(value), "a=unix:%s/s", dir);
	ASSERT_EQ(port_parse(&one, value), CMD_OK);
	ASSERT_EQ(port_parse(&two, value), CMD_OK);
	ASSERT_OK(pipe(start));
	other_may = start[1];
	other_starts = opens_port(value, start[0]);
	EXPECT_EQ(port_open(&one), CMD_OK);
	EXPECT_EQ(status_of(other_starts), CMD_FAILED);
	other_starts = 0;
	close(start[0]);
	close(start[1]);

	for (i = 0; i < 64; i++) {
		client[i] = connect_to(path, SOCK_NONBLOCK);
		if (client[i] < 0)
			break;
	}
	EXPECT_LT(i, 64);
	EXPECT_EQ(status_of(opens_port(value, -1)), CMD_FAILED);
	while (i--)
		close(client[i]);

	unlink(path);
	EXPECT_EQ(port_open(&two), CMD_OK);
	port_close(&one);
	EXPECT_EQ(lstat(path, &st), 0);
	fd = connect_to(path, SOCK_NONBLOCK);
	EXPECT_OK(fd);
	close(fd);
	port_close(&two);
	EXPECT_TRUE(lstat(path, &st) < 0);
	rmdir(dir);
}

/* Until the other end closes or has nothing for a while */
static size_t read_up_to(int fd, char *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t total = 0;
	ssize_t n;

	while (total < len && poll(&p, 1, 20000) > 0) {
		n = read(fd, buf + total, len - total);
		if (n <= 0)
			break;
		total += n;
	}
	return total;
}

/* They send more than fits and go: who reads gets all of it, who does not holds nobody up */
TEST(clients_of_ports)
{
	static char sent[300000], got[sizeof(sent)];
	char dir[] = "/tmp/ports.XXXXXX", value[64];
	struct timespec busy;
	struct port port;
	clockid_t clock;
	int pair[2], client, i;

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(value, sizeof(value), "a=unix:%s/s", dir);
	ASSERT_EQ(port_parse(&port, value), CMD_OK);
	ASSERT_EQ(port_open(&port), CMD_OK);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
	i = 1;
	ASSERT_OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &i, sizeof(i)));
	module_end = pair[0];
	ASSERT_EQ(port_start(&port, NULL, 0), 0);
	ASSERT_EQ(pthread_getcpuclockid(port.thread, &clock), 0);
	for (i = 0; i < sizeof(sent); i++)
		sent[i] = i * 31 >> 3;

	client = connect_to(port.path, 0);
	ASSERT_OK(client);
	if (!fork())
		_exit(write(client, sent, sizeof(sent)) != sizeof(sent));
	close(client);
	EXPECT_EQ(read_up_to(pair[1], got, sizeof(got)), sizeof(got));
	EXPECT_EQ(memcmp(sent, got, sizeof(got)), 0);
	EXPECT_EQ(waitpid(-1, &i, 0) > 0 ? i : -1, 0);

	client = connect_to(port.path, 0);
	ASSERT_OK(client);
	ASSERT_EQ(write(client, sent, 64 << 10), 64 << 10);
	close(client);
	client = connect_to(port.path, 0);
	ASSERT_OK(client);
	ASSERT_EQ(write(pair[1], "heard", 5), 5);
	EXPECT_EQ(read_up_to(client, got, 5), 5u);
	close(client);
	ASSERT_EQ(clock_gettime(clock, &busy), 0);
	EXPECT_LT(busy.tv_sec * 1000 + busy.tv_nsec / 1000000, GRACE_MS / 2);
	port_stop(&port);
	port_close(&port);
	module_end = -1;
	close(pair[0]);
	close(pair[1]);
	rmdir(dir);
}

TEST(balloon)
{
	ASSERT_EQ(parse_these("x", 0), 0);
	EXPECT_FALSE(r.vm.balloon);
	ASSERT_EQ(parse_these("x", RUN_BALLOON, NULL, 0), 0);
	EXPECT_TRUE(r.vm.balloon && !r.vm.balloon_size);
	ASSERT_EQ(parse_these("x", RUN_BALLOON, "size=1G", 'm', "2G", 0), 0);
	EXPECT_EQ(r.vm.balloon_size, 1ULL << 30);
	ASSERT_EQ(parse_these("x", RUN_BALLOON, "64M", 0), 0);
	EXPECT_EQ(r.vm.balloon_size, 64ULL << 20);
	ASSERT_EQ(parse_these("x", RUN_CONSOLE, NULL, 0), 0);
	EXPECT_TRUE(r.vm.console && !r.vm.balloon);
	EXPECT_TRUE(refuses(RUN_BALLOON, "1G", "more than --mem"));
	EXPECT_TRUE(refuses(RUN_BALLOON, "size=", "size=512M, not \"size=\""));
	EXPECT_TRUE(refuses(RUN_BALLOON, "0", "takes a size"));
	EXPECT_TRUE(refuses(RUN_BALLOON, "5k", "multiple of 4k"));
}

TEST(vsock)
{
	ASSERT_EQ(parse_these("x", 0), 0);
	EXPECT_EQ(r.vm.vsock, 0u);
	ASSERT_EQ(parse_these("x", RUN_VSOCK, "3", 0), 0);
	EXPECT_EQ(r.vm.vsock, 3u);
	EXPECT_EQ(vm_config_devices(&r.vm), 1u);
	ASSERT_EQ(parse_these("x", RUN_VSOCK, "4294967294", 0), 0);
	EXPECT_EQ(r.vm.vsock, 4294967294u);
	EXPECT_TRUE(refuses(RUN_VSOCK, "0", "3 at least"));
	EXPECT_TRUE(refuses(RUN_VSOCK, "2", "3 at least"));
	EXPECT_TRUE(refuses(RUN_VSOCK, "4294967295", "4294967294 at most"));
	EXPECT_TRUE(refuses(RUN_VSOCK, "4294967299", "4294967294 at most"));
	EXPECT_TRUE(refuses(RUN_VSOCK, "18446744073709551619", "4294967294 at most"));
	EXPECT_TRUE(refuses(RUN_VSOCK, "", "is a number, not \"\""));
	EXPECT_TRUE(refuses(RUN_VSOCK, "-3", "is a number, not"));
	EXPECT_TRUE(refuses(RUN_VSOCK, "3x", "is a number, not"));
}

/* One file each, several with commas, arguments behind a space, and names that look like both */
TEST(disks)
{
	char dir[] = "/tmp/runopt-test.XXXXXX", odd[64];
	int fd;

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(odd, sizeof(odd), "%s/a,ro", dir);
	fd = open(odd, O_CREAT | O_WRONLY, 0600);
	ASSERT_OK(fd);
	EXPECT_EQ(parse_these("x", 'd', "one", 'd', "two,ro,serial=12345678901234567890,queues=16",
			      'd', odd, 'd', "t,direct", RUN_RNG, NULL, 0), 0);
	ASSERT_EQ(r.vm.nr_disks, 4u);
	EXPECT_TRUE(r.vm.disks == r.disk && r.vm.rng);
	EXPECT_EQ(strcmp(r.disk[0].path, "one"), 0);
	EXPECT_TRUE(!r.disk[0].readonly && !r.disk[0].direct && !r.disk[0].queues);
	EXPECT_EQ(r.disk[0].serial[0], 0);
	EXPECT_EQ(strcmp(r.disk[1].path, "two"), 0);
	EXPECT_TRUE(r.disk[1].readonly && !r.disk[1].direct);
	EXPECT_EQ(r.disk[1].queues, 16u);
	EXPECT_EQ(memcmp(r.disk[1].serial, "12345678901234567890", 20), 0);
	EXPECT_EQ(strcmp(r.disk[2].path, odd), 0);
	EXPECT_FALSE(r.disk[2].readonly);
	EXPECT_TRUE(r.disk[3].direct);
	EXPECT_TRUE(refuses('d', "", "wants the name of a file"));
	EXPECT_TRUE(refuses('d', ",ro", "wants the name of a file"));
	EXPECT_TRUE(refuses('d', "a,rw", "\"rw\" is none of ro, direct"));
	EXPECT_TRUE(refuses('d', "a,", "\"\" is none of"));
	EXPECT_TRUE(refuses('d', "a,serial=", "1 to 20 characters"));
	EXPECT_TRUE(refuses('d', "a,serial=123456789012345678901", "1 to 20 characters"));
	EXPECT_TRUE(refuses('d', "a,serial=\t", "printable"));
	EXPECT_TRUE(refuses('d', "a,queues=0", "a number from 1 to 16"));
	EXPECT_TRUE(refuses('d', "a,queues=17", "a number from 1 to 16"));
	EXPECT_TRUE(refuses('d', "a,queues=1x", "a number from 1 to 16"));
	unlink(odd);
	rmdir(dir);
}

TEST(rates)
{
	ASSERT_EQ(parse_these("x", 'd', "a,iops=500,ro", 'd', "b,bps=10M,iops=none", 'd',
			      "c,bps=1k,bps=none", RUN_NET, "bps=2G,iops=18446744073709551615", 0),
		  0);
	EXPECT_TRUE(r.disk[0].limits.requests == 500 && !r.disk[0].limits.bytes);
	EXPECT_TRUE(!r.disk[1].limits.requests && r.disk[1].limits.bytes == 10 << 20);
	EXPECT_TRUE(!r.disk[2].limits.requests && !r.disk[2].limits.bytes);
	EXPECT_EQ(r.net[0].limits.requests, UINT64_MAX);
	EXPECT_EQ(r.net[0].limits.bytes, 2ULL << 30);
	EXPECT_TRUE(refuses('d', "a,iops=0", "a: iops takes a number"));
	EXPECT_TRUE(refuses('d', "a,iops=", "a: iops takes a number"));
	EXPECT_TRUE(refuses('d', "a,iops=-1", "a: iops takes a number"));
	EXPECT_TRUE(refuses('d', "a,iops=10k", "a: iops takes a number"));
	EXPECT_TRUE(refuses('d', "a,iops=18446744073709551616", "a: iops takes a number"));
	EXPECT_TRUE(refuses('d', "a,bps=0", "a: bps takes a size"));
	EXPECT_TRUE(refuses('d', "a,bps=", "a: bps takes a size"));
	EXPECT_TRUE(refuses('d', "a,bps=fast", "a: bps takes a size"));
	EXPECT_TRUE(refuses('d', "a,bps", "\"bps\" is none of"));
	EXPECT_TRUE(refuses(RUN_NET, "iops=nan", "--net: iops takes a number"));
	EXPECT_TRUE(refuses(RUN_NET, "bps=1X", "--net: bps takes a size"));
	EXPECT_TRUE(refuses(RUN_NET, "limit=1", "iops=N, bps=SIZE"));
}

static bool cannot_open(const char *value, const char *words)
{
	struct disk d;

	error_text[0] = 0;
	if (!disk_parse(&d, value) && disk_open(&d) == CMD_FAILED && strstr(error_text, words))
		return true;
	diag("%s: \"%s\"", value, error_text);
	return false;
}

TEST(images)
{
	char dir[] = "/tmp/runopt-test.XXXXXX", image[64], ro[80], full[64];
	struct disk d, other;
	int fd;

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(ro, sizeof(ro), "%s,ro", image);
	snprintf(full, sizeof(full), "%s/none/such", dir);
	EXPECT_TRUE(cannot_open(full, "there is no such file"));
	EXPECT_TRUE(cannot_open(dir, "it is a directory"));
	EXPECT_TRUE(cannot_open("/dev/null", "neither a file nor a block device"));
	fd = open(image, O_CREAT | O_WRONLY, 0600);
	EXPECT_TRUE(cannot_open(image, "it is empty"));
	ASSERT_OK(ftruncate(fd, 1000));
	EXPECT_TRUE(cannot_open(image, "1000 bytes, is no multiple of 512"));
	ASSERT_OK(ftruncate(fd, 1024));
	close(fd);
	/* one writer, or several readers */
	ASSERT_EQ(disk_parse(&d, image), 0);
	ASSERT_EQ(disk_open(&d), 0);
	EXPECT_TRUE(cannot_open(image, "another guest uses this image"));
	EXPECT_TRUE(cannot_open(ro, "another guest writes to this image"));
	close(d.fd);
	ASSERT_EQ(disk_parse(&d, ro), 0);
	ASSERT_EQ(disk_open(&d), 0);
	ASSERT_EQ(disk_parse(&other, ro), 0);
	EXPECT_EQ(disk_open(&other), 0);
	EXPECT_TRUE(cannot_open(image, "another guest uses this image"));
	close(d.fd);
	close(other.fd);
	if (geteuid()) {
		ASSERT_OK(chmod(image, 0400));
		EXPECT_TRUE(cannot_open(image, "you may not write to it"));
		ASSERT_OK(chmod(image, 0));
		EXPECT_TRUE(cannot_open(ro, "you may not read it"));
	}
	unlink(image);
	rmdir(dir);
}

TEST(initrds)
{
	char dir[] = "/tmp/runopt-test.XXXXXX", odd[64], value[200];
	int i, fd;

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(odd, sizeof(odd), "%s/a,b c", dir);
	fd = open(odd, O_CREAT | O_WRONLY, 0600);
	ASSERT_OK(fd);
	snprintf(value, sizeof(value), "%s", odd);
	EXPECT_EQ(parse_these("x", 'i', "one two  three,four", 'i', odd, 0), 0);
	ASSERT_EQ(r.nr_initrd, 3u);
	EXPECT_EQ(strcmp(r.initrd[0].name, "one"), 0);
	EXPECT_EQ(strcmp(r.initrd[0].args, "two  three"), 0);
	EXPECT_EQ(strcmp(r.initrd[1].name, "four"), 0);
	EXPECT_EQ(strcmp(r.initrd[1].args, ""), 0);
	EXPECT_EQ(strcmp(r.initrd[2].name, odd), 0);
	EXPECT_EQ(strcmp(r.initrd[2].args, ""), 0);
	unlink(odd);
	rmdir(dir);
	for (i = 0; i < 2 * RUN_MAX_FILES; i++)
		value[i] = i % 2 ? ',' : 'x';
	value[i] = 0;
	EXPECT_TRUE(refuses('i', value, "more than 64"));
}

TEST(files_are_read_whole)
{
	static char data[3 << 20];
	char path[64];
	int p[2];

	memset(data, 'd', sizeof(data));
	ASSERT_EQ(pipe(p), 0);
	if (!fork()) {
		close(p[0]);
		_exit(write(p[1], data, sizeof(data)) < 0);
	}
	close(p[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	ASSERT_EQ(parse_these("/etc/passwd", 'i', path, 'i', "/dev/null", 0), 0);
	ASSERT_EQ(run_read_files(&r), 0);
	EXPECT_GT(r.image.len, 10u);
	EXPECT_EQ(r.initrd[0].len, sizeof(data));
	EXPECT_EQ(memcmp(r.initrd[0].data, data, sizeof(data)), 0);
	EXPECT_EQ(r.initrd[1].len, 0u);
	run_free_files(&r);
	ASSERT_EQ(parse_these("/nowhere/x", 0), 0);
	EXPECT_EQ(run_read_files(&r), CMD_FAILED);
	EXPECT_TRUE(strstr(error_text, "/nowhere/x: No such file"));
}

/* ---- the terminal's keys and the streams --------------------------------- */

TEST(escape_key)
{
	struct console_escape e = { 0 };

	EXPECT_EQ(console_escape(&e, 'x'), CONSOLE_BYTE);
	EXPECT_EQ(console_escape(&e, 1), CONSOLE_NONE);
	EXPECT_EQ(console_escape(&e, 'x'), CONSOLE_LEAVE);
	EXPECT_EQ(console_escape(&e, 'x'), CONSOLE_BYTE);
	EXPECT_EQ(console_escape(&e, 1), CONSOLE_NONE);
	EXPECT_EQ(console_escape(&e, 1), CONSOLE_BYTE);
	EXPECT_EQ(console_escape(&e, 1), CONSOLE_NONE);
	EXPECT_EQ(console_escape(&e, 'h'), CONSOLE_HELP);
	EXPECT_EQ(console_escape(&e, 1), CONSOLE_NONE);
	EXPECT_EQ(console_escape(&e, 's'), CONSOLE_STATS);
	EXPECT_EQ(console_escape(&e, 1), CONSOLE_NONE);
	EXPECT_EQ(console_escape(&e, 'z'), CONSOLE_NONE);
	EXPECT_EQ(console_escape(&e, 'z'), CONSOLE_BYTE);
}

/* Reads slowly; what comes adds up to @expected bytes of a known pattern */
static bool read_pattern(int fd, size_t expected, bool slowly)
{
	unsigned char buf[1000];
	size_t total = 0;
	ssize_t i, n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < n; i++)
			if (buf[i] != (total + i) % 251)
				return false;
		total += n;
		if (slowly && total % 7 == 0)
			usleep(1000);
	}
	return total == expected;
}

/* All that was written before the word to stop comes out, whatever the buffers hold */
TEST(stream_loses_nothing)
{
	unsigned char byte[500];
	size_t i, total = 0;
	int round;

	for (round = 0; round < 30; round++) {
		int in[2], out[2], notify = eventfd(0, EFD_NONBLOCK), status;
		struct console_stream s;
		pid_t reader;

		ASSERT_EQ(pipe2(in, O_NONBLOCK), 0);
		ASSERT_EQ(pipe(out), 0);
		reader = fork();
		if (!reader) {
			close(out[1]);
			_exit(!read_pattern(out[0], 40000 + round * 37, round % 2));
		}
		ASSERT_EQ(console_stream_start(&s, in[0], out[1], notify), 0);
		for (total = 0; total < 40000u + round * 37; total += i) {
			size_t n = 40000 + round * 37 - total;
			ssize_t done;

			n = n < sizeof(byte) ? n : sizeof(byte);
			for (i = 0; i < n; i++)
				byte[i] = (total + i) % 251;
			done = write(in[1], byte, n);
			i = done < 0 ? 0 : done;
		}
		console_stream_stop(&s);
		while (!console_stream_done(&s))
			usleep(1000);
		EXPECT_EQ(console_stream_error(&s), 0);
		console_stream_free(&s);
		close(out[0]);
		close(out[1]);
		close(in[1]);
		close(notify);
		ASSERT_EQ(waitpid(reader, &status, 0), reader);
		EXPECT_EQ(status, 0);
	}
}

TEST(stream_tells_of_errors)
{
	int in[2], notify = eventfd(0, 0), full = open("/dev/full", O_WRONLY);
	struct console_stream s;
	uint64_t count;

	ASSERT_EQ(pipe2(in, O_NONBLOCK), 0);
	ASSERT_EQ(console_stream_start(&s, in[0], full, notify), 0);
	ASSERT_EQ(write(in[1], "x", 1), 1);
	ASSERT_EQ(read(notify, &count, sizeof(count)), (ssize_t)sizeof(count));
	EXPECT_EQ(console_stream_error(&s), ENOSPC);
	/* what comes later is taken, so that nobody waits for a reader that has gone */
	ASSERT_EQ(write(in[1], "more", 4), 4);
	close(in[1]);
	console_stream_stop(&s);
	while (!console_stream_done(&s))
		usleep(1000);
	console_stream_free(&s);
}
