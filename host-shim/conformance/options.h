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
    bool list, tap, has_seed, is_own_store;
    uint64_t seed;
    unsigned timeout_s;
    char how_to_run[2048]; /* what chose plugin and settings, with the values of --set left out */
};

/* On failure what is wrong has been printed, with the usage; on --help *is_done is set. */
bool options_read(struct options *o, int argc, char **argv, bool *is_done);
bool options_select(const struct options *o, const struct family *family, const struct test *test);

#endif
