/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>

int main(void)
{
    SRunner *runner = srunner_create(memory_suite());
    srunner_add_suite(runner, region_suite());
    srunner_add_suite(runner, sigv4_suite());
    srunner_add_suite(runner, timestamp_suite());
    srunner_add_suite(runner, uri_suite());
    srunner_add_suite(runner, xml_suite());
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
