/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough of the kernel's headers to compile pure code in user space.
 */
#ifndef SELFTESTS_NATIVE_KSHIM_H
#define SELFTESTS_NATIVE_KSHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif
#define __maybe_unused		__attribute__((__unused__))
#define __packed		__attribute__((__packed__))
#define __aligned(x)		__attribute__((__aligned__(x)))
#define noinline		__attribute__((__noinline__))
#ifndef fallthrough
#define fallthrough		__attribute__((__fallthrough__))
#endif

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)

#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK(h, l)		((~0UL << (l)) & (~0UL >> (63 - (h))))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

#define min(a, b) \
	({ \
		__typeof__(a) _min_a = (a); \
		__typeof__(b) _min_b = (b); \
		_min_a < _min_b ? _min_a : _min_b; \
	})
#define max(a, b) \
	({ \
		__typeof__(a) _max_a = (a); \
		__typeof__(b) _max_b = (b); \
		_max_a > _max_b ? _max_a : _max_b; \
	})
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define max_t(t, a, b)		max((t)(a), (t)(b))
#define clamp_t(t, v, lo, hi)	max_t(t, min_t(t, v, hi), lo)
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))

#define WARN_ON(x) \
	({ \
		bool _warn = !!(x); \
		if (_warn) { \
			fprintf(stderr, "%s:%d: WARN_ON(%s)\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
		_warn; \
	})
#define WARN_ON_ONCE(x)		WARN_ON(x)
#define BUILD_BUG_ON(x)		_Static_assert(!(x), #x)
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))

#endif /* SELFTESTS_NATIVE_KSHIM_H */
