/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host offers, copied at store_open: log, metrics, the clock.  Safe from any thread; hold
 * no lock while calling (CB-1).
 */
#ifndef PLUG_HOST_H
#define PLUG_HOST_H

#include "call.h"

struct plug_host {
    struct regstore_host host; /* zeroed where the host offers nothing */
};

regstore_status plug_host_init(struct plug_host *h, struct plug_call *call,
                               const struct regstore_host *host);

/* Nanoseconds since 1970, UTC, of the host's clock: for signing, expiry and ages. */
int64_t plug_host_clock_ns(const struct plug_host *h);

/* One event with up to 16 key/value fields; values are never secrets.  What is not printable in
 * them (a service may have said it) becomes '?'. */
void plug_log(const struct plug_host *h, int32_t level, const char *event,
              const struct regstore_pair *fields, size_t n);
/* The common case: one field "message", formatted. */
void plug_logf(const struct plug_host *h, int32_t level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
