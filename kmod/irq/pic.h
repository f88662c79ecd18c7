/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_IRQ_PIC_H
#define LODGE_IRQ_PIC_H

#include <linux/types.h>

#include "line.h"

struct lodge_bus;
struct lodge_irq;

#define LODGE_PIC_LINES		16

/**
 * struct lodge_pic_chip - one 8259A
 * @irr: requests
 * @isr: in service
 * @imr: masked
 * @level: state of the inputs
 * @elcr: level-triggered inputs
 * @base: vector of input 0
 * @init: which initialisation word is expected next, 2 to 4, 0 if none
 * @need_icw4: ICW1 has announced it
 * @single: ICW1 has told that there is no other chip, so no ICW3
 * @priority: input of the highest priority
 * @read_isr: a read gives ISR, else IRR
 * @poll: the next read is a poll
 * @special_mask: special mask mode
 * @auto_eoi: automatic EOI
 * @rotate: rotate on automatic EOI
 * @nested: special fully nested mode
 * @ended: inputs whose interrupt has been handled, until lodge_pic_ended() is called
 */
struct lodge_pic_chip {
	u8 irr;
	u8 isr;
	u8 imr;
	u8 level;
	u8 elcr;
	u8 base;
	u8 init;
	bool need_icw4;
	bool single;
	u8 priority;
	bool read_isr;
	bool poll;
	bool special_mask;
	bool auto_eoi;
	bool rotate;
	bool nested;
	u8 ended;
};

/**
 * struct lodge_pic - a pair of 8259A, the second on input 2 of the first
 * @chip: the two
 * @output: the first one's INT output; read without lock as a hint
 *
 * All under lodge_irq.lock.
 */
struct lodge_pic {
	struct lodge_pic_chip chip[2];
	bool output;
};

void lodge_pic_reset(struct lodge_pic *pic);
int lodge_pic_attach(struct lodge_irq *irq, struct lodge_bus *ports);
enum lodge_line_state lodge_pic_line_state(const struct lodge_pic *pic, unsigned int line);
void lodge_pic_set_line(struct lodge_pic *pic, unsigned int line, bool level);
u8 lodge_pic_acknowledge(struct lodge_pic *pic);
u32 lodge_pic_ended(struct lodge_pic *pic);

#endif /* LODGE_IRQ_PIC_H */
