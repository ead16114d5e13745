/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a blob: ranges fetched ahead side by side, given to the caller in order, all of one and
 * the same object (If-Match on the ETag of the first answer).
 */
#ifndef STSS3_READER_H
#define STSS3_READER_H

#include "objects.h"
#include "store.h"

struct stss3_reader;

/* length 0: to the end; etag NULL: whichever is there.  object gets what the first answer says. */
regstore_status stss3_reader_new(struct stss3_store *store, struct plug_call *call, const char *key,
                                 uint64_t offset, uint64_t length, const char *etag,
                                 struct stss3_reader **out, struct stss3_object *object);
/* *got 0: the end. */
regstore_status stss3_reader_next(struct stss3_reader *reader, struct plug_call *call, void *buf,
                                  size_t cap, size_t *got);
void stss3_reader_free(struct stss3_reader *reader);

/* The slots. */
regstore_status stss3_read_open(struct regstore_store *store, const struct regstore_call *call,
                                const char *key, const struct regstore_read_opts *opts,
                                struct regstore_reader **reader, struct regstore_stat *out);
regstore_status stss3_read_next(struct regstore_reader *reader, const struct regstore_call *call,
                                void *buf, size_t cap, size_t *got);
void stss3_read_close(struct regstore_reader *reader);

#endif
