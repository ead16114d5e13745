/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "proxy.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct {
    const char *url, *authority, *user, *password; /* authority NULL: refused */
    bool tls;
} urls[] = {
    {"http://proxy:3128", "proxy:3128", NULL, NULL, false},
    {"http://proxy:3128/", "proxy:3128", NULL, NULL, false},
    {"proxy:3128", "proxy:3128", NULL, NULL, false},
    {"HTTPS://Proxy.Example", "proxy.example", NULL, NULL, true},
    {"http://[::1]:3128", "[::1]:3128", NULL, NULL, false},
    {"http://user:secret@proxy:3128", "proxy:3128", "user", "secret", false},
    {"user:secret@proxy:3128", "proxy:3128", "user", "secret", false},
    {"http://user@proxy", "proxy", "user", "", false},
    {"http://us%40er:a%2fb+c%25:d@proxy", "proxy", "us@er", "a/b+c%:d", false},
    {"http://user:p@ss@proxy", "proxy", "user", "p@ss", false},
    {"socks5://user:secret@proxy:1080", NULL, NULL, NULL, false},
    {"http://user:sec%ret@proxy", NULL, NULL, NULL, false},
    {"http://user:secret@", NULL, NULL, NULL, false},
    {"http://user:secret@proxy:99999", NULL, NULL, NULL, false},
    {"http://user:secret@proxy/path", NULL, NULL, NULL, false},
    {"", NULL, NULL, NULL, false},
};

START_TEST(url_of_a_proxy_is_read_and_refusals_hold_no_secret)
{
    struct stss3_proxies p = {0};
    const char *wrong = stss3_proxy_parse(urls[_i].url, &p.https);
    ck_assert_msg((wrong == NULL) == (urls[_i].authority != NULL), "%s", urls[_i].url);
    ck_assert_int_eq(p.https.is_set, wrong == NULL);
    if (wrong != NULL) {
        ck_assert_ptr_null(strstr(wrong, "sec"));
    } else {
        ck_assert_str_eq(p.https.endpoint.authority, urls[_i].authority);
        ck_assert_int_eq(p.https.endpoint.tls, urls[_i].tls);
        ck_assert_pstr_eq(p.https.user, urls[_i].user);
        ck_assert_pstr_eq(p.https.password, urls[_i].password);
    }
    stss3_proxies_clear(&p);
}
END_TEST

static const struct {
    const char *no_proxy, *url;
    bool is_straight;
} ways[] = {
    {NULL, "https://s3.us-east-1.amazonaws.com/key", false},
    {"", "https://s3.us-east-1.amazonaws.com/key", false},
    {"*", "https://s3.us-east-1.amazonaws.com/key", true},
    {"localhost, *", "https://s3.us-east-1.amazonaws.com/key", true},
    {"amazonaws.com", "https://s3.us-east-1.amazonaws.com/key", true},
    {".amazonaws.com", "https://s3.us-east-1.amazonaws.com/key", true},
    {"*.amazonaws.com", "https://s3.us-east-1.amazonaws.com/key", true},
    {"AmazonAWS.com", "https://S3.us-east-1.amazonaws.com/key", true},
    {"naws.com", "https://s3.us-east-1.amazonaws.com/key", false},
    {"s3.us-east-1.amazonaws.com.evil", "https://s3.us-east-1.amazonaws.com/key", false},
    {"amazonaws.com", "https://evil.example/amazonaws.com", false},
    {"a,b,s3.example.com,c", "https://s3.example.com/key", true},
    {"a b s3.example.com", "https://s3.example.com/key", true},
    {"s3.example.com:9000", "https://s3.example.com:9000/", true},
    {"s3.example.com:9000", "https://s3.example.com/", false},
    {"s3.example.com:443", "https://s3.example.com/", true},
    {"10.1.2.3", "http://10.1.2.3:9000/", true},
    {"10.1.2.3", "http://10.1.2.33/", false},
    {"10.1.2.3:9000", "http://10.1.2.3:9001/", false},
    {"0.1.2.3", "http://10.1.2.3/", false},
    {"10.0.0.0/8", "http://10.1.2.3/", true},
    {"10.0.0.0/8", "http://11.1.2.3/", false},
    {"172.16.0.0/12", "http://172.31.255.255/", true},
    {"172.16.0.0/12", "http://172.32.0.0/", false},
    {"0.0.0.0/0", "http://1.2.3.4/", true},
    {"10.0.0.0/", "http://10.0.0.0/", false},
    {"10.0.0.0/x", "http://10.0.0.0/", false},
    {"10.0.0.0/33", "http://10.0.0.0/", false},
    {"::1", "http://[::1]:9000/", true},
    {"[::1]", "http://[::1]:9000/", true},
    {"[::1]:80", "http://[::1]:9000/", false},
    {"[::1", "http://[::1]:9000/", false},
    {"fd00::/8", "http://[fd12::1]/", true},
    {"fd00::/8", "http://[fe12::1]/", false},
    {"10.0.0.0/8", "http://[::1]/", false},
    {".", "http://a.example/", false},
    /* Credentials of the machine: never by a proxy. */
    {NULL, "http://169.254.169.254/latest/meta-data/", true},
    {NULL, "http://169.254.170.23/v1/credentials", true},
    {NULL, "http://169.255.0.1/", false},
    {NULL, "http://[fe80::1]/", true},
    {NULL, "http://[fd00:ec2::254]/latest/", true},
    {NULL, "http://[fd00:ec3::254]/latest/", false},
};

START_TEST(no_proxy_and_link_local_addresses_are_gone_to_straight)
{
    struct stss3_proxies p = {0};
    ck_assert_ptr_null(stss3_proxy_parse("http://proxy:3128", &p.http));
    ck_assert_ptr_null(stss3_proxy_parse("http://proxy:3128", &p.https));
    p.no_proxy = ways[_i].no_proxy == NULL ? NULL : strdup(ways[_i].no_proxy);
    ck_assert_msg((stss3_proxies_choose(&p, ways[_i].url) == NULL) == ways[_i].is_straight,
                  "%s for %s", ways[_i].no_proxy, ways[_i].url);
    stss3_proxies_clear(&p);
}
END_TEST

START_TEST(each_scheme_has_its_own_proxy)
{
    struct stss3_proxies p = {0};
    ck_assert_ptr_null(stss3_proxies_choose(&p, "http://a/"));
    ck_assert_ptr_null(stss3_proxy_parse("http://plain:1", &p.http));
    ck_assert_ptr_eq(stss3_proxies_choose(&p, "http://a/"), &p.http);
    ck_assert_ptr_null(stss3_proxies_choose(&p, "https://a/"));
    ck_assert_ptr_null(stss3_proxy_parse("http://safe:1", &p.https));
    ck_assert_ptr_eq(stss3_proxies_choose(&p, "https://a/"), &p.https);
    ck_assert_ptr_null(stss3_proxies_choose(&p, "no URL"));
    stss3_proxies_clear(&p);
}
END_TEST

Suite *proxy_suite(void)
{
    Suite *suite = suite_create("proxy");
    TCase *tcase = tcase_create("proxy");
    tcase_add_loop_test(tcase, url_of_a_proxy_is_read_and_refusals_hold_no_secret, 0, COUNT(urls));
    tcase_add_loop_test(tcase, no_proxy_and_link_local_addresses_are_gone_to_straight, 0,
                        COUNT(ways));
    tcase_add_test(tcase, each_scheme_has_its_own_proxy);
    suite_add_tcase(suite, tcase);
    return suite;
}
