/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small guests for vmctl: machine code that speaks through the UART and ends itself.
 */
#ifndef LODGE_SELFTESTS_PCGUEST_H
#define LODGE_SELFTESTS_PCGUEST_H

/* Machine code that is loaded elsewhere than where the test is linked: name_start, name_end */
#define PC_GUEST(name, code...)						\
	extern const char name##_start[], name##_end[];			\
	asm(".pushsection .rodata, \"a\"\n"				\
	    #name "_start:\n" code "\n" #name "_end:\n"			\
	    ".code64\n"							\
	    ".popsection\n")

/* AL to the UART, when it has room; changes AH and DX */
#define PC_PUTC								\
	"mov %al, %ah; mov $0x3fd, %dx\n"				\
	"77: in %dx, %al; test $0x20, %al; jz 77b\n"			\
	"mov %ah, %al; mov $0x3f8, %dx; out %al, %dx\n"

/* AL from the UART, when there is a byte; changes DX */
#define PC_GETC								\
	"mov $0x3fd, %dx\n"						\
	"78: in %dx, %al; test $1, %al; jz 78b\n"			\
	"mov $0x3f8, %dx; in %dx, %al\n"

/* A string at a symbol of the guest's own; real mode, segments 0 */
#define PC_PUTS(symbol)							\
	"call 71f\n71: pop %si; add $(" symbol " - 71b), %si\n"	\
	"72: lodsb; test %al, %al; jz 73f\n"				\
	PC_PUTC "jmp 72b\n73:\n"

/* ACPI S5 */
#define PC_POWEROFF	"mov $0x604, %dx; mov $0x3400, %ax; out %ax, %dx\n79: hlt; jmp 79b\n"

#endif /* LODGE_SELFTESTS_PCGUEST_H */
