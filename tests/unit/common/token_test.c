/* SPDX-License-Identifier: Apache-2.0 */
/* The wire form of a resume token, and the cursor that reads what is inside. */
#include "suites.h"

#include "token.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "test1"

static struct plug_call call;

static regstore_status open_token(const char *magic, const char *token, struct plug_buf *body)
{
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    return plug_token_open(&call, magic, token, body);
}

static void seal(const struct plug_buf *body, char token[REGSTORE_TOKEN_MAX])
{
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_token_seal(&call, MAGIC, body, token, REGSTORE_TOKEN_MAX), REGSTORE_OK);
}

static void expect_refusal(const char *token)
{
    struct plug_buf body = {0};
    ck_assert_int_eq(open_token(MAGIC, token, &body), REGSTORE_INVALID);
    plug_buf_clear(&body);
}

START_TEST(body_of_any_bytes_comes_back)
{
    uint64_t random = 9;
    for (size_t len = 0; len < 3000; len += 1 + len / 7) {
        struct plug_buf body = {0}, back = {0};
        char token[REGSTORE_TOKEN_MAX];
        for (size_t i = 0; i < len; i++)
            plug_buf_char(&body, (char)next_random(&random));
        seal(&body, token);
        for (const char *p = token; *p != '\0'; p++)
            ck_assert(*p > ' ' && *p <= '~');
        ck_assert_int_eq(open_token(MAGIC, token, &back), REGSTORE_OK);
        ck_assert_uint_eq(back.len, len);
        ck_assert_mem_eq(plug_buf_text(&back), plug_buf_text(&body), len);
        plug_buf_clear(&body);
        plug_buf_clear(&back);
    }
}
END_TEST

static void seal_sample(char token[REGSTORE_TOKEN_MAX])
{
    struct plug_buf body = {0};
    plug_put_number(&body, 300);
    plug_put_text(&body, "some key");
    seal(&body, token);
    plug_buf_clear(&body);
}

START_TEST(token_with_any_byte_changed_is_refused)
{
    char token[REGSTORE_TOKEN_MAX];
    seal_sample(token);
    for (size_t i = 0; token[i] != '\0'; i++) {
        const char right = token[i];
        for (unsigned c = 1; c < 256; c++) {
            if ((char)c == right)
                continue;
            token[i] = (char)c;
            expect_refusal(token);
        }
        token[i] = right;
    }
}
END_TEST

START_TEST(token_cut_anywhere_or_lengthened_is_refused)
{
    char token[REGSTORE_TOKEN_MAX];
    seal_sample(token);
    const size_t len = strlen(token);
    for (size_t n = 0; n < len; n++) {
        char *cut = strndup(token, n); /* in its exact size, for a sanitizer */
        expect_refusal(cut);
        free(cut);
    }
    for (unsigned c = 1; c < 256; c++) {
        token[len] = (char)c;
        token[len + 1] = '\0';
        expect_refusal(token);
    }
}
END_TEST

START_TEST(token_of_another_backend_is_refused_and_the_message_says_so)
{
    char token[REGSTORE_TOKEN_MAX];
    struct plug_buf body = {0};
    seal_sample(token);
    ck_assert_int_eq(open_token("other", token, &body), REGSTORE_INVALID);
    ck_assert_ptr_nonnull(strstr(call.error.message, "'other.'"));
    /* The same body under another magic of the same length: the checksum knows it. */
    memcpy(token, "tesT1", 5);
    ck_assert_int_eq(open_token("tesT1", token, &body), REGSTORE_INVALID);
    plug_buf_clear(&body);
}
END_TEST

START_TEST(text_that_is_no_token_is_refused)
{
    static const char *const texts[] = {"",
                                        ".",
                                        "test1",
                                        "test1.",
                                        "test1.AAAA",
                                        "test1.....",
                                        "test1.AAAAAAAAAAA",
                                        "test10.AAAAAAAAAAA"};
    char *longest = malloc(REGSTORE_TOKEN_MAX + 1);
    memset(longest, 'A', REGSTORE_TOKEN_MAX);
    memcpy(longest, "test1.", 6);
    longest[REGSTORE_TOKEN_MAX] = '\0';
    for (size_t i = 0; i < COUNT(texts); i++)
        expect_refusal(texts[i]);
    expect_refusal(longest);
    free(longest);
}
END_TEST

START_TEST(token_that_does_not_fit_is_range_and_writes_nothing)
{
    struct plug_buf body = {0};
    char token[64], guard[64];
    memset(token, 'x', sizeof token);
    memset(guard, 'x', sizeof guard);
    plug_buf_str(&body, "twelve bytes");
    const size_t size = strlen(MAGIC) + 1 + (12 + 8) * 4 / 3 + 1 + 1; /* 20 bytes: 27 letters */
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_token_seal(&call, MAGIC, &body, token, size - 1), REGSTORE_RANGE);
    ck_assert_mem_eq(token, guard, sizeof token);
    ck_assert_int_eq(plug_token_seal(&call, MAGIC, &body, token, size), REGSTORE_OK);
    ck_assert_uint_eq(strlen(token), size - 1);
    plug_buf_clear(&body);
}
END_TEST

START_TEST(body_that_found_no_memory_is_not_sealed)
{
    struct plug_buf body = {.failed = true};
    char token[REGSTORE_TOKEN_MAX] = "";
    call = (struct plug_call){.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_token_seal(&call, MAGIC, &body, token, sizeof token), REGSTORE_NO_MEMORY);
    ck_assert_str_eq(token, "");
}
END_TEST

static struct plug_cursor cursor_of(const struct plug_buf *b)
{
    const uint8_t *at = (const uint8_t *)plug_buf_text(b);
    return (struct plug_cursor){.at = at, .end = at + b->len};
}

START_TEST(numbers_around_every_border_come_back)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int step = -1; step <= 1; step++) {
            const uint64_t value = (UINT64_C(1) << bit) + (uint64_t)step;
            struct plug_buf b = {0};
            plug_put_number(&b, value);
            plug_put_number(&b, 5);
            struct plug_cursor c = cursor_of(&b);
            ck_assert_uint_eq(plug_get_number(&c), value);
            ck_assert_uint_eq(plug_get_number(&c), 5);
            ck_assert(!c.failed && c.at == c.end);
            plug_buf_clear(&b);
        }
    }
}
END_TEST

static const struct {
    const char *bytes;
    size_t len;
    uint64_t value;
    bool is_good;
} numbers[] = {
    {"\x00", 1, 0, true},
    {"\x7f", 1, 127, true},
    {"\x80\x01", 2, 128, true},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, true},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 0, false},
    {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 10, 0, false},
    {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, 0, false},
    {"", 0, 0, false},
    {"\x80", 1, 0, false},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, 0, false},
};

START_TEST(number_that_ends_early_or_is_too_large_fails_the_cursor)
{
    uint8_t *copy = malloc(numbers[_i].len + 1);
    memcpy(copy + 1, numbers[_i].bytes, numbers[_i].len);
    struct plug_cursor c = {.at = copy + 1, .end = copy + 1 + numbers[_i].len};
    ck_assert_uint_eq(plug_get_number(&c), numbers[_i].value);
    ck_assert_int_eq(!c.failed, numbers[_i].is_good);
    ck_assert_ptr_eq(c.at, c.end);
    free(copy);
}
END_TEST

START_TEST(null_is_told_from_an_empty_text)
{
    struct plug_buf b = {0};
    plug_put_text(&b, NULL);
    plug_put_text(&b, "");
    plug_put_text(&b, "text");
    struct plug_cursor c = cursor_of(&b);
    char *none = plug_get_text(&c), *empty = plug_get_text(&c), *text = plug_get_text(&c);
    ck_assert(!c.failed);
    ck_assert_ptr_null(none);
    ck_assert_str_eq(empty, "");
    ck_assert_str_eq(text, "text");
    free(empty);
    free(text);
    plug_buf_clear(&b);
}
END_TEST

START_TEST(text_with_a_nul_inside_fails_the_cursor)
{
    struct plug_buf b = {0};
    plug_put_number(&b, 4);
    plug_buf_add(&b, "a\0b", 3);
    struct plug_cursor c = cursor_of(&b);
    ck_assert_ptr_null(plug_get_text(&c));
    ck_assert(c.failed);
    plug_buf_clear(&b);
}
END_TEST

START_TEST(empty_bytes_are_bytes)
{
    struct plug_buf b = {0};
    size_t len = 9;
    plug_put_bytes(&b, "", 0);
    plug_put_bytes(&b, "\0\1", 2);
    struct plug_cursor c = cursor_of(&b);
    ck_assert_ptr_nonnull(plug_get_bytes(&c, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_mem_eq(plug_get_bytes(&c, &len), "\0\1", 2);
    ck_assert_uint_eq(len, 2);
    ck_assert_ptr_null(plug_get_bytes(&c, &len));
    ck_assert(c.failed);
    plug_buf_clear(&b);
}
END_TEST

/* Any order of reads over any bytes stays inside them, and a failure lasts. */
START_TEST(cursor_never_leaves_its_bytes)
{
    uint64_t random = 21;
    for (int round = 0; round < 20000; round++) {
        const size_t size = (size_t)(next_random(&random) % 40);
        uint8_t *bytes = malloc(size + 1);
        for (size_t i = 0; i < size; i++)
            bytes[1 + i] = (uint8_t)(next_random(&random) & ((round & 1) != 0 ? 0x0f : 0xff));
        struct plug_cursor c = {.at = bytes + 1, .end = bytes + 1 + size};
        for (int step = 0; step < 20; step++) {
            const bool has_failed = c.failed;
            size_t len;
            switch (next_random(&random) % 3) {
            case 0:
                (void)plug_get_number(&c);
                break;
            case 1: {
                const uint8_t *view = plug_get_bytes(&c, &len);
                ck_assert(view == NULL ? len == 0 : view + len <= c.end);
                break;
            }
            default:
                free(plug_get_text(&c));
            }
            ck_assert(c.at <= c.end);
            ck_assert(!has_failed || c.failed);
        }
        free(bytes);
    }
}
END_TEST

Suite *token_suite(void)
{
    Suite *suite = suite_create("token");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, body_of_any_bytes_comes_back);
    tcase_add_test(tcase, token_with_any_byte_changed_is_refused);
    tcase_add_test(tcase, token_cut_anywhere_or_lengthened_is_refused);
    tcase_add_test(tcase, token_of_another_backend_is_refused_and_the_message_says_so);
    tcase_add_test(tcase, text_that_is_no_token_is_refused);
    tcase_add_test(tcase, token_that_does_not_fit_is_range_and_writes_nothing);
    tcase_add_test(tcase, body_that_found_no_memory_is_not_sealed);
    tcase_add_test(tcase, numbers_around_every_border_come_back);
    tcase_add_loop_test(tcase, number_that_ends_early_or_is_too_large_fails_the_cursor, 0,
                        COUNT(numbers));
    tcase_add_test(tcase, null_is_told_from_an_empty_text);
    tcase_add_test(tcase, text_with_a_nul_inside_fails_the_cursor);
    tcase_add_test(tcase, empty_bytes_are_bytes);
    tcase_add_test(tcase, cursor_never_leaves_its_bytes);
    suite_add_tcase(suite, tcase);
    return suite;
}
