/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "key.h"

#define CHECK_BYTES 8

/* Over the body and the magic, so that a body cannot pass for another plugin's. */
static bool checksum(const char *magic, const void *body, size_t len, uint8_t out[CHECK_BYTES])
{
    uint8_t full[32];
    struct plug_buf all = {0};
    plug_buf_add(&all, magic, strlen(magic) + 1);
    plug_buf_add(&all, body, len);
    const bool ok = !plug_buf_failed(&all);
    if (ok) {
        plug_sha256(all.data, all.len, full);
        memcpy(out, full, CHECK_BYTES);
    }
    plug_buf_clear(&all);
    return ok;
}

regstore_status plug_token_seal(struct plug_call *call, const char *magic,
                                const struct plug_buf *body, char *token, size_t cap)
{
    struct plug_buf raw = {0}, text = {0};
    uint8_t sum[CHECK_BYTES];
    regstore_status status = REGSTORE_OK;
    plug_buf_add(&raw, body->data, body->len);
    if (body->failed || !checksum(magic, body->data, body->len, sum)) {
        status = plug_no_memory(call);
        goto out;
    }
    plug_buf_add(&raw, sum, sizeof sum);
    plug_buf_printf(&text, "%s.", magic);
    plug_base64url(&text, (const uint8_t *)raw.data, raw.len);
    if (raw.failed || text.failed)
        status = plug_no_memory(call);
    else if (text.len >= cap)
        status = plug_fail(call, REGSTORE_RANGE, "the token needs %zu bytes", text.len + 1);
    else
        memcpy(token, text.data, text.len + 1);
out:
    plug_buf_clear(&raw);
    plug_buf_clear(&text);
    return status;
}

regstore_status plug_token_open(struct plug_call *call, const char *magic, const char *token,
                                struct plug_buf *body)
{
    const size_t magic_len = strlen(magic);
    uint8_t sum[CHECK_BYTES];
    if (strnlen(token, REGSTORE_TOKEN_MAX) == REGSTORE_TOKEN_MAX)
        return plug_fail(call, REGSTORE_INVALID, "the token is too long");
    if (!plug_starts_with(token, magic) || token[magic_len] != '.')
        return plug_fail(call, REGSTORE_INVALID,
                         "this is no token of this backend: it does not begin with '%s.'", magic);
    const char *text = token + magic_len + 1;
    const bool is_text = plug_base64url_decode(body, text, strlen(text));
    if (body->failed)
        return plug_no_memory(call);
    if (!is_text || body->len < CHECK_BYTES)
        return plug_fail(call, REGSTORE_INVALID, "the token is damaged");
    body->len -= CHECK_BYTES;
    if (!checksum(magic, body->data, body->len, sum))
        return plug_no_memory(call);
    if (memcmp(body->data + body->len, sum, sizeof sum) != 0)
        return plug_fail(call, REGSTORE_INVALID, "the token is damaged");
    return REGSTORE_OK;
}

void plug_put_number(struct plug_buf *b, uint64_t value)
{
    while (value >= 0x80) {
        plug_buf_char(b, (char)(value | 0x80));
        value >>= 7;
    }
    plug_buf_char(b, (char)value);
}

void plug_put_bytes(struct plug_buf *b, const void *data, size_t len)
{
    plug_put_number(b, len);
    plug_buf_add(b, data, len);
}

/* Length + 1, so that 0 means NULL. */
void plug_put_text(struct plug_buf *b, const char *text)
{
    plug_put_number(b, text == NULL ? 0 : strlen(text) + 1);
    if (text != NULL)
        plug_buf_str(b, text);
}

uint64_t plug_get_number(struct plug_cursor *c)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        const uint8_t byte = *c->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    c->failed = true;
    c->at = c->end;
    return 0;
}

const uint8_t *plug_get_bytes(struct plug_cursor *c, size_t *len)
{
    const uint64_t want = plug_get_number(c);
    *len = 0;
    if (c->failed || want > (uint64_t)(c->end - c->at)) {
        c->failed = true;
        c->at = c->end;
        return NULL;
    }
    const uint8_t *view = c->at;
    *len = (size_t)want;
    c->at += want;
    return view;
}

char *plug_get_text(struct plug_cursor *c)
{
    const uint64_t size = plug_get_number(c);
    if (c->failed || size == 0)
        return NULL;
    const uint64_t len = size - 1;
    if (len > (uint64_t)(c->end - c->at) || memchr(c->at, '\0', (size_t)len) != NULL) {
        c->failed = true;
        c->at = c->end;
        return NULL;
    }
    char *text = malloc((size_t)len + 1);
    if (text == NULL) {
        c->failed = c->has_no_memory = true;
        c->at = c->end;
        return NULL;
    }
    memcpy(text, c->at, (size_t)len);
    text[len] = '\0';
    c->at += len;
    return text;
}
