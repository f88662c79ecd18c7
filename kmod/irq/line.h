/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_IRQ_LINE_H
#define LODGE_IRQ_LINE_H

/**
 * enum lodge_line_state - what has become of the last edge of a line
 * @LODGE_LINE_CLOSED: nobody heeds the line
 * @LODGE_LINE_WAITS: it is requested; another edge now would be lost
 * @LODGE_LINE_TAKEN: a vCPU has taken it, or there was none
 */
enum lodge_line_state {
	LODGE_LINE_CLOSED,
	LODGE_LINE_WAITS,
	LODGE_LINE_TAKEN,
};

#endif /* LODGE_IRQ_LINE_H */
