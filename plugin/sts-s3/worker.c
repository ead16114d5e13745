/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

struct stss3_worker {
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* guards count */
    pthread_cond_t none_left;
    unsigned count; /* threads that may still touch this */
    struct stss3_asides *asides;
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
    w->asides = stss3_asides_new();
    if (w->asides == NULL) {
        free(w);
        return NULL;
    }
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
    if (may_start && stss3_thread_start(run, piece))
        return true;
    free(piece);
    if (may_start)
        count_down(w);
    return false;
}

struct stss3_asides *stss3_worker_asides(const struct stss3_worker *w)
{
    return w->asides;
}

void stss3_worker_stop(struct stss3_worker *w)
{
    stss3_asides_stop(w->asides);
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
    stss3_asides_unref(w->asides);
    (void)pthread_cond_destroy(&w->none_left);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}
