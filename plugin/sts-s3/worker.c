/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

/* The host's log runs on it too. */
#define STACK_BYTES ((size_t)512 * 1024)

struct stss3_worker {
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* guards count */
    pthread_cond_t none_left;
    unsigned count; /* threads that may still touch this */
};

struct piece {
    struct stss3_worker *worker;
    void (*work)(void *ctx);
    void *ctx;
};

struct stss3_worker *stss3_worker_new(void)
{
    struct stss3_worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    (void)pthread_mutex_init(&w->lock, NULL); /* these cannot fail on Linux */
    (void)pthread_cond_init(&w->none_left, NULL);
    return w;
}

static void count_down(struct stss3_worker *w)
{
    pthread_mutex_lock(&w->lock);
    if (--w->count == 0)
        pthread_cond_broadcast(&w->none_left);
    pthread_mutex_unlock(&w->lock);
}

static void *run(void *ctx)
{
    const struct piece piece = *(struct piece *)ctx;
    free(ctx);
    piece.work(piece.ctx);
    count_down(piece.worker);
    return NULL;
}

static bool start_thread(struct piece *piece)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* THR-3 */
    const bool is_made = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                         pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                         pthread_create(&thread, &attributes, run, piece) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return is_made;
}

bool stss3_worker_do(struct stss3_worker *w, void (*work)(void *ctx), void *ctx)
{
    struct piece *piece = malloc(sizeof *piece);
    if (piece == NULL)
        return false;
    *piece = (struct piece){w, work, ctx};
    pthread_mutex_lock(&w->lock);
    const bool may_start = !atomic_load(&w->is_stopping);
    if (may_start)
        w->count++;
    pthread_mutex_unlock(&w->lock);
    if (may_start && start_thread(piece))
        return true;
    free(piece);
    if (may_start)
        count_down(w);
    return false;
}

bool stss3_worker_is_stopping(const struct stss3_worker *w)
{
    return atomic_load(&w->is_stopping);
}

void stss3_worker_stop(struct stss3_worker *w)
{
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->is_stopping, true);
    while (w->count != 0)
        pthread_cond_wait(&w->none_left, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

void stss3_worker_free(struct stss3_worker *w)
{
    if (w == NULL)
        return;
    (void)pthread_cond_destroy(&w->none_left);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}
