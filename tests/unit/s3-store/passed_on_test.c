/* SPDX-License-Identifier: Apache-2.0 */
/* A profile has assumed the very role that the settings name: its session is passed on as it is. */
#include "suites.h"

#include "session.h"
#include "store.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char profiles[] = "[profile deploy]\n"
                               "role_arn = arn:aws:iam::123456789012:role/quay\n"
                               "source_profile = user\n"
                               "[profile user]\n"
                               "aws_access_key_id = USER\n"
                               "aws_secret_access_key = " USER_SECRET "\n";

static const struct server_step denied = {
    ANSWER("403 Forbidden", "<ErrorResponse><Error><Code>AccessDenied</Code><Message>You may not."
                            "</Message></Error><RequestId>S-1</RequestId></ErrorResponse>"),
    SERVER_CLOSES};
static const struct server_step expired = {
    ANSWER("400 Bad Request", "<Error><Code>ExpiredToken</Code><Message>It has.</Message></Error>"),
    SERVER_CLOSES};
static const struct server_step put_200 = {
    "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n\r\n", 0};

static char path[64]; /* of the profiles */

static void open_with_profile(struct world *w, const struct server_step *s3, size_t n_s3,
                              const struct server_step *sts, size_t n_sts)
{
    const struct regstore_pair settings[] = {{"sts_user_access_key", ""},
                                             {"sts_user_secret_key", ""},
                                             {"sts_profile", "deploy"}};
    (void)snprintf(path, sizeof path, "/tmp/regstore-profiles-XXXXXX");
    const int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, profiles, strlen(profiles)), (ssize_t)strlen(profiles));
    (void)close(file);
    ck_assert_int_eq(setenv("AWS_CONFIG_FILE", path, 1), 0);
    world_open_with(w, s3, n_s3, sts, n_sts, settings, COUNT(settings));
    /* The profile is read by the first who wants a session. */
    struct plug_call call;
    struct stss3_session *session = NULL;
    struct stss3_store *store = stss3_store_of(w->store);
    ck_assert_int_eq(plug_call_begin(&call, &w->call), REGSTORE_OK);
    ck_assert_int_eq(stss3_store_enter(store, &call), REGSTORE_OK);
    ck_assert_msg(stss3_sessions_wait(store->running->sessions, &call, 0, &session) == REGSTORE_OK,
                  "%s", call.error.message);
    stss3_session_unref(session);
}

static void close_with_profile(struct world *w)
{
    world_close(w);
    (void)unlink(path);
}

static regstore_status put(struct world *w)
{
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = "key"};
    struct regstore_upload *upload = world_upload(w, NULL);
    world_write(w, upload, 10);
    const regstore_status status = w->plugin->upload_commit(upload, &w->call, &opts, NULL);
    w->plugin->upload_close(upload);
    return status;
}

/* Near its end nobody gets a new one: what is not sent then must not pass for done. */
START_TEST(blob_is_sent_or_refused_to_the_last_moment_of_the_session)
{
    char first[STS_ANSWER_MAX];
    const struct server_step sts[] = {{sts_answer(first, "A", 6000), SERVER_CLOSES}, denied};
    const struct timespec pause = {0, 5000000};
    struct world w;
    unsigned sent = 0;
    regstore_status status;
    open_with_profile(&w, &put_200, 1, sts, 2);
    while ((status = put(&w)) == REGSTORE_OK) {
        ck_assert_uint_eq(server_heads(w.s3), ++sent);
        nanosleep(&pause, NULL);
    }
    ck_assert_int_eq(status, REGSTORE_DENIED);
    ck_assert_str_eq(w.error.code, "AccessDenied");
    ck_assert_uint_eq(server_heads(w.s3), sent);
    ck_assert_uint_gt(sent, 0);
    close_with_profile(&w);
}
END_TEST

START_TEST(session_that_s3_calls_expired_is_renewed_where_it_came_from)
{
    char first[STS_ANSWER_MAX], second[STS_ANSWER_MAX];
    const struct server_step sts[] = {{sts_answer(first, "A", 3600000), SERVER_CLOSES},
                                      {sts_answer(second, "B", 3600000), SERVER_CLOSES}};
    const struct server_step s3[] = {expired, put_200};
    struct world w;
    open_with_profile(&w, s3, 2, sts, 2);
    ck_assert_msg(put(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.sts), 2);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "\r\nx-amz-security-token: TOKEN-B\r\n"));
    close_with_profile(&w);
}
END_TEST

Suite *passed_on_suite(void)
{
    Suite *suite = suite_create("passed_on");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, blob_is_sent_or_refused_to_the_last_moment_of_the_session);
    tcase_add_test(tcase, session_that_s3_calls_expired_is_renewed_where_it_came_from);
    suite_add_tcase(suite, tcase);
    return suite;
}
