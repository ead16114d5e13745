/* SPDX-License-Identifier: Apache-2.0 */
/* Results, for people or as TAP 13. */
#ifndef CONFORMANCE_REPORT_H
#define CONFORMANCE_REPORT_H

#include "run.h"

struct report {
    bool tap;
    bool live;              /* stderr is a terminal: show which test runs */
    const char *how_to_run; /* the command line that chose the plugin and the settings */
    unsigned passed, failed, skipped, planned;
    const struct family *last; /* whose heading was printed last */
};

void report_begin(struct report *r, const struct run *run, const char *about);
/* A test begins. */
void report_start(struct report *r, const struct family *family, const struct test *test);
void report_result(struct report *r, const struct result *result, uint64_t seed);
/* For people: what could not be removed. */
void report_leftover(const struct report *r, const struct run *run, const char *why);
/* The closing line. */
void report_end(const struct report *r);

#endif
