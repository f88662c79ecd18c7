// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verbs that follow VMs: events, log.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "json.h"

#define LOOK_NS	200000000L

/* ---- events -------------------------------------------------------------- */

static void event_json(const struct nl_event *e)
{
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_number(&j, "seq", e->seq);
	json_number(&j, "time", e->time / 1000000000);
	json_number(&j, "number", e->vm);
	json_string(&j, "name", e->name);
	json_number(&j, "uid", e->uid);
	json_string(&j, "group", ctl_group(e->group));
	json_string(&j, "event", ctl_event(e->kind));
	if (e->kind == LODGE_VM_EVENT_ENDED) {
		json_string(&j, "reason", ctl_reason(e->reason));
		json_number(&j, "status", e->status);
		json_bool(&j, "restarts", e->restarts);
	}
	if (e->slot)
		json_number(&j, "slot", e->slot);
	json_end(&j);
}

static void event_text(const struct nl_event *e)
{
	time_t s = e->time / 1000000000;
	struct tm tm;
	char text[32];

	localtime_r(&s, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	printf("%s\t%u\t%s\t%s", text, e->vm, e->name, ctl_event(e->kind));
	if (e->kind == LODGE_VM_EVENT_ENDED)
		printf("\t%s\t%u%s", ctl_reason(e->reason), e->status,
		       e->restarts ? "\trestarts" : "");
	if (e->slot)
		printf("\t%u", e->slot);
	putchar('\n');
}

/* Each group has numbers of its own */
static void count_missed(uint32_t *last, const struct nl_event *e)
{
	uint32_t group = e->group < LODGE_EVENT_GROUP_NR ? e->group : LODGE_EVENT_GROUP_LIFE;

	if (last[group] && e->seq != last[group] + 1)
		cmd_error(CMD_OK, "%u events were missed", e->seq - last[group] - 1);
	last[group] = e->seq;
}

int cmd_events(const struct cmd_args *args)
{
	const char *count = ctl_option(args, 'c'), *only = ctl_option(args, 'o');
	uint32_t groups = only ? ctl_groups(only) : (1u << LODGE_EVENT_GROUP_NR) - 1;
	unsigned long left = count ? strtoul(count, NULL, 10) : 0;
	uint32_t last[LODGE_EVENT_GROUP_NR] = { 0 };
	struct nl_event e;
	int error;

	if (count && !left)
		return cmd_error(CMD_USAGE, "events --count takes a number, not \"%s\"", count);
	if (!groups)
		return cmd_error(CMD_USAGE, "events --only takes life, device, guest, with commas between, not \"%s\"",
				 only);
	error = nl_listen(groups);
	while (!error || error == -EAGAIN || error == -ENOBUFS) {
		error = nl_next_event(&e, -1);
		if (error)
			continue;
		count_missed(last, &e);
		if (args->json)
			event_json(&e);
		else
			event_text(&e);
		fflush(stdout);
		if (count && !--left)
			return CMD_OK;
	}
	return ctl_fail(error, NULL);
}

/* ---- log ----------------------------------------------------------------- */

static int log_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	unsigned int which = ctl_option(args, CTL_DEBUG) ? LODGE_CONSOLE_DEBUG :
			     ctl_option(args, CTL_HVC) ? LODGE_CONSOLE_VIRTIO :
							 LODGE_CONSOLE_SERIAL;
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	bool follow = ctl_option(args, 'f'), again = false;
	char buf[NL_CONSOLE_MAX];
	uint32_t position = 0;
	struct nl_vm now;
	unsigned int len;
	bool over;
	int error;

	do {
		/* asked first: what it wrote before its end is got after that */
		over = nl_vm(vm->number, &now) || (now.state == LODGE_STATE_ENDED && !now.restarts);
		error = nl_console(vm->number, which, again, &position, buf, &len);
		if (error == -ENOENT && again)
			return CMD_OK;
		if (error)
			return ctl_fail(error, vm->name);
		fwrite(buf, 1, len, stdout);
		if (fflush(stdout))
			return CMD_FAILED;
		again = true;
		if (follow && !over)
			nanosleep(&pause, NULL);
	} while (follow && !over);
	return CMD_OK;
}

int cmd_log(const struct cmd_args *args)
{
	return ctl_each(args, log_one);
}
