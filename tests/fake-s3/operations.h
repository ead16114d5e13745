/* SPDX-License-Identifier: Apache-2.0 */
/* What the server can do, and which request means what. */
#ifndef FAKE_S3_OPERATIONS_H
#define FAKE_S3_OPERATIONS_H

#include <stdbool.h>

struct exchange;

enum operation_level { ON_SERVICE, ON_BUCKET, ON_OBJECT, ON_STS };

struct operation {
    const char *name;
    enum operation_level level;
    const char *method;
    const char *subresource; /* a name that the query must hold, or NULL */
    const char *header;      /* one that must be there, or NULL */
    void (*carry_out)(struct exchange *x);
    const char *action;  /* what a policy calls it; NULL: checked where it is carried out */
    bool takes_checksum; /* x-amz-checksum-* is about the body */
};

/* Fills in service, bucket, key and operation. False: refused. */
bool route(struct exchange *x);

/* The operation of STS of that name, or NULL. */
const struct operation *sts_operation(const char *action);

/* Under the server's lock. */
void list_buckets(struct exchange *x);
void head_bucket(struct exchange *x);
void create_bucket(struct exchange *x);
void delete_bucket(struct exchange *x);
void get_bucket_location(struct exchange *x);

void list_objects(struct exchange *x);
void list_objects_v2(struct exchange *x);
void list_multipart_uploads(struct exchange *x);
void list_parts(struct exchange *x);

void get_object(struct exchange *x);
void put_object(struct exchange *x);
void delete_object(struct exchange *x);
void delete_objects(struct exchange *x);

/* These let go of the lock while they read what they copy. */
void copy_object(struct exchange *x);
void upload_part_copy(struct exchange *x);

void create_multipart_upload(struct exchange *x);
void upload_part(struct exchange *x);
void complete_multipart_upload(struct exchange *x);
void abort_multipart_upload(struct exchange *x);

void assume_role(struct exchange *x);
void assume_role_with_web_identity(struct exchange *x);
void get_caller_identity(struct exchange *x);

#endif
