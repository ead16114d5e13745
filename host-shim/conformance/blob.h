/* SPDX-License-Identifier: Apache-2.0 */
/* What nearly every test does with blobs: put them, look at them, compare them byte for byte. */
#ifndef CONFORMANCE_BLOB_H
#define CONFORMANCE_BLOB_H

#include "world.h"

/* Opens an upload; opts may be NULL.  It is aborted should the test fail. */
struct regstore_upload *upload_begin(struct world *w, const struct regstore_upload_opts *opts);
/* A new one with SHA256 asked for; key may be NULL. */
struct regstore_upload *upload_new(struct world *w, const char *key);
struct regstore_upload *upload_resume(struct world *w, const char *token);
/* Closes it and forgets it; NULL is fine. */
void upload_end(struct world *w, struct regstore_upload *u);

/* Writes the content from the upload's offset up to offset end, in uneven pieces; the offset must
 * follow each of them. */
void upload_fill(struct world *w, struct regstore_upload *u, const struct content *c, uint64_t end);
/* The same, but ends at the first status that is not OK and returns it. */
regstore_status upload_try_fill(struct world *w, struct regstore_upload *u, const struct content *c,
                                uint64_t end, struct call *call);
void upload_must_be_at(struct world *w, struct regstore_upload *u, uint64_t offset);
/* Commits with no digest; key may be NULL when open had one. */
void upload_finish(struct world *w, struct regstore_upload *u, const char *key);
regstore_status upload_commit(struct world *w, struct regstore_upload *u, struct call *c,
                              const char *key, const char *digest, uint64_t flags);
/* Suspends and closes; the token goes out. */
void upload_park(struct world *w, struct regstore_upload *u, char token[REGSTORE_TOKEN_MAX]);

/* A whole blob in one go; the key was not known at open. */
void blob_put(struct world *w, const char *key, const struct content *c);
void blob_delete(struct world *w, const char *key);
/* stat and every byte. */
void blob_must_be(struct world *w, const char *key, const struct content *c);
/* True when it is there and is this content, false when it is another or is absent; fails on
 * anything else. */
bool blob_is(struct world *w, const char *key, const struct content *c);
/* stat and read say NOT_FOUND. */
void blob_must_be_absent(struct world *w, const char *key);
bool blob_exists(struct world *w, const char *key);

struct regstore_reader *reader_new(struct world *w, const char *key, uint64_t offset,
                                   uint64_t length);
/* Reads to the end with buffers of cap bytes; every byte must be the content's from offset up to
 * end, and not one more. */
void reader_must_give(struct world *w, struct regstore_reader *r, const struct content *c,
                      uint64_t offset, uint64_t end, size_t cap);

#endif
