/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session that requests to S3 are signed with: obtained by AssumeRole when first needed, shared
 * by all, renewed ahead of its end by one while the others go on with the old one.
 *
 *   age:   0 ............ advisory ....... mandatory ... end
 *          use it         use it, and one  wait for the  nobody has this one
 *                         renews beside    new one, or
 *                                          use the old when STS is down
 *
 * Lifetimes are counted on the monotonic clock from the answer that brought them: the machine's
 * clock may be wrong or be set.  Where S3's clock is ahead of STS's, sessions end by S3's.
 */
#ifndef STSS3_SESSION_H
#define STSS3_SESSION_H

#include "config.h"
#include "http.h"
#include "service_clock.h"

/* Never changes; wiped with its last reference. */
struct stss3_session {
    _Atomic unsigned refs;
    char *access_key, *secret_key;
    char *token;        /* NULL: the user's own keys */
    char *role;         /* "arn:aws:sts::...:assumed-role/name/session", as STS says; may be NULL */
    int64_t expires_ns; /* UTC; INT64_MAX: never */
    int64_t born_ns, end_ns; /* CLOCK_MONOTONIC, by STS's time; end: INT64_MAX: never */
};

/* NULL: no memory.  The texts are copied. */
struct stss3_session *stss3_session_new(const char *access_key, const char *secret_key,
                                        const char *token, const char *role);
struct stss3_session *stss3_session_ref(struct stss3_session *session);
void stss3_session_unref(struct stss3_session *session); /* takes NULL */

struct stss3_sessions;

/* All four outlive it.  NULL: no memory. */
struct stss3_sessions *stss3_sessions_new(const struct stss3_config *config,
                                          const struct plug_host *host, struct stss3_http *http,
                                          struct stss3_clocks *clocks);
/* After the engine has ended: no request of it may be left. */
void stss3_sessions_free(struct stss3_sessions *sessions);

/*
 * For a request's prepare hook: READY and a reference in *out; WAIT, and the request is resumed
 * when there is news; or REFUSED with the words in *error.  *round is the request's own, zero at
 * first: by it a request that has waited learns that it waited in vain.
 */
enum stss3_ready stss3_sessions_get(struct stss3_sessions *sessions, struct stss3_request *waiter,
                                    uint64_t *round, struct stss3_session **out,
                                    struct plug_error *error);

/* The same for a caller's thread, which waits.  min_ttl_s: one that lives that much longer, renewed
 * for it if need be (0: any). */
regstore_status stss3_sessions_wait(struct stss3_sessions *sessions, struct plug_call *call,
                                    uint64_t min_ttl_s, struct stss3_session **out);

/* When it ends, on CLOCK_MONOTONIC; INT64_MAX: never. */
int64_t stss3_sessions_end_ns(const struct stss3_sessions *sessions,
                              const struct stss3_session *session);
/* Whether a refusal that has just come may be due to its end, as well as clocks can tell. */
bool stss3_sessions_may_be_over(const struct stss3_sessions *sessions,
                                const struct stss3_session *session);

/* S3 says that this one has ended: nobody gets it again. */
void stss3_sessions_drop(struct stss3_sessions *sessions, const struct stss3_session *stale);

#endif
