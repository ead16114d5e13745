/* SPDX-License-Identifier: Apache-2.0 */
/* CB-1: what the plugin may hold while it calls the host. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "verbs.h"

/* One thread lives, and its callbacks wait until a round of calls beside them has come back.  A
 * callback of the plugin's own threads does not wait: these may be what the other calls need. */
enum { BESIDE_MS = 15000, EVENTS = 64 };

struct held {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    unsigned wanted, done; /* rounds of calls */
    bool is_over;
    char stalled[64];       /* the callback beside which a round did not come back; "" as due */
    char event[EVENTS][64]; /* those that have waited already */
    unsigned n_events;
};
static _Thread_local bool is_holding;

static bool is_first_of_its_kind(struct held *h, const char *event)
{
    for (unsigned i = 0; i < h->n_events; i++)
        if (strncmp(h->event[i], event, sizeof h->event[i] - 1) == 0)
            return false;
    if (h->n_events == EVENTS)
        return false;
    (void)snprintf(h->event[h->n_events++], sizeof h->event[0], "%s", event); /* cut is fine */
    return true;
}

static void hold(struct held *h, const char *event)
{
    struct timespec end;
    int status = 0;
    if (!is_holding)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &end); /* it exists on every Linux */
    end.tv_sec += BESIDE_MS / 1000;
    (void)pthread_mutex_lock(&h->lock); /* a plain lock cannot fail, nor can what follows */
    if (h->stalled[0] == '\0' && is_first_of_its_kind(h, event)) {
        h->wanted++;
        (void)pthread_cond_broadcast(&h->changed);
        while (h->done < h->wanted && !h->is_over && status == 0)
            status = pthread_cond_timedwait(&h->changed, &h->lock, &end);
        if (status != 0)
            (void)snprintf(h->stalled, sizeof h->stalled, "%s", event);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

static void hold_log(void *ctx, int32_t level, const char *event,
                     const struct regstore_pair *fields, size_t n)
{
    (void)level, (void)fields, (void)n;
    hold(ctx, event);
}

static void hold_metric(void *ctx, int32_t kind, const char *name, double value,
                        const struct regstore_pair *labels, size_t n)
{
    (void)kind, (void)value, (void)labels, (void)n;
    hold(ctx, name);
}

static int64_t hold_clock(void *ctx, int32_t which)
{
    hold(ctx, "clock_ns");
    (void)which;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* it exists on every Linux */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void end_of_holding(void *arg)
{
    struct held *h = arg;
    (void)pthread_mutex_lock(&h->lock);
    h->is_over = true;
    (void)pthread_cond_broadcast(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
}

static bool is_wanted(struct held *h)
{
    (void)pthread_mutex_lock(&h->lock);
    while (h->done == h->wanted && !h->is_over)
        (void)pthread_cond_wait(&h->changed, &h->lock);
    const bool is = !h->is_over;
    (void)pthread_mutex_unlock(&h->lock);
    return is;
}

static void live_beside(struct world *w, struct held *h)
{
    const struct key key = key_of(w, "beside");
    for (unsigned i = 0; is_wanted(h); i++) {
        const struct content content = content_of(test_seed(w, i), 100 * KIB);
        blob_put(w, key.s, &content);
        blob_must_be(w, key.s, &content);
        blob_delete(w, key.s);
        (void)pthread_mutex_lock(&h->lock);
        h->done++;
        (void)pthread_cond_broadcast(&h->changed);
        (void)pthread_mutex_unlock(&h->lock);
    }
}

static void hold_or_live_beside(struct world *w, unsigned i, void *arg)
{
    pthread_cleanup_push(end_of_holding, arg); /* also when a claim fails */
    is_holding = i == 0;
    if (is_holding)
        every_verb_once(w);
    else
        live_beside(w, arg);
    pthread_cleanup_pop(1);
}

static void no_call_waits_for_a_callback_of_another(struct world *w)
{
    CALL(c);
    static struct held h = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    const struct regstore_host host = {.struct_size = sizeof host,
                                       .ctx = &h,
                                       .log = hold_log,
                                       .metric = hold_metric,
                                       .clock_ns = hold_clock};
    EXPECT_OK(&c, w->p->store_open(&c.in, &host, w->backend->settings, w->backend->n, &w->store));
    in_threads(w, 2, hold_or_live_beside, &h);
    world_clear(w);
    CLAIM(h.stalled[0] == '\0',
          "while the callback of \"%s\" was under way, calls of another thread did not come back: "
          "a lock is held",
          h.stalled);
    if (h.n_events == 0)
        SKIP("the plugin calls nothing back on the caller's thread");
}

static const struct test callback_tests[] = {
    {"CB-1", "no_call_waits_for_a_callback_of_another", no_call_waits_for_a_callback_of_another,
     NEEDS_NO_STORE},
};

const struct family family_callback = FAMILY(callback);
