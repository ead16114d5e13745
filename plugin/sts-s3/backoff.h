/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to pause before another try, and whether one may be made at all.  Full jitter spreads
 * the clients of a service that has just come back; the budget stops them from multiplying its load
 * while it is down.  Both as the AWS SDKs have them in their standard mode.  One a loop, so that
 * nothing is shared.
 */
#ifndef STSS3_BACKOFF_H
#define STSS3_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct stss3_backoff {
    uint64_t random;
    unsigned tokens;
};

void stss3_backoff_init(struct stss3_backoff *b);
/* Takes what another try costs, more after a timeout; 0: nothing is left, so none is made. */
unsigned stss3_backoff_take(struct stss3_backoff *b, bool has_timed_out);
/* A request went well whose last retry had cost so much; 0: it needed none. */
void stss3_backoff_give_back(struct stss3_backoff *b, unsigned cost);
/* The pause after so many tries (at least 1), never shorter than at_least_ms. */
uint64_t stss3_backoff_pause_ms(struct stss3_backoff *b, unsigned tries, uint64_t at_least_ms);

#endif
