/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: what the plugin measures during one run of the command, summed up in bounded memory and
 * written as Prometheus' text format (0.0.4), for example for node_exporter's textfile collector.
 */
#ifndef COMMAND_METRICS_H
#define COMMAND_METRICS_H

#include "regstore.h"

#include <stdbool.h>

struct metrics;

/*
 * Looks whether file can be written when the command is over: a file that is there or can be made,
 * in a folder. NULL: it has printed what is wrong. The texts are copied.
 */
struct metrics *metrics_new(const char *file);
void metrics_free(struct metrics *metrics); /* takes NULL */

/* The label that all have; from here on only. */
void metrics_set_location(struct metrics *metrics, const char *location);

/* For regstore_host.metric: any thread, several at once. */
void metrics_take(struct metrics *metrics, int32_t kind, const char *name, double value,
                  const struct regstore_pair *labels, size_t n);

/*
 * Puts the file in its place, whole, whatever was there; with what became of the command. False: it
 * has printed why not, and what was there is as it was.
 */
bool metrics_write(struct metrics *metrics, const char *command, int exit_status);

#endif
