/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What blobs are made of: bytes that follow from a seed and their place, so that any part of any
 * blob can be made and compared without keeping it.
 */
#ifndef CONFORMANCE_CONTENT_H
#define CONFORMANCE_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "regstore.h"

#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1024) * KIB)

/* Up to six stretches, one after the other; the bytes of each follow from its seed and the place in
 * the whole.  Two contents that differ in a stretch's seed differ in nearly all of its bytes. */
struct content {
    uint64_t length;
    size_t n;
    struct {
        uint64_t seed, end;
    } stretch[6];
};

struct content content_of(uint64_t seed, uint64_t length);
/* The same with another stretch behind it. */
struct content content_plus(struct content c, uint64_t seed, uint64_t length);
/* The first length bytes. */
struct content content_head(struct content c, uint64_t length);

/* offset + len must not pass the end. */
void content_fill(const struct content *c, uint64_t offset, void *buf, size_t len);
/* The index of the first byte of buf that is not the content's at offset; len when all are. */
size_t content_differs(const struct content *c, uint64_t offset, const void *buf, size_t len);

/* "sha256:<hex>" or "sha512:<hex>", by OpenSSL. */
void content_digest(const struct content *c, const char *algorithm,
                    char digest[REGSTORE_DIGEST_MAX]);

/* A well mixed number from two: for seeds and for piece lengths. */
uint64_t content_mix(uint64_t a, uint64_t b);

#endif
