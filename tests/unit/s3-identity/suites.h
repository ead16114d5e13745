/* SPDX-License-Identifier: Apache-2.0 */
/* The suites of this program: where the S3 plugin's credentials come from. */
#ifndef TEST_SUITES_H
#define TEST_SUITES_H

#include <check.h>

Suite *closing_suite(void);
Suite *crowd_suite(void);
Suite *json_suite(void);
Suite *plan_suite(void);
Suite *program_suite(void);
Suite *who_suite(void);

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

#endif
