/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdint.h>
#include <string.h>

#include "json_fields.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* What a source answers, with everything in it that JSON has. */
static const char whole[] =
    "\r\n{ \"Code\" : \"Success\", \"Access\\u004beyId\":\"AK\\/I\\\"\\\\D\",\n"
    "\t\"Secret\" : \"s\\u00e9\\ud83d\\ude00\xe2\x82\xac\", \"Version\":1, \"Life\":-0.5e+10,"
    "\"Nothing\":null, \"Is\":true, \"List\":[1,[],{},\"]\",[{\"Secret\":\"other\"}]],"
    "\"Inner\":{\"Secret\":\"not this one\"}, \"\":\"\" } \n";

struct taken {
    struct plug_buf key, secret, version, life, nothing, is;
    struct stss3_json_field fields[6];
};

static const char *take(struct taken *t, const char *text, size_t len)
{
    *t = (struct taken){.is = {0}};
    const struct stss3_json_field fields[] = {
        {"AccessKeyId", &t->key, false}, {"Secret", &t->secret, false},
        {"Version", &t->version, false}, {"Life", &t->life, false},
        {"Nothing", &t->nothing, false}, {"Is", &t->is, false},
    };
    memcpy(t->fields, fields, sizeof fields);
    return stss3_json_fields(text, len, t->fields, 6);
}

static void drop(struct taken *t)
{
    for (int i = 0; i < 6; i++)
        plug_buf_wipe(t->fields[i].text);
}

START_TEST(members_are_found_and_decoded)
{
    struct taken t;
    const char *wrong = take(&t, whole, strlen(whole));
    ck_assert_msg(wrong == NULL, "%s", wrong);
    ck_assert_str_eq(plug_buf_text(&t.key), "AK/I\"\\D");
    ck_assert_str_eq(plug_buf_text(&t.secret), "s\xc3\xa9\xf0\x9f\x98\x80\xe2\x82\xac");
    ck_assert_str_eq(plug_buf_text(&t.version), "1");
    ck_assert_str_eq(plug_buf_text(&t.life), "-0.5e+10");
    ck_assert_str_eq(plug_buf_text(&t.is), "true");
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(t.fields[i].is_given, t.fields[i].text != &t.nothing);
    drop(&t);
}
END_TEST

START_TEST(no_prefix_of_an_answer_is_an_answer)
{
    const size_t end = (size_t)(strrchr(whole, '}') - whole);
    for (size_t len = 0; len <= end; len++) {
        struct taken t;
        ck_assert_msg(take(&t, whole, len) != NULL, "the first %zu bytes were taken", len);
        drop(&t);
    }
}
END_TEST

/* Each would be another thing to another reader, or is nothing to any. */
static const struct {
    const char *text, *words;
} wrong_ones[] = {
    {"", "is empty"},
    {" ", "is empty"},
    {"[]", "no JSON object"},
    {"\"x\"", "no JSON object"},
    {"null", "no JSON object"},
    {"<xml/>", "no JSON object"},
    {"\xef\xbb\xbf{}", "no JSON object"},
    {"{}{}", "behind its end"},
    {"{} x", "behind its end"},
    {"{\"a\":1,}", "no text"},
    {"{,}", "no text"},
    {"{\"a\" 1}", "without a value"},
    {"{\"a\":}", "not JSON"},
    {"{a:1}", "no text"},
    {"{'a':1}", "no text"},
    {"{\"a\":[1,]}", "not JSON"},
    {"{\"a\":[1 2]}", "not JSON"},
    {"{\"a\":[1}", "not JSON"},
    {"{\"a\":{\"b\":1]}", "not JSON"},
    {"{\"a\":1 \"b\":2}", "not JSON"},
    {"{\"a\":01}", "number"},
    {"{\"a\":-}", "number"},
    {"{\"a\":1.}", "number"},
    {"{\"a\":1e}", "number"},
    {"{\"a\":.5}", "not JSON"},
    {"{\"a\":+1}", "not JSON"},
    {"{\"a\":0x1}", "not JSON"},
    {"{\"a\":tru}", "not JSON"},
    {"{\"a\":NaN}", "not JSON"},
    {"{\"a\":\"\\x41\"}", "escape"},
    {"{\"a\":\"\\u12g4\"}", "four hex digits"},
    {"{\"a\":\"\\u0000\"}", "u0000"},
    {"{\"a\":\"\\ud83d\"}", "half a character"},
    {"{\"a\":\"\\ud83dx\"}", "half a character"},
    {"{\"a\":\"\\ud83d\\u0041\"}", "half a character"},
    {"{\"a\":\"\\ude00\"}", "half a character"},
    {"{\"a\":\"line\nbreak\"}", "control character"},
    {"{\"a\":\"\xff\"}", "UTF-8"},
    {"{\"a\":\"\xc0\xaf\"}", "UTF-8"},
    {"{\"a\":\"\xed\xa0\x80\"}", "UTF-8"},
    {"{\"a\":\"\xf4\x90\x80\x80\"}", "UTF-8"},
    {"{\"a\":\"\xe2\x82\"}", "UTF-8"},
    {"{\"Secret\":\"one\",\"Secret\":\"two\"}", "twice"},
    {"{\"Secret\":\"one\",\"\\u0053ecret\":\"two\"}", "twice"},
    {"{\"Secret\":{\"x\":1}}", "where a text must be"},
    {"{\"Secret\":[\"x\"]}", "where a text must be"},
    {"/* c */{}", "no JSON object"},
    {"{\"a\":1}//", "behind its end"},
};

START_TEST(what_is_not_strictly_json_is_refused)
{
    struct taken t;
    const char *wrong = take(&t, wrong_ones[_i].text, strlen(wrong_ones[_i].text));
    ck_assert_msg(wrong != NULL, "taken: %s", wrong_ones[_i].text);
    ck_assert_msg(strstr(wrong, wrong_ones[_i].words) != NULL, "%s: %s", wrong_ones[_i].text,
                  wrong);
    drop(&t);
}
END_TEST

START_TEST(zero_byte_ends_nothing)
{
    static const char text[] = "{\"Secret\":\"a\"}\0{\"Secret\":\"b\"}";
    static const char inside[] = "{\"Secret\":\"a\0b\"}";
    struct taken t;
    ck_assert_ptr_nonnull(take(&t, text, sizeof text - 1));
    drop(&t);
    ck_assert_ptr_nonnull(take(&t, inside, sizeof inside - 1));
    drop(&t);
}
END_TEST

START_TEST(depth_and_size_are_bounded)
{
    struct plug_buf text = {0};
    struct taken t;
    for (int depth = STSS3_JSON_DEPTH_MAX - 1; depth <= STSS3_JSON_DEPTH_MAX; depth++) {
        plug_buf_reset(&text);
        plug_buf_str(&text, "{\"a\":");
        for (int i = 1; i < depth; i++)
            plug_buf_char(&text, '[');
        plug_buf_str(&text, "[");
        for (int i = 0; i < depth; i++)
            plug_buf_char(&text, ']');
        plug_buf_char(&text, '}');
        const char *wrong = take(&t, text.data, text.len);
        ck_assert_int_eq(wrong == NULL, depth < STSS3_JSON_DEPTH_MAX);
        drop(&t);
    }
    plug_buf_reset(&text);
    plug_buf_str(&text, "{}");
    while (text.len < STSS3_JSON_BYTES_MAX)
        plug_buf_char(&text, ' ');
    ck_assert_ptr_null(take(&t, text.data, text.len));
    drop(&t);
    plug_buf_char(&text, ' ');
    ck_assert_ptr_nonnull(take(&t, text.data, text.len));
    drop(&t);
    plug_buf_clear(&text);
}
END_TEST

/* Whatever byte is changed: never a crash, and never words with a piece of the text in them. */
START_TEST(words_never_quote_the_answer)
{
    char text[sizeof whole];
    for (size_t at = 0; at < sizeof whole - 1; at++)
        for (int byte = 0; byte < 256; byte++) {
            struct taken t;
            memcpy(text, whole, sizeof text);
            text[at] = (char)byte;
            const char *wrong = take(&t, text, sizeof whole - 1);
            ck_assert(wrong == NULL || strstr(wrong, "other") == NULL);
            ck_assert(wrong == NULL || wrong < text || wrong >= text + sizeof text);
            drop(&t);
        }
}
END_TEST

Suite *json_fields_suite(void)
{
    Suite *suite = suite_create("json_fields");
    TCase *c = tcase_create("json_fields");
    tcase_add_test(c, members_are_found_and_decoded);
    tcase_add_test(c, no_prefix_of_an_answer_is_an_answer);
    tcase_add_loop_test(c, what_is_not_strictly_json_is_refused, 0, COUNT(wrong_ones));
    tcase_add_test(c, zero_byte_ends_nothing);
    tcase_add_test(c, depth_and_size_are_bounded);
    tcase_add_test(c, words_never_quote_the_answer);
    suite_add_tcase(suite, c);
    return suite;
}
