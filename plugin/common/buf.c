/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plug_buf_clear(struct plug_buf *b)
{
    free(b->data);
    *b = (struct plug_buf){0};
}

void plug_buf_wipe(struct plug_buf *b)
{
    if (b->data != NULL)
        OPENSSL_cleanse(b->data, b->cap);
    plug_buf_clear(b);
}

void plug_text_wipe(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void plug_buf_reset(struct plug_buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

/* Makes room for len more bytes and a NUL.  The old block is wiped, not left to realloc: a buffer
 * that holds a secret must leave no copy behind. */
static bool reserve(struct plug_buf *b, size_t len)
{
    if (b->failed || len > SIZE_MAX / 4 - b->len) {
        b->failed = true;
        return false;
    }
    const size_t need = b->len + len + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap *= 2;
    char *data = malloc(cap);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    if (b->data != NULL) {
        memcpy(data, b->data, b->len);
        OPENSSL_cleanse(b->data, b->len);
        free(b->data);
    }
    data[b->len] = '\0';
    b->data = data;
    b->cap = cap;
    return true;
}

void plug_buf_add(struct plug_buf *b, const void *data, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len != 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void plug_buf_str(struct plug_buf *b, const char *text)
{
    plug_buf_add(b, text, strlen(text));
}

void plug_buf_char(struct plug_buf *b, char c)
{
    plug_buf_add(b, &c, 1);
}

void plug_buf_printf(struct plug_buf *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0)
        b->failed = true;
    if (len < 0 || !reserve(b, (size_t)len))
        return;
    va_start(arguments, format);
    (void)vsnprintf(b->data + b->len, (size_t)len + 1, format, arguments);
    va_end(arguments);
    b->len += (size_t)len;
}

const char *plug_buf_text(const struct plug_buf *b)
{
    return b->data == NULL ? "" : b->data;
}

char *plug_buf_steal(struct plug_buf *b)
{
    plug_buf_add(b, "", 0);
    char *text = b->failed ? NULL : b->data;
    if (text == NULL)
        free(b->data);
    *b = (struct plug_buf){0};
    return text;
}
