/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: who asks STS, when, and what the others do meanwhile. */
#include "suites.h"

#include "sanitized.h"
#include "session.h"
#include "store.h"
#include "world.h"

#include <dirent.h>
#include <string.h>
#include <time.h>

#define WAITERS 40

/* Slow to come: whoever wants a session meanwhile finds somebody asking already. */
static const struct server_step slow_503 = {"HTTP/1.1 503 Slow\r\nContent-Length: 0\r\n\r\n",
                                            SERVER_TRICKLES};
static const char denied[] =
    ANSWER("403 Forbidden",
           "<ErrorResponse><Error><Code>AccessDenied</Code><Message>You may not.</Message>"
           "</Error><RequestId>S-1</RequestId></ErrorResponse>");
static const struct server_step head_200 = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0};

/* The session of this moment, by the store's own way to it. */
static struct stss3_sessions *sessions_of(struct world *w, struct plug_call *call)
{
    struct stss3_store *store = stss3_store_of(w->store);
    ck_assert_int_eq(stss3_store_enter(store, call), REGSTORE_OK);
    return store->running->sessions;
}

static regstore_status get_session(struct world *w, struct stss3_session **out)
{
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &w->call), REGSTORE_OK);
    const regstore_status status = stss3_sessions_wait(sessions_of(w, &call), &call, 0, out);
    return plug_call_end(&call, status);
}

static bool is_named(const struct stss3_session *session, const char *access_key)
{
    return strcmp(session->access_key, access_key) == 0;
}

struct caller {
    struct world *w;
    pthread_t thread;
    regstore_status status;
    struct regstore_error error;
};

static pthread_barrier_t gate;

static void *stat_key(void *ctx)
{
    struct caller *c = ctx;
    c->error.struct_size = sizeof c->error;
    struct regstore_call call = c->w->call;
    call.error = &c->error;
    (void)pthread_barrier_wait(&gate);
    c->status = c->w->plugin->stat(c->w->store, &call, "key", NULL);
    return NULL;
}

static void stat_side_by_side(struct world *w, struct caller callers[WAITERS])
{
    ck_assert_int_eq(pthread_barrier_init(&gate, NULL, WAITERS), 0);
    for (int i = 0; i < WAITERS; i++) {
        callers[i] = (struct caller){.w = w};
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, stat_key, &callers[i]), 0);
    }
    for (int i = 0; i < WAITERS; i++)
        ck_assert_int_eq(pthread_join(callers[i].thread, NULL), 0);
    (void)pthread_barrier_destroy(&gate);
}

START_TEST(many_callers_make_one_assume_role)
{
    char answer[STS_ANSWER_MAX];
    const struct server_step sts[] = {slow_503, {sts_answer(answer, "A", 3600000), SERVER_CLOSES}};
    struct caller callers[WAITERS];
    struct world w;
    world_open(&w, &head_200, 1, sts, 2);
    stat_side_by_side(&w, callers);
    for (int i = 0; i < WAITERS; i++)
        ck_assert_msg(callers[i].status == REGSTORE_OK, "%s", callers[i].error.message);
    ck_assert_uint_eq(server_heads(w.sts), 2); /* one request, tried twice */
    ck_assert_uint_eq(server_heads(w.s3), WAITERS);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "\r\nx-amz-security-token: TOKEN-A\r\n"));
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "Credential=ACCESS-A/"));
    world_close(&w);
}
END_TEST

static unsigned count_threads(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

START_TEST(store_that_is_not_used_has_no_threads_and_asks_nobody)
{
    const struct server_step sts = {denied, SERVER_CLOSES};
    struct world w;
    world_open(&w, &head_200, 1, &sts, 1);
    struct regstore_upload *upload = world_upload(&w, "key");
    world_write(&w, upload, 1000);
    if (!IS_THREAD_SANITIZED) /* which has threads of its own */
        ck_assert_uint_eq(count_threads(), 3); /* the test's own, and one of each server */
    w.plugin->upload_close(upload);
    ck_assert_uint_eq(server_heads(w.sts), 0);
    ck_assert_uint_eq(server_heads(w.s3), 0);
    world_close(&w);
}
END_TEST

START_TEST(failure_of_the_only_session_is_every_waiters_own)
{
    struct server_step sts = {denied, SERVER_TRICKLES | SERVER_CLOSES};
    struct caller callers[WAITERS];
    struct world w;
    world_open(&w, &head_200, 1, &sts, 1);
    stat_side_by_side(&w, callers);
    for (int i = 0; i < WAITERS; i++) {
        ck_assert_int_eq(callers[i].status, REGSTORE_DENIED);
        ck_assert_str_eq(callers[i].error.code, "AccessDenied");
        ck_assert_str_eq(callers[i].error.request_id, "S-1");
        ck_assert_ptr_nonnull(strstr(callers[i].error.message, "AssumeRole"));
        ck_assert_ptr_nonnull(strstr(callers[i].error.message, "trust policy"));
    }
    ck_assert_uint_eq(server_heads(w.sts), 1);
    ck_assert_uint_eq(server_heads(w.s3), 0);
    world_close(&w);
}
END_TEST

static void nap(void)
{
    const struct timespec pause = {0, 5000000};
    nanosleep(&pause, NULL);
}

START_TEST(failure_of_the_only_session_ends_a_callers_wait)
{
    const struct server_step sts = {denied, SERVER_CLOSES};
    struct world w;
    struct stss3_session *session;
    world_open(&w, &head_200, 1, &sts, 1);
    ck_assert_int_eq(get_session(&w, &session), REGSTORE_DENIED);
    ck_assert_str_eq(w.error.code, "AccessDenied");
    ck_assert_uint_eq(server_heads(w.sts), 1);
    world_close(&w);
}
END_TEST

START_TEST(failure_is_remembered_for_a_moment_and_then_asked_anew)
{
    char answer[STS_ANSWER_MAX];
    const struct server_step sts[] = {{denied, SERVER_CLOSES},
                                      {sts_answer(answer, "A", 3600000), SERVER_CLOSES}};
    struct world w;
    world_open(&w, &head_200, 1, sts, 2);
    ck_assert_int_eq(w.plugin->stat(w.store, &w.call, "key", NULL), REGSTORE_DENIED);
    regstore_status status;
    unsigned refused = 0;
    for (; (status = w.plugin->stat(w.store, &w.call, "key", NULL)) != REGSTORE_OK; refused++) {
        ck_assert_int_eq(status, REGSTORE_DENIED);
        ck_assert_str_eq(w.error.code, "AccessDenied");
        ck_assert_uint_eq(server_heads(w.sts), 1);
        nap();
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_eq(server_heads(w.sts), 2);
    world_close(&w);
}
END_TEST

/* A session of nine seconds is renewed from its sixth on: three are left, and the answer takes one.
 */
START_TEST(session_is_renewed_ahead_of_its_end_while_the_others_go_on)
{
    char first[STS_ANSWER_MAX], second[STS_ANSWER_MAX];
    const struct server_step sts[] = {{sts_answer(first, "A", 9000), SERVER_CLOSES},
                                      slow_503,
                                      {sts_answer(second, "B", 3600000), SERVER_CLOSES}};
    unsigned went_on = 0;
    struct world w;
    struct stss3_session *session = NULL;
    world_open(&w, &head_200, 1, sts, 3);
    ck_assert_int_eq(get_session(&w, &session), REGSTORE_OK);
    const int64_t end_ns = session->end_ns;
    while (is_named(session, "ACCESS-A")) {
        const bool is_being_renewed = server_heads(w.sts) == 2;
        stss3_session_unref(session);
        nap();
        ck_assert_int_eq(get_session(&w, &session), REGSTORE_OK);
        went_on += is_being_renewed && is_named(session, "ACCESS-A");
    }
    ck_assert(is_named(session, "ACCESS-B"));
    ck_assert_int_lt(session->born_ns, end_ns);
    stss3_session_unref(session);
    ck_assert_uint_gt(went_on, 0);
    ck_assert_uint_eq(server_heads(w.sts), 3);
    world_close(&w);
}
END_TEST

START_TEST(failed_renewal_is_borne_while_the_old_session_lives)
{
    char first[STS_ANSWER_MAX], third[STS_ANSWER_MAX];
    const struct server_step sts[] = {{sts_answer(first, "A", 9000), SERVER_CLOSES},
                                      {denied, SERVER_CLOSES},
                                      {sts_answer(third, "B", 3600000), SERVER_CLOSES}};
    unsigned after_failure = 0;
    struct world w;
    struct stss3_session *session = NULL;
    world_open(&w, &head_200, 1, sts, 3);
    ck_assert_int_eq(get_session(&w, &session), REGSTORE_OK);
    const int64_t end_ns = session->end_ns;
    while (is_named(session, "ACCESS-A")) {
        const bool has_failed = world_has_logged(&w, "session_failed");
        stss3_session_unref(session);
        nap();
        ck_assert_msg(get_session(&w, &session) == REGSTORE_OK, "%s", w.error.message);
        after_failure += has_failed && is_named(session, "ACCESS-A");
    }
    /* To its last moment, and nobody asked again in the meantime. */
    ck_assert_int_ge(session->born_ns, end_ns);
    stss3_session_unref(session);
    ck_assert_uint_gt(after_failure, 0);
    ck_assert_uint_eq(server_heads(w.sts), 3);
    ck_assert_uint_eq(world_count_logged(&w, "session_failed"), 1);
    world_close(&w);
}
END_TEST

static const struct server_step expired = {
    ANSWER("400 Bad Request",
           "<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message>"
           "<Token-0>TOKEN-A</Token-0></Error>"),
    SERVER_CLOSES};
static const struct server_step put_200 = {
    "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n\r\n", 0};

static regstore_status put(struct world *w)
{
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = "key"};
    struct regstore_upload *upload = world_upload(w, NULL);
    world_write(w, upload, 10);
    const regstore_status status = w->plugin->upload_commit(upload, &w->call, &opts, NULL);
    w->plugin->upload_close(upload);
    return status;
}

START_TEST(session_that_s3_calls_expired_is_renewed_once)
{
    char first[STS_ANSWER_MAX], second[STS_ANSWER_MAX];
    const struct server_step sts[] = {{sts_answer(first, "A", 3600000), SERVER_CLOSES},
                                      {sts_answer(second, "B", 3600000), SERVER_CLOSES}};
    const struct server_step s3[] = {expired, put_200};
    struct world w;
    world_open(&w, s3, 2, sts, 2);
    ck_assert_msg(put(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.sts), 2);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "\r\nx-amz-security-token: TOKEN-B\r\n"));
    world_close(&w);
}
END_TEST

START_TEST(session_that_is_never_good_enough_is_denied)
{
    char answer[STS_ANSWER_MAX];
    const struct server_step sts = {sts_answer(answer, "A", 3600000), SERVER_CLOSES};
    struct world w;
    world_open(&w, &expired, 1, &sts, 1);
    ck_assert_int_eq(put(&w), REGSTORE_DENIED);
    ck_assert_str_eq(w.error.code, "ExpiredToken");
    ck_assert_uint_eq(server_heads(w.sts), 2);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    world_close(&w);
}
END_TEST

START_TEST(session_that_came_too_late_is_a_failure_and_no_loop)
{
    char answer[STS_ANSWER_MAX];
    const struct server_step sts = {sts_answer(answer, "A", -60000), SERVER_CLOSES};
    struct world w;
    world_open(&w, &head_200, 1, &sts, 1);
    w.call.timeout_ms = 3000;
    ck_assert_int_eq(w.plugin->stat(w.store, &w.call, "key", NULL), REGSTORE_UNAVAILABLE);
    ck_assert_uint_lt(server_heads(w.sts), 10);
    ck_assert_uint_eq(server_heads(w.s3), 0);
    world_close(&w);
}
END_TEST

START_TEST(session_that_must_last_longer_than_any_is_refused)
{
    char answer[STS_ANSWER_MAX];
    const struct server_step sts = {sts_answer(answer, "A", 3600000), SERVER_CLOSES};
    struct world w;
    struct plug_call call;
    struct stss3_session *session = NULL;
    world_open(&w, &head_200, 1, &sts, 1);
    ck_assert_int_eq(plug_call_begin(&call, &w.call), REGSTORE_OK);
    struct stss3_sessions *sessions = sessions_of(&w, &call);
    ck_assert_int_eq(stss3_sessions_wait(sessions, &call, 1800, &session), REGSTORE_OK);
    stss3_session_unref(session);
    ck_assert_int_eq(stss3_sessions_wait(sessions, &call, 7200, &session), REGSTORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(call.error.message, "sts_duration_seconds"));
    ck_assert_uint_le(server_heads(w.sts), 4);
    world_close(&w);
}
END_TEST

START_TEST(end_is_counted_from_the_services_own_time)
{
    /* The service's clock is years behind ours; the session lives an hour of its time. */
    static const char past[] =
        "HTTP/1.1 200 OK\r\nDate: Fri, 01 Jan 2021 00:00:00 GMT\r\nConnection: close\r\n\r\n"
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId>"
        "<SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>"
        "<Expiration>2021-01-01T01:00:00Z</Expiration></Credentials></AssumeRoleResult>"
        "</AssumeRoleResponse>";
    const struct server_step sts = {past, SERVER_CLOSES};
    struct world w;
    struct stss3_session *session;
    world_open(&w, &head_200, 1, &sts, 1);
    ck_assert_msg(get_session(&w, &session) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_int_eq(session->end_ns - session->born_ns, INT64_C(3600000000000));
    stss3_session_unref(session);
    world_close(&w);
}
END_TEST

static const char *const no_sessions[] = {
    ANSWER("200 OK", ""),
    ANSWER("200 OK", "<AssumeRoleResponse></AssumeRoleResponse>"),
    ANSWER("200 OK", "<AssumeRoleResponse>"),
    ANSWER("200 OK", "<html></html>"),
};

START_TEST(answer_without_a_whole_session_is_a_failure)
{
    const struct server_step sts = {no_sessions[_i], SERVER_CLOSES};
    struct world w;
    world_open(&w, &head_200, 1, &sts, 1);
    ck_assert_int_eq(w.plugin->stat(w.store, &w.call, "key", NULL), REGSTORE_UNAVAILABLE);
    ck_assert_uint_eq(server_heads(w.s3), 0);
    world_close(&w);
}
END_TEST

START_TEST(no_secret_is_in_the_log_or_in_an_error)
{
    static const char *const secrets[] = {USER_SECRET, "SECRET-A", "TOKEN-A",
                                          "SECRET-B",  "TOKEN-B",  "Signature="};
    char first[STS_ANSWER_MAX], second[STS_ANSWER_MAX];
    const struct server_step sts[] = {{sts_answer(first, "A", 3600000), SERVER_CLOSES},
                                      {sts_answer(second, "B", 3600000), SERVER_CLOSES}};
    const struct server_step s3[] = {expired, put_200, expired};
    struct world w;
    world_open(&w, s3, 3, sts, 2);
    ck_assert_int_eq(put(&w), REGSTORE_OK);
    ck_assert_int_ne(put(&w), REGSTORE_OK);
    ck_assert(world_has_logged(&w, "http_try"));
    for (size_t i = 0; i < COUNT(secrets); i++) {
        ck_assert_msg(!world_has_logged(&w, secrets[i]), "%s", secrets[i]);
        ck_assert_ptr_null(strstr(w.error.message, secrets[i]));
    }
    world_close(&w);
}
END_TEST

START_TEST(without_a_role_the_users_own_keys_sign)
{
    struct world w;
    world_open(&w, &head_200, 1, NULL, 0);
    ck_assert_int_eq(w.plugin->stat(w.store, &w.call, "key", NULL), REGSTORE_OK);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "Credential=USER/"));
    ck_assert_ptr_null(strstr(server_head(w.s3), "x-amz-security-token"));
    world_close(&w);
}
END_TEST

Suite *session_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, many_callers_make_one_assume_role);
    tcase_add_test(tcase, store_that_is_not_used_has_no_threads_and_asks_nobody);
    tcase_add_test(tcase, failure_of_the_only_session_is_every_waiters_own);
    tcase_add_test(tcase, failure_of_the_only_session_ends_a_callers_wait);
    tcase_add_test(tcase, failure_is_remembered_for_a_moment_and_then_asked_anew);
    tcase_add_test(tcase, session_is_renewed_ahead_of_its_end_while_the_others_go_on);
    tcase_add_test(tcase, failed_renewal_is_borne_while_the_old_session_lives);
    tcase_add_test(tcase, session_that_s3_calls_expired_is_renewed_once);
    tcase_add_test(tcase, session_that_is_never_good_enough_is_denied);
    tcase_add_test(tcase, session_that_came_too_late_is_a_failure_and_no_loop);
    tcase_add_test(tcase, session_that_must_last_longer_than_any_is_refused);
    tcase_add_test(tcase, end_is_counted_from_the_services_own_time);
    tcase_add_loop_test(tcase, answer_without_a_whole_session_is_a_failure, 0, COUNT(no_sessions));
    tcase_add_test(tcase, no_secret_is_in_the_log_or_in_an_error);
    tcase_add_test(tcase, without_a_role_the_users_own_keys_sign);
    suite_add_tcase(suite, tcase);
    return suite;
}
