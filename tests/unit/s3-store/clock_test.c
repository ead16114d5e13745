/* SPDX-License-Identifier: Apache-2.0 */
/* Services whose clocks are not this machine's, nor each other's. */
#include "suites.h"

#include "request.h"
#include "service_clock.h"
#include "store.h"
#include "timestamp.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPLY_MAX 600
#define HOUR_S    3600

static int64_t real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * STSS3_NS_PER_S + now.tv_nsec;
}

static void write_time(char out[64], const char *format, int64_t ns)
    __attribute__((format(strftime, 2, 0)));

static void write_time(char out[64], const char *format, int64_t ns)
{
    const time_t seconds = (time_t)(ns / STSS3_NS_PER_S);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    ck_assert_uint_gt(strftime(out, 64, format, &parts), 0);
}

/* An answer whose Date is so much ahead of this machine's clock. */
static struct server_step dated(char out[REPLY_MAX], const char *status, int64_t ahead_s,
                                const char *body)
{
    char date[64];
    write_time(date, "%a, %d %b %Y %H:%M:%S GMT", real_ns() + ahead_s * STSS3_NS_PER_S);
    (void)snprintf(out, REPLY_MAX,
                   "HTTP/1.1 %s\r\nDate: %s\r\nETag: \"e\"\r\nContent-Length: %zu\r\n\r\n%s",
                   status, date, strlen(body), body);
    return (struct server_step){out, 0};
}

/* How far the latest request's stamp is ahead of this machine's clock, to some seconds. */
static void expect_stamp(struct server *server, int64_t ahead_s)
{
    const char *at = strstr(server_head(server), "\r\nx-amz-date: ");
    struct tm parts = {0};
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_nonnull(strptime(at + strlen("\r\nx-amz-date: "), "%Y%m%dT%H%M%SZ", &parts));
    const int64_t seen_s = (int64_t)timegm(&parts) - real_ns() / STSS3_NS_PER_S;
    ck_assert_int_gt(seen_s, ahead_s - 20);
    ck_assert_int_lt(seen_s, ahead_s + 20);
}

static regstore_status stat_key(struct world *w)
{
    return w->plugin->stat(w->store, &w->call, "key", NULL);
}

static const struct {
    const char *status; /* of HEAD: no body tells why */
    int64_t ahead_s;
} skews[] = {
    {"403 Forbidden", 20 * 60},
    {"403 Forbidden", -20 * 60},
    {"403 Forbidden", 30 * 24 * HOUR_S},
    {"400 Bad Request", 20 * 60},
    {"403 Forbidden", -300 * 24 * HOUR_S},
};

START_TEST(refused_for_its_time_a_request_is_signed_anew_by_the_services)
{
    char first[REPLY_MAX], second[REPLY_MAX];
    const struct server_step s3[] = {dated(first, skews[_i].status, skews[_i].ahead_s, ""),
                                     dated(second, "200 OK", skews[_i].ahead_s, "")};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    ck_assert_msg(stat_key(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    expect_stamp(w.s3, skews[_i].ahead_s);
    ck_assert_int_eq(stat_key(&w), REGSTORE_OK); /* and all that follow are so at once */
    ck_assert_uint_eq(server_heads(w.s3), 3);
    expect_stamp(w.s3, skews[_i].ahead_s);
    ck_assert_uint_eq(world_count_logged(&w, "clock service="), 1);
    world_close(&w);
}
END_TEST

START_TEST(service_that_refuses_for_ever_is_asked_twice)
{
    char replies[3][REPLY_MAX];
    const struct server_step s3[] = {dated(replies[0], "403 Forbidden", 20 * 60, ""),
                                     dated(replies[1], "403 Forbidden", -20 * 60, ""),
                                     dated(replies[2], "403 Forbidden", 20 * 60, "")};
    struct world w;
    world_open(&w, s3, 3, NULL, 0);
    ck_assert_int_eq(stat_key(&w), REGSTORE_DENIED);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    world_close(&w);
}
END_TEST

START_TEST(refusal_at_the_right_time_is_asked_once)
{
    char reply[REPLY_MAX];
    const struct server_step s3 = dated(reply, "403 Forbidden", _i, "");
    struct world w;
    world_open(&w, &s3, 1, NULL, 0);
    ck_assert_int_eq(stat_key(&w), REGSTORE_DENIED);
    ck_assert_uint_eq(server_heads(w.s3), 1);
    expect_stamp(w.s3, 0);
    ck_assert(!world_has_logged(&w, "clock service="));
    world_close(&w);
}
END_TEST

/* What a proxy says in Date is not what the service compares with. */
START_TEST(server_time_of_the_refusal_outweighs_its_date)
{
    char first[REPLY_MAX], second[REPLY_MAX], body[300], time_text[64];
    write_time(time_text, "%Y-%m-%dT%H:%M:%SZ", real_ns() - 2 * HOUR_S * STSS3_NS_PER_S);
    (void)snprintf(body, sizeof body,
                   "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>%s</ServerTime></Error>",
                   time_text);
    const struct server_step s3[] = {dated(first, "403 Forbidden", 0, body),
                                     dated(second, "200 OK", 0, "")};
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = "key"};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    struct regstore_upload *upload = world_upload(&w, NULL);
    world_write(&w, upload, 10);
    ck_assert_int_eq(w.plugin->upload_commit(upload, &w.call, &opts, NULL), REGSTORE_OK);
    w.plugin->upload_close(upload);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    expect_stamp(w.s3, -2 * HOUR_S);
    world_close(&w);
}
END_TEST

START_TEST(sts_and_s3_have_a_clock_each)
{
    static const char refusal[] =
        "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired"
        "</Message></Error></ErrorResponse>";
    char first[REPLY_MAX], answer[STS_ANSWER_MAX], s3_reply[REPLY_MAX];
    const struct server_step sts[] = {dated(first, "403 Forbidden", -HOUR_S, refusal),
                                      {sts_answer(answer, "A", HOUR_S * 1000), SERVER_CLOSES}};
    const struct server_step s3 = dated(s3_reply, "200 OK", 0, "");
    struct world w;
    world_open(&w, &s3, 1, sts, 2);
    ck_assert_msg(stat_key(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.sts), 2);
    expect_stamp(w.sts, -HOUR_S);
    expect_stamp(w.s3, 0);
    world_close(&w);
}
END_TEST

/* Ceph says AccessDenied.  STS thinks that the session lives for an hour, S3 that it is over. */
START_TEST(session_that_is_over_by_s3s_clock_is_renewed_once)
{
    char first[STS_ANSWER_MAX], second[STS_ANSWER_MAX], refused[REPLY_MAX], good[REPLY_MAX];
    const struct server_step sts[] = {{sts_answer(first, "A", HOUR_S * 1000), SERVER_CLOSES},
                                      {sts_answer(second, "B", 2 * HOUR_S * 1000), SERVER_CLOSES}};
    const struct server_step s3[] = {
        dated(refused, "403 Forbidden", HOUR_S + 1, "<Error><Code>AccessDenied</Code></Error>"),
        dated(good, "200 OK", HOUR_S + 1, "")};
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = "key"};
    struct world w;
    world_open(&w, s3, 2, sts, 2);
    /* Signed by the right time at once, so that only the session can be at fault. */
    struct stss3_store *store = stss3_store_of(w.store);
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &w.call), REGSTORE_OK);
    ck_assert_int_eq(stss3_store_enter(store, &call), REGSTORE_OK);
    atomic_store(&store->running->clocks.s3.start_ns,
                 real_ns() + (HOUR_S - 30) * STSS3_NS_PER_S - plug_now_ns());
    struct regstore_upload *upload = world_upload(&w, NULL);
    world_write(&w, upload, 10);
    ck_assert_msg(w.plugin->upload_commit(upload, &w.call, &opts, NULL) == REGSTORE_OK, "%s",
                  w.error.message);
    w.plugin->upload_close(upload);
    ck_assert_uint_eq(server_heads(w.sts), 2);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "\r\nx-amz-security-token: TOKEN-B\r\n"));
    world_close(&w);
}
END_TEST

START_TEST(url_lives_no_longer_than_the_session_does_by_s3s_clock)
{
    char answer[STS_ANSWER_MAX], reply[REPLY_MAX], url[REGSTORE_URL_MAX];
    const struct server_step sts = {sts_answer(answer, "A", HOUR_S * 1000), SERVER_CLOSES};
    const struct server_step s3 = dated(reply, "200 OK", HOUR_S / 2, "");
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .method = "GET", .ttl_s = HOUR_S};
    struct world w;
    int64_t end_ns = 0;
    world_open(&w, &s3, 1, &sts, 1);
    const int64_t session_end_ns = real_ns() + HOUR_S * STSS3_NS_PER_S;
    ck_assert_int_eq(stat_key(&w), REGSTORE_OK);
    ck_assert_int_eq(w.plugin->presign(w.store, &w.call, "key", &opts, url, sizeof url, &end_ns),
                     REGSTORE_OK);
    ck_assert_int_le(end_ns, session_end_ns);
    ck_assert_int_gt(end_ns, session_end_ns - 60 * STSS3_NS_PER_S);
    const char *expires = strstr(url, "X-Amz-Expires=");
    ck_assert_ptr_nonnull(expires);
    ck_assert_int_le(strtol(expires + strlen("X-Amz-Expires="), NULL, 10), HOUR_S / 2);
    world_close(&w);
}
END_TEST

/* One answer of a service that is ahead by so much, and was got after took_ns, of which part_ns lay
 * before it wrote its Date. */
static void hear(struct stss3_service_clock *clock, int64_t ahead_ns, int64_t took_ns,
                 int64_t part_ns)
{
    static const struct stss3_request_hooks hooks;
    const struct stss3_error_body body = {0};
    char date[64];
    struct stss3_request *r = stss3_request_new(&hooks, NULL, "GET", "Test");
    ck_assert_ptr_nonnull(r);
    r->sent_ns = plug_now_ns() - took_ns;
    write_time(date, "%a, %d %b %Y %H:%M:%S GMT", real_ns() + ahead_ns - took_ns + part_ns);
    plug_buf_add(&r->state->answer_headers, "date", sizeof "date");
    plug_buf_add(&r->state->answer_headers, date, strlen(date) + 1);
    (void)stss3_service_clock_learn(clock, r, &body);
    stss3_request_unref(r);
}

START_TEST(clock_is_believed_no_further_off_than_answers_can_tell)
{
    static const int64_t aheads_s[] = {0, 1, -1, 5, 61, -61, 900, -86400, 1000000};
    struct plug_host host = {0};
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < COUNT(aheads_s); i++) {
        struct stss3_clocks clocks;
        const int64_t ahead_ns = aheads_s[i] * STSS3_NS_PER_S;
        stss3_clocks_init(&clocks, &host);
        for (int n = 0; n < 200; n++) {
            const int64_t took_ns = (int64_t)(next_random(&random) % (3 * STSS3_NS_PER_S));
            const int64_t part_ns = (int64_t)(next_random(&random) % (uint64_t)(took_ns + 1));
            hear(&clocks.s3, ahead_ns, took_ns, part_ns);
            const int64_t error_ns = stss3_service_clock_now_ns(&clocks.s3) - real_ns() - ahead_ns;
            ck_assert_int_le(error_ns, took_ns + STSS3_NS_PER_S);
            ck_assert_int_ge(error_ns, -took_ns - STSS3_NS_PER_S);
            if (ahead_ns == 0) /* right from the start, it never moves */
                ck_assert_int_lt(llabs((long long)error_ns), STSS3_NS_PER_S / 2);
        }
    }
}
END_TEST

Suite *clock_suite(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, refused_for_its_time_a_request_is_signed_anew_by_the_services, 0,
                        COUNT(skews));
    tcase_add_test(tcase, service_that_refuses_for_ever_is_asked_twice);
    tcase_add_loop_test(tcase, refusal_at_the_right_time_is_asked_once, -30, 31);
    tcase_add_test(tcase, server_time_of_the_refusal_outweighs_its_date);
    tcase_add_test(tcase, sts_and_s3_have_a_clock_each);
    tcase_add_test(tcase, session_that_is_over_by_s3s_clock_is_renewed_once);
    tcase_add_test(tcase, url_lives_no_longer_than_the_session_does_by_s3s_clock);
    tcase_add_test(tcase, clock_is_believed_no_further_off_than_answers_can_tell);
    suite_add_tcase(suite, tcase);
    return suite;
}
