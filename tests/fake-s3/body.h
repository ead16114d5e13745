/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's body on its way in: taken out of its chunks, hashed, laid into the spool.
 */
#ifndef FAKE_S3_BODY_H
#define FAKE_S3_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "aws_chunked.h"
#include "checksum.h"
#include "store.h"

struct exchange;

struct body {
    bool is_chunked;                   /* aws-chunked */
    uint64_t expected_bytes, received; /* of the content */
    struct blob *blob;                 /* NULL while nothing came */
    struct aws_chunked chunks;
    EVP_MD_CTX *sha256, *md5;
    char *content_md5; /* as the request names it, or NULL */
    struct checksum sum;
    enum checksum_kind sum_kind; /* SUM_NONE: none was announced */
    char *sum_expected;          /* NULL: it comes in the trailer */
    /* once it is all there */
    char sha256_hex[65]; /* of a body in no chunks whose hash is signed */
    char etag[35];       /* with its quotes */
    char *sum_value;
};

/* Reads what the headers say of the body. False: refused. */
bool body_start(struct exchange *x);
bool body_receive(struct exchange *x, const char *bytes, size_t length);
bool body_finish(struct exchange *x);
void body_clear(struct body *b);

/* What the chunks hold, from aws_chunked.c. */
bool body_store(struct exchange *x, const char *bytes, size_t length);

/* All of it as text, to be freed; NULL where it is longer than `most`. */
char *body_text(const struct body *b, size_t most);

void content_take_body(struct content *c, const struct body *b);

#endif
