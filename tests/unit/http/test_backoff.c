/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"
#include "suites.h"

#include <stdint.h>

START_TEST(pauses_double_up_to_the_cap_and_spread_from_zero)
{
    static const struct {
        unsigned tries;
        uint64_t ceiling_ms;
    } steps[] = {{1, 100}, {2, 200}, {5, 1600}, {8, 12800}, {9, 20000}, {4000000000, 20000}};
    struct stss3_backoff backoff;
    stss3_backoff_init(&backoff);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint64_t least = UINT64_MAX, most = 0;
        for (int n = 0; n < 20000; n++) {
            const uint64_t pause_ms = stss3_backoff_pause_ms(&backoff, steps[i].tries, 0);
            least = pause_ms < least ? pause_ms : least;
            most = pause_ms > most ? pause_ms : most;
        }
        ck_assert_uint_le(most, steps[i].ceiling_ms);
        ck_assert_uint_gt(most, steps[i].ceiling_ms * 9 / 10);
        ck_assert_uint_lt(least, steps[i].ceiling_ms / 10);
    }
}
END_TEST

START_TEST(pause_is_never_shorter_than_asked_for)
{
    struct stss3_backoff backoff;
    stss3_backoff_init(&backoff);
    for (int n = 0; n < 1000; n++)
        ck_assert_uint_ge(stss3_backoff_pause_ms(&backoff, 1, 90), 90);
    ck_assert_uint_eq(stss3_backoff_pause_ms(&backoff, 1, 3600000), 3600000);
}
END_TEST

static unsigned drain(struct stss3_backoff *backoff, bool has_timed_out)
{
    unsigned n = 0;
    while (stss3_backoff_take(backoff, has_timed_out) != 0)
        n++;
    return n;
}

START_TEST(budget_is_finite_and_success_refills_it)
{
    struct stss3_backoff backoff;
    stss3_backoff_init(&backoff);
    ck_assert_uint_eq(drain(&backoff, false), 100);
    stss3_backoff_give_back(&backoff, 10);
    ck_assert_uint_eq(drain(&backoff, true), 1);
    for (int i = 0; i < 5; i++)
        stss3_backoff_give_back(&backoff, 0);
    ck_assert_uint_eq(drain(&backoff, false), 1);
    for (int i = 0; i < 10000; i++)
        stss3_backoff_give_back(&backoff, 0);
    ck_assert_uint_eq(drain(&backoff, true), 50);
}
END_TEST

void add_backoff_tests(Suite *suite)
{
    ADD_TEST(suite, pauses_double_up_to_the_cap_and_spread_from_zero, NULL, NULL, 1);
    ADD_TEST(suite, pause_is_never_shorter_than_asked_for, NULL, NULL, 1);
    ADD_TEST(suite, budget_is_finite_and_success_refills_it, NULL, NULL, 1);
}
