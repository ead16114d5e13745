/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where credentials come from.  Each kind of source knows one way to get them and nothing of when:
 * that is the session machine's (session.h), of which each source has one of its own.  A source
 * that assumes a role has another machine beneath it, whose sessions sign the request:
 *
 *   requests to S3 -> [sessions: role] -> AssumeRole -> [sessions: source role] -> AssumeRole
 *                                                                                      |
 *                              keys, web identity, profile, container, instance <- [sessions]
 *
 * The order in which sources are looked for is AWS's (chain.h).
 */
#ifndef STSS3_SOURCE_H
#define STSS3_SOURCE_H

#include <stdatomic.h>

#include "config.h"
#include "http.h"
#include "service_clock.h"
#include "worker.h"

struct stss3_sessions;
struct stss3_source;

/* What all sources work with; it outlives them. */
struct stss3_tools {
    const struct stss3_config *config;
    const struct plug_host *host;
    struct stss3_http *http;
    struct stss3_clocks *clocks;
    struct stss3_worker *worker;
};

struct stss3_source_verbs {
    /* Begins to get credentials, and never blocks.  Calls stss3_sessions_renewed() once, at once or
     * later, on any thread.  Not called again before that. */
    void (*obtain)(struct stss3_source *source, struct stss3_sessions *sessions);
    /* "environment", for the log and for check; any thread. */
    const char *(*name)(const struct stss3_source *source);
    void (*free)(struct stss3_source *source);
};

struct stss3_source {
    const struct stss3_source_verbs *verbs;
    const struct stss3_tools *tools;
    struct stss3_sessions
        *signer;              /* whose sessions sign for a role; NULL: it needs none.  Its own */
    atomic_bool is_silent;    /* what lies beneath has told the log who we are */
    atomic_bool is_read_anew; /* costs nothing, may have changed: got anew for each role on it */
};

/* The user's own keys, in the settings, in files or in the environment; they are copied when they
 * are used, so they stay.  name is a literal. */
struct stss3_source *stss3_keys_source_new(const struct stss3_tools *tools,
                                           const struct stss3_keys *keys, const char *name);

#endif
