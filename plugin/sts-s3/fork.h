/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where our threads stand while the process forks (FORK-5): a child has only the thread that called
 * fork(), so a lock of libcurl, OpenSSL or the resolver that another one held stays taken in it for
 * ever.  All work with those is done between entering and leaving; a fork waits until nobody is in
 * there, and keeps everybody out until it is done.
 *
 *   a loop's thread:     join ... (is_near? then yield) ... leave
 *   any other thread:    enter ... exit
 *
 * exit() is the same to us: OpenSSL takes itself down then, under whoever is inside. So they are
 * parked first, and for good.
 *
 * Callers inside a call are not waited for (FORK-3): on their threads OpenSSL only hashes and
 * signs. A fork waits PATIENCE_NS at the most, whatever somebody does in there: who is slow makes a
 * fork slow, but nothing hangs.
 */
#ifndef STSS3_FORK_H
#define STSS3_FORK_H

#include <stdbool.h>
#include <stdint.h>

/* A thread that stays inside for long and is asked to step out. */
struct stss3_fork_member {
    struct stss3_fork_member *previous, *next;
    void (*wake)(
        void *ctx); /* it may be asleep; called with our lock held, from the forking thread */
    void *ctx;
};

/* False: no memory, or the process is about to end.  Both wait for a fork that is under way. */
bool stss3_fork_enter(void);
void stss3_fork_exit(void);

/* From the first stss3_fork_enter() of the process on. */
void stss3_fork_join(struct stss3_fork_member *member);
void stss3_fork_leave(struct stss3_fork_member *member);

/* For members: a fork waits; 0, or since when (CLOCK_MONOTONIC).  Takes no lock. */
int64_t stss3_fork_asked_ns(void);
/* Steps out until that fork is done; returns at once when there is none, and never in a process
 * that is about to end. */
void stss3_fork_yield(void);
/* The process is about to end: members are parked for good, and nobody may wait for their end. */
bool stss3_fork_is_exiting(void);

#endif
