/* SPDX-License-Identifier: Apache-2.0 */
/* Small codecs: hex, base64, base64url, random identifiers. */
#ifndef PLUG_BYTES_H
#define PLUG_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Lower-case hex and a NUL: out has 2 * len + 1 bytes. */
void plug_hex(const uint8_t *data, size_t len, char *out);
/* Appends; the url alphabet has no padding. */
void plug_base64(struct plug_buf *out, const uint8_t *data, size_t len);
void plug_base64url(struct plug_buf *out, const uint8_t *data, size_t len);
/* Appends the decoded bytes; false when the text is not base64url. */
bool plug_base64url_decode(struct plug_buf *out, const char *text, size_t len);
/* A random version-4 UUID in text form; false when the system gives no randomness. */
bool plug_uuid(char out[37]);
/* 16 bytes in the form of a UUID. */
void plug_uuid_of(const uint8_t bytes[16], char out[37]);

#endif
