/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 plugin's resume tokens, as they come and as they may be damaged on their way. */
#include "suites.h"

#include "world.h"

#include <string.h>

static void expect_refusal(struct world *w, const char *token)
{
    struct regstore_upload *upload;
    ck_assert_int_eq(world_reopen(w, token, &upload), REGSTORE_INVALID);
    ck_assert_ptr_null(upload);
    ck_assert_str_ne(w->error.message, "");
}

START_TEST(token_of_an_upload_without_bytes_needs_no_server)
{
    struct world w;
    char token[REGSTORE_TOKEN_MAX] = "", again[REGSTORE_TOKEN_MAX] = "";
    char digest[REGSTORE_DIGEST_MAX];
    struct regstore_upload *upload;
    world_open(&w, NULL, 0, NULL, 0);
    world_suspend(&w, world_upload(&w, "sha256/ab/key"), token, 0);
    ck_assert_int_eq(world_reopen(&w, token, &upload), REGSTORE_OK);
    ck_assert_uint_eq(w.plugin->upload_offset(upload), 0);
    ck_assert_int_eq(w.plugin->upload_digest(upload, "sha256", digest, sizeof digest), REGSTORE_OK);
    ck_assert_str_eq(digest,
                     "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    world_suspend(&w, upload, again, 0);
    ck_assert_int_eq(world_reopen(&w, again, &upload), REGSTORE_OK);
    w.plugin->upload_close(upload);
    ck_assert(!world_has_logged(&w, "http_try"));
    world_close(&w);
}
END_TEST

START_TEST(token_leaves_no_room_for_other_options)
{
    struct world w;
    char token[REGSTORE_TOKEN_MAX] = "";
    world_open(&w, NULL, 0, NULL, 0);
    world_suspend(&w, world_upload(&w, NULL), token, 0);
    const struct regstore_upload_opts opts[] = {
        {.struct_size = sizeof opts[0], .token = token, .key = "k"},
        {.struct_size = sizeof opts[0], .token = token, .flags = REGSTORE_UPLOAD_SHA256},
        {.struct_size = sizeof opts[0], .token = token, .content_type = "text/plain"},
        {.struct_size = sizeof opts[0], .token = token, .content_encoding = "gzip"},
    };
    for (size_t i = 0; i < COUNT(opts); i++) {
        struct regstore_upload *upload;
        ck_assert_int_eq(w.plugin->upload_open(w.store, &w.call, &opts[i], &upload),
                         REGSTORE_INVALID);
        ck_assert_ptr_null(upload);
    }
    world_close(&w);
}
END_TEST

START_TEST(token_with_any_byte_changed_or_cut_is_refused)
{
    struct world w;
    char token[REGSTORE_TOKEN_MAX] = "";
    world_open(&w, NULL, 0, NULL, 0);
    world_suspend(&w, world_upload(&w, "key"), token, 0);
    const size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        const char right = token[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            token[i] = (char)(right ^ 1 << bit);
            expect_refusal(&w, token);
        }
        token[i] = right;
    }
    for (size_t n = len; n-- > 0;) {
        token[n] = '\0';
        expect_refusal(&w, token);
    }
    world_close(&w);
}
END_TEST

START_TEST(buffer_smaller_than_a_token_may_be_is_range)
{
    struct world w;
    char token[REGSTORE_TOKEN_MAX] = "";
    uint64_t kept;
    world_open(&w, NULL, 0, NULL, 0);
    struct regstore_upload *upload = world_upload(&w, NULL);
    ck_assert_int_eq(
        w.plugin->upload_suspend(upload, &w.call, token, REGSTORE_TOKEN_MAX - 1, &kept),
        REGSTORE_RANGE);
    ck_assert_str_eq(token, "");
    world_suspend(&w, upload, token, 0);
    world_close(&w);
}
END_TEST

Suite *token_suite(void)
{
    Suite *suite = suite_create("token");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, token_of_an_upload_without_bytes_needs_no_server);
    tcase_add_test(tcase, token_leaves_no_room_for_other_options);
    tcase_add_test(tcase, token_with_any_byte_changed_or_cut_is_refused);
    tcase_add_test(tcase, buffer_smaller_than_a_token_may_be_is_range);
    suite_add_tcase(suite, tcase);
    return suite;
}
