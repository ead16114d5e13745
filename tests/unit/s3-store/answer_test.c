/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are well formed and not what was asked for: what lies between may not keep to HTTP.
 */
#include "suites.h"

#include "store.h"
#include "whole.h"
#include "world.h"

#include <string.h>

#define OFFSET 5u

#define HEAD_OF(status, more) "HTTP/1.1 " status "\r\nETag: \"e\"\r\n" more "\r\n\r\n"
#define TEN                   "Content-Length: 10"

/* To a read from byte 5 on. */
static const struct {
    const char *reply;
    regstore_status due;
} answers[] = {
    {HEAD_OF("206 Partial Content", "Content-Range: bytes 5-14/15\r\n" TEN) "0123456789",
     REGSTORE_OK},
    {HEAD_OF("200 OK", TEN) "0123456789", REGSTORE_CORRUPT}, /* Range was ignored */
    {HEAD_OF("206 Partial Content", "Content-Range: bytes 0-9/15\r\n" TEN) "0123456789",
     REGSTORE_CORRUPT},
    {HEAD_OF("206 Partial Content", "Content-Range: bytes 5-14/*\r\n" TEN) "0123456789",
     REGSTORE_CORRUPT},
    {HEAD_OF("206 Partial Content", TEN) "0123456789", REGSTORE_CORRUPT},
    {HEAD_OF("206 Partial Content", "Content-Range: parts 5-14/15\r\n" TEN) "0123456789",
     REGSTORE_CORRUPT},
};

START_TEST(bytes_that_are_not_the_range_asked_for_are_corrupt)
{
    const struct server_step s3 = {answers[_i].reply, 0};
    const struct regstore_read_opts opts = {.struct_size = sizeof opts, .offset = OFFSET};
    struct regstore_stat stat = {.struct_size = sizeof stat};
    struct regstore_reader *reader = NULL;
    struct world w;
    world_open(&w, &s3, 1, NULL, 0);
    const regstore_status status =
        w.plugin->read_open(w.store, &w.call, "key", &opts, &reader, &stat);
    ck_assert_msg(status == answers[_i].due, "%d, %s", (int)status, w.error.message);
    ck_assert(status != REGSTORE_OK || stat.length == 15);
    w.plugin->read_close(reader);
    world_close(&w);
}
END_TEST

START_TEST(whole_blob_without_its_length_is_not_taken_for_an_empty_one)
{
    const struct server_step s3 = {
        HEAD_OF("200 OK", "Transfer-Encoding: chunked") "a\r\n0123456789\r\n0\r\n\r\n", 0};
    struct regstore_reader *reader = NULL;
    struct world w;
    world_open(&w, &s3, 1, NULL, 0);
    ck_assert_int_eq(w.plugin->read_open(w.store, &w.call, "key", NULL, &reader, NULL),
                     REGSTORE_CORRUPT);
    world_close(&w);
}
END_TEST

START_TEST(head_without_a_length_is_no_empty_blob)
{
    const struct server_step s3 = {HEAD_OF("200 OK", "Connection: close"), SERVER_CLOSES};
    struct world w;
    world_open(&w, &s3, 1, NULL, 0);
    ck_assert_int_eq(w.plugin->stat(w.store, &w.call, "key", NULL), REGSTORE_UNAVAILABLE);
    world_close(&w);
}
END_TEST

/* The page of what lies between, or of another server: nothing says that the blob was stored. */
#define PAGE                                                                                       \
    {                                                                                              \
        ANSWER("200 OK", "<html>It works</html>"), SERVER_CLOSES                                   \
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

START_TEST(put_that_is_answered_without_an_etag_is_not_done)
{
    const struct server_step pages[] = {PAGE},
                             then_good[] = {PAGE, {HEAD_OF("200 OK", "Content-Length: 0"), 0}};
    struct world w;
    world_open(&w, pages, 1, NULL, 0);
    ck_assert_int_eq(put(&w), REGSTORE_UNAVAILABLE);
    ck_assert_uint_eq(w.error.retryable, 1);
    ck_assert_ptr_nonnull(strstr(w.error.message, "PutObject"));
    world_close(&w);
    world_open(&w, then_good, 2, NULL, 0);
    ck_assert_msg(put(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    world_close(&w);
}
END_TEST

#define REFUSED(status, code)                                                                      \
    {                                                                                              \
        ANSWER(status, "<Error><Code>" code "</Code></Error>"), SERVER_CLOSES                      \
    }

/* What a server without If-None-Match says of it.  It has been asked before whether the key is
 * taken: that has to do. */
START_TEST(server_that_refuses_if_none_match_is_asked_without)
{
    const struct server_step s3[] = {REFUSED("404 Not Found", "NoSuchKey"),
                                     REFUSED("501 Not Implemented", "NotImplemented"),
                                     {HEAD_OF("200 OK", "Content-Length: 0"), 0}};
    const struct regstore_commit_opts opts = {
        .struct_size = sizeof opts, .key = "key", .flags = REGSTORE_COMMIT_IF_ABSENT};
    struct world w;
    world_open(&w, s3, 3, NULL, 0);
    struct regstore_upload *upload = world_upload(&w, NULL);
    world_write(&w, upload, 10);
    ck_assert_msg(w.plugin->upload_commit(upload, &w.call, &opts, NULL) == REGSTORE_OK, "%s",
                  w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 3);
    ck_assert_ptr_nonnull(strstr(server_all_heads(w.s3), "if-none-match: *"));
    ck_assert_ptr_null(strstr(server_head(w.s3), "if-none-match"));
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

#define SUMS(type) TEN "\r\nx-amz-checksum-type: " type "\r\nx-amz-checksum-crc32c: KAwGng=="

/* To a HEAD that asks for the checksum of an object of 10 bytes with the ETag "e". */
static const struct {
    const char *reply, *logged;
    bool is_told;
} sums[] = {
    {HEAD_OF("200 OK", SUMS("FULL_OBJECT")), NULL, true},
    {HEAD_OF("200 OK", SUMS("COMPOSITE")), NULL, false},
    {HEAD_OF("200 OK", TEN "\r\nx-amz-checksum-crc32c: KAwGng=="), NULL, false},
    {HEAD_OF("200 OK", TEN "\r\nx-amz-checksum-type: FULL_OBJECT\r\nx-amz-checksum-crc32c: KAwG"),
     NULL, false},
    {HEAD_OF("200 OK", TEN), NULL, false},
    {HEAD_OF("200 OK", "Content-Length: 11"), "message=HeadObject: the answer is of another object",
     false},
    {"HTTP/1.1 200 OK\r\nETag: \"f\"\r\n" SUMS("FULL_OBJECT") "\r\n\r\n",
     "message=HeadObject: the answer is of another object", false},
    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "message=HeadObject", false},
    {"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n", "message=HeadObject", false},
};

START_TEST(checksum_is_taken_of_this_object_alone_and_its_want_is_logged)
{
    const struct server_step s3[] = {{HEAD_OF("200 OK", TEN), 0}, {sums[_i].reply, SERVER_CLOSES}};
    const struct stss3_object object = {.length = 10, .etag = "e"};
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct stss3_whole whole = {0};
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    ck_assert_int_eq(w.plugin->stat(w.store, &w.call, "key", NULL), REGSTORE_OK);
    ck_assert(stss3_whole_ask(&whole, &stss3_store_of(w.store)->running->client, "key", &object));
    ck_assert_int_eq(stss3_whole_hear(&whole, &call, "key", &object), REGSTORE_OK);
    ck_assert(stss3_whole_is_told(&whole) == sums[_i].is_told);
    ck_assert_uint_eq(world_count_logged(&w, "unverified key=key"), sums[_i].logged != NULL);
    if (sums[_i].logged != NULL)
        ck_assert(world_has_logged(&w, sums[_i].logged));
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "if-match: \"e\""));
    stss3_whole_clear(&whole);
    world_close(&w);
}
END_TEST

Suite *answer_suite(void)
{
    Suite *suite = suite_create("answer");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, bytes_that_are_not_the_range_asked_for_are_corrupt, 0,
                        COUNT(answers));
    tcase_add_test(tcase, whole_blob_without_its_length_is_not_taken_for_an_empty_one);
    tcase_add_test(tcase, head_without_a_length_is_no_empty_blob);
    tcase_add_test(tcase, put_that_is_answered_without_an_etag_is_not_done);
    tcase_add_test(tcase, server_that_refuses_if_none_match_is_asked_without);
    tcase_add_loop_test(tcase, checksum_is_taken_of_this_object_alone_and_its_want_is_logged, 0,
                        COUNT(sums));
    suite_add_tcase(suite, tcase);
    return suite;
}
