// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks the module, when it is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "module.h"

static void ask(struct module *m, int fd)
{
	m->info.size = sizeof(m->info);
	m->caps.size = sizeof(m->caps);
	if (ioctl(fd, LODGE_GET_INFO, &m->info)) {
		snprintf(m->why, sizeof(m->why), "LODGE_GET_INFO: %s", strerror(errno));
		return;
	}
	if (ioctl(fd, LODGE_GET_CAPS, &m->caps)) {
		snprintf(m->why, sizeof(m->why), "LODGE_GET_CAPS: %s", strerror(errno));
		return;
	}
	m->info.version[sizeof(m->info.version) - 1] = 0;
	m->answers = true;
}

static void read_device(struct module *m, const char *root)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s%s", root, MODULE_DEVICE);
	m->present = !access(path, F_OK);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fact_tell(&m->usable, false, "%s", strerror(errno));
		snprintf(m->why, sizeof(m->why), "%s: %s", MODULE_DEVICE, strerror(errno));
		return;
	}
	fact_tell(&m->usable, true, "%s", "");
	ask(m, fd);
	close(fd);
}

void module_read(struct module *m, const char *root)
{
	char path[256];

	memset(m, 0, sizeof(*m));
	snprintf(path, sizeof(path), "%s/sys/module/lodge", root);
	m->loaded = !access(path, F_OK);
	if (m->loaded)
		host_read_file(root, "/sys/module/lodge/version", m->version, sizeof(m->version));
	read_device(m, root);
	if (m->answers && !m->version[0])
		snprintf(m->version, sizeof(m->version), "%s", m->info.version);
}
