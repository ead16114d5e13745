/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of S3 on whole objects.  Keys are relative to the store's root. */
#ifndef STSS3_OBJECTS_H
#define STSS3_OBJECTS_H

#include "chunk.h"
#include "client.h"

struct stss3_object {
    uint64_t length;
    int64_t mtime_ns;
    char etag[128];                   /* stss3_etag_copy() */
    char digest[REGSTORE_DIGEST_MAX]; /* what our own commit wrote beside it, or "" */
    char mark[64];                    /* which upload made it (x-amz-meta-regstore-upload), or "" */
    char content_type[256], content_encoding[256];
};

/* What is written beside an object's bytes; each may be NULL. */
struct stss3_meta {
    const char *content_type, *content_encoding, *digest, *mark;
    bool
        is_passing; /* what an upload keeps until its end: no storage class that bills for months */
    enum stss3_checksum sum; /* CreateMultipartUpload: of the parts, and of the whole */
    bool is_if_absent; /* If-None-Match: EXISTS when the key is taken, where the server knows it */
};
/* Adds the headers of a request that makes an object: those of meta, and encryption at rest. */
void stss3_meta_headers(struct stss3_op *op, const struct stss3_meta *meta);

/* Reads the headers of an answer to HEAD or GET. */
void stss3_object_read(const struct stss3_request *request, struct stss3_object *out);

regstore_status stss3_head(struct stss3_client *client, struct plug_call *call, const char *key,
                           struct stss3_object *out);
/* *service_ns: S3's clock when it answered, 0 when it did not say; set whatever the outcome. */
regstore_status stss3_head_bucket(struct stss3_client *client, struct plug_call *call,
                                  int64_t *service_ns);

/* The body is the chunk's bytes (NULL: none); sha256: of them, hex; kind: which checksum goes with
 * them, unless the server demands one anyway.  Holds a reference while the request lives. */
void stss3_op_send_chunk(struct stss3_op *op, struct stss3_chunk *chunk, const char *sha256,
                         enum stss3_checksum kind);

/* One PUT with the chunk's bytes (NULL: none).  etag: 128 bytes, may be NULL. */
regstore_status stss3_put(struct stss3_client *client, struct plug_call *call, const char *key,
                          struct stss3_chunk *chunk, const char *sha256,
                          const struct stss3_meta *meta, char *etag);

/* A GET of len bytes from offset, into chunk (which it makes ready); etag: If-Match, or NULL.  To
 * be run or started.  NULL: no memory. */
struct stss3_op *stss3_get_new(struct stss3_client *client, const char *key, uint64_t offset,
                               uint64_t len, const char *etag, struct stss3_chunk *chunk);

/* The checksum of the whole object that an answer to GET or HEAD tells; false where it has none.  A
 * GET's is of its bytes when they are the whole. */
bool stss3_sum_told(const struct stss3_request *request, struct stss3_sum *due);

/* OK for what is not there. */
regstore_status stss3_delete(struct stss3_client *client, struct plug_call *call, const char *key);
/* At most 1,000 keys in one request; results[i] for each.  The status is the first that is not OK;
 * UNSUPPORTED or DENIED with all of results INTERNAL: the server takes no batch from us. */
#define STSS3_DELETE_MAX 1000
regstore_status stss3_delete_batch(struct stss3_client *client, struct plug_call *call,
                                   const char *const *keys, size_t n, regstore_status *results);

/* CopyObject.  source: what from is, with an ETag or none.  meta NULL: the source's goes along.
 * NOT_FOUND: no source; CONFLICT: another source by now.  to_etag: 128 bytes, may be NULL. */
regstore_status stss3_copy_object(struct stss3_client *client, struct plug_call *call,
                                  const char *from, const struct stss3_object *source,
                                  const char *to, const struct stss3_meta *meta, bool is_if_absent,
                                  char *to_etag);

/* Copies text without its quotes, or leaves "" when it does not fit or is no strong ETag. */
void stss3_etag_copy(char out[128], const char *text);

#endif
