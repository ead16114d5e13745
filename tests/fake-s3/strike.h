/* SPDX-License-Identifier: Apache-2.0 */
/* What a fault does to a request while it is served. */
#ifndef FAKE_S3_STRIKE_H
#define FAKE_S3_STRIKE_H

#include <stdbool.h>

#include "faults.h"

struct exchange;

/* Whether the connection is to end here, and how. */
enum verdict { GO_ON, CLOSE, RESET };

/* Called in each phase. May refuse the request. */
enum verdict strike(struct exchange *x, enum fault_phase phase);

/* This request has felt its fault. */
void mark_strike(const struct exchange *x);

/* Sends a reset at once, and leaves the descriptor open for its owner. */
void reset_connection(int fd);

#endif
