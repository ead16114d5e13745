/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test's world: the plugin loaded in the test's own process, a store, a prefix for its keys, and
 * the ways to say what was seen.
 *
 * A failed claim ends the test: FAIL and its kin do not return.  In a thread of in_threads() they
 * end the thread, in a step of in_new_process() the process, and then the test.  All of them expect
 * a variable w, the world.
 */
#ifndef CONFORMANCE_WORLD_H
#define CONFORMANCE_WORLD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend.h"
#include "content.h"
#include "regstore.h"
#include "suite.h"

/* Sanitizers have threads, stacks and locks of their own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

/* A test that ends without an outcome was ended by the plugin: by a signal, or by exit(). */
enum outcome { OUTCOME_NONE, OUTCOME_PASSED, OUTCOME_FAILED, OUTCOME_SKIPPED };

/* Why a test's calls are cancelled. */
enum stop { STOP_NOT, STOP_TIME_OVER, STOP_ASKED_FOR };

/* Shared by all processes of a test, the runner and the supervisor. */
struct record {
    uint32_t outcome; /* enum outcome, set once and by atomics */
    int32_t stop;     /* every call's cancel flag; enum stop */
    uint32_t logged;  /* how many lines the plugin logged at WARNING or ERROR */
    char text[3072];
    char log[4][256]; /* the last of them */
};

#define WORLD_UPLOADS 256

struct world {
    struct backend *backend;
    const struct test *test;
    const struct regstore_plugin *p; /* as the plugin gave it */
    struct regstore_store *store;
    char path[PATH_MAX];                         /* of the plugin's file */
    unsigned threads_before, descriptors_before; /* counted before the plugin was loaded */
    struct record *record;
    uint64_t seed;
    char run_prefix[64];                            /* of all tests: "conformance-0123abcd/" */
    char prefix[128];                               /* of this test, ends with "/" */
    bool is_own_store;                              /* nobody else's uploads are in there */
    bool is_step;                                   /* a process of in_new_process() */
    int lock_file;                                  /* see world_lock */
    pthread_mutex_t lock;                           /* guards uploads */
    struct regstore_upload *uploads[WORLD_UPLOADS]; /* open ones, aborted when the test fails */
};

/* One call: what goes in, and the error that comes out. */
struct call {
    struct regstore_call in;
    struct regstore_error error;
};
#define CALL(name)                                                                                 \
    struct call name = {.in = {sizeof(struct regstore_call), 0, &w->record->stop, &name.error},    \
                        .error = {.struct_size = sizeof(struct regstore_error)}}
#define STAT_INIT                                                                                  \
    {                                                                                              \
        .struct_size = sizeof(struct regstore_stat)                                                \
    }

/* Sets the error back, as the header asks of the caller. */
void call_reset(struct call *c);

/* Loads the plugin; opens the store unless the test wants none.  Skips what the store lacks. */
void world_init(struct world *w);
void world_open_store(struct world *w);
/* Closes the store if it is open. */
void world_clear(struct world *w);
/* Nothing has failed, and all has been done. */
void world_pass(struct world *w);
/* One process of the whole run at a time; for what one test makes and others use as well. */
void world_lock(struct world *w);
void world_unlock(struct world *w);
/* The host that stores are opened with; its log goes to the record. */
struct regstore_host world_host(struct world *w);
/* Room that the test's processes share; zeroed. */
void *world_shared(struct world *w, size_t size);

_Noreturn void world_fail(struct world *w, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
_Noreturn void world_skip(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* status is what was seen; wanted ends with -1. */
void world_expect(struct world *w, const char *file, int line, const char *what,
                  regstore_status status, const regstore_status *wanted, const struct call *c);

#define FAIL(...) world_fail(w, __FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) world_skip(w, __VA_ARGS__)
#define CLAIM(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            FAIL(__VA_ARGS__);                                                                     \
    } while (0)
/* EXPECT(&c, expression, status...): the expression is a call made with c and gives one of these.
 */
#define EXPECT(c, expression, ...)                                                                 \
    do {                                                                                           \
        call_reset(c);                                                                             \
        EXPECT_SEEN(c, #expression, expression, __VA_ARGS__);                                      \
    } while (0)
/* The same for a call that has been made already; what: its name, for people. */
#define EXPECT_SEEN(c, what, seen, ...)                                                            \
    do {                                                                                           \
        const regstore_status expect_seen = (seen);                                                \
        const regstore_status expect_wanted[] = {__VA_ARGS__, -1};                                 \
        world_expect(w, __FILE__, __LINE__, what, expect_seen, expect_wanted, c);                  \
    } while (0)
#define EXPECT_OK(c, expression) EXPECT(c, expression, REGSTORE_OK)

/* A key of this test. */
struct key {
    char s[REGSTORE_KEY_MAX];
};
struct key key_of(const struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Runs work in n threads at once; fails when one of them did.  i counts from 0. */
void in_threads(struct world *w, unsigned n, void (*work)(struct world *w, unsigned i, void *arg),
                void *arg);

/* Runs step in a process that has never used a store, in a world of its own with an open store, and
 * waits for it.  Only for tests that have NEEDS_NO_STORE.  arg: from world_shared(). */
void in_new_process(struct world *w, void (*step)(struct world *w, void *arg), void *arg);
/* The same without waiting, and without a store opened. */
pid_t process_start(struct world *w, void (*step)(struct world *w, void *arg), void *arg,
                    bool with_store);
/* Waits for it; fails when it failed. */
void process_wait(struct world *w, pid_t pid);

/* The threads and the open descriptors of this process. */
unsigned count_threads(void);
unsigned count_descriptors(void);

/* CLOCK_MONOTONIC. */
int64_t now_ms(void);
uint64_t test_seed(const struct world *w, uint64_t n);

#endif
