/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>

/* What the plugin reads of the environment: a test sets what it is about. */
static const char *const variables[] = {"AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_ROLE_ARN",
                                        "AWS_ROLE_SESSION_NAME",
                                        "TMPDIR",
                                        "http_proxy",
                                        "https_proxy",
                                        "all_proxy",
                                        "ALL_PROXY",
                                        "AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "HTTPS_PROXY",
                                        "no_proxy",
                                        "NO_PROXY",
                                        "AWS_CA_BUNDLE",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_S3",
                                        "AWS_ENDPOINT_URL_STS",
                                        "AWS_USE_FIPS_ENDPOINT",
                                        "AWS_USE_DUALSTACK_ENDPOINT",
                                        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"};

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    for (size_t i = 0; i < COUNT(variables); i++)
        (void)unsetenv(variables[i]);
    SRunner *runner = srunner_create(advice_suite());
    srunner_add_suite(runner, answer_suite());
    srunner_add_suite(runner, chunk_suite());
    srunner_add_suite(runner, clock_suite());
    srunner_add_suite(runner, commit_suite());
    srunner_add_suite(runner, config_suite());
    srunner_add_suite(runner, copy_suite());
    srunner_add_suite(runner, delete_suite());
    srunner_add_suite(runner, forgery_suite());
    srunner_add_suite(runner, listing_suite());
    srunner_add_suite(runner, passed_on_suite());
    srunner_add_suite(runner, patience_suite());
    srunner_add_suite(runner, place_suite());
    srunner_add_suite(runner, policy_suite());
    srunner_add_suite(runner, region_suite());
    srunner_add_suite(runner, restore_suite());
    srunner_add_suite(runner, retry_suite());
    srunner_add_suite(runner, secrets_suite());
    srunner_add_suite(runner, session_suite());
    srunner_add_suite(runner, signals_suite());
    srunner_add_suite(runner, token_suite());
    srunner_add_suite(runner, verdict_suite());
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
