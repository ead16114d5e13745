/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service's clock, as its answers show it.  A service refuses what is signed 15 minutes off its
 * own time, and ends sessions by it, so requests are signed by the service's clock and not by this
 * machine's.  One for S3 and one for STS: on premises the two need not agree.  Once an answer has
 * shown it, it is counted on the monotonic clock; until then the host's has to do.
 *
 * The answer's Date has whole seconds and was written somewhere between sending and receiving, so
 * it only says between which two the service's clock lies.  What is believed moves no further than
 * into that span: where the host's clock is right it never moves.
 */
#ifndef STSS3_SERVICE_CLOCK_H
#define STSS3_SERVICE_CLOCK_H

#include <stdatomic.h>

#include "http.h"
#include "xml.h"

struct stss3_service_clock {
    const struct plug_host *host;
    const char *name;          /* "S3", "STS": for the log */
    _Atomic int64_t start_ns;  /* its time when CLOCK_MONOTONIC was 0; 0: not known yet */
    _Atomic int64_t jumped_ns; /* CLOCK_MONOTONIC when an answer last moved it far; 0: never */
};

/* What a process has of them. */
struct stss3_clocks {
    struct stss3_service_clock s3, sts;
};

/* The host outlives them. */
void stss3_clocks_init(struct stss3_clocks *clocks, const struct plug_host *host);

/* Nanoseconds since 1970, UTC, as the service counts them.  Any thread.  Calls the host while no
 * answer has shown it: hold no lock. */
int64_t stss3_service_clock_now_ns(const struct stss3_service_clock *clock);
/* The same for a point on CLOCK_MONOTONIC; false while no answer has shown it.  Pure. */
bool stss3_service_clock_at(const struct stss3_service_clock *clock, int64_t monotonic_ns,
                            int64_t *service_ns);

/*
 * For a judge hook, after every try: learns from the answer.  True, once for a request: the service
 * refused it, and request->stamp_ns, by which it was signed, is not the service's time, so that it
 * is worth another try.  body: the error's, for its ServerTime.
 */
bool stss3_service_clock_learn(struct stss3_service_clock *clock, struct stss3_request *request,
                               const struct stss3_error_body *body);

#endif
