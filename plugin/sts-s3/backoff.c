/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"

#include "call.h"

#include <sys/random.h>

#define BASE_MS        100u
#define CAP_MS         20000u
#define TOKENS         500u
#define RETRY_COST     5u
#define TIMEOUT_COST   10u
#define SUCCESS_REWARD 1u

void stss3_backoff_init(struct stss3_backoff *b)
{
    b->tokens = TOKENS;
    /* No secret: where the system has no randomness yet, the clock spreads well enough. */
    if (getrandom(&b->random, sizeof b->random, GRND_NONBLOCK) != (ssize_t)sizeof b->random)
        b->random = (uint64_t)plug_now_ns();
    b->random |= 1; /* the generator never leaves zero */
}

unsigned stss3_backoff_take(struct stss3_backoff *b, bool has_timed_out)
{
    const unsigned cost = has_timed_out ? TIMEOUT_COST : RETRY_COST;
    if (b->tokens < cost)
        return 0;
    b->tokens -= cost;
    return cost;
}

void stss3_backoff_give_back(struct stss3_backoff *b, unsigned cost)
{
    b->tokens += cost == 0 ? SUCCESS_REWARD : cost;
    if (b->tokens > TOKENS)
        b->tokens = TOKENS;
}

/* xorshift64 */
static uint64_t next_random(struct stss3_backoff *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

uint64_t stss3_backoff_pause_ms(struct stss3_backoff *b, unsigned tries, uint64_t at_least_ms)
{
    uint64_t ceiling_ms = BASE_MS;
    for (unsigned i = 1; i < tries && ceiling_ms < CAP_MS; i++)
        ceiling_ms *= 2;
    if (ceiling_ms > CAP_MS)
        ceiling_ms = CAP_MS;
    const uint64_t pause_ms = next_random(b) % (ceiling_ms + 1);
    return pause_ms < at_least_ms ? at_least_ms : pause_ms;
}
