/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics for the host: counts, seconds, gauges that several threads change, and bytes that are
 * told by the MiB.  Names and labels stand in plugin/SIGNALS.md, and no label grows with the data.
 * Safe from any thread; hold no lock while calling (CB-1).
 */
#ifndef PLUG_MEASURE_H
#define PLUG_MEASURE_H

#include "host.h"

/* For plug_log() and the functions below: {"label", value}, ... */
#define PLUG_FIELDS(...)                                                                           \
    (const struct regstore_pair[]){__VA_ARGS__},                                                   \
        sizeof((const struct regstore_pair[]){__VA_ARGS__}) / sizeof(struct regstore_pair)

void plug_count(const struct plug_host *h, const char *name, double by,
                const struct regstore_pair *labels, size_t n);
void plug_time(const struct plug_host *h, const char *name, double seconds,
               const struct regstore_pair *labels, size_t n);
void plug_set(const struct plug_host *h, const char *name, double value,
              const struct regstore_pair *labels, size_t n);

/*
 * A gauge that any thread may change: what the host hears last is what it is, in whatever order the
 * callbacks run.  Begins at 0, and in a forked child again: what it counts is a process's own.
 */
struct plug_gauge {
    const char *name;
    _Atomic uint64_t process;
    _Atomic int64_t value, told;
};

void plug_gauge_init(struct plug_gauge *g, const char *name);
/* Changes it and tells. */
void plug_gauge_add(const struct plug_host *h, struct plug_gauge *g, int64_t by);
/* In two steps, where many changes are told as one; what is known is not told again. */
void plug_gauge_change(struct plug_gauge *g, int64_t by);
void plug_gauge_tell(const struct plug_host *h, struct plug_gauge *g);

/* Bytes that come in small pieces to one handle: told by the MiB, and the rest at the end. */
struct plug_tally {
    uint64_t bytes; /* not told yet */
};

void plug_tally_add(const struct plug_host *h, struct plug_tally *t, const char *name,
                    uint64_t bytes);
void plug_tally_end(const struct plug_host *h, struct plug_tally *t, const char *name);

/* Their names: what hosts have written and read, whatever became of it. */
#define PLUG_WRITTEN "regstore_written_bytes_total"
#define PLUG_READ    "regstore_read_bytes_total"
/* The gauge of handles that are open. */
#define PLUG_UPLOADS_OPEN "regstore_uploads_open"

/* "not_found": a status as a label says it. */
const char *plug_status_word(regstore_status status);

/* A number as the value of a field. */
struct plug_number {
    char text[24];
};
struct plug_number plug_number(int64_t value);

/* The event of a purge that has ended, well or not; one that was refused never began. */
void plug_purged(const struct plug_host *h, const struct regstore_purged *done, bool is_dry_run,
                 regstore_status status);

/*
 * Counts and times this call as verb ("stat") when it ends.  After plug_call_begin(); the store
 * outlives the call.
 */
void plug_call_measure(struct plug_call *call, const struct plug_host *host, const char *verb);

#endif
