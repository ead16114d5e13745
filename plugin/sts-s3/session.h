/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session that requests are signed with: got from its source when first needed, shared by all,
 * renewed ahead of its end by one while the others go on with the old one.
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

#include "source.h"

/* Never changes; wiped with its last reference. */
struct stss3_session {
    _Atomic unsigned refs;
    char *access_key, *secret_key;
    char *token;        /* NULL: long-term keys */
    char *role;         /* "arn:aws:sts::...:assumed-role/name/session", as STS says; may be NULL */
    char *role_arn;     /* of the role as it was asked for; NULL: none was */
    int64_t expires_ns; /* UTC; INT64_MAX: never */
    int64_t born_ns, end_ns; /* CLOCK_MONOTONIC, by STS's time; end: INT64_MAX: never */
    bool is_overdue;         /* had ended when it came, and there is no better: end_ns is a guess */
};

/* NULL: no memory.  The texts are copied. */
struct stss3_session *stss3_session_new(const char *access_key, const char *secret_key,
                                        const char *token, const char *role);
struct stss3_session *stss3_session_ref(struct stss3_session *session);
void stss3_session_unref(struct stss3_session *session); /* takes NULL */

struct stss3_sessions;

/* tools and against, the clock of whom the sessions are shown to, outlive it; the source becomes
 * its own, on failure too.  NULL: no memory, or source is NULL. */
struct stss3_sessions *stss3_sessions_new(const struct stss3_tools *tools,
                                          const struct stss3_service_clock *against,
                                          struct stss3_source *source);
/* After engine and worker have ended: nothing of it may be under way.  Takes NULL. */
void stss3_sessions_free(struct stss3_sessions *sessions);

const struct stss3_source *stss3_sessions_source(const struct stss3_sessions *sessions);
/* Where they come from, at the bottom: "environment". */
const char *stss3_sessions_name(const struct stss3_sessions *sessions);

/* For sources: what obtain has led to.  A session, whose reference becomes ours, or NULL and why.
 * Calls the host: hold no lock. */
void stss3_sessions_renewed(struct stss3_sessions *sessions, struct stss3_session *session,
                            const struct plug_error *error);

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

/* The service says that this one has ended: nobody gets it again. */
void stss3_sessions_drop(struct stss3_sessions *sessions, const struct stss3_session *stale);
/* Whoever comes next gets what the source has then. */
void stss3_sessions_forget(struct stss3_sessions *sessions);

#endif
