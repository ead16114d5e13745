/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of one multipart upload: which are there, which are under way side by side, which
 * failed and are kept to be sent again.  Shared between the upload and the requests in flight, so
 * that closing the upload waits for nobody.
 */
#ifndef STSS3_PARTS_H
#define STSS3_PARTS_H

#include "multipart.h"

struct stss3_parts;

/* key: where the multipart upload was created, or is to be; upload_id: below STSS3_UPLOAD_ID_MAX
 * bytes; sum: which checksum its parts have.  NULL: no memory. */
struct stss3_parts *stss3_parts_new(struct stss3_client *client, const char *key,
                                    const char *upload_id, enum stss3_checksum sum);
/* Before its first part, where stss3_parts_new() was told "". */
void stss3_parts_set_upload_id(struct stss3_parts *parts, const char *upload_id);
/* Gives it up: what is under way is cancelled.  Takes NULL. */
void stss3_parts_drop(struct stss3_parts *parts);

const char *stss3_parts_key(const struct stss3_parts *parts);
const char *stss3_parts_upload_id(const struct stss3_parts *parts);

/* Adds a part that is there already (a token told of it).  False: no memory, or too many. */
bool stss3_parts_add(struct stss3_parts *parts, const struct stss3_part *part);

/* The checksum of a part that stss3_parts_add() did not know. */
void stss3_parts_learn(struct stss3_parts *parts, size_t index, const struct stss3_sum *sum);

/* Sends the chunk as the next part and returns at once; takes a reference.  mark: what the caller
 * wants back from stss3_parts_safe() when everything up to this part's end is there; its mark_len
 * bytes are copied.  NO_MEMORY, INVALID (no part is left): nothing was done. */
regstore_status stss3_parts_send(struct stss3_parts *parts, struct plug_call *call,
                                 struct stss3_chunk *chunk, const char *sha256, const void *mark,
                                 size_t mark_len);

size_t stss3_parts_count(struct stss3_parts *parts);
unsigned stss3_parts_flying(struct stss3_parts *parts);

/* The failure of an earlier part, after which all that failed are sent again (UP-3); OK: none. */
regstore_status stss3_parts_report(struct stss3_parts *parts, struct plug_call *call);
/* Waits until fewer than limit parts are under way, or one of them has failed. */
regstore_status stss3_parts_wait(struct stss3_parts *parts, struct plug_call *call, unsigned limit);
/* Sends again what failed, and waits until all are there. */
regstore_status stss3_parts_settle(struct stss3_parts *parts, struct plug_call *call);
void stss3_parts_cancel(struct stss3_parts *parts);

/* How many parts from the first on are there without a gap; copies the mark of the last of them
 * into mark (length 0 when it came from stss3_parts_add). */
size_t stss3_parts_safe(struct stss3_parts *parts, void *mark, size_t cap, size_t *mark_len);

/* The lines of the parts; those that are safe do not change.  Valid until the next send. */
const struct stss3_part *stss3_parts_table(struct stss3_parts *parts);

#endif
