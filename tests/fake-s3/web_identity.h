/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of OpenID Connect: JWTs with RS256, by the provider whose key the server was given. */
#ifndef FAKE_S3_WEB_IDENTITY_H
#define FAKE_S3_WEB_IDENTITY_H

#include <stdbool.h>

struct exchange;

/* What a token says of whom it is for; whole only where it is the provider's and has not ended. */
struct web_identity {
    char *subject, *audience,
        *issuer_host; /* the host and path of the issuer, as policies have it */
};

/* False: refused. */
bool web_identity_read(struct exchange *x, const char *token, struct web_identity *who);
void web_identity_clear(struct web_identity *who);

#endif
