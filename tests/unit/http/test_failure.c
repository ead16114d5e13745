/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong below HTTP, by its name; and the budget for trying again. */
#include "client.h"
#include "server.h"
#include "suites.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define STEPS(script) (script), sizeof(script) / sizeof((script)[0])

static struct client client;

static void set_up(void)
{
    client_init(&client);
}

static void tear_down(void)
{
    client_close(&client);
}

static const struct {
    struct server_step step;
    enum stss3_transport transport;
    long http_status;
} breaks[] = {
    {{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", SERVER_CLOSES},
     STSS3_TRANSPORT_BROKEN, 200},
    {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf", SERVER_CLOSES},
     STSS3_TRANSPORT_BROKEN, 200},
    {{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", SERVER_RESETS},
     STSS3_TRANSPORT_BROKEN, 200},
    {{"", SERVER_CLOSES}, STSS3_TRANSPORT_BROKEN, 0},
    {{"", SERVER_RESETS}, STSS3_TRANSPORT_BROKEN, 0},
    {{"garbage\r\n\r\n", SERVER_CLOSES}, STSS3_TRANSPORT_BROKEN, 0},
    {{"HTTP/1.1 100 Continue\r\n\r\n", SERVER_CLOSES}, STSS3_TRANSPORT_BROKEN, 0},
    {{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456", 0}, STSS3_TRANSPORT_TOO_LONG, 200},
    /* What the page behind an error says need not be known: its status is. */
    {{"HTTP/1.1 503 Busy\r\nContent-Length: 6\r\n\r\n123456", 0}, STSS3_TRANSPORT_NONE, 503},
    {{"", SERVER_HANGS}, STSS3_TRANSPORT_STALLED, 0},
    {{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1", SERVER_HANGS},
     STSS3_TRANSPORT_STALLED, 200},
};

START_TEST(broken_answer_is_never_taken_for_a_whole_one)
{
    client.options.stall_timeout_ms = 300;
    client.options.attempts = 1;
    client_open(&client);
    struct server *server = server_start(&breaks[_i].step, 1);
    for (int is_sink = 0; is_sink < 2; is_sink++) {
        uint8_t sink[5];
        struct errand errand = {0};
        struct stss3_request *request =
            errand_request(&errand, "GET", server_url(server, "/?X-Amz-Signature=secret"));
        request->sink = is_sink ? sink : NULL;
        request->sink_cap = request->answer_max = sizeof sink;
        ck_assert_int_ne(start_and_finish(&client, request), REGSTORE_OK);
        ck_assert_int_eq(request->transport, breaks[_i].transport);
        ck_assert_int_eq(request->http_status, breaks[_i].http_status);
        ck_assert_uint_gt(strlen(request->transport_text), 0);
        ck_assert_ptr_null(strstr(request->transport_text, "secret"));
        drop(request);
    }
    server_stop(server);
}
END_TEST

static const struct {
    const char *url;
    enum stss3_transport transport;
} nowhere[] = {
    {"http://127.0.0.1:1/?secret", STSS3_TRANSPORT_CONNECT},
    {"http://nowhere.invalid/?secret", STSS3_TRANSPORT_RESOLVE},
    {"ftp://127.0.0.1/?secret", STSS3_TRANSPORT_INTERNAL},
    {"http://:80:80/?secret", STSS3_TRANSPORT_INTERNAL},
};

START_TEST(nobody_there_has_a_name)
{
    client.options.attempts = 1;
    client_open(&client);
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", nowhere[_i].url);
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_UNAVAILABLE);
    ck_assert_int_eq(request->transport, nowhere[_i].transport);
    ck_assert_ptr_null(strstr(request->transport_text, "secret"));
    ck_assert_int_eq(request->http_status, 0);
    drop(request);
}
END_TEST

/* Words about a proxy lead astray where none was asked. */
START_TEST(failure_beside_us_names_no_proxy)
{
    static struct stss3_proxies proxies; /* outlives the engine */
    ck_assert_ptr_null(stss3_proxy_parse("http://127.0.0.1:1", &proxies.http));
    client.options.attempts = 1;
    client.options.proxies = &proxies;
    client_open(&client);
    for (int is_beside_us = 0; is_beside_us < 2; is_beside_us++) {
        struct errand errand = {0};
        struct stss3_request *request = errand_request(&errand, "GET", "http://127.0.0.1:1/");
        request->is_beside_us = is_beside_us != 0;
        ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_UNAVAILABLE);
        ck_assert_int_eq(strstr(request->transport_text, "proxy") == NULL, is_beside_us);
        drop(request);
    }
}
END_TEST

START_TEST(handshake_that_breaks_off_is_connect)
{
    static const struct server_step script[] = {{NULL, 0}};
    client.options.attempts = 1;
    client_open(&client);
    struct server *server = server_start(STEPS(script));
    char url[64] = "https";
    strncat(url, server_url(server, "/") + 4, sizeof url - 6);
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", url);
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_UNAVAILABLE);
    ck_assert_int_eq(request->transport, STSS3_TRANSPORT_CONNECT);
    drop(request);
    server_stop(server);
}
END_TEST

START_TEST(body_file_that_became_shorter_is_internal)
{
    client.options.attempts = 1;
    client_open(&client);
    static const struct server_step script[] = {{NULL, 0}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "PUT", server_url(server, "/"));
    request->body_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    request->body_len = 10;
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_UNAVAILABLE);
    ck_assert_int_eq(request->transport, STSS3_TRANSPORT_INTERNAL);
    close(request->body_fd);
    drop(request);
    server_stop(server);
}
END_TEST

START_TEST(slow_answer_is_no_stall)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\nContent-Length: 50\r\n\r\n"
         "                                                  ",
         SERVER_TRICKLES}};
    client.options.stall_timeout_ms = 800; /* less than the head takes, and than the body does */
    client_open(&client);
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    const int64_t began_ms = now_ms();
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    ck_assert_int_gt(now_ms() - began_ms, 2 * 800);
    ck_assert_uint_eq(request->tries, 1);
    drop(request);
    server_stop(server);
}
END_TEST

START_TEST(tries_end_with_the_last_error)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n", 0}};
    client.options.attempts = 3;
    client_open(&client);
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_UNAVAILABLE);
    ck_assert_uint_eq(request->tries, 3);
    ck_assert_uint_eq(server_heads(server), 3);
    drop(request);
    server_stop(server);
}
END_TEST

START_TEST(pause_is_as_long_as_the_server_asks)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n", 0}, {NULL, 0}};
    client_open(&client);
    struct server *server = server_start(STEPS(script));
    struct errand errand = {.retry_after_ms = 700};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    const int64_t began_ms = now_ms();
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    ck_assert_int_ge(now_ms() - began_ms, 700);
    drop(request);
    server_stop(server);
}
END_TEST

START_TEST(outage_uses_the_budget_up)
{
    enum { N = 150 };
    static const struct server_step script[] = {
        {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 0}};
    client.options.attempts = 2;
    client_open(&client);
    struct server *server = server_start(STEPS(script));
    struct errand errands[N] = {0};
    struct stss3_request *requests[N];
    for (int i = 0; i < N; i++) {
        requests[i] = errand_request(&errands[i], "GET", server_url(server, "/"));
        stss3_request_start(client.http, requests[i]);
    }
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(finish(requests[i]), REGSTORE_UNAVAILABLE);
        drop(requests[i]);
    }
    ck_assert_uint_eq(server_heads(server), N + 100); /* 500 tokens, 5 for each retry */
    server_stop(server);
}
END_TEST

void add_failure_tests(Suite *suite)
{
    ADD_TEST(suite, broken_answer_is_never_taken_for_a_whole_one, set_up, tear_down,
             sizeof breaks / sizeof breaks[0]);
    ADD_TEST(suite, nobody_there_has_a_name, set_up, tear_down,
             sizeof nowhere / sizeof nowhere[0]);
    ADD_TEST(suite, failure_beside_us_names_no_proxy, set_up, tear_down, 1);
    ADD_TEST(suite, handshake_that_breaks_off_is_connect, set_up, tear_down, 1);
    ADD_TEST(suite, body_file_that_became_shorter_is_internal, set_up, tear_down, 1);
    ADD_TEST(suite, slow_answer_is_no_stall, set_up, tear_down, 1);
    ADD_TEST(suite, tries_end_with_the_last_error, set_up, tear_down, 1);
    ADD_TEST(suite, pause_is_as_long_as_the_server_asks, set_up, tear_down, 1);
    ADD_TEST(suite, outage_uses_the_budget_up, set_up, tear_down, 1);
}
