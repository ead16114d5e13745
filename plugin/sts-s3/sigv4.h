/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4, in headers and in queries.  Pure: the time is a parameter, and nothing
 * here knows how a request is sent.
 *
 * What is signed is what is sent: path and query are taken in their wire form, and the caller sends
 * exactly these.
 */
#ifndef STSS3_SIGV4_H
#define STSS3_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "timestamp.h"
#include "uri.h"

#define STSS3_SHA256_HEX       65 /* with the NUL */
#define STSS3_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define STSS3_EMPTY_SHA256     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Without EVP, which exit() takes down under a caller's thread that is still in a call. */
void stss3_sha256_hex(const void *data, size_t len, char out[STSS3_SHA256_HEX]);

/* Who signs, and for which place.  Views; session_token is NULL for long-term keys. */
struct stss3_signer {
    const char *access_key, *secret_key, *session_token;
    const char *region, *service;
};

/*
 * The key that a day's requests are signed with.  Deriving it costs four times what a request's own
 * signature does, so it is kept: a signing call renews it by itself when day, place, access key or
 * secret are other ones (an access key may get a new secret).  Zeroed is empty.  One thread at a
 * time.
 */
struct stss3_signing_key {
    char access_key[132], secret_key[132], region[68], service[20];
    char day[STSS3_DAY_MAX];
    uint8_t key[32];
};

void stss3_signing_key_clear(struct stss3_signing_key *key); /* wipes */
/* Makes key the signer's for the day of time_ns, unless it is that already.  False: no memory. */
bool stss3_signing_key_renew(struct stss3_signing_key *key, const struct stss3_signer *signer,
                             int64_t time_ns);

struct stss3_header {
    const char *name, *value;
};

/* The flags, all or none; S3 has none of the two about the path. */
#define STSS3_SIGN_ENCODE_PATH    0x1u /* encode the wire path once more */
#define STSS3_SIGN_NORMALIZE_PATH 0x2u /* drop "." and "..", merge slashes */
#define STSS3_SIGN_PAYLOAD_HEADER 0x4u /* x-amz-content-sha256 is sent: S3 demands it */
#define STSS3_SIGN_FOR_S3         STSS3_SIGN_PAYLOAD_HEADER
#define STSS3_SIGN_FOR_OTHERS     (STSS3_SIGN_ENCODE_PATH | STSS3_SIGN_NORMALIZE_PATH)

#define STSS3_SIGN_HEADERS 32 /* a request's own headers, at most */

struct stss3_sign_request {
    const char *method;
    const char *path;                   /* as sent: begins with '/', encoded, no query */
    const struct stss3_query *query;    /* NULL: none */
    const struct stss3_header *headers; /* Host is one of them; what no proxy keeps is not signed */
    size_t n_headers;
    const char *payload_sha256; /* lower-case hex, or STSS3_UNSIGNED_PAYLOAD */
    unsigned flags;
};

/*
 * A signature and how it came about.  Zeroed is empty; may be used again for the next request,
 * which then allocates nothing.  The canonical texts hold the session token.
 */
struct stss3_signature {
    char amz_date[STSS3_AMZ_DATE_MAX]; /* the header x-amz-date */
    char hex[STSS3_SHA256_HEX];
    struct plug_buf canonical_request, string_to_sign;
    struct plug_buf text; /* stss3_sign_headers: the header Authorization; _query: the query */
};

void stss3_signature_clear(struct stss3_signature *s); /* wipes */

/*
 * Signs the request's headers and those that are the signature's own, which the caller must send
 * beside them and must not have among request->headers:
 *   x-amz-date            s->amz_date
 *   x-amz-security-token  signer->session_token, when not NULL
 *   x-amz-content-sha256  request->payload_sha256, with STSS3_SIGN_PAYLOAD_HEADER
 *   Authorization         the text of s->text
 * False: no memory.
 */
bool stss3_sign_headers(const struct stss3_signer *signer, const struct stss3_sign_request *request,
                        int64_t time_ns, struct stss3_signing_key *key, struct stss3_signature *s);

/*
 * Signs into the query: s->text becomes the whole query, request->query included, to be put behind
 * path and '?'.  Whoever uses the URL must send request->headers as they are: give Host, and what
 * else the client promises to send.  S3 takes 1 to 604,800 s.  For S3, payload_sha256 is
 * STSS3_UNSIGNED_PAYLOAD.  STSS3_SIGN_PAYLOAD_HEADER means nothing here.  False: no memory.
 */
bool stss3_sign_query(const struct stss3_signer *signer, const struct stss3_sign_request *request,
                      int64_t time_ns, uint32_t expires_s, struct stss3_signing_key *key,
                      struct stss3_signature *s);

#endif
