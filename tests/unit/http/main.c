/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the engine's tests, each in a process of its own, and prints TAP. */
#include "suites.h"

#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>

#define TEST_TIMEOUT_S 60

void add_test_case(Suite *suite, const char *name, const TTest *test, SFun set_up, SFun tear_down,
                   int times)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, TEST_TIMEOUT_S);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test, 0, times);
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    Suite *suite = suite_create("http");
    add_wire_tests(suite);
    add_failure_tests(suite);
    add_life_tests(suite);
    add_process_tests(suite);
    add_backoff_tests(suite);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);

    const int n = srunner_ntests_run(runner);
    TestResult **results = srunner_results(runner);
    printf("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        const bool is_good = tr_rtype(results[i]) == CK_PASS;
        printf("%s %d %s\n", is_good ? "ok" : "not ok", i + 1, tr_tcname(results[i]));
        if (!is_good)
            printf("# %s:%d %s\n", tr_lfile(results[i]), tr_lno(results[i]), tr_msg(results[i]));
    }
    const int failed = srunner_ntests_failed(runner);
    free(results);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
