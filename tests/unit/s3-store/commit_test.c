/* SPDX-License-Identifier: Apache-2.0 */
/* COM-2: a commit whose answer was lost is proved, or it is a conflict; and S3's 200 that is none.
 */
#include "suites.h"

#include "upload.h"
#include "world.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#define LENGTH (5u * 1024 * 1024 + 1) /* two parts */

/* Both parts have the ETag of 32 zeros; the whole has the MD5 of both in binary, and their number.
 */
#define PART_ETAG  "00000000000000000000000000000000"
#define WHOLE_ETAG "70bc8f4b72a86921468bf8e8441dce51-2"

#define CREATED                                                                                    \
    {                                                                                              \
        ANSWER("200 OK", "<InitiateMultipartUploadResult><UploadId>upload-1</UploadId>"            \
                         "</InitiateMultipartUploadResult>"),                                      \
            SERVER_CLOSES                                                                          \
    }
#define PART                                                                                       \
    {                                                                                              \
        "HTTP/1.1 200 OK\r\nETag: \"" PART_ETAG "\"\r\nContent-Length: 0\r\n\r\n", 0               \
    }
#define COMPLETED                                                                                  \
    {                                                                                              \
        ANSWER("200 OK", "   \n<?xml version=\"1.0\"?><CompleteMultipartUploadResult><ETag>"       \
                         "&quot;" WHOLE_ETAG "&quot;</ETag></CompleteMultipartUploadResult>"),     \
            SERVER_CLOSES                                                                          \
    }
#define LOST                                                                                       \
    {                                                                                              \
        "", SERVER_CLOSES                                                                          \
    }
#define ERROR(status, code)                                                                        \
    {                                                                                              \
        ANSWER(status, "<?xml version=\"1.0\"?><Error><Code>" code "</Code></Error>"),             \
            SERVER_CLOSES                                                                          \
    }
#define NO_SUCH_UPLOAD ERROR("404 Not Found", "NoSuchUpload")
#define NOT_FOUND                                                                                  \
    {                                                                                              \
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0                                   \
    }

/* What a HEAD of the key shows after the commit. */
static char shown[1024];

static void show(size_t length, const char *etag, const char *mark, const char *digest)
{
    (void)snprintf(shown, sizeof shown,
                   "HTTP/1.1 200 OK\r\nETag: \"%s\"\r\nx-amz-meta-regstore-upload: %s\r\n%s%s%s"
                   "Content-Length: %zu\r\n\r\n",
                   etag, mark, digest == NULL ? "" : "x-amz-meta-regstore-digest: ",
                   digest == NULL ? "" : digest, digest == NULL ? "" : "\r\n", length);
}

/* Two parts written; what follows is commit's. */
static struct regstore_upload *two_parts(struct world *w)
{
    struct regstore_upload *upload = world_upload(w, "key");
    world_write(w, upload, LENGTH);
    return upload;
}

static const char *mark_of(struct regstore_upload *upload)
{
    return stss3_upload_of(upload)->id;
}

static regstore_status commit(struct world *w, struct regstore_upload *upload,
                              struct regstore_stat *stat)
{
    *stat = (struct regstore_stat){.struct_size = sizeof *stat};
    return w->plugin->upload_commit(upload, &w->call, NULL, stat);
}

START_TEST(commit_of_two_parts_takes_create_parts_and_complete)
{
    const struct server_step s3[] = {CREATED, PART, PART, COMPLETED};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    ck_assert_msg(commit(&w, upload, &stat) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), COUNT(s3));
    ck_assert_str_eq(stat.etag, WHOLE_ETAG);
    ck_assert_uint_eq(stat.length, LENGTH);
    /* Again: OK, and nobody is asked. */
    ck_assert_int_eq(commit(&w, upload, &stat), REGSTORE_OK);
    ck_assert_int_eq(w.plugin->upload_abort(upload, &w.call), REGSTORE_OK);
    ck_assert_uint_eq(server_heads(w.s3), COUNT(s3));
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(lost_answer_of_complete_is_proved_by_mark_and_etag)
{
    const struct server_step s3[] = {CREATED, PART, PART, LOST, NO_SUCH_UPLOAD, {shown, 0}};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    show(LENGTH, WHOLE_ETAG, mark_of(upload), NULL);
    ck_assert_msg(commit(&w, upload, &stat) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), COUNT(s3));
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "HEAD /bucket/datastorage/key "));
    ck_assert_str_eq(stat.etag, WHOLE_ETAG);
    ck_assert_uint_eq(stat.length, LENGTH);
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(lost_answer_of_complete_is_proved_by_the_digest_beside_the_blob)
{
    const struct server_step s3[] = {CREATED, PART, PART, LOST, NO_SUCH_UPLOAD, {shown, 0}};
    char digest[REGSTORE_DIGEST_MAX];
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    ck_assert_int_eq(w.plugin->upload_digest(upload, "sha256", digest, sizeof digest), REGSTORE_OK);
    show(LENGTH, "a-copys-own-etag", mark_of(upload), digest);
    ck_assert_msg(commit(&w, upload, &stat) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), COUNT(s3));
    ck_assert_str_eq(stat.etag, "a-copys-own-etag");
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

#define OTHER_MARK   "11111111-1111-4111-8111-111111111111"
#define OTHER_DIGEST "sha256:1111111111111111111111111111111111111111111111111111111111111111"

/* length and mark NULL or 0: our own. */
static const struct {
    size_t length;
    const char *etag, *mark, *digest;
} strangers[] = {
    {0, "33333333333333333333333333333333-2", OTHER_MARK, OTHER_DIGEST},
    {LENGTH - 1, "33333333333333333333333333333333-2", OTHER_MARK, NULL},
    {LENGTH + 1, WHOLE_ETAG, NULL, NULL},
    {0, WHOLE_ETAG, NULL, OTHER_DIGEST},
};

START_TEST(lost_answer_of_complete_with_another_blob_at_the_key_is_a_conflict)
{
    const struct server_step s3[] = {CREATED, PART, PART, LOST, NO_SUCH_UPLOAD, {shown, 0}};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    show(strangers[_i].length == 0 ? LENGTH : strangers[_i].length, strangers[_i].etag,
         strangers[_i].mark == NULL ? mark_of(upload) : strangers[_i].mark, strangers[_i].digest);
    ck_assert_int_eq(commit(&w, upload, &stat), REGSTORE_CONFLICT);
    ck_assert_uint_eq(w.error.retryable, 0);
    ck_assert_uint_eq(server_heads(w.s3), COUNT(s3));
    ck_assert_int_eq(commit(&w, upload, &stat), REGSTORE_STATE); /* LOST */
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

/* The same length and no digest beside it: only its bytes can tell, and they are others. */
START_TEST(blob_that_cannot_be_told_from_ours_is_read)
{
    static char bytes[LENGTH + 256];
    const struct server_step s3[] = {CREATED,        PART,       PART,
                                     NO_SUCH_UPLOAD, {shown, 0}, {bytes, SERVER_CLOSES}};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    show(LENGTH, WHOLE_ETAG, OTHER_MARK, NULL); /* the same parts, but not by us */
    (void)snprintf(bytes, sizeof bytes, "%s",
                   ANSWER("500 Unreadable", "<Error><Code>AccessDenied</Code></Error>"));
    ck_assert_int_eq(commit(&w, upload, &stat), REGSTORE_DENIED);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "GET /bucket/datastorage/key "));
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "\"" WHOLE_ETAG "\""));
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(lost_answer_of_complete_with_nothing_at_the_key_is_gone)
{
    const struct server_step s3[] = {CREATED, PART, PART, LOST, NO_SUCH_UPLOAD, NOT_FOUND};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    ck_assert_int_eq(commit(&w, upload, &stat), REGSTORE_GONE);
    ck_assert_int_eq(commit(&w, upload, &stat), REGSTORE_STATE);
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

#define CONFLICT_409 ERROR("409 Conflict", "ConditionalRequestConflict")

/* A Complete that collided is over at AWS, parts and all: the host begins anew, or takes what is
 * there by now. */
static const struct {
    uint64_t flags;
    bool is_taken;
    regstore_status status;
} collisions[] = {
    {REGSTORE_COMMIT_IF_ABSENT, false, REGSTORE_GONE},
    {REGSTORE_COMMIT_IF_ABSENT, true, REGSTORE_EXISTS},
    {0, true, REGSTORE_CONFLICT},
};

START_TEST(collided_complete_is_gone_or_exists)
{
    const struct server_step look = NOT_FOUND, there = {shown, 0};
    const bool looks = collisions[_i].flags != 0;
    const struct server_step end = collisions[_i].is_taken ? there : look;
    const struct server_step looking[] = {CREATED,      PART,           look, PART,
                                          CONFLICT_409, NO_SUCH_UPLOAD, end};
    const struct server_step leaping[] = {CREATED, PART, PART, CONFLICT_409, NO_SUCH_UPLOAD, end};
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts,
                                              .flags = collisions[_i].flags};
    struct world w;
    world_open(&w, looks ? looking : leaping, looks ? COUNT(looking) : COUNT(leaping), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    while (server_heads(w.s3) < 2) /* the first part comes before the look */
        (void)sched_yield();
    show(LENGTH - 1, WHOLE_ETAG, OTHER_MARK, OTHER_DIGEST);
    ck_assert_int_eq(w.plugin->upload_commit(upload, &w.call, &opts, NULL), collisions[_i].status);
    ck_assert_uint_eq(server_heads(w.s3), looks ? 7 : 6);
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(error_inside_a_200_of_complete_is_tried_again)
{
    const struct server_step s3[] = {CREATED, PART, PART, ERROR("200 OK", "InternalError"),
                                     COMPLETED};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    ck_assert_msg(commit(&w, upload, &stat) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), COUNT(s3));
    ck_assert_str_eq(stat.etag, WHOLE_ETAG);
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(answer_of_complete_that_is_cut_off_is_no_success)
{
    static const struct server_step cut = {
        "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n<?xml version=\"1.0\"?><Complete",
        SERVER_CLOSES};
    const struct server_step s3[] = {CREATED, PART, PART, cut, NO_SUCH_UPLOAD, NOT_FOUND};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = two_parts(&w);
    ck_assert_int_eq(commit(&w, upload, &stat), REGSTORE_GONE);
    ck_assert_uint_eq(server_heads(w.s3), COUNT(s3));
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(part_that_fails_is_sent_again_at_the_next_call)
{
    const struct server_step s3[] = {CREATED, ERROR("403 Forbidden", "AccessDenied"), PART, PART,
                                     COMPLETED};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, s3, COUNT(s3), NULL, 0);
    struct regstore_upload *upload = world_upload(&w, "key");
    world_write(&w, upload, LENGTH);
    ck_assert(server_wait_heads(w.s3, 2));
    /* Whoever comes first is told: a write, or this commit, which sends it again. */
    regstore_status status = commit(&w, upload, &stat);
    if (status == REGSTORE_DENIED)
        status = commit(&w, upload, &stat);
    ck_assert_msg(status == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), COUNT(s3));
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(small_blob_is_one_put_with_its_digest_and_mark)
{
    const struct server_step s3 = {"HTTP/1.1 200 OK\r\nETag: \"e-1\"\r\nContent-Length: 0\r\n\r\n",
                                   0};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, &s3, 1, NULL, 0);
    struct regstore_upload *upload = world_upload(&w, "key");
    world_write(&w, upload, 3);
    char mark[128];
    (void)snprintf(mark, sizeof mark, "\r\nx-amz-meta-regstore-upload: %s\r\n", mark_of(upload));
    ck_assert_msg(commit(&w, upload, &stat) == REGSTORE_OK, "%s", w.error.message);
    const char *head = server_head(w.s3);
    ck_assert_ptr_nonnull(strstr(head, "PUT /bucket/datastorage/key HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(head, mark));
    ck_assert_ptr_nonnull(
        strstr(head, "\r\nx-amz-content-sha256: "
                     "cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860\r\n"));
    ck_assert_ptr_nonnull(
        strstr(head, "\r\nx-amz-meta-regstore-digest: sha256:"
                     "cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860\r\n"));
    size_t len;
    ck_assert_mem_eq(server_bodies(w.s3, &len), "xxx", 3);
    ck_assert_uint_eq(len, 3);
    ck_assert_uint_eq(server_heads(w.s3), 1);
    ck_assert_str_eq(stat.etag, "e-1");
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

static const struct {
    const char *digest;
    regstore_status status;
} wrong_digests[] = {
    {OTHER_DIGEST, REGSTORE_DIGEST},
    {"sha256:xyz", REGSTORE_INVALID},
    {"md5:900150983cd24fb0d6963f7d28e17f72", REGSTORE_INVALID},
    {"sha512:1111", REGSTORE_INVALID},
};

START_TEST(digest_that_is_not_ours_sends_nothing_and_the_upload_stays_open)
{
    const struct server_step s3 = {"HTTP/1.1 200 OK\r\nETag: \"e-1\"\r\nContent-Length: 0\r\n\r\n",
                                   0};
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts,
                                              .digest = wrong_digests[_i].digest};
    struct regstore_stat stat;
    struct world w;
    world_open(&w, &s3, 1, NULL, 0);
    struct regstore_upload *upload = world_upload(&w, "key");
    world_write(&w, upload, 3);
    ck_assert_int_eq(w.plugin->upload_commit(upload, &w.call, &opts, NULL),
                     wrong_digests[_i].status);
    ck_assert_uint_eq(server_heads(w.s3), 0);
    world_write(&w, upload, 3);
    ck_assert_int_eq(commit(&w, upload, &stat), REGSTORE_OK);
    ck_assert_uint_eq(stat.length, 6);
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

Suite *commit_suite(void)
{
    Suite *suite = suite_create("commit");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, commit_of_two_parts_takes_create_parts_and_complete);
    tcase_add_test(tcase, lost_answer_of_complete_is_proved_by_mark_and_etag);
    tcase_add_test(tcase, lost_answer_of_complete_is_proved_by_the_digest_beside_the_blob);
    tcase_add_loop_test(tcase, lost_answer_of_complete_with_another_blob_at_the_key_is_a_conflict,
                        0, COUNT(strangers));
    tcase_add_test(tcase, blob_that_cannot_be_told_from_ours_is_read);
    tcase_add_test(tcase, lost_answer_of_complete_with_nothing_at_the_key_is_gone);
    tcase_add_loop_test(tcase, collided_complete_is_gone_or_exists, 0, COUNT(collisions));
    tcase_add_test(tcase, error_inside_a_200_of_complete_is_tried_again);
    tcase_add_test(tcase, answer_of_complete_that_is_cut_off_is_no_success);
    tcase_add_test(tcase, part_that_fails_is_sent_again_at_the_next_call);
    tcase_add_test(tcase, small_blob_is_one_put_with_its_digest_and_mark);
    tcase_add_loop_test(tcase, digest_that_is_not_ours_sends_nothing_and_the_upload_stays_open, 0,
                        COUNT(wrong_digests));
    suite_add_tcase(suite, tcase);
    return suite;
}
