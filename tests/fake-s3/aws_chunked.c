/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Encoding: aws-chunked. */
#include "aws_chunked.h"

#include "body.h"
#include "codec.h"
#include "exchange.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

static const char empty_sha256[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* A line of a chunk's head or of the trailer is not longer than this. */
enum { LINE_BYTES = 1024, SMALLEST_CHUNK = 8192 };

void chunks_clear(struct aws_chunked *c)
{
    text_clear(&c->line);
    free(c->trailer_name);
    fields_clear(&c->trailers);
    EVP_MD_CTX_free(c->sha256);
    OPENSSL_cleanse(c->key, sizeof c->key);
}

static bool malformed(struct exchange *x)
{
    return refuse_saying(x, "InvalidRequest", "The chunk encoding of the body is malformed.");
}

static bool wrong_signature(struct exchange *x, const char *to_sign, const char *claimed)
{
    (void)refuse(x, "SignatureDoesNotMatch");
    refuse_detail(x, "AWSAccessKeyId", x->claim.access_key);
    refuse_detail(x, "StringToSign", to_sign);
    refuse_detail(x, "SignatureProvided", claimed);
    return false;
}

/* Signs what came with the signature before it, and makes the new one the one before. */
static bool verify(struct exchange *x, const char *algorithm, const char *hashes,
                   const char *claimed)
{
    struct aws_chunked *c = &x->body.chunks;
    const struct claim *k = &x->claim;
    struct text to_sign = {0};
    bool is_right = true;

    text_format(&to_sign, "%s\n%s\n%s/%s/%s/aws4_request\n%s\n%s", algorithm, k->amz_date, k->date,
                k->region, k->service, c->signature, hashes);
    sign_text(c->signature, c->key, text_str(&to_sign));
    if (strlen(claimed) != SIGNATURE_HEX ||
        CRYPTO_memcmp(c->signature, claimed, SIGNATURE_HEX) != 0)
        is_right = wrong_signature(x, text_str(&to_sign), claimed);
    text_clear(&to_sign);
    return is_right;
}

static bool end_chunk(struct exchange *x)
{
    struct aws_chunked *c = &x->body.chunks;
    unsigned char digest[32];
    char hex[65];
    struct text hashes = {0};

    c->state = CHUNK_DATA_END;
    if (!c->is_signed)
        return true;
    (void)EVP_DigestFinal_ex(c->sha256, digest, NULL);
    hex_encode(hex, digest, sizeof digest);
    text_format(&hashes, "%s\n%s", empty_sha256, hex);
    bool is_right = verify(x, "AWS4-HMAC-SHA256-PAYLOAD", text_str(&hashes), c->claimed);
    text_clear(&hashes);
    return is_right;
}

static bool read_head(struct exchange *x, const char *line)
{
    static const char extension[] = ";chunk-signature=";
    struct aws_chunked *c = &x->body.chunks;
    size_t digits = strspn(line, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 12)
        return malformed(x);
    c->left = strtoull(line, NULL, 16);
    line += digits;
    if (c->is_signed) {
        if (!starts_with(line, extension) || !is_hex(line + strlen(extension), SIGNATURE_HEX))
            return malformed(x);
        memcpy(c->claimed, line + strlen(extension), SIGNATURE_HEX + 1);
        if (c->sha256 == NULL)
            c->sha256 = EVP_MD_CTX_new();
        (void)EVP_DigestInit_ex(c->sha256, EVP_sha256(), NULL);
    } else if (*line != '\0') {
        return malformed(x);
    }
    c->is_last = c->left == 0;
    if (!c->is_last && c->was_small)
        return refuse(x, "InvalidChunkSizeError");
    c->was_small = c->left < SMALLEST_CHUNK;
    c->state = CHUNK_DATA;
    if (!c->is_last)
        return true;
    if (!end_chunk(x))
        return false;
    c->state = CHUNK_TRAILER;
    return true;
}

static bool end_trailer(struct exchange *x)
{
    struct aws_chunked *c = &x->body.chunks;
    const char *claimed = NULL;
    struct text lines = {0};
    char hash[65];

    c->state = CHUNK_DONE;
    for (size_t i = 0; i < c->trailers.count; i++) {
        const struct field *f = &c->trailers.items[i];
        if (strcasecmp(f->name, "x-amz-trailer-signature") == 0)
            claimed = f->value;
        else
            text_format(&lines, "%s:%s\n", f->name, f->value);
    }
    if (c->has_trailer != (lines.length > 0) ||
        (c->has_trailer && fields_get(&c->trailers, c->trailer_name) == NULL)) {
        text_clear(&lines);
        return refuse(x, "MalformedTrailerError");
    }
    sha256_hex(hash, text_str(&lines), lines.length);
    text_clear(&lines);
    if (!c->has_trailer || !c->is_signed)
        return true;
    if (claimed == NULL)
        return refuse(x, "MalformedTrailerError");
    return verify(x, "AWS4-HMAC-SHA256-TRAILER", hash, claimed);
}

static bool read_trailer(struct exchange *x, const char *line)
{
    struct aws_chunked *c = &x->body.chunks;
    const char *colon = strchr(line, ':');
    if (*line == '\0')
        return end_trailer(x);
    if (colon == NULL || colon == line || c->trailers.count > 4)
        return refuse(x, "MalformedTrailerError");
    char *name = copy_text_n(line, (size_t)(colon - line));
    fields_add(&c->trailers, name, colon + 1 + strspn(colon + 1, " "));
    free(name);
    return true;
}

static bool read_line(struct exchange *x, const char *line)
{
    struct aws_chunked *c = &x->body.chunks;
    switch (c->state) {
    case CHUNK_HEAD:
        return read_head(x, line);
    case CHUNK_DATA_END:
        c->state = CHUNK_HEAD;
        return *line == '\0' || malformed(x);
    case CHUNK_TRAILER:
        return read_trailer(x, line);
    default:
        return malformed(x);
    }
}

/* One byte of what is no content. */
static bool receive_byte(struct exchange *x, char byte)
{
    struct aws_chunked *c = &x->body.chunks;
    if (c->state == CHUNK_DONE || c->line.length >= LINE_BYTES)
        return malformed(x);
    if (byte != '\n') {
        text_add_n(&c->line, &byte, 1);
        return true;
    }
    if (c->line.length > 0 && c->line.bytes[c->line.length - 1] == '\r')
        c->line.bytes[--c->line.length] = '\0';
    else if (c->state != CHUNK_TRAILER) /* "\n" closes the lines of a trailer in AWS's text */
        return malformed(x);
    char *line = text_take(&c->line);
    bool is_good = strlen(line) < LINE_BYTES && read_line(x, line);
    free(line);
    return is_good;
}

bool chunks_receive(struct exchange *x, const char *bytes, size_t length)
{
    struct aws_chunked *c = &x->body.chunks;
    while (length > 0) {
        size_t taken = 1;
        if (c->state != CHUNK_DATA) {
            if (!receive_byte(x, *bytes))
                return false;
        } else {
            taken = length < c->left ? length : (size_t)c->left;
            if (c->is_signed)
                (void)EVP_DigestUpdate(c->sha256, bytes, taken);
            if (!body_store(x, bytes, taken))
                return false;
            c->left -= taken;
            if (c->left == 0 && !end_chunk(x))
                return false;
        }
        bytes += taken;
        length -= taken;
    }
    return true;
}

bool chunks_finish(struct exchange *x)
{
    return x->body.chunks.state == CHUNK_DONE || refuse(x, "IncompleteBody");
}
