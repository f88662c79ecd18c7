// SPDX-License-Identifier: GPL-2.0-only
/* Events: what is in which group, their numbers, what the guest does, listeners that never read */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "genl.h"
#include "vm.h"

#define LONG	20000	/* ms */
#define SLOT	7
#define PANIC	0x505
#define RESET	0xcf9
#define WATCHDOG	0x630	/* running, expired, period */

static struct genl g;

static int device(int cmd, u32 number)
{
	genl_begin(&g, cmd, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	genl_put_u32(&g, LODGE_A_DEVICE_SLOT, SLOT);
	if (cmd == LODGE_CMD_DEVICE_DELETE)
		genl_put(&g, LODGE_A_DEVICE_FORCE, NULL, 0);
	return genl_send(&g, NULL, NULL);
}

/* A disk comes and goes; nothing drives it, so it goes at once */
static void plug(u32 number)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	ASSERT_OK(fd);
	ASSERT_EQ(ftruncate(fd, 4096), 0);
	genl_begin(&g, LODGE_CMD_DEVICE_NEW, 0);
	genl_put_u32(&g, LODGE_A_DEVICE_VM, number);
	genl_put_u32(&g, LODGE_A_DEVICE_KIND, LODGE_DEVICE_BLOCK);
	genl_put_u32(&g, LODGE_A_DEVICE_SLOT, SLOT);
	genl_put_u32(&g, LODGE_A_DEVICE_FD, fd);
	EXPECT_EQ(genl_send(&g, NULL, NULL), 0);
	close(fd);
	EXPECT_EQ(device(LODGE_CMD_DEVICE_DELETE, number), 0);
	while (!device(LODGE_CMD_DEVICE_GET, number))
		usleep(1000);
}

static volatile bool heard;

static void let_watchdog_expire(void)
{
	outl(WATCHDOG + 8, 1);
	outl(WATCHDOG, 1);
	while (!inl(WATCHDOG + 4))
		cpu_relax();
	outl(WATCHDOG, 0);
	while (!heard)
		cpu_relax();
}

static void misbehave(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idtr = { 0, 0 };

	outb(PANIC, 1);
	outb(RESET, 6);
	let_watchdog_expire();
	asm volatile("lidt %0; ud2" : : "m" (idtr));
}

/* To what it has to hear, which is @n kinds of @group; each has the next number */
static void hears(struct genl *s, u32 group, const u32 *kinds, unsigned int n)
{
	u32 seq = 0;
	unsigned int i;
	struct genl_answer a;

	for (i = 0; i < n; i++) {
		ASSERT_TRUE(genl_event(s, LONG, &a));
		EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_KIND), kinds[i]);
		EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_GROUP), group);
		if (i)
			EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_SEQ), seq + 1);
		seq = genl_u32(&a, LODGE_A_EVENT_SEQ);
	}
}

static const u32 lives[] = {
	LODGE_VM_EVENT_CREATED, LODGE_VM_EVENT_PAUSED, LODGE_VM_EVENT_RESUMED,
	LODGE_VM_EVENT_RUNNING, LODGE_VM_EVENT_ENDED, LODGE_VM_EVENT_DELETED,
};

static const u32 devices[] = { LODGE_VM_EVENT_ATTACHED, LODGE_VM_EVENT_DETACHED };

static const u32 guests[] = {
	LODGE_VM_EVENT_PANIC, LODGE_VM_EVENT_RESET, LODGE_VM_EVENT_WATCHDOG,
	LODGE_VM_EVENT_TRIPLE_FAULT,
};

static void hears_group(struct genl *s, u32 group)
{
	if (group == LODGE_EVENT_GROUP_LIFE)
		hears(s, group, lives, sizeof(lives) / sizeof(*lives));
	else if (group == LODGE_EVENT_GROUP_DEVICE)
		hears(s, group, devices, sizeof(devices) / sizeof(*devices));
	else
		hears(s, group, guests, sizeof(guests) / sizeof(*guests));
}

/* A VM that does some of everything, from beginning to end */
static void live(void)
{
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu = vcpu_long(vm, 0, misbehave);
	u32 number = genl_last_vm(&g);

	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_PAUSE), 0);
	plug(number);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_RESUME), 0);
	vcpu_exit(vcpu, LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_PANIC);
	vcpu_exit(vcpu, LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_RESET);
	vcpu_exit(vcpu, LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_WATCHDOG);
	GUEST_VAR(vm, heard) = true;
	vcpu_exit(vcpu, LODGE_EXIT_SHUTDOWN);
	vcpu_free(vcpu);
	vm_free(vm);
}

static void quiet(struct genl *s)
{
	struct genl_answer a;

	EXPECT_FALSE(genl_event(s, 0, &a));
	genl_close(s);
}

TEST(groups)
{
	struct genl s[LODGE_EVENT_GROUP_NR];
	int i;

	genl_open(&g);
	for (i = 0; i < LODGE_EVENT_GROUP_NR; i++) {
		genl_open(&s[i]);
		ASSERT_EQ(genl_join(&s[i], i), 0);
	}
	live();
	for (i = 0; i < LODGE_EVENT_GROUP_NR; i++) {
		hears_group(&s[i], i);
		quiet(&s[i]);
	}
}

static int listen_to(struct genl *s, u32 groups)
{
	genl_begin(s, LODGE_CMD_EVENT_LISTEN, 0);
	genl_put_u32(s, LODGE_A_EVENT_GROUPS, groups);
	return genl_send(s, NULL, NULL);
}

/* The same by sockets that have asked for their owner's, each with numbers of its own, from 1 on */
TEST(groups_of_own)
{
	struct genl s[LODGE_EVENT_GROUP_NR];
	struct genl_answer a;
	int i;

	genl_open(&g);
	EXPECT_EQ(listen_to(&g, 0), -ERANGE);
	EXPECT_EQ(g.bad, LODGE_A_EVENT_GROUPS);
	EXPECT_EQ(listen_to(&g, 1 << LODGE_EVENT_GROUP_NR), -ERANGE);
	for (i = 0; i < LODGE_EVENT_GROUP_NR; i++) {
		genl_open(&s[i]);
		ASSERT_EQ(listen_to(&s[i], 1 << i), 0);
		EXPECT_EQ(listen_to(&s[i], 1), -EALREADY);
	}
	live();
	for (i = 0; i < LODGE_EVENT_GROUP_NR; i++) {
		hears_group(&s[i], i);
		quiet(&s[i]);
	}
	/* with all groups in one, each counts for itself */
	genl_open(&s[0]);
	ASSERT_EQ(listen_to(&s[0], (1 << LODGE_EVENT_GROUP_NR) - 1), 0);
	live();
	ASSERT_TRUE(genl_event(&s[0], LONG, &a));
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_SEQ), 1u);
	while (genl_u32(&a, LODGE_A_EVENT_GROUP) != LODGE_EVENT_GROUP_DEVICE)
		ASSERT_TRUE(genl_event(&s[0], LONG, &a));
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_SEQ), 1u);
	while (genl_u32(&a, LODGE_A_EVENT_GROUP) != LODGE_EVENT_GROUP_GUEST)
		ASSERT_TRUE(genl_event(&s[0], LONG, &a));
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_SEQ), 1u);
	genl_close(&s[0]);
}

TEST(listeners)
{
	static struct genl s[65];
	struct genl_answer a;
	int i, fd;

	genl_open(&g);
	for (i = 0; i < 65; i++) {
		genl_open(&s[i]);
		genl_begin(&s[i], LODGE_CMD_EVENT_LISTEN, 0);
		EXPECT_EQ(genl_send(&s[i], NULL, NULL), i < 64 ? 0 : -EUSERS);
	}
	genl_close(&s[0]);
	genl_begin(&s[64], LODGE_CMD_EVENT_LISTEN, 0);
	EXPECT_EQ(genl_send(&s[64], NULL, NULL), 0);
	/* those that never read lose, and nobody waits for them */
	for (i = 0; i < 300; i++) {
		fd = vm_bare("busy");
		close(fd);
	}
	if (!genl_event(&s[64], LONG, &a)) {
		EXPECT_EQ(errno, ENOBUFS);
		ASSERT_TRUE(genl_event(&s[64], LONG, &a));
	}
	EXPECT_EQ(genl_u32(&a, LODGE_A_EVENT_SEQ), 1u);
	for (i = 1; i < 65; i++)
		genl_close(&s[i]);
}
