/* SPDX-License-Identifier: Apache-2.0 */
/* org.regstore.policy/1: which documents are told, and for whom. */
#include "suites.h"

#include "policy.h"
#include "store.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER "arn:aws:iam::123492922789:user/quay-user"

struct told {
    struct plug_buf trust, permissions;
    unsigned actions, unexplained, unlisted;
};

static void take_document(void *ctx, const char *name, const char *place, const char *json)
{
    struct told *told = ctx;
    ck_assert_ptr_nonnull(strstr(place, "12.2"));
    plug_buf_str(strcmp(name, "trust_policy") == 0 ? &told->trust : &told->permissions, json);
}

static void take_action(void *ctx, const char *name, const char *resource, const char *purpose)
{
    struct told *told = ctx;
    const char *document =
        plug_buf_text(told->permissions.len == 0 ? &told->trust : &told->permissions);
    told->actions++;
    told->unexplained += purpose[0] == '\0';
    told->unlisted += strstr(document, name) == NULL || strstr(document, resource) == NULL;
}

static regstore_status explain(struct world *w, const char *user, struct told *told)
{
    const struct regstore_policy *policy = w->plugin->extension(REGSTORE_POLICY_ID);
    const struct regstore_policy_opts opts = {.struct_size = sizeof opts,
                                              .user = user,
                                              .ctx = told,
                                              .document = take_document,
                                              .action = take_action};
    *told = (struct told){0};
    ck_assert_ptr_nonnull(policy);
    return policy->explain(w->store, &w->call, &opts);
}

static void forget(struct told *told)
{
    plug_buf_clear(&told->trust);
    plug_buf_clear(&told->permissions);
}

static const struct server_step identity = {
    ANSWER("200 OK", "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/"
                     "\"><GetCallerIdentityResult><Arn>" USER "</Arn><UserId>A</UserId><Account>1"
                     "</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"),
    SERVER_CLOSES};

START_TEST(user_is_asked_of_sts_when_nobody_names_him)
{
    struct told told;
    struct world w;
    size_t len;
    world_open(&w, NULL, 0, &identity, 1);
    ck_assert_msg(explain(&w, NULL, &told) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_ptr_nonnull(strstr(plug_buf_text(&told.trust), "\"AWS\": \"" USER "\""));
    ck_assert_ptr_nonnull(
        strstr((const char *)server_bodies(w.sts, &len), "Action=GetCallerIdentity"));
    ck_assert_ptr_nonnull(strstr(server_head(w.sts), "Credential=USER/"));
    forget(&told);
    world_close(&w);
}
END_TEST

START_TEST(named_user_is_believed_without_io)
{
    struct told told;
    struct world w;
    world_open(&w, NULL, 0, &identity, 1);
    ck_assert_int_eq(explain(&w, "arn:aws:iam::1:user/x", &told), REGSTORE_OK);
    ck_assert_ptr_nonnull(strstr(plug_buf_text(&told.trust), "\"arn:aws:iam::1:user/x\""));
    ck_assert_ptr_nonnull(strstr(plug_buf_text(&told.trust), "\"sts:AssumeRole\""));
    ck_assert_ptr_nonnull(strstr(plug_buf_text(&told.permissions), "\"arn:aws:s3:::bucket\""));
    ck_assert_ptr_nonnull(
        strstr(plug_buf_text(&told.permissions), "\"arn:aws:s3:::bucket/datastorage/*\""));
    ck_assert_ptr_null(strstr(plug_buf_text(&told.permissions), "s3:*"));
    ck_assert_uint_ge(told.actions, 5);
    ck_assert_uint_eq(told.unexplained + told.unlisted, 0);
    ck_assert_uint_eq(server_heads(w.sts), 0);
    forget(&told);
    world_close(&w);
}
END_TEST

static const char *const no_users[] = {
    "", "quay-user", "*", "arn:aws:iam::1:user/*", "arn:aws:iam::1:user/\"", "arn:aws:s3:::bucket",
};

START_TEST(what_is_no_user_is_refused)
{
    struct told told;
    struct world w;
    world_open(&w, NULL, 0, &identity, 1);
    ck_assert_int_eq(explain(&w, no_users[_i], &told), REGSTORE_INVALID);
    ck_assert_uint_eq(told.trust.len + told.permissions.len, 0);
    world_close(&w);
}
END_TEST

START_TEST(sts_that_does_not_tell_is_named_with_the_way_out)
{
    const struct server_step sts = {
        ANSWER("405 Method Not Allowed", "<Error><Code>MethodNotAllowed</Code></Error>"),
        SERVER_CLOSES};
    struct told told;
    struct world w;
    world_open(&w, NULL, 0, &sts, 1);
    ck_assert_int_ne(explain(&w, NULL, &told), REGSTORE_OK);
    ck_assert_ptr_nonnull(strstr(w.error.message, "--user-arn"));
    ck_assert_uint_eq(server_heads(w.sts), 1);
    world_close(&w);
}
END_TEST

START_TEST(without_a_role_there_is_nobody_to_trust)
{
    struct told told;
    struct world w;
    world_open(&w, NULL, 0, NULL, 0);
    ck_assert_int_eq(explain(&w, NULL, &told), REGSTORE_OK);
    ck_assert_uint_eq(told.trust.len, 0);
    ck_assert_uint_ne(told.permissions.len, 0);
    forget(&told);
    world_close(&w);
}
END_TEST

START_TEST(external_id_is_demanded_by_the_trust_policy)
{
    struct told told;
    struct world w;
    world_open(&w, NULL, 0, &identity, 1);
    ((struct stss3_store *)(void *)w.store)->config->external_id = strdup("id \"1\" \\");
    ck_assert_int_eq(explain(&w, USER, &told), REGSTORE_OK);
    ck_assert_ptr_nonnull(
        strstr(plug_buf_text(&told.trust), "\"sts:ExternalId\": \"id \\\"1\\\" \\\\\""));
    forget(&told);
    world_close(&w);
}
END_TEST

START_TEST(no_other_extension_is_known)
{
    struct world w;
    world_open(&w, NULL, 0, &identity, 1);
    ck_assert_ptr_null(w.plugin->extension("org.regstore.policy/2"));
    ck_assert_ptr_null(w.plugin->extension(""));
    world_close(&w);
}
END_TEST

Suite *policy_suite(void)
{
    Suite *suite = suite_create("policy");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, user_is_asked_of_sts_when_nobody_names_him);
    tcase_add_test(tcase, named_user_is_believed_without_io);
    tcase_add_loop_test(tcase, what_is_no_user_is_refused, 0, COUNT(no_users));
    tcase_add_test(tcase, sts_that_does_not_tell_is_named_with_the_way_out);
    tcase_add_test(tcase, without_a_role_there_is_nobody_to_trust);
    tcase_add_test(tcase, external_id_is_demanded_by_the_trust_policy);
    tcase_add_test(tcase, no_other_extension_is_known);
    suite_add_tcase(suite, tcase);
    return suite;
}
