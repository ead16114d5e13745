/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket that lies in another region than the one that was asked. */
#include "suites.h"

#include "world.h"

#include <string.h>

#define SIGNED_FOR(region) "/" region "/s3/aws4_request"

#define MALFORMED(region)                                                                          \
    {                                                                                              \
        ANSWER("400 Bad Request", "<Error><Code>AuthorizationHeaderMalformed</Code>"               \
                                  "<Message>no</Message><Region>" region "</Region></Error>"),     \
            SERVER_CLOSES                                                                          \
    }
#define MOVED(region)                                                                              \
    "HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: " region "\r\nContent-Length: "        \
                                                                     "0\r\n\r\n"

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

START_TEST(region_in_an_error_is_learned_and_the_same_server_asked_again)
{
    const struct server_step s3[] = {MALFORMED("eu-west-1"), put_200};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    ck_assert_msg(put(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("eu-west-1")));
    ck_assert(world_has_logged(&w, "region bucket=bucket region=eu-west-1"));
    /* Learned for good: the next one is right at once. */
    ck_assert_int_eq(put(&w), REGSTORE_OK);
    ck_assert_uint_eq(server_heads(w.s3), 3);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("eu-west-1")));
    ck_assert_uint_eq(world_count_logged(&w, "region bucket="), 1);
    world_close(&w);
}
END_TEST

START_TEST(region_in_a_header_is_learned_where_there_is_no_body)
{
    const struct server_step s3[] = {{MOVED("eu-west-1"), 0}, put_200};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    ck_assert_msg(w.plugin->stat(w.store, &w.call, "key", NULL) == REGSTORE_OK, "%s",
                  w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("eu-west-1")));
    world_close(&w);
}
END_TEST

static const struct server_step unbelievable[] = {
    MALFORMED("cn-north-1"), /* another partition */
    MALFORMED(""),
    MALFORMED("evil.example/"),
    MALFORMED("../../x"),
};

START_TEST(region_that_cannot_be_believed_is_not)
{
    struct world w;
    world_open(&w, &unbelievable[_i], 1, NULL, 0);
    ck_assert_int_ne(put(&w), REGSTORE_OK);
    ck_assert_str_eq(w.error.code, "AuthorizationHeaderMalformed");
    ck_assert_uint_eq(server_heads(w.s3), 1);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("us-east-1")));
    world_close(&w);
}
END_TEST

START_TEST(server_that_sends_away_for_ever_is_asked_twice)
{
    const struct server_step s3[] = {{MOVED("eu-west-1"), 0}, {MOVED("eu-west-2"), 0}};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    ck_assert_int_eq(w.plugin->stat(w.store, &w.call, "key", NULL), REGSTORE_CONFIG);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    world_close(&w);
}
END_TEST

Suite *region_suite(void)
{
    Suite *suite = suite_create("region");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, region_in_an_error_is_learned_and_the_same_server_asked_again);
    tcase_add_test(tcase, region_in_a_header_is_learned_where_there_is_no_body);
    tcase_add_loop_test(tcase, region_that_cannot_be_believed_is_not, 0, COUNT(unbelievable));
    tcase_add_test(tcase, server_that_sends_away_for_ever_is_asked_twice);
    suite_add_tcase(suite, tcase);
    return suite;
}
