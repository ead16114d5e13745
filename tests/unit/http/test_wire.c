/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over the wire, and where the answer goes. */
#include "client.h"
#include "server.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEPS(script) (script), sizeof(script) / sizeof((script)[0])

static struct client client;
static const struct server_step good[] = {{NULL, 0}};

static void set_up(void)
{
    client_init(&client);
    client_open(&client);
}

static void tear_down(void)
{
    client_close(&client);
}

START_TEST(one_connection_serves_one_request_after_another)
{
    struct server *server = server_start(STEPS(good));
    for (int i = 0; i < 20; i++) { /* more than may be open at once */
        struct errand errand = {0};
        struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
        ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
        ck_assert_str_eq(plug_buf_text(&request->answer), "ok");
        ck_assert_int_eq(request->http_status, 200);
        ck_assert_uint_eq(request->tries, 1);
        drop(request);
        ck_assert_uint_eq(atomic_load(&errand.done), 1);
    }
    ck_assert_uint_eq(server_connections(server), 1);
    server_stop(server);
}
END_TEST

static void check_bodies(struct server *server, const uint8_t *body, size_t len, size_t times)
{
    size_t got;
    const uint8_t *bodies = server_bodies(server, &got);
    ck_assert_uint_eq(got, len * times);
    for (size_t i = 0; i < times; i++)
        ck_assert_mem_eq(bodies + i * len, body, len);
}

START_TEST(connection_that_dies_before_an_answer_costs_no_try_when_used_again)
{
    static const struct server_step script[] = {{NULL, 0}, {"", SERVER_CLOSES}, {NULL, 0}};
    static const uint8_t body[] = "body";
    struct server *server = server_start(STEPS(script));
    for (int i = 0; i < 2; i++) {
        struct errand errand = {0};
        struct stss3_request *request = errand_request(&errand, "PUT", server_url(server, "/"));
        request->body = body;
        request->body_len = sizeof body;
        ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
        ck_assert_uint_eq(request->tries, 1);
        drop(request);
    }
    check_bodies(server, body, sizeof body, 3);
    server_stop(server);
}
END_TEST

static uint8_t *make_body(size_t len)
{
    uint8_t *body = malloc(len);
    ck_assert_ptr_nonnull(body);
    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(i * 31 + i / 251);
    return body;
}

/* Each way in which a connection that was used before can end in the middle of a request: curl,
 * when it sends the request again by itself, may take the body for sent and wait for ever. */
START_TEST(connection_that_dies_while_it_is_used_again_holds_up_nobody)
{
    static const char *const methods[] = {"PUT", "POST", "GET", "DELETE"};
    static const unsigned ends[] = {SERVER_CLOSES, SERVER_RESETS,
                                    SERVER_CLOSES | SERVER_ANSWERS_EARLY,
                                    SERVER_RESETS | SERVER_ANSWERS_EARLY};
    static const size_t lengths[] = {1, 1000, 300000, 1000000};
    const size_t len = _i % 4 < 2 ? lengths[_i / 16] : 0;
    const struct server_step script[] = {{NULL, 0}, {"", ends[_i / 4 % 4]}, {NULL, 0}};
    uint8_t *body = make_body(len + 1);
    for (int round = 0; round < 5; round++) {
        struct server *server = server_start(STEPS(script));
        for (int i = 0; i < 2; i++) {
            struct errand errand = {0};
            struct stss3_request *request =
                errand_request(&errand, methods[_i % 4], server_url(server, "/"));
            request->body = body;
            request->body_len = i == 0 ? 0 : len;
            ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
            ck_assert_uint_eq(request->tries, 1);
            drop(request);
        }
        size_t got;
        const uint8_t *bodies = server_bodies(server, &got);
        ck_assert_uint_ge(got, len);
        ck_assert_mem_eq(bodies + got - len, body, len);
        server_stop(server);
    }
    free(body);
}
END_TEST

static const struct {
    const char *method, *line, *wanted, *unwanted;
} forms[] = {
    {"GET", "GET /p HTTP/1.1\r\n", "Host: 127.0.0.1", "Content-"},
    {"HEAD", "HEAD /p HTTP/1.1\r\n", "User-Agent: regstore/1", "Content-"},
    {"DELETE", "DELETE /p HTTP/1.1\r\n", "Host: ", "Content-"},
    {"PUT", "PUT /p HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n", "Content-Type"},
    {"POST", "POST /p HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n", "Content-Type"},
};

START_TEST(methods_without_a_body_have_the_right_form)
{
    struct server *server = server_start(STEPS(good));
    const size_t all = sizeof forms / sizeof forms[0];
    for (size_t i = 0; i < 2 * all; i++) { /* twice: no method leaves traces for the next one */
        struct errand errand = {0};
        struct stss3_request *request =
            errand_request(&errand, forms[i % all].method, server_url(server, "/p"));
        ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
        const char *head = server_head(server);
        ck_assert_int_eq(strncmp(head, forms[i % all].line, strlen(forms[i % all].line)), 0);
        ck_assert_ptr_nonnull(strstr(head, forms[i % all].wanted));
        ck_assert_ptr_null(strstr(head, forms[i % all].unwanted));
        ck_assert_ptr_null(strstr(head, "Transfer-Encoding"));
        ck_assert_ptr_null(strstr(head, "Expect"));
        ck_assert_ptr_null(strstr(head, "Accept-Encoding"));
        drop(request);
    }
    server_stop(server);
}
END_TEST

START_TEST(path_goes_out_as_it_is)
{
    struct server *server = server_start(STEPS(good));
    struct errand errand = {0};
    struct stss3_request *request =
        errand_request(&errand, "GET", server_url(server, "/a/../b//c/./%2e?x=&y=%20"));
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    const char line[] = "GET /a/../b//c/./%2e?x=&y=%20 HTTP/1.1\r\n";
    ck_assert_int_eq(strncmp(server_head(server), line, strlen(line)), 0);
    drop(request);
    server_stop(server);
}
END_TEST

START_TEST(headers_go_out_empty_ones_too)
{
    static const char *const headers[][3] = {
        {"X-Amz-Date", "20260101", "\r\nX-Amz-Date: 20260101\r\n"},
        {"X-Amz-Empty", "", "\r\nX-Amz-Empty:\r\n"},
        {"Content-Type", "a/b", "\r\nContent-Type: a/b\r\n"},
    };
    struct server *server = server_start(STEPS(good));
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct errand errand = {.header = headers[i][0], .value = headers[i][1]};
        struct stss3_request *request = errand_request(&errand, "POST", server_url(server, "/"));
        ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
        ck_assert_ptr_nonnull(strstr(server_head(server), headers[i][2]));
        drop(request);
    }
    server_stop(server);
}
END_TEST

START_TEST(header_with_a_line_break_is_never_sent)
{
    struct server *server = server_start(STEPS(good));
    struct errand errand = {.header = "X-A", .value = "a\r\nX-B: b"};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_UNAVAILABLE);
    ck_assert_int_eq(request->transport, STSS3_TRANSPORT_INTERNAL);
    ck_assert_uint_eq(server_heads(server), 0);
    drop(request);
    server_stop(server);
}
END_TEST

/* Sizes around what decides how a body is sent: curl's buffers, and the question before it. */
static const size_t sizes[] = {1, 16383, 16385, 65537, 1048576, 1048577, 3000001};

START_TEST(body_is_sent_whole_and_anew_on_a_retry)
{
    static const char *const methods[] = {"PUT", "POST"};
    const size_t len = sizes[_i % 7];
    const bool is_from_file = _i >= 14, is_asked = len > 1048576;
    /* A server that does not answer the question gets the body after a second: seen once. */
    const unsigned manners = is_asked && _i != 6 ? SERVER_CONTINUES : 0;
    const struct server_step script[] = {
        {"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n", manners}, {NULL, manners}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request =
        errand_request(&errand, methods[_i / 7 % 2], server_url(server, "/"));
    uint8_t *body = make_body(len);
    request->body_len = len;
    if (is_from_file) {
        request->body_fd = memfd_create("body", MFD_CLOEXEC);
        request->body_at = 5;
        ck_assert_int_eq(pwrite(request->body_fd, body, len, 5), (ssize_t)len);
    } else {
        request->body = body;
    }
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    ck_assert_uint_eq(request->tries, 2);
    check_bodies(server, body, len, 2);
    ck_assert_int_eq(strstr(server_head(server), "Expect: 100-continue") != NULL, is_asked);
    if (is_from_file)
        close(request->body_fd);
    drop(request);
    server_stop(server);
    free(body);
}
END_TEST

START_TEST(headers_of_100_continue_are_not_the_answers)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 0\r\n\r\n", SERVER_CONTINUES}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "PUT", server_url(server, "/"));
    uint8_t *body = make_body(2000000);
    request->body = body;
    request->body_len = 2000000;
    const int64_t began_ms = now_ms();
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    ck_assert_int_lt(now_ms() - began_ms, 900); /* it did not wait for the question's end */
    ck_assert_ptr_null(stss3_request_answer_header(request, "x-early"));
    ck_assert_str_eq(stss3_request_answer_header(request, "etag"), "\"x\"");
    check_bodies(server, body, 2000000, 1);
    drop(request);
    server_stop(server);
    free(body);
}
END_TEST

START_TEST(refused_question_is_followed_by_the_body_alone)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", SERVER_ANSWERS_EARLY}, {NULL, 0}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "PUT", server_url(server, "/"));
    uint8_t *body = make_body(2000000);
    request->body = body;
    request->body_len = 2000000;
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    ck_assert_ptr_null(strstr(server_head(server), "Expect"));
    check_bodies(server, body, 2000000, 1);
    drop(request);
    server_stop(server);
    free(body);
}
END_TEST

START_TEST(answer_that_comes_before_the_body_counts)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope", SERVER_ANSWERS_EARLY}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "PUT", server_url(server, "/"));
    uint8_t *body = make_body(3000000);
    request->body = body;
    request->body_len = 3000000;
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_INTERNAL);
    ck_assert_int_eq(request->http_status, 403);
    ck_assert_str_eq(plug_buf_text(&request->answer), "nope");
    ck_assert_uint_eq(request->tries, 1);
    drop(request);
    server_stop(server);
    free(body);
}
END_TEST

START_TEST(sink_takes_2xx_and_nothing_else)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 206 Part\r\nContent-Length: 5\r\n\r\nbytes", 0},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nwords", 0}};
    static const struct {
        regstore_status status;
        const char *sink, *answer;
    } ends[] = {{REGSTORE_OK, "bytes", ""}, {REGSTORE_NOT_FOUND, "", "words"}};
    struct server *server = server_start(STEPS(script));
    for (size_t i = 0; i < 2; i++) {
        uint8_t sink[5];
        struct errand errand = {0};
        struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
        request->sink = sink;
        request->sink_cap = sizeof sink;
        ck_assert_int_eq(start_and_finish(&client, request), ends[i].status);
        ck_assert_uint_eq(request->sink_len, strlen(ends[i].sink));
        ck_assert_mem_eq(sink, ends[i].sink, request->sink_len);
        ck_assert_str_eq(plug_buf_text(&request->answer), ends[i].answer);
        drop(request);
    }
    server_stop(server);
}
END_TEST

START_TEST(outcome_of_a_failed_try_does_not_mix_with_the_next)
{
    const struct server_step script[] = {
        {"HTTP/1.1 500 Oh\r\nX-Old: 1\r\nContent-Length: 3\r\n\r\nold", 0},
        _i == 0 ? (struct server_step){NULL, 0} : (struct server_step){"", SERVER_CLOSES}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, request),
                     _i == 0 ? REGSTORE_OK : REGSTORE_UNAVAILABLE);
    ck_assert_str_eq(plug_buf_text(&request->answer), _i == 0 ? "ok" : "");
    ck_assert_int_eq(request->http_status, _i == 0 ? 200 : 0);
    ck_assert_ptr_null(stss3_request_answer_header(request, "x-old"));
    /* The second try, on a connection used before, may have been made twice and counts once. */
    ck_assert_uint_eq(atomic_load(&errand.prepared), request->tries + (unsigned)_i);
    ck_assert_uint_eq(atomic_load(&errand.judged), request->tries);
    drop(request);
    ck_assert_uint_eq(atomic_load(&errand.released), 1);
    server_stop(server);
}
END_TEST

static void gather(void *ctx, const char *name, const char *value)
{
    plug_buf_printf(ctx, "%s=%s;", name, value);
}

START_TEST(answer_headers_are_found_in_any_case)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 200 OK\r\nX-AMZ-Request-Id:  one two \t\r\nEmpty:\r\nContent-Length: 0\r\n\r\n",
         0}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    ck_assert_str_eq(stss3_request_answer_header(request, "x-amz-request-id"), "one two");
    ck_assert_str_eq(stss3_request_answer_header(request, "X-AMZ-REQUEST-ID"), "one two");
    ck_assert_str_eq(stss3_request_answer_header(request, "empty"), "");
    ck_assert_ptr_null(stss3_request_answer_header(request, "x-amz"));
    struct plug_buf all = {0};
    stss3_request_each_header(request, gather, &all);
    ck_assert_str_eq(plug_buf_text(&all), "x-amz-request-id=one two;empty=;content-length=0;");
    plug_buf_clear(&all);
    drop(request);
    server_stop(server);
}
END_TEST

START_TEST(answer_to_head_has_headers_and_no_body)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", 0}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "HEAD", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    ck_assert_str_eq(stss3_request_answer_header(request, "content-length"), "12345");
    ck_assert_uint_eq(request->answer.len, 0);
    drop(request);
    server_stop(server);
}
END_TEST

START_TEST(redirect_is_not_followed)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 307 There\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", 0}};
    struct server *server = server_start(STEPS(script));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_INTERNAL);
    ck_assert_int_eq(request->http_status, 307);
    ck_assert_uint_eq(server_heads(server), 1);
    drop(request);
    server_stop(server);
}
END_TEST

void add_wire_tests(Suite *suite)
{
    ADD_TEST(suite, one_connection_serves_one_request_after_another, set_up, tear_down, 1);
    ADD_TEST(suite, connection_that_dies_before_an_answer_costs_no_try_when_used_again, set_up,
             tear_down, 1);
    ADD_TEST(suite, connection_that_dies_while_it_is_used_again_holds_up_nobody, set_up, tear_down,
             64);
    ADD_TEST(suite, methods_without_a_body_have_the_right_form, set_up, tear_down, 1);
    ADD_TEST(suite, path_goes_out_as_it_is, set_up, tear_down, 1);
    ADD_TEST(suite, headers_go_out_empty_ones_too, set_up, tear_down, 1);
    ADD_TEST(suite, header_with_a_line_break_is_never_sent, set_up, tear_down, 1);
    ADD_TEST(suite, body_is_sent_whole_and_anew_on_a_retry, set_up, tear_down, 28);
    ADD_TEST(suite, headers_of_100_continue_are_not_the_answers, set_up, tear_down, 1);
    ADD_TEST(suite, refused_question_is_followed_by_the_body_alone, set_up, tear_down, 1);
    ADD_TEST(suite, answer_that_comes_before_the_body_counts, set_up, tear_down, 1);
    ADD_TEST(suite, sink_takes_2xx_and_nothing_else, set_up, tear_down, 1);
    ADD_TEST(suite, outcome_of_a_failed_try_does_not_mix_with_the_next, set_up, tear_down, 2);
    ADD_TEST(suite, answer_headers_are_found_in_any_case, set_up, tear_down, 1);
    ADD_TEST(suite, answer_to_head_has_headers_and_no_body, set_up, tear_down, 1);
    ADD_TEST(suite, redirect_is_not_followed, set_up, tear_down, 1);
}
