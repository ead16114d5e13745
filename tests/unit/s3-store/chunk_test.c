/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks and the one memory budget of a store. */
#include "suites.h"

#include "chunk.h"
#include "sanitized.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB   1024u
#define MIB   (1024u * 1024u)
#define LIMIT (16u * MIB)

static struct stss3_budget *make_budget(uint64_t limit)
{
    struct stss3_budget *budget = stss3_budget_new(limit, "/var/tmp");
    ck_assert_ptr_nonnull(budget);
    return budget;
}

/* Byte i of the content that a seed stands for. */
static uint8_t byte_of(uint64_t seed, uint64_t i)
{
    return (uint8_t)((seed + i) * 2654435761u >> 13);
}

/* Appends the next len bytes of a seed's content; how many were taken. */
static size_t append(struct stss3_chunk *chunk, uint64_t seed, size_t len)
{
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    uint8_t *data = malloc(len + 1);
    size_t taken = SIZE_MAX;
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_of(seed, stss3_chunk_length(chunk) + i);
    ck_assert_int_eq(stss3_chunk_append(chunk, &call, data, len, &taken), REGSTORE_OK);
    ck_assert_uint_le(taken, len);
    free(data);
    return taken;
}

static void spill(struct stss3_chunk *chunk)
{
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    ck_assert_msg(stss3_chunk_spill(chunk, &call) == REGSTORE_OK, "%s", call.error.message);
    ck_assert_int_ge(stss3_chunk_file(chunk), 0);
    ck_assert_ptr_null(stss3_chunk_data(chunk));
}

static void check_content(struct stss3_chunk *chunk, uint64_t seed)
{
    const size_t len = (size_t)stss3_chunk_length(chunk);
    uint8_t *copy = malloc(len + 1);
    ck_assert_ptr_nonnull(copy);
    if (stss3_chunk_file(chunk) < 0)
        memcpy(copy, stss3_chunk_data(chunk), len);
    else
        ck_assert_int_eq(pread(stss3_chunk_file(chunk), copy, len, 0), (ssize_t)len);
    for (size_t i = 0; i < len; i++)
        if (copy[i] != byte_of(seed, i))
            ck_abort_msg("byte %zu of %zu is another one", i, len);
    free(copy);
}

START_TEST(chunk_holds_its_bytes_across_growth_and_spill)
{
    static const uint64_t caps[] = {1,         100,           64 * KIB,  64 * KIB + 1,
                                    100 * KIB, 256 * KIB + 1, 300 * KIB, 5 * MIB};
    const uint64_t cap = caps[_i];
    for (uint64_t spill_at = 0; spill_at <= cap; spill_at += cap / 5 + 1) {
        struct stss3_budget *budget = make_budget(LIMIT);
        struct stss3_chunk *chunk = stss3_chunk_new(budget, cap);
        bool is_spilled = false;
        while (stss3_chunk_length(chunk) < cap) {
            ck_assert_uint_gt(append(chunk, cap, 50021), 0);
            if (!is_spilled && stss3_chunk_length(chunk) >= spill_at) {
                spill(chunk);
                is_spilled = true;
                ck_assert_uint_eq(stss3_budget_used(budget), 0);
            }
        }
        ck_assert_uint_eq(append(chunk, cap, 1), 0);
        check_content(chunk, cap);
        stss3_chunk_unref(chunk);
        ck_assert_uint_eq(stss3_budget_used(budget), 0);
        stss3_budget_free(budget);
    }
}
END_TEST

/* One of the chunks of the property below. */
struct shadow {
    struct stss3_chunk *chunk;
    uint64_t seed;
    bool is_received; /* its content is not the seed's */
};

static uint64_t bytes_in_memory(const struct shadow *all, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (all[i].chunk != NULL && stss3_chunk_file(all[i].chunk) < 0)
            sum += stss3_chunk_length(all[i].chunk);
    return sum;
}

static void drop_shadow(struct shadow *s)
{
    if (s->chunk != NULL && !s->is_received)
        check_content(s->chunk, s->seed);
    stss3_chunk_unref(s->chunk);
    *s = (struct shadow){0};
}

static void new_shadow(struct shadow *s, struct stss3_budget *budget, uint64_t *random)
{
    static const uint64_t caps[] = {40, 3000, 64 * KIB, 100 * KIB, 256 * KIB, 300 * KIB, 5 * MIB};
    const uint64_t cap = caps[next_random(random) % COUNT(caps)];
    *s = (struct shadow){.chunk = stss3_chunk_new(budget, cap), .seed = next_random(random)};
    ck_assert_ptr_nonnull(s->chunk);
    if (next_random(random) % 4 == 0) {
        s->is_received = true;
        const uint64_t len = next_random(random) % cap + 1;
        if (stss3_chunk_receive(s->chunk, len, false)) {
            ck_assert_uint_eq(stss3_chunk_length(s->chunk), len);
            memset(stss3_chunk_data(s->chunk), 'r', len);
        }
    }
}

START_TEST(budget_is_never_exceeded_in_any_order_of_things)
{
    enum { CHUNKS = 60, STEPS = 4000 };
    static const uint64_t limits[] = {300 * KIB, MIB, LIMIT};
    struct shadow all[CHUNKS] = {{0}};
    uint64_t random = (uint64_t)_i + 1;
    const uint64_t limit = limits[_i % (int)COUNT(limits)];
    struct stss3_budget *budget = make_budget(limit);
    for (int step = 0; step < STEPS; step++) {
        struct shadow *s = &all[next_random(&random) % CHUNKS];
        const uint64_t what = next_random(&random) % 16;
        if (s->chunk == NULL)
            new_shadow(s, budget, &random);
        else if (what == 0)
            drop_shadow(s);
        else if (s->is_received)
            continue;
        else if (append(s->chunk, s->seed, next_random(&random) % (200 * KIB)) == 0 && what < 4)
            spill(s->chunk);
        ck_assert_uint_le(stss3_budget_used(budget), limit);
        ck_assert_uint_ge(stss3_budget_used(budget), bytes_in_memory(all, CHUNKS));
    }
    for (size_t i = 0; i < CHUNKS; i++)
        drop_shadow(&all[i]);
    ck_assert_uint_eq(stss3_budget_used(budget), 0);
    stss3_budget_free(budget);
}
END_TEST

START_TEST(thousand_small_chunks_cost_what_was_put_into_them)
{
    enum { CHUNKS = 1000 };
    struct stss3_chunk *all[CHUNKS];
    struct stss3_budget *budget = make_budget(LIMIT);
    for (unsigned i = 0; i < CHUNKS; i++) {
        all[i] = stss3_chunk_new(budget, 5 * MIB);
        ck_assert_ptr_nonnull(all[i]);
        ck_assert_uint_eq(append(all[i], i, 10000), 10000);
    }
    ck_assert_uint_le(stss3_budget_used(budget), LIMIT);
    for (unsigned i = 0; i < CHUNKS; i++) {
        check_content(all[i], i);
        stss3_chunk_unref(all[i]);
    }
    ck_assert_uint_eq(stss3_budget_used(budget), 0);
    stss3_budget_free(budget);
}
END_TEST

START_TEST(empty_chunks_cost_nothing)
{
    struct stss3_budget *budget = make_budget(LIMIT);
    struct stss3_chunk *chunk = stss3_chunk_new(budget, 5 * MIB);
    ck_assert_uint_eq(stss3_budget_used(budget), 0);
    stss3_chunk_unref(chunk);
    stss3_budget_free(budget);
}
END_TEST

/* Resident pages of this process. */
static long resident_bytes(void)
{
    long size, pages;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld %ld", &size, &pages), 2);
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

START_TEST(memory_kept_warm_never_adds_to_the_limit)
{
    enum { ROUNDS = 6 };
    static const uint64_t caps[ROUNDS] = {16 * MIB, 5 * MIB, 64 * KIB, 300 * KIB, 7 * MIB, MIB};
    static uint8_t bytes[200 * KIB]; /* no heap: a sanitizer would not give it back */
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct stss3_budget *budget = make_budget(LIMIT);
    memset(bytes, 'x', sizeof bytes);
    const long before = resident_bytes();
    for (int round = 0; round < ROUNDS; round++) {
        struct stss3_chunk *all[256];
        size_t n = 0;
        for (bool is_full = false; !is_full && n < COUNT(all); n++) {
            all[n] = stss3_chunk_new(budget, caps[round]);
            size_t taken;
            do
                ck_assert_int_eq(stss3_chunk_append(all[n], &call, bytes, sizeof bytes, &taken),
                                 REGSTORE_OK);
            while (taken != 0 && stss3_chunk_length(all[n]) < caps[round]);
            is_full = taken == 0;
        }
        ck_assert_uint_gt(stss3_budget_used(budget), LIMIT / 2);
        ck_assert_int_lt(resident_bytes() - before, (long)(LIMIT + 4 * MIB));
        while (n > 0)
            stss3_chunk_unref(all[--n]);
        ck_assert_uint_eq(stss3_budget_used(budget), 0);
    }
    ck_assert_int_lt(resident_bytes() - before, (long)(LIMIT + 4 * MIB));
    stss3_budget_free(budget);
    ck_assert_int_lt(resident_bytes() - before, (long)(4 * MIB));
}
END_TEST

START_TEST(full_budget_takes_nothing_until_something_is_given_back)
{
    struct stss3_budget *budget = make_budget(LIMIT);
    struct stss3_chunk *large = stss3_chunk_new(budget, LIMIT);
    struct stss3_chunk *small = stss3_chunk_new(budget, 5 * MIB);
    while (append(large, 1, MIB) != 0)
        ;
    ck_assert_uint_eq(append(small, 2, 1000), 0);
    ck_assert(!stss3_chunk_receive(small, 1000, false));
    spill(large);
    ck_assert_uint_eq(append(small, 2, 1000), 1000);
    check_content(large, 1);
    check_content(small, 2);
    stss3_chunk_unref(large);
    stss3_chunk_unref(small);
    stss3_budget_free(budget);
}
END_TEST

START_TEST(budget_is_overdrawn_only_for_what_must_be_received)
{
    struct stss3_budget *budget = make_budget(LIMIT);
    struct stss3_chunk *large = stss3_chunk_new(budget, LIMIT);
    struct stss3_chunk *range = stss3_chunk_new(budget, 8 * MIB);
    ck_assert(stss3_chunk_receive(large, LIMIT, false));
    ck_assert_uint_eq(stss3_budget_used(budget), LIMIT);
    ck_assert(!stss3_chunk_receive(range, MIB, false));
    ck_assert(stss3_chunk_receive(range, MIB, true));
    memset(stss3_chunk_data(range), 'r', MIB);
    ck_assert_uint_eq(stss3_budget_used(budget), LIMIT + MIB);
    stss3_chunk_unref(range);
    stss3_chunk_unref(large);
    ck_assert_uint_eq(stss3_budget_used(budget), 0);
    stss3_budget_free(budget);
}
END_TEST

START_TEST(chunk_lives_until_its_last_reference_goes)
{
    struct stss3_budget *budget = make_budget(LIMIT);
    struct stss3_chunk *chunk = stss3_chunk_new(budget, MIB);
    ck_assert_uint_eq(append(chunk, 3, 1000), 1000);
    ck_assert_ptr_eq(stss3_chunk_ref(chunk), chunk);
    stss3_chunk_unref(chunk);
    check_content(chunk, 3);
    stss3_chunk_unref(chunk);
    ck_assert_uint_eq(stss3_budget_used(budget), 0);
    stss3_chunk_unref(NULL);
    stss3_budget_free(budget);
    stss3_budget_free(NULL);
}
END_TEST

START_TEST(spill_into_a_folder_that_is_not_there_leaves_the_chunk_as_it_was)
{
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct stss3_budget *budget = stss3_budget_new(LIMIT, "/nonexistent/folder");
    struct stss3_chunk *chunk = stss3_chunk_new(budget, MIB);
    ck_assert_uint_eq(append(chunk, 4, 1000), 1000);
    ck_assert_int_eq(stss3_chunk_spill(chunk, &call), REGSTORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(call.error.message, "/nonexistent/folder"));
    check_content(chunk, 4);
    ck_assert_uint_eq(append(chunk, 4, 1000), 1000);
    check_content(chunk, 4);
    stss3_chunk_unref(chunk);
    stss3_budget_free(budget);
}
END_TEST

static void *churn(void *ctx)
{
    struct stss3_budget *budget = ctx;
    uint64_t random = (uint64_t)(uintptr_t)&random | 1;
    for (int round = 0; round < 300; round++) {
        struct shadow s;
        new_shadow(&s, budget, &random);
        if (!s.is_received)
            (void)append(s.chunk, s.seed, next_random(&random) % (400 * KIB));
        ck_assert_uint_le(stss3_budget_used(budget), 2 * MIB);
        drop_shadow(&s);
    }
    return NULL;
}

START_TEST(threads_share_a_budget)
{
    pthread_t threads[8];
    struct stss3_budget *budget = make_budget(2 * MIB);
    for (size_t i = 0; i < COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, budget), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(stss3_budget_used(budget), 0);
    stss3_budget_free(budget);
}
END_TEST

Suite *chunk_suite(void)
{
    Suite *suite = suite_create("chunk");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, chunk_holds_its_bytes_across_growth_and_spill, 0, 8);
    tcase_add_loop_test(tcase, budget_is_never_exceeded_in_any_order_of_things, 0, 6);
    tcase_add_test(tcase, thousand_small_chunks_cost_what_was_put_into_them);
    tcase_add_test(tcase, empty_chunks_cost_nothing);
    if (!IS_THREAD_SANITIZED) /* its shadow of the memory is resident too */
        tcase_add_test(tcase, memory_kept_warm_never_adds_to_the_limit);
    tcase_add_test(tcase, full_budget_takes_nothing_until_something_is_given_back);
    tcase_add_test(tcase, budget_is_overdrawn_only_for_what_must_be_received);
    tcase_add_test(tcase, chunk_lives_until_its_last_reference_goes);
    tcase_add_test(tcase, spill_into_a_folder_that_is_not_there_leaves_the_chunk_as_it_was);
    tcase_add_test(tcase, threads_share_a_budget);
    suite_add_tcase(suite, tcase);
    return suite;
}
