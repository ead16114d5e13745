/* SPDX-License-Identifier: Apache-2.0 */
#include "parts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timestamp.h"

enum progress { PART_THERE, PART_FLYING, PART_FAILED };

/* A part that is not safe yet.  Those that are need only their line in the table. */
struct flight {
    struct flight *next;
    struct stss3_parts *parts;
    size_t index;
    enum progress progress;
    struct stss3_chunk *chunk;     /* until it is there */
    struct stss3_request *request; /* while it is flying */
    char sha256[STSS3_SHA256_HEX];
    struct plug_error error; /* why it failed */
    void *mark;
    size_t mark_len;
};

struct stss3_parts {
    _Atomic unsigned refs; /* the upload's and one of each request in flight */
    struct stss3_client *client;
    char *key;
    char upload_id[STSS3_UPLOAD_ID_MAX];
    enum stss3_checksum sum;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t news;
    struct stss3_part *table;
    size_t n, cap;
    size_t safe; /* leading parts that are there */
    void *mark;  /* of the last of these */
    size_t mark_len;
    unsigned flying;
    struct flight *flights; /* in the order of their numbers */
};

static void free_flight(struct flight *f)
{
    stss3_chunk_unref(f->chunk);
    stss3_request_unref(f->request);
    free(f->mark);
    free(f);
}

static void unref(struct stss3_parts *p)
{
    if (atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    while (p->flights != NULL) {
        struct flight *next = p->flights->next;
        free_flight(p->flights);
        p->flights = next;
    }
    (void)pthread_cond_destroy(&p->news);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->mark);
    free(p->table);
    free(p->key);
    free(p);
}

struct stss3_parts *stss3_parts_new(struct stss3_client *client, const char *key,
                                    const char *upload_id, enum stss3_checksum sum)
{
    struct stss3_parts *p = calloc(1, sizeof *p);
    pthread_condattr_t monotonic;
    if (p == NULL)
        return NULL;
    p->refs = 1;
    p->client = client;
    p->key = strdup(key);
    p->sum = sum;
    stss3_parts_set_upload_id(p, upload_id);
    (void)pthread_mutex_init(&p->lock, NULL); /* these cannot fail on Linux */
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->news, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (p->key == NULL) {
        unref(p);
        return NULL;
    }
    return p;
}

void stss3_parts_set_upload_id(struct stss3_parts *p, const char *upload_id)
{
    (void)snprintf(p->upload_id, sizeof p->upload_id, "%s", upload_id);
}

void stss3_parts_cancel(struct stss3_parts *p)
{
    pthread_mutex_lock(&p->lock);
    for (struct flight *f = p->flights; f != NULL; f = f->next)
        stss3_request_cancel(f->request);
    pthread_mutex_unlock(&p->lock);
}

void stss3_parts_drop(struct stss3_parts *p)
{
    if (p == NULL)
        return;
    stss3_parts_cancel(p);
    unref(p);
}

const char *stss3_parts_key(const struct stss3_parts *p)
{
    return p->key;
}

const char *stss3_parts_upload_id(const struct stss3_parts *p)
{
    return p->upload_id;
}

/* Under the lock, or before anybody shares it. */
static bool add_line(struct stss3_parts *p, const struct stss3_part *part)
{
    if (p->n >= p->client->config->limits.count)
        return false;
    if (p->n == p->cap) {
        const size_t cap = p->cap == 0 ? 16 : 2 * p->cap;
        struct stss3_part *grown = reallocarray(p->table, cap, sizeof *grown);
        if (grown == NULL)
            return false;
        p->table = grown;
        p->cap = cap;
    }
    p->table[p->n++] = *part;
    return true;
}

bool stss3_parts_add(struct stss3_parts *p, const struct stss3_part *part)
{
    pthread_mutex_lock(&p->lock);
    const bool ok = add_line(p, part);
    if (ok)
        p->safe = p->n;
    pthread_mutex_unlock(&p->lock);
    return ok;
}

void stss3_parts_learn(struct stss3_parts *p, size_t index, const struct stss3_sum *sum)
{
    pthread_mutex_lock(&p->lock);
    if (index < p->n)
        p->table[index].sum = *sum;
    pthread_mutex_unlock(&p->lock);
}

/* Under the lock: leading parts that have arrived are done with. */
static void advance(struct stss3_parts *p)
{
    while (p->flights != NULL && p->flights->progress == PART_THERE) {
        struct flight *f = p->flights;
        p->flights = f->next;
        free(p->mark);
        p->mark = f->mark;
        p->mark_len = f->mark_len;
        f->mark = NULL;
        p->safe = f->index + 1;
        free_flight(f);
    }
}

/* On the loop's thread. */
static void landed(struct stss3_op *op, void *ctx)
{
    struct flight *f = ctx;
    struct stss3_parts *p = f->parts;
    struct stss3_request *request;
    struct stss3_chunk *chunk = NULL;
    pthread_mutex_lock(&p->lock);
    request = f->request;
    f->request = NULL;
    p->flying--;
    f->error = op->request->error;
    stss3_etag_copy(p->table[f->index].etag, stss3_request_answer_header(op->request, "etag"));
    if (f->error.status == REGSTORE_OK && p->table[f->index].etag[0] == '\0')
        plug_error_set(&f->error, REGSTORE_UNAVAILABLE, "UploadPart: the answer has no ETag");
    f->progress = f->error.status == REGSTORE_OK ? PART_THERE : PART_FAILED;
    if (f->progress == PART_THERE) {
        chunk = f->chunk;
        f->chunk = NULL;
        advance(p);
    }
    pthread_cond_broadcast(&p->news);
    pthread_mutex_unlock(&p->lock);
    stss3_chunk_unref(chunk);
    stss3_request_unref(request);
    unref(p);
}

/* Sends a flight's chunk; false: no memory. */
static bool launch(struct stss3_parts *p, struct flight *f)
{
    struct stss3_op *op = stss3_part_new(p->client, p->key, p->upload_id, (unsigned)f->index + 1,
                                         f->chunk, f->sha256, p->sum);
    if (op == NULL)
        return false;
    op->done = landed;
    op->ctx = f;
    atomic_fetch_add(&p->refs, 1);
    pthread_mutex_lock(&p->lock);
    p->table[f->index].sum = op->sum;
    f->request = stss3_request_ref(op->request);
    f->progress = PART_FLYING;
    p->flying++;
    pthread_mutex_unlock(&p->lock);
    stss3_op_start(op);
    return true;
}

regstore_status stss3_parts_send(struct stss3_parts *p, struct plug_call *call,
                                 struct stss3_chunk *chunk, const char *sha256, const void *mark,
                                 size_t mark_len)
{
    struct flight *f = calloc(1, sizeof *f);
    const struct stss3_part part = {.length = stss3_chunk_length(chunk)};
    if (f == NULL)
        return plug_no_memory(call);
    f->mark = malloc(mark_len);
    f->mark_len = mark_len;
    if (f->mark == NULL) {
        free_flight(f);
        return plug_no_memory(call);
    }
    memcpy(f->mark, mark, mark_len);
    f->parts = p;
    f->progress = PART_FAILED; /* until it is under way */
    f->chunk = stss3_chunk_ref(chunk);
    (void)snprintf(f->sha256, sizeof f->sha256, "%s", sha256);
    plug_error_set(&f->error, REGSTORE_NO_MEMORY, "out of memory");
    pthread_mutex_lock(&p->lock);
    const size_t most = p->client->config->limits.count;
    const bool is_full = p->n >= most;
    const bool ok = add_line(p, &part);
    if (ok) {
        f->index = p->n - 1;
        struct flight **end = &p->flights;
        while (*end != NULL)
            end = &(*end)->next;
        *end = f;
    }
    pthread_mutex_unlock(&p->lock);
    if (!ok) {
        free_flight(f);
        return is_full
                   ? plug_fail(call, REGSTORE_INVALID, "the blob needs more than %zu parts", most)
                   : plug_no_memory(call);
    }
    (void)launch(p, f); /* where there was no memory it stays as one that failed */
    return REGSTORE_OK;
}

size_t stss3_parts_count(struct stss3_parts *p)
{
    pthread_mutex_lock(&p->lock);
    const size_t n = p->n;
    pthread_mutex_unlock(&p->lock);
    return n;
}

unsigned stss3_parts_flying(struct stss3_parts *p)
{
    pthread_mutex_lock(&p->lock);
    const unsigned flying = p->flying;
    pthread_mutex_unlock(&p->lock);
    return flying;
}

static struct flight *first_failed(struct stss3_parts *p, size_t from)
{
    struct flight *f = p->flights;
    while (f != NULL && (f->progress != PART_FAILED || f->index < from))
        f = f->next;
    return f;
}

/* Each failed one once.  Only the upload's own thread launches, and what failed stays where it is
 * until then. */
static bool relaunch(struct stss3_parts *p)
{
    for (size_t from = 0;;) {
        pthread_mutex_lock(&p->lock);
        struct flight *f = first_failed(p, from);
        pthread_mutex_unlock(&p->lock);
        if (f == NULL)
            return true;
        from = f->index + 1;
        if (!launch(p, f))
            return false;
    }
}

regstore_status stss3_parts_report(struct stss3_parts *p, struct plug_call *call)
{
    pthread_mutex_lock(&p->lock);
    const struct flight *f = first_failed(p, 0);
    const regstore_status status = f == NULL ? REGSTORE_OK : plug_call_adopt(call, &f->error);
    pthread_mutex_unlock(&p->lock);
    if (status != REGSTORE_OK)
        (void)relaunch(p); /* what finds no memory stays failed, and is reported again */
    return status;
}

/* 100 ms: well inside what CALL-3 allows between two looks at the cancel flag.  Under the lock. */
static void wait_for_news(struct stss3_parts *p)
{
    const int64_t until_ns = plug_now_ns() + STSS3_NS_PER_S / 10;
    const struct timespec until = {.tv_sec = until_ns / STSS3_NS_PER_S,
                                   .tv_nsec = until_ns % STSS3_NS_PER_S};
    (void)pthread_cond_timedwait(&p->news, &p->lock, &until);
}

regstore_status stss3_parts_wait(struct stss3_parts *p, struct plug_call *call, unsigned limit)
{
    regstore_status status = REGSTORE_OK;
    pthread_mutex_lock(&p->lock);
    while (p->flying >= limit && first_failed(p, 0) == NULL && status == REGSTORE_OK) {
        status = plug_call_check(call);
        if (status == REGSTORE_OK)
            wait_for_news(p);
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

regstore_status stss3_parts_settle(struct stss3_parts *p, struct plug_call *call)
{
    regstore_status status = REGSTORE_OK;
    if (!relaunch(p))
        return plug_no_memory(call);
    pthread_mutex_lock(&p->lock);
    while (p->flying != 0 && status == REGSTORE_OK) {
        status = plug_call_check(call);
        if (status == REGSTORE_OK)
            wait_for_news(p);
    }
    const struct flight *f = status == REGSTORE_OK ? first_failed(p, 0) : NULL;
    if (f != NULL)
        status = plug_call_adopt(call, &f->error);
    pthread_mutex_unlock(&p->lock);
    return status;
}

size_t stss3_parts_safe(struct stss3_parts *p, void *mark, size_t cap, size_t *mark_len)
{
    pthread_mutex_lock(&p->lock);
    const size_t safe = p->safe;
    *mark_len = p->mark_len <= cap ? p->mark_len : 0;
    if (*mark_len != 0)
        memcpy(mark, p->mark, *mark_len);
    pthread_mutex_unlock(&p->lock);
    return safe;
}

const struct stss3_part *stss3_parts_table(struct stss3_parts *p)
{
    return p->table;
}
