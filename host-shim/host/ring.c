/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring: knows how events wait in a fixed piece of memory, and how a forked child finds it empty.
 *
 * All that changes lies in pages that the kernel empties in a child (MADV_WIPEONFORK). All zero is
 * an empty ring whose lock is free, whoever held it in the parent, so a child has nothing to mend.
 */
#include "regstore-host.h"
#include "error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* What an event takes in the ring beside its text. */
#define HEAD_BYTES offsetof(struct regstore_host_event, text)

struct waiting {
    pthread_mutex_t lock; /* guards the rest */
    uint64_t lost;
    size_t first, used; /* within bytes, which is a circle */
    unsigned char bytes[];
};

struct regstore_host_ring {
    struct regstore_host host;
    _Atomic int32_t level;
    size_t capacity; /* of waiting->bytes */
    size_t mapped;
    struct waiting *waiting;
};

static void copy_in(const struct regstore_host_ring *ring, const void *from, size_t n)
{
    struct waiting *w = ring->waiting;
    const size_t at = (w->first + w->used) % ring->capacity;
    const size_t before_end = n < ring->capacity - at ? n : ring->capacity - at;
    memcpy(w->bytes + at, from, before_end);
    memcpy(w->bytes, (const unsigned char *)from + before_end, n - before_end);
    w->used += n;
}

static void copy_out(const struct regstore_host_ring *ring, void *to, size_t n)
{
    struct waiting *w = ring->waiting;
    const size_t before_end = n < ring->capacity - w->first ? n : ring->capacity - w->first;
    memcpy(to, w->bytes + w->first, before_end);
    memcpy((unsigned char *)to + before_end, w->bytes, n - before_end);
    w->first = (w->first + n) % ring->capacity;
    w->used -= n;
}

static void put(const struct regstore_host_ring *ring, const struct regstore_host_event *event)
{
    struct waiting *w = ring->waiting;
    const size_t size = HEAD_BYTES + event->text_bytes;
    (void)pthread_mutex_lock(&w->lock);
    if (size <= ring->capacity - w->used)
        copy_in(ring, event, size);
    else
        w->lost++;
    (void)pthread_mutex_unlock(&w->lock);
}

/* False: no room, and nothing was added. */
static int add_text(struct regstore_host_event *event, const char *text)
{
    const size_t size = strlen(text) + 1;
    if (size > sizeof(event->text) - event->text_bytes)
        return 0;
    memcpy(event->text + event->text_bytes, text, size);
    event->text_bytes += (uint32_t)size;
    return 1;
}

static void fill_in(struct regstore_host_event *event, const char *name,
                    const struct regstore_pair *fields, size_t n)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    event->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    event->n_fields = 0;
    event->text_bytes = 0;
    if (!add_text(event, name))
        (void)add_text(event, ""); /* no name that anybody would give */
    for (size_t i = 0; i < n; i++) {
        const uint32_t before = event->text_bytes;
        if (!add_text(event, fields[i].key) ||
            !add_text(event, fields[i].value != NULL ? fields[i].value : "")) {
            event->text_bytes = before;
            return;
        }
        event->n_fields++;
    }
}

static void ring_log(void *ctx, int32_t level, const char *name, const struct regstore_pair *fields,
                     size_t n)
{
    const struct regstore_host_ring *ring = ctx;
    if (level < atomic_load_explicit(&ring->level, memory_order_relaxed))
        return;
    struct regstore_host_event event;
    event.kind = REGSTORE_HOST_EVENT_LOG;
    event.level = level;
    event.value = 0;
    fill_in(&event, name, fields, n);
    put(ring, &event);
}

static void ring_metric(void *ctx, int32_t kind, const char *name, double value,
                        const struct regstore_pair *labels, size_t n)
{
    struct regstore_host_event event;
    event.kind = kind;
    event.level = 0;
    event.value = value;
    fill_in(&event, name, labels, n);
    put(ctx, &event);
}

static int is_all_zero(const pthread_mutex_t *lock)
{
    static const pthread_mutex_t zero;
    return memcmp(lock, &zero, sizeof(zero)) == 0;
}

static struct waiting *map_waiting(size_t bytes)
{
    static const pthread_mutex_t fresh_lock = PTHREAD_MUTEX_INITIALIZER;
    void *fresh = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED)
        return NULL;
    if (!is_all_zero(&fresh_lock) || madvise(fresh, bytes, MADV_WIPEONFORK) != 0) {
        (void)munmap(fresh, bytes);
        return NULL;
    }
    return fresh;
}

regstore_status regstore_host_ring_new(size_t bytes, struct regstore_host_ring **out,
                                       struct regstore_error *error)
{
    host_error_clear(error);
    if (bytes < sizeof(struct regstore_host_event) || bytes > SIZE_MAX / 2)
        return host_fail(error, REGSTORE_INVALID, "a ring of %zu bytes holds no event: %zu do",
                         bytes, sizeof(struct regstore_host_event));
    struct regstore_host_ring *ring = calloc(1, sizeof(*ring));
    if (ring == NULL)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    ring->capacity = bytes;
    ring->mapped = sizeof(struct waiting) + bytes;
    ring->waiting = map_waiting(ring->mapped);
    if (ring->waiting == NULL) {
        free(ring);
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory that the kernel empties at a fork");
    }
    atomic_init(&ring->level, REGSTORE_LOG_INFO);
    ring->host = (struct regstore_host){
        .struct_size = sizeof(ring->host),
        .ctx = ring,
        .log = ring_log,
        .metric = ring_metric,
    };
    *out = ring;
    return REGSTORE_OK;
}

const struct regstore_host *regstore_host_ring_host(const struct regstore_host_ring *ring)
{
    return &ring->host;
}

void regstore_host_ring_set_level(struct regstore_host_ring *ring, int32_t level)
{
    atomic_store_explicit(&ring->level, level, memory_order_relaxed);
}

int regstore_host_ring_take(struct regstore_host_ring *ring, struct regstore_host_event *event)
{
    struct waiting *w = ring->waiting;
    (void)pthread_mutex_lock(&w->lock);
    const int is_there = w->used > 0;
    if (is_there) {
        copy_out(ring, event, HEAD_BYTES);
        copy_out(ring, event->text, event->text_bytes);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return is_there;
}

uint64_t regstore_host_ring_lost(struct regstore_host_ring *ring)
{
    struct waiting *w = ring->waiting;
    (void)pthread_mutex_lock(&w->lock);
    const uint64_t lost = w->lost;
    w->lost = 0;
    (void)pthread_mutex_unlock(&w->lock);
    return lost;
}

void regstore_host_ring_free(struct regstore_host_ring *ring)
{
    if (ring == NULL)
        return;
    (void)munmap(ring->waiting, ring->mapped);
    free(ring);
}
