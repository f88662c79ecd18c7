// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl completion: what a shell completes the command line with, from the table of
 * verbs.
 *
 * Names of VMs are others' choice, and bash expands what it is given: only harmless
 * ones are offered.
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"

#define NAMES	"vmctl list 2> /dev/null | cut -f 2 | grep -x \"[A-Za-z0-9][A-Za-z0-9._-]*\""

/* An operand is a VM, or several */
static bool takes_vm(const struct cmd *c)
{
	return strstr(c->args, "VM");
}

static bool takes_file(const struct cmd *c)
{
	return strstr(c->args, "IMAGE") || strstr(c->args, "FILE");
}

/* In single quotes; @special: characters that get a backslash before them */
static void quote(const char *text, const char *special, const char *quoted_quote)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fputs(quoted_quote, stdout);
			continue;
		}
		if (strchr(special, *text))
			putchar('\\');
		putchar(*text);
	}
}

/* ---- bash ---------------------------------------------------------------- */

static void bash_words(const struct cmd *c)
{
	const struct cmd_opt *o;

	printf("\t%s)\n\t\twords='", c->name);
	for (o = c->opts; o && o->id; o++)
		printf("--%s ", o->name);
	printf("--help'\n");
	if (takes_vm(c))
		printf("\t\twords+=\" $(" NAMES ")\"\n");
	if (!strcmp(c->name, "help"))
		printf("\t\twords+=\" $verbs\"\n");
	if (!strcmp(c->name, "completion"))
		printf("\t\twords+=' bash zsh fish'\n");
	printf("\t\t;;\n");
}

static void bash(void)
{
	const struct cmd *c;

	printf("# bash completion for vmctl, by vmctl completion bash\n"
	       "_vmctl()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb='' words='' verbs i\n"
	       "\tverbs='");
	for (c = cmds; c->name; c++)
		printf("%s%s", c == cmds ? "" : " ", c->name);
	printf("'\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in\n\t\t-*)\t;;\n"
	       "\t\t*)\tverb=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone\n"
	       "\tcase $verb in\n\t'')\n\t\twords=\"$verbs --help --json --version\"\n\t\t;;\n");
	for (c = cmds; c->name; c++)
		bash_words(c);
	printf("\tesac\n"
	       "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
	       "complete -o default -F _vmctl vmctl\n");
}

/* ---- zsh ----------------------------------------------------------------- */

static void zsh_option(const struct cmd_opt *o)
{
	const char *files = o->arg && (strstr(o->arg, "FILE") || strstr(o->arg, "IMAGE")) ?
			    "_files" : " ";

	if (o->id < 256)
		printf(" \\\n\t\t\t'*'{-%c,--%s}'[", o->id, o->name);
	else
		printf(" \\\n\t\t\t'*--%s[", o->name);
	quote(o->help, "[]:\\", "'\\''");
	printf("]");
	if (o->arg) {
		printf(*o->arg == '[' ? "::" : ":");
		quote(o->arg, "[]:\\", "'\\''");
		printf(":%s", files);
	}
	printf("'");
}

static void zsh(void)
{
	const struct cmd_opt *o;
	const struct cmd *c;

	printf("#compdef vmctl\n# zsh completion for vmctl, by vmctl completion zsh\n"
	       "_vmctl_vms()\n{\n\tlocal -a vms\n\tvms=(${(f)\"$(" NAMES ")\"})\n"
	       "\tcompadd -a vms\n}\n\n_vmctl()\n{\n\tlocal -a verbs\n\tverbs=(\n");
	for (c = cmds; c->name; c++) {
		if (!c->help)
			continue;
		printf("\t\t'%s:", c->name);
		quote(c->help, ":\\", "'\\''");
		printf("'\n");
	}
	printf("\t)\n\tif ((CURRENT == 2)); then\n\t\t_describe command verbs\n\t\treturn\n"
	       "\tfi\n\tlocal verb=$words[2]\n\tshift words\n\t((CURRENT--))\n"
	       "\tcase $verb in\n");
	for (c = cmds; c->name; c++) {
		printf("\t%s)\n\t\t_arguments -s", c->name);
		for (o = c->opts; o && o->id; o++)
			zsh_option(o);
		printf(" \\\n\t\t\t'(-h --help)'{-h,--help}'[print help]'");
		if (takes_vm(c))
			printf(" \\\n\t\t\t'*:VM:_vmctl_vms'");
		else if (takes_file(c))
			printf(" \\\n\t\t\t'*:file:_files'");
		else if (!strcmp(c->name, "completion"))
			printf(" \\\n\t\t\t'1:shell:(bash zsh fish)'");
		printf("\n\t\t;;\n");
	}
	printf("\tesac\n}\n\n"
	       "if [[ $funcstack[1] = _vmctl ]]; then\n\t_vmctl \"$@\"\nelse\n\tcompdef _vmctl vmctl\nfi\n");
}

/* ---- fish ---------------------------------------------------------------- */

static void fish_option(const struct cmd *c, const struct cmd_opt *o)
{
	printf("complete -c vmctl -n '__fish_seen_subcommand_from %s'", c->name);
	if (o->id < 256)
		printf(" -s %c", o->id);
	printf(" -l %s%s -d '", o->name, o->arg && *o->arg != '[' ? " -r" : "");
	quote(o->help, "\\", "\\'");
	printf("'\n");
}

static void fish(void)
{
	const struct cmd_opt *o;
	const struct cmd *c;

	printf("# fish completion for vmctl, by vmctl completion fish\n");
	for (c = cmds; c->name; c++) {
		if (c->help) {
			printf("complete -c vmctl -f -n __fish_use_subcommand -a %s -d '", c->name);
			quote(c->help, "\\", "\\'");
			printf("'\n");
		}
		for (o = c->opts; o && o->id; o++)
			fish_option(c, o);
		if (takes_vm(c))
			printf("complete -c vmctl -%c -n '__fish_seen_subcommand_from %s' -a '(%s)'\n",
			       takes_file(c) ? 'F' : 'f', c->name, NAMES);
	}
	printf("complete -c vmctl -f -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n");
}

int cmd_completion(const struct cmd_args *args)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
	unsigned int i;

	for (i = 0; args->argc && i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (!strcmp(args->argv[0], shells[i].name)) {
			shells[i].print();
			return CMD_OK;
		}
	}
	return cmd_error(CMD_USAGE, "completion is for bash, zsh or fish");
}
