/* SPDX-License-Identifier: Apache-2.0 */
/* The one file that uses OpenSSL's low-level SHA-2, deprecated in 3.0 and without successor for
 * this: EVP cannot export a state. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "digest.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define SAVED_VERSION 1

struct plug_digest {
    uint64_t flags, length;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
};

void plug_sha256(const void *data, size_t len, uint8_t out[32])
{
    SHA256_CTX ctx; /* the one-shot SHA256() of OpenSSL 3 goes through EVP */
    (void)SHA256_Init(&ctx);
    (void)SHA256_Update(&ctx, data, len);
    (void)SHA256_Final(out, &ctx);
}

struct plug_digest *plug_digest_new(uint64_t flags)
{
    struct plug_digest *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->flags = flags & (REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SHA512);
    /* The low-level functions only fail on a NULL context. */
    (void)SHA256_Init(&d->sha256);
    (void)SHA512_Init(&d->sha512);
    return d;
}

void plug_digest_free(struct plug_digest *d)
{
    free(d);
}

void plug_digest_update(struct plug_digest *d, const void *data, size_t len)
{
    if ((d->flags & REGSTORE_UPLOAD_SHA256) != 0)
        (void)SHA256_Update(&d->sha256, data, len);
    if ((d->flags & REGSTORE_UPLOAD_SHA512) != 0)
        (void)SHA512_Update(&d->sha512, data, len);
    d->length += len;
}

uint64_t plug_digest_length(const struct plug_digest *d)
{
    return d->length;
}

static uint8_t *put_big_endian(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static const uint8_t *get_big_endian(const uint8_t *at, uint64_t *value, unsigned bytes)
{
    *value = 0;
    for (unsigned i = 0; i < bytes; i++)
        *value = *value << 8 | *at++;
    return at;
}

/*
 * version, flags, length (8); then for each algorithm asked for its eight words and the bytes that
 * do not fill a block yet, whose number follows from the length.
 */
size_t plug_digest_save(const struct plug_digest *d, uint8_t out[PLUG_DIGEST_SAVED_MAX])
{
    uint8_t *at = out;
    *at++ = SAVED_VERSION;
    *at++ = (uint8_t)d->flags;
    at = put_big_endian(at, d->length, 8);
    if ((d->flags & REGSTORE_UPLOAD_SHA256) != 0) {
        for (unsigned i = 0; i < 8; i++)
            at = put_big_endian(at, d->sha256.h[i], 4);
        memcpy(at, d->sha256.data, d->length % SHA256_CBLOCK);
        at += d->length % SHA256_CBLOCK;
    }
    if ((d->flags & REGSTORE_UPLOAD_SHA512) != 0) {
        for (unsigned i = 0; i < 8; i++)
            at = put_big_endian(at, d->sha512.h[i], 8);
        memcpy(at, d->sha512.u.p, d->length % SHA512_CBLOCK);
        at += d->length % SHA512_CBLOCK;
    }
    return (size_t)(at - out);
}

static size_t saved_length(uint64_t flags, uint64_t length)
{
    size_t size = 10;
    if ((flags & REGSTORE_UPLOAD_SHA256) != 0)
        size += 32 + length % SHA256_CBLOCK;
    if ((flags & REGSTORE_UPLOAD_SHA512) != 0)
        size += 64 + length % SHA512_CBLOCK;
    return size;
}

static const uint8_t *load_sha256(SHA256_CTX *ctx, const uint8_t *at, uint64_t length)
{
    uint64_t word;
    for (unsigned i = 0; i < 8; i++) {
        at = get_big_endian(at, &word, 4);
        ctx->h[i] = (SHA_LONG)word;
    }
    ctx->Nl = (SHA_LONG)(length << 3);
    ctx->Nh = (SHA_LONG)(length >> 29);
    ctx->num = (unsigned)(length % SHA256_CBLOCK);
    memcpy(ctx->data, at, ctx->num);
    return at + ctx->num;
}

static const uint8_t *load_sha512(SHA512_CTX *ctx, const uint8_t *at, uint64_t length)
{
    uint64_t word;
    for (unsigned i = 0; i < 8; i++) {
        at = get_big_endian(at, &word, 8);
        ctx->h[i] = word;
    }
    ctx->Nl = length << 3;
    ctx->Nh = length >> 61;
    ctx->num = (unsigned)(length % SHA512_CBLOCK);
    memcpy(ctx->u.p, at, ctx->num);
    return at + ctx->num;
}

bool plug_digest_is_saved(const uint8_t *saved, size_t len)
{
    uint64_t length;
    if (len < 10 || saved[0] != SAVED_VERSION ||
        (saved[1] & ~(REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SHA512)) != 0)
        return false;
    (void)get_big_endian(saved + 2, &length, 8);
    return len == saved_length(saved[1], length);
}

struct plug_digest *plug_digest_load(const uint8_t *saved, size_t len)
{
    uint64_t length;
    if (!plug_digest_is_saved(saved, len))
        return NULL;
    const uint8_t *at = get_big_endian(saved + 2, &length, 8);
    struct plug_digest *d = plug_digest_new(saved[1]);
    if (d == NULL)
        return NULL;
    d->length = length;
    if ((d->flags & REGSTORE_UPLOAD_SHA256) != 0)
        at = load_sha256(&d->sha256, at, length);
    if ((d->flags & REGSTORE_UPLOAD_SHA512) != 0)
        (void)load_sha512(&d->sha512, at, length);
    return d;
}

regstore_status plug_digest_text(const struct plug_digest *d, const char *algorithm, char *out,
                                 size_t cap)
{
    uint8_t raw[SHA512_DIGEST_LENGTH];
    size_t len;
    char text[REGSTORE_DIGEST_MAX];
    if (strcmp(algorithm, "sha256") == 0 && (d->flags & REGSTORE_UPLOAD_SHA256) != 0) {
        SHA256_CTX copy = d->sha256;
        (void)SHA256_Final(raw, &copy);
        len = SHA256_DIGEST_LENGTH;
    } else if (strcmp(algorithm, "sha512") == 0 && (d->flags & REGSTORE_UPLOAD_SHA512) != 0) {
        SHA512_CTX copy = d->sha512;
        (void)SHA512_Final(raw, &copy);
        len = SHA512_DIGEST_LENGTH;
    } else {
        return REGSTORE_UNSUPPORTED;
    }
    memcpy(text, algorithm, 6);
    text[6] = ':';
    plug_hex(raw, len, text + 7);
    const size_t size = 7 + 2 * len + 1;
    if (cap < size)
        return REGSTORE_RANGE;
    memcpy(out, text, size);
    return REGSTORE_OK;
}

regstore_status plug_digest_compare(const struct plug_digest *d, const char *expected)
{
    char text[REGSTORE_DIGEST_MAX];
    const bool is_512 = strncmp(expected, "sha512:", 7) == 0;
    if (!is_512 && strncmp(expected, "sha256:", 7) != 0)
        return REGSTORE_INVALID;
    const size_t hex = is_512 ? 128 : 64;
    if (strlen(expected) != 7 + hex || strspn(expected + 7, "0123456789abcdef") != hex)
        return REGSTORE_INVALID;
    if (plug_digest_text(d, is_512 ? "sha512" : "sha256", text, sizeof text) != REGSTORE_OK)
        return REGSTORE_INVALID;
    return strcmp(text, expected) == 0 ? REGSTORE_OK : REGSTORE_DIGEST;
}
