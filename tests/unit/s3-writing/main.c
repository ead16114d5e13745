/* SPDX-License-Identifier: Apache-2.0 */
#include "pushing.h"

#include "door.h"
#include "place.h"

#include <stdlib.h>

static void forget(void)
{
    door_forget_faults(server_url());
    door_forget_counts(server_url());
    door_post(server_url(), "parts?min=5242880&most=10000&equal=0");
}

int main(void)
{
    TCase *(*const cases[])(void) = {at_rest_case, conflicts_case, parts_case, sums_case,
                                     wholes_case};
    Suite *suite = suite_create("sts-s3-writing");
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        TCase *tcase = cases[i]();
        tcase_set_timeout(tcase, 200);
        tcase_add_unchecked_fixture(tcase, server_up, server_down);
        tcase_add_checked_fixture(tcase, forget, NULL);
        suite_add_tcase(suite, tcase);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
