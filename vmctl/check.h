/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vmctl check`: the facts, what follows from them, and how they are printed.
 */
#ifndef VMCTL_CHECK_H
#define VMCTL_CHECK_H

#include <stdio.h>

#include "caps.h"
#include "host.h"
#include "module.h"

enum check_answer { CHECK_CAN, CHECK_CANNOT, CHECK_UNKNOWN };

/**
 * struct verdict - what follows
 * @answer: can lodge run here?
 * @text: one sentence, and what to do
 */
struct verdict {
	enum check_answer answer;
	char text[512];
};

/**
 * struct check - all that the command found out
 * @host: the machine
 * @module: lodge.ko
 * @caps: the processor's VMX
 * @firmware: VMX is switched on by the firmware
 * @holder: somebody holds VMX; detail: who
 * @verdict: what follows
 */
struct check {
	struct host host;
	struct module module;
	struct caps caps;
	struct fact firmware;
	struct fact holder;
	struct verdict verdict;
};

/* verdict.c: from @host, @module and @caps to the rest */
void check_conclude(struct check *c);

/* A sentence about something that does not stand in the way yet, or NULL; @n from 0 */
const char *check_note(const struct check *c, unsigned int n, char *buf, size_t size);

/* report.c */
void check_print_text(const struct check *c, FILE *f);
void check_print_json(const struct check *c, FILE *f);

#endif /* VMCTL_CHECK_H */
