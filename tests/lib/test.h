/* What every test file includes first: cmocka with its prerequisites. */
#ifndef PLX_TESTS_TEST_H
#define PLX_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PLX_RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
