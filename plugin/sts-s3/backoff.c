/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"

#include "call.h"

#include <sys/random.h>

#define BASE_MS           100u
#define BASE_THROTTLED_MS 500u
#define CAP_MS            20000u
#define RETRY_COST        5u
#define TIMEOUT_COST      10u
#define SUCCESS_REWARD    1u

void stss3_retries_init(struct stss3_retries *r)
{
    atomic_init(&r->used, 0);
}

unsigned stss3_retries_take(struct stss3_retries *r, bool has_timed_out)
{
    const unsigned cost = has_timed_out ? TIMEOUT_COST : RETRY_COST;
    unsigned used = atomic_load(&r->used);
    do
        if (used + cost > STSS3_RETRY_TOKENS)
            return 0;
    while (!atomic_compare_exchange_weak(&r->used, &used, used + cost));
    return cost;
}

void stss3_retries_give_back(struct stss3_retries *r, unsigned cost)
{
    const unsigned reward = cost == 0 ? SUCCESS_REWARD : cost;
    unsigned used = atomic_load(&r->used);
    while (used != 0 &&
           !atomic_compare_exchange_weak(&r->used, &used, used < reward ? 0 : used - reward))
        ;
}

unsigned stss3_retries_used(const struct stss3_retries *r)
{
    return atomic_load(&r->used);
}

void stss3_backoff_init(struct stss3_backoff *b)
{
    /* No secret: where the system has no randomness yet, the clock spreads well enough. */
    if (getrandom(&b->random, sizeof b->random, GRND_NONBLOCK) != (ssize_t)sizeof b->random)
        b->random = (uint64_t)plug_now_ns();
    b->random |= 1; /* the generator never leaves zero */
}

/* xorshift64 */
static uint64_t next_random(struct stss3_backoff *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

uint64_t stss3_backoff_pause_ms(struct stss3_backoff *b, unsigned tries, bool is_throttled,
                                uint64_t asked_ms)
{
    uint64_t ceiling_ms = is_throttled ? BASE_THROTTLED_MS : BASE_MS;
    for (unsigned i = 1; i < tries && ceiling_ms < CAP_MS; i++)
        ceiling_ms *= 2;
    if (ceiling_ms > CAP_MS)
        ceiling_ms = CAP_MS;
    const uint64_t pause_ms = next_random(b) % (ceiling_ms + 1);
    return asked_ms > UINT64_MAX - pause_ms ? UINT64_MAX : asked_ms + pause_ms;
}
