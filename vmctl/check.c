// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl check and vmctl version.
 */
#include <string.h>

#include "check.h"
#include "cmd.h"
#include "json.h"

static void gather(struct check *c, const struct host_source *src)
{
	memset(c, 0, sizeof(*c));
	host_read(&c->host, src);
	module_read(&c->module, src->root);
	if (c->module.answers)
		caps_from_module(&c->caps, &c->module.caps);
	else if (c->host.vmx)
		caps_from_dev_msr(&c->caps, src->root);
	else
		snprintf(c->caps.why, sizeof(c->caps.why), "the processor has no VMX");
	check_conclude(c);
}

int cmd_check(const struct cmd_args *args)
{
	static const int status[] = {
		[CHECK_CAN] = CMD_OK,
		[CHECK_CANNOT] = CMD_UNSUPPORTED,
		[CHECK_UNKNOWN] = CMD_FAILED,
	};
	static struct check check;

	gather(&check, &host_this_machine);
	if (args->json)
		check_print_json(&check, stdout);
	else
		check_print_text(&check, stdout);
	return status[check.verdict.answer];
}

int cmd_version(const struct cmd_args *args)
{
	static struct module module;
	struct json j;

	module_read(&module, host_this_machine.root);
	if (args->json) {
		json_init(&j, stdout);
		json_object(&j, NULL);
		json_string(&j, "vmctl", LODGE_VERSION);
		json_number(&j, "interface", LODGE_API_VERSION);
		json_string(&j, "module", module.version[0] ? module.version : NULL);
		json_end(&j);
		return CMD_OK;
	}
	printf("vmctl %s (interface %d)\n", LODGE_VERSION, LODGE_API_VERSION);
	if (module.loaded)
		printf("lodge %s\n", module.version[0] ? module.version : "of unknown version");
	else
		printf("lodge is not loaded\n");
	return CMD_OK;
}
