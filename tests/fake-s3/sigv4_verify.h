/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 4 from the server's side, pure: no clock, no keys, no verdict.
 *
 * Written from "Create a signed AWS API request" (IAM User Guide) and "Authenticating Requests
 * (AWS Signature Version 4)" (S3 API Reference), over the request line as it came.
 */
#ifndef FAKE_S3_SIGV4_VERIFY_H
#define FAKE_S3_SIGV4_VERIFY_H

#include <stdbool.h>

#include "text.h"

/* How the canonical path comes from the one in the request line. */
enum path_rule {
    PATH_S3,       /* decoded, then encoded once: `//`, `.` and `..` are part of a key */
    PATH_NORMAL,   /* every other service: normalised, then encoded over what is there */
    PATH_AS_IT_IS, /* the same without normalising */
};

/* The request as it came. */
struct signed_request {
    const char *method;
    const char *path;  /* raw, without the query */
    const char *query; /* raw, without the question mark */
    const struct fields *headers;
};

/* What a request says of its signature. */
struct claim {
    bool is_in_query;
    char *algorithm;
    char *access_key, *date, *region, *service, *terminator; /* the five words of Credential */
    char *signed_headers;                                    /* as sent: a;b;c */
    char *signature;
    char *amz_date;
};

enum { SIGNING_KEY_BYTES = 32, SIGNATURE_HEX = 64 };

void claim_clear(struct claim *c);

/* Takes "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=..." apart. What is missing
 * stays NULL; false where a part has no `=` or comes twice. */
bool claim_read_header(struct claim *c, const char *authorization);

/* The same of X-Amz-* in the (decoded) query. */
void claim_read_query(struct claim *c, const struct fields *query);

/* The part before the first slash is the key's id, which may hold slashes of its own. False unless
 * there are five parts. */
bool claim_read_credential(struct claim *c, const char *credential);

bool claim_signs(const struct claim *c, const char *header_name);

void canonical_request(struct text *to, const struct signed_request *request, const struct claim *c,
                       enum path_rule rule, const char *payload_hash);
void string_to_sign(struct text *to, const struct claim *c, const char *canonical);

void signing_key(unsigned char key[SIGNING_KEY_BYTES], const char *secret, const struct claim *c);
void sign_text(char hex[SIGNATURE_HEX + 1], const unsigned char key[SIGNING_KEY_BYTES],
               const char *text);

void sha256_hex(char hex[65], const void *bytes, size_t length);

#endif
