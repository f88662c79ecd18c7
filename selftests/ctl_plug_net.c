// SPDX-License-Identifier: GPL-2.0-only
/* Network devices that come while the VM runs: their queues, and the taps that vmctl makes */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "genl.h"
#include "vm.h"

#define TUN	"/dev/net/tun"
#define HEADER	12	/* struct virtio_net_hdr_mrg_rxbuf */
#define MOST	LODGE_MAX_PAIRS
#define LONG	40000	/* ms: an emulated host is slow */

static struct genl g;
static struct child c;

static void make_tap(int *fd, unsigned int queues)
{
	struct ifreq req = { .ifr_name = "plug%d" };
	int header = HEADER;
	unsigned int i;

	for (i = 0; i < queues; i++) {
		fd[i] = open(TUN, O_RDWR | O_CLOEXEC);
		if (fd[i] < 0)
			SKIP(TUN ": %s", strerror(errno));
		req.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
		ASSERT_OK(ioctl(fd[i], TUNSETIFF, &req));
		ASSERT_OK(ioctl(fd[i], TUNSETVNETHDRSZ, &header));
	}
}

static void take_queues(const struct genl_answer *a, void *arg)
{
	*(u32 *)arg = genl_u32(a, LODGE_A_DEVICE_QUEUES);
}

/* Return: how many queues the device has, or a negative errno */
static int attach(u32 number, u32 kind, const int *fd, unsigned int nr)
{
	u32 queues = 0;
	unsigned int i;
	int err;

	genl_begin(&g, LODGE_CMD_DEVICE_NEW, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	genl_put_u32(&g, LODGE_A_DEVICE_KIND, kind);
	for (i = 0; i < nr; i++)
		genl_put_u32(&g, LODGE_A_DEVICE_FD, fd[i]);
	err = genl_send(&g, take_queues, &queues);
	return err ? err : (int)queues;
}

static void refused(int result, int error, const char *text)
{
	EXPECT_EQ(result, -error);
	EXPECT_EQ(g.bad, LODGE_A_DEVICE_FD);
	if (!text_has(g.text, text))
		EXPECT_TRUE(false);
}

/* A queue each way for each descriptor, and one more to control the device by */
TEST(queues)
{
	struct lodge_add_device d = { .size = sizeof(d), .slot = 2 };
	struct vm *vm = vm_create(VM_PC);
	int one, all[MOST], i;
	u32 number;

	make_tap(&one, 1);
	make_tap(all, MOST);
	genl_open(&g);
	number = genl_last_vm(&g);
	EXPECT_EQ(attach(number, LODGE_DEVICE_NET, &one, 1), 3);
	EXPECT_EQ(attach(number, LODGE_DEVICE_NET, all, MOST), 2 * MOST + 1);
	/* who makes the VM anew gets all of them */
	EXPECT_EQ(ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d), 2);
	EXPECT_EQ(d.queues, (u32)MOST);
	EXPECT_TRUE(d.fd > 0);
	for (i = 0; i < MOST - 1; i++)
		EXPECT_TRUE(d.fds[i] > 0);
	vm_free(vm);
}

TEST(refusals)
{
	struct vm *vm = vm_create(VM_PC);
	int fd[MOST + 1], tap, image[2];
	u32 number;

	make_tap(fd, MOST);
	tap = fd[1];
	fd[MOST] = fd[0];
	image[0] = memfd_create("image", MFD_CLOEXEC);
	image[1] = image[0];
	ASSERT_OK(image[0]);
	ASSERT_OK(ftruncate(image[0], 4096));
	genl_open(&g);
	number = genl_last_vm(&g);
	refused(attach(number, LODGE_DEVICE_NET, fd, MOST + 1), EINVAL, "more descriptors");
	refused(attach(number, LODGE_DEVICE_BLOCK, image, 2), EINVAL, "more descriptors");
	fd[1] = image[0];
	refused(attach(number, LODGE_DEVICE_NET, fd, 2), EINVAL, "no tap");
	fd[1] = 4711;
	refused(attach(number, LODGE_DEVICE_NET, fd, 2), EBADF, "not open");
	fd[1] = -1;
	refused(attach(number, LODGE_DEVICE_NET, fd, 2), ERANGE, "out of range");
	fd[1] = tap;
	EXPECT_EQ(attach(number, LODGE_DEVICE_NET, fd, 2), 5);
	vm_free(vm);
}

/* vmctl and these words; its status */
static int vmctl(const char *verb, u32 number, const char *rest)
{
	char words[256];

	snprintf(words, sizeof(words), "%s %u %s", verb, number, rest);
	child_start_vmctl(&c, words);
	child_close_input(&c);
	return child_end(&c, LONG);
}

/* It is there for as long as the device is, without vmctl */
TEST(vmctl_makes_a_tap)
{
	struct vm *vm = vm_create(VM_PC);
	char name[IFNAMSIZ] = "", *at;
	u32 number;

	if (access(TUN, F_OK))
		SKIP("there is no " TUN);
	genl_open(&g);
	number = genl_last_vm(&g);
	EXPECT_EQ(vmctl("attach", number, "--net queues=3,mtu=1400,iops=9,mac=2:0:0:0:0:7"), 0);
	EXPECT_TRUE(text_is(c.text, "net0\n"));
	EXPECT_TRUE(text_has(c.error, "nobody answers DHCP"));
	at = strstr(c.error, "lodge");
	ASSERT_TRUE(at && sscanf(at, "%15[a-z0-9]", name) == 1);
	EXPECT_TRUE(if_nametoindex(name));
	EXPECT_EQ(vmctl("devices -j", number, ""), 0);
	EXPECT_TRUE(text_has(c.text, name));
	EXPECT_TRUE(text_has(c.text, "\"queues\": 7"));
	EXPECT_TRUE(text_has(c.text, "\"mtu\": 1400"));
	EXPECT_TRUE(text_has(c.text, "\"mac\": \"02:00:00:00:00:07\""));
	EXPECT_TRUE(text_has(c.text, "\"max_requests\": 9"));
	EXPECT_EQ(vmctl("detach -f", number, "net0"), 0);
	EXPECT_TRUE(!if_nametoindex(name));
	EXPECT_EQ(vmctl("attach", number, "--net"), 0);
	EXPECT_TRUE(if_nametoindex(name));
	vm_free(vm);
}

TEST(vmctl_refuses)
{
	struct vm *vm = vm_create(VM_PC);
	u32 number;

	if (access(TUN, F_OK))
		SKIP("there is no " TUN);
	genl_open(&g);
	number = genl_last_vm(&g);
	EXPECT_EQ(vmctl("attach", number, "--net nat"), 2);
	EXPECT_TRUE(text_has(c.error, "nat would end with this command"));
	EXPECT_EQ(vmctl("attach", number, "--net bridge=there-is-none"), 1);
	EXPECT_TRUE(text_has(c.error, "there is no such interface"));
	EXPECT_EQ(vmctl("attach", number, "--net bridge=lo"), 1);
	EXPECT_TRUE(text_has(c.error, "it is no bridge"));
	EXPECT_EQ(vmctl("devices", number, ""), 0);
	EXPECT_TRUE(text_is(c.text, ""));
	vm_free(vm);
}
