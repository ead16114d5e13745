/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store: one folder, named by `storage_path`.  It holds no descriptor and no thread and nothing
 * that changes but a count, so any number of threads may use it, and so may a forked child.
 */
#ifndef LOCAL_STORE_H
#define LOCAL_STORE_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "host.h"
#include "measure.h"

struct regstore_store {
    struct plug_host host;
    struct plug_gauge uploads_open;
    atomic_uint users;             /* the host and every handle (THR-2) */
    atomic_bool has_skipped;       /* a file that cannot be a blob has been reported */
    atomic_bool is_uploads_synced; /* its entry in storage_path is on disk */
    char *path;                    /* storage_path, absolute, without needless slashes */
    char place[33];                /* names storage_path in tokens */
};

extern const struct regstore_param local_params[];

regstore_status local_store_open(const struct regstore_call *host_call,
                                 const struct regstore_host *host,
                                 const struct regstore_pair *settings, size_t n,
                                 struct regstore_store **out);
uint64_t local_store_features(const struct regstore_store *store);
void local_store_close(struct regstore_store *store);

/* One more handle that keeps the store alive; local_store_close() gives it back. */
struct regstore_store *local_store_keep(struct regstore_store *store);

/* 128 bits of the SHA-256 of a text, in hex: a name of fixed length for a path or a key. */
regstore_status local_short_name(struct plug_call *call, const char *text, char out[33]);

/* What a file tells of its blob.  digest stays empty. */
void local_stat_fill(struct regstore_stat *out, const struct stat *file);

regstore_status local_check(struct regstore_store *store, const struct regstore_call *host_call,
                            const struct regstore_check_opts *host_opts);

#endif
