/* SPDX-License-Identifier: Apache-2.0 */
/* Results as they come, for people or as TAP 13. */
#ifndef CONFORMANCE_REPORT_H
#define CONFORMANCE_REPORT_H

#include "account.h"

struct report {
    const struct account *account;
    bool is_quiet;             /* the document comes at the end */
    bool live;                 /* stderr is a terminal: show which test runs */
    unsigned told;             /* results */
    const struct family *last; /* whose heading was printed last */
};

void report_begin(struct report *r);
/* The two fit into a plan. */
void report_started(void *report, const struct result *result);
void report_result(void *report, const struct result *result);
/* What was left out, what could not be removed, and the closing line. */
void report_end(const struct report *r);

#endif
