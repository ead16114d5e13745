/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    SRunner *runner = srunner_create(checksum_suite());
    srunner_add_suite(runner, json_fields_suite());
    srunner_add_suite(runner, memory_suite());
    srunner_add_suite(runner, part_size_suite());
    srunner_add_suite(runner, profile_file_suite());
    srunner_add_suite(runner, provider_suite());
    srunner_add_suite(runner, proxy_suite());
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
