/* SPDX-License-Identifier: Apache-2.0 */
/* transfer: moves bytes between files and a store, and tries again where that helps. */
#ifndef COMMAND_TRANSFER_H
#define COMMAND_TRANSFER_H

#include "session.h"

/* What one call moves. */
#define TRANSFER_BYTES (1024u * 1024u)

struct retry {
    unsigned tries;
};

/*
 * After a call that failed: whether to call again. Waits before, for as long as the service asked
 * for, or longer from try to try.
 */
bool retry_again(struct retry *retry, regstore_status status, const struct regstore_error *error);

/* "-" is standard input. *length is 0 when unknown. Prints what is wrong and returns -1. */
int transfer_open_input(const char *name, uint64_t *length);

/* Writes all of input to upload. Prints what is wrong and returns an EXIT_ status. */
int transfer_write(struct session *session, struct regstore_upload *upload, int input,
                   const char *name, uint64_t length);

/* Commits, and prints key, digest and length. Prints what is wrong and returns an EXIT_ status. */
int transfer_commit(struct session *session, struct regstore_upload *upload,
                    const struct regstore_commit_opts *opts);

/* Quay's key for a digest, "sha256/ab/<hex>". False: digest has another form. */
bool transfer_content_key(const char *digest, char *key, size_t cap);

#endif
