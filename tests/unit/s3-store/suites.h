/* SPDX-License-Identifier: Apache-2.0 */
/* The suites of this program: the S3 plugin's store, without a real server. */
#ifndef TEST_SUITES_H
#define TEST_SUITES_H

#include <check.h>
#include <stdint.h>

Suite *advice_suite(void);
Suite *answer_suite(void);
Suite *chunk_suite(void);
Suite *clock_suite(void);
Suite *commit_suite(void);
Suite *config_suite(void);
Suite *copy_suite(void);
Suite *delete_suite(void);
Suite *forgery_suite(void);
Suite *listing_suite(void);
Suite *passed_on_suite(void);
Suite *patience_suite(void);
Suite *place_suite(void);
Suite *policy_suite(void);
Suite *region_suite(void);
Suite *restore_suite(void);
Suite *retry_suite(void);
Suite *secrets_suite(void);
Suite *session_suite(void);
Suite *signals_suite(void);
Suite *token_suite(void);
Suite *verdict_suite(void);

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* The same numbers in every run (xorshift64), so that what fails once fails again. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
