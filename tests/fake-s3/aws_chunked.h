/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content-Encoding: aws-chunked, from "Signature Calculations for the Authorization Header:
 * Transferring Payload in Multiple Chunks" and "... Including Trailing Headers".
 *
 *   SIZE[;chunk-signature=HEX] CRLF bytes CRLF ... 0[;chunk-signature=HEX] CRLF
 *   [name:value CRLF ... [x-amz-trailer-signature:HEX CRLF]] CRLF
 */
#ifndef FAKE_S3_AWS_CHUNKED_H
#define FAKE_S3_AWS_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "sigv4_verify.h"
#include "text.h"

struct exchange;

enum chunk_state { CHUNK_HEAD, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_DONE };

struct aws_chunked {
    bool is_signed, has_trailer;
    enum chunk_state state;
    struct text line;
    uint64_t left; /* of the chunk's bytes */
    bool is_last, was_small;
    unsigned char key[SIGNING_KEY_BYTES];
    char signature[SIGNATURE_HEX + 1]; /* the one before */
    char claimed[SIGNATURE_HEX + 1];
    char *trailer_name; /* as x-amz-trailer announces it */
    struct fields trailers;
    EVP_MD_CTX *sha256;
};

/* False: refused. */
bool chunks_receive(struct exchange *x, const char *bytes, size_t length);
bool chunks_finish(struct exchange *x);
void chunks_clear(struct aws_chunked *c);

#endif
