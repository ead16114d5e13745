/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to whole blobs: stat, delete, copy. */
#ifndef LOCAL_BLOB_H
#define LOCAL_BLOB_H

#include "store.h"

regstore_status local_stat(struct regstore_store *store, const struct regstore_call *host_call,
                           const char *key, struct regstore_stat *out);
regstore_status local_delete_blobs(struct regstore_store *store,
                                   const struct regstore_call *host_call, const char *const *keys,
                                   size_t n, regstore_status *results);
regstore_status local_copy(struct regstore_store *store, const struct regstore_call *host_call,
                           const char *from, const char *to,
                           const struct regstore_copy_opts *host_opts);

#endif
