/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a part or of a fetched range, and the one memory budget of a store that they are
 * taken from.  A chunk costs what was put into it, not what it may grow to.  Where the budget has
 * nothing left a chunk moves into an unlinked file, so that nobody ever waits for somebody else's
 * memory (THR-4).  Warm memory is kept for the next chunk: touching fresh pages costs more than the
 * copy.
 */
#ifndef STSS3_CHUNK_H
#define STSS3_CHUNK_H

#include "call.h"
#include "measure.h"

struct stss3_budget;
struct stss3_chunk;
struct stss3_pin;

/* folder: where spilled chunks lie.  NULL: no memory.  Outlives its chunks. */
struct stss3_budget *stss3_budget_new(uint64_t limit_bytes, const char *folder);
void stss3_budget_free(struct stss3_budget *budget);
/* Tells this host of its limit, and from now on of what is used, to a MiB, and spilled.  The host
 * outlives it. */
void stss3_budget_tell(struct stss3_budget *budget, const struct plug_host *host);
/* In use by chunks at this moment. */
uint64_t stss3_budget_used(const struct stss3_budget *budget);

/* An empty chunk of one reference that can grow to cap bytes.  NULL: no memory at all. */
struct stss3_chunk *stss3_chunk_new(struct stss3_budget *budget, uint64_t cap);
struct stss3_chunk *stss3_chunk_ref(struct stss3_chunk *chunk);
void stss3_chunk_unref(struct stss3_chunk *chunk); /* takes NULL; any thread */

/*
 * Takes as many of the bytes as fit below cap; *taken says how many, 0 when the budget has nothing
 * left at this moment (wait for one of your own, or spill).  One thread at a time, and none once
 * the chunk is being sent.
 */
regstore_status stss3_chunk_append(struct stss3_chunk *chunk, struct plug_call *call,
                                   const void *data, size_t len, size_t *taken);
/* Up to that length the budget may be overdrawn for it: where no file can be made. */
void stss3_chunk_overdraw(struct stss3_chunk *chunk, uint64_t length);
/* Moves it into a file, where it grows on without the budget.  NO_SPACE, UNAVAILABLE: it is as it
 * was. */
regstore_status stss3_chunk_spill(struct stss3_chunk *chunk, struct plug_call *call);

/* Makes it exactly len bytes long, in memory, of undefined content, to be received into.  False:
 * the budget or the machine has no memory; must: the budget may be overdrawn for this. */
bool stss3_chunk_receive(struct stss3_chunk *chunk, uint64_t len, bool must);

/* Keeps the bytes that are there now where they are, for a request that sends or receives them: the
 * chunk itself may move on (a cancelled request lets go later than its caller).  NULL: no memory.
 */
struct stss3_pin *stss3_chunk_pin(struct stss3_chunk *chunk);
void stss3_chunk_unpin(struct stss3_pin *pin); /* any thread */

uint64_t stss3_chunk_length(const struct stss3_chunk *chunk);
uint64_t stss3_chunk_cap(const struct stss3_chunk *chunk);
uint8_t *stss3_chunk_data(struct stss3_chunk *chunk);  /* NULL when it lies in a file */
int stss3_chunk_file(const struct stss3_chunk *chunk); /* -1 when it lies in memory */

#endif
