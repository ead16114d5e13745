/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests of LocalStorage, each in a process of its own, and prints TAP. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    Suite *suite = suite_create("local");
    add_path_tests(suite);
    add_folder_tests(suite);
    add_crash_tests(suite);
    add_disk_tests(suite);
    add_token_tests(suite);
    add_writer_tests(suite);
    add_list_tests(suite);
    add_purge_tests(suite);
    add_store_tests(suite);
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
