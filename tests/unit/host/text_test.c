/* SPDX-License-Identifier: Apache-2.0 */
/* What the command reads and writes as text: numbers, durations, ranges, JSON, log lines. */
#include "json.h"
#include "log.h"
#include "number.h"
#include "transfer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(number_is_digits_and_fits)
{
    uint64_t value = 7;
    ck_assert(number_parse("0", &value) && value == 0);
    ck_assert(number_parse("18446744073709551615", &value) && value == UINT64_MAX);
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1k", "0x1",
                                      "18446744073709551616", "99999999999999999999999"};
    value = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!number_parse(bad[i], &value) && value == 7, "%s", bad[i]);
}
END_TEST

START_TEST(duration_has_a_unit_of_time)
{
    static const struct {
        const char *text;
        uint64_t seconds;
    } good[] = {{"45", 45}, {"45s", 45}, {"30m", 1800}, {"12h", 43200}, {"2d", 172800}, {"0s", 0}};
    static const char *const bad[] = {"", "d", "2w", "2 d", "2dd", "-2d", "1.5h",
                                      "300000000000000d"};
    uint64_t seconds;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert(number_parse_duration(good[i].text, &seconds) && seconds == good[i].seconds);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!number_parse_duration(bad[i], &seconds), "%s", bad[i]);
}
END_TEST

START_TEST(range_includes_both_ends)
{
    static const struct {
        const char *text;
        uint64_t offset, length;
    } good[] = {
        {"0-0", 0, 1},
        {"5-9", 5, 5},
        {"5-", 5, 0},
        {"0-18446744073709551615", 0, 0},
        {"0-18446744073709551614", 0, UINT64_MAX},
    };
    static const char *const bad[] = {"", "-", "5", "-5", "9-5", "a-b", "1-2-3", "1 -2"};
    uint64_t offset, length;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(number_parse_range(good[i].text, &offset, &length), "%s", good[i].text);
        ck_assert_uint_eq(offset, good[i].offset);
        ck_assert_uint_eq(length, good[i].length);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!number_parse_range(bad[i], &offset, &length), "%s", bad[i]);
}
END_TEST

START_TEST(sizes_and_times_are_readable)
{
    char text[32];
    number_format_bytes(1023, text, sizeof(text));
    ck_assert_str_eq(text, "1023 B");
    number_format_bytes(1536, text, sizeof(text));
    ck_assert_str_eq(text, "1.5 KiB");
    number_format_bytes(UINT64_MAX, text, sizeof(text));
    ck_assert_str_eq(text, "16.0 EiB");
    /* Never 1024.0 of a unit: rounded, that is one of the next. */
    for (unsigned power = 20; power <= 60; power += 10) {
        char unit[16];
        (void)snprintf(unit, sizeof(unit), "1.0 %ciB", "MGTPE"[power / 10 - 2]);
        number_format_bytes((UINT64_C(1) << power) - 1, text, sizeof(text));
        ck_assert_str_eq(text, unit);
    }
    number_format_bytes(1023 * 1024, text, sizeof(text));
    ck_assert_str_eq(text, "1023.0 KiB");
    number_format_time(INT64_C(1786000000) * 1000000000 + 999999999, text, sizeof(text));
    ck_assert_str_eq(text, "2026-08-06T07:06:40Z");
}
END_TEST

START_TEST(content_key_is_quays)
{
    char key[REGSTORE_KEY_MAX];
    ck_assert(transfer_content_key("sha256:abcdef", key, sizeof(key)));
    ck_assert_str_eq(key, "sha256/ab/abcdef");
    static const char *const bad[] = {"", "abcdef", ":abcdef", "sha256:", "sha256:a",
                                      "sha256:ab/../x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!transfer_content_key(bad[i], key, sizeof(key)), "%s", bad[i]);
    ck_assert(!transfer_content_key("sha256:abcdef", key, 16));
}
END_TEST

static const struct {
    const char *text, *json;
} strings[] = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"a\"b\\c", "\"a\\\"b\\\\c\""},
    {"\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\\u007f\""},
    {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
    {"\xe2\x82\xac\xf0\x9f\x90\xb3", "\"\xe2\x82\xac\xf0\x9f\x90\xb3\""},
    {"\xff", "\"\\ufffd\""},
    {"\xc3", "\"\\ufffd\""},                          /* cut off */
    {"\xc3(", "\"\\ufffd(\""},                        /* not continued */
    {"\xc0\xaf", "\"\\ufffd\\ufffd\""},               /* too long for its value */
    {"\xe0\x9f\xbf", "\"\\ufffd\\ufffd\\ufffd\""},    /* likewise */
    {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},    /* a surrogate */
    {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* beyond U+10FFFF */
    {"\xf0\x9f\x90", "\"\\ufffd\\ufffd\\ufffd\""},    /* cut off */
};

START_TEST(json_text_is_json_whatever_the_bytes)
{
    char *written = NULL;
    size_t length = 0;
    struct json json = {.out = open_memstream(&written, &length)};
    ck_assert_ptr_nonnull(json.out);
    json_text(&json, NULL, strings[_i].text);
    ck_assert_int_eq(fclose(json.out), 0);
    ck_assert_str_eq(written, strings[_i].json);
    free(written);
}
END_TEST

START_TEST(json_values_are_separated_at_every_depth)
{
    char *written = NULL;
    size_t length = 0;
    struct json json = {.out = open_memstream(&written, &length)};
    ck_assert_ptr_nonnull(json.out);
    json_open(&json, NULL, '{');
    json_open(&json, "empty", '[');
    json_close(&json, ']');
    json_open(&json, "list", '[');
    json_number(&json, NULL, UINT64_MAX);
    json_text(&json, NULL, NULL);
    json_open(&json, NULL, '{');
    json_bool(&json, "a", true);
    json_close(&json, '}');
    json_close(&json, ']');
    json_bool(&json, "b", false);
    json_close(&json, '}');
    ck_assert_int_eq(fclose(json.out), 0);
    ck_assert_str_eq(written, "{\"empty\": [], \"list\": [18446744073709551615, null, "
                              "{\"a\": true}], \"b\": false}");
    free(written);
}
END_TEST

/* What log_event writes to standard error. */
static void capture(char *text, size_t cap, int32_t lowest, int32_t level,
                    const struct regstore_pair *fields, size_t n)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    log_event(&lowest, level, "an.event", fields, n);
    ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
    ck_assert_int_eq(close(ends[1]), 0);
    ssize_t got = read(ends[0], text, cap - 1);
    ck_assert_int_ge(got, 0);
    text[got] = '\0';
    (void)close(ends[0]), (void)close(saved);
}

START_TEST(log_line_is_one_line_and_printable)
{
    char text[4096], huge[3000];
    memset(huge, 'x', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    const struct regstore_pair fields[] = {
        {"n", "1"}, {"words", "two words"}, {"empty", ""}, {"none", NULL}, {"bad", "\033[31m\n"}};
    capture(text, sizeof(text), REGSTORE_LOG_INFO, REGSTORE_LOG_INFO, fields, 5);
    ck_assert_str_eq(text, "regstore: info: an.event n=1 words=\"two words\" empty=\"\" none=\"\" "
                           "bad=\"?[31m?\"\n");
    capture(text, sizeof(text), REGSTORE_LOG_WARNING, REGSTORE_LOG_INFO, fields, 5);
    ck_assert_str_eq(text, "");
    const struct regstore_pair long_field = {"long", huge};
    capture(text, sizeof(text), REGSTORE_LOG_WARNING, REGSTORE_LOG_ERROR, &long_field, 1);
    ck_assert_uint_eq(strlen(text), 2048);
    ck_assert_ptr_eq(strchr(text, '\n'), text + 2047);
}
END_TEST

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    Suite *suite = suite_create("command: text");
    TCase *tests = tcase_create("text");
    tcase_add_test(tests, number_is_digits_and_fits);
    tcase_add_test(tests, duration_has_a_unit_of_time);
    tcase_add_test(tests, range_includes_both_ends);
    tcase_add_test(tests, sizes_and_times_are_readable);
    tcase_add_test(tests, content_key_is_quays);
    tcase_add_loop_test(tests, json_text_is_json_whatever_the_bytes, 0,
                        (int)(sizeof(strings) / sizeof(strings[0])));
    tcase_add_test(tests, json_values_are_separated_at_every_depth);
    tcase_add_test(tests, log_line_is_one_line_and_printable);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
