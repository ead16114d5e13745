/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: one run of the command against one store: where its settings come from, the open store,
 * and how a status becomes a line and an exit status.
 */
#ifndef COMMAND_SESSION_H
#define COMMAND_SESSION_H

#include "metrics.h"
#include "options.h"
#include "regstore-host.h"

struct session {
    const struct options *options;
    struct regstore_host_config *config;
    struct regstore_host_plugin *loaded;
    const struct regstore_plugin *plugin;
    const char *location; /* NULL with --plugin */
    struct regstore_store *store;
    struct regstore_error error;
    struct regstore_call call; /* for every call: its error is the one above */
    int32_t log_level;
    struct metrics *metrics; /* NULL: nobody wants any */
};

/* session is zeroed by the caller, but for metrics, which stay his, and cleared in any case.
 * Returns an EXIT_ status. */
int session_open(struct session *session, const struct options *options);
void session_clear(struct session *session);

/* As session_open, without a store. name: a driver, or a file (with a slash, or ending in .so). */
int session_load_plugin(struct session *session, const struct options *options, const char *name);

/*
 * Prints "regstore: WHAT SUBJECT: message (STATUS, ...)" from session->error and returns the EXIT_
 * status. subject may be NULL.
 */
int session_fail(const struct session *session, regstore_status status, const char *what,
                 const char *subject);

/*
 * For the calls that clean up after a failure or an interrupt: not cancelled, 30 seconds. error is
 * emptied, and the original error is not touched.
 */
struct regstore_call session_cleanup_call(struct regstore_error *error);

/* Exit status of something that printed on standard output: it may be full or closed. */
int session_flush(int status);

#endif
