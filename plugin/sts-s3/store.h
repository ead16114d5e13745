/* SPDX-License-Identifier: Apache-2.0 */
/* A store: what its handles share, and what keeps it alive. */
#ifndef STSS3_STORE_H
#define STSS3_STORE_H

#include "running.h"

struct stss3_store {
    _Atomic unsigned refs; /* the host's and one of each handle (THR-2) */
    /* Of this process, once stss3_store_enter() has seen it; before, another one's or NULL. */
    _Atomic(struct stss3_running *) running;
    struct plug_host host;
    struct plug_gauge uploads_open;
    struct stss3_config *config;
};

struct stss3_store *stss3_store_ref(struct stss3_store *store);
void stss3_store_unref(struct stss3_store *store); /* the last one ends the engine */

/* For each verb of a store, after plug_call_begin(): makes what runs when this process has none yet
 * (FORK-1, FORK-3). */
regstore_status stss3_store_enter(struct stss3_store *store, struct plug_call *call);

/* Deletes any number of keys in batches, or one by one where the server takes none; results may be
 * NULL (DEL-1).  The keys have been checked. */
regstore_status stss3_store_delete(struct stss3_store *store, struct plug_call *call,
                                   const char *const *keys, size_t n, regstore_status *results);

/* The slots. */
regstore_status stss3_store_open(const struct regstore_call *call, const struct regstore_host *host,
                                 const struct regstore_pair *settings, size_t n,
                                 struct regstore_store **out);
uint64_t stss3_store_features(const struct regstore_store *store);
void stss3_store_close(struct regstore_store *store);
regstore_status stss3_stat(struct regstore_store *store, const struct regstore_call *call,
                           const char *key, struct regstore_stat *out);
regstore_status stss3_delete_blobs(struct regstore_store *store, const struct regstore_call *call,
                                   const char *const *keys, size_t n, regstore_status *results);
regstore_status stss3_copy(struct regstore_store *store, const struct regstore_call *call,
                           const char *from, const char *to, const struct regstore_copy_opts *opts);
regstore_status stss3_check(struct regstore_store *store, const struct regstore_call *call,
                            const struct regstore_check_opts *opts);
regstore_status stss3_purge(struct regstore_store *store, const struct regstore_call *call,
                            const struct regstore_purge_opts *opts, struct regstore_purged *out);
regstore_status stss3_presign(struct regstore_store *store, const struct regstore_call *call,
                              const char *key, const struct regstore_presign_opts *opts, char *url,
                              size_t cap, int64_t *expires_ns);

/* The ABI's opaque types are ours; its names stay on its side. */
static inline struct stss3_store *stss3_store_of(struct regstore_store *store)
{
    return (struct stss3_store *)(void *)store;
}

/* What an object's headers say, as the ABI says it. */
struct stss3_object;
void stss3_stat_of(const struct stss3_object *object, struct regstore_stat *out);

/* KEY-2: S3 takes 1,024 bytes, storage_path included. */
regstore_status stss3_key_length(const struct stss3_store *store, struct plug_call *call,
                                 const char *key, const char *what);

#endif
