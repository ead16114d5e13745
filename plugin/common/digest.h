/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running SHA-256 and SHA-512 whose state can be saved and taken up again in another process.
 * OpenSSL's EVP cannot export a state, so this uses the low-level functions; the saved form is our
 * own, fixed-endian and versioned, so that it outlives an upgrade of OpenSSL.  It bypasses a FIPS
 * provider: the digests name content here, they are no security function of the module.
 */
#ifndef PLUG_DIGEST_H
#define PLUG_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regstore.h"

#define PLUG_DIGEST_SAVED_MAX 320

/* In one go, without EVP, whose first use in a process reads OpenSSL's configuration. */
void plug_sha256(const void *data, size_t len, uint8_t out[32]);

struct plug_digest; /* one for an upload: the algorithms that REGSTORE_UPLOAD_SHA256/512 ask for */

/* NULL: no memory.  flags: REGSTORE_UPLOAD_SHA256, REGSTORE_UPLOAD_SHA512 or none. */
struct plug_digest *plug_digest_new(uint64_t flags);
void plug_digest_free(struct plug_digest *d);
void plug_digest_update(struct plug_digest *d, const void *data, size_t len);
uint64_t plug_digest_length(const struct plug_digest *d); /* bytes so far */

/* Saves the state into out; returns its length, at most PLUG_DIGEST_SAVED_MAX. */
size_t plug_digest_save(const struct plug_digest *d, uint8_t out[PLUG_DIGEST_SAVED_MAX]);
/* Whether the bytes are a saved state; if so, load fails for memory alone. */
bool plug_digest_is_saved(const uint8_t *saved, size_t len);
/* NULL: no memory, or the bytes are no saved state. */
struct plug_digest *plug_digest_load(const uint8_t *saved, size_t len);

/* "sha256:<hex>" or "sha512:<hex>" of the bytes so far; algorithm is "sha256" or "sha512".
 * UNSUPPORTED: not asked for at open, or unknown.  RANGE: cap is too small; REGSTORE_DIGEST_MAX
 * always suffices. */
regstore_status plug_digest_text(const struct plug_digest *d, const char *algorithm, char *out,
                                 size_t cap);

/* Compares with a digest as a host writes it.  OK: equal.  DIGEST: not.  INVALID: not of the form
 * "sha256:<64 lower-case hex>", or its algorithm was not asked for. */
regstore_status plug_digest_compare(const struct plug_digest *d, const char *expected);

#endif
