// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 16550A, the first serial port of a PC.
 *
 * The line is as fast as both ends can be: a byte that is written is sent at once,
 * unless the console has no room; input stands in the receive FIFO as soon as it
 * is wanted.  So there is nothing to wait for before a character timeout, which
 * is indicated whenever the FIFO holds less than its trigger level.
 *
 * Source: National Semiconductor, PC16550D data sheet (1995), section 8.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "../irq/route.h"
#include "bytes.h"
#include "console.h"
#include "uart.h"

#define UART_PORT	0x3f8
#define UART_PORTS	8
#define UART_IRQ	4

#define IER_RDA		0x01
#define IER_THRE	0x02
#define IER_RLS		0x04
#define IER_MODEM	0x08
#define IER_MASK	0x0f

#define IIR_MODEM	0x00
#define IIR_NONE	0x01
#define IIR_THRE	0x02
#define IIR_RDA		0x04
#define IIR_RLS		0x06
#define IIR_TIMEOUT	0x0c
#define IIR_FIFO	0xc0

#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define FCR_CLEAR_TX	0x04
#define FCR_KEPT	0xc9

#define LCR_BREAK	0x40
#define LCR_DLAB	0x80

#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10
#define MCR_MASK	0x1f

#define LSR_DR		0x01
#define LSR_OE		0x02
#define LSR_PE		0x04
#define LSR_FE		0x08
#define LSR_BI		0x10
#define LSR_THRE	0x20
#define LSR_TEMT	0x40
#define LSR_RXFIFO	0x80
#define LSR_ERRORS	(LSR_OE | LSR_PE | LSR_FE | LSR_BI)

#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80
#define MSR_DELTA_RI	0x04

static unsigned int fifo_size(const struct lodge_uart *u)
{
	return u->fcr & FCR_ENABLE ? LODGE_UART_FIFO : 1;
}

/* ---- receiver ------------------------------------------------------------ */

static u8 *rx_slot(u8 *fifo, const struct lodge_uart *u, unsigned int n)
{
	return &fifo[(u->rx_first + n) % LODGE_UART_FIFO];
}

/* Errors are shown in LSR when their byte is the oldest */
static void show_error(struct lodge_uart *u)
{
	if (u->rx_count)
		u->lsr |= *rx_slot(u->rx_error, u, 0);
}

static void receive(struct lodge_uart *u, u8 byte, u8 error)
{
	if (u->rx_count == fifo_size(u)) {
		u->lsr |= LSR_OE;
		/* the FIFO keeps what it has, the one register does not */
		if (u->fcr & FCR_ENABLE)
			return;
		u->rx_count = 0;
	}
	*rx_slot(u->rx, u, u->rx_count) = byte;
	*rx_slot(u->rx_error, u, u->rx_count) = error;
	if (!u->rx_count++)
		show_error(u);
}

/*
 * The peer minds its handshake: it does not send to a driver that has raised its
 * outputs but RTS, unless that takes interrupts.  Linux reads the receiver blindly
 * while it opens the port, which would eat what was typed ahead.
 */
static bool peer_waits(const struct lodge_uart *u)
{
	return (u->mcr & (MCR_DTR | MCR_OUT2)) && !(u->mcr & MCR_RTS) && !(u->ier & IER_RDA);
}

static void refill(struct lodge_uart *u)
{
	u8 buf[LODGE_UART_FIFO];
	unsigned int i, n = fifo_size(u) - u->rx_count;

	if (!n || !lodge_console_has_input(u->con) || (u->mcr & MCR_LOOP) || peer_waits(u))
		return;
	/* alone, for @rx_console counts the newest bytes */
	if (!u->rx_count && lodge_console_take_break(u->con)) {
		receive(u, 0, LSR_BI);
		n--;
	}
	n = lodge_console_get(u->con, buf, n);
	for (i = 0; i < n; i++)
		receive(u, buf[i], 0);
	u->rx_console += n;
}

/* Gives back what the console sent, to be received again, and forgets the rest */
static void clear_rx(struct lodge_uart *u)
{
	if (u->rx_console)
		lodge_console_unget(u->con, u->rx_console);
	u->rx_count = 0;
	u->rx_console = 0;
}

static u8 read_byte(struct lodge_uart *u)
{
	u8 byte;

	if (!u->rx_count)
		return 0;
	byte = *rx_slot(u->rx, u, 0);
	u->rx_first = (u->rx_first + 1) % LODGE_UART_FIFO;
	u->rx_count--;
	u->rx_console = min(u->rx_console, u->rx_count);
	show_error(u);
	refill(u);
	return byte;
}

/* ---- transmitter --------------------------------------------------------- */

static void send_byte(struct lodge_uart *u, u8 byte)
{
	u->thre = false;
	if (u->mcr & MCR_LOOP) {
		receive(u, byte, 0);
	} else if (u->tx_count || !lodge_console_put(u->con, byte)) {
		/* a driver that writes to a full FIFO loses the byte */
		if (u->tx_count < fifo_size(u))
			u->tx[u->tx_count++] = byte;
		else if (!(u->fcr & FCR_ENABLE))
			u->tx[0] = byte;
	}
	if (!u->tx_count)
		u->thre = true;
}

static void flush_tx(struct lodge_uart *u)
{
	unsigned int n = 0;

	while (n < u->tx_count && lodge_console_put(u->con, u->tx[n]))
		n++;
	if (!n)
		return;
	u->tx_count -= n;
	memmove(u->tx, u->tx + n, u->tx_count);
	if (!u->tx_count)
		u->thre = true;
}

static void clear_tx(struct lodge_uart *u)
{
	if (u->tx_count)
		u->thre = true;
	u->tx_count = 0;
}

/* ---- interrupts ---------------------------------------------------------- */

static u8 iir(const struct lodge_uart *u)
{
	static const u8 trigger[] = { 1, 4, 8, 14 };

	if ((u->ier & IER_RLS) && (u->lsr & LSR_ERRORS))
		return IIR_RLS;
	if ((u->ier & IER_RDA) && u->rx_count) {
		if (!(u->fcr & FCR_ENABLE) || u->rx_count >= trigger[u->fcr >> 6])
			return IIR_RDA;
		return IIR_TIMEOUT;
	}
	if ((u->ier & IER_THRE) && u->thre)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && u->delta)
		return IIR_MODEM;
	return IIR_NONE;
}

/* OUT2 opens the way from the chip to the interrupt line; in loopback it is off */
static void update_line(struct lodge_uart *u)
{
	bool level = iir(u) != IIR_NONE && (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	if (level == u->line)
		return;
	u->line = level;
	lodge_route_set_gsi(u->irq, UART_IRQ, level);
}

/* ---- modem --------------------------------------------------------------- */

/* Somebody is always there and ready, unless the outputs are looped back */
static u8 modem_status(const struct lodge_uart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void write_mcr(struct lodge_uart *u, u8 value)
{
	u8 before = modem_status(u), changed;

	/* what the console sent is not mixed with what is looped back */
	if ((value & ~u->mcr & MCR_LOOP) && u->rx_console) {
		lodge_console_unget(u->con, u->rx_console);
		u->rx_count -= u->rx_console;
		u->rx_console = 0;
	}
	u->mcr = value & MCR_MASK;
	changed = before ^ modem_status(u);
	/* of the ring indicator only the trailing edge counts */
	if (!(before & MSR_RI))
		changed &= ~MSR_RI;
	u->delta |= changed >> 4;
}

/* ---- registers ----------------------------------------------------------- */

static u8 read_iir(struct lodge_uart *u)
{
	u8 value = iir(u);

	if (value == IIR_THRE)
		u->thre = false;
	return value | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static u8 read_lsr(struct lodge_uart *u)
{
	unsigned int i;
	u8 value;

	refill(u);
	value = u->lsr | (u->rx_count ? LSR_DR : 0) | (u->tx_count ? 0 : LSR_THRE | LSR_TEMT);
	for (i = 0; (u->fcr & FCR_ENABLE) && i < u->rx_count; i++)
		if (*rx_slot(u->rx_error, u, i))
			value |= LSR_RXFIFO;
	u->lsr = 0;
	if (u->rx_count)
		*rx_slot(u->rx_error, u, 0) = 0;
	return value;
}

static u8 read_reg(struct lodge_uart *u, u32 offset)
{
	u8 value;

	switch (offset) {
	case 0:
		return u->lcr & LCR_DLAB ? u->divisor : read_byte(u);
	case 1:
		return u->lcr & LCR_DLAB ? u->divisor >> 8 : u->ier;
	case 2:
		return read_iir(u);
	case 3:
		return u->lcr;
	case 4:
		return u->mcr;
	case 5:
		return read_lsr(u);
	case 6:
		value = modem_status(u) | u->delta;
		u->delta = 0;
		return value;
	default:
		return u->scratch;
	}
}

static void write_ier(struct lodge_uart *u, u8 value)
{
	if ((value & ~u->ier & IER_THRE) && !u->tx_count)
		u->thre = true;
	u->ier = value & IER_MASK;
}

static void write_fcr(struct lodge_uart *u, u8 value)
{
	bool toggled = (value ^ u->fcr) & FCR_ENABLE;

	/* the other bits are heeded only together with this one */
	if (!(value & FCR_ENABLE))
		value = 0;
	if (toggled || (value & FCR_CLEAR_RX))
		clear_rx(u);
	if (toggled || (value & FCR_CLEAR_TX))
		clear_tx(u);
	u->fcr = value & FCR_KEPT;
}

static void write_lcr(struct lodge_uart *u, u8 value)
{
	if ((value & ~u->lcr & LCR_BREAK) && (u->mcr & MCR_LOOP))
		receive(u, 0, LSR_BI);
	u->lcr = value;
}

static void write_reg(struct lodge_uart *u, u32 offset, u8 value)
{
	switch (offset) {
	case 0:
		if (u->lcr & LCR_DLAB)
			u->divisor = (u->divisor & 0xff00) | value;
		else
			send_byte(u, value);
		break;
	case 1:
		if (u->lcr & LCR_DLAB)
			u->divisor = (u->divisor & 0xff) | value << 8;
		else
			write_ier(u, value);
		break;
	case 2:
		write_fcr(u, value);
		break;
	case 3:
		write_lcr(u, value);
		break;
	case 4:
		write_mcr(u, value);
		break;
	case 7:
		u->scratch = value;
		break;
	}
}

static u8 uart_read(void *dev, u32 offset)
{
	struct lodge_uart *u = dev;
	unsigned long flags;
	u8 value;

	raw_spin_lock_irqsave(&u->lock, flags);
	value = read_reg(u, offset);
	update_line(u);
	raw_spin_unlock_irqrestore(&u->lock, flags);
	return value;
}

static enum lodge_bus_end uart_write(void *dev, u32 offset, u8 value)
{
	struct lodge_uart *u = dev;
	unsigned long flags;

	raw_spin_lock_irqsave(&u->lock, flags);
	write_reg(u, offset, value);
	if (u->ier & IER_RDA)
		refill(u);
	update_line(u);
	raw_spin_unlock_irqrestore(&u->lock, flags);
	return LODGE_BUS_DONE;
}

static u64 bus_read(void *dev, u32 offset, u8 width)
{
	return lodge_bytes_read(dev, offset, width, uart_read);
}

static enum lodge_bus_end bus_write(void *dev, u32 offset, u8 width, u64 value)
{
	return lodge_bytes_write(dev, offset, width, value, uart_write);
}

static const struct lodge_bus_ops uart_ops = {
	.read = bus_read,
	.write = bus_write,
};

/**
 * lodge_uart_changed - the console has input, or room again
 * @uart: a struct lodge_uart; the function is its console's changed()
 *
 * Any context.
 */
void lodge_uart_changed(void *uart)
{
	struct lodge_uart *u = uart;
	unsigned long flags;

	raw_spin_lock_irqsave(&u->lock, flags);
	flush_tx(u);
	if (u->ier & IER_RDA)
		refill(u);
	update_line(u);
	raw_spin_unlock_irqrestore(&u->lock, flags);
}

/**
 * lodge_uart_attach - put a UART on a VM's bus
 * @uart: zeroed
 * @ports: the VM's
 * @irq: the VM's
 * @con: created with lodge_uart_changed() and @uart
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_uart_attach(struct lodge_uart *uart, struct lodge_bus *ports, struct lodge_irq *irq,
		      struct lodge_console *con)
{
	const struct lodge_bus_range range = {
		.first = UART_PORT, .count = UART_PORTS, .ops = &uart_ops, .dev = uart,
	};

	raw_spin_lock_init(&uart->lock);
	uart->irq = irq;
	uart->con = con;
	uart->divisor = 1;
	return lodge_bus_add(ports, &range);
}
