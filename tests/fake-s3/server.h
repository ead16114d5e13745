/* SPDX-License-Identifier: Apache-2.0 */
/* What all requests share. */
#ifndef FAKE_S3_SERVER_H
#define FAKE_S3_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "faults.h"
#include "identity.h"
#include "options.h"
#include "store.h"

struct server {
    const struct options *options;
    struct spool spool;
    atomic_int_fast64_t clock_offset_ms;
    atomic_uint strikes; /* requests that a fault did something to, since they were counted */
    atomic_uint busy;    /* requests that are under way, the tests' own aside */

    pthread_mutex_t lock; /* guards all below */
    struct store store;
    struct identities identities;
    struct faults faults;
    struct fields endpoints;  /* region, host:port */
    struct fields counts;     /* requests by operation */
    struct fields refusals;   /* of these, by code */
    struct fields received;   /* bytes of their bodies, by operation */
    struct fields sent;       /* of the answers', as they were meant */
    uint32_t session_life_ms; /* of the sessions to come; 0: as they ask */
    struct {
        uint64_t min_bytes; /* of all but the last */
        uint32_t most;      /* of one upload */
        bool are_equal;     /* all but the last: as Cloudflare R2 has it */
    } part_rules;
    bool denies_expired; /* as Ceph does, which says AccessDenied and no more */
    uint64_t page_max;   /* entries in an answer that lists, beside what is asked; 0: that */
};

/* By the server's own clock, which can be wrong on purpose. */
int64_t server_now_ms(const struct server *s);

#endif
