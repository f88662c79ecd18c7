/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ctl.h - what the verbs for VMs that run elsewhere have in common
 */
#ifndef VMCTL_CTL_H
#define VMCTL_CTL_H

#include <stddef.h>

#include "cmd.h"
#include "nl.h"

/* Options without a letter are numbered from here */
enum ctl_option {
	CTL_DEBUG = 256,
	CTL_HVC,
	CTL_SHRINK, CTL_BPS, CTL_IOPS, CTL_NET,
};

const char *ctl_state(const struct nl_vm *vm);
const char *ctl_vcpu_state(uint32_t state);
const char *ctl_reason(uint32_t reason);
const char *ctl_event(uint32_t kind);
const char *ctl_group(uint32_t group);
/* Bits of the groups of events that a list names, with commas between; 0 if it is wrong */
uint32_t ctl_groups(const char *list);
const char *ctl_user(uint32_t uid);

/* "512M" */
const char *ctl_size(uint64_t bytes, char *buf, size_t size);

/* "2d 03h", "03:04:05" of the time since @ns, in ns since 1970 */
const char *ctl_age(uint64_t ns, char *buf, size_t size);

uint64_t ctl_now(void);

/* What a refusal means as an exit status; tells the user, about @word if that is not NULL */
int ctl_fail(int error, const char *word);

/* CMD_OK, or CMD_BUSY and told why: a VM that lives is called so */
int ctl_check_name(const char *name);

/*
 * The VM that a word on the command line means: by number, else by name; one that lives goes
 * before what is left of others.  0, or an exit status after having told the user.
 */
int ctl_find(const char *word, struct nl_vm *vm);

/* Does something to each VM that the command line names; the first failure's status */
int ctl_each(const struct cmd_args *args,
	     int (*fn)(const struct cmd_args *args, const struct nl_vm *vm));

/* Was this option given?  The last one's argument, or "" if it has none; else NULL */
const char *ctl_option(const struct cmd_args *args, int id);

/* A number, in any base that C has; false if it is none */
bool ctl_number(const char *value, uint64_t *number);

/* Pauses a VM unless it is paused, and undoes that; @paused: it was done */
int ctl_hold(const struct nl_vm *vm, bool *paused);
void ctl_let_go(const struct nl_vm *vm, bool paused);

/* The number of the VM of a process, 0 if there is none */
uint32_t ctl_number_of(uint32_t pid);
/* Pauses it; false if that is not possible */
bool ctl_pause_own(void);

/* A positive number of seconds; 0 if it is none */
double ctl_seconds(const char *value);

#endif /* VMCTL_CTL_H */
