// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that describe VMs: sections with the long options of vmctl run.  lodge.vm(5)
 * is their manual.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

#define MAX_SECTIONS	256
#define MAX_LINES	64	/* of a section */
#define DEFAULTS	"defaults"

/**
 * struct section - a VM, or what all have
 * @name: in the brackets
 * @where: the line of that
 * @values: options; @id 0 for a flag that is set to "no"
 * @ids: which option each is, also one that is set to "no"
 * @n: how many
 */
struct section {
	char *name;
	char *where;
	struct cmd_value values[MAX_LINES];
	int ids[MAX_LINES];
	int n;
};

/**
 * struct vmfile - a file being read
 * @path: its name
 * @line: number of the line
 * @opts: options of vmctl run
 * @defaults: what all VMs have
 * @sections: VMs
 * @n: how many
 * @at: the section of the line, NULL before the first
 */
struct vmfile {
	const char *path;
	unsigned int line;
	const struct cmd_opt *opts;
	struct section defaults;
	struct section sections[MAX_SECTIONS];
	unsigned int n;
	struct section *at;
};

static struct vmfile file;

static char *here(const struct vmfile *f)
{
	char *text;

	return asprintf(&text, "%s:%u", f->path, f->line) < 0 ? NULL : text;
}

/* ---- lines --------------------------------------------------------------- */

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	return s;
}

static int new_section(struct vmfile *f, char *name)
{
	size_t len = strlen(name);
	unsigned int i;

	if (len < 3 || name[len - 1] != ']')
		return cmd_error(CMD_USAGE, "a section is a name in brackets, as [web]");
	name[len - 1] = 0;
	name = trim(name + 1);
	if (!strcmp(name, DEFAULTS)) {
		f->at = &f->defaults;
		return CMD_OK;
	}
	for (i = 0; i < f->n; i++)
		if (!strcmp(f->sections[i].name, name))
			return cmd_error(CMD_USAGE, "there is a VM %s already, at %s", name,
					 f->sections[i].where);
	if (f->n == MAX_SECTIONS)
		return cmd_error(CMD_USAGE, "more than %d VMs", MAX_SECTIONS);
	f->at = &f->sections[f->n++];
	f->at->name = strdup(name);
	f->at->where = here(f);
	return f->at->name && f->at->where ? CMD_OK : cmd_error(CMD_FAILED, "out of memory");
}

static const struct cmd_opt *find_option(const struct vmfile *f, const char *name)
{
	const struct cmd_opt *o;

	for (o = f->opts; o->id; o++)
		if (!strcmp(o->name, name) && o->id != 'f' && o->id != 'n' && o->id != 'q' &&
		    o->id != RUN_DRY_RUN && o->id != RUN_FOREGROUND)
			return o;
	return NULL;
}

/* An option without argument is there, or set to "yes" or "no" */
static int flag(struct cmd_value *v, const char *name, const char *value)
{
	if (value && !strcmp(value, "no"))
		v->id = 0;
	else if (value && strcmp(value, "yes"))
		return cmd_error(CMD_USAGE, "%s is yes or no, not \"%s\"", name, value);
	v->value = NULL;
	return CMD_OK;
}

static int add_option(struct vmfile *f, const char *name, const char *value)
{
	const struct cmd_opt *o = find_option(f, name);
	struct section *s = f->at;
	struct cmd_value *v;

	if (!o)
		return cmd_error(CMD_USAGE, "there is no option \"%s\": see vmctl help run", name);
	if (!s)
		return cmd_error(CMD_USAGE, "%s stands before the first section, as [web]", name);
	if (s->n == MAX_LINES)
		return cmd_error(CMD_USAGE, "more than %d options", MAX_LINES);
	v = &s->values[s->n];
	*v = (struct cmd_value){ .id = o->id, .where = here(f) };
	s->ids[s->n++] = o->id;
	if (!o->arg)
		return flag(v, name, value);
	if (!value && *o->arg != '[')
		return cmd_error(CMD_USAGE, "%s wants %s: %s = ...", name, o->arg, name);
	v->value = value ? strdup(value) : NULL;
	return value && !v->value ? cmd_error(CMD_FAILED, "out of memory") : CMD_OK;
}

static int take_line(struct vmfile *f, char *line)
{
	char *value;

	line = trim(line);
	if (!*line || *line == '#' || *line == ';')
		return CMD_OK;
	if (*line == '[')
		return new_section(f, line);
	value = strchr(line, '=');
	if (value) {
		*value++ = 0;
		value = trim(value);
		line = trim(line);
	}
	return add_option(f, line, value);
}

static int take_lines(struct vmfile *f, FILE *in)
{
	char *line = NULL, *where;
	size_t room = 0;
	int status = CMD_OK;

	while (!status && getline(&line, &room, in) >= 0) {
		f->line++;
		where = here(f);
		cmd_where(where);
		status = take_line(f, line);
		cmd_where(NULL);
		free(where);
	}
	free(line);
	return status;
}

/* ---- VMs ----------------------------------------------------------------- */

static bool has(const struct section *s, int id)
{
	int i;

	for (i = 0; i < s->n; i++)
		if (s->ids[i] == id)
			return true;
	return false;
}

static void add_values(struct cmd_args *a, const struct section *s, const struct section *without)
{
	int i;

	for (i = 0; i < s->n; i++)
		if (s->values[i].id && !(without && has(without, s->ids[i])))
			a->values[a->nr_values++] = s->values[i];
}

/* The defaults, but for what the VM has itself; then what the command line has */
static int make_args(const struct vmfile *f, const struct section *s, const struct cmd_args *line,
		     struct cmd_args *a)
{
	int i;

	*a = (struct cmd_args){ .cmd = line->cmd, .where = s->where };
	a->values = calloc(2 * MAX_LINES + 1 + line->nr_values, sizeof(*a->values));
	if (!a->values)
		return cmd_error(CMD_FAILED, "out of memory");
	a->values[a->nr_values++] = (struct cmd_value){
		.id = 'n', .value = s->name, .where = s->where,
	};
	add_values(a, &f->defaults, s);
	add_values(a, s, NULL);
	for (i = 0; i < line->nr_values; i++)
		if (line->values[i].id != 'f' && line->values[i].id != RUN_DRY_RUN)
			a->values[a->nr_values++] = line->values[i];
	return CMD_OK;
}

static int choose(const struct vmfile *f, const struct cmd_args *args, struct cmd_args *list,
		  unsigned int *n)
{
	unsigned int i;
	int k, status = CMD_OK;

	for (k = 0; k < args->argc && !status; k++) {
		for (i = 0; i < f->n && strcmp(f->sections[i].name, args->argv[k]);)
			i++;
		status = i < f->n ? make_args(f, &f->sections[i], args, &list[(*n)++]) :
			 cmd_error(CMD_USAGE, "%s has no VM %s", f->path, args->argv[k]);
	}
	for (i = 0; i < f->n && !args->argc && !status; i++)
		status = make_args(f, &f->sections[i], args, &list[(*n)++]);
	return status;
}

/* File names in it are relative to where it is */
static int enter_directory(const char *path)
{
	const char *end = strrchr(path, '/');
	char *dir;
	int status = CMD_OK;

	if (!end)
		return CMD_OK;
	dir = strndup(path, end == path ? 1 : end - path);
	if (!dir || chdir(dir))
		status = cmd_error(CMD_FAILED, "%s: %s", path, strerror(errno));
	free(dir);
	return status;
}

int vmfile_read(const struct cmd_args *args, const char *path, struct cmd_args **list,
		unsigned int *n)
{
	struct vmfile *f = &file;
	FILE *in = fopen(path, "re");
	int status;

	*n = 0;
	if (!in)
		return cmd_error(CMD_FAILED, "%s: %s", path, strerror(errno));
	f->path = path;
	f->opts = args->cmd->opts;
	status = take_lines(f, in);
	if (!status && ferror(in))
		status = cmd_error(CMD_FAILED, "%s: %s", path, strerror(errno));
	fclose(in);
	if (!status && !f->n)
		status = cmd_error(CMD_USAGE, "%s has no VM: a section begins one, as [web]", path);
	if (status)
		return status;
	*list = calloc(f->n + args->argc, sizeof(**list));
	if (!*list)
		return cmd_error(CMD_FAILED, "out of memory");
	status = choose(f, args, *list, n);
	return status ? status : enter_directory(path);
}

int vmfile_one(const struct cmd_args *args, const char *path, struct cmd_args *one)
{
	struct cmd_args *list;
	unsigned int n;
	int status = vmfile_read(args, path, &list, &n);

	if (status)
		return status;
	if (n != 1)
		return cmd_error(CMD_USAGE, "%s has %u VMs: name the one to run", path, n);
	*one = list[0];
	return CMD_OK;
}

const char *vmfile_wanted(const struct cmd_args *args, bool *dry_run)
{
	const char *path = NULL;
	int i;

	*dry_run = false;
	for (i = 0; i < args->nr_values; i++) {
		if (args->values[i].id == 'f')
			path = args->values[i].value;
		if (args->values[i].id == RUN_DRY_RUN)
			*dry_run = true;
	}
	return path;
}

/* ---- dry run ------------------------------------------------------------- */

/* As a shell reads it */
static void print_word(const char *name, const char *value)
{
	const char *p;

	printf(" --%s", name);
	if (!value)
		return;
	putchar('=');
	for (p = value; *p && (isalnum((unsigned char)*p) || strchr("/.,_-+:=", *p));)
		p++;
	if (!*p && *value) {
		fputs(value, stdout);
		return;
	}
	putchar('\'');
	for (p = value; *p; p++)
		*p == '\'' ? fputs("'\\''", stdout) : putchar(*p);
	putchar('\'');
}

void vmfile_tell(const struct cmd_args *one)
{
	const struct cmd_opt *o;
	int i;

	printf("vmctl %s", one->cmd->name);
	for (i = 0; i < one->nr_values; i++)
		for (o = one->cmd->opts; o->id; o++)
			if (o->id == one->values[i].id)
				print_word(o->name, one->values[i].value);
	putchar('\n');
}
