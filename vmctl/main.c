// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl: the table of verbs, and all that is common to them: finding one by the
 * beginning of its name, options, usage, exit status.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

#define MAX_OPTS	16

static int cmd_help(const struct cmd_args *args);

static const struct cmd_opt json_opts[] = {
	{ 'j', "json", "print JSON" },
	{ 0 }
};

static const struct cmd cmds[] = {
	{ "check", "", "tell whether lodge can run on this machine", json_opts, 0, cmd_check },
	{ "version", "", "print the versions of vmctl and of the module", json_opts, 0,
	  cmd_version },
	{ "help", "[command]", "explain a command", NULL, 1, cmd_help },
	{ 0 }
};

int cmd_error(int status, const char *format, ...)
{
	va_list ap;

	fputs("vmctl: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

static void print_usage(FILE *f)
{
	const struct cmd *c;

	fputs("usage: vmctl [-j] command [argument ...]\n\n", f);
	for (c = cmds; c->name; c++)
		fprintf(f, "  %-10s %s\n", c->name, c->help);
	fputs("\nA command may be shortened as long as it stays unique.\n"
	      "vmctl help COMMAND explains one; vmctl(8) is the manual.\n", f);
}

static void print_cmd_usage(const struct cmd *c)
{
	const struct cmd_opt *o;

	printf("usage: vmctl %s", c->name);
	for (o = c->opts; o && o->letter; o++)
		printf(" [-%c]", o->letter);
	printf("%s%s\n\n%s\n\n", *c->args ? " " : "", c->args, c->help);
	for (o = c->opts; o && o->letter; o++)
		printf("  -%c, --%-10s %s\n", o->letter, o->name, o->help);
	printf("  -h, --%-10s %s\n", "help", "print this");
}

/* Finds a verb by its name or a unique beginning of it; tells the user if there is none */
static const struct cmd *find_cmd(const char *word)
{
	const struct cmd *c, *found = NULL;

	for (c = cmds; c->name; c++) {
		if (!strcmp(word, c->name))
			return c;
		if (strncmp(word, c->name, strlen(word)))
			continue;
		if (found) {
			cmd_error(CMD_USAGE, "\"%s\" may mean %s or %s: type more of it", word,
				  found->name, c->name);
			return NULL;
		}
		found = c;
	}
	if (!found)
		cmd_error(CMD_USAGE, "there is no command \"%s\": see vmctl help", word);
	return found;
}

/* The option that getopt_long() refused, as the user wrote it */
static int bad_option(const char *verb, char **argv)
{
	if (optopt)
		return cmd_error(CMD_USAGE, "%s has no option -%c: see vmctl help %s", verb, optopt,
				 verb);
	return cmd_error(CMD_USAGE, "%s has no option %s: see vmctl help %s", verb,
			 argv[optind - 1], verb);
}

static int run_cmd(const struct cmd *c, bool json, int argc, char **argv)
{
	struct option options[MAX_OPTS + 1] = { { "help", no_argument, NULL, 'h' } };
	struct cmd_args args = { .cmd = c, .json = json };
	char letters[MAX_OPTS + 3] = "+h";
	const struct cmd_opt *o;
	int i, n = 1;

	for (o = c->opts; o && o->letter && n < MAX_OPTS; o++, n++) {
		options[n] = (struct option){ o->name, no_argument, NULL, o->letter };
		letters[n + 1] = o->letter;
	}
	optind = 0;
	while ((i = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (i) {
		case 'h':
			print_cmd_usage(c);
			return CMD_OK;
		case 'j':
			args.json = true;
			break;
		default:
			return bad_option(c->name, argv);
		}
	}
	args.argc = argc - optind;
	args.argv = argv + optind;
	if (args.argc > c->max_args)
		return cmd_error(CMD_USAGE, "%s has no use for \"%s\": see vmctl help %s", c->name,
				 args.argv[c->max_args], c->name);
	return c->fn(&args);
}

static int cmd_help(const struct cmd_args *args)
{
	const struct cmd *c;

	if (!args->argc) {
		print_usage(stdout);
		return CMD_OK;
	}
	c = find_cmd(args->argv[0]);
	if (!c)
		return CMD_USAGE;
	print_cmd_usage(c);
	return CMD_OK;
}

/* Options before the verb, then the verb */
static int dispatch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	const struct cmd *c;
	bool json = false;
	int i;

	opterr = 0;
	while ((i = getopt_long(argc, argv, "+hjV", options, NULL)) != -1) {
		if (i == 'j') {
			json = true;
		} else if (i == 'h') {
			print_usage(stdout);
			return CMD_OK;
		} else if (i == 'V') {
			return cmd_version(&(struct cmd_args){ .json = json });
		} else if (optopt) {
			return cmd_error(CMD_USAGE, "there is no option -%c: see vmctl help",
					 optopt);
		} else {
			return cmd_error(CMD_USAGE, "there is no option %s: see vmctl help",
					 argv[optind - 1]);
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		return CMD_USAGE;
	}
	c = find_cmd(argv[optind]);
	if (!c)
		return CMD_USAGE;
	return run_cmd(c, json, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	int status = dispatch(argc, argv);

	if (fflush(stdout) || ferror(stdout))
		return cmd_error(CMD_FAILED, "cannot write the output: %s", strerror(errno));
	return status;
}
