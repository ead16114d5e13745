/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, codecs, and what the host offers. */
#include "suites.h"

#include "buf.h"
#include "bytes.h"
#include "host.h"

#include <stdlib.h>
#include <string.h>

START_TEST(buffer_holds_what_was_added_and_ends_in_nul)
{
    struct plug_buf b = {0};
    char expected[4000];
    ck_assert_str_eq(plug_buf_text(&b), "");
    for (size_t i = 0; i < sizeof expected - 1; i++) {
        expected[i] = (char)('a' + i % 26);
        plug_buf_char(&b, expected[i]);
        ck_assert_int_eq(b.data[b.len], '\0');
    }
    expected[sizeof expected - 1] = '\0';
    ck_assert_uint_eq(b.len, strlen(expected));
    ck_assert_str_eq(plug_buf_text(&b), expected);
    plug_buf_reset(&b);
    ck_assert_str_eq(plug_buf_text(&b), "");
    plug_buf_printf(&b, "%s-%d", "part", 7);
    plug_buf_str(&b, "!");
    ck_assert_str_eq(plug_buf_text(&b), "part-7!");
    plug_buf_clear(&b);
}
END_TEST

START_TEST(buffer_remembers_that_an_append_did_not_fit)
{
    struct plug_buf b = {0};
    plug_buf_str(&b, "kept");
    plug_buf_add(&b, "", SIZE_MAX / 2);
    plug_buf_str(&b, "more");
    ck_assert(plug_buf_failed(&b));
    ck_assert_str_eq(plug_buf_text(&b), "kept");
    ck_assert_ptr_null(plug_buf_steal(&b));
    ck_assert(!plug_buf_failed(&b));
}
END_TEST

START_TEST(stolen_empty_buffer_is_an_empty_text)
{
    struct plug_buf b = {0};
    char *text = plug_buf_steal(&b);
    ck_assert_str_eq(text, "");
    free(text);
    ck_assert_ptr_null(b.data);
}
END_TEST

/* RFC 4648, section 10, and two that tell the alphabets apart. */
static const struct {
    const char *data, *base64, *url;
} encodings[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xfe", "+//+", "-__-"},
    {"\xff", "/w==", "_w"},
};

START_TEST(base64_is_as_the_standard_has_it)
{
    struct plug_buf padded = {0}, url = {0}, back = {0};
    const uint8_t *data = (const uint8_t *)encodings[_i].data;
    const size_t len = strlen(encodings[_i].data);
    plug_base64(&padded, data, len);
    plug_base64url(&url, data, len);
    ck_assert_str_eq(plug_buf_text(&padded), encodings[_i].base64);
    ck_assert_str_eq(plug_buf_text(&url), encodings[_i].url);
    ck_assert(plug_base64url_decode(&back, plug_buf_text(&url), url.len));
    ck_assert_uint_eq(back.len, len);
    ck_assert_mem_eq(plug_buf_text(&back), data, len);
    plug_buf_clear(&padded);
    plug_buf_clear(&url);
    plug_buf_clear(&back);
}
END_TEST

static const char *const not_base64url[] = {
    "Z", "Zm9vY", "Zg==", "Zm8=", "Zm+v", "Zm/v", "Zm v", "Zm9v\n", "Zh", "Zm9", "\xc3\xa4vY",
};

START_TEST(what_is_not_base64url_is_refused)
{
    struct plug_buf b = {0};
    ck_assert(!plug_base64url_decode(&b, not_base64url[_i], strlen(not_base64url[_i])));
    plug_buf_clear(&b);
}
END_TEST

START_TEST(nul_inside_base64url_is_refused)
{
    struct plug_buf b = {0};
    ck_assert(!plug_base64url_decode(&b, "Zm\0v", 4));
    plug_buf_clear(&b);
}
END_TEST

START_TEST(any_bytes_come_back_from_base64url)
{
    uint64_t random = 1;
    uint8_t data[300];
    for (size_t len = 0; len <= sizeof data; len++) {
        struct plug_buf text = {0}, back = {0};
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)next_random(&random);
        plug_base64url(&text, data, len);
        ck_assert(plug_base64url_decode(&back, plug_buf_text(&text), text.len));
        ck_assert_uint_eq(back.len, len);
        ck_assert_mem_eq(plug_buf_text(&back), data, len);
        plug_buf_clear(&text);
        plug_buf_clear(&back);
    }
}
END_TEST

START_TEST(uuids_have_their_form_and_differ)
{
    char first[37], second[37];
    ck_assert(plug_uuid(first));
    ck_assert(plug_uuid(second));
    ck_assert_str_ne(first, second);
    ck_assert_uint_eq(strlen(first), 36);
    ck_assert_uint_eq(strspn(first, "0123456789abcdef-"), 36);
    ck_assert_int_eq(first[14], '4');
    ck_assert_ptr_nonnull(strchr("89ab", first[19]));
    static const uint8_t bytes[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                      0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    plug_uuid_of(bytes, first);
    ck_assert_str_eq(first, "00112233-4455-6677-8899-aabbccddeeff");
}
END_TEST

struct grown_host {
    struct regstore_host known;
    uint64_t newer;
};

static int64_t fixed_clock(void *ctx, int32_t which)
{
    ck_assert_int_eq(which, REGSTORE_CLOCK_REALTIME);
    return *(int64_t *)ctx;
}

START_TEST(host_of_a_newer_minor_is_taken_and_its_news_ignored)
{
    int64_t time_ns = 42;
    struct plug_host h;
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    const struct grown_host host = {
        {.struct_size = sizeof host, .ctx = &time_ns, .clock_ns = fixed_clock}, UINT64_MAX};
    ck_assert_int_eq(plug_host_init(&h, &call, &host.known), REGSTORE_OK);
    ck_assert_int_eq(plug_host_clock_ns(&h), 42);
}
END_TEST

START_TEST(host_that_offers_nothing_is_enough)
{
    struct plug_host h;
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    ck_assert_int_eq(plug_host_init(&h, &call, NULL), REGSTORE_OK);
    plug_logf(&h, REGSTORE_LOG_INFO, "event", "%d", 1);
    ck_assert_int_gt(plug_host_clock_ns(&h), INT64_C(1700000000) * 1000000000);
    const struct regstore_host small = {.struct_size = sizeof small - 8};
    ck_assert_int_eq(plug_host_init(&h, &call, &small), REGSTORE_INVALID);
}
END_TEST

Suite *bytes_suite(void)
{
    Suite *suite = suite_create("bytes");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, buffer_holds_what_was_added_and_ends_in_nul);
    tcase_add_test(tcase, buffer_remembers_that_an_append_did_not_fit);
    tcase_add_test(tcase, stolen_empty_buffer_is_an_empty_text);
    tcase_add_loop_test(tcase, base64_is_as_the_standard_has_it, 0, COUNT(encodings));
    tcase_add_loop_test(tcase, what_is_not_base64url_is_refused, 0, COUNT(not_base64url));
    tcase_add_test(tcase, nul_inside_base64url_is_refused);
    tcase_add_test(tcase, any_bytes_come_back_from_base64url);
    tcase_add_test(tcase, uuids_have_their_form_and_differ);
    tcase_add_test(tcase, host_of_a_newer_minor_is_taken_and_its_news_ignored);
    tcase_add_test(tcase, host_that_offers_nothing_is_enough);
    suite_add_tcase(suite, tcase);
    return suite;
}
