/* SPDX-License-Identifier: Apache-2.0 */
/* Whether who signed a request may do what it asks for. All under the server's lock. */
#ifndef FAKE_S3_AUTHORIZE_H
#define FAKE_S3_AUTHORIZE_H

#include <stdbool.h>

struct bucket;
struct exchange;

/* A role's permissions; users may do all. Without a key it is about the bucket. */
bool may(const struct exchange *x, const char *action, const char *bucket, const char *key);

/* may(), and the refusal. */
bool authorize(struct exchange *x, const char *action, const char *bucket, const char *key);

/* 301 where the bucket is in another region than the endpoint. Comes before anything is known of
 * the caller. */
bool check_region(struct exchange *x);

/* The request's bucket; NULL: refused. */
struct bucket *need_bucket(struct exchange *x);

#endif
