/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to pause before another try, and whether one may be made at all.  Full jitter spreads
 * the clients of a service that has just come back; the budget stops them from multiplying its load
 * while it is down.  Both as the AWS SDKs have them in their standard mode, numbers included; who
 * is told to slow down begins with a longer pause, as theirs do.
 *
 * Their adaptive mode, which also holds back first tries, is left out: one rate for all keys would
 * let one hot prefix slow down the whole store, and what a registry sends at once is bounded by the
 * connections already.
 */
#ifndef STSS3_BACKOFF_H
#define STSS3_BACKOFF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STSS3_RETRY_TOKENS 500

/*
 * What further tries may cost.  One for each service: while S3 is down, its tries must not use up
 * those that STS needs, and the other way round.  All loops share it, since the service sees their
 * sum.
 */
struct stss3_retries {
    const char *service; /* a literal, for logs and metrics: "s3" */
    atomic_uint used;
    atomic_bool is_used_up; /* the last that was wanted could not be paid */
    /* Throttling: since when, CLOCK_MONOTONIC (0: not at all), the latest refusal, how many. */
    _Atomic int64_t since_ns, latest_ns;
    atomic_uint refusals;
};

void stss3_retries_init(struct stss3_retries *r, const char *service);
/* Takes what another try costs, more after a timeout; 0: nothing is left, so none is made. */
unsigned stss3_retries_take(struct stss3_retries *r, bool has_timed_out);
/* A request went well whose last retry had cost so much; 0: it needed none. */
void stss3_retries_give_back(struct stss3_retries *r, unsigned cost);
/* Nothing was left.  True for the first to whom that happens, until half of it is there again: to
 * be told once, and not with every good answer in between. */
bool stss3_retries_note_used_up(struct stss3_retries *r);

/* What a try has shown of the service's mood.  It is throttling from the first refusal on, until an
 * answer is good so long after the latest one. */
#define STSS3_CALM_NS 10000000000
enum stss3_mood { STSS3_MOOD_SAME, STSS3_MOOD_THROTTLING, STSS3_MOOD_CALM };
enum stss3_mood stss3_retries_note_throttled(struct stss3_retries *r, int64_t now_ns);
/* CALM: *refusals and *lasted_ns say what is over. */
enum stss3_mood stss3_retries_note_good(struct stss3_retries *r, int64_t now_ns,
                                        unsigned *refusals, int64_t *lasted_ns);

/* Of STSS3_RETRY_TOKENS. */
unsigned stss3_retries_used(const struct stss3_retries *r);

/* The pauses of one loop: a source of randomness of its own. */
struct stss3_backoff {
    uint64_t random;
};

void stss3_backoff_init(struct stss3_backoff *b);
/* The pause after so many tries (at least 1).  What the service asked for comes on top of the
 * jitter: it asks all its clients for the same. */
uint64_t stss3_backoff_pause_ms(struct stss3_backoff *b, unsigned tries, bool is_throttled,
                                uint64_t asked_ms);

#endif
