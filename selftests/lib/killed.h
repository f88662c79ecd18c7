/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that is killed in the middle of something: the module soon has nothing left of it.
 */
#ifndef LODGE_SELFTESTS_KILLED_H
#define LODGE_SELFTESTS_KILLED_H

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

static inline unsigned int module_users(void)
{
	FILE *f = fopen("/sys/module/lodge/refcnt", "r");
	unsigned int n = 0;

	ASSERT_TRUE(f);
	ASSERT_EQ(fscanf(f, "%u", &n), 1);
	fclose(f);
	return n;
}

/* When @begin returns in a process of its own that is killed */
static inline void kill_while(void (*begin)(void))
{
	unsigned int i, before = module_users();
	int told[2];
	char byte;
	pid_t pid;

	ASSERT_OK(pipe(told));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		begin();
		ASSERT_EQ(write(told[1], "", 1), 1);
		for (;;)
			pause();
	}
	close(told[1]);
	ASSERT_EQ(read(told[0], &byte, 1), 1);
	close(told[0]);
	ASSERT_OK(kill(pid, SIGKILL));
	for (i = 0; i < 300 && module_users() != before; i++)
		sleep_ms(100);
	EXPECT_EQ(module_users(), before);
	waitpid(pid, NULL, WNOHANG);
}

#endif /* LODGE_SELFTESTS_KILLED_H */
