/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vectors of AWS from the other side: what they sign is verified, and what is changed in them
 * afterwards is refused. Prints TAP.
 */
#include "aws_chunked.h"
#include "codec.h"
#include "exchange.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct aws_outcome {
    const char *canonical, *digest, *signature;
};

struct aws_vector {
    const char *name, *method, *path, *query, *headers, *body, *token;
    bool signs_body, normalizes;
    struct aws_outcome header, query_signed;
};

struct s3_vector {
    const char *name, *method, *path, *query, *headers, *body, *payload_sha256;
    uint32_t expires_s;
    const char *signature;
};

/* The name that the table of vectors uses. */
#define STSS3_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#include "../unit/sts-s3/vectors/sigv4.inc"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int count, failed;

static void claim(bool holds, const char *what, const char *which)
{
    count++;
    failed += !holds;
    (void)printf("%sok %d - %s: %s\n", holds ? "" : "not ", count, which, what);
}

/* A case as a request that came in. */
struct incoming {
    struct fields headers;
    struct text query;
    struct claim claim;
    char payload_hash[65];
};

static void incoming_clear(struct incoming *in)
{
    fields_clear(&in->headers);
    text_clear(&in->query);
    claim_clear(&in->claim);
}

/* "Name:value\n"; a line that begins with a space goes on with the one before. */
static void read_headers(struct fields *headers, const char *lines)
{
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        while (lines[length] == '\n' && lines[length + 1] == ' ')
            length += 1 + strcspn(lines + length + 1, "\n");
        char *line = copy_text_n(lines, length);
        char *colon = strchr(line, ':');
        *colon = '\0';
        fields_add(headers, line, colon + 1);
        free(line);
        lines += length + 1;
    }
}

/* The last line but one of a canonical request. */
static char *signed_headers_of(const char *canonical)
{
    const char *end = strrchr(canonical, '\n'), *start = end;
    while (start[-1] != '\n')
        start--;
    return copy_text_n(start, (size_t)(end - start));
}

static void scope(struct claim *c, const char *key, const char *date, const char *service)
{
    c->access_key = copy_text(key);
    c->date = copy_text_n(date, 8);
    c->amz_date = copy_text(date);
    c->region = copy_text("us-east-1");
    c->service = copy_text(service);
}

static bool is_right(const struct incoming *in, const char *method, const char *path,
                     enum path_rule rule, const char *secret, const char *expected,
                     const char *canonical_expected)
{
    const struct signed_request request = {method, path, text_str(&in->query), &in->headers};
    struct text canonical = {0}, to_sign = {0};
    unsigned char key[SIGNING_KEY_BYTES];
    char signature[SIGNATURE_HEX + 1];

    canonical_request(&canonical, &request, &in->claim, rule, in->payload_hash);
    string_to_sign(&to_sign, &in->claim, text_str(&canonical));
    signing_key(key, secret, &in->claim);
    sign_text(signature, key, text_str(&to_sign));
    bool is_same =
        strcmp(signature, expected) == 0 &&
        (canonical_expected == NULL || strcmp(canonical_expected, text_str(&canonical)) == 0);
    text_clear(&canonical);
    text_clear(&to_sign);
    return is_same;
}

static const char aws_secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static const char s3_secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

static void receive(struct incoming *in, const struct aws_vector *v, bool in_query)
{
    const struct aws_outcome *o = in_query ? &v->query_signed : &v->header;
    const char *body = v->body == NULL ? "" : v->body;

    *in = (struct incoming){0};
    read_headers(&in->headers, v->headers);
    text_add(&in->query, v->query == NULL ? "" : v->query);
    scope(&in->claim, "AKIDEXAMPLE", "20150830T123600Z", "service");
    in->claim.signed_headers = signed_headers_of(o->canonical);
    sha256_hex(in->payload_hash, body, strlen(body));
    if (!in_query) {
        fields_add(&in->headers, "X-Amz-Date", "20150830T123600Z");
        if (v->token != NULL)
            fields_add(&in->headers, "X-Amz-Security-Token", v->token);
        if (v->signs_body)
            fields_add(&in->headers, "x-amz-content-sha256", in->payload_hash);
        return;
    }
    /* As a client writes it: unsorted, and with the signature in the middle. */
    text_format(&in->query, "%sX-Amz-Signature=%s&", in->query.length == 0 ? "" : "&",
                o->signature);
    text_add(&in->query, AMZ "&X-Amz-SignedHeaders=");
    uri_encode(&in->query, in->claim.signed_headers, strlen(in->claim.signed_headers), false);
    if (v->token != NULL) {
        text_add(&in->query, "&X-Amz-Security-Token=");
        uri_encode(&in->query, v->token, strlen(v->token), false);
    }
}

static void verify_aws(const struct aws_vector *v, bool in_query)
{
    const struct aws_outcome *o = in_query ? &v->query_signed : &v->header;
    enum path_rule rule = v->normalizes ? PATH_NORMAL : PATH_AS_IT_IS;
    struct incoming in;

    receive(&in, v, in_query);
    claim(is_right(&in, v->method, v->path, rule, aws_secret, o->signature, o->canonical),
          in_query ? "the signed query is verified" : "the signed header is verified", v->name);
    bool is_refused = !is_right(&in, "PATCH", v->path, rule, aws_secret, o->signature, NULL) &&
                      !is_right(&in, v->method, "/other", rule, aws_secret, o->signature, NULL) &&
                      !is_right(&in, v->method, v->path, rule, s3_secret, o->signature, NULL);
    in.payload_hash[0] ^= 1;
    is_refused =
        is_refused && !is_right(&in, v->method, v->path, rule, aws_secret, o->signature, NULL);
    in.payload_hash[0] ^= 1;
    text_add(&in.query, "&x");
    is_refused =
        is_refused && !is_right(&in, v->method, v->path, rule, aws_secret, o->signature, NULL);
    claim(is_refused, "another method, path, secret, body or query is not", v->name);
    incoming_clear(&in);
}

/* All headers of S3's examples are signed, in order. */
static void sign_all(struct incoming *in)
{
    struct text names = {0};
    for (int letter = 'a'; letter <= 'z'; letter++)
        for (int second = '-'; second <= 'z'; second++)
            for (size_t i = 0; i < in->headers.count; i++) {
                const char *name = in->headers.items[i].name;
                if ((name[0] | 32) == letter && name[1] == second && name[0] != 'x') {
                    text_format(&names, "%s%c%s", names.length == 0 ? "" : ";", letter, name + 1);
                }
            }
    static const char *const amz[] = {"x-amz-content-sha256", "x-amz-date",
                                      "x-amz-decoded-content-length", "x-amz-storage-class"};
    for (size_t i = 0; i < COUNT(amz); i++)
        if (fields_get(&in->headers, amz[i]) != NULL)
            text_format(&names, ";%s", amz[i]);
    in->claim.signed_headers = text_take(&names);
}

static void receive_s3(struct incoming *in, const struct s3_vector *v)
{
    *in = (struct incoming){0};
    read_headers(&in->headers, v->headers);
    text_add(&in->query, v->query == NULL ? "" : v->query);
    scope(&in->claim, "AKIAIOSFODNN7EXAMPLE", "20130524T000000Z", "s3");
    (void)snprintf(in->payload_hash, sizeof in->payload_hash, "%s", v->payload_sha256);
    if (v->expires_s == 0) {
        fields_add(&in->headers, "x-amz-content-sha256", v->payload_sha256);
        fields_add(&in->headers, "x-amz-date", "20130524T000000Z");
        sign_all(in);
        return;
    }
    in->claim.signed_headers = copy_text("host");
    text_format(&in->query,
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%%2F"
                "20130524%%2Fus-east-1%%2Fs3%%2Faws4_request&X-Amz-Date=20130524T000000Z"
                "&X-Amz-Expires=%u&X-Amz-SignedHeaders=host&X-Amz-Signature=%s",
                v->expires_s, v->signature);
}

/* A path may come with any of its bytes encoded; S3 signs what it means. */
static void verify_s3(const struct s3_vector *v)
{
    struct incoming in;
    struct text coded = {0};

    receive_s3(&in, v);
    claim(is_right(&in, v->method, v->path, PATH_S3, s3_secret, v->signature, NULL),
          "it is verified", v->name);
    for (const char *c = v->path; *c != '\0'; c++)
        text_format(&coded, *c == '/' ? "%c" : "%%%02x", (unsigned char)*c);
    claim(is_right(&in, v->method, text_str(&coded), PATH_S3, s3_secret, v->signature, NULL),
          "so it is with its whole path encoded", v->name);
    text_clear(&coded);
    incoming_clear(&in);
}

/* The last of S3's examples with its chunks, from the stream as it would come in. `harm` is the
 * place of a byte that is changed on the way, or none. */
static const char *receive_chunks(struct server *s, const struct text *stream, size_t step,
                                  size_t harm)
{
    struct exchange x = {.server = s};
    const struct s3_vector *v = &s3_vectors[COUNT(s3_vectors) - 1];
    struct text wire = {0};
    static char said[64];

    scope(&x.claim, "AKIAIOSFODNN7EXAMPLE", "20130524T000000Z", "s3");
    x.body.is_chunked = x.body.chunks.is_signed = true;
    x.body.sum_kind = SUM_NONE;
    x.body.expected_bytes = 66560;
    x.body.md5 = EVP_MD_CTX_new();
    (void)EVP_DigestInit_ex(x.body.md5, EVP_md5(), NULL);
    memcpy(x.body.chunks.signature, v->signature, SIGNATURE_HEX + 1);
    signing_key(x.body.chunks.key, s3_secret, &x.claim);
    text_add_n(&wire, stream->bytes, stream->length);
    if (harm < wire.length)
        wire.bytes[harm] ^= 1;
    bool is_good = true;
    for (size_t at = 0; at < wire.length && is_good; at += step)
        is_good =
            body_receive(&x, wire.bytes + at, step < wire.length - at ? step : wire.length - at);
    is_good = is_good && body_finish(&x);
    (void)snprintf(said, sizeof said, "%s", is_good ? "" : x.answer.code);
    text_clear(&wire);
    exchange_clear(&x);
    return said;
}

static void verify_chunks(struct server *s)
{
    struct text stream = {0};
    static const size_t steps[] = {1, 7, 4096, 100000};
    bool is_good = true, is_refused = true;

    for (size_t i = 0; i < COUNT(s3_chunks); i++) {
        text_format(&stream, "%zx;chunk-signature=%s\r\n", s3_chunks[i].len,
                    s3_chunks[i].signature);
        for (size_t n = 0; n < s3_chunks[i].len; n++)
            text_add(&stream, "a");
        text_add(&stream, "\r\n");
    }
    claim(stream.length == 66824, "its length is that of the documentation", "chunked-put");
    for (size_t i = 0; i < COUNT(steps); i++)
        is_good = is_good && *receive_chunks(s, &stream, steps[i], SIZE_MAX) == '\0';
    claim(is_good, "it is verified however it is cut", "chunked-put");
    /* Each byte of the heads, and some of the rest. */
    for (size_t i = 0; i < stream.length && is_refused; i += i < 90 || i > 65620 ? 1 : 997)
        is_refused = *receive_chunks(s, &stream, 4096, i) != '\0';
    claim(is_refused, "one other bit anywhere is not", "chunked-put");
    struct text cut = {.bytes = stream.bytes, .length = stream.length - 90};
    claim(strcmp(receive_chunks(s, &cut, 4096, SIZE_MAX), "IncompleteBody") == 0,
          "nor is it without its last chunk", "chunked-put");
    text_clear(&stream);
}

static void verify_checksums(void)
{
    static const struct {
        enum checksum_kind kind;
        const char *value; /* of "123456789" */
    } known[] = {
        {SUM_CRC32, "y/Q5Jg=="},
        {SUM_CRC32C, "4waSgw=="},
        {SUM_CRC64NVME, "rosUhgp5mIg="},
        {SUM_SHA1, "98O8HYCOBHMq32eZZczDTKeuNEE="},
        {SUM_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        struct checksum sum;
        checksum_start(&sum, known[i].kind);
        checksum_add(&sum, "123456789", 9);
        char *value = checksum_end(&sum);
        claim(strcmp(value, known[i].value) == 0, "is that of the catalogue",
              checksum_name(known[i].kind));
        free(value);
        if (!checksum_is_crc(known[i].kind))
            continue;
        struct checksum head, tail;
        checksum_start(&head, known[i].kind);
        checksum_add(&head, "1234", 4);
        checksum_start(&tail, known[i].kind);
        checksum_add(&tail, "56789", 5);
        char *one = checksum_end(&head), *two = checksum_end(&tail);
        value = checksum_join(known[i].kind, one, two, 5);
        claim(strcmp(value, known[i].value) == 0, "of two halves is that of the whole",
              checksum_name(known[i].kind));
        free(one);
        free(two);
        free(value);
    }
}

int main(void)
{
    const struct options options = {0};
    struct server s = {.options = &options};
    const char *folder = getenv("TMPDIR");

    if (!spool_open(&s.spool, folder == NULL ? "/tmp" : folder)) {
        (void)puts("Bail out! no unlinked files in TMPDIR");
        return 1;
    }
    for (size_t i = 0; i < COUNT(aws_vectors); i++) {
        verify_aws(&aws_vectors[i], false);
        verify_aws(&aws_vectors[i], true);
    }
    for (size_t i = 0; i < COUNT(s3_vectors); i++)
        verify_s3(&s3_vectors[i]);
    verify_chunks(&s);
    verify_checksums();
    spool_close(&s.spool);
    (void)printf("1..%d\n", count);
    return failed == 0 ? 0 : 1;
}
