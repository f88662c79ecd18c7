/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_MAIN_H
#define LODGE_MAIN_H

#define LODGE_VERSION	"0.1.0"

#endif /* LODGE_MAIN_H */
