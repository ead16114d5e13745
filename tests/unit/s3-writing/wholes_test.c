/* SPDX-License-Identifier: Apache-2.0 */
/* Wholes that come in ranges are compared with what S3 keeps a checksum of; what that costs. */
#include "pushing.h"

#include "door.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct regstore_store *store_that_sums(const char *how)
{
    const struct regstore_pair settings[] = {
        {"provider", "aws"}, {"checksum_algorithm", how}, {"minimum_chunk_size_mb", "5"}};
    return store_with(settings, LENGTH_OF(settings));
}

static void push_blob(struct regstore_store *store, const char *key, uint64_t length)
{
    struct push p = {.store = store, .key = key, .length = length, .tells_key = true};
    ck_assert_int_eq(push(&p), REGSTORE_OK);
    door_forget_counts(server_url());
}

struct pull {
    struct regstore_store *store;
    const char *key;
    struct regstore_read_opts opts;
    size_t cap;
    uint64_t at; /* how many bytes came */
    struct regstore_error error;
};

/* The first status that is not OK; it comes at each further call too, unless it is retryable. */
static regstore_status pull(struct pull *p)
{
    const struct regstore_plugin *plugin = plugin_table();
    const struct regstore_call call = call_of(&p->error);
    struct regstore_reader *reader = NULL;
    uint8_t *bytes = malloc(p->cap);
    size_t got = 0;
    ck_assert_ptr_nonnull(bytes);
    p->opts.struct_size = sizeof p->opts;
    p->at = 0;
    regstore_status status = plugin->read_open(p->store, &call, p->key, &p->opts, &reader, NULL);
    do {
        if (status == REGSTORE_OK)
            status = plugin->read_next(reader, &call, bytes, p->cap, &got);
        p->at += got;
    } while (status == REGSTORE_OK && got != 0);
    if (status == REGSTORE_CORRUPT && reader != NULL) {
        ck_assert_int_eq(plugin->read_next(reader, &call, bytes, p->cap, &got), status);
        ck_assert_uint_eq(got, 0);
    }
    plugin->read_close(reader);
    free(bytes);
    return status;
}

/* One byte is another in one range, whichever. */
static void flip_in_range(unsigned number)
{
    char rule[64];
    (void)snprintf(rule, sizeof rule, "op=GetObject&do=flip&skip=%u", number);
    door_forget_faults(server_url());
    door_fault(server_url(), rule);
}

/* One range and a byte; one PUT; parts.  Of parts S3 makes no SHA-256 of the whole. */
static const struct {
    const char *how;
    uint64_t length;
} wholes[] = {
    {"auto", MIB + 1},      {"auto", 3 * MIB},       {"auto", 11 * MIB},
    {"crc64nvme", MIB + 1}, {"crc64nvme", 17 * MIB}, {"sha256", 3 * MIB},
};
static const size_t caps[] = {64 * KIB, MIB, 5 * MIB};

START_TEST(spoilt_range_of_a_whole_is_corrupt_before_its_end_is_given)
{
    struct pull p = {.store = store_that_sums(wholes[_i].how), .key = "whole"};
    push_blob(p.store, p.key, wholes[_i].length);
    for (size_t i = 0; i < LENGTH_OF(caps); i++) {
        p.cap = caps[i];
        door_forget_faults(server_url());
        door_forget_counts(server_url());
        ck_assert_msg(pull(&p) == REGSTORE_OK, "%s", p.error.message);
        ck_assert_uint_eq(p.at, wholes[_i].length);
        const unsigned ranges = count_of("GetObject");
        ck_assert_uint_ge(ranges, 2);
        ck_assert_uint_eq(count_of("HeadObject"), 1);
        for (unsigned number = 0; number < ranges; number++) {
            flip_in_range(number);
            ck_assert_int_eq(pull(&p), REGSTORE_CORRUPT);
            ck_assert_uint_eq(door_struck(server_url()), 1);
            ck_assert_uint_lt(p.at, wholes[_i].length);
            ck_assert_uint_eq(p.error.retryable, 0);
        }
    }
    door_forget_faults(server_url());
    ck_assert(has_content(p.store, p.key, 1, (size_t)wholes[_i].length));
    plugin_table()->store_close(p.store);
}
END_TEST

/* A length that reaches the end makes a whole too. */
START_TEST(whole_by_its_length_is_compared)
{
    static const uint64_t beyond[] = {0, 1, UINT64_MAX - 3 * MIB};
    struct pull p = {.store = store_that_sums("auto"), .key = "whole", .cap = MIB};
    push_blob(p.store, p.key, 3 * MIB);
    p.opts.length = 3 * MIB + beyond[_i];
    flip_in_range(1);
    ck_assert_int_eq(pull(&p), REGSTORE_CORRUPT);
    plugin_table()->store_close(p.store);
}
END_TEST

/* What reads its blobs need not be what wrote them. */
START_TEST(checksum_that_lies_there_is_compared_whichever_is_written_now)
{
    struct regstore_store *writer = store_that_sums("crc64nvme");
    struct pull p = {.store = store_that_sums("auto"), .key = "whole", .cap = MIB};
    push_blob(writer, p.key, 6 * MIB);
    flip_in_range(1);
    ck_assert_int_eq(pull(&p), REGSTORE_CORRUPT);
    plugin_table()->store_close(writer);
    plugin_table()->store_close(p.store);
}
END_TEST

/* Not the whole; not of the whole; none; and none is asked for. */
static const struct {
    const char *how_written, *how_read;
    uint64_t offset, length;
    unsigned heads;
} others[] = {
    {"auto", "auto", 1, 0, 0},       {"auto", "auto", 0, 6 * MIB - 1, 0},
    {"sha256", "sha256", 0, 0, 1},   {"none", "auto", 0, 0, 1},
    {"auto", "none", 0, 0, 0},       {"auto", "md5", 0, 0, 0},
    {"auto", "auto", 6 * MIB, 0, 1}, /* past the end: what is asked for is the length */
};

START_TEST(what_is_not_whole_or_has_no_checksum_of_it_is_not_compared)
{
    struct regstore_store *writer = store_that_sums(others[_i].how_written);
    struct pull p = {.store = store_that_sums(others[_i].how_read), .key = "other", .cap = MIB};
    push_blob(writer, p.key, 6 * MIB);
    p.opts.offset = others[_i].offset;
    p.opts.length = others[_i].length;
    flip_in_range(others[_i].offset == 6 * MIB ? 0 : 1);
    ck_assert_msg(pull(&p) == REGSTORE_OK, "%s", p.error.message);
    ck_assert_uint_eq(count_of("HeadObject"), others[_i].heads);
    plugin_table()->store_close(writer);
    plugin_table()->store_close(p.store);
}
END_TEST

START_TEST(who_stops_in_the_first_range_costs_no_head)
{
    const struct regstore_plugin *plugin = plugin_table();
    struct regstore_store *store = store_that_sums("auto");
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_reader *reader = NULL;
    uint8_t bytes[16];
    size_t got = 0;
    push_blob(store, "whole", 6 * MIB);
    ck_assert_int_eq(plugin->read_open(store, &call, "whole", NULL, &reader, NULL), REGSTORE_OK);
    ck_assert_int_eq(plugin->read_next(reader, &call, bytes, sizeof bytes, &got), REGSTORE_OK);
    plugin->read_close(reader);
    door_wait_idle(server_url());
    ck_assert_uint_eq(count_of("GetObject"), 1);
    ck_assert_uint_eq(count_of("HeadObject"), 0);
    plugin->store_close(store);
}
END_TEST

/* A HEAD that fails, or speaks of another object, keeps nobody from reading. */
START_TEST(whole_is_read_without_its_checksum_when_the_head_does_not_tell_it)
{
    static const char *const rules[] = {
        "op=HeadObject&do=error&status=403&code=AccessDenied",
        "op=HeadObject&do=error&status=404&code=NoSuchKey",
        "op=HeadObject&do=error&status=412&code=PreconditionFailed",
        "op=HeadObject&do=error&status=501&code=NotImplemented",
        "op=HeadObject&do=error&status=500&times=0",
        "op=HeadObject&do=etag",
        "op=HeadObject&do=no-etag",
    };
    struct pull p = {.store = store_that_sums("auto"), .key = "whole", .cap = MIB};
    push_blob(p.store, p.key, 6 * MIB);
    door_fault(server_url(), rules[_i]);
    ck_assert_msg(pull(&p) == REGSTORE_OK, "%s", p.error.message);
    ck_assert_uint_eq(p.at, 6 * MIB);
    ck_assert_uint_ge(door_struck(server_url()), 1);
    plugin_table()->store_close(p.store);
}
END_TEST

/* A failure that passes is not felt, and what was summed before is not summed again. */
START_TEST(range_that_has_to_be_asked_for_again_is_summed_once)
{
    const struct regstore_plugin *plugin = plugin_table();
    struct pull p = {.store = store_that_sums("auto"), .key = "whole"};
    const struct regstore_call call = call_of(&p.error);
    struct regstore_reader *reader = NULL;
    uint8_t *bytes = malloc(MIB), *due = malloc(MIB);
    size_t got = 1;
    unsigned failures = 0;
    ck_assert(bytes != NULL && due != NULL);
    push_blob(p.store, p.key, 17 * MIB);
    door_fault(server_url(), "op=GetObject&do=shorten&skip=1&times=2");
    ck_assert_int_eq(plugin->read_open(p.store, &call, p.key, NULL, &reader, NULL), REGSTORE_OK);
    while (got != 0) {
        const regstore_status status = plugin->read_next(reader, &call, bytes, MIB, &got);
        fill(due, got, 1, p.at);
        ck_assert_mem_eq(bytes, due, got);
        p.at += got;
        if (status == REGSTORE_OK)
            continue;
        ck_assert_msg(status == REGSTORE_UNAVAILABLE, "%d, %s", (int)status, p.error.message);
        ck_assert_uint_lt(failures++, 3);
        got = 1;
    }
    ck_assert_uint_ge(failures, 1);
    ck_assert_uint_eq(p.at, 17 * MIB);
    plugin->read_close(reader);
    free(bytes);
    free(due);
    plugin->store_close(p.store);
}
END_TEST

TCase *wholes_case(void)
{
    TCase *tcase = tcase_create("wholes");
    tcase_add_loop_test(tcase, spoilt_range_of_a_whole_is_corrupt_before_its_end_is_given, 0,
                        LENGTH_OF(wholes));
    tcase_add_loop_test(tcase, whole_by_its_length_is_compared, 0, 3);
    tcase_add_test(tcase, checksum_that_lies_there_is_compared_whichever_is_written_now);
    tcase_add_loop_test(tcase, what_is_not_whole_or_has_no_checksum_of_it_is_not_compared, 0,
                        LENGTH_OF(others));
    tcase_add_test(tcase, who_stops_in_the_first_range_costs_no_head);
    tcase_add_loop_test(tcase, whole_is_read_without_its_checksum_when_the_head_does_not_tell_it, 0,
                        7);
    tcase_add_test(tcase, range_that_has_to_be_asked_for_again_is_summed_once);
    return tcase;
}
