/* SPDX-License-Identifier: Apache-2.0 */
/* Which tests run when: side by side where they may, each as often as it shall, until somebody
 * stops it. */
#ifndef CONFORMANCE_SUPERVISE_H
#define CONFORMANCE_SUPERVISE_H

#include "run.h"

enum { JOBS_MAX = 64, REPEAT_MAX = 100000 };

struct plan {
    const struct run *run;
    struct result *results; /* one a test, in the order of the report */
    size_t n;
    unsigned jobs, repeat;
    /* A test begins: for somebody who watches. */
    void (*started)(void *ctx, const struct result *result);
    /* A test and all before it are done: in the order of the report. */
    void (*done)(void *ctx, const struct result *result);
    void *ctx;
};

/* False when it was stopped; then some tests have VERDICT_NONE. */
bool supervise(const struct plan *plan);

#endif
