/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins tell, on its way to Go.
 *
 *   plugin's thread --log, metric--> ring --eventfd--> one goroutine --> logger, metrics
 *
 * A callback into Go would be shorter, and wrong: it may come on a thread of the plugin's, which Go
 * must first adopt and which then waits for a running garbage collection, while CB-1 says that
 * callbacks return at once. Here they copy up to EVENT_TEXT bytes under a lock that nobody holds
 * longer than such a copy takes. When Go does not keep up, events are lost and counted: a plugin
 * never waits for its host. Logs and metrics have a ring each, so that a storm of the one loses
 * nothing of the other.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "regstore.h"

#define EVENT_TEXT 1000

enum event_kind { EVENT_LOG, EVENT_METRIC };

/* text: the name, and then n pairs of key and value, each ending in NUL; what did not fit is left
 * out from the end, whole pairs at a time. */
struct event {
    const char *location; /* lives for ever */
    double value;
    int32_t what; /* the log's level, the metric's kind */
    uint16_t n;
    char text[EVENT_TEXT];
};

/* What to give to store_open. It and its ctx live for ever: a plugin's last callback may come late
 * (CB-2). NULL: no memory. */
const struct regstore_host *events_host(const char *location);

/* Logs below this level are dropped at once. */
void events_set_level(int32_t level);

/* Becomes readable when there are events; -1 and errno when there can be none. */
int events_descriptor(void);
/* To be called after reading the descriptor, before taking: the next event writes to it anew. */
void events_rearm(void);

/* 1: *out is the oldest event of this kind; 0: there is none. */
int events_take(enum event_kind kind, struct event *out);

/* How many were lost since the last time this was asked. */
uint64_t events_lost(enum event_kind kind);

#endif
