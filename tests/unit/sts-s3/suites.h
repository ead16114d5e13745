/* SPDX-License-Identifier: Apache-2.0 */
/* The suites of this program: what in the S3 plugin is pure. */
#ifndef TEST_SUITES_H
#define TEST_SUITES_H

#include <check.h>

Suite *checksum_suite(void);
Suite *json_fields_suite(void);
Suite *memory_suite(void);
Suite *part_size_suite(void);
Suite *profile_file_suite(void);
Suite *provider_suite(void);
Suite *proxy_suite(void);
Suite *region_suite(void);
Suite *sigv4_suite(void);
Suite *timestamp_suite(void);
Suite *uri_suite(void);
Suite *xml_suite(void);

#endif
