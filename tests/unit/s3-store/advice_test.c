/* SPDX-License-Identifier: Apache-2.0 */
/* check: which step turns red, and what it says to change. */
#include "suites.h"

#include "advice.h"
#include "store.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What check told, "STEP STATUS: advice\n" each. */
static struct plug_buf told;

static void tell(void *ctx, const char *name, regstore_status status, const char *found,
                 const char *advice)
{
    (void)ctx;
    (void)found;
    plug_buf_printf(&told, "%s %d: %s\n", name, (int)status, advice);
}

static regstore_status check(struct world *w)
{
    const struct regstore_check_opts opts = {.struct_size = sizeof opts, .step = tell};
    plug_buf_reset(&told);
    return w->plugin->check(w->store, &w->call, &opts);
}

/* The advice of a step, "" when it was not told or gave none. */
static const char *advice_of(const char *step)
{
    static char advice[700];
    const char *at = plug_buf_text(&told);
    advice[0] = '\0';
    while (at[0] != '\0' && strncmp(at, step, strlen(step)) != 0)
        at = strchr(at, '\n') + 1;
    if (at[0] != '\0')
        (void)snprintf(advice, sizeof advice, "%.*s", (int)strcspn(strstr(at, ": ") + 2, "\n"),
                       strstr(at, ": ") + 2);
    return advice;
}

static void expect_advice(const char *step, const char *words)
{
    ck_assert_msg(strstr(advice_of(step), words) != NULL, "no '%s' in the advice of '%s': %s",
                  words, step, plug_buf_text(&told));
}

#define REFUSED(code)                                                                              \
    ANSWER("403 Forbidden",                                                                        \
           "<ErrorResponse><Error><Code>" code "</Code><Message>No.</Message></Error>"             \
           "</ErrorResponse>")

static const struct {
    const char *sts, *s3; /* STS is not AWS's own host here, so S3 is asked too */
    const char *words, *not ;
} refusals[] = {
    {REFUSED("InvalidClientTokenId"), NULL, "sts_user_access_key is not known", "trust policy"},
    {REFUSED("SignatureDoesNotMatch"), NULL, "sts_user_secret_key is not the one", "trust policy"},
    {REFUSED("RequestTimeTooSkewed"), NULL, "set this machine's clock", "sts_user"},
    {REFUSED("ValidationError"), NULL, "sts_duration_seconds", "trust policy"},
    {REFUSED("AccessDenied"), ANSWER("200 OK", "<ListAllMyBucketsResult/>"), "trust policy",
     "sts_user_access_key"},
    {REFUSED("AccessDenied"), REFUSED("AccessDenied"), "sts_user_access_key", "trust policy"},
    {REFUSED("AccessDenied"), ANSWER("500 Oops", ""), "sts_user_access_key", "AmazonS3"},
    {REFUSED("AccessDenied"), ANSWER("500 Oops", ""), "trust policy", "AmazonS3"},
    {ANSWER("404 Not Found", "<Error><Code>NoSuchEntity</Code></Error>"), NULL, "sts_role_arn",
     "sts_user"},
};

START_TEST(refused_session_says_what_to_change_and_nothing_else)
{
    const struct server_step sts = {refusals[_i].sts, SERVER_CLOSES};
    const struct server_step s3 = {refusals[_i].s3, SERVER_CLOSES};
    struct world w;
    world_open(&w, &s3, 1, &sts, 1);
    ck_assert_int_ne(check(&w), REGSTORE_OK);
    expect_advice("session", refusals[_i].words);
    ck_assert_ptr_null(strstr(advice_of("session"), refusals[_i].not ));
    ck_assert_str_eq(advice_of("bucket"), "");
    ck_assert_uint_eq(server_heads(w.s3), refusals[_i].s3 == NULL ? 0 : 1);
    if (refusals[_i].s3 != NULL) /* with the user's keys, and once */
        ck_assert_ptr_nonnull(strstr(server_head(w.s3), "Credential=USER/"));
    world_close(&w);
}
END_TEST

START_TEST(aws_is_believed_without_asking_s3)
{
    struct stss3_config config = {.sts = {.host = "sts.eu-west-1.amazonaws.com"}};
    const struct plug_error denied = {.status = REGSTORE_DENIED, .code = "AccessDenied"};
    ck_assert(!stss3_advice_needs_keys(&config, &denied));
    ck_assert_ptr_nonnull(
        strstr(stss3_advice_session(&config, &denied, STSS3_KEYS_UNKNOWN), "trust policy"));
    (void)snprintf(config.sts.host, sizeof config.sts.host, "notamazonaws.com");
    ck_assert(stss3_advice_needs_keys(&config, &denied));
}
END_TEST

static const struct {
    const char *host, *beyond;
    bool tls;
    const char *words; /* NULL: no warning */
} settings[] = {
    {"sts.example.com", NULL, true, NULL},
    {"127.0.0.1", NULL, false, NULL},
    {"localhost", NULL, false, NULL},
    {"::1", NULL, false, NULL},
    {"sts.example.com", NULL, false, "http"},
    {"10.0.0.1", NULL, false, "http"},
    {"127.example.com", NULL, false, "http"},
    {"localhost", "io_threads, ca_bundle", false, "io_threads, ca_bundle"},
};

START_TEST(settings_that_work_and_are_unwise_are_warned_of)
{
    char role[] = "arn:aws:iam::1:role/r", beyond[64];
    struct stss3_config config = {.role_arn = role, .sts = {.tls = settings[_i].tls}};
    struct plug_buf advice = {0};
    (void)snprintf(config.sts.host, sizeof config.sts.host, "%s", settings[_i].host);
    config.sts.is_address = strspn(settings[_i].host, "0123456789.:") == strlen(settings[_i].host);
    if (settings[_i].beyond != NULL) {
        (void)snprintf(beyond, sizeof beyond, "%s", settings[_i].beyond);
        config.beyond_quay = beyond;
    }
    ck_assert(stss3_advice_settings(&config, &advice));
    if (settings[_i].words == NULL)
        ck_assert_str_eq(plug_buf_text(&advice), "");
    else
        ck_assert_ptr_nonnull(strstr(plug_buf_text(&advice), settings[_i].words));
    plug_buf_clear(&advice);
}
END_TEST

static int64_t ahead_s;

static int64_t wrong_clock(void *ctx, int32_t which)
{
    struct timespec now;
    (void)ctx;
    (void)which;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec + ahead_s) * 1000000000 + now.tv_nsec;
}

/* With the Date of this moment. */
static const char *dated(const char *status, char out[300])
{
    char date[64];
    const time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    (void)snprintf(out, 300, "HTTP/1.1 %s\r\nDate: %s\r\nContent-Length: 0\r\n\r\n", status, date);
    return out;
}

static const struct {
    int64_t ahead_s;
    const char *status;
    const char *step, *words; /* words NULL: no advice */
} clocks[] = {
    {0, "200 OK", "clock", NULL},
    {50, "200 OK", "clock", NULL},
    {-50, "200 OK", "clock", NULL},
    {90, "200 OK", "clock", "set this machine's clock"},
    {-90, "200 OK", "clock", "set this machine's clock"},
    {1200, "200 OK", "clock", "set this machine's clock"},
    {-1200, "200 OK", "clock", "set this machine's clock"},
    {1200, "403 Forbidden", "bucket", "AmazonS3FullAccess"}, /* also when asked at the right time */
    {90, "403 Forbidden", "bucket", "AmazonS3FullAccess"},
};

START_TEST(clock_that_is_off_is_told_by_s3s_date)
{
    char answer[300];
    const struct server_step s3 = {dated(clocks[_i].status, answer), 0};
    struct world w;
    world_open(&w, &s3, 1, NULL, 0);
    ((struct stss3_store *)(void *)w.store)->host.host.clock_ns = wrong_clock;
    ahead_s = clocks[_i].ahead_s;
    (void)check(&w);
    if (clocks[_i].words == NULL)
        ck_assert_str_eq(advice_of(clocks[_i].step), "");
    else
        expect_advice(clocks[_i].step, clocks[_i].words);
    world_close(&w);
}
END_TEST

Suite *advice_suite(void)
{
    Suite *suite = suite_create("advice");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, refused_session_says_what_to_change_and_nothing_else, 0,
                        COUNT(refusals));
    tcase_add_test(tcase, aws_is_believed_without_asking_s3);
    tcase_add_loop_test(tcase, settings_that_work_and_are_unwise_are_warned_of, 0, COUNT(settings));
    tcase_add_loop_test(tcase, clock_that_is_off_is_told_by_s3s_date, 0, COUNT(clocks));
    suite_add_tcase(suite, tcase);
    return suite;
}
