#define FIXED_TESTS 0
static void fixed_tests(void) {}
