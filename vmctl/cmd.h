/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a command of vmctl is, and what it may use of main.c.
 */
#ifndef VMCTL_CMD_H
#define VMCTL_CMD_H

#include <stdbool.h>

/* Exit statuses, part of the interface: vmctl.8 documents them */
enum cmd_status {
	CMD_OK = 0,
	CMD_FAILED = 1,
	CMD_USAGE = 2,
	CMD_NO_VM = 3,		/* there is no such VM, or it has ended */
	CMD_UNSUPPORTED = 4,	/* this machine cannot do it; kselftest's "skip" */
	CMD_BUSY = 5,		/* not in the VM's present state */
	CMD_TIMEOUT = 124,
};

/**
 * struct cmd_opt - an option of a command
 * @id: its short form, a letter; or a number of its own from 256 if it has none
 * @name: its long form
 * @arg: what its argument is called in the help, NULL if it takes none; one that begins with "["
 *	may be left out
 * @help: one line
 *
 * Any option may be given several times; the command decides what that means.
 */
struct cmd_opt {
	int id;
	const char *name;
	const char *arg;
	const char *help;
};

/**
 * struct cmd_value - an option that was given
 * @id: that of its struct cmd_opt
 * @value: its argument, NULL if there is none
 * @where: the line of a file that it comes from, NULL for the command line
 */
struct cmd_value {
	int id;
	const char *value;
	const char *where;
};

struct cmd;

/**
 * struct cmd_args - the command line after the verb
 * @cmd: the verb
 * @json: -j was given
 * @argc: number of operands
 * @argv: operands, options taken out
 * @nr_values: number of options but -j
 * @values: they, in the order of the command line
 * @where: the line of a file that all of it comes from, NULL for the command line
 */
struct cmd_args {
	const struct cmd *cmd;
	bool json;
	int argc;
	char **argv;
	int nr_values;
	struct cmd_value *values;
	const char *where;
};

/**
 * struct cmd - a verb
 * @name: what the user types, or a unique beginning of it
 * @args: operands as the usage line shows them
 * @help: one line; NULL for another name of a verb, which is not listed
 * @opts: options besides --help, ended by an empty entry; NULL for none
 * @max_args: operands it takes at most
 * @more: lines for the end of its help, or NULL
 * @fn: returns an exit status, after having told the user what went wrong
 */
struct cmd {
	const char *name;
	const char *args;
	const char *help;
	const struct cmd_opt *opts;
	int max_args;
	const char *more;
	int (*fn)(const struct cmd_args *args);
};

/* The sentence goes to stderr after "vmctl: " and gets a newline; returns @status */
int cmd_error(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is wrong from now on is at this line of a file; NULL: the command line */
void cmd_where(const char *where);

/* All verbs, ended by an empty entry */
extern const struct cmd cmds[];

/* What vmctl trace can tell of, ended by NULL */
extern const char * const trace_events[];

int cmd_attach(const struct cmd_args *args);
int cmd_balloon(const struct cmd_args *args);
int cmd_check(const struct cmd_args *args);
int cmd_completion(const struct cmd_args *args);
int cmd_console(const struct cmd_args *args);
int cmd_detach(const struct cmd_args *args);
int cmd_devices(const struct cmd_args *args);
int cmd_dump(const struct cmd_args *args);
int cmd_events(const struct cmd_args *args);
int cmd_exits(const struct cmd_args *args);
int cmd_info(const struct cmd_args *args);
int cmd_kill(const struct cmd_args *args);
int cmd_limit(const struct cmd_args *args);
int cmd_link(const struct cmd_args *args);
int cmd_list(const struct cmd_args *args);
int cmd_log(const struct cmd_args *args);
int cmd_mem(const struct cmd_args *args);
int cmd_nmi(const struct cmd_args *args);
int cmd_pause(const struct cmd_args *args);
int cmd_pin(const struct cmd_args *args);
int cmd_regs(const struct cmd_args *args);
int cmd_rename(const struct cmd_args *args);
int cmd_reset(const struct cmd_args *args);
int cmd_resize(const struct cmd_args *args);
int cmd_resume(const struct cmd_args *args);
int cmd_rm(const struct cmd_args *args);
int cmd_run(const struct cmd_args *args);
int cmd_start(const struct cmd_args *args);
int cmd_stat(const struct cmd_args *args);
int cmd_stop(const struct cmd_args *args);
int cmd_sysrq(const struct cmd_args *args);
int cmd_top(const struct cmd_args *args);
int cmd_trace(const struct cmd_args *args);
int cmd_version(const struct cmd_args *args);
int cmd_wait(const struct cmd_args *args);

#endif /* VMCTL_CMD_H */
