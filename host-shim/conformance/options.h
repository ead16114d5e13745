/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef CONFORMANCE_OPTIONS_H
#define CONFORMANCE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "suite.h"

enum { OPTION_WORDS = 64 };

struct words {
    const char *word[OPTION_WORDS];
    size_t n;
};

struct options {
    struct backend_source source;
    struct regstore_pair set[OPTION_WORDS];
    struct words families, rules, tests;
    struct words compare; /* files with what --json printed */
    const char *html;     /* the file for the page, or NULL */
    const char *name;     /* of the run, for people, or NULL */
    bool list, tap, json, has_seed, is_own_store;
    bool is_page_only; /* nothing runs: the page shows the files of compare */
    uint64_t seed;
    unsigned timeout_s, jobs, repeat;
    char how_to_run[2048]; /* what chose plugin and settings, with the values of --set left out */
};

/* On failure what is wrong has been printed, with the usage; on --help *is_done is set. */
bool options_read(struct options *o, int argc, char **argv, bool *is_done);
bool options_select(const struct options *o, const struct family *family, const struct test *test);

#endif
