/* SPDX-License-Identifier: Apache-2.0 */
/* The suites of this program: what both plugins share. */
#ifndef TEST_SUITES_H
#define TEST_SUITES_H

#include <check.h>
#include <stdint.h>

Suite *bytes_suite(void);
Suite *call_suite(void);
Suite *digest_suite(void);
Suite *key_suite(void);
Suite *measure_suite(void);
Suite *process_suite(void);
Suite *secret_file_suite(void);
Suite *settings_suite(void);
Suite *token_suite(void);

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
