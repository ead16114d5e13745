/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an object is kept: encryption and storage class.  What a request asks for is checked as AWS
 * does, and becomes the headers with which every answer about the object says it again.
 */
#ifndef FAKE_S3_AT_REST_H
#define FAKE_S3_AT_REST_H

#include <stdbool.h>

#include "text.h"

struct exchange;

/* False: refused. */
bool read_at_rest(struct exchange *x, struct fields *at_rest);
/* For operations on what is kept already, which take no such header.  False: refused. */
bool refuse_at_rest(struct exchange *x);
void answer_at_rest(struct exchange *x, const struct fields *at_rest);
/* The ETag is no MD5: KMS encrypts it.  To be freed; NULL: it is one. */
char *etag_at_rest(const struct fields *at_rest);

#endif
