/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

/* A test sets what it is about. */
static void forget_environment(void)
{
    extern char **environ;
    for (char **at = environ; *at != NULL;) {
        char name[64] = "";
        const size_t len = strcspn(*at, "=");
        if (strncmp(*at, "AWS_", 4) != 0 || len >= sizeof name) {
            at++;
            continue;
        }
        memcpy(name, *at, len);
        (void)unsetenv(name); /* the next one takes its place */
    }
    (void)setenv("HOME", "/home/registry", 1);
}

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "120", 0); /* 4 s is little on a busy machine */
    forget_environment();
    SRunner *runner = srunner_create(who_suite());
    srunner_add_suite(runner, plan_suite());
    srunner_add_suite(runner, json_suite());
    srunner_add_suite(runner, program_suite());
    srunner_add_suite(runner, crowd_suite());
    srunner_add_suite(runner, closing_suite());
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
