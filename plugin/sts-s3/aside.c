/* SPDX-License-Identifier: Apache-2.0 */
#include "aside.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#define STACK_BYTES ((size_t)512 * 1024)
#define MS_NS       1000000
/* What must end ends by itself within this, unless the kernel holds it up: a program is killed and
 * reaped in a few milliseconds.  So ordinarily no thread of ours outlives the store. */
#define MOMENT_NS (250 * (int64_t)MS_NS)

struct stss3_asides {
    atomic_uint refs;     /* the worker's, and one for each that runs */
    pthread_mutex_t lock; /* guards all below, and has_ended of each */
    pthread_cond_t changed;
    bool is_stopping;
    unsigned left; /* that nobody waits for, and that have not ended */
};

struct stss3_asides *stss3_asides_new(void)
{
    struct stss3_asides *a = calloc(1, sizeof *a);
    pthread_condattr_t monotonic;
    if (a == NULL)
        return NULL;
    a->refs = 1;
    (void)pthread_mutex_init(&a->lock, NULL); /* these cannot fail on Linux */
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&a->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return a;
}

void stss3_asides_unref(struct stss3_asides *a)
{
    if (a == NULL || atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

void stss3_asides_stop(struct stss3_asides *a)
{
    pthread_mutex_lock(&a->lock);
    a->is_stopping = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

void stss3_aside_unref(struct stss3_aside *aside)
{
    if (atomic_fetch_sub(&aside->refs, 1) == 1)
        aside->free(aside);
}

bool stss3_thread_start(void *(*run)(void *ctx), void *ctx)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool is_made = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                         pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                         pthread_create(&thread, &attributes, run, ctx) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return is_made;
}

static void *run(void *ctx)
{
    struct stss3_aside *aside = ctx;
    struct stss3_asides *a = aside->asides;
    aside->run(aside);
    pthread_mutex_lock(&a->lock);
    aside->has_ended = true;
    if (atomic_load(&aside->must_end))
        a->left--;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    stss3_aside_unref(aside);
    stss3_asides_unref(a);
    return NULL;
}

/* With the lock held. */
static void wait_until(struct stss3_asides *a, const struct stss3_aside *aside, int64_t until_ns,
                       bool even_if_stopping)
{
    const struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    int error = 0;
    while (!aside->has_ended && error == 0 && (even_if_stopping || !a->is_stopping))
        error = pthread_cond_timedwait(&a->changed, &a->lock, &until);
}

/* With the lock held. */
static regstore_status wait_for(struct stss3_asides *a, struct stss3_aside *aside, const char *what,
                                uint64_t limit_ms, struct plug_error *error)
{
    wait_until(a, aside, plug_now_ns() + (int64_t)limit_ms * MS_NS, false);
    if (!aside->has_ended) {
        atomic_store(&aside->must_end, true);
        a->left++;
        wait_until(a, aside, plug_now_ns() + MOMENT_NS, true);
    }
    if (aside->has_ended)
        return REGSTORE_OK;
    if (a->is_stopping)
        plug_error_set(error, REGSTORE_CANCELLED, "%s: the store is being closed", what);
    else
        plug_error_set(error, REGSTORE_UNAVAILABLE,
                       "%s: still under way after %llu ms: does its file system answer?", what,
                       (unsigned long long)limit_ms);
    return error->status;
}

/* With the lock held. */
static regstore_status start(struct stss3_asides *a, struct stss3_aside *aside, const char *what,
                             struct plug_error *error)
{
    if (a->is_stopping) {
        plug_error_set(error, REGSTORE_CANCELLED, "%s: the store is being closed", what);
        return REGSTORE_CANCELLED;
    }
    if (a->left >= STSS3_ASIDES_LEFT_MAX) {
        plug_error_set(error, REGSTORE_UNAVAILABLE,
                       "%s: not tried, since %u earlier tries are still under way: does the file "
                       "system answer?",
                       what, a->left);
        return REGSTORE_UNAVAILABLE;
    }
    aside->asides = a;
    atomic_fetch_add(&aside->refs, 1);
    atomic_fetch_add(&a->refs, 1);
    if (stss3_thread_start(run, aside))
        return REGSTORE_OK;
    atomic_fetch_sub(&aside->refs, 1);
    atomic_fetch_sub(&a->refs, 1);
    plug_error_set(error, REGSTORE_NO_MEMORY, "%s: no thread can be had for it", what);
    return REGSTORE_NO_MEMORY;
}

regstore_status stss3_aside_do(struct stss3_asides *a, struct stss3_aside *aside, const char *what,
                               uint64_t limit_ms, struct plug_error *error)
{
    atomic_store(&aside->refs, 1);
    pthread_mutex_lock(&a->lock);
    regstore_status status = start(a, aside, what, error);
    if (status == REGSTORE_OK)
        status = wait_for(a, aside, what, limit_ms, error);
    pthread_mutex_unlock(&a->lock);
    return status;
}
