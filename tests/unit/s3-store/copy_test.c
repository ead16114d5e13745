/* SPDX-License-Identifier: Apache-2.0 */
/* Copies on the way that the provider is known for; what it is known to refuse is not tried. */
#include "suites.h"

#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1024ull * 1024)
#define GIB (1024 * MIB)

#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CREATED                                                                                    \
    {                                                                                              \
        ANSWER("200 OK", "<InitiateMultipartUploadResult><UploadId>u</UploadId>"                   \
                         "</InitiateMultipartUploadResult>"),                                      \
            SERVER_CLOSES                                                                          \
    }
#define COPIED                                                                                     \
    {                                                                                              \
        ANSWER("200 OK", "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>"), SERVER_CLOSES \
    }
#define PART                                                                                       \
    {                                                                                              \
        ANSWER("200 OK", "<CopyPartResult><ETag>\"d41d8cd98f00b204e9800998ecf8427e\"</ETag>"       \
                         "</CopyPartResult>"),                                                     \
            SERVER_CLOSES                                                                          \
    }
#define REFUSED(status, code)                                                                      \
    {                                                                                              \
        ANSWER(status, "<Error><Code>" code "</Code></Error>"), SERVER_CLOSES                      \
    }

/* As CopyObject and CreateMultipartUpload of the target begin. */
static const char copy_object[] = "PUT /bucket/datastorage/to HTTP/1.1\r\n";
static const char create[] = "POST /bucket/datastorage/to?uploads= HTTP/1.1\r\n";

/* What HEAD says of a source of this length. */
static const char *head_of(uint64_t length, char out[256])
{
    (void)snprintf(out, 256,
                   "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nx-amz-meta-regstore-digest: " DIGEST
                   "\r\nContent-Length: %" PRIu64 "\r\n\r\n",
                   length);
    return out;
}

static unsigned count(struct server *server, const char *text)
{
    unsigned n = 0;
    for (const char *at = server_all_heads(server); (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

static const struct {
    const char *provider;
    uint64_t length;
    struct server_step second, rest;
    regstore_status due;
    unsigned creates, copy_objects;
} ways[] = {
    /* No UploadPartCopy is to be had: CopyObject at once. */
    {"gcs", 300 * MIB, COPIED, COPIED, REGSTORE_OK, 0, 1},
    {"ceph", 300 * MIB, COPIED, COPIED, REGSTORE_OK, 0, 1},
    {"gcs", 6 * GIB, COPIED, COPIED, REGSTORE_OK, 0, 1},
    /* It is tried, and CopyObject after a refusal. */
    {"other", 300 * MIB, CREATED, REFUSED("403 Forbidden", "AccessDenied"), REGSTORE_DENIED, 1, 1},
    /* But not for what is too large for it: that is read and written. */
    {"aws", 6 * GIB, CREATED, REFUSED("403 Forbidden", "AccessDenied"), REGSTORE_DENIED, 2, 0},
};

START_TEST(what_is_known_to_be_refused_is_not_tried)
{
    char head[256];
    const struct server_step steps[] = {
        {head_of(ways[_i].length, head), 0}, ways[_i].second, ways[_i].rest};
    const struct regstore_pair provider = {"provider", ways[_i].provider};
    struct world w;
    world_open_with(&w, steps, 3, NULL, 0, &provider, 1);
    const regstore_status status = w.plugin->copy(w.store, &w.call, "from", "to", NULL);
    ck_assert_msg(status == ways[_i].due, "%d, %s", (int)status, w.error.message);
    ck_assert_uint_eq(count(w.s3, create), ways[_i].creates);
    ck_assert_uint_eq(count(w.s3, copy_object), ways[_i].copy_objects);
    world_close(&w);
}
END_TEST

static const struct {
    const char *provider;
    uint64_t length;
    const char *chunk_gb;
    uint64_t part; /* the first part's bytes */
} sizes[] = {
    {"aws", 300 * MIB, "5", 64 * MIB},      {"aws", 40 * GIB, "1", GIB},
    {"aws", 40 * GIB, "5", 5 * GIB},        {"aws", 20000 * GIB, "1", 2 * GIB},
    {"scaleway", 2000 * GIB, "1", 2 * GIB}, {"r2", 100 * GIB, "5", 5 * GIB - 5 * MIB},
};

START_TEST(copied_parts_keep_to_the_providers_limits)
{
    char head[256], range[64];
    const struct server_step steps[] = {
        {head_of(sizes[_i].length, head), 0}, CREATED, REFUSED("400 Bad Request", "Enough")};
    const struct regstore_pair more[] = {{"provider", sizes[_i].provider},
                                         {"maximum_chunk_size_gb", sizes[_i].chunk_gb}};
    struct world w;
    world_open_with(&w, steps, 3, NULL, 0, more, COUNT(more));
    ck_assert_int_ne(w.plugin->copy(w.store, &w.call, "from", "to", NULL), REGSTORE_OK);
    (void)snprintf(range, sizeof range, "range: bytes=0-%" PRIu64 "\r\n", sizes[_i].part - 1);
    ck_assert_msg(count(w.s3, range) == 1, "%s in %s", range, server_all_heads(w.s3));
    world_close(&w);
}
END_TEST

/* The answer to Complete was lost, and the copy is there: with an ETag of the server's own making,
 * with AWS's, or it is somebody else's. */
static const struct {
    const char *etag, *digest;
    bool is_ours;
} lost[] = {
    {"9a0364b9e99bb480dd25e1f0284c8555-99", DIGEST, true},
    {"9a0364b9e99bb480dd25e1f0284c8555-99", "", false},
    {"", "", false},
};

START_TEST(copy_whose_answer_was_lost_is_known_by_what_stands_beside_it)
{
    char head[256], there[512];
    const uint64_t length = 300 * MIB;
    (void)snprintf(there, sizeof there,
                   "HTTP/1.1 200 OK\r\nETag: \"%s\"\r\nx-amz-meta-regstore-digest: %s\r\n"
                   "Content-Length: %" PRIu64 "\r\n\r\n",
                   lost[_i].etag, lost[_i].digest, length);
    const struct server_step steps[] = {{head_of(length, head), 0},
                                        CREATED,
                                        PART,
                                        PART,
                                        PART,
                                        PART,
                                        PART,
                                        REFUSED("404 Not Found", "NoSuchUpload"),
                                        {there, 0}};
    const struct regstore_pair provider = {"provider", "r2"};
    struct world w;
    world_open_with(&w, steps, COUNT(steps), NULL, 0, &provider, 1);
    const regstore_status status = w.plugin->copy(w.store, &w.call, "from", "to", NULL);
    ck_assert_msg(status == (lost[_i].is_ours ? REGSTORE_OK : REGSTORE_UNAVAILABLE), "%d, %s",
                  (int)status, w.error.message);
    world_close(&w);
}
END_TEST

/* There are no parts of nothing: what cannot be copied is written anew. */
START_TEST(empty_blob_is_put_where_it_cannot_be_copied)
{
    char head[256];
    const struct server_step steps[] = {
        {head_of(0, head), 0},
        REFUSED("501 Not Implemented", "NotImplemented"),
        {"HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n\r\n", 0}};
    struct world w;
    world_open(&w, steps, COUNT(steps), NULL, 0);
    ck_assert_msg(w.plugin->copy(w.store, &w.call, "from", "to", NULL) == REGSTORE_OK, "%s",
                  w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 3);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), copy_object)); /* a PUT of the target */
    ck_assert_ptr_null(strstr(server_head(w.s3), "x-amz-copy-source"));
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "x-amz-meta-regstore-digest: " DIGEST));
    world_close(&w);
}
END_TEST

/* Read and written: the checksum that was not announced at Create is not sent with the parts. */
START_TEST(parts_that_go_through_us_have_no_checksum_that_the_whole_has_not)
{
    char head[256];
    const struct server_step steps[] = {
        {head_of(3, head), 0},
        REFUSED("501 Not Implemented", "NotImplemented"),
        CREATED,
        {"HTTP/1.1 206 Partial Content\r\nETag: \"e\"\r\nContent-Range: bytes 0-2/3\r\n"
         "Content-Length: 3\r\n\r\nabc",
         0},
        {"HTTP/1.1 200 OK\r\nETag: \"900150983cd24fb0d6963f7d28e17f72\"\r\n"
         "Content-Length: 0\r\n\r\n",
         0},
        {ANSWER("200 OK", "<CompleteMultipartUploadResult><ETag>\"e-1\"</ETag>"
                          "</CompleteMultipartUploadResult>"),
         SERVER_CLOSES}};
    const struct regstore_pair sha256 = {"checksum_algorithm", "sha256"};
    struct world w;
    world_open_with(&w, steps, COUNT(steps), NULL, 0, &sha256, 1);
    ck_assert_msg(w.plugin->copy(w.store, &w.call, "from", "to", NULL) == REGSTORE_OK, "%s",
                  w.error.message);
    ck_assert_uint_eq(count(w.s3, "x-amz-checksum-algorithm: "), 0);
    ck_assert_uint_eq(count(w.s3, "x-amz-checksum-sha256: "), 0);
    world_close(&w);
}
END_TEST

Suite *copy_suite(void)
{
    Suite *suite = suite_create("copy");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, what_is_known_to_be_refused_is_not_tried, 0, COUNT(ways));
    tcase_add_loop_test(tcase, copied_parts_keep_to_the_providers_limits, 0, COUNT(sizes));
    tcase_add_loop_test(tcase, copy_whose_answer_was_lost_is_known_by_what_stands_beside_it, 0,
                        COUNT(lost));
    tcase_add_test(tcase, empty_blob_is_put_where_it_cannot_be_copied);
    tcase_add_test(tcase, parts_that_go_through_us_have_no_checksum_that_the_whole_has_not);
    suite_add_tcase(suite, tcase);
    return suite;
}
