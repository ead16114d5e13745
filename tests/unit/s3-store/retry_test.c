/* SPDX-License-Identifier: Apache-2.0 */
/* When a request is tried again, what that costs, and what is said when it did not help. */
#include "suites.h"

#include "listing.h"
#include "multipart.h"
#include "store.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct regstore_pair aws = {"provider", "aws"}, ceph = {"provider", "ceph"};

#define EMPTY(status) "HTTP/1.1 " status "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#define ERROR(status, code)                                                                        \
    {                                                                                              \
        ANSWER(status, "<Error><Code>" code "</Code></Error>"), SERVER_CLOSES                      \
    }
#define GOOD_HEAD                                                                                  \
    {                                                                                              \
        "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"e\"\r\nContent-Length: 3\r\n\r\n",        \
            SERVER_CLOSES                                                                          \
    }
#define XML(text)                                                                                  \
    {                                                                                              \
        ANSWER("200 OK", text), SERVER_CLOSES                                                      \
    }
#define GOOD_LIST "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"

static regstore_status stat_key(struct world *w)
{
    return w->plugin->stat(w->store, &w->call, "key", NULL);
}

/* The client, with a region that is known: it has answered once. */
static struct stss3_client *client_of(struct world *w)
{
    ck_assert_int_eq(stat_key(w), REGSTORE_OK);
    return &stss3_store_of(w->store)->running->client;
}

static regstore_status list(struct world *w)
{
    char key[REGSTORE_KEY_MAX];
    struct regstore_list *l;
    const struct regstore_list_opts opts = {.struct_size = sizeof opts};
    ck_assert_int_eq(w->plugin->list_open(w->store, &w->call, &opts, &l), REGSTORE_OK);
    regstore_status status;
    do
        status = w->plugin->list_next(l, &w->call, key, sizeof key, NULL);
    while (status == REGSTORE_OK && key[0] != '\0');
    w->plugin->list_close(l);
    return status;
}

/* Answers that must not pass for a whole and good one. */
static const struct server_step no_answers[] = {
    XML("<ListBucketResult><IsTruncated>fal"),
    XML("<ListBucketResult><IsTruncated>false</IsTruncated>"),
    XML("<html>ok</html>"),
    XML(""),
    XML("<Error><Code>InternalError</Code></Error>"),
    XML("  \n<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code></Error>"),
};

START_TEST(what_is_no_whole_answer_is_tried_again)
{
    const struct server_step s3[] = {no_answers[_i], XML(GOOD_LIST)};
    struct world w;
    world_open_with(&w, s3, 2, NULL, 0, &aws, 1);
    ck_assert_msg(list(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    world_close(&w);
}
END_TEST

START_TEST(what_is_never_a_whole_answer_is_told_as_such)
{
    struct world w;
    world_open_with(&w, &no_answers[_i], 1, NULL, 0, &aws, 1);
    const regstore_status status = list(&w);
    ck_assert(status == REGSTORE_UNAVAILABLE || status == REGSTORE_THROTTLED);
    ck_assert_uint_eq(server_heads(w.s3), 5);
    ck_assert_uint_eq(w.error.retryable, 1);
    ck_assert_uint_eq(w.error.http_status, 200);
    ck_assert_ptr_nonnull(strstr(w.error.message, "ListObjectsV2"));
    world_close(&w);
}
END_TEST

START_TEST(error_inside_a_200_is_found_where_no_xml_is_due)
{
    const struct server_step s3[] = {XML("<Error><Code>InternalError</Code></Error>"),
                                     {EMPTY("204 No Content"), SERVER_CLOSES}};
    const char *const keys[] = {"key"};
    struct world w;
    world_open_with(&w, s3, 2, NULL, 0, &aws, 1);
    ck_assert_int_eq(w.plugin->delete_blobs(w.store, &w.call, keys, 1, NULL), REGSTORE_OK);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    world_close(&w);
}
END_TEST

#define PAGE(token)                                                                                \
    XML("<ListBucketResult><IsTruncated>true</IsTruncated>"                                        \
        "<Contents><Key>datastorage/k</Key></Contents>" token "</ListBucketResult>")

static const struct {
    struct server_step pages[3];
    unsigned heads;
} endless[] = {
    {{PAGE("<NextContinuationToken>a</NextContinuationToken>")}, 2},
    {{PAGE("<NextContinuationToken>a</NextContinuationToken>"),
      PAGE("<NextContinuationToken>b</NextContinuationToken>")},
     3},
    {{PAGE("")}, 3},
};

START_TEST(list_that_does_not_move_on_is_an_error_and_no_loop)
{
    size_t n = 0;
    while (n < COUNT(endless[_i].pages) && endless[_i].pages[n].reply != NULL)
        n++;
    struct world w;
    world_open_with(&w, endless[_i].pages, n, NULL, 0, &aws, 1);
    ck_assert_int_eq(list(&w), REGSTORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(w.error.message, "not from where"));
    ck_assert_uint_eq(server_heads(w.s3), endless[_i].heads);
    world_close(&w);
}
END_TEST

static regstore_status take_part(void *ctx, unsigned number, const struct stss3_part *part,
                                 int64_t mtime_ns)
{
    (void)ctx, (void)number, (void)part, (void)mtime_ns;
    return REGSTORE_OK;
}

static regstore_status take_upload(void *ctx, const char *key, const char *upload_id,
                                   int64_t begun_ns, int64_t now_ns)
{
    (void)ctx, (void)key, (void)upload_id, (void)begun_ns, (void)now_ns;
    return REGSTORE_OK;
}

#define PARTS(next)                                                                                \
    XML("<ListPartsResult><IsTruncated>true</IsTruncated>" next "</ListPartsResult>")
#define UPLOADS(next)                                                                              \
    XML("<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>" next                         \
        "</ListMultipartUploadsResult>")
#define AT(key, id)                                                                                \
    "<NextKeyMarker>" key "</NextKeyMarker><NextUploadIdMarker>" id "</NextUploadIdMarker>"

static const struct {
    bool is_of_uploads;
    struct server_step pages[3]; /* after the HEAD */
    unsigned heads;
} endless_markers[] = {
    {false, {PARTS("<NextPartNumberMarker>7</NextPartNumberMarker>")}, 3},
    {false, {PARTS("")}, 2},
    {true, {UPLOADS(AT("k", "i"))}, 3},
    {true, {UPLOADS(AT("k", "i")), UPLOADS(AT("k", "j"))}, 4}, /* the second marker alone moves */
    {true, {UPLOADS("")}, 2},
    {false, {PARTS("<NextPartNumberMarker>7</NextPartNumberMarker>"), PARTS("")}, 3},
    {true, {UPLOADS(AT("k", "i")), UPLOADS("")}, 3},
};

START_TEST(list_of_uploads_or_parts_that_does_not_move_on_is_an_error_and_no_loop)
{
    struct server_step s3[4] = {GOOD_HEAD};
    size_t n = 1;
    for (; n < COUNT(s3) && endless_markers[_i].pages[n - 1].reply != NULL; n++)
        s3[n] = endless_markers[_i].pages[n - 1];
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct world w;
    world_open_with(&w, s3, n, NULL, 0, &aws, 1);
    struct stss3_client *client = client_of(&w);
    const regstore_status status =
        endless_markers[_i].is_of_uploads
            ? stss3_multipart_uploads(client, &call, "", take_upload, NULL)
            : stss3_multipart_parts(client, &call, "key", "upload", take_part, NULL);
    ck_assert_int_eq(status, REGSTORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(call.error.message, "not from where"));
    ck_assert_uint_eq(server_heads(w.s3), endless_markers[_i].heads);
    world_close(&w);
}
END_TEST

START_TEST(body_that_did_not_arrive_whole_is_sent_once_more)
{
    const struct server_step s3[] = {ERROR("400 Bad Request", "BadDigest")};
    struct world w;
    world_open_with(&w, s3, 1, NULL, 0, &aws, 1);
    struct regstore_upload *upload = world_upload(&w, "key");
    world_write(&w, upload, 10);
    ck_assert_int_eq(w.plugin->upload_commit(upload, &w.call, NULL, NULL), REGSTORE_CORRUPT);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    ck_assert_str_eq(w.error.code, "BadDigest");
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(what_cannot_be_done_is_asked_once)
{
    const struct server_step s3[] = {ERROR("501 Not Implemented", "NotImplemented")};
    struct world w;
    world_open_with(&w, s3, 1, NULL, 0, &ceph, 1);
    ck_assert_int_eq(list(&w), REGSTORE_UNSUPPORTED);
    ck_assert_uint_eq(server_heads(w.s3), 1);
    ck_assert_uint_eq(w.error.retryable, 0);
    world_close(&w);
}
END_TEST

/* The service asks for more patience than the caller has. */
START_TEST(time_that_is_over_tells_what_the_last_try_met)
{
    const struct server_step s3[] = {
        {"HTTP/1.1 503 Slow Down\r\nConnection: close\r\nRetry-After: 15\r\n"
         "x-amz-request-id: R-7\r\n\r\n<Error><Code>SlowDown</Code></Error>",
         SERVER_CLOSES}};
    struct world w;
    world_open_with(&w, s3, 1, NULL, 0, &aws, 1);
    w.call.timeout_ms = 1000;
    ck_assert_int_eq(list(&w), REGSTORE_TIMEOUT);
    ck_assert_uint_eq(w.error.http_status, 503);
    ck_assert_str_eq(w.error.code, "SlowDown");
    ck_assert_str_eq(w.error.request_id, "R-7");
    ck_assert_uint_eq(w.error.retry_after_ms, 15000);
    ck_assert_uint_eq(w.error.retryable, 1);
    ck_assert_ptr_nonnull(strstr(w.error.message, "is over; the try before: ListObjectsV2"));
    world_close(&w);
}
END_TEST

START_TEST(what_was_our_own_fault_costs_nothing_of_the_budget)
{
    char sts_a[STS_ANSWER_MAX], sts_b[STS_ANSWER_MAX];
    const struct server_step s3[] = {ERROR("400 Bad Request", "ExpiredToken"), XML(GOOD_LIST)};
    const struct server_step sts[] = {{sts_answer(sts_a, "A", 3600000), SERVER_CLOSES},
                                      {sts_answer(sts_b, "B", 3600000), SERVER_CLOSES}};
    struct world w;
    world_open(&w, s3, 2, sts, 2);
    ck_assert_int_eq(list(&w), REGSTORE_OK);
    ck_assert_uint_eq(server_heads(w.sts), 2);
    ck_assert_uint_eq(stss3_retries_used(&stss3_store_of(w.store)->running->client.retries), 0);
    world_close(&w);
}
END_TEST

/* 25 calls of 5 tries each, of which 4 are paid for. */
START_TEST(s3_that_is_down_uses_its_budget_up_and_leaves_sts_its_own)
{
    enum { CALLS = STSS3_RETRY_TOKENS / 5 / 4, TRIES = CALLS * 5 };
    static const struct server_step down = ERROR("500 Oh", "InternalError"),
                                    expired = ERROR("400 Bad Request", "ExpiredToken"),
                                    good = XML(GOOD_LIST);
    char sts_a[STS_ANSWER_MAX], sts_b[STS_ANSWER_MAX];
    const struct server_step sts[] = {{sts_answer(sts_a, "A", 3600000), SERVER_CLOSES},
                                      {EMPTY("500 Oh"), SERVER_CLOSES},
                                      {sts_answer(sts_b, "B", 3600000), SERVER_CLOSES}};
    struct server_step s3[TRIES + 3];
    for (size_t i = 0; i <= TRIES; i++)
        s3[i] = down;
    s3[TRIES + 1] = expired;
    s3[TRIES + 2] = good;
    struct world w;
    world_open(&w, s3, COUNT(s3), sts, COUNT(sts));
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(list(&w), REGSTORE_UNAVAILABLE);
    ck_assert_uint_eq(stss3_retries_used(&stss3_store_of(w.store)->running->client.retries),
                      STSS3_RETRY_TOKENS);
    ck_assert_uint_eq(server_heads(w.s3), TRIES);
    ck_assert_int_eq(list(&w), REGSTORE_UNAVAILABLE);
    ck_assert_uint_eq(server_heads(w.s3), TRIES + 1); /* a first try is always made */
    ck_assert_msg(list(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.sts), 3);
    world_close(&w);
}
END_TEST

START_TEST(echoed_session_token_is_in_no_message)
{
    char answer[STS_ANSWER_MAX];
    const struct server_step s3[] = {
        {ANSWER("403 Forbidden",
                "<Error><Code>SomethingElse</Code><Message>what is TOKEN-of-the-session?</Message>"
                "<Token-0>TOKEN-of-the-session</Token-0></Error>"),
         SERVER_CLOSES}};
    const struct server_step sts[] = {
        {sts_answer(answer, "of-the-session", 3600000), SERVER_CLOSES}};
    struct world w;
    world_open(&w, s3, 1, sts, 1);
    ck_assert_int_eq(list(&w), REGSTORE_DENIED);
    ck_assert_ptr_null(strstr(w.error.message, "TOKEN-of"));
    ck_assert_ptr_nonnull(strstr(w.error.message, "what is ***"));
    ck_assert(!world_has_logged(&w, "TOKEN-of"));
    world_close(&w);
}
END_TEST

START_TEST(refused_look_says_that_a_missing_right_to_list_looks_the_same)
{
    const struct server_step s3[] = {{EMPTY("403 Forbidden"), SERVER_CLOSES}};
    struct world w;
    world_open_with(&w, s3, 1, NULL, 0, &aws, 1);
    ck_assert_int_eq(stat_key(&w), REGSTORE_DENIED);
    ck_assert_ptr_nonnull(strstr(w.error.message, "without s3:ListBucket"));
    world_close(&w);
}
END_TEST

/* More spaces than an answer may have bytes. */
START_TEST(spaces_that_keep_the_line_busy_need_no_memory)
{
    enum { SPACES = 200000 };
    static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    static const char result[] = "<?xml version=\"1.0\"?><CopyObjectResult><ETag>\"e\"</ETag>"
                                 "</CopyObjectResult>";
    char *reply = malloc(sizeof head + SPACES + sizeof result);
    ck_assert_ptr_nonnull(reply);
    memcpy(reply, head, sizeof head - 1);
    memset(reply + sizeof head - 1, ' ', SPACES);
    memcpy(reply + sizeof head - 1 + SPACES, result, sizeof result);
    const struct server_step s3[] = {GOOD_HEAD, {reply, SERVER_CLOSES}};
    const struct stss3_object source = {.length = 3};
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    char etag[128];
    struct world w;
    world_open_with(&w, s3, 2, NULL, 0, &aws, 1);
    const regstore_status status =
        stss3_copy_object(client_of(&w), &call, "from", &source, "to", NULL, false, etag);
    ck_assert_msg(status == REGSTORE_OK, "%s", call.error.message);
    ck_assert_str_eq(etag, "e");
    world_close(&w);
    free(reply);
}
END_TEST

Suite *retry_suite(void)
{
    Suite *suite = suite_create("retry");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, what_is_no_whole_answer_is_tried_again, 0, COUNT(no_answers));
    tcase_add_loop_test(tcase, what_is_never_a_whole_answer_is_told_as_such, 0, COUNT(no_answers));
    tcase_add_test(tcase, error_inside_a_200_is_found_where_no_xml_is_due);
    tcase_add_loop_test(tcase, list_that_does_not_move_on_is_an_error_and_no_loop, 0,
                        COUNT(endless));
    tcase_add_loop_test(tcase,
                        list_of_uploads_or_parts_that_does_not_move_on_is_an_error_and_no_loop, 0,
                        COUNT(endless_markers));
    tcase_add_test(tcase, body_that_did_not_arrive_whole_is_sent_once_more);
    tcase_add_test(tcase, what_cannot_be_done_is_asked_once);
    tcase_add_test(tcase, time_that_is_over_tells_what_the_last_try_met);
    tcase_add_test(tcase, what_was_our_own_fault_costs_nothing_of_the_budget);
    tcase_add_test(tcase, s3_that_is_down_uses_its_budget_up_and_leaves_sts_its_own);
    tcase_add_test(tcase, echoed_session_token_is_in_no_message);
    tcase_add_test(tcase, refused_look_says_that_a_missing_right_to_list_looks_the_same);
    tcase_add_test(tcase, spaces_that_keep_the_line_busy_need_no_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}
