/* SPDX-License-Identifier: Apache-2.0 */
/* The user's keys in files, and what never comes out of the plugin. */
#include "suites.h"

#include "session.h"
#include "store.h"
#include "world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROLE "arn:aws:iam::123456789012:role/quay"

static char folder[] = "/var/tmp/key-files-XXXXXX", access_path[64], secret_path[64];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(access_path, sizeof access_path, "%s/access", folder);
    (void)snprintf(secret_path, sizeof secret_path, "%s/secret", folder);
}

static void remove_folder(void)
{
    (void)unlink(access_path);
    (void)unlink(secret_path);
    (void)rmdir(folder);
}

static void write_key(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(close(fd), 0);
}

/* The world's store once more, its keys in files; without a role when there is no STS. */
static void reopen_with_files(struct world *w)
{
    char s3[64], sts[64] = "http://127.0.0.1:1";
    (void)snprintf(s3, sizeof s3, "%s", server_url(w->s3, ""));
    if (w->sts != NULL)
        (void)snprintf(sts, sizeof sts, "%s", server_url(w->sts, ""));
    const struct regstore_pair settings[] = {
        {"storage_path", "/datastorage"},
        {"s3_bucket", "bucket"},
        {"sts_user_access_key_file", access_path},
        {"sts_user_secret_key_file", secret_path},
        {"endpoint_url", s3},
        {"sts_endpoint_url", sts},
        {"sts_role_arn", ROLE},
    };
    w->plugin->store_close(w->store);
    ck_assert_msg(w->plugin->store_open(&w->call, &w->host, settings,
                                        COUNT(settings) - (w->sts == NULL),
                                        &w->store) == REGSTORE_OK,
                  "%s", w->error.message);
}

static const struct server_step head_200 = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0};

static regstore_status stat_key(struct world *w)
{
    return w->plugin->stat(w->store, &w->call, "key", NULL);
}

static void end_session(struct world *w)
{
    struct stss3_sessions *sessions =
        ((struct stss3_store *)(void *)w->store)->running->sessions;
    struct stss3_session *session;
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &w->call), REGSTORE_OK);
    ck_assert_int_eq(stss3_sessions_wait(sessions, &call, 0, &session), REGSTORE_OK);
    stss3_sessions_drop(sessions, session);
    stss3_session_unref(session);
}

START_TEST(files_are_read_anew_for_each_session)
{
    char a[STS_ANSWER_MAX], b[STS_ANSWER_MAX];
    const struct server_step sts[] = {{sts_answer(a, "A", 3600000), SERVER_CLOSES},
                                      {sts_answer(b, "B", 3600000), SERVER_CLOSES}};
    struct world w;
    world_open(&w, &head_200, 1, sts, 2);
    write_key(access_path, "FIRST\n");
    write_key(secret_path, USER_SECRET "\n");
    reopen_with_files(&w);
    ck_assert_msg(stat_key(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_ptr_nonnull(strstr(server_head(w.sts), "Credential=FIRST/"));
    write_key(access_path, "SECOND\n");
    end_session(&w);
    ck_assert_int_eq(stat_key(&w), REGSTORE_OK);
    ck_assert_ptr_nonnull(strstr(server_head(w.sts), "Credential=SECOND/"));
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "Credential=ACCESS-B/"));
    world_close(&w);
}
END_TEST

START_TEST(file_that_cannot_be_used_is_named_and_nothing_is_sent)
{
    char a[STS_ANSWER_MAX];
    const struct server_step sts = {sts_answer(a, "A", 3600000), SERVER_CLOSES};
    struct world w;
    world_open(&w, &head_200, 1, &sts, 1);
    write_key(access_path, "USER");
    write_key(secret_path, USER_SECRET);
    ck_assert_int_eq(chmod(secret_path, 0644), 0);
    reopen_with_files(&w); /* STORE-1: no I/O yet */
    ck_assert_int_eq(stat_key(&w), REGSTORE_CONFIG);
    ck_assert_ptr_nonnull(strstr(w.error.message, "'sts_user_secret_key_file'"));
    ck_assert_ptr_nonnull(strstr(w.error.message, secret_path));
    ck_assert_uint_eq(server_heads(w.sts), 0);
    world_close(&w);
}
END_TEST

START_TEST(without_a_role_the_files_keys_go_to_s3)
{
    struct world w;
    world_open(&w, &head_200, 1, NULL, 0);
    write_key(access_path, "ALONE\n");
    write_key(secret_path, USER_SECRET "\n");
    reopen_with_files(&w);
    ck_assert_msg(stat_key(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "Credential=ALONE/"));
    ck_assert_ptr_null(strstr(server_head(w.s3), "security-token"));
    world_close(&w);
}
END_TEST

/* S3 echoes the token (AWS: Token-0), and here the secrets too. */
static const struct {
    const char *s3, *sts; /* sts NULL: a good session */
} answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL},
    {ANSWER("400 Bad Request",
            "<Error><Code>ExpiredToken</Code><Message>It has expired.</Message>"
            "<Token-0>TOKEN-A</Token-0></Error>"),
     NULL},
    {ANSWER("403 Forbidden",
            "<Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message><StringToSign>TOKEN-A "
            "SECRET-A</StringToSign></Error>"),
     NULL},
    {ANSWER("403 Forbidden", "TOKEN-A SECRET-A"), NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     ANSWER("200 OK", "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ACCESS-A"
                      "</AccessKeyId><SecretAccessKey>SECRET-A</SecretAccessKey><SessionToken>"
                      "TOKEN-A</SessionToken></Credentials></AssumeRoleResult>"
                      "</AssumeRoleResponse>")},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     ANSWER("200 OK", "<AssumeRoleResponse><AssumeRoleResult><Credentials><SecretAccessKey>"
                      "SECRET-A</SecretAccessKey><SessionToken>TOKEN-A")},
};

static void hear(struct plug_buf *heard, const struct world *w)
{
    plug_buf_printf(heard, "%s %s %s\n", w->error.message, w->error.code, w->error.request_id);
}

static void hear_step(void *ctx, const char *name, regstore_status status, const char *found,
                      const char *advice)
{
    plug_buf_printf(ctx, "%s %d %s %s\n", name, (int)status, found, advice);
}

static void expect_no_secret(const char *text)
{
    static const char *const secrets[] = {USER_SECRET, "SECRET-A", "TOKEN-A"};
    for (size_t i = 0; i < COUNT(secrets); i++)
        ck_assert_msg(strstr(text, secrets[i]) == NULL, "'%s' is in: %s", secrets[i], text);
}

START_TEST(no_secret_reaches_log_error_check_or_token)
{
    char sts_text[STS_ANSWER_MAX], token[REGSTORE_TOKEN_MAX] = "";
    const struct server_step s3 = {answers[_i].s3,
                                   strstr(answers[_i].s3, "close") == NULL ? 0 : SERVER_CLOSES};
    const struct server_step sts = {answers[_i].sts != NULL ? answers[_i].sts
                                                            : sts_answer(sts_text, "A", 3600000),
                                    SERVER_CLOSES};
    struct plug_buf heard = {0};
    const struct regstore_check_opts opts = {.struct_size = sizeof opts,
                                             .flags = REGSTORE_CHECK_WRITE,
                                             .ctx = &heard,
                                             .step = hear_step};
    uint64_t kept;
    struct world w;
    world_open(&w, &s3, 1, &sts, 1);
    (void)stat_key(&w);
    hear(&heard, &w);
    (void)w.plugin->check(w.store, &w.call, &opts);
    hear(&heard, &w);
    struct regstore_upload *upload = world_upload(&w, "key");
    world_write(&w, upload, 1000);
    (void)w.plugin->upload_suspend(upload, &w.call, token, sizeof token, &kept);
    hear(&heard, &w);
    w.plugin->upload_close(upload);
    ck_assert_uint_gt(heard.len, 100);
    expect_no_secret(plug_buf_text(&heard));
    expect_no_secret(token);
    pthread_mutex_lock(&w.lock);
    expect_no_secret(plug_buf_text(&w.log));
    pthread_mutex_unlock(&w.lock);
    plug_buf_clear(&heard);
    world_close(&w);
}
END_TEST

#define IDENTITY "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJxdWF5In0.c2lnbmVk"

/* An STS that repeats what it cannot read tells it to nobody else. */
START_TEST(echoed_identity_is_in_no_message)
{
    const struct server_step sts = {
        ANSWER("400 Bad Request",
               "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>no provider for "
               "'" IDENTITY "'</Message></Error></ErrorResponse>"),
        SERVER_CLOSES};
    struct world w;
    write_key(access_path, IDENTITY);
    const struct regstore_pair more = {"sts_web_identity_token_file", access_path};
    world_open_with(&w, &head_200, 1, &sts, 1, &more, 1);
    ck_assert_int_eq(stat_key(&w), REGSTORE_DENIED);
    ck_assert_ptr_nonnull(strstr(w.error.message, "no provider for '***"));
    ck_assert_ptr_null(strstr(w.error.message, "eyJ"));
    ck_assert(!world_has_logged(&w, "eyJ"));
    world_close(&w);
}
END_TEST

Suite *secrets_suite(void)
{
    Suite *suite = suite_create("secrets");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, make_folder, remove_folder);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, files_are_read_anew_for_each_session);
    tcase_add_test(tcase, file_that_cannot_be_used_is_named_and_nothing_is_sent);
    tcase_add_test(tcase, without_a_role_the_files_keys_go_to_s3);
    tcase_add_loop_test(tcase, no_secret_reaches_log_error_check_or_token, 0, COUNT(answers));
    tcase_add_test(tcase, echoed_identity_is_in_no_message);
    suite_add_tcase(suite, tcase);
    return suite;
}
