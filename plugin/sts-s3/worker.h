/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that may wait, and so must not be done on an event loop: reading files, running programs.  A
 * thread for each piece, which ends with it: there is one in an hour.  They block all signals.
 */
#ifndef STSS3_WORKER_H
#define STSS3_WORKER_H

#include <stdbool.h>

#include "aside.h"

struct stss3_worker;

/* NULL: no memory.  Starts nothing. */
struct stss3_worker *stss3_worker_new(void);
/* Does it on a thread of its own, soon.  False, and it is not done: no thread can be had, or
 * stss3_worker_stop() was called.  Whatever in it may block goes aside. */
bool stss3_worker_do(struct stss3_worker *worker, void (*work)(void *ctx), void *ctx);
struct stss3_asides *stss3_worker_asides(const struct stss3_worker *worker);
/* Takes no more work, and waits for what is under way, though not for what it has aside. */
void stss3_worker_stop(struct stss3_worker *worker);
void stss3_worker_free(struct stss3_worker *worker); /* after stop; takes NULL */

#endif
