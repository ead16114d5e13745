/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that may block, and so must not be done on an event loop: reading files, running programs.
 * A thread for each piece, which ends with it: there is one in an hour.  They block all signals.
 */
#ifndef STSS3_WORKER_H
#define STSS3_WORKER_H

#include <stdbool.h>

struct stss3_worker;

/* NULL: no memory.  Starts nothing. */
struct stss3_worker *stss3_worker_new(void);
/* Does it on a thread of its own, soon.  False, and it is not done: no thread can be had, or
 * stss3_worker_stop() was called. */
bool stss3_worker_do(struct stss3_worker *worker, void (*work)(void *ctx), void *ctx);
/* For work that takes long: whether it should come to an end. */
bool stss3_worker_is_stopping(const struct stss3_worker *worker);
/* Takes no more work, and waits for what is under way. */
void stss3_worker_stop(struct stss3_worker *worker);
void stss3_worker_free(struct stss3_worker *worker); /* after stop; takes NULL */

#endif
