/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire form of a resume token: printable, checked against damage, versioned, and the reading
 * and writing of what is inside.  What is inside is the plugin's own; that it opens nothing outside
 * the store is the plugin's check, since a checksum is no signature (TOK-6).
 */
#ifndef PLUG_TOKEN_H
#define PLUG_TOKEN_H

#include "buf.h"
#include "call.h"

/* "<magic>." + base64url(body + 8 bytes of its SHA-256).  RANGE when it would not be shorter than
 * cap; NO_MEMORY. */
regstore_status plug_token_seal(struct plug_call *call, const char *magic,
                                const struct plug_buf *body, char *token, size_t cap);
/* The other way; INVALID when the magic is another one (the message says whose token it may be),
 * the form is wrong or a bit has changed.  body must be empty. */
regstore_status plug_token_open(struct plug_call *call, const char *magic, const char *token,
                                struct plug_buf *body);

/* Inside: numbers as LEB128, bytes with their length before them. */
void plug_put_number(struct plug_buf *b, uint64_t value);
void plug_put_bytes(struct plug_buf *b, const void *data, size_t len);
void plug_put_text(struct plug_buf *b, const char *text); /* NULL is told from "" */

struct plug_cursor {
    const uint8_t *at, *end;
    bool failed; /* something did not fit; all that is read afterwards is zero or empty */
    bool has_no_memory; /* failed for that alone: nothing is wrong with the token */
};
uint64_t plug_get_number(struct plug_cursor *c);
/* A view into the body; *len is set; NULL and failed when it does not fit. */
const uint8_t *plug_get_bytes(struct plug_cursor *c, size_t *len);
/* A copy on the heap, which the caller frees; NULL for NULL, on failure (failed is set then), and
 * when the text holds a NUL (failed). */
char *plug_get_text(struct plug_cursor *c);

#endif
