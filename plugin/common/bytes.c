/* SPDX-License-Identifier: Apache-2.0 */
#include "bytes.h"

#include <string.h>
#include <sys/random.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char ALPHABET_URL[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void plug_hex(const uint8_t *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

static void encode(struct plug_buf *out, const uint8_t *data, size_t len, const char *alphabet,
                   bool is_padded)
{
    for (size_t i = 0; i < len; i += 3) {
        const size_t rest = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)data[i] << 16;
        if (rest > 1)
            v |= (uint32_t)data[i + 1] << 8;
        if (rest > 2)
            v |= data[i + 2];
        char quad[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63],
                        alphabet[v & 63]};
        for (size_t j = rest + 1; j < 4; j++)
            quad[j] = '=';
        plug_buf_add(out, quad, is_padded ? 4 : rest + 1);
    }
}

void plug_base64(struct plug_buf *out, const uint8_t *data, size_t len)
{
    encode(out, data, len, ALPHABET, true);
}

void plug_base64url(struct plug_buf *out, const uint8_t *data, size_t len)
{
    encode(out, data, len, ALPHABET_URL, false);
}

bool plug_base64url_decode(struct plug_buf *out, const char *text, size_t len)
{
    uint32_t v = 0;
    unsigned bits = 0;
    if (len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char *at = text[i] == '\0' ? NULL : strchr(ALPHABET_URL, text[i]);
        if (at == NULL)
            return false;
        v = v << 6 | (uint32_t)(at - ALPHABET_URL);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            plug_buf_char(out, (char)(v >> bits & 0xff));
            v &= (1u << bits) - 1;
        }
    }
    return v == 0; /* left-over bits must be zero: one text for one value */
}

bool plug_uuid(char out[37])
{
    uint8_t random[16];
    /* Not OpenSSL's: its first use in a process reads files, and an upload_open does no I/O (UP-1).
     * 16 bytes come whole or not at all. */
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40);
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    plug_uuid_of(random, out);
    return true;
}

void plug_uuid_of(const uint8_t bytes[16], char out[37])
{
    char hex[33];
    size_t at = 0;
    plug_hex(bytes, 16, hex);
    for (size_t i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[at++] = '-';
        out[at++] = hex[i];
    }
    out[at] = '\0';
}
