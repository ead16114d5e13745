/* SPDX-License-Identifier: Apache-2.0 */
/* Many keys deleted as each server takes it, with MD5 and without (FIPS). */
#include "suites.h"

#include "checksum.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

#define REFUSED(status, code)                                                                      \
    {                                                                                              \
        ANSWER(status, "<Error><Code>" code "</Code></Error>"), SERVER_CLOSES                      \
    }
#define DONE                                                                                       \
    {                                                                                              \
        ANSWER("200 OK", "<DeleteResult/>"), SERVER_CLOSES                                         \
    }
#define GONE                                                                                       \
    {                                                                                              \
        ANSWER("204 No Content", ""), SERVER_CLOSES                                                \
    }

/* The linker gives the plugin this one in its place. */
enum stss3_checksum __real_stss3_demanded_checksum(void);
enum stss3_checksum __wrap_stss3_demanded_checksum(void);
static bool is_fips;

enum stss3_checksum __wrap_stss3_demanded_checksum(void)
{
    return is_fips ? STSS3_SUM_SHA256 : __real_stss3_demanded_checksum();
}

static const struct {
    const char *provider;
    bool is_fips;
    struct server_step first;
    const char *has, *lacks; /* of the first head */
    unsigned requests;       /* for two keys, and one more for each later key */
} ways[] = {
    {"aws", false, DONE, "x-amz-checksum-crc32c: ", "content-md5: ", 1},
    {"aws", true, DONE, "x-amz-checksum-crc32c: ", "content-md5: ", 1},
    {"ceph", false, DONE, "content-md5: ", "x-amz-checksum-", 1},
    {"minio", false, DONE, "content-md5: ", "x-amz-checksum-", 1},
    {"other", false, DONE, "content-md5: ", "x-amz-checksum-", 1},
    {"other", true, DONE, "x-amz-checksum-sha256: ", "content-md5: ", 1},
    {"other", true, REFUSED("400 Bad Request", "InvalidRequest"),
     "x-amz-checksum-sha256: ", "content-md5: ", 3},
    {"minio", true, REFUSED("400 Bad Request", "MissingContentMD5"),
     "x-amz-checksum-sha256: ", "content-md5: ", 3},
    {"other", false, REFUSED("501 Not Implemented", "NotImplemented"),
     "content-md5: ", "x-amz-checksum-", 3},
    {"ceph", false, REFUSED("403 Forbidden", "AccessDenied"), "content-md5: ", "x-amz-checksum-",
     3},
};

START_TEST(keys_are_deleted_in_a_batch_where_the_server_takes_one)
{
    static const char *const keys[] = {"a", "b"};
    const struct regstore_pair provider = {"provider", ways[_i].provider};
    const struct server_step steps[] = {ways[_i].first, GONE};
    const bool is_batch = ways[_i].requests == 1;
    regstore_status results[2];
    struct world w;
    is_fips = ways[_i].is_fips;
    world_open_with(&w, steps, is_batch ? 1 : 2, NULL, 0, &provider, 1);
    ck_assert_msg(w.plugin->delete_blobs(w.store, &w.call, keys, 2, results) == REGSTORE_OK, "%s",
                  w.error.message);
    ck_assert(results[0] == REGSTORE_OK && results[1] == REGSTORE_OK);
    ck_assert_uint_eq(server_heads(w.s3), ways[_i].requests);
    char first[4096];
    (void)snprintf(first, sizeof first, "%s", server_all_heads(w.s3));
    char *end = strstr(first, "\r\n\r\n");
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    ck_assert_ptr_nonnull(strstr(first, "POST /bucket?delete="));
    ck_assert_ptr_nonnull(strstr(first, ways[_i].has));
    ck_assert_ptr_null(strstr(first, ways[_i].lacks));
    /* And what was learned is kept. */
    ck_assert_int_eq(w.plugin->delete_blobs(w.store, &w.call, keys, 2, results), REGSTORE_OK);
    ck_assert_uint_eq(server_heads(w.s3), ways[_i].requests + (is_batch ? 1 : 2));
    world_close(&w);
}
END_TEST

Suite *delete_suite(void)
{
    Suite *suite = suite_create("delete");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, keys_are_deleted_in_a_batch_where_the_server_takes_one, 0,
                        COUNT(ways));
    suite_add_tcase(suite, tcase);
    return suite;
}
