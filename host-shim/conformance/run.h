/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs tests, each in a process of its own with a time limit, and says how each ended.
 *
 *   main --fork--> runner (own process group) --libcheck forks--> one process a test
 *    |                                                               |-- its steps
 *    +--fork, at the end or after Ctrl-C--> cleaner: removes the prefix
 */
#ifndef CONFORMANCE_RUN_H
#define CONFORMANCE_RUN_H

#include "world.h"

struct run {
    struct backend *backend;
    uint64_t seed;
    unsigned timeout_s; /* for each test */
    bool is_own_store;  /* nobody else's uploads are in there */
    char prefix[64];    /* of all keys */
};

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP };

struct result {
    const struct family *family;
    const struct test *test;
    enum verdict verdict;
    char text[4096]; /* what was seen, or why it was skipped */
    int64_t took_ms;
};

/* Runs one test to its end; it is the only one that runs. */
void run_test(const struct run *run, const struct family *family, const struct test *test,
              struct result *result);

/* In a process of its own: removes all keys under the prefix.  False: why says what is left. */
bool run_clean(const struct run *run, char *why, size_t cap);

/* In a process of its own: loads the plugin and opens a store.  False: why says what is wrong. */
bool run_probe(const struct run *run, struct record *about, char *why, size_t cap);

#endif
