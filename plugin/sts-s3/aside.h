/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel may hold up for as long as it likes, and nobody can end: open(2) and read(2) on a
 * file of a network file system that hangs, the start of a program that lies there.  Each has a
 * thread of its own, which is left to itself when its time is over or the store is closed:
 *
 *   worker's thread:  wait ...... has ended, late or told to stop
 *                       |             |
 *                       |             +-> after a moment: it is left, and its memory is its own
 *   its own thread:     +-> run ------------------------ ... -> free
 *
 * So close waits for no file system.  A thread that is left touches neither the store nor the host
 * nor the caller, holds no lock, is not in libcurl or OpenSSL, and goes as soon as the kernel lets
 * it; a fork need not wait for it, and in the child it is not there.  Its code stays, since the
 * module is never unloaded.
 */
#ifndef STSS3_ASIDE_H
#define STSS3_ASIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "call.h"

/* So many may be left at once: more of them would find the same file system. */
#define STSS3_ASIDES_LEFT_MAX 4

/* Where they are waited for, and counted. */
struct stss3_asides;

/* The first member of what it works on, which is on the heap. */
struct stss3_aside {
    /* On its own thread.  Touches nothing but what it is the first member of. */
    void (*run)(struct stss3_aside *aside);
    /* On the thread that is the last to need it. */
    void (*free)(struct stss3_aside *aside);

    struct stss3_asides *asides;
    atomic_uint refs;
    atomic_bool must_end; /* nobody waits any more; run() may look at it */
    bool has_ended;       /* under the lock of asides */
};

/* NULL: no memory.  Starts nothing. */
struct stss3_asides *stss3_asides_new(void);
/* Whoever waits stops waiting, and nobody begins to. */
void stss3_asides_stop(struct stss3_asides *asides);
/* Nobody waits any more; takes NULL.  Those that were left go on with memory of their own. */
void stss3_asides_unref(struct stss3_asides *asides);

/*
 * Runs it and waits for its end: OK, and what run() has left in it is there to be read; then, or
 * when it is over in another way, stss3_aside_unref() and no other look at it.  UNAVAILABLE: it has
 * been left after limit_ms, or so many others have; CANCELLED: the asides were stopped.
 * NO_MEMORY: there is no thread for it.  The words of a failure begin with what.
 */
regstore_status stss3_aside_do(struct stss3_asides *asides, struct stss3_aside *aside,
                               const char *what, uint64_t limit_ms, struct plug_error *error);
void stss3_aside_unref(struct stss3_aside *aside);

/* Detached, all signals blocked (THR-3), with a stack on which a host's callback has room too. */
bool stss3_thread_start(void *(*run)(void *ctx), void *ctx);

#endif
