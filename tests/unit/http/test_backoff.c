/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"
#include "suites.h"

#include <pthread.h>
#include <stdint.h>

static const struct {
    unsigned tries;
    bool is_throttled;
    uint64_t ceiling_ms;
} steps[] = {{1, false, 100},   {2, false, 200},   {5, false, 1600}, {8, false, 12800},
             {9, false, 20000}, {1, true, 500},    {2, true, 1000},  {6, true, 16000},
             {7, true, 20000},  {4000000000, false, 20000}};

START_TEST(pauses_double_up_to_the_cap_and_spread_from_zero)
{
    struct stss3_backoff backoff;
    stss3_backoff_init(&backoff);
    uint64_t least = UINT64_MAX, most = 0;
    for (int n = 0; n < 20000; n++) {
        const uint64_t pause_ms =
            stss3_backoff_pause_ms(&backoff, steps[_i].tries, steps[_i].is_throttled, 0);
        least = pause_ms < least ? pause_ms : least;
        most = pause_ms > most ? pause_ms : most;
    }
    ck_assert_uint_le(most, steps[_i].ceiling_ms);
    ck_assert_uint_gt(most, steps[_i].ceiling_ms * 9 / 10);
    ck_assert_uint_lt(least, steps[_i].ceiling_ms / 10);
}
END_TEST

START_TEST(what_the_service_asks_for_comes_before_the_jitter)
{
    struct stss3_backoff backoff;
    uint64_t most = 0;
    stss3_backoff_init(&backoff);
    for (int n = 0; n < 1000; n++) {
        const uint64_t pause_ms = stss3_backoff_pause_ms(&backoff, 1, false, 3000);
        ck_assert_uint_ge(pause_ms, 3000);
        ck_assert_uint_le(pause_ms, 3100);
        most = pause_ms > most ? pause_ms : most;
    }
    ck_assert_uint_gt(most, 3050); /* all clients are told the same: they must not come at once */
    ck_assert_uint_eq(stss3_backoff_pause_ms(&backoff, 9, false, UINT64_MAX), UINT64_MAX);
}
END_TEST

static unsigned drain(struct stss3_retries *retries, bool has_timed_out)
{
    unsigned n = 0;
    while (stss3_retries_take(retries, has_timed_out) != 0)
        n++;
    return n;
}

START_TEST(budget_is_finite_and_success_refills_it)
{
    struct stss3_retries retries;
    stss3_retries_init(&retries, "test");
    ck_assert_uint_eq(drain(&retries, false), 100);
    ck_assert_uint_eq(stss3_retries_used(&retries), STSS3_RETRY_TOKENS);
    stss3_retries_give_back(&retries, 10);
    ck_assert_uint_eq(drain(&retries, true), 1);
    for (int i = 0; i < 5; i++)
        stss3_retries_give_back(&retries, 0);
    ck_assert_uint_eq(drain(&retries, false), 1);
    for (int i = 0; i < 10000; i++)
        stss3_retries_give_back(&retries, 0);
    ck_assert_uint_eq(stss3_retries_used(&retries), 0);
    ck_assert_uint_eq(drain(&retries, true), 50);
}
END_TEST

static void *take_some(void *ctx)
{
    return (void *)(uintptr_t)drain(ctx, false);
}

START_TEST(loops_share_one_budget)
{
    struct stss3_retries retries;
    pthread_t threads[4];
    uintptr_t sum = 0;
    stss3_retries_init(&retries, "test");
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_some, &retries), 0);
    for (int i = 0; i < 4; i++) {
        void *taken;
        ck_assert_int_eq(pthread_join(threads[i], &taken), 0);
        sum += (uintptr_t)taken;
    }
    ck_assert_uint_eq(sum, 100);
}
END_TEST

#define S ((int64_t)1000000000)

START_TEST(throttling_begins_once_and_ends_after_some_calm)
{
    struct stss3_retries r;
    unsigned refusals = 0;
    int64_t lasted_ns = 0;
    stss3_retries_init(&r, "test");
    ck_assert_int_eq(stss3_retries_note_good(&r, 1 * S, &refusals, &lasted_ns), STSS3_MOOD_SAME);
    ck_assert_int_eq(stss3_retries_note_throttled(&r, 100 * S), STSS3_MOOD_THROTTLING);
    ck_assert_int_eq(stss3_retries_note_throttled(&r, 101 * S), STSS3_MOOD_SAME);
    ck_assert_int_eq(stss3_retries_note_good(&r, 102 * S, &refusals, &lasted_ns), STSS3_MOOD_SAME);
    ck_assert_int_eq(stss3_retries_note_throttled(&r, 107 * S), STSS3_MOOD_SAME);
    ck_assert_int_eq(stss3_retries_note_good(&r, 107 * S + STSS3_CALM_NS - 1, &refusals,
                                             &lasted_ns),
                     STSS3_MOOD_SAME);
    ck_assert_int_eq(stss3_retries_note_good(&r, 107 * S + STSS3_CALM_NS, &refusals, &lasted_ns),
                     STSS3_MOOD_CALM);
    ck_assert_uint_eq(refusals, 3);
    ck_assert_int_eq(lasted_ns, 7 * S);
    ck_assert_int_eq(stss3_retries_note_good(&r, 200 * S, &refusals, &lasted_ns), STSS3_MOOD_SAME);
    ck_assert_int_eq(stss3_retries_note_throttled(&r, 300 * S), STSS3_MOOD_THROTTLING);
}
END_TEST

START_TEST(budget_that_is_used_up_is_told_once_until_half_of_it_is_back)
{
    struct stss3_retries r;
    stss3_retries_init(&r, "test");
    (void)drain(&r, false);
    ck_assert(stss3_retries_note_used_up(&r));
    ck_assert(!stss3_retries_note_used_up(&r));
    stss3_retries_give_back(&r, STSS3_RETRY_TOKENS / 2 - 1);
    ck_assert(!stss3_retries_note_used_up(&r));
    stss3_retries_give_back(&r, 0);
    stss3_retries_give_back(&r, 0);
    ck_assert(stss3_retries_note_used_up(&r));
}
END_TEST

void add_backoff_tests(Suite *suite)
{
    ADD_TEST(suite, pauses_double_up_to_the_cap_and_spread_from_zero, NULL, NULL,
             sizeof steps / sizeof steps[0]);
    ADD_TEST(suite, what_the_service_asks_for_comes_before_the_jitter, NULL, NULL, 1);
    ADD_TEST(suite, loops_share_one_budget, NULL, NULL, 1);
    ADD_TEST(suite, throttling_begins_once_and_ends_after_some_calm, NULL, NULL, 1);
    ADD_TEST(suite, budget_that_is_used_up_is_told_once_until_half_of_it_is_back, NULL, NULL, 1);
    ADD_TEST(suite, budget_is_finite_and_success_refills_it, NULL, NULL, 1);
}
