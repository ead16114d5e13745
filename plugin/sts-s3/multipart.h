/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of S3 on multipart uploads.  Keys are relative to the store's root. */
#ifndef STSS3_MULTIPART_H
#define STSS3_MULTIPART_H

#include "objects.h"

#define STSS3_UPLOAD_ID_MAX 512 /* with the NUL; AWS's have some 130 characters, Ceph's 40 */
#define STSS3_PARTS_MAX     10000
#define STSS3_PART_MIN      (5ull * 1024 * 1024) /* all but the last; checked at Complete */

struct stss3_part {
    uint64_t length;
    char etag[128];
    struct stss3_sum sum; /* kind STSS3_SUM_NONE: not known */
};

/* upload_id: STSS3_UPLOAD_ID_MAX bytes. */
regstore_status stss3_multipart_create(struct stss3_client *client, struct plug_call *call,
                                       const char *key, const struct stss3_meta *meta,
                                       char *upload_id);

/* UploadPart of the chunk, to be started or run.  number: 1 to 10,000; sum: as at Create.  NULL: no
 * memory. */
struct stss3_op *stss3_part_new(struct stss3_client *client, const char *key, const char *upload_id,
                                unsigned number, struct stss3_chunk *chunk, const char *sha256,
                                enum stss3_checksum sum);

/* UploadPartCopy of a range of an object, to be started or run; its answer is read with
 * stss3_part_copy_read().  NULL: no memory. */
struct stss3_op *stss3_part_copy_new(struct stss3_client *client, const char *from,
                                     const char *etag, uint64_t offset, uint64_t len,
                                     const char *to, const char *upload_id, unsigned number);
regstore_status stss3_part_copy_read(const struct stss3_op *op, struct plug_call *call,
                                     char etag[128]);

/* The ETag that S3 gives what these parts become: the MD5 of their MD5s, and their number.  False
 * where that is not so (KMS), and where MD5 is not to be had (FIPS). */
bool stss3_multipart_etag(const struct stss3_part *table, size_t n, char out[128]);

/* CompleteMultipartUpload with parts 1..n, and what their checksums make; etag (of the object, 128
 * bytes) stays "" where the server does not say it. */
regstore_status stss3_multipart_complete(struct stss3_client *client, struct plug_call *call,
                                         const char *key, const char *upload_id,
                                         const struct stss3_part *parts, size_t n,
                                         bool is_if_absent, char *etag);

/*
 * Aborts, and looks whether it is gone, since a part in flight may land after an abort (S3 says so:
 * AbortMultipartUpload).  OK when it was not there.
 */
regstore_status stss3_multipart_abort(struct stss3_client *client, struct plug_call *call,
                                      const char *key, const char *upload_id);

/* The same without waiting: for an upload whose id nobody else knows, by a caller whose time is
 * over. What is left is purge's. */
void stss3_multipart_abandon(struct stss3_client *client, const char *key, const char *upload_id);

/* Calls each (NULL: nobody) for the parts that are there, in order; GONE: no such upload. */
regstore_status stss3_multipart_parts(struct stss3_client *client, struct plug_call *call,
                                      const char *key, const char *upload_id,
                                      regstore_status (*each)(void *ctx, unsigned number,
                                                              const struct stss3_part *part,
                                                              int64_t mtime_ns),
                                      void *ctx);

/* Calls each for the unfinished uploads whose key begins with prefix.  now_ns: the service's time
 * of the answer. */
regstore_status
stss3_multipart_uploads(struct stss3_client *client, struct plug_call *call, const char *prefix,
                        regstore_status (*each)(void *ctx, const char *key, const char *upload_id,
                                                int64_t begun_ns, int64_t now_ns),
                        void *ctx);

#endif
