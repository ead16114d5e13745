/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing: a walk down the folders, the names of each sorted so that whole keys come in byte order.
 * Memory holds the names of the folders on the way down, never more; no descriptor is held between
 * two calls but that of the folder whose files are being looked at.
 */
#ifndef LOCAL_LIST_H
#define LOCAL_LIST_H

#include "store.h"

regstore_status local_list_open(struct regstore_store *store, const struct regstore_call *host_call,
                                const struct regstore_list_opts *host_opts,
                                struct regstore_list **out);
regstore_status local_list_next(struct regstore_list *list, const struct regstore_call *host_call,
                                char *key, size_t cap, struct regstore_stat *out);
void local_list_close(struct regstore_list *list);

/* The same inside the plugin, for purge.  opts has been checked. */
regstore_status local_list_new(struct plug_call *call, struct regstore_store *store,
                               const struct regstore_list_opts *opts, struct regstore_list **out);
/* *key is "" at the end; else valid until the next step. */
regstore_status local_list_step(struct plug_call *call, struct regstore_list *list,
                                const char **key, struct regstore_stat *found);

#endif
