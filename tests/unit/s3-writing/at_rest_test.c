/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption and storage class: on whatever makes an object, on nothing else, and over copies. */
#include "pushing.h"

#include "door.h"
#include "place.h"

#include "objects.h"
#include "store.h"
#include "upload.h"

#include <stdio.h>
#include <string.h>

#define KEY_ID "1234abcd-12ab-34cd-56ef-1234567890ab"

static const struct {
    const char *settings[8]; /* key, value, ... */
    const char *how, *key, *bucket_key, *storage_class;
} kinds[] = {
    {{"server_side_encryption", "AES256"}, "AES256", NULL, NULL, NULL},
    {{"server_side_encryption", "none"}, "AES256", NULL, NULL, NULL}, /* the bucket's own */
    {{"sse_kms_key_id", KEY_ID}, "aws:kms", KEY_ID, NULL, NULL},
    {{"server_side_encryption", "aws:kms", "sse_kms_key_id", KEY_ID, "sse_bucket_key", "true"},
     "aws:kms",
     KEY_ID,
     "true",
     NULL},
    {{"server_side_encryption", "aws:kms:dsse", "sse_kms_key_id",
      "arn:aws:kms:eu-west-1:123456789012:key/" KEY_ID, "storage_class", "STANDARD_IA"},
     "aws:kms:dsse",
     "arn:aws:kms:eu-west-1:123456789012:key/" KEY_ID,
     NULL,
     "STANDARD_IA"},
    {{"storage_class", "INTELLIGENT_TIERING"}, "AES256", NULL, NULL, "INTELLIGENT_TIERING"},
    {{"storage_class", "STANDARD"}, "AES256", NULL, NULL, NULL},
};

static struct regstore_store *store_of(size_t kind)
{
    struct regstore_pair pairs[5] = {{"provider", "aws"}};
    size_t n = 1;
    for (size_t i = 0; i < 8 && kinds[kind].settings[i] != NULL; i += 2)
        pairs[n++] = (struct regstore_pair){kinds[kind].settings[i], kinds[kind].settings[i + 1]};
    return store_with(pairs, n);
}

static void expect_header(const struct stss3_op *op, const char *name, const char *value)
{
    ck_assert_pstr_eq(stss3_request_answer_header(op->request, name), value);
}

static void expect_at_rest(struct regstore_store *store, size_t kind, const char *key)
{
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct stss3_op *op =
        stss3_op_new(&stss3_store_of(store)->running->client, "HEAD", "HeadObject", key);
    ck_assert_msg(stss3_op_run(op, &call) == REGSTORE_OK, "%s: %s", key, call.error.message);
    expect_header(op, "x-amz-server-side-encryption", kinds[kind].how);
    expect_header(op, "x-amz-server-side-encryption-aws-kms-key-id", kinds[kind].key);
    expect_header(op, "x-amz-server-side-encryption-bucket-key-enabled", kinds[kind].bucket_key);
    expect_header(op, "x-amz-storage-class", kinds[kind].storage_class);
    stss3_op_drop(op);
}

/* One PUT; parts at the key; parts and a copy; a copy of what is parked. */
static const struct {
    uint64_t length, stop_every;
    bool tells_key;
} ways[] = {{1000, 0, true}, {11 * MIB, 0, true}, {11 * MIB, 3 * MIB, false}, {1000, 500, false}};

START_TEST(blob_is_kept_as_the_settings_say_whichever_way_it_came)
{
    struct regstore_store *store = store_of((size_t)_i);
    for (size_t i = 0; i < LENGTH_OF(ways); i++) {
        struct push p = {.store = store,
                         .key = "kept",
                         .length = ways[i].length,
                         .stop_every = ways[i].stop_every,
                         .tells_key = ways[i].tells_key};
        push_and_compare(&p);
        expect_at_rest(store, (size_t)_i, "kept");
    }
    plugin_table()->store_close(store);
}
END_TEST

START_TEST(copy_is_kept_as_the_settings_say_not_as_its_source)
{
    struct regstore_store *store = store_of((size_t)_i), *plain = store_at(false);
    struct push p = {.store = plain, .key = "source", .length = 260 * MIB};
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    ck_assert(put(plain, "small", 1, 1000));
    ck_assert_int_eq(push(&p), REGSTORE_OK);
    ck_assert_int_eq(plugin_table()->copy(store, &call, "small", "copy", NULL), REGSTORE_OK);
    expect_at_rest(store, (size_t)_i, "copy");
    ck_assert_msg(plugin_table()->copy(store, &call, "source", "copy", NULL) == REGSTORE_OK, "%s",
                  error.message); /* in parts */
    expect_at_rest(store, (size_t)_i, "copy");
    plugin_table()->store_close(plain);
    plugin_table()->store_close(store);
}
END_TEST

/* What an upload leaves until its end is billed by the day. */
START_TEST(storage_class_is_not_for_what_passes)
{
    struct regstore_store *store = store_of(4);
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    const struct regstore_plugin *p = plugin_table();
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts};
    struct regstore_upload *upload = NULL;
    char token[REGSTORE_TOKEN_MAX];
    ck_assert_int_eq(p->upload_open(store, &call, &opts, &upload), REGSTORE_OK);
    ck_assert_int_eq(p->upload_write(upload, &call, "x", 1), REGSTORE_OK);
    ck_assert_int_eq(p->upload_suspend(upload, &call, token, sizeof token, NULL), REGSTORE_OK);
    char key[STSS3_STAGE_KEY_MAX];
    stss3_park_key(stss3_upload_of(upload), 0, key);
    struct plug_call c = {.deadline_ns = PLUG_NEVER};
    struct stss3_op *op =
        stss3_op_new(&stss3_store_of(store)->running->client, "HEAD", "HeadObject", key);
    ck_assert_int_eq(stss3_op_run(op, &c), REGSTORE_OK);
    expect_header(op, "x-amz-server-side-encryption", "aws:kms:dsse");
    expect_header(op, "x-amz-storage-class", NULL);
    stss3_op_drop(op);
    p->upload_close(upload);
    p->store_close(store);
}
END_TEST

/* Under KMS no ETag is an MD5: a Complete or a copy whose answer is lost is proved without. */
START_TEST(lost_answers_are_proved_under_kms)
{
    static const char *const rules[] = {
        "op=CompleteMultipartUpload&do=reset&when=after",
        "op=CompleteMultipartUpload&skip=1&do=reset&when=after", /* of the copy in parts */
        "op=CopyObject&do=reset&when=after", "op=PutObject&do=reset&when=after"};
    static const uint64_t lengths[] = {11 * MIB, 257 * MIB, 11 * MIB, 1000};
    struct push p = {.store = store_of(2), .key = "lost", .length = lengths[_i]};
    door_fault(server_url(), rules[_i]);
    push_and_compare(&p);
    plugin_table()->store_close(p.store);
}
END_TEST

TCase *at_rest_case(void)
{
    TCase *tcase = tcase_create("at rest");
    tcase_add_loop_test(tcase, blob_is_kept_as_the_settings_say_whichever_way_it_came, 0,
                        LENGTH_OF(kinds));
    tcase_add_loop_test(tcase, copy_is_kept_as_the_settings_say_not_as_its_source, 0,
                        LENGTH_OF(kinds));
    tcase_add_test(tcase, storage_class_is_not_for_what_passes);
    tcase_add_loop_test(tcase, lost_answers_are_proved_under_kms, 0, 4);
    return tcase;
}
