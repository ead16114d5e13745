/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums: sent with every body, kept beside the whole, checked by who reads the whole. */
#include "pushing.h"

#include "door.h"
#include "place.h"

#include "objects.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a HEAD says of the whole; "" for none. */
static void sum_of(struct regstore_store *store, const char *key, const char *algorithm,
                   char value[128], char type[32])
{
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    char name[64];
    struct stss3_op *op =
        stss3_op_new(&stss3_store_of(store)->running->client, "HEAD", "HeadObject", key);
    stss3_op_header(op, "x-amz-checksum-mode", "ENABLED");
    ck_assert_msg(stss3_op_run(op, &call) == REGSTORE_OK, "%s: %s", key, call.error.message);
    (void)snprintf(name, sizeof name, "x-amz-checksum-%s", algorithm);
    const char *text = stss3_request_answer_header(op->request, name);
    (void)snprintf(value, 128, "%s", text == NULL ? "" : text);
    text = stss3_request_answer_header(op->request, "x-amz-checksum-type");
    (void)snprintf(type, 32, "%s", text == NULL ? "" : text);
    stss3_op_drop(op);
}

static void sum_due(enum stss3_checksum kind, size_t length, struct plug_buf *text)
{
    struct stss3_sum sum;
    uint8_t *bytes = malloc(length + 1);
    ck_assert_ptr_nonnull(bytes);
    fill(bytes, length, 1, 0);
    ck_assert(stss3_sum_of(kind, bytes, length, &sum));
    stss3_sum_base64(&sum, text);
    free(bytes);
}

static const struct {
    const char *setting, *header;
    enum stss3_checksum kind;
    bool is_joined;
} kinds[] = {
    {"auto", "crc32c", STSS3_SUM_CRC32C, true},
    {"crc32c", "crc32c", STSS3_SUM_CRC32C, true},
    {"crc64nvme", "crc64nvme", STSS3_SUM_CRC64NVME, true},
    {"sha256", "sha256", STSS3_SUM_SHA256, false},
    {"md5", "crc32c", STSS3_SUM_NONE, false},
    {"none", "crc32c", STSS3_SUM_NONE, false},
};

/* One PUT; nothing; parts at the key; parts, stops and a copy; stops and parts at the key; a copy
 * of what is parked; parts from files. */
static const struct {
    uint64_t length, stop_every;
    bool tells_key;
    const char *memory_mb;
} ways[] = {
    {1000, 0, true, "48"},           {0, 0, true, "48"},
    {11 * MIB, 0, true, "48"},       {11 * MIB, 3 * MIB, false, "48"},
    {17 * MIB, 7 * MIB, true, "48"}, {1000, 500, false, "48"},
    {70 * MIB, 0, true, "16"},
};

static struct regstore_store *store_that_sums(const char *how, const char *memory_mb)
{
    const struct regstore_pair settings[] = {
        {"provider", "aws"},
        {"checksum_algorithm", how},
        {"memory_limit_mb", memory_mb},
        {"minimum_chunk_size_mb", memory_mb[0] == '1' ? "20" : "5"}};
    return store_with(settings, LENGTH_OF(settings));
}

START_TEST(whole_has_the_checksum_of_its_bytes_whichever_way_it_came)
{
    char value[128], type[32];
    for (size_t i = 0; i < LENGTH_OF(ways); i++) {
        struct push p = {.store = store_that_sums(kinds[_i].setting, ways[i].memory_mb),
                         .key = "summed",
                         .length = ways[i].length,
                         .stop_every = ways[i].stop_every,
                         .tells_key = ways[i].tells_key};
        struct plug_buf due = {0};
        push_and_compare(&p);
        sum_of(p.store, p.key, kinds[_i].header, value, type);
        const bool is_whole = kinds[_i].is_joined ||
                              (kinds[_i].kind != STSS3_SUM_NONE && strcmp(type, "COMPOSITE") != 0);
        if (is_whole) {
            sum_due(kinds[_i].kind, (size_t)p.length, &due);
            ck_assert_str_eq(type, "FULL_OBJECT");
            ck_assert_str_eq(value, plug_buf_text(&due));
        } else if (kinds[_i].kind == STSS3_SUM_NONE) {
            ck_assert_str_eq(value, "");
        } else {
            ck_assert_ptr_nonnull(strstr(value, "-"));
        }
        plug_buf_clear(&due);
        plugin_table()->store_close(p.store);
    }
}
END_TEST

/* Object lock: a store that knows learns nothing, one that does not learns it from the refusal. */
START_TEST(bucket_that_demands_checksums_gets_them)
{
    static const char *const hows[] = {"auto", "none", "md5", "sha256", "crc64nvme"};
    const struct regstore_pair unknown[] = {{"checksum_algorithm", hows[_i]}};
    door_post(server_url(), "lock?name=quay&on=1");
    for (size_t i = 0; i < LENGTH_OF(ways) - 1; i++) {
        struct push p = {.store =
                             i % 2 == 0 ? store_with(unknown, 1) : store_that_sums(hows[_i], "48"),
                         .key = "locked",
                         .length = ways[i].length,
                         .stop_every = ways[i].stop_every,
                         .tells_key = ways[i].tells_key};
        push_and_compare(&p);
        plugin_table()->store_close(p.store);
    }
}
END_TEST

START_TEST(a_refusal_for_want_of_a_checksum_is_seen_once)
{
    struct regstore_store *store = store_at(false);
    door_post(server_url(), "lock?name=quay&on=1");
    for (int i = 0; i < 3; i++)
        ck_assert(put(store, "locked", 1, 100));
    ck_assert_uint_eq(count_of("PutObject"), 4);
    plugin_table()->store_close(store);
}
END_TEST

static void unlock(void)
{
    door_post(server_url(), "lock?name=quay&on=0");
}

START_TEST(spoilt_bytes_of_a_whole_are_corrupt)
{
    static const size_t lengths[] = {1, 1000, 1024 * 1024};
    struct regstore_store *store = store_that_sums("auto", "48");
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_reader *reader = NULL;
    ck_assert(put(store, "spoilt", 1, lengths[_i]));
    door_fault(server_url(), "op=GetObject&do=flip");
    ck_assert_int_eq(plugin_table()->read_open(store, &call, "spoilt", NULL, &reader, NULL),
                     REGSTORE_CORRUPT);
    ck_assert_ptr_null(reader);
    ck_assert(has_content(store, "spoilt", 1, lengths[_i]));
    plugin_table()->store_close(store);
}
END_TEST

/* Nor is a range judged, nor a whole whose checksum is that of its parts. */
START_TEST(what_is_no_checksum_of_the_whole_is_not_compared)
{
    struct regstore_store *store = store_that_sums("sha256", "48");
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    const struct regstore_read_opts range = {.struct_size = sizeof range, .length = 10};
    struct regstore_reader *reader = NULL;
    struct push p = {.store = store, .key = "composite", .length = 6 * MIB, .tells_key = true};
    uint8_t buf[16];
    size_t got = 0;
    push_and_compare(&p);
    ck_assert(put(store, "spoilt", 1, 1000));
    ck_assert_int_eq(plugin_table()->read_open(store, &call, "spoilt", &range, &reader, NULL),
                     REGSTORE_OK);
    ck_assert_int_eq(plugin_table()->read_next(reader, &call, buf, sizeof buf, &got), REGSTORE_OK);
    ck_assert_uint_eq(got, 10);
    plugin_table()->read_close(reader);
    plugin_table()->store_close(store);
}
END_TEST

/* Behaviour 18: once is an accident of the way, twice is told. */
START_TEST(bad_digest_is_tried_again_once)
{
    static const char *const codes[] = {"BadDigest", "XAmzContentSHA256Mismatch"};
    struct push p = {.store = store_at(false), .key = "bad", .length = 1000, .tells_key = true};
    char rule[128];
    (void)snprintf(rule, sizeof rule, "op=PutObject&do=error&status=400&code=%s", codes[_i]);
    door_fault(server_url(), rule);
    push_and_compare(&p);
    ck_assert_uint_eq(count_of("PutObject"), 2);
    door_forget_counts(server_url());
    (void)snprintf(rule, sizeof rule, "op=PutObject&do=error&status=400&times=0&code=%s",
                   codes[_i]);
    door_fault(server_url(), rule);
    ck_assert_int_eq(push(&p), REGSTORE_CORRUPT);
    ck_assert_uint_eq(count_of("PutObject"), 2);
    plugin_table()->store_close(p.store);
}
END_TEST

/* AWS takes the CRC; who knows Content-MD5 alone, and does not get it, gets one request a key. */
START_TEST(keys_are_deleted_with_or_without_md5)
{
    struct regstore_store *store = store_that_sums("auto", "48");
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    static const char *const keys[] = {"gone-1", "gone-2"};
    for (int i = 0; i < 2; i++) {
        ck_assert(put(store, keys[0], 1, 10) && put(store, keys[1], 1, 10));
        if (i == 1)
            door_fault(server_url(),
                       "op=DeleteObjects&do=error&status=400&code=MissingContentMD5&times=0");
        ck_assert_msg(plugin_table()->delete_blobs(store, &call, keys, 2, NULL) == REGSTORE_OK,
                      "%s", error.message);
        ck_assert_uint_eq(count_of("DeleteObject"), i == 0 ? 0 : 2);
    }
    plugin_table()->store_close(store);
}
END_TEST

TCase *sums_case(void)
{
    TCase *tcase = tcase_create("sums");
    tcase_add_checked_fixture(tcase, NULL, unlock);
    tcase_add_loop_test(tcase, whole_has_the_checksum_of_its_bytes_whichever_way_it_came, 0,
                        LENGTH_OF(kinds));
    tcase_add_loop_test(tcase, bucket_that_demands_checksums_gets_them, 0, 5);
    tcase_add_test(tcase, a_refusal_for_want_of_a_checksum_is_seen_once);
    tcase_add_loop_test(tcase, spoilt_bytes_of_a_whole_are_corrupt, 0, 3);
    tcase_add_test(tcase, what_is_no_checksum_of_the_whole_is_not_compared);
    tcase_add_test(tcase, keys_are_deleted_with_or_without_md5);
    tcase_add_loop_test(tcase, bad_digest_is_tried_again_once, 0, 2);
    return tcase;
}
