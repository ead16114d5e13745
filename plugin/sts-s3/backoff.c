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

void stss3_retries_init(struct stss3_retries *r, const char *service)
{
    r->service = service;
    atomic_init(&r->used, 0);
    atomic_init(&r->is_used_up, false);
    atomic_init(&r->since_ns, 0);
    atomic_init(&r->latest_ns, 0);
    atomic_init(&r->refusals, 0);
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
    if (used <= STSS3_RETRY_TOKENS / 2)
        atomic_store(&r->is_used_up, false);
}

bool stss3_retries_note_used_up(struct stss3_retries *r)
{
    return !atomic_exchange(&r->is_used_up, true);
}

enum stss3_mood stss3_retries_note_throttled(struct stss3_retries *r, int64_t now_ns)
{
    int64_t none = 0;
    atomic_store(&r->latest_ns, now_ns);
    atomic_fetch_add(&r->refusals, 1);
    return atomic_compare_exchange_strong(&r->since_ns, &none, now_ns) ? STSS3_MOOD_THROTTLING
                                                                       : STSS3_MOOD_SAME;
}

enum stss3_mood stss3_retries_note_good(struct stss3_retries *r, int64_t now_ns,
                                        unsigned *refusals, int64_t *lasted_ns)
{
    int64_t since_ns = atomic_load(&r->since_ns);
    const int64_t latest_ns = atomic_load(&r->latest_ns);
    if (since_ns == 0 || now_ns - latest_ns < STSS3_CALM_NS ||
        !atomic_compare_exchange_strong(&r->since_ns, &since_ns, 0))
        return STSS3_MOOD_SAME;
    *refusals = atomic_exchange(&r->refusals, 0);
    *lasted_ns = latest_ns - since_ns;
    return STSS3_MOOD_CALM;
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
