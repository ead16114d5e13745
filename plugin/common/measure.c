/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include "process.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#define TALLY_STEP (1024u * 1024u)

static void tell(const struct plug_host *h, int32_t kind, const char *name, double value,
                 const struct regstore_pair *labels, size_t n)
{
    if (h->host.metric != NULL)
        h->host.metric(h->host.ctx, kind, name, value, labels, n);
}

void plug_count(const struct plug_host *h, const char *name, double by,
                const struct regstore_pair *labels, size_t n)
{
    tell(h, REGSTORE_METRIC_COUNT, name, by, labels, n);
}

void plug_time(const struct plug_host *h, const char *name, double seconds,
               const struct regstore_pair *labels, size_t n)
{
    tell(h, REGSTORE_METRIC_TIME, name, seconds, labels, n);
}

void plug_set(const struct plug_host *h, const char *name, double value,
              const struct regstore_pair *labels, size_t n)
{
    tell(h, REGSTORE_METRIC_GAUGE, name, value, labels, n);
}

void plug_gauge_init(struct plug_gauge *g, const char *name)
{
    g->name = name;
    atomic_init(&g->process, plug_process());
    atomic_init(&g->value, 0);
    atomic_init(&g->told, 0);
}

void plug_gauge_change(struct plug_gauge *g, int64_t by)
{
    uint64_t made_in = atomic_load(&g->process);
    const uint64_t here = plug_process();
    /* Of threads that come first at once in a child, one empties what was the parent's. */
    if (made_in != here && atomic_compare_exchange_strong(&g->process, &made_in, here)) {
        atomic_store(&g->value, 0);
        atomic_store(&g->told, 0);
    }
    atomic_fetch_add(&g->value, by);
}

void plug_gauge_tell(const struct plug_host *h, struct plug_gauge *g)
{
    int64_t value = atomic_load(&g->value);
    if (value == atomic_load(&g->told))
        return;
    /* Whoever tells looks again afterwards: should another value have come meanwhile, and have been
     * told before ours, it is told once more. */
    for (;;) {
        tell(h, REGSTORE_METRIC_GAUGE, g->name, (double)value, NULL, 0);
        atomic_store(&g->told, value);
        const int64_t now = atomic_load(&g->value);
        if (now == value)
            return;
        value = now;
    }
}

void plug_gauge_add(const struct plug_host *h, struct plug_gauge *g, int64_t by)
{
    plug_gauge_change(g, by);
    plug_gauge_tell(h, g);
}

void plug_tally_end(const struct plug_host *h, struct plug_tally *t, const char *name)
{
    if (t->bytes != 0)
        plug_count(h, name, (double)t->bytes, NULL, 0);
    t->bytes = 0;
}

void plug_tally_add(const struct plug_host *h, struct plug_tally *t, const char *name,
                    uint64_t bytes)
{
    t->bytes += bytes;
    if (t->bytes >= TALLY_STEP)
        plug_tally_end(h, t, name);
}

const char *plug_status_word(regstore_status status)
{
    static const char *const words[] = {
        [REGSTORE_OK] = "ok",
        [REGSTORE_NOT_FOUND] = "not_found",
        [REGSTORE_EXISTS] = "exists",
        [REGSTORE_DIGEST] = "digest",
        [REGSTORE_RANGE] = "range",
        [REGSTORE_DENIED] = "denied",
        [REGSTORE_THROTTLED] = "throttled",
        [REGSTORE_TIMEOUT] = "timeout",
        [REGSTORE_CANCELLED] = "cancelled",
        [REGSTORE_UNAVAILABLE] = "unavailable",
        [REGSTORE_UNSUPPORTED] = "unsupported",
        [REGSTORE_STATE] = "state",
        [REGSTORE_INVALID] = "invalid",
        [REGSTORE_CONFIG] = "config",
        [REGSTORE_CORRUPT] = "corrupt",
        [REGSTORE_NO_SPACE] = "no_space",
        [REGSTORE_NO_MEMORY] = "no_memory",
        [REGSTORE_INTERNAL] = "internal",
        [REGSTORE_GONE] = "gone",
        [REGSTORE_CONFLICT] = "conflict",
    };
    const size_t n = sizeof words / sizeof words[0];
    return status >= 0 && (size_t)status < n ? words[status] : words[REGSTORE_INTERNAL];
}

struct plug_number plug_number(int64_t value)
{
    struct plug_number number;
    (void)snprintf(number.text, sizeof number.text, "%" PRId64, value);
    return number;
}

void plug_purged(const struct plug_host *h, const struct regstore_purged *done, bool is_dry_run,
                 regstore_status status)
{
    if (status == REGSTORE_INVALID || status == REGSTORE_UNSUPPORTED)
        return;
    plug_log(h, done->failed == 0 ? REGSTORE_LOG_INFO : REGSTORE_LOG_WARNING, "purged",
             PLUG_FIELDS({"objects", plug_number((int64_t)done->objects).text},
                         {"uploads", plug_number((int64_t)done->uploads).text},
                         {"bytes", plug_number((int64_t)done->bytes).text},
                         {"spared", plug_number((int64_t)done->spared).text},
                         {"failed", plug_number((int64_t)done->failed).text},
                         {"dry_run", is_dry_run ? "yes" : "no"},
                         {"status", plug_status_word(status)}));
}

static void measure(const struct plug_call *call, regstore_status status)
{
    const struct plug_host *host = call->host;
    plug_count(host, "regstore_calls_total", 1,
               PLUG_FIELDS({"verb", call->verb}, {"outcome", plug_status_word(status)}));
    plug_time(host, "regstore_call_seconds", (double)(plug_now_ns() - call->began_ns) / 1e9,
              PLUG_FIELDS({"verb", call->verb}));
}

void plug_call_measure(struct plug_call *call, const struct plug_host *host, const char *verb)
{
    if (host->host.metric == NULL)
        return;
    call->host = host;
    call->verb = verb;
    call->began_ns = plug_now_ns();
    call->measure = measure;
}
