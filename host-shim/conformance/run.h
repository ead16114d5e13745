/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs tests, each in a process of its own with a time limit, and says how each ended.
 *
 *   main --fork--> runner, one a test --libcheck forks--> the test
 *    |             (as many as --jobs)                      |-- its steps
 *    +--fork, first--> probe: what there is to test
 *    +--fork, at the end or after Ctrl-C--> cleaner: removes what the run made
 */
#ifndef CONFORMANCE_RUN_H
#define CONFORMANCE_RUN_H

#include "world.h"

enum { ABOUT_KEYS = 128 };

/* What the probe found; shared with it. */
struct about {
    char name[64], version[64], path[PATH_MAX];
    uint32_t abi_minor;
    uint64_t features;        /* that the plugin may offer */
    uint64_t store_features;  /* that it offers with these settings */
    char place[PATH_MAX];     /* what the store lies under; "" when no setting says so */
    char key[ABOUT_KEYS][64]; /* of the settings; never their values */
    uint32_t n_keys;
    char strange[256]; /* what purge sees in a store that is new and empty; "" as it should be */
};

struct run {
    struct backend *backend;
    struct about *about;
    uint64_t seed;
    unsigned timeout_s; /* for each test */
    bool is_own_store;  /* nobody else's uploads are in there */
    char prefix[64];    /* of all keys; and, with a slash less, of the store itself */
    int lock;           /* a file for lockf: held by the test that makes what others use too */
};

/* NONE: it has not run. */
enum verdict { VERDICT_NONE, VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP };

struct result {
    const struct family *family;
    const struct test *test;
    enum verdict verdict;
    char text[5120]; /* what was seen, or why it was skipped */
    int64_t at_ms, took_ms; /* from the run's begin; of all rounds */
    uint64_t seed;
};

/* What the process of a test and the supervisor share. */
struct slot {
    struct record record;
    struct result result;
};

/* Room that is shared with children; NULL when there is none. */
void *run_shared(size_t size);

/* In a runner: runs one test to its end.  index makes the prefix of its keys, and is another one
 * for each. */
void run_test(const struct run *run, struct slot *slot, unsigned index);

#endif
