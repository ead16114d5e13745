/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body on its way in. */
#include "body.h"

#include "codec.h"
#include "exchange.h"
#include "operations.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* S3's limits for one PUT, and for the XML of a request. */
#define LARGEST_PUT (5ULL << 30)
#define LARGEST_XML (8ULL << 20)

void body_clear(struct body *b)
{
    blob_drop(b->blob);
    chunks_clear(&b->chunks);
    EVP_MD_CTX_free(b->sha256);
    EVP_MD_CTX_free(b->md5);
    EVP_MD_CTX_free(b->sum.digest);
    free(b->content_md5);
    free(b->sum_expected);
    free(b->sum_value);
}

/* The checksum that the request announces, in a header or in the trailer. */
static bool read_checksum(struct exchange *x)
{
    struct body *b = &x->body;
    const char *announced = header(x, "x-amz-sdk-checksum-algorithm");
    unsigned found = 0;

    for (enum checksum_kind kind = SUM_CRC32; kind < SUM_NONE; kind++) {
        const char *value = header(x, checksum_header(kind));
        bool is_trailer =
            b->chunks.has_trailer && strcasecmp(b->chunks.trailer_name, checksum_header(kind)) == 0;
        unsigned char bytes[CHECKSUM_BYTES];
        if (value == NULL && !is_trailer)
            continue;
        if (++found > 1)
            return refuse_saying(x, "InvalidRequest",
                                 "Expecting a single x-amz-checksum- header. Multiple checksum "
                                 "Types are not allowed.");
        b->sum_kind = kind;
        if (value == NULL)
            continue;
        if (!base64_decode(value, bytes, checksum_length(b->sum_kind)))
            return refuse_saying(x, "InvalidRequest", "Value for %s header is invalid.",
                                 checksum_header(b->sum_kind));
        b->sum_expected = copy_text(value);
    }
    if (b->chunks.has_trailer && (found == 0 || b->sum_expected != NULL))
        return refuse_saying(x, "InvalidRequest",
                             "The value specified in the x-amz-trailer header "
                             "is not supported");
    if (announced != NULL && x->operation->takes_checksum &&
        (found == 0 || checksum_named(announced) != b->sum_kind))
        return refuse_saying(x, "InvalidRequest",
                             "x-amz-sdk-checksum-algorithm specified, but no corresponding "
                             "x-amz-checksum-* or x-amz-trailer headers were found.");
    if (b->sum_kind != SUM_NONE)
        checksum_start(&b->sum, b->sum_kind);
    return true;
}

static bool read_chunking(struct exchange *x)
{
    struct body *b = &x->body;
    const char *decoded = header(x, "x-amz-decoded-content-length");
    const char *trailer = header(x, "x-amz-trailer");

    b->is_chunked = x->payload_hash != NULL && starts_with(x->payload_hash, "STREAMING-");
    if (!b->is_chunked)
        return true;
    b->chunks.is_signed = !starts_with(x->payload_hash, "STREAMING-UNSIGNED");
    b->chunks.has_trailer = strstr(x->payload_hash, "-TRAILER") != NULL;
    if (decoded == NULL)
        return refuse(x, "MissingContentLength");
    if (!read_number(decoded, INT64_MAX, &b->expected_bytes))
        return refuse_saying(x, "InvalidArgument", "x-amz-decoded-content-length is no length");
    if (b->chunks.has_trailer != (trailer != NULL))
        return refuse_saying(x, "InvalidRequest",
                             "x-amz-trailer and x-amz-content-sha256 do not "
                             "say the same");
    b->chunks.trailer_name = trailer == NULL ? NULL : copy_text(trailer);
    memcpy(b->chunks.signature, x->claim.signature, SIGNATURE_HEX);
    return true;
}

/* Without a length S3 takes nothing, unless the chunks' own header tells it. */
static bool read_length(struct exchange *x)
{
    struct body *b = &x->body;
    const char *length = header(x, "Content-Length");
    const char *decoded = header(x, "x-amz-decoded-content-length");

    if (header(x, "Transfer-Encoding") != NULL && decoded == NULL) {
        (void)refuse(x, "NotImplemented");
        refuse_detail(x, "Header", "Transfer-Encoding");
        return false;
    }
    if (length == NULL && decoded == NULL && strcmp(x->method, "PUT") == 0 &&
        x->operation->takes_checksum)
        return refuse(x, "MissingContentLength");
    if (length != NULL && !read_number(length, INT64_MAX, &b->expected_bytes))
        return refuse_saying(x, "InvalidArgument", "Content-Length is no length");
    return true;
}

bool body_start(struct exchange *x)
{
    struct body *b = &x->body;
    const char *md5 = header(x, "Content-MD5");
    unsigned char digest[16];

    b->sum_kind = SUM_NONE;
    if (!read_length(x) || !read_chunking(x))
        return false;
    if (x->operation->takes_checksum && !read_checksum(x))
        return false;
    if (b->expected_bytes > (x->operation->takes_checksum ? LARGEST_PUT : LARGEST_XML)) {
        char size[24];
        (void)snprintf(size, sizeof size, "%llu", (unsigned long long)b->expected_bytes);
        (void)refuse(x, "EntityTooLarge");
        refuse_detail(x, "ProposedSize", size);
        refuse_detail(x, "MaxSizeAllowed", "5368709120");
        return false;
    }
    if (md5 != NULL && !base64_decode(md5, digest, sizeof digest))
        return refuse(x, "InvalidDigest");
    b->content_md5 = md5 == NULL ? NULL : copy_text(md5);
    b->md5 = EVP_MD_CTX_new();
    b->sha256 = EVP_MD_CTX_new();
    (void)EVP_DigestInit_ex(b->md5, EVP_md5(), NULL);
    (void)EVP_DigestInit_ex(b->sha256, EVP_sha256(), NULL);
    return true;
}

bool body_store(struct exchange *x, const char *bytes, size_t length)
{
    struct body *b = &x->body;
    if (length > b->expected_bytes - b->received)
        return refuse(x, "IncompleteBody");
    if (b->blob == NULL)
        b->blob = blob_new(&x->server->spool, b->expected_bytes);
    if (!blob_write(b->blob, b->received, bytes, length))
        return refuse_saying(x, "InternalError", "The spool cannot be written.");
    (void)EVP_DigestUpdate(b->md5, bytes, length);
    if (b->sum_kind != SUM_NONE)
        checksum_add(&b->sum, bytes, length);
    b->received += length;
    return true;
}

bool body_receive(struct exchange *x, const char *bytes, size_t length)
{
    struct body *b = &x->body;
    if (b->is_chunked)
        return chunks_receive(x, bytes, length);
    if (x->payload_hash == NULL || is_hex(x->payload_hash, 64))
        (void)EVP_DigestUpdate(b->sha256, bytes, length);
    return body_store(x, bytes, length);
}

static bool check_sha256(struct exchange *x)
{
    unsigned char digest[32];
    char *hex = x->body.sha256_hex;
    (void)EVP_DigestFinal_ex(x->body.sha256, digest, NULL);
    hex_encode(hex, digest, sizeof digest);
    if (x->payload_hash == NULL || !is_hex(x->payload_hash, 64) ||
        strcmp(hex, x->payload_hash) == 0)
        return true;
    (void)refuse(x, "XAmzContentSHA256Mismatch");
    refuse_detail(x, "ClientComputedContentSHA256", x->payload_hash);
    refuse_detail(x, "S3ComputedContentSHA256", hex);
    return false;
}

static bool check_md5(struct exchange *x)
{
    struct body *b = &x->body;
    unsigned char digest[16];
    (void)EVP_DigestFinal_ex(b->md5, digest, NULL);
    b->etag[0] = '"';
    hex_encode(b->etag + 1, digest, sizeof digest);
    b->etag[33] = '"';
    char *md5 = base64_encode(digest, sizeof digest);
    bool is_right = b->content_md5 == NULL || strcmp(b->content_md5, md5) == 0;
    if (!is_right) {
        (void)refuse(x, "BadDigest");
        refuse_detail(x, "ExpectedDigest", b->content_md5);
        refuse_detail(x, "CalculatedDigest", md5);
    }
    free(md5);
    return is_right;
}

static bool check_sum(struct exchange *x)
{
    struct body *b = &x->body;
    if (b->sum_kind == SUM_NONE)
        return true;
    b->sum_value = checksum_end(&b->sum);
    const char *expected = b->sum_expected != NULL
                               ? b->sum_expected
                               : fields_get(&b->chunks.trailers, b->chunks.trailer_name);
    if (expected != NULL && strcmp(expected, b->sum_value) == 0)
        return true;
    return refuse_saying(x, "BadDigest",
                         "The %s you specified did not match the calculated checksum.",
                         checksum_name(b->sum_kind));
}

bool body_finish(struct exchange *x)
{
    struct body *b = &x->body;
    if (b->is_chunked && !chunks_finish(x))
        return false;
    if (b->received != b->expected_bytes)
        return refuse(x, "IncompleteBody");
    return (b->is_chunked || check_sha256(x)) && check_md5(x) && check_sum(x);
}

void content_take_body(struct content *c, const struct body *b)
{
    if (b->blob != NULL)
        content_add(c, b->blob, 0, b->received);
}

char *body_text(const struct body *b, size_t most)
{
    struct content content = {0};
    if (b->received > most)
        return NULL;
    char *text = grab((size_t)b->received + 1);
    size_t have = 0;
    content_take_body(&content, b);
    while (have < b->received) {
        ssize_t got = content_read(&content, have, text + have, (size_t)b->received - have);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    content_clear(&content);
    return text;
}
