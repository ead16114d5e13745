/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in the store: buckets, objects, uploads and their bytes.
 *
 * Bytes lie in an unlinked file and are never changed: an object, a part and a copy are lists of
 * pieces of it, so that Complete and Copy move no data. Objects are not changed either: a
 * newer one takes the place, and a reader goes on with the one it holds.
 *
 * All of it but the counts of references is guarded by the server's lock.
 */
#ifndef FAKE_S3_STORE_H
#define FAKE_S3_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "checksum.h"
#include "text.h"

/* One unlinked file for all bodies. Each has a range of its own, given back as a hole. */
struct spool {
    int fd;
    atomic_uint_fast64_t end;
};

/* False: errno says why. */
bool spool_open(struct spool *s, const char *folder);
void spool_close(struct spool *s);

struct blob {
    atomic_int references;
    struct spool *spool;
    uint64_t first, bytes;
};

struct blob *blob_new(struct spool *spool, uint64_t bytes);
struct blob *blob_hold(struct blob *b);
void blob_drop(struct blob *b);
bool blob_write(const struct blob *b, uint64_t offset, const void *bytes, size_t length);

struct piece {
    struct blob *blob;
    uint64_t first, bytes; /* within the blob */
};

struct content {
    struct piece *pieces;
    size_t count;
    uint64_t bytes;
};

void content_clear(struct content *c);
void content_add(struct content *c, struct blob *blob, uint64_t first, uint64_t bytes);
/* Bytes `first` to `first + bytes` of another. */
void content_add_range(struct content *c, const struct content *from, uint64_t first,
                       uint64_t bytes);
/* How many it read, from 1 to `bytes`; 0 at the end, -1 on failure. */
ssize_t content_read(const struct content *c, uint64_t first, void *to, size_t bytes);

/* A checksum as S3 keeps it. */
struct stored_sum {
    enum checksum_kind kind;
    char *value; /* base64, for a composite one with -N behind it */
    bool is_composite;
};

struct object {
    atomic_int references;
    char *key;
    struct content content;
    char *etag;            /* with its quotes */
    struct fields headers; /* Content-Type, Cache-Control, x-amz-meta-* and the like */
    struct stored_sum sum;
    struct fields at_rest; /* encryption and storage class: at_rest.h */
    uint32_t part_count;   /* 0: not made of parts */
    int64_t modified_ms;
};

struct object *object_new(const char *key);
struct object *object_hold(struct object *o);
void object_drop(struct object *o);

struct part {
    uint32_t number;
    struct content content;
    char *etag;
    struct stored_sum sum;
    int64_t modified_ms;
};

struct upload {
    char *id, *key;
    struct object *plan; /* what Create said of the object: headers, encryption */
    enum checksum_kind sum_kind;
    bool sum_is_composite;
    char *initiator;
    int64_t initiated_ms;
    struct part **parts; /* by number */
    size_t part_count;
};

struct bucket {
    char *name, *region;
    int64_t created_ms;
    bool is_locked;          /* object lock: all that is written needs a checksum */
    struct object **objects; /* by key, in byte order */
    size_t object_count;
    struct upload **uploads; /* by key, then by the time of Create */
    size_t upload_count;
};

struct store {
    struct bucket **buckets; /* by name */
    size_t bucket_count;
};

void store_clear(struct store *s);
struct bucket *store_bucket(const struct store *s, const char *name);
struct bucket *store_add_bucket(struct store *s, const char *name, const char *region,
                                int64_t now_ms);
void store_remove_bucket(struct store *s, struct bucket *b);

/* The place of a key, or of the first one after it. */
size_t bucket_place(const struct bucket *b, const char *key);
/* Not a reference of the caller's own. */
struct object *bucket_object(const struct bucket *b, const char *key);
/* Takes the caller's reference over. */
void bucket_put(struct bucket *b, struct object *o);
void bucket_remove(struct bucket *b, const char *key);

struct upload *bucket_upload(const struct bucket *b, const char *key, const char *id);
/* Takes it over. */
void bucket_add_upload(struct bucket *b, struct upload *u);
void bucket_remove_upload(struct bucket *b, struct upload *u);

struct part *find_part(const struct upload *u, uint32_t number);
/* Takes it over; an older part of that number goes. */
void upload_put_part(struct upload *u, struct part *p);
void part_free(struct part *p);

#endif
