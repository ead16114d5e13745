/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the bytes of a whole blob, as they pass on their way to the host, are those that S3 keeps
 * a checksum of.
 *
 * S3 tells the checksum of a whole in the answer to a GET that brings all of it, and to a HEAD.  A
 * blob that fits into a reader's first range has it so for nothing.  For a larger one there is one
 * HEAD beside the ranges that are fetched ahead, so that nobody waits for it longer than for them.
 * A GET without Range would tell it as well; but then all bytes would come one after the other on
 * one connection, which whoever stops early would have to break.
 */
#ifndef STSS3_WHOLE_H
#define STSS3_WHOLE_H

#include "objects.h"

struct stss3_whole {
    struct stss3_op *question; /* a HEAD whose answer has not been heard yet */
    struct stss3_summing *summing;
    struct stss3_sum due; /* its kind is STSS3_SUM_NONE while there is nothing to compare with */
    bool is_spoilt;
};

/* Whether the settings pay for a HEAD: they have S3 keep a checksum of what is written. */
bool stss3_whole_may_ask(const struct stss3_client *client);
/* Starts the HEAD.  False: no memory. */
bool stss3_whole_ask(struct stss3_whole *whole, struct stss3_client *client, const char *key,
                     const struct stss3_object *object);
/* Waits for the answer to the HEAD, if there is one under way, and takes it.  An answer that does
 * not come, or is of another object, is no reason not to read: it is logged. */
regstore_status stss3_whole_hear(struct stss3_whole *whole, struct plug_call *call, const char *key,
                                 const struct stss3_object *object);
/* Takes the checksum of a good answer, if it has one. */
regstore_status stss3_whole_take(struct stss3_whole *whole, struct plug_call *call,
                                 const struct stss3_request *request);
static inline bool stss3_whole_is_told(const struct stss3_whole *whole)
{
    return whole->due.kind != STSS3_SUM_NONE;
}

/* Once there is a checksum: the next bytes. */
regstore_status stss3_whole_add(struct stss3_whole *whole, struct plug_call *call, const void *data,
                                size_t len);
/* After the last of them, as often as is wanted.  CORRUPT: they are others. */
regstore_status stss3_whole_end(struct stss3_whole *whole, struct plug_call *call);
void stss3_whole_clear(struct stss3_whole *whole);

#endif
