/* SPDX-License-Identifier: Apache-2.0 */
/* log: prints a plugin's log events on standard error. */
#ifndef COMMAND_LOG_H
#define COMMAND_LOG_H

#include "regstore.h"

/*
 * For regstore_host.log. ctx points to the int32_t level from which on events are printed. Safe
 * from any thread and in a forked child: one write per line, no lock.
 */
void log_event(void *ctx, int32_t level, const char *event, const struct regstore_pair *fields,
               size_t n);

#endif
