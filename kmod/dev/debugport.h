/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_DEBUGPORT_H
#define LODGE_DEV_DEBUGPORT_H

struct lodge_bus;
struct lodge_console;

int lodge_debugport_attach(struct lodge_bus *bus, struct lodge_console *con);

#endif /* LODGE_DEV_DEBUGPORT_H */
