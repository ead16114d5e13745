/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_HTTP_SUITES_H
#define TEST_HTTP_SUITES_H

#include <check.h>

void add_wire_tests(Suite *suite);
void add_failure_tests(Suite *suite);
void add_life_tests(Suite *suite);
void add_process_tests(Suite *suite);
void add_backoff_tests(Suite *suite);

/* Each test is a case of its own: a result of Check tells the name of its case, but not of its
 * test.  times: how often, with _i counting. */
#define ADD_TEST(suite, test, set_up, tear_down, times)                                            \
    add_test_case(suite, #test, test, set_up, tear_down, (int)(times))
void add_test_case(Suite *suite, const char *name, const TTest *test, SFun set_up, SFun tear_down,
                   int times);

#endif
