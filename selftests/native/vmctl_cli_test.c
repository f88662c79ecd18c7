// SPDX-License-Identifier: GPL-2.0-only
/*
 * The habits of vmctl's command line: shortened verbs, options, exit statuses,
 * one sentence on stderr for a mistake.
 */
#define LODGE_VERSION "0.0-test"

#define main vmctl_main
#include "../../vmctl/main.c"
#undef main
#include "../lib/ktap.c"

static const struct cmd_args *ran;

int cmd_check(const struct cmd_args *args)
{
	static struct cmd_args copy;

	copy = *args;
	ran = &copy;
	return CMD_UNSUPPORTED;
}

/* The others are as good */
#define VERB(name)					\
int cmd_##name(const struct cmd_args *args)		\
{							\
	return cmd_check(args);				\
}

VERB(balloon)
VERB(completion)
VERB(console)
VERB(devices)
VERB(dump)
VERB(events)
VERB(exits)
VERB(info)
VERB(kill)
VERB(attach)
VERB(detach)
VERB(limit)
VERB(link)
VERB(list)
VERB(log)
VERB(mem)
VERB(nmi)
VERB(pause)
VERB(pin)
VERB(regs)
VERB(rename)
VERB(reset)
VERB(resize)
VERB(resume)
VERB(rm)
VERB(run)
VERB(start)
VERB(stat)
VERB(stop)
VERB(sysrq)
VERB(top)
VERB(trace)
VERB(version)
VERB(wait)

static char out[4096], err[4096];

static void read_back(FILE *f, char *buf, size_t size)
{
	rewind(f);
	buf[fread(buf, 1, size - 1, f)] = 0;
	fclose(f);
}

/* Runs vmctl with these words; fills out and err.  Each test is a process of its own */
static int vmctl(const char *words)
{
	FILE *o = tmpfile(), *e = tmpfile();
	int saved[2] = { dup(1), dup(2) };
	static char line[256];
	char *argv[16] = { (char *)"vmctl" };
	int argc = 1, status;

	snprintf(line, sizeof(line), "%s", words);
	while ((argv[argc] = strtok(argc == 1 ? line : NULL, " ")))
		argc++;
	fflush(stdout);
	dup2(fileno(o), 1);
	dup2(fileno(e), 2);
	ran = NULL;
	optind = 0;
	status = vmctl_main(argc, argv);
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	close(saved[0]);
	close(saved[1]);
	read_back(o, out, sizeof(out));
	read_back(e, err, sizeof(err));
	return status;
}

/* A mistake: status 2, nothing on stdout, one line on stderr with these words */
static bool complains(const char *words, const char *about)
{
	int status = vmctl(words);

	if (status == CMD_USAGE && !out[0] && !ran && strstr(err, about) &&
	    !strncmp(err, "vmctl: ", 7) && strchr(err, '\n') == err + strlen(err) - 1)
		return true;
	diag("vmctl %s: status %d, \"%s\"", words, status, err);
	return false;
}

TEST(verbs_may_be_shortened)
{
	EXPECT_EQ(vmctl("check"), CMD_UNSUPPORTED);
	EXPECT_EQ(vmctl("ch"), CMD_UNSUPPORTED);
	ASSERT_TRUE(ran);
	EXPECT_EQ(strcmp(ran->cmd->name, "check"), 0);
	EXPECT_EQ(vmctl("vers"), CMD_UNSUPPORTED);
	ASSERT_TRUE(ran);
	EXPECT_EQ(strcmp(ran->cmd->name, "version"), 0);
}

TEST(json_before_and_after_the_verb)
{
	vmctl("check");
	EXPECT_FALSE(ran->json);
	vmctl("-j check");
	EXPECT_TRUE(ran->json);
	vmctl("check -j");
	EXPECT_TRUE(ran->json);
	vmctl("check --json");
	EXPECT_TRUE(ran->json);
	vmctl("--json version");
	EXPECT_TRUE(ran->json);
}

TEST(mistakes)
{
	EXPECT_TRUE(complains("chekc", "no command \"chekc\""));
	EXPECT_TRUE(complains("check -x", "no option -x"));
	EXPECT_TRUE(complains("check --xyz", "no option --xyz"));
	EXPECT_TRUE(complains("check -jx", "no option -x"));
	EXPECT_TRUE(complains("check now", "no use for \"now\""));
	EXPECT_TRUE(complains("-x check", "no option -x"));
	EXPECT_TRUE(complains("--xyz", "no option --xyz"));
	EXPECT_TRUE(complains("help chekc", "no command \"chekc\""));
	EXPECT_TRUE(complains("help check check", "no use for \"check\""));
	EXPECT_TRUE(complains("help -j", "no option -j"));
}

TEST(no_verb)
{
	EXPECT_EQ(vmctl(""), CMD_USAGE);
	EXPECT_TRUE(!out[0] && strstr(err, "usage: vmctl"));
}

TEST(help)
{
	const struct cmd *c;
	char words[64];

	EXPECT_EQ(vmctl("help"), CMD_OK);
	/* one without help is another name for one before it */
	for (c = cmds; c->name; c++)
		EXPECT_TRUE(!c->help || (strstr(out, c->name) && strstr(out, c->help)));
	EXPECT_EQ(vmctl("--help"), CMD_OK);
	EXPECT_TRUE(strstr(out, "usage: vmctl"));
	for (c = cmds; c->name; c++) {
		snprintf(words, sizeof(words), "%s --help", c->name);
		EXPECT_EQ(vmctl(words), CMD_OK);
		EXPECT_TRUE(!ran && !err[0] && strstr(out, help_of(c)));
		snprintf(words, sizeof(words), "help %s", c->name);
		EXPECT_EQ(vmctl(words), CMD_OK);
		EXPECT_TRUE(!ran && !err[0] && strstr(out, help_of(c)));
	}
}
