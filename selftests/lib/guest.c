// SPDX-License-Identifier: GPL-2.0-only
/* The guest's side of exceptions: handlers, instructions that may fault, the rest reported */
#include "guest.h"

/* (instruction, where to go on) of every GUEST_TRY() */
struct guest_try {
	u64 insn, next;
};

extern const struct guest_try __start_guest_try[], __stop_guest_try[];

/* So that the section is there in a program without GUEST_TRY() */
static const struct guest_try none __attribute__((section("guest_try"), used));

guest_handler guest_handlers[256];
volatile u64 guest_try_error;

/* Called by the stubs in entry.S */
void guest_trap(struct guest_frame *f)
{
	const struct guest_try *t;
	u64 cr2;

	if (guest_handlers[f->vector]) {
		guest_handlers[f->vector](f);
		return;
	}
	for (t = __start_guest_try; t < __stop_guest_try; t++) {
		if (f->rip != t->insn)
			continue;
		f->r11 = EXC(f->vector);
		f->rip = t->next;
		guest_try_error = f->error;
		return;
	}
	asm volatile("mov %%cr2, %0" : "=r" (cr2));
	guest_ucall(UCALL_TRAP, f->vector, f->error, f->rip, cr2);
}
