/* SPDX-License-Identifier: Apache-2.0 */
/* AssumeRole: the request to STS, signed with the user's keys, and its answer. */
#ifndef STSS3_STS_H
#define STSS3_STS_H

#include "session.h"

/*
 * A request that, once over, calls done on the loop's thread: with a session (the reference becomes
 * the callee's), or with NULL and the error.  NULL: no memory.  config, host and clocks outlive it.
 * Start it and drop your reference.
 */
struct stss3_request *stss3_sts_assume_role(
    const struct stss3_config *config, const struct plug_host *host, struct stss3_clocks *clocks,
    void (*done)(void *ctx, struct stss3_session *session, const struct plug_error *error),
    void *ctx);

#endif
