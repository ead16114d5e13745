/* SPDX-License-Identifier: Apache-2.0 */
/* Parts never run out, and are as the provider wants them: real pushes under shrunk limits. */
#include "pushing.h"

#include "door.h"
#include "place.h"

#include "store.h"

#include <stdio.h>
#include <stdlib.h>

static void set_rules(const struct stss3_part_limits *limits)
{
    char verb[96];
    (void)snprintf(verb, sizeof verb, "parts?min=%llu&most=%zu&equal=%d",
                   (unsigned long long)limits->min_bytes, limits->count, limits->are_equal);
    door_post(server_url(), verb);
}

/* A store at a server that takes so little. */
static struct regstore_store *shrunk(const struct stss3_part_limits *limits, uint64_t part_bytes)
{
    struct regstore_store *store = store_at(false);
    stss3_store_of(store)->config->limits = *limits;
    stss3_store_of(store)->config->part_bytes = part_bytes;
    set_rules(limits);
    return store;
}

START_TEST(ten_thousand_parts_hold_what_two_thousand_times_the_first_do)
{
    const struct stss3_part_limits limits = {KIB, 4 * KIB, 20 * MIB, 10000, false};
    struct push p = {.store = shrunk(&limits, KIB), .key = "many", .length = 20 * MIB};
    push_and_compare(&p);
    ck_assert_uint_gt(count_of("UploadPart"), 5000);
    ck_assert_uint_le(count_of("UploadPart"), 10000);
    plugin_table()->store_close(p.store);
}
END_TEST

START_TEST(ten_thousand_parts_are_all_of_a_blob_of_known_length)
{
    const struct stss3_part_limits limits = {KIB, 2 * KIB, 2 * MIB, 10000, false};
    struct push p = {.store = shrunk(&limits, KIB), .key = "all", .length = 20000 * KIB};
    p.hint = p.length;
    push_and_compare(&p);
    ck_assert_uint_eq(count_of("UploadPart"), 10000);
    p.length++; /* no server has room for this one */
    ck_assert_int_eq(push(&p), REGSTORE_INVALID);
    plugin_table()->store_close(p.store);
}
END_TEST

/* Lengths, hints and stops, each with each, where forty parts are all. */
static const uint64_t lengths[] = {64 * KIB, 64 * KIB + 1, 3 * MIB, 20 * MIB, 32 * MIB};
static const uint64_t hints[] = {0, 1, 20 * MIB, UINT64_MAX};
static const uint64_t stops[] = {0, 2 * MIB + 1, 190 * KIB};
#define SHRUNK_CASES (LENGTH_OF(lengths) * LENGTH_OF(hints) * LENGTH_OF(stops))

/* Who stops that often gets less far (part_size_test.c), and is slow. */
static void push_case(struct regstore_store *store, size_t i)
{
    if (i / LENGTH_OF(lengths) / LENGTH_OF(hints) == 2 && i % LENGTH_OF(lengths) > 2)
        return;
    struct push p = {.store = store,
                     .key = "shrunk",
                     .length = lengths[i % LENGTH_OF(lengths)],
                     .hint = hints[i / LENGTH_OF(lengths) % LENGTH_OF(hints)],
                     .stop_every = stops[i / LENGTH_OF(lengths) / LENGTH_OF(hints)]};
    push_and_compare(&p);
}

START_TEST(parts_grow_so_that_few_hold_much)
{
    const struct stss3_part_limits limits = {64 * KIB, MIB, 32 * MIB, 40, false};
    struct regstore_store *store = shrunk(&limits, 64 * KIB);
    for (size_t i = 0; i < SHRUNK_CASES; i++)
        push_case(store, i);
    plugin_table()->store_close(store);
}
END_TEST

START_TEST(equal_parts_stay_equal_over_stops)
{
    const struct stss3_part_limits limits = {64 * KIB, MIB, 0, 40, true};
    struct regstore_store *store = shrunk(&limits, 850 * KIB);
    for (size_t i = 0; i < SHRUNK_CASES; i++)
        push_case(store, i);
    plugin_table()->store_close(store);
}
END_TEST

START_TEST(equal_parts_stay_equal_when_memory_runs_out)
{
    const struct regstore_pair settings[] = {{"memory_limit_mb", "16"},
                                             {"minimum_chunk_size_mb", "24"},
                                             {"provider", "r2"},
                                             {"s3_region", "us-east-1"}};
    const struct stss3_part_limits rules = {5 * MIB, 5 * 1024ull * MIB, 0, 10000, true};
    struct push p = {.store = store_with(settings, LENGTH_OF(settings)),
                     .key = "spilled",
                     .length = 100 * MIB,
                     .stop_every = 41 * MIB};
    set_rules(&rules);
    push_and_compare(&p);
    ck_assert_uint_eq(count_of("UploadPart"), 5);
    plugin_table()->store_close(p.store);
}
END_TEST

START_TEST(parts_are_sent_short_when_memory_runs_out_and_no_disk_is_there)
{
    const struct regstore_pair settings[] = {{"memory_limit_mb", "16"},
                                             {"minimum_chunk_size_mb", "64"}};
    ck_assert_int_eq(setenv("TMPDIR", "/nonexistent", 1), 0);
    struct push p = {
        .store = store_with(settings, LENGTH_OF(settings)), .key = "diskless", .length = 130 * MIB};
    push_and_compare(&p);
    plugin_table()->store_close(p.store);
}
END_TEST

START_TEST(copies_have_equal_parts_and_no_more_than_there_may_be)
{
    const struct regstore_pair settings[] = {
        {"provider", "r2"}, {"minimum_chunk_size_mb", "64"}, {"s3_region", "us-east-1"}};
    const struct stss3_part_limits limits = {5 * MIB, 64 * MIB, 0, 6, true};
    struct push p = {
        .store = store_with(settings, LENGTH_OF(settings)), .key = "copied", .length = 330 * MIB};
    stss3_store_of(p.store)->config->limits = limits;
    set_rules(&limits);
    push_and_compare(&p);
    ck_assert_uint_eq(count_of("UploadPartCopy"), 6);
    plugin_table()->store_close(p.store);
}
END_TEST

TCase *parts_case(void)
{
    TCase *tcase = tcase_create("parts");
    tcase_add_test(tcase, ten_thousand_parts_hold_what_two_thousand_times_the_first_do);
    tcase_add_test(tcase, ten_thousand_parts_are_all_of_a_blob_of_known_length);
    tcase_add_test(tcase, parts_grow_so_that_few_hold_much);
    tcase_add_test(tcase, equal_parts_stay_equal_over_stops);
    tcase_add_test(tcase, equal_parts_stay_equal_when_memory_runs_out);
    tcase_add_test(tcase, parts_are_sent_short_when_memory_runs_out_and_no_disk_is_there);
    tcase_add_test(tcase, copies_have_equal_parts_and_no_more_than_there_may_be);
    return tcase;
}
