// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pair of interrupt controllers as a PC has them (Intel 8259A datasheet; for
 * the edge/level registers at 0x4d0 that of a PIIX or ICH).
 *
 * Other than the chip's, the latch of an edge-triggered input stays when the line
 * falls before the acknowledge: a device may pulse its line while the vCPU does
 * not run, and must not lose its interrupt by that.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>

#include "../dev/bus.h"
#include "route.h"

#define CASCADE		2	/* input of the first chip that the second is on */
#define SPURIOUS	7

#define ICW1		0x10	/* tells it from OCW2 and OCW3 */
#define ICW1_NEED_ICW4	0x01
#define ICW1_SINGLE	0x02
#define ICW4_AUTO_EOI	0x02
#define ICW4_NESTED	0x10
#define OCW3		0x08	/* tells it from OCW2 */
#define OCW3_READ_ISR	0x01
#define OCW3_READ	0x02
#define OCW3_POLL	0x04
#define OCW3_SMM	0x20
#define OCW3_SET_SMM	0x40

/* Inputs that may be level-triggered: not the timer, the keyboard, the cascade, RTC, FPU */
static const u8 elcr_valid[2] = { 0xf8, 0xde };

static u8 bit(unsigned int input)
{
	return 1 << (input & 7);
}

/* How far the first input of a set is from that of the highest priority; 8 if none */
static unsigned int rank(const struct lodge_pic_chip *chip, u8 inputs)
{
	unsigned int turned = ((inputs | inputs << 8) >> chip->priority) & 0xff;

	return turned ? __ffs(turned) : 8;
}

/* The input that the chip asks for service for, -1 if none */
static int pending(const struct lodge_pic_chip *chip)
{
	unsigned int request = rank(chip, chip->irr & ~chip->imr);
	unsigned int service;
	int input;

	if (request == 8 || chip->init)
		return -1;
	service = rank(chip, chip->special_mask ? chip->isr & ~chip->imr : chip->isr);
	input = (request + chip->priority) & 7;
	if (request < service)
		return input;
	/* the second chip may have something more important than what it is serviced for */
	if (chip->nested && input == CASCADE && request == service)
		return input;
	return -1;
}

/* After any change: the second chip's output is the first one's input */
static void update(struct lodge_pic *pic)
{
	struct lodge_pic_chip *first = &pic->chip[0];

	if (pending(&pic->chip[1]) >= 0)
		first->irr |= bit(CASCADE);
	else
		first->irr &= ~bit(CASCADE);
	WRITE_ONCE(pic->output, pending(first) >= 0);
}

static void acknowledge(struct lodge_pic_chip *chip, int input)
{
	if (!(chip->elcr & bit(input)))
		chip->irr &= ~bit(input);
	if (!chip->auto_eoi) {
		chip->isr |= bit(input);
		return;
	}
	chip->ended |= bit(input);
	if (chip->rotate)
		chip->priority = (input + 1) & 7;
}

/**
 * lodge_pic_reset - as after power-up
 * @pic: under lodge_irq.lock
 *
 * Everything is masked, which the chip leaves open: no guest gets an interrupt
 * that it has not asked for.  The lines stay as they are.
 */
void lodge_pic_reset(struct lodge_pic *pic)
{
	int i;

	for (i = 0; i < 2; i++)
		pic->chip[i] = (struct lodge_pic_chip){
			.imr = 0xff, .level = pic->chip[i].level, .base = i ? 0x70 : 0x08,
		};
	update(pic);
}

/**
 * lodge_pic_set_line - a line is asserted or released
 * @pic: under lodge_irq.lock; the caller looks whether @output has changed
 * @line: below LODGE_PIC_LINES; CASCADE is not a line
 * @level: true: asserted
 */
void lodge_pic_set_line(struct lodge_pic *pic, unsigned int line, bool level)
{
	struct lodge_pic_chip *chip = &pic->chip[line >> 3 & 1];
	u8 mask = bit(line);

	if (line == CASCADE || level == !!(chip->level & mask))
		return;
	chip->level ^= mask;
	if (level)
		chip->irr |= mask;
	else if (chip->elcr & mask)
		chip->irr &= ~mask;
	update(pic);
}

/**
 * lodge_pic_line_state - what has become of the last edge of a line
 * @pic: under lodge_irq.lock
 * @line: below LODGE_PIC_LINES
 *
 * Return: enum lodge_line_state.
 */
enum lodge_line_state lodge_pic_line_state(const struct lodge_pic *pic, unsigned int line)
{
	const struct lodge_pic_chip *chip = &pic->chip[line >> 3 & 1];

	if (chip->init || (chip->imr & bit(line)))
		return LODGE_LINE_CLOSED;
	return chip->irr & bit(line) ? LODGE_LINE_WAITS : LODGE_LINE_TAKEN;
}

/**
 * lodge_pic_acknowledge - the processor takes the interrupt
 * @pic: under lodge_irq.lock
 *
 * Return: its vector; that of input 7 if the request has gone meanwhile, which
 * leaves no trace in the in-service register.
 */
u8 lodge_pic_acknowledge(struct lodge_pic *pic)
{
	struct lodge_pic_chip *chip = &pic->chip[0];
	int input = pending(chip);

	if (input >= 0)
		acknowledge(chip, input);
	if (input == CASCADE) {
		chip = &pic->chip[1];
		input = pending(chip);
		if (input >= 0)
			acknowledge(chip, input);
	}
	update(pic);
	return chip->base + (input < 0 ? SPURIOUS : input);
}

/**
 * lodge_pic_ended - which interrupts have been handled since the last call
 * @pic: under lodge_irq.lock
 *
 * Return: a bit a line.
 */
u32 lodge_pic_ended(struct lodge_pic *pic)
{
	u32 ended = pic->chip[0].ended | pic->chip[1].ended << 8;

	pic->chip[0].ended = 0;
	pic->chip[1].ended = 0;
	return ended;
}

/* ---- ports --------------------------------------------------------------- */

/* The chip forgets which edges it has seen, and all modes */
static void write_icw1(struct lodge_pic_chip *chip, u8 value)
{
	*chip = (struct lodge_pic_chip){
		.irr = chip->level & chip->elcr,
		.level = chip->level,
		.elcr = chip->elcr,
		.base = chip->base,
		.init = 2,
		.need_icw4 = value & ICW1_NEED_ICW4,
		.single = value & ICW1_SINGLE,
	};
}

static void write_icw(struct lodge_pic_chip *chip, u8 value)
{
	switch (chip->init) {
	case 2:
		chip->base = value & 0xf8;
		chip->init = 3;
		if (!chip->single)
			return;
		break;
	case 3:		/* how the chips are wired is not a question */
		break;
	case 4:
		chip->nested = value & ICW4_NESTED;
		chip->auto_eoi = value & ICW4_AUTO_EOI;
		chip->need_icw4 = false;
		break;
	}
	chip->init = chip->need_icw4 ? 4 : 0;
}

static void end_of_interrupt(struct lodge_pic_chip *chip, unsigned int input, bool rotate)
{
	chip->ended |= chip->isr & bit(input);
	chip->isr &= ~bit(input);
	if (rotate)
		chip->priority = (input + 1) & 7;
}

static void write_ocw2(struct lodge_pic_chip *chip, u8 value)
{
	/* those that are masked are not found in special mask mode */
	u8 isr = chip->special_mask ? chip->isr & ~chip->imr : chip->isr;
	unsigned int input = value & 7;
	bool rotate = value & 0x80;

	switch (value >> 5) {
	case 0:
	case 4:
		chip->rotate = rotate;
		break;
	case 1:
	case 5:
		if (isr)
			end_of_interrupt(chip, rank(chip, isr) + chip->priority, rotate);
		break;
	case 3:
	case 7:
		end_of_interrupt(chip, input, rotate);
		break;
	case 6:
		chip->priority = (input + 1) & 7;
		break;
	}
}

static void write_ocw3(struct lodge_pic_chip *chip, u8 value)
{
	if (value & OCW3_POLL)
		chip->poll = true;
	else if (value & OCW3_READ)
		chip->read_isr = value & OCW3_READ_ISR;
	if (value & OCW3_SET_SMM)
		chip->special_mask = value & OCW3_SMM;
}

static void write_chip(struct lodge_pic_chip *chip, u32 offset, u8 value)
{
	if (offset && chip->init)
		write_icw(chip, value);
	else if (offset)
		chip->imr = value;
	else if (value & ICW1)
		write_icw1(chip, value);
	else if (value & OCW3)
		write_ocw3(chip, value);
	else
		write_ocw2(chip, value);
}

static u8 poll(struct lodge_pic_chip *chip)
{
	int input = pending(chip);

	chip->poll = false;
	if (input < 0)
		return 0;
	acknowledge(chip, input);
	return 0x80 | input;
}

static u8 read_chip(struct lodge_pic_chip *chip, u32 offset)
{
	if (chip->poll)
		return poll(chip);
	if (offset)
		return chip->imr;
	return chip->read_isr ? chip->isr : chip->irr;
}

static void write_elcr(struct lodge_pic_chip *chip, u8 value)
{
	/* an input that becomes edge-triggered waits for an edge */
	chip->irr &= ~(chip->elcr ^ value);
	chip->elcr = value;
	chip->irr |= chip->level & chip->elcr;
}

static u64 read(struct lodge_irq *irq, unsigned int i, u32 offset, u8 width)
{
	unsigned long flags;
	u64 value = 0;
	bool was;
	u32 gsis;
	u8 n;

	raw_spin_lock_irqsave(&irq->lock, flags);
	was = irq->pic.output;
	for (n = 0; n < width; n++)
		value |= (u64)read_chip(&irq->pic.chip[i], offset + n) << (8 * n);
	update(&irq->pic);
	lodge_route_pic_output(irq, was);
	gsis = lodge_route_let_go(irq, lodge_pic_ended(&irq->pic));
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	lodge_route_tell_ended(irq, gsis);
	return value;
}

static void write(struct lodge_irq *irq, unsigned int i, u32 offset, u8 width, u64 value)
{
	unsigned long flags;
	bool was;
	u32 gsis;
	u8 n;

	raw_spin_lock_irqsave(&irq->lock, flags);
	was = irq->pic.output;
	for (n = 0; n < width; n++)
		write_chip(&irq->pic.chip[i], offset + n, value >> (8 * n));
	update(&irq->pic);
	lodge_route_pic_output(irq, was);
	gsis = lodge_route_let_go(irq, lodge_pic_ended(&irq->pic));
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	lodge_route_tell_ended(irq, gsis);
}

static u64 read_first(void *dev, u32 offset, u8 width)
{
	return read(dev, 0, offset, width);
}

static enum lodge_bus_end write_first(void *dev, u32 offset, u8 width, u64 value)
{
	write(dev, 0, offset, width, value);
	return LODGE_BUS_DONE;
}

static u64 read_second(void *dev, u32 offset, u8 width)
{
	return read(dev, 1, offset, width);
}

static enum lodge_bus_end write_second(void *dev, u32 offset, u8 width, u64 value)
{
	write(dev, 1, offset, width, value);
	return LODGE_BUS_DONE;
}

static u64 read_elcr(void *dev, u32 offset, u8 width)
{
	struct lodge_irq *irq = dev;
	u8 first = READ_ONCE(irq->pic.chip[0].elcr);
	u8 second = READ_ONCE(irq->pic.chip[1].elcr);

	return (first | second << 8) >> (8 * offset);
}

static enum lodge_bus_end write_elcrs(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_irq *irq = dev;
	unsigned long flags;
	bool was;
	u8 n;

	raw_spin_lock_irqsave(&irq->lock, flags);
	was = irq->pic.output;
	for (n = 0; n < width; n++) {
		unsigned int i = (offset + n) & 1;

		write_elcr(&irq->pic.chip[i], (value >> (8 * n)) & elcr_valid[i]);
	}
	update(&irq->pic);
	lodge_route_pic_output(irq, was);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops first_ops = {
	.read = read_first,
	.write = write_first,
};

static const struct lodge_bus_ops second_ops = {
	.read = read_second,
	.write = write_second,
};

static const struct lodge_bus_ops elcr_ops = {
	.read = read_elcr,
	.write = write_elcrs,
};

/**
 * lodge_pic_attach - put the PICs on a VM's I/O ports
 * @irq: the VM's
 * @ports: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_pic_attach(struct lodge_irq *irq, struct lodge_bus *ports)
{
	const struct lodge_bus_range ranges[] = {
		{ .first = 0x20, .count = 2, .ops = &first_ops, .dev = irq },
		{ .first = 0xa0, .count = 2, .ops = &second_ops, .dev = irq },
		{ .first = 0x4d0, .count = 2, .ops = &elcr_ops, .dev = irq },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(ranges) && !err; i++)
		err = lodge_bus_add(ports, &ranges[i]);
	return err;
}
