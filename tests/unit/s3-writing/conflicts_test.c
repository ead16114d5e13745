/* SPDX-License-Identifier: Apache-2.0 */
/* 409 and 412 told apart: what is tried again, what is ours, and what somebody else was first at.
 */
#include "pushing.h"

#include "door.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>

static struct regstore_store *aws_store(void)
{
    const struct regstore_pair settings[] = {{"provider", "aws"}};
    return store_with(settings, 1);
}

/* One PUT; parts at the key; parts and a copy; a copy of what is parked; parts and a copy of parts.
 */
static const struct {
    uint64_t length, stop_every;
    bool tells_key;
    const char *last; /* the operation that makes it visible */
    unsigned skip;
} ways[] = {
    {1000, 0, true, "PutObject", 0},
    {11 * MIB, 0, true, "CompleteMultipartUpload", 0},
    {11 * MIB, 0, false, "CopyObject", 0},
    {1000, 1000, false, "CopyObject", 0},
    {257 * MIB, 0, false, "CompleteMultipartUpload", 1},
};

/* What S3 says when somebody else is at work there: it goes by. */
static const char *const passing[] = {
    "do=error&status=409&code=ConditionalRequestConflict",
    "do=error&status=409&code=OperationAborted",
    "do=error&status=409&code=OperationAborted&times=3",
    "do=error&status=409&code=ConcurrentRequest", /* a code that nobody knows */
    "do=ok-error&code=OperationAborted",
    "do=reset&when=after", /* tried again it finds its own blob: 412, or NoSuchUpload */
    "do=error&status=500&when=after",
};
#define PASSING (LENGTH_OF(ways) * LENGTH_OF(passing))

static void free_key(struct regstore_store *store, const char *key)
{
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    ck_assert_int_eq(plugin_table()->delete_blobs(store, &call, &key, 1, NULL), REGSTORE_OK);
}

START_TEST(what_passes_is_never_told)
{
    const size_t way = (size_t)_i % LENGTH_OF(ways), rule = (size_t)_i / LENGTH_OF(ways);
    struct push p = {.store = aws_store(),
                     .key = "passing",
                     .length = ways[way].length,
                     .stop_every = ways[way].stop_every,
                     .tells_key = ways[way].tells_key,
                     .commit_flags = REGSTORE_COMMIT_IF_ABSENT};
    char text[200];
    if (p.length > 100 * MIB && rule != 0 && rule != 5) { /* large, and like the one before */
        plugin_table()->store_close(p.store);
        return;
    }
    free_key(p.store, p.key);
    (void)snprintf(text, sizeof text, "op=%s&skip=%u&%s", ways[way].last, ways[way].skip,
                   passing[rule]);
    door_fault(server_url(), text);
    push_and_compare(&p);
    ck_assert_uint_ge(count_of(ways[way].last), 2 + ways[way].skip);
    plugin_table()->store_close(p.store);
}
END_TEST

/* Somebody else's blob comes between the look and the leap. */
START_TEST(who_comes_second_is_told_so)
{
    struct push p = {.store = aws_store(),
                     .key = "taken",
                     .length = ways[_i].length,
                     .stop_every = ways[_i].stop_every,
                     .tells_key = ways[_i].tells_key,
                     .commit_flags = REGSTORE_COMMIT_IF_ABSENT};
    ck_assert(put(p.store, "taken", 7, 10));
    if (_i != 0) /* this one does not look */
        door_fault(server_url(), "op=HeadObject&key=*taken&do=error&status=404&code=NoSuchKey");
    ck_assert_int_eq(push(&p), REGSTORE_EXISTS);
    ck_assert(has_content(p.store, "taken", 7, 10));
    plugin_table()->store_close(p.store);
}
END_TEST

/* Whether it is ours cannot be told: then it is not said to be another's. */
START_TEST(exists_is_not_said_before_it_is_known)
{
    const struct regstore_plugin *plugin = plugin_table();
    struct regstore_store *store = aws_store();
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .key = "unknown"};
    const struct regstore_commit_opts commit = {.struct_size = sizeof commit,
                                                .flags = REGSTORE_COMMIT_IF_ABSENT};
    struct regstore_upload *upload = NULL;
    free_key(store, "unknown");
    ck_assert_int_eq(plugin->upload_open(store, &call, &opts, &upload), REGSTORE_OK);
    ck_assert_int_eq(plugin->upload_write(upload, &call, "x", 1), REGSTORE_OK);
    door_fault(server_url(), "op=PutObject&do=reset&when=after");
    door_fault(server_url(), "op=HeadObject&do=error&status=403&code=AccessDenied");
    ck_assert_int_eq(plugin->upload_commit(upload, &call, &commit, NULL), REGSTORE_DENIED);
    ck_assert_msg(plugin->upload_commit(upload, &call, &commit, NULL) == REGSTORE_OK, "%s",
                  error.message);
    plugin->upload_close(upload);
    plugin->store_close(store);
}
END_TEST

/* A 412 of a key that is free when one looks: the next commit finds it so. */
START_TEST(key_that_is_free_again_is_worth_another_commit)
{
    const struct regstore_plugin *plugin = plugin_table();
    struct regstore_store *store = aws_store();
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .key = "free"};
    const struct regstore_commit_opts commit = {.struct_size = sizeof commit,
                                                .flags = REGSTORE_COMMIT_IF_ABSENT};
    struct regstore_upload *upload = NULL;
    free_key(store, "free");
    ck_assert_int_eq(plugin->upload_open(store, &call, &opts, &upload), REGSTORE_OK);
    ck_assert_int_eq(plugin->upload_write(upload, &call, "x", 1), REGSTORE_OK);
    door_fault(server_url(), "op=PutObject&do=error&status=412&code=PreconditionFailed");
    ck_assert_int_eq(plugin->upload_commit(upload, &call, &commit, NULL), REGSTORE_CONFLICT);
    ck_assert_uint_eq(error.retryable, 1);
    ck_assert_int_eq(plugin->upload_commit(upload, &call, &commit, NULL), REGSTORE_OK);
    plugin->upload_close(upload);
    plugin->store_close(store);
}
END_TEST

static regstore_status copy_if_absent(struct regstore_store *store, const char *from,
                                      struct regstore_error *error)
{
    const struct regstore_call call = call_of(error);
    const struct regstore_copy_opts opts = {.struct_size = sizeof opts,
                                            .flags = REGSTORE_COPY_IF_ABSENT};
    return plugin_table()->copy(store, &call, from, "copy", &opts);
}

START_TEST(copy_knows_its_own_lost_end)
{
    struct push p = {.store = aws_store(), .key = "source", .length = _i == 0 ? 1000 : 257 * MIB};
    struct regstore_error error;
    ck_assert_int_eq(push(&p), REGSTORE_OK);
    free_key(p.store, "copy");
    door_fault(server_url(), "op=C*&key=*copy&skip=0&do=reset&when=after");
    if (_i == 1) {
        door_forget_faults(server_url());
        door_fault(server_url(), "op=CompleteMultipartUpload&do=reset&when=after");
    }
    ck_assert_msg(copy_if_absent(p.store, "source", &error) == REGSTORE_OK, "%s", error.message);
    ck_assert(has_content(p.store, "copy", 1, (size_t)p.length));
    ck_assert_int_eq(copy_if_absent(p.store, "source", &error), REGSTORE_EXISTS);
    plugin_table()->store_close(p.store);
}
END_TEST

/* Tried again, but the blob there is not what we copy. */
START_TEST(copy_does_not_take_anothers_blob_for_its_own)
{
    struct push p = {.store = aws_store(), .key = "source", .length = 1000};
    struct regstore_error error;
    ck_assert_int_eq(push(&p), REGSTORE_OK);
    ck_assert(put(p.store, "copy", 9, 1000));
    door_fault(server_url(), "op=HeadObject&key=*copy&do=error&status=404&code=NoSuchKey");
    door_fault(server_url(), "op=CopyObject&do=error&status=500");
    ck_assert_int_eq(copy_if_absent(p.store, "source", &error), REGSTORE_EXISTS);
    ck_assert(has_content(p.store, "copy", 9, 1000));
    plugin_table()->store_close(p.store);
}
END_TEST

TCase *conflicts_case(void)
{
    TCase *tcase = tcase_create("conflicts");
    tcase_add_loop_test(tcase, what_passes_is_never_told, 0, PASSING);
    tcase_add_loop_test(tcase, who_comes_second_is_told_so, 0, LENGTH_OF(ways));
    tcase_add_test(tcase, exists_is_not_said_before_it_is_known);
    tcase_add_test(tcase, key_that_is_free_again_is_worth_another_commit);
    tcase_add_loop_test(tcase, copy_knows_its_own_lost_end, 0, 2);
    tcase_add_test(tcase, copy_does_not_take_anothers_blob_for_its_own);
    return tcase;
}
