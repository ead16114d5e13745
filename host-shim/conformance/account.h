/* SPDX-License-Identifier: Apache-2.0 */
/* What a run has come to, and the same as JSON. */
#ifndef CONFORMANCE_ACCOUNT_H
#define CONFORMANCE_ACCOUNT_H

#include <stdio.h>
#include <time.h>

#include "options.h"
#include "run.h"

struct account {
    const struct options *options;
    const struct run *run;
    struct result *results; /* of the tests that were asked for, in the order of the families */
    size_t n;
    time_t began;
    int64_t took_ms;
    bool is_stopped;
    char leftover[3072]; /* why something could not be removed; "" when all was */
};

/* The number of results with this verdict. */
size_t account_count(const struct account *a, enum verdict verdict);
/* The number of tests that were not asked for. */
size_t account_unasked(const struct account *a);
/* True when a test that bears the rule has passed or failed. */
bool account_speaks_of(const struct account *a, const struct rule *rule);

/* One document on one line. */
void account_write_json(const struct account *a, FILE *out);

#endif
