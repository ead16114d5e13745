/* SPDX-License-Identifier: Apache-2.0 */
/* The list slots of the ABI over stss3_listing. */
#ifndef STSS3_LIST_H
#define STSS3_LIST_H

#include "store.h"

regstore_status stss3_list_open(struct regstore_store *store, const struct regstore_call *call,
                                const struct regstore_list_opts *opts, struct regstore_list **out);
regstore_status stss3_list_next(struct regstore_list *list, const struct regstore_call *call,
                                char *key, size_t cap, struct regstore_stat *out);
void stss3_list_close(struct regstore_list *list);

#endif
