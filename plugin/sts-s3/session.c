/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "session_report.h"
#include "timestamp.h"

#define MINUTE_NS (60 * STSS3_NS_PER_S)
/* Between renewals that fail: while the old one lives, and when nothing is left to lose. */
#define RETRY_ALIVE_NS (5 * STSS3_NS_PER_S)
#define RETRY_DEAD_NS  (1 * STSS3_NS_PER_S)

struct waiter {
    struct waiter *next;
    struct stss3_request *request;
};

struct stss3_sessions {
    const struct plug_host *host;
    const struct stss3_service_clock *against;
    struct stss3_source *source;
    bool is_top; /* S3 sees its sessions, and not another machine above it */

    pthread_mutex_t lock; /* guards all below; never held across I/O or a host's callback */
    pthread_cond_t news;
    struct stss3_session *current; /* NULL: none yet, or dropped */
    bool is_renewing;
    bool has_failed;                     /* the last renewal did; and then none is begun before */
    int64_t not_before_alive_ns;         /* this, while a session lives */
    int64_t not_before_dead_ns;          /* this, when none does */
    uint64_t failed_rounds, good_rounds; /* renewals that have ended */
    bool has_told;                       /* the log knows which source it is */
    struct plug_error last_error;
    struct waiter *waiters;
};

static char *copy_or_null(const char *text, bool *failed)
{
    char *copy = text == NULL ? NULL : strdup(text);
    *failed |= text != NULL && copy == NULL;
    return copy;
}

struct stss3_session *stss3_session_new(const char *access_key, const char *secret_key,
                                        const char *token, const char *role)
{
    struct stss3_session *s = calloc(1, sizeof *s);
    bool failed = false;
    if (s == NULL)
        return NULL;
    s->refs = 1;
    s->access_key = copy_or_null(access_key, &failed);
    s->secret_key = copy_or_null(secret_key, &failed);
    s->token = copy_or_null(token, &failed);
    s->role = copy_or_null(role, &failed);
    s->expires_ns = INT64_MAX;
    s->end_ns = INT64_MAX;
    s->born_ns = plug_now_ns();
    if (failed) {
        stss3_session_unref(s);
        return NULL;
    }
    return s;
}

struct stss3_session *stss3_session_ref(struct stss3_session *session)
{
    atomic_fetch_add(&session->refs, 1);
    return session;
}

void stss3_session_unref(struct stss3_session *session)
{
    if (session == NULL || atomic_fetch_sub(&session->refs, 1) != 1)
        return;
    plug_text_wipe(session->access_key);
    plug_text_wipe(session->secret_key);
    plug_text_wipe(session->token);
    free(session->role);
    free(session->role_arn);
    free(session);
}

struct stss3_sessions *stss3_sessions_new(const struct stss3_tools *tools,
                                          const struct stss3_service_clock *against,
                                          struct stss3_source *source)
{
    struct stss3_sessions *s = source == NULL ? NULL : calloc(1, sizeof *s);
    pthread_condattr_t monotonic;
    if (s == NULL) {
        if (source != NULL)
            source->verbs->free(source);
        return NULL;
    }
    s->host = tools->host;
    s->is_top = against == &tools->clocks->s3;
    s->against = against;
    s->source = source;
    (void)pthread_mutex_init(&s->lock, NULL); /* these cannot fail on Linux */
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->news, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return s;
}

void stss3_sessions_free(struct stss3_sessions *s)
{
    if (s == NULL)
        return;
    stss3_session_unref(s->current);
    s->source->verbs->free(s->source);
    (void)pthread_cond_destroy(&s->news);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

const struct stss3_source *stss3_sessions_source(const struct stss3_sessions *s)
{
    return s->source;
}

const char *stss3_sessions_name(const struct stss3_sessions *s)
{
    return s->source->verbs->name(s->source);
}

/* When it will be refused by whom it is shown to, who counts by his own clock; by the source's as
 * long as that one is not known. */
static int64_t refused_from_ns(const struct stss3_sessions *sessions, const struct stss3_session *s)
{
    int64_t born_ns; /* as he counts */
    if (s->expires_ns == INT64_MAX ||
        !stss3_service_clock_at(sessions->against, s->born_ns, &born_ns))
        return s->end_ns;
    const int64_t end_ns = s->born_ns + (s->expires_ns - born_ns);
    return end_ns < s->end_ns ? end_ns : s->end_ns;
}

int64_t stss3_sessions_end_ns(const struct stss3_sessions *sessions,
                              const struct stss3_session *session)
{
    /* Over before it came, by his Date?  Then the Date is wrong, or nothing helps. */
    const int64_t end_ns = refused_from_ns(sessions, session);
    return end_ns > session->born_ns ? end_ns : session->end_ns;
}

bool stss3_sessions_may_be_over(const struct stss3_sessions *sessions,
                                const struct stss3_session *session)
{
    /* The second: a Date has no fraction. */
    const int64_t end_ns = refused_from_ns(sessions, session);
    return end_ns != INT64_MAX && plug_now_ns() >= end_ns - STSS3_NS_PER_S;
}

/* Before the end of a session by so much: renew beside it, and wait for the new one.  At most 15
 * and 1 minutes, as botocore and the SDKs do; shares of the life for short ones. */
static int64_t advisory_ns(int64_t life_ns)
{
    return life_ns / 3 < 15 * MINUTE_NS ? life_ns / 3 : 15 * MINUTE_NS;
}

static int64_t mandatory_ns(int64_t life_ns)
{
    return life_ns / 10 < MINUTE_NS ? life_ns / 10 : MINUTE_NS;
}

/* How long the present session lives still; INT64_MAX: for ever; 0: none does. */
static int64_t left_ns(const struct stss3_sessions *s)
{
    const int64_t end_ns = s->current == NULL ? 0 : stss3_sessions_end_ns(s, s->current);
    const int64_t now_ns = plug_now_ns();
    return end_ns == INT64_MAX ? INT64_MAX : end_ns > now_ns ? end_ns - now_ns : 0;
}

static void resume_all(struct waiter *waiters)
{
    while (waiters != NULL) {
        struct waiter *next = waiters->next;
        stss3_request_resume(waiters->request);
        stss3_request_unref(waiters->request);
        free(waiters);
        waiters = next;
    }
}

/* Under the lock: the new one takes its place; what it was is for the caller to let go. */
static struct stss3_session *install(struct stss3_sessions *s, struct stss3_session *session)
{
    struct stss3_session *old = s->current;
    s->current = session;
    s->not_before_alive_ns = 0;
    s->not_before_dead_ns = 0;
    s->has_failed = false;
    s->good_rounds++;
    return old;
}

static void note_failure(struct stss3_sessions *s, const struct plug_error *error, bool is_alive)
{
    s->failed_rounds++;
    s->has_failed = true;
    s->last_error = *error;
    s->not_before_alive_ns = plug_now_ns() + RETRY_ALIVE_NS;
    s->not_before_dead_ns = is_alive ? 0 : plug_now_ns() + RETRY_DEAD_NS;
}

void stss3_sessions_renewed(struct stss3_sessions *s, struct stss3_session *session,
                            const struct plug_error *error)
{
    struct stss3_session *old = NULL;
    pthread_mutex_lock(&s->lock);
    const bool is_alive = left_ns(s) > 0;
    struct stss3_renewal renewal = {.source = stss3_sessions_name(s),
                                    .error = session == NULL ? error : NULL,
                                    .is_repeated = s->has_failed,
                                    .expires_ns = INT64_MAX};
    const bool is_news = session != NULL && !s->has_told && s->source->signer == NULL &&
                         !atomic_load(&s->source->is_silent);
    s->has_told |= is_news;
    s->is_renewing = false;
    if (session != NULL)
        old = install(s, session);
    else
        note_failure(s, error, is_alive);
    renewal.left_ns = left_ns(s);
    if (s->current != NULL)
        renewal.expires_ns = s->current->expires_ns;
    struct waiter *waiters = s->waiters;
    s->waiters = NULL;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    stss3_session_unref(old);
    if (is_news)
        plug_log(s->host, REGSTORE_LOG_INFO, "credentials",
                 PLUG_FIELDS({"source", stss3_sessions_name(s)}));
    if (s->is_top)
        stss3_report_renewal(s->host, &renewal);
    else if (session == NULL && is_alive) /* else it is the one above that fails */
        stss3_report_refusal(s->host, &renewal);
    resume_all(waiters);
}

/* With is_renewing just set by the caller, and the lock not held. */
static void renew(struct stss3_sessions *s)
{
    s->source->verbs->obtain(s->source, s);
}

/* What there is now, under the lock: READY with a reference, or WAIT; *must_renew tells the caller
 * to call renew() once the lock is free. */
static enum stss3_ready look(struct stss3_sessions *s, int64_t min_left_ns, bool *must_renew,
                             struct stss3_session **out)
{
    const int64_t now_ns = plug_now_ns();
    const int64_t left = left_ns(s);
    const int64_t life =
        left == 0 || left == INT64_MAX ? left : now_ns + left - s->current->born_ns;
    const bool is_alive = left > 0, is_enough = left > min_left_ns;
    const bool is_fresh = is_enough && left > advisory_ns(life);
    /* After a failure the old one serves to its last second. */
    const bool may_use = is_alive && is_enough && (left > mandatory_ns(life) || s->has_failed);
    *must_renew = !is_fresh && !s->is_renewing &&
                  now_ns >= (is_alive ? s->not_before_alive_ns : s->not_before_dead_ns);
    s->is_renewing |= *must_renew;
    if (!may_use)
        return STSS3_WAIT;
    *out = stss3_session_ref(s->current);
    return STSS3_READY;
}

static bool add_waiter(struct stss3_sessions *s, struct stss3_request *request)
{
    struct waiter *w = malloc(sizeof *w);
    if (w == NULL)
        return false;
    w->request = stss3_request_ref(request);
    w->next = s->waiters;
    s->waiters = w;
    return true;
}

enum stss3_ready stss3_sessions_get(struct stss3_sessions *s, struct stss3_request *waiter,
                                    uint64_t *round, struct stss3_session **out,
                                    struct plug_error *error)
{
    bool must_renew = false;
    pthread_mutex_lock(&s->lock);
    enum stss3_ready ready = look(s, 0, &must_renew, out);
    if (ready == STSS3_WAIT && (!s->is_renewing || (*round != 0 && s->failed_rounds >= *round))) {
        ready = STSS3_REFUSED; /* a round has failed: the one it waited for, or just before */
        *error = s->last_error;
    } else if (ready == STSS3_WAIT && !add_waiter(s, waiter)) {
        ready = STSS3_REFUSED;
        plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
    }
    *round = ready == STSS3_WAIT ? s->failed_rounds + 1 : 0;
    if (ready == STSS3_REFUSED && must_renew)
        s->is_renewing = must_renew = false;
    pthread_mutex_unlock(&s->lock);
    if (must_renew)
        renew(s);
    return ready;
}

/* 100 ms: well inside what CALL-3 allows between two looks at the cancel flag. */
static void wait_for_news(struct stss3_sessions *s)
{
    const int64_t until_ns = plug_now_ns() + STSS3_NS_PER_S / 10;
    const struct timespec until = {.tv_sec = until_ns / STSS3_NS_PER_S,
                                   .tv_nsec = until_ns % STSS3_NS_PER_S};
    (void)pthread_cond_timedwait(&s->news, &s->lock, &until);
}

/* Sessions live too short for what is asked: another one would not do either. */
static bool is_never_enough(const struct stss3_sessions *s, int64_t min_left_ns)
{
    const int64_t left = left_ns(s);
    return min_left_ns != 0 && left != 0 && left != INT64_MAX &&
           plug_now_ns() + left - s->current->born_ns <= min_left_ns;
}

static regstore_status say_never_enough(struct plug_call *call, uint64_t min_ttl_s)
{
    return plug_fail(call, REGSTORE_UNAVAILABLE,
                     "no session lasts %llu s: see sts_duration_seconds",
                     (unsigned long long)min_ttl_s);
}

regstore_status stss3_sessions_wait(struct stss3_sessions *s, struct plug_call *call,
                                    uint64_t min_ttl_s, struct stss3_session **out)
{
    const int64_t min_left_ns = (int64_t)(min_ttl_s < 43200 ? min_ttl_s : 43200) * STSS3_NS_PER_S;
    regstore_status status = REGSTORE_OK;
    pthread_mutex_lock(&s->lock);
    const uint64_t failed_before = s->failed_rounds, rounds_before = s->good_rounds;
    while (status == REGSTORE_OK) {
        bool must_renew = false;
        if (is_never_enough(s, min_left_ns)) {
            status = say_never_enough(call, min_ttl_s);
            break;
        }
        const enum stss3_ready ready = look(s, min_left_ns, &must_renew, out);
        if (must_renew) {
            pthread_mutex_unlock(&s->lock);
            renew(s);
            pthread_mutex_lock(&s->lock);
        }
        if (ready == STSS3_READY)
            break;
        if (s->failed_rounds != failed_before || (!must_renew && !s->is_renewing))
            status = plug_call_adopt(call, &s->last_error);
        else if (s->good_rounds > rounds_before + 1)
            status = say_never_enough(call, min_ttl_s);
        else
            status = plug_call_check(call);
        if (status == REGSTORE_OK && s->is_renewing)
            wait_for_news(s);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* One that had ended when it came is the best there is: it is asked for anew, but not each time
 * that it is refused. */
static bool may_drop(const struct stss3_session *session)
{
    return session->token != NULL &&
           (!session->is_overdue || plug_now_ns() - session->born_ns > RETRY_ALIVE_NS);
}

void stss3_sessions_drop(struct stss3_sessions *s, const struct stss3_session *stale)
{
    struct stss3_session *old = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->current == stale && may_drop(stale)) {
        old = s->current;
        s->current = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    stss3_session_unref(old);
}

void stss3_sessions_forget(struct stss3_sessions *s)
{
    pthread_mutex_lock(&s->lock);
    struct stss3_session *old = s->current;
    s->current = NULL;
    pthread_mutex_unlock(&s->lock);
    stss3_session_unref(old);
}
