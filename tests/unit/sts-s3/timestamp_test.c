/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "timestamp.h"

#define S STSS3_NS_PER_S

static const struct {
    const char *text;
    int64_t ns;
} iso[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2015-08-30T12:36:00Z", 1440938160 * S},
    {"2026-10-18T07:05:09.123Z", 1792307109 * S + 123000000},
    {"2026-10-18T07:05:09.123456789Z", 1792307109 * S + 123456789},
    {"2026-10-18T07:05:09.1234567899Z", 1792307109 * S + 123456789},
    {"2026-10-18T09:05:09+02:00", 1792307109 * S},
    {"2026-10-18T01:35:09.5-05:30", 1792307109 * S + 500000000},
    {"2000-02-29T00:00:00Z", 951782400 * S},
    {"2016-12-31T23:59:60Z", 1483228800 * S},
    {"1970-01-01T01:00:00+01:00", 0},
    {"2199-12-31T23:59:59.999999999Z", 7258118400 * S - 1},
};

START_TEST(iso_time_is_read_with_and_without_fraction_and_offset)
{
    int64_t ns = 0;
    ck_assert_msg(stss3_time_parse_iso(iso[_i].text, &ns), "%s", iso[_i].text);
    ck_assert_int_eq(ns, iso[_i].ns);
}
END_TEST

static const char *const no_iso[] = {
    "",
    "2026-10-18",
    "2026-10-18T07:05:09",
    "2026-10-18T07:05:09.Z",
    "2026-10-18T07:05:09Zx",
    "2026-10-18 07:05:09Z",
    "2026-10-18T07:05:9Z",
    "2026-13-18T07:05:09Z",
    "2026-00-18T07:05:09Z",
    "2026-02-29T07:05:09Z",
    "1900-02-29T07:05:09Z",
    "2026-10-00T07:05:09Z",
    "2026-10-18T24:05:09Z",
    "2026-10-18T07:60:09Z",
    "2026-10-18T07:05:61Z",
    "2026-10-18T07:05:09+2:00",
    "2026-10-18T07:05:09+24:00",
    "1969-12-31T23:59:59Z", /* of years that no service is in */
    "1970-01-01T00:59:59+01:00",
    "2200-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "-026-10-18T07:05:09Z",
};

START_TEST(what_is_no_iso_time_is_refused_and_leaves_the_result_alone)
{
    int64_t ns = 42;
    ck_assert_msg(!stss3_time_parse_iso(no_iso[_i], &ns), "%s", no_iso[_i]);
    ck_assert_int_eq(ns, 42);
}
END_TEST

START_TEST(http_time_is_read)
{
    int64_t ns = 0;
    ck_assert(stss3_time_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &ns));
    ck_assert_int_eq(ns, 784111777 * S);
    ck_assert(stss3_time_parse_http("Thu, 29 Feb 2024 00:00:00 GMT", &ns));
    ck_assert_int_eq(ns, 1709164800 * S);
}
END_TEST

static const char *const no_http[] = {
    "",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    "Sun, 06 Nov 1994 08:49:37 CET",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Xyz, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
};

START_TEST(what_is_no_http_time_is_refused)
{
    int64_t ns = 42;
    ck_assert_msg(!stss3_time_parse_http(no_http[_i], &ns), "%s", no_http[_i]);
    ck_assert_int_eq(ns, 42);
}
END_TEST

static const struct {
    const char *text;
    bool ok;
    uint64_t ms;
} retries[] = {
    {"0", true, 0},
    {"120", true, 120000},
    {"86400", true, 86400000},
    {"86401", true, 86400000},
    {"99999999999999999999999999", true, 86400000},
    {"18446744073709551626", true, 86400000}, /* 10, where 64 bits wrap */
    {"Sun, 06 Nov 1994 08:49:47 GMT", true, 10000},
    {"Sun, 06 Nov 1994 08:49:37 GMT", true, 0},
    {"Sun, 06 Nov 1994 08:49:27 GMT", true, 0},
    {"Sun, 06 Nov 2044 08:49:27 GMT", true, 86400000},
    {"", false, 7},
    {"-1", false, 7},
    {"1.5", false, 7},
    {"soon", false, 7},
};

START_TEST(retry_after_is_seconds_or_a_date_and_never_more_than_a_day)
{
    uint64_t ms = 7;
    ck_assert_msg(stss3_time_parse_retry_after(retries[_i].text, 784111777 * S, &ms) ==
                      retries[_i].ok,
                  "%s", retries[_i].text);
    ck_assert_uint_eq(ms, retries[_i].ms);
}
END_TEST

START_TEST(retry_after_at_the_ends_of_time_does_not_overflow)
{
    uint64_t ms = 7;
    ck_assert(stss3_time_parse_retry_after("Sun, 06 Nov 2044 08:49:27 GMT", INT64_MIN, &ms));
    ck_assert_uint_eq(ms, 86400000);
    ck_assert(stss3_time_parse_retry_after("Sun, 06 Nov 2044 08:49:27 GMT", INT64_MAX, &ms));
    ck_assert_uint_eq(ms, 0);
}
END_TEST

/* The C library's calendar is the oracle: every day from 1970 on, at a time that moves. */
START_TEST(amz_date_agrees_with_the_calendar_and_reads_back)
{
    for (int64_t s = 0; s < INT64_C(7258118400); s += 86400 + 61) { /* 2200 */
        char ours[STSS3_AMZ_DATE_MAX], theirs[64];
        const time_t t = (time_t)s;
        struct tm tm;
        int64_t back = -1;

        stss3_time_amz_date(s * S + S - 1, ours);
        ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
        ck_assert_uint_gt(strftime(theirs, sizeof theirs, "%Y%m%dT%H%M%SZ", &tm), 0);
        if (strcmp(ours, theirs) != 0) /* Check is slow to say that all is well */
            ck_abort_msg("%s is %s", ours, theirs);
        (void)strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", &tm);
        if (!stss3_time_parse_iso(theirs, &back) || back != s * S)
            ck_abort_msg("%s does not read back", theirs);
    }
}
END_TEST

START_TEST(amz_date_before_1970_is_its_first_second)
{
    char out[STSS3_AMZ_DATE_MAX];
    stss3_time_amz_date(-100 * S, out);
    ck_assert_str_eq(out, "19700101T000000Z");
    stss3_time_amz_date(INT64_MIN, out);
    ck_assert_str_eq(out, "19700101T000000Z");
    stss3_time_amz_date(INT64_MAX, out);
    ck_assert_str_eq(out, "22620411T234716Z");
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

Suite *timestamp_suite(void)
{
    Suite *suite = suite_create("timestamp");
    TCase *c = tcase_create("timestamp");
    tcase_add_loop_test(c, iso_time_is_read_with_and_without_fraction_and_offset, 0, COUNT(iso));
    tcase_add_loop_test(c, what_is_no_iso_time_is_refused_and_leaves_the_result_alone, 0,
                        COUNT(no_iso));
    tcase_add_test(c, http_time_is_read);
    tcase_add_loop_test(c, what_is_no_http_time_is_refused, 0, COUNT(no_http));
    tcase_add_loop_test(c, retry_after_is_seconds_or_a_date_and_never_more_than_a_day, 0,
                        COUNT(retries));
    tcase_add_test(c, retry_after_at_the_ends_of_time_does_not_overflow);
    tcase_add_test(c, amz_date_agrees_with_the_calendar_and_reads_back);
    tcase_add_test(c, amz_date_before_1970_is_its_first_second);
    suite_add_tcase(suite, c);
    return suite;
}
