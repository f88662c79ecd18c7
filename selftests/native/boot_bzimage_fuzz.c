// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damaged bzImages, loaded by vmctl.
 *
 * native-sources: ../vmctl/boot.c ../vmctl/boot_bzimage.c ../vmctl/boot_elf.c
 * native-sources: ../vmctl/boot_pvh.c ../vmctl/boot_multiboot.c
 *
 * With clang a libFuzzer target; with -DSTANDALONE a program: [-n images] [-s seed] [FILE...]
 */
#include "boot_fuzz.h"

static void fuzz_template(struct image *m, unsigned int which)
{
	(void)which;
	image_bzimage(m);
}
