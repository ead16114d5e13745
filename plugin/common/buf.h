/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one growable buffer.  A failed allocation is remembered: append as often as you like and ask
 * once, with plug_buf_failed().  The bytes are always followed by a NUL that does not count.
 */
#ifndef PLUG_BUF_H
#define PLUG_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plug_buf {
    char *data; /* never NULL after the first append that did not fail; else may be */
    size_t len, cap;
    bool failed;
};

void plug_buf_clear(struct plug_buf *b); /* frees */
void plug_buf_wipe(struct plug_buf *b);  /* overwrites, then frees: for what held a secret */
void plug_buf_reset(struct plug_buf *b); /* empties, keeps the memory and forgets a failure */
void plug_buf_add(struct plug_buf *b, const void *data, size_t len);
void plug_buf_str(struct plug_buf *b, const char *text);
void plug_buf_char(struct plug_buf *b, char c);
void plug_buf_printf(struct plug_buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline bool plug_buf_failed(const struct plug_buf *b)
{
    return b->failed;
}
/* The text, "" when empty.  Valid until the next append. */
const char *plug_buf_text(const struct plug_buf *b);
/* Hands the memory over to the caller, who frees it; NULL when an append failed.  An empty buffer
 * gives "". */
char *plug_buf_steal(struct plug_buf *b);

/* Overwrites a text on the heap, then frees it: for a secret.  Takes NULL. */
void plug_text_wipe(char *text);

#endif
