/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a blob.  A blob's file never changes, it is replaced: an open reader has the whole old
 * blob even when the key has a new one or none by now.
 */
#ifndef LOCAL_READER_H
#define LOCAL_READER_H

#include "store.h"

regstore_status local_read_open(struct regstore_store *store, const struct regstore_call *host_call,
                                const char *key, const struct regstore_read_opts *host_opts,
                                struct regstore_reader **reader, struct regstore_stat *out);
regstore_status local_read_next(struct regstore_reader *reader,
                                const struct regstore_call *host_call, void *buf, size_t cap,
                                size_t *got);
void local_read_close(struct regstore_reader *reader);

#endif
