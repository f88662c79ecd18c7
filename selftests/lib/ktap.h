/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small test harness that prints KTAP (Documentation/dev-tools/ktap.rst of the
 * kernel): kselftest_harness.h is in no header package.
 *
 * TEST(name) registers a test.  Each runs in a process of its own with a time
 * limit, so that a crash or a hang is one failed test.  ASSERT_* end the test,
 * EXPECT_* note the failure and go on; both work in any thread and in processes
 * that the test forks.  Exit status: 0 passed, 1 failed, 4 all skipped.
 */
#ifndef LODGE_SELFTESTS_KTAP_H
#define LODGE_SELFTESTS_KTAP_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KTAP_PASS	0
#define KTAP_FAIL	1
#define KTAP_SKIP	4

#define KTAP_SECONDS	60	/* of a test that does not name its own limit */

/**
 * struct ktap_test - a registered test
 * @name: as printed
 * @fn: the test
 * @seconds: time limit
 * @next: the next in the order of the file
 */
struct ktap_test {
	const char *name;
	void (*fn)(void);
	unsigned int seconds;
	struct ktap_test *next;
};

void ktap_register(struct ktap_test *t);
void ktap_fail(const char *file, int line, const char *what) __attribute__((noinline));
void ktap_fail_cmp(const char *file, int line, const char *what, unsigned long long left,
		   unsigned long long right) __attribute__((noinline));
void ktap_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void ktap_stop(void) __attribute__((noreturn));
/* @fn is called when the running test ends, but not when it is killed: exit handlers are not */
void ktap_at_end(void (*fn)(void));
void diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define TEST_SECONDS(test, limit)						\
	static void test_##test(void);						\
	static struct ktap_test ktap_##test = {					\
		.name = #test, .fn = test_##test, .seconds = (limit),		\
	};									\
	static void __attribute__((constructor)) ktap_register_##test(void)	\
	{									\
		ktap_register(&ktap_##test);					\
	}									\
	static void test_##test(void)

/* TEST(name) { ... } */
#define TEST(test)	TEST_SECONDS(test, KTAP_SECONDS)

/* Ends the test; the reason is printed */
#define SKIP(...)	ktap_skip(__VA_ARGS__)

#define KTAP_STOP_(fatal) do { if (fatal) ktap_stop(); } while (0)

#define KTAP_TRUE_(cond, fatal) do {						\
	if (!(cond)) {								\
		ktap_fail(__FILE__, __LINE__, #cond);				\
		KTAP_STOP_(fatal);						\
	}									\
} while (0)

#define KTAP_CMP_(a, op, b, fatal) do {						\
	__typeof__(a) a_ = (a);							\
	__typeof__(b) b_ = (b);							\
	if (!(a_ op b_)) {							\
		ktap_fail_cmp(__FILE__, __LINE__, #a " " #op " " #b,		\
			      (unsigned long long)a_, (unsigned long long)b_);	\
		KTAP_STOP_(fatal);						\
	}									\
} while (0)

/* A call that must fail with -1 and this errno */
#define KTAP_ERRNO_(call, wanted, fatal) do {					\
	long ret_;								\
	errno = 0;								\
	ret_ = (long)(call);							\
	if (ret_ != -1 || errno != (wanted)) {					\
		ktap_fail_cmp(__FILE__, __LINE__, "errno of " #call " == " #wanted,	\
			      ret_ == -1 ? errno : 0, (wanted));		\
		KTAP_STOP_(fatal);						\
	}									\
} while (0)

#define ASSERT_TRUE(c)		KTAP_TRUE_(c, true)
#define ASSERT_FALSE(c)		KTAP_TRUE_(!(c), true)
#define ASSERT_EQ(a, b)		KTAP_CMP_(a, ==, b, true)
#define ASSERT_NE(a, b)		KTAP_CMP_(a, !=, b, true)
#define ASSERT_LT(a, b)		KTAP_CMP_(a, <, b, true)
#define ASSERT_LE(a, b)		KTAP_CMP_(a, <=, b, true)
#define ASSERT_GT(a, b)		KTAP_CMP_(a, >, b, true)
#define ASSERT_GE(a, b)		KTAP_CMP_(a, >=, b, true)
#define ASSERT_ERRNO(call, e)	KTAP_ERRNO_(call, e, true)
/* A call that returns -1 on failure: fails with errno */
#define ASSERT_OK(call)		KTAP_TRUE_((call) >= 0, true)

#define EXPECT_TRUE(c)		KTAP_TRUE_(c, false)
#define EXPECT_FALSE(c)		KTAP_TRUE_(!(c), false)
#define EXPECT_EQ(a, b)		KTAP_CMP_(a, ==, b, false)
#define EXPECT_NE(a, b)		KTAP_CMP_(a, !=, b, false)
#define EXPECT_LT(a, b)		KTAP_CMP_(a, <, b, false)
#define EXPECT_LE(a, b)		KTAP_CMP_(a, <=, b, false)
#define EXPECT_GT(a, b)		KTAP_CMP_(a, >, b, false)
#define EXPECT_GE(a, b)		KTAP_CMP_(a, >=, b, false)
#define EXPECT_ERRNO(call, e)	KTAP_ERRNO_(call, e, false)
#define EXPECT_OK(call)		KTAP_TRUE_((call) >= 0, false)

#endif /* LODGE_SELFTESTS_KTAP_H */
