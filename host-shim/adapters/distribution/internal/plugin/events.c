/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RING_EVENTS 1024

/* Untouched pages of it cost nothing. */
struct ring {
    size_t first, n;
    uint64_t lost;
    struct event events[RING_EVENTS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards rings, is_armed, descriptor */
static struct ring rings[2];
static bool is_armed = true; /* the next event writes to the descriptor */
static int descriptor = -1;
static _Atomic int32_t least_level = REGSTORE_LOG_INFO;

static bool append(struct event *e, size_t *used, const char *text)
{
    const size_t size = strlen(text) + 1;
    if (size > sizeof e->text - *used)
        return false;
    memcpy(e->text + *used, text, size);
    *used += size;
    return true;
}

static void fill(struct event *e, const char *name, const struct regstore_pair *pairs, size_t n)
{
    size_t used = 0;
    e->n = 0;
    if (!append(e, &used, name))
        e->text[used++] = '\0';
    for (size_t i = 0; i < n && i < UINT16_MAX; i++) {
        if (!append(e, &used, pairs[i].key) || !append(e, &used, pairs[i].value))
            return;
        e->n++;
    }
}

static void put(enum event_kind kind, const char *location, int32_t what, double value,
                const char *name, const struct regstore_pair *pairs, size_t n)
{
    const int saved = errno; /* the plugin's thread may be between a call and a look at it */
    struct ring *ring = &rings[kind];
    bool is_first = false;
    (void)pthread_mutex_lock(&lock);
    if (ring->n == RING_EVENTS) {
        ring->lost++;
    } else {
        struct event *e = &ring->events[(ring->first + ring->n++) % RING_EVENTS];
        e->location = location;
        e->what = what;
        e->value = value;
        fill(e, name, pairs, n);
        is_first = is_armed && descriptor >= 0;
        is_armed = is_armed && !is_first;
    }
    (void)pthread_mutex_unlock(&lock);
    if (is_first)
        (void)eventfd_write(descriptor, 1); /* cannot block: it is read before it is armed again */
    errno = saved;
}

static void log_event(void *ctx, int32_t level, const char *event,
                      const struct regstore_pair *fields, size_t n)
{
    if (level >= atomic_load_explicit(&least_level, memory_order_relaxed))
        put(EVENT_LOG, ctx, level, 0, event, fields, n);
}

static void metric_event(void *ctx, int32_t kind, const char *name, double value,
                         const struct regstore_pair *labels, size_t n)
{
    put(EVENT_METRIC, ctx, kind, value, name, labels, n);
}

const struct regstore_host *events_host(const char *location)
{
    struct regstore_host *host = calloc(1, sizeof *host);
    char *name = strdup(location);
    if (host == NULL || name == NULL) {
        free(host);
        free(name);
        return NULL;
    }
    *host = (struct regstore_host){
        .struct_size = sizeof *host, .ctx = name, .log = log_event, .metric = metric_event};
    return host;
}

void events_set_level(int32_t level)
{
    atomic_store_explicit(&least_level, level, memory_order_relaxed);
}

int events_descriptor(void)
{
    (void)pthread_mutex_lock(&lock);
    if (descriptor < 0)
        descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int result = descriptor;
    (void)pthread_mutex_unlock(&lock);
    return result;
}

void events_rearm(void)
{
    (void)pthread_mutex_lock(&lock);
    is_armed = true;
    (void)pthread_mutex_unlock(&lock);
}

int events_take(enum event_kind kind, struct event *out)
{
    struct ring *ring = &rings[kind];
    (void)pthread_mutex_lock(&lock);
    const bool has_one = ring->n > 0;
    if (has_one) {
        *out = ring->events[ring->first];
        ring->first = (ring->first + 1) % RING_EVENTS;
        ring->n--;
    }
    (void)pthread_mutex_unlock(&lock);
    return has_one;
}

uint64_t events_lost(enum event_kind kind)
{
    struct ring *ring = &rings[kind];
    (void)pthread_mutex_lock(&lock);
    const uint64_t lost = ring->lost;
    ring->lost = 0;
    (void)pthread_mutex_unlock(&lock);
    return lost;
}
