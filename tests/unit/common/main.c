/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    SRunner *runner = srunner_create(bytes_suite());
    srunner_add_suite(runner, call_suite());
    srunner_add_suite(runner, digest_suite());
    srunner_add_suite(runner, key_suite());
    srunner_add_suite(runner, measure_suite());
    srunner_add_suite(runner, process_suite());
    srunner_add_suite(runner, secret_file_suite());
    srunner_add_suite(runner, settings_suite());
    srunner_add_suite(runner, token_suite());
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
