/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_UART_H
#define LODGE_DEV_UART_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_bus;
struct lodge_console;
struct lodge_irq;

#define LODGE_UART_FIFO	16

/**
 * struct lodge_uart - a 16550A at port 0x3f8 with IRQ 4
 * @lock: guards all below; outside the console's and the interrupt controllers'; raw,
 *	interrupts saved
 * @irq: interrupt controllers [I]
 * @con: the other end of the line [I]
 * @ier: interrupt enable
 * @fcr: FIFO control, without the bits that clear themselves
 * @lcr: line control
 * @mcr: modem control
 * @lsr: errors of line status; the rest is computed
 * @delta: changes of modem status
 * @scratch: scratch
 * @divisor: divisor latch; without effect
 * @thre: transmitter-empty interrupt pending
 * @line: level of the interrupt line
 * @rx: receive FIFO; its newest @rx_console bytes are the console's, those
 *	before them have come by loopback
 * @rx_error: line status that goes with each byte of @rx
 * @rx_first: where the oldest byte is
 * @rx_count: bytes in it
 * @rx_console: see @rx
 * @tx: what the console has not taken yet
 * @tx_count: bytes in it
 *
 * [I] constant after attach.
 */
struct lodge_uart {
	raw_spinlock_t lock;
	struct lodge_irq *irq;
	struct lodge_console *con;
	u8 ier;
	u8 fcr;
	u8 lcr;
	u8 mcr;
	u8 lsr;
	u8 delta;
	u8 scratch;
	u16 divisor;
	bool thre;
	bool line;
	u8 rx[LODGE_UART_FIFO];
	u8 rx_error[LODGE_UART_FIFO];
	u8 rx_first;
	u8 rx_count;
	u8 rx_console;
	u8 tx[LODGE_UART_FIFO];
	u8 tx_count;
};

int lodge_uart_attach(struct lodge_uart *uart, struct lodge_bus *ports, struct lodge_irq *irq,
		      struct lodge_console *con);
void lodge_uart_changed(void *uart);

#endif /* LODGE_DEV_UART_H */
