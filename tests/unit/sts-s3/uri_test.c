/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "uri.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct {
    const char *text;
    bool keep_slash;
    const char *encoded;
} encodings[] = {
    {"", true, ""},
    {"AZaz09-_.~", true, "AZaz09-_.~"},
    {"a/b", true, "a/b"},
    {"a/b", false, "a%2Fb"},
    {" +%&=?#", true, "%20%2B%25%26%3D%3F%23"},
    {"@[`{\x7f", true, "%40%5B%60%7B%7F"},
    {"\xe1\x88\xb4", true, "%E1%88%B4"},
    {"\x01\xff", true, "%01%FF"},
};

START_TEST(all_but_unreserved_bytes_is_encoded)
{
    struct plug_buf out = {0};
    stss3_uri_encode(&out, encodings[_i].text, strlen(encodings[_i].text),
                     encodings[_i].keep_slash);
    ck_assert_str_eq(plug_buf_text(&out), encodings[_i].encoded);
    plug_buf_clear(&out);
}
END_TEST

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

START_TEST(random_bytes_survive_encoding_and_decoding)
{
    uint32_t state = 1;
    struct plug_buf coded = {0}, back = {0};

    for (int round = 0; round < 5000; round++) {
        char text[64];
        const size_t len = next_random(&state) % sizeof text;
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(1 + next_random(&state) % 255);
        plug_buf_reset(&coded);
        plug_buf_reset(&back);
        stss3_uri_encode(&coded, text, len, round % 2 == 0);
        if (!stss3_uri_decode(&back, plug_buf_text(&coded), coded.len) || back.len != len ||
            (len != 0 && memcmp(plug_buf_text(&back), text, len) != 0))
            ck_abort_msg("round %d: %s", round, plug_buf_text(&coded));
    }
    plug_buf_clear(&coded);
    plug_buf_clear(&back);
}
END_TEST

START_TEST(plus_in_a_list_is_a_space_and_encoded_plus_is_a_plus)
{
    static const char text[] = "a+b%2Bc%2b%20d%c3%A9/";
    struct plug_buf out = {0};
    ck_assert(stss3_uri_decode(&out, text, strlen(text)));
    ck_assert_str_eq(plug_buf_text(&out), "a b+c+ d\xc3\xa9/");
    plug_buf_clear(&out);
}
END_TEST

START_TEST(damaged_encoding_is_refused)
{
    static const char *const damaged[] = {"%", "%4", "a%4", "%4g", "%g4", "%%41", "%00", "% 1"};
    for (int i = 0; i < COUNT(damaged); i++) {
        struct plug_buf out = {0};
        ck_assert_msg(!stss3_uri_decode(&out, damaged[i], strlen(damaged[i])), "%s", damaged[i]);
        plug_buf_clear(&out);
    }
}
END_TEST

/* The text ends where len says: what stands behind it is another field's. */
START_TEST(decoding_does_not_look_past_its_length)
{
    struct plug_buf out = {0};
    ck_assert(!stss3_uri_decode(&out, "%41", 2));
    plug_buf_clear(&out);
}
END_TEST

START_TEST(query_is_sorted_by_encoded_name_then_value)
{
    struct stss3_query q = {.n = 0};
    struct plug_buf out = {0};

    stss3_query_add(&q, "prefix", "a b+c/d");
    stss3_query_add(&q, "Param-3", "x");
    stss3_query_add(&q, "uploads", NULL);
    stss3_query_add(&q, "Param", "z");
    stss3_query_add(&q, "Param", "");
    stss3_query_add(&q, "Param", "y");
    stss3_query_add(&q, "\xe1\x88\xb4", "1");
    stss3_query_add_number(&q, "max-keys", 0);
    stss3_query_add_number(&q, "n", UINT64_MAX);
    stss3_query_render(&q, &out);
    ck_assert(!stss3_query_failed(&q));
    ck_assert_str_eq(plug_buf_text(&out),
                     "%E1%88%B4=1&Param=&Param=y&Param=z&Param-3=x&max-keys=0"
                     "&n=18446744073709551615&prefix=a%20b%2Bc%2Fd&uploads=");
    stss3_query_clear(&q);
    plug_buf_clear(&out);
}
END_TEST

START_TEST(empty_query_renders_as_nothing)
{
    const struct stss3_query q = {.n = 0};
    struct plug_buf out = {0};
    stss3_query_render(&q, &out);
    ck_assert_uint_eq(out.len, 0);
    plug_buf_clear(&out);
}
END_TEST

START_TEST(query_says_when_a_pair_did_not_fit)
{
    struct stss3_query q = {.n = 0};
    for (uint64_t i = 0; i < STSS3_QUERY_PAIRS; i++)
        stss3_query_add_number(&q, "n", i);
    ck_assert(!stss3_query_failed(&q));
    stss3_query_add(&q, "n", "more");
    ck_assert(stss3_query_failed(&q));
    stss3_query_clear(&q);
}
END_TEST

static const struct {
    const char *url;
    bool tls, is_address;
    unsigned port;
    const char *host, *authority;
} endpoints[] = {
    {"https://s3.example.com", true, false, 443, "s3.example.com", "s3.example.com"},
    {"HTTPS://S3.Example.COM/", true, false, 443, "s3.example.com", "s3.example.com"},
    {"http://localhost:8000", false, false, 8000, "localhost", "localhost:8000"},
    {"http://rgw:80/", false, false, 80, "rgw", "rgw"},
    {"https://rgw:80", true, false, 80, "rgw", "rgw:80"},
    {"http://rgw:443", false, false, 443, "rgw", "rgw:443"},
    {"https://my_host.svc:65535", true, false, 65535, "my_host.svc", "my_host.svc:65535"},
    {"http://127.0.0.1:7480", false, true, 7480, "127.0.0.1", "127.0.0.1:7480"},
    {"https://[::1]", true, true, 443, "::1", "[::1]"},
    {"http://[FD00::23]:8080/", false, true, 8080, "fd00::23", "[fd00::23]:8080"},
};

START_TEST(endpoint_is_read)
{
    struct stss3_endpoint e;
    const char *wrong = stss3_endpoint_parse(endpoints[_i].url, &e);
    ck_assert_msg(wrong == NULL, "%s %s", endpoints[_i].url, wrong);
    ck_assert_int_eq(e.tls, endpoints[_i].tls);
    ck_assert_int_eq(e.is_address, endpoints[_i].is_address);
    ck_assert_uint_eq(e.port, endpoints[_i].port);
    ck_assert_str_eq(e.host, endpoints[_i].host);
    ck_assert_str_eq(e.authority, endpoints[_i].authority);
}
END_TEST

static const struct {
    const char *url, *said;
} no_endpoints[] = {
    {"", "http"},
    {"s3.example.com", "http"},
    {"ftp://s3.example.com", "http"},
    {"https:/s3.example.com", "http"},
    {"https://", "no host"},
    {"https:///", "no host"},
    {"https://:443", "no host"},
    {"https://user:pw@s3.example.com", "password"},
    {"https://s3.example.com/bucket", "path"},
    {"https://s3.example.com//", "path"},
    {"https://s3.example.com?x=1", "query"},
    {"https://s3.example.com#x", "path"},
    {"https://s3.example.com:", "port"},
    {"https://s3.example.com:0", "port"},
    {"https://s3.example.com:65536", "port"},
    {"https://s3.example.com:000443", "port"},
    {"https://s3.example.com:44x", "port"},
    {"https://s3.example.com:-1", "port"},
    {"https://s3.example.com:4294967739", "port"},
    {"https://s3..example.com", "DNS"},
    {"https://.example.com", "DNS"},
    {"https://s3.example.com.", "DNS"},
    {"https://s3 .example.com", "DNS"},
    {"https://b\xc3\xbc" "cher.example", "DNS"},
    {"https://s3.example.com\n", "DNS"},
    {"https://1.2.3", "IPv4"},
    {"https://1.2.3.400", "IPv4"},
    {"https://[::1", "["},
    {"https://[::1]x", "behind"},
    {"https://[::1]:x", "port"},
    {"https://[1.2.3.4]", "IPv6"},
    {"https://[fe80::1%25eth0]", "IPv6"},
    {"https://[]", "no host"},
    {"https://::1", "no host"},
};

START_TEST(what_is_no_endpoint_is_refused_with_the_reason)
{
    struct stss3_endpoint e;
    const char *wrong = stss3_endpoint_parse(no_endpoints[_i].url, &e);
    ck_assert_msg(wrong != NULL, "'%s' was taken", no_endpoints[_i].url);
    ck_assert_msg(strstr(wrong, no_endpoints[_i].said) != NULL, "'%s': %s", no_endpoints[_i].url,
                  wrong);
}
END_TEST

START_TEST(host_longer_than_dns_allows_is_refused)
{
    struct stss3_endpoint e;
    char url[400] = "https://";
    size_t len = strlen(url);

    while (len < 8 + 253)
        len += (size_t)(stpcpy(url + len, "a.") - (url + len));
    url[8 + 253] = '\0';
    ck_assert_ptr_null(stss3_endpoint_parse(url, &e));
    ck_assert_uint_eq(strlen(e.host), 253);
    memcpy(url + 8 + 253, "b", 2);
    ck_assert_ptr_nonnull(stss3_endpoint_parse(url, &e));

    memset(url + 8, 'a', 64);
    url[8 + 63] = '\0';
    ck_assert_ptr_null(stss3_endpoint_parse(url, &e));
    memcpy(url + 8 + 63, "a", 2);
    ck_assert_ptr_nonnull(stss3_endpoint_parse(url, &e));
}
END_TEST

Suite *uri_suite(void)
{
    Suite *suite = suite_create("uri");
    TCase *c = tcase_create("uri");
    tcase_add_loop_test(c, all_but_unreserved_bytes_is_encoded, 0, COUNT(encodings));
    tcase_add_test(c, random_bytes_survive_encoding_and_decoding);
    tcase_add_test(c, plus_in_a_list_is_a_space_and_encoded_plus_is_a_plus);
    tcase_add_test(c, damaged_encoding_is_refused);
    tcase_add_test(c, decoding_does_not_look_past_its_length);
    tcase_add_test(c, query_is_sorted_by_encoded_name_then_value);
    tcase_add_test(c, empty_query_renders_as_nothing);
    tcase_add_test(c, query_says_when_a_pair_did_not_fit);
    tcase_add_loop_test(c, endpoint_is_read, 0, COUNT(endpoints));
    tcase_add_loop_test(c, what_is_no_endpoint_is_refused_with_the_reason, 0,
                        COUNT(no_endpoints));
    tcase_add_test(c, host_longer_than_dns_allows_is_refused);
    suite_add_tcase(suite, c);
    return suite;
}
