/* SPDX-License-Identifier: Apache-2.0 */
/* What of a store belongs to one process alone: locks, threads, connections, memory in use.  A
 * child of a fork makes its own and leaves what it inherited as it is (FORK-4). */
#ifndef STSS3_RUNNING_H
#define STSS3_RUNNING_H

#include "chunk.h"
#include "client.h"
#include "config.h"
#include "service_clock.h"

struct stss3_running {
    uint64_t process; /* plug_process() of the one that made it */
    struct stss3_http *http;
    struct stss3_clocks clocks;
    struct stss3_worker *worker;
    struct stss3_tools tools; /* what the sources of credentials work with */
    struct stss3_sessions *sessions;
    struct stss3_client client;
    struct stss3_budget *budget;
};

/* Config and host outlive it.  NULL: no memory.  Starts nothing: threads come with the first
 * request. */
struct stss3_running *stss3_running_new(const struct stss3_config *config,
                                        const struct plug_host *host);
/* In a child: gives up what it inherited.  Its memory stays as it is, since the parent's threads
 * may have been at work in it; of the connections only the child's copies are closed (FORK-4). */
void stss3_running_leave(const struct stss3_running *running);
/* In the process that made it; in another one it does nothing.  Takes NULL. */
void stss3_running_free(struct stss3_running *running);

#endif
