/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a request is signed by whom it names; false: refused. Under the server's lock. */
#ifndef FAKE_S3_AUTHENTICATE_H
#define FAKE_S3_AUTHENTICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "sigv4_verify.h"

struct exchange;

/* By its headers alone: the body's hash is one of them. */
bool authenticate_s3(struct exchange *x);
/* Of STS the body's own hash is signed, so that all of it must be there. */
bool authenticate_sts(struct exchange *x);

enum { SKEW_MS = 15 * 60 * 1000 };

enum token_state { TOKEN_GOOD, TOKEN_WRONG, TOKEN_EXPIRED, KEY_UNKNOWN };

/* Finds out whose key it is and whether the token belongs to it. */
enum token_state find_caller(struct exchange *x, const char *token);

/* Compares the signature. Fills in what was signed, for the answer. */
bool signature_matches(struct exchange *x, enum path_rule rule, const char *payload_hash,
                       struct text *canonical, struct text *to_sign);

#endif
