/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upload's handle: its state (drawn in regstore.h), the bytes accepted so far and their digest.
 * The file that holds the bytes is staging's, the token's text is token.c's, becoming a blob is
 * commit.c's.
 */
#ifndef LOCAL_UPLOAD_H
#define LOCAL_UPLOAD_H

#include "digest.h"
#include "staging.h"
#include "store.h"

#define LOCAL_UPLOAD_FLAGS                                                                         \
    (REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SHA512 | REGSTORE_UPLOAD_SOLE)

/* How much is written or read and hashed between two looks at the cancel flag: little enough to be
 * still in the cache when it is hashed. */
#define LOCAL_CHUNK_BYTES ((size_t)256 << 10)

enum local_state {
    LOCAL_OPEN,
    LOCAL_SEALED,
    LOCAL_COMMITTED,
    LOCAL_SUSPENDED,
    LOCAL_ABORTING,
    LOCAL_ABORTED,
    LOCAL_LOST,
};

/* What a token tells of the bytes before it. */
struct local_position {
    uint64_t offset;
    struct local_epoch epochs[LOCAL_EPOCHS]; /* epochs[0].id == 0: nothing is staged */
    uint64_t inode;                          /* with mtime_ns and offset the proof that a blob */
    int64_t mtime_ns;                        /* is this upload's (COM-2) */
    uint8_t digest[PLUG_DIGEST_SAVED_MAX];
    size_t digest_len;
};

struct regstore_upload {
    struct regstore_store *store;
    uint64_t process;
    enum local_state state;
    uint64_t flags;
    char *key;        /* given at open, or NULL */
    char *sealed_key; /* of the first commit; NULL before, and after EXISTS */
    uint64_t offset;
    struct plug_tally written;
    struct plug_digest *digest;
    struct local_staging staging;
    struct local_position origin; /* where a failed suspend can still go back to */
    struct regstore_stat committed;
};

regstore_status local_upload_open(struct regstore_store *store,
                                  const struct regstore_call *host_call,
                                  const struct regstore_upload_opts *host_opts,
                                  struct regstore_upload **out);
regstore_status local_upload_write(struct regstore_upload *upload,
                                   const struct regstore_call *host_call, const void *buf,
                                   size_t len);
uint64_t local_upload_offset(const struct regstore_upload *upload);
regstore_status local_upload_digest(const struct regstore_upload *upload, const char *algorithm,
                                    char *digest, size_t cap);
regstore_status local_upload_suspend(struct regstore_upload *upload,
                                     const struct regstore_call *host_call, char *token, size_t cap,
                                     uint64_t *kept);
regstore_status local_upload_commit(struct regstore_upload *upload,
                                    const struct regstore_call *host_call,
                                    const struct regstore_commit_opts *host_opts,
                                    struct regstore_stat *out);
regstore_status local_upload_abort(struct regstore_upload *upload,
                                   const struct regstore_call *host_call);
void local_upload_close(struct regstore_upload *upload);

/* For commit.c and token.c: */

/* STATE when the handle is a forked child's copy, or its state is none of the two (twice the same
 * when only one is legal). */
regstore_status local_upload_enter(struct plug_call *call, const struct regstore_upload *upload,
                                   enum local_state one, enum local_state other);
/* What a failure does to the state: GONE, and CONFLICT that cannot pass, lose the upload. */
regstore_status local_upload_settle(struct plug_call *call, struct regstore_upload *upload,
                                    regstore_status status);

/* Fills an upload from a token's text; upload->store is set, all else is empty.  INVALID. */
regstore_status local_token_read(struct plug_call *call, const char *token,
                                 struct regstore_upload *upload);

#endif
