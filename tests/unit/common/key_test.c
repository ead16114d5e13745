/* SPDX-License-Identifier: Apache-2.0 */
/* KEY-1 and KEY-4. */
#include "suites.h"

#include "key.h"

#include <string.h>

static const char *const good[] = {
    "a",
    "a/b",
    "sha256/ab/abcdef",
    "a b",
    "...",
    ".a",
    "a.",
    "a..b",
    "..a/b..",
    "a/.b/c",
    "~",
    "%2e%2e",
    "a\\..\\b",
    "uploads",
    "uploads/x",
    "\xc2\xa0",         /* U+00A0, the first after the C1 controls */
    "\xdf\xbf",         /* U+07FF */
    "\xe0\xa0\x80",     /* U+0800 */
    "\xed\x9f\xbf",     /* U+D7FF, the last before the surrogates */
    "\xee\x80\x80",     /* U+E000, the first after them */
    "\xef\xbf\xbf",     /* U+FFFF */
    "\xf0\x90\x80\x80", /* U+10000 */
    "\xf4\x8f\xbf\xbf", /* U+10FFFF, the last of all */
    "\xe6\x97\xa5\xe6\x9c\xac/\xf0\x9f\x90\xb3",
};

static const char *const bad[] = {
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "//",
    ".",
    "..",
    "./a",
    "../a",
    "a/.",
    "a/..",
    "a/./b",
    "a/../b",
    "a\nb",
    "a\tb",
    "\x01",
    "\x1f",
    "\x7f",
    "a\x7f",
    "\xc2\x80",   /* U+0080, the first C1 control */
    "a\xc2\x85z", /* U+0085 NEL */
    "\xc2\x9f",   /* U+009F, the last */
    "\x80",       /* begins with a continuation */
    "\xbf",
    "\xc2", /* ends early */
    "\xc2/",
    "\xe2\x82",
    "\xf0\x9f\x90",
    "\xc0\x80",         /* NUL, overlong */
    "\xc0\xae\xc0\xae", /* "..", overlong */
    "\xc1\xbf",
    "\xe0\x80\xaf", /* "/", overlong in three */
    "\xe0\x9f\xbf",
    "\xf0\x80\x80\xaf", /* and in four */
    "\xf0\x8f\xbf\xbf",
    "\xed\xa0\x80",     /* U+D800 */
    "\xed\xbf\xbf",     /* U+DFFF */
    "\xf4\x90\x80\x80", /* U+110000 */
    "\xf5\x80\x80\x80",
    "\xf8\x88\x80\x80\x80",
    "\xff",
    "\xfe",
    "caf\xe9", /* Latin-1 */
};

static regstore_status check(const char *key)
{
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    const regstore_status status = plug_key_check(&call, key, "the_argument");
    if (status != REGSTORE_OK) {
        ck_assert_ptr_nonnull(strstr(call.error.message, "the_argument"));
        for (const char *p = call.error.message; *p != '\0'; p++)
            ck_assert(*p >= ' ' && *p <= '~'); /* the reason, never the key itself */
    }
    return status;
}

START_TEST(good_keys_are_keys)
{
    ck_assert_int_eq(check(good[_i]), REGSTORE_OK);
}
END_TEST

START_TEST(bad_keys_are_invalid_and_the_argument_is_named)
{
    ck_assert_int_eq(check(bad[_i]), REGSTORE_INVALID);
}
END_TEST

START_TEST(key_that_is_null_is_invalid)
{
    ck_assert_int_eq(check(NULL), REGSTORE_INVALID);
}
END_TEST

START_TEST(longest_key_has_1023_bytes)
{
    char key[REGSTORE_KEY_MAX + 1];
    memset(key, 'k', sizeof key);
    key[REGSTORE_KEY_MAX - 1] = '\0';
    ck_assert_uint_eq(strlen(key), 1023);
    ck_assert_int_eq(check(key), REGSTORE_OK);
    key[REGSTORE_KEY_MAX - 1] = 'k';
    key[REGSTORE_KEY_MAX] = '\0';
    ck_assert_int_eq(check(key), REGSTORE_INVALID);
}
END_TEST

START_TEST(each_ascii_character_but_controls_and_slash_is_a_key)
{
    for (int c = 1; c < 0x80; c++) {
        const char key[] = {(char)c, '\0'};
        const bool is_good = c > 0x1f && c != 0x7f && c != '/' && c != '.';
        ck_assert_int_eq(check(key), is_good ? REGSTORE_OK : REGSTORE_INVALID);
    }
}
END_TEST

static const struct {
    const char *key;
    regstore_status status;
} targets[] = {
    {"uploads", REGSTORE_INVALID},     {"uploads/x", REGSTORE_INVALID},
    {"uploads/x/y", REGSTORE_INVALID}, {"uploads.x", REGSTORE_OK},
    {"uploadsx/y", REGSTORE_OK},       {"Uploads/x", REGSTORE_OK},
    {"a/uploads/x", REGSTORE_OK},      {"upload/s", REGSTORE_OK},
    {"../x", REGSTORE_INVALID},        {"", REGSTORE_INVALID},
};

START_TEST(nothing_is_written_to_what_is_the_backends)
{
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_key_check_target(&call, targets[_i].key, "to"), targets[_i].status);
}
END_TEST

static const struct {
    const char *text;
    regstore_status status;
} prefixes[] = {
    {"", REGSTORE_OK},          {"a/", REGSTORE_OK},
    {"/", REGSTORE_OK},         {"a//", REGSTORE_OK},
    {"..", REGSTORE_OK},        {"uploads/", REGSTORE_OK},
    {"a\n", REGSTORE_INVALID},  {"\xc2\x80", REGSTORE_INVALID},
    {"\xff", REGSTORE_INVALID},
};

START_TEST(prefix_need_not_be_a_key)
{
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_prefix_check(&call, prefixes[_i].text, "prefix"), prefixes[_i].status);
}
END_TEST

Suite *key_suite(void)
{
    Suite *suite = suite_create("key");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, good_keys_are_keys, 0, COUNT(good));
    tcase_add_loop_test(tcase, bad_keys_are_invalid_and_the_argument_is_named, 0, COUNT(bad));
    tcase_add_test(tcase, key_that_is_null_is_invalid);
    tcase_add_test(tcase, longest_key_has_1023_bytes);
    tcase_add_test(tcase, each_ascii_character_but_controls_and_slash_is_a_key);
    tcase_add_loop_test(tcase, nothing_is_written_to_what_is_the_backends, 0, COUNT(targets));
    tcase_add_loop_test(tcase, prefix_need_not_be_a_key, 0, COUNT(prefixes));
    suite_add_tcase(suite, tcase);
    return suite;
}
