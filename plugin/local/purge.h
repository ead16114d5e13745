/* SPDX-License-Identifier: Apache-2.0 */
/* Purge: what crashed and forgotten uploads have left under uploads/. */
#ifndef LOCAL_PURGE_H
#define LOCAL_PURGE_H

#include "store.h"

regstore_status local_purge(struct regstore_store *store, const struct regstore_call *host_call,
                            const struct regstore_purge_opts *host_opts,
                            struct regstore_purged *out);

#endif
