/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine itself keeps of a request; see http.h for the rest. */
#ifndef STSS3_REQUEST_H
#define STSS3_REQUEST_H

#include "http.h"

#include <pthread.h>
#include <stdatomic.h>

#define STSS3_ANSWER_HEADERS_MAX 65536

struct stss3_loop;
struct stss3_transfer;

enum stss3_phase {
    STSS3_PHASE_NEW,     /* not yet seen by a loop */
    STSS3_PHASE_QUEUED,  /* for one of the loop's connections */
    STSS3_PHASE_WAITING, /* prepare said WAIT */
    STSS3_PHASE_SENDING, /* a transfer has it */
    STSS3_PHASE_PAUSED,  /* before another try, until due_ns */
    STSS3_PHASE_OVER,
};

struct stss3_request_state {
    atomic_uint references;

    /* Any thread: see stss3_loop_post(). */
    _Atomic(struct stss3_loop *) loop;
    atomic_uint mail;
    struct stss3_request *next_in_inbox;

    pthread_mutex_t mutex; /* guards the wait for is_over, and last */
    pthread_cond_t over;
    atomic_bool is_over;
    struct plug_error last; /* of the try before, for who cannot wait for the next; OK: none was */

    /* The loop's thread alone. */
    enum stss3_phase phase;
    struct stss3_request *previous, *next; /* in the list of its phase */
    struct stss3_transfer *transfer;
    int64_t due_ns;
    unsigned retry_cost;
    bool has_bad_header; /* one that would break the message */
    bool wants_fresh;    /* the connection of the try before was stale: this one makes its own */

    /* Name, NUL, value, NUL, and so on; names in lower case. */
    struct plug_buf answer_headers;
};

/* Runs done and makes it known that it is over; error is set.  The caller keeps its reference. */
void stss3_request_finish(struct stss3_request *request, const struct plug_host *host);

/* What the last try failed for, for who waits, once another one is to be made. */
void stss3_request_keep_last(struct stss3_request *request);

/* Takes one line of the answer's head, as it came.  Each head begins anew: one of 100 Continue
 * comes before the one that counts.  What is no header, or beyond STSS3_ANSWER_HEADERS_MAX bytes of
 * all of them, is passed over.  False: no memory. */
bool stss3_request_keep_header(struct stss3_request *request, const char *line, size_t n);

/* Forgets the last try. */
void stss3_request_clear_outcome(struct stss3_request *request);

#endif
