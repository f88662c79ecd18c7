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

/* What a word of the command line may be */
enum kind { NOTHING, ANY, A_VM, A_FILE, AN_EVENT, A_VERB, A_CHOICE };

#define MAX_OPERANDS	4

/**
 * struct operand - one of a verb's
 * @name: as the usage line has it; a choice: the words, with "|" between
 * @kind: what it may be
 * @many: all that follow are of this kind, too
 */
struct operand {
	char name[32];
	enum kind kind;
	bool many;
};

static enum kind kind_of(const char *name)
{
	if (strstr(name, "FILE") || strstr(name, "IMAGE"))
		return A_FILE;
	if (!strcmp(name, "VM"))
		return A_VM;
	if (!strcmp(name, "EVENT"))
		return AN_EVENT;
	if (!strcmp(name, "command"))
		return A_VERB;
	return strchr(name, '|') ? A_CHOICE : ANY;
}

/* From the usage line; returns how many */
static unsigned int operands(const struct cmd *c, struct operand list[MAX_OPERANDS])
{
	char text[64], *word, *rest = text;
	unsigned int n = 0;

	snprintf(text, sizeof(text), "%s", c->args);
	while ((word = strsep(&rest, " []")) && n < MAX_OPERANDS) {
		if (!strcmp(word, "...") && n) {
			list[n - 1].many = true;
		} else if (*word) {
			list[n] = (struct operand){ .kind = kind_of(word) };
			snprintf(list[n++].name, sizeof(list->name), "%s", word);
		}
	}
	return n;
}

static enum kind argument(const struct cmd_opt *o)
{
	return o->arg ? kind_of(o->arg) : NOTHING;
}

/* An argument that may be left out is part of the same word */
static bool has_argument(const struct cmd_opt *o)
{
	return o->arg && *o->arg != '[';
}

/* What there is to choose from where that is always the same, with blanks between */
static void print_words(enum kind kind, const char *name)
{
	const struct cmd *c;
	unsigned int i;

	if (kind == AN_EVENT)
		for (i = 0; trace_events[i]; i++)
			printf("%s%s", i ? " " : "", trace_events[i]);
	else if (kind == A_VERB)
		for (c = cmds; c->name; c++)
			printf("%s%s", c == cmds ? "" : " ", c->name);
	else if (kind == A_CHOICE)
		for (; *name; name++)
			putchar(*name == '|' ? ' ' : *name);
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

/* Both forms of the options that take an argument */
static void print_takers(const struct cmd *c)
{
	const struct cmd_opt *o;

	for (o = c->opts; o && o->id; o++) {
		if (has_argument(o) && o->id < 256)
			printf(" -%c", o->id);
		if (has_argument(o))
			printf(" --%s", o->name);
	}
}

/* ---- bash ---------------------------------------------------------------- */

/*
 * $asks is the option whose argument the word is, $operand how many operands there were.  "=" is a
 * word of its own there.
 */
static const char bash_start[] =
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\t[[ ${COMP_WORDS[i]} = -* ]] || { verb=${COMP_WORDS[i]}; break; }\n"
	"\tdone\n"
	"\tcase $verb in\n";
static const char bash_middle[] =
	"\tesac\n"
	"\tfor ((i++; i < COMP_CWORD; i++)); do\n"
	"\t\tw=${COMP_WORDS[i]}\n"
	"\t\tif [[ $takes = *\" $w \"* ]]; then\n"
	"\t\t\t((i++))\n"
	"\t\t\t((i >= COMP_CWORD)) || [[ ${COMP_WORDS[i]} != = ]] || ((i++))\n"
	"\t\t\t((i < COMP_CWORD)) || asks=$w\n"
	"\t\telif [[ $w != -* ]]; then\n"
	"\t\t\t((operand++))\n"
	"\t\tfi\n"
	"\tdone\n"
	"\t[[ $cur != = ]] || cur=''\n"
	"\tcase $verb:$asks:$operand in\n";
static const char bash_end[] =
	"\tesac\n"
	"\t[[ $asks || $cur != -* ]] || words=$options\n"
	"\t[[ $files ]] || compopt +o default 2> /dev/null\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	"}\n"
	"complete -o default -F _vmctl vmctl\n";

static void bash_options(const struct cmd *c)
{
	const struct cmd_opt *o;

	printf("\t%s)\toptions='", c->name);
	for (o = c->opts; o && o->id; o++)
		printf("--%s ", o->name);
	printf("--help' takes='");
	print_takers(c);
	printf(" ' ;;\n");
}

/* What comes behind a pattern of bash_middle */
static void bash_choice(enum kind kind, const char *name)
{
	if (kind == A_FILE) {
		printf("files=1 ;;\n");
	} else if (kind == A_VM) {
		printf("words=$(_vmctl_vms) ;;\n");
	} else {
		printf("words='");
		print_words(kind, name);
		printf("' ;;\n");
	}
}

static void bash_words(const struct cmd *c)
{
	struct operand list[MAX_OPERANDS];
	const struct cmd_opt *o;
	unsigned int i, n = operands(c, list);

	for (o = c->opts; o && o->id; o++) {
		if (!has_argument(o) || argument(o) == ANY)
			continue;
		printf("\t");
		if (o->id < 256)
			printf("%s:-%c:* | ", c->name, o->id);
		printf("%s:--%s:*)\t", c->name, o->name);
		bash_choice(argument(o), o->arg);
	}
	for (i = 0; i < n; i++) {
		if (list[i].kind == ANY)
			continue;
		if (list[i].many)
			printf("\t%s::*)\t", c->name);
		else
			printf("\t%s::%u)\t", c->name, i);
		bash_choice(list[i].kind, list[i].name);
	}
}

static void bash(void)
{
	const struct cmd *c;

	printf("# bash completion for vmctl, by vmctl completion bash\n"
	       "_vmctl_vms()\n{\n\t" NAMES "\n}\n\n"
	       "_vmctl()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb='' words='' files='' i w\n"
	       "\tlocal options='--help --json --version' takes='' asks='' operand=0 verbs='");
	print_words(A_VERB, NULL);
	printf("'\n%s", bash_start);
	for (c = cmds; c->name; c++)
		bash_options(c);
	printf("%s\t::*)\twords=$verbs ;;\n", bash_middle);
	for (c = cmds; c->name; c++)
		bash_words(c);
	printf("%s", bash_end);
}

/* ---- zsh ----------------------------------------------------------------- */

/* An action of _arguments */
static void zsh_action(enum kind kind, const char *name)
{
	if (kind == A_FILE) {
		printf(":_files");
	} else if (kind == A_VM) {
		printf(":_vmctl_vms");
	} else if (kind == ANY) {
		printf(": ");
	} else {
		printf(":(");
		print_words(kind, name);
		printf(")");
	}
}

static void zsh_option(const struct cmd_opt *o)
{
	if (o->id < 256)
		printf(" \\\n\t\t\t'*'{-%c,--%s%s}'[", o->id, o->name, o->arg ? "=" : "");
	else
		printf(" \\\n\t\t\t'*--%s%s[", o->name, !o->arg ? "" : has_argument(o) ? "=" : "=-");
	quote(o->help, "[]:\\", "'\\''");
	printf("]");
	if (o->arg) {
		printf(has_argument(o) ? ":" : "::");
		quote(o->arg, "[]:\\", "'\\''");
		zsh_action(argument(o), o->arg);
	}
	printf("'");
}

static void zsh_verb(const struct cmd *c)
{
	struct operand list[MAX_OPERANDS];
	const struct cmd_opt *o;
	unsigned int i, n = operands(c, list);

	printf("\t%s)\n\t\t_arguments -s", c->name);
	for (o = c->opts; o && o->id; o++)
		zsh_option(o);
	printf(" \\\n\t\t\t'(-h --help)'{-h,--help}'[print help]'");
	for (i = 0; i < n; i++) {
		if (list[i].many)
			printf(" \\\n\t\t\t'*:%s", list[i].name);
		else
			printf(" \\\n\t\t\t'%u:%s", i + 1, list[i].name);
		zsh_action(list[i].kind, list[i].name);
		printf("'");
	}
	printf("\n\t\t;;\n");
}

static void zsh(void)
{
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
	printf("\t)\n\twhile ((CURRENT > 2)) && [[ $words[2] = -* ]]; do\n\t\twords[2]=()\n"
	       "\t\t((CURRENT--))\n\tdone\n"
	       "\tif ((CURRENT == 2)); then\n\t\tif [[ $words[2] = -* ]]; then\n"
	       "\t\t\tcompadd -- --help --json --version\n\t\telse\n"
	       "\t\t\t_describe command verbs\n\t\tfi\n\t\treturn\n"
	       "\tfi\n\tlocal verb=$words[2]\n\tshift words\n\t((CURRENT--))\n"
	       "\tcase $verb in\n");
	for (c = cmds; c->name; c++)
		zsh_verb(c);
	printf("\tesac\n}\n\n"
	       "if [[ $funcstack[1] = _vmctl ]]; then\n\t_vmctl \"$@\"\nelse\n\tcompdef _vmctl vmctl\nfi\n");
}

/* ---- fish ---------------------------------------------------------------- */

static const char fish_start[] =
	"# Is it this verb, with so many operands already?  The rest: its options with an argument\n"
	"function __vmctl_at -a verb from to\n"
	"\tset -l takes $argv\n"
	"\tset -e takes[1..3]\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -e words[1]\n"
	"\twhile string match -q -- '-*' $words[1]\n"
	"\t\tset -e words[1]\n"
	"\tend\n"
	"\ttest \"$words[1]\" = $verb; or return 1\n"
	"\tset -l n 0\n"
	"\tset -e words[1]\n"
	"\twhile set -q words[1]\n"
	"\t\tif contains -- $words[1] $takes\n"
	"\t\t\tset -e words[1]\n"
	"\t\telse if not string match -q -- '-*' $words[1]\n"
	"\t\t\tset n (math $n + 1)\n"
	"\t\tend\n"
	"\t\tset -e words[1]\n"
	"\tend\n"
	"\ttest $n -ge $from; and test $n -le $to\n"
	"end\n\n"
	"complete -c vmctl -n __fish_use_subcommand -s h -l help -d 'print help'\n"
	"complete -c vmctl -n __fish_use_subcommand -s j -l json -d 'print JSON'\n"
	"complete -c vmctl -n __fish_use_subcommand -s V -l version -d 'print the versions'\n";

/* The command line is at this verb, with from @from to @to operands before */
static void fish_at(const struct cmd *c, unsigned int from, unsigned int to)
{
	printf("complete -c vmctl -n '__vmctl_at %s %u %u", c->name, from, to);
	print_takers(c);
	printf("'");
}

static void fish_option(const struct cmd *c, const struct cmd_opt *o)
{
	fish_at(c, 0, c->max_args);
	if (o->id < 256)
		printf(" -s %c", o->id);
	printf(" -l %s", o->name);
	if (has_argument(o))
		printf(argument(o) == A_FILE ? " -r -F" : " -x");
	if (argument(o) == A_CHOICE) {
		printf(" -a '");
		print_words(A_CHOICE, o->arg);
		printf("'");
	}
	printf(" -d '");
	quote(o->help, "\\", "\\'");
	printf("'\n");
}

static void fish_verb(const struct cmd *c)
{
	struct operand list[MAX_OPERANDS];
	unsigned int i, n = operands(c, list);
	const struct cmd_opt *o;

	if (c->help) {
		printf("complete -c vmctl -f -n __fish_use_subcommand -a %s -d '", c->name);
		quote(c->help, "\\", "\\'");
		printf("'\n");
	}
	for (o = c->opts; o && o->id; o++)
		fish_option(c, o);
	fish_at(c, 0, c->max_args);
	printf(" -s h -l help -d 'print help'\n");
	for (i = 0; i < n; i++) {
		fish_at(c, i, list[i].many ? (unsigned int)c->max_args : i);
		if (list[i].kind == A_FILE) {
			printf(" -F\n");
			continue;
		}
		printf(" -f -a '");
		if (list[i].kind == A_VM)
			printf("(" NAMES ")");
		print_words(list[i].kind, list[i].name);
		printf("'\n");
	}
	if (!n || !list[n - 1].many) {
		fish_at(c, n, c->max_args + 1);
		printf(" -f\n");
	}
}

static void fish(void)
{
	const struct cmd *c;

	printf("# fish completion for vmctl, by vmctl completion fish\n%s", fish_start);
	for (c = cmds; c->name; c++)
		fish_verb(c);
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
