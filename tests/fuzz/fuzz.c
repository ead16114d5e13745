/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_broken(const char *claim, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
    abort();
}

uint8_t fuzz_byte(struct fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

uint64_t fuzz_number(struct fuzz_input *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 8)
        value |= (uint64_t)fuzz_byte(in) << shift;
    return value;
}

char *fuzz_copy(const uint8_t *data, size_t len)
{
    const size_t text_len = strnlen((const char *)data, len);
    char *text = malloc(text_len + 1);
    FUZZ_HOLDS(text != NULL);
    memcpy(text, data, text_len);
    text[text_len] = '\0';
    return text;
}

char *fuzz_line(struct fuzz_input *in)
{
    static const uint8_t nothing[1];
    const uint8_t *end = in->left == 0 ? NULL : memchr(in->at, '\n', in->left);
    const size_t len = end == NULL ? in->left : (size_t)(end - in->at);
    char *text = fuzz_copy(in->left == 0 ? nothing : in->at, len);
    in->left -= end == NULL ? len : len + 1;
    in->at += end == NULL ? len : len + 1;
    return text;
}

char *fuzz_rest(struct fuzz_input *in)
{
    static const uint8_t nothing[1];
    char *text = fuzz_copy(in->left == 0 ? nothing : in->at, in->left);
    in->at += in->left;
    in->left = 0;
    return text;
}

/* Decodes by the table of RFC 3629, one code point at a time; 0 for what is none. */
static size_t code_point(const unsigned char *p, uint32_t *out)
{
    static const struct {
        unsigned char mask, lead;
        size_t len;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800},
                 {0xf8, 0xf0, 4, 0x10000}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if ((p[0] & forms[i].mask) != forms[i].lead)
            continue;
        uint32_t value = p[0] & (unsigned char)~forms[i].mask;
        for (size_t j = 1; j < forms[i].len; j++) {
            if ((p[j] & 0xc0) != 0x80)
                return 0;
            value = value << 6 | (p[j] & 0x3fu);
        }
        *out = value;
        return value < forms[i].least || value > 0x10ffff || (value >> 11) == 0x1b ? 0
                                                                                  : forms[i].len;
    }
    return 0;
}

bool fuzz_is_printable(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p != '\0') {
        uint32_t value = 0;
        const size_t len = code_point(p, &value);
        if (len == 0 || value < 0x20 || (value >= 0x7f && value < 0xa0))
            return false;
        p += len;
    }
    return true;
}

bool fuzz_is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

bool fuzz_has(const void *data, size_t size, const char *text)
{
    return size != 0 && memmem(data, size, text, strlen(text)) != NULL;
}

void fuzz_check_error(const struct regstore_error *error)
{
    FUZZ_HOLDS(memchr(error->message, '\0', sizeof error->message) != NULL);
    FUZZ_HOLDS(memchr(error->code, '\0', sizeof error->code) != NULL);
    FUZZ_HOLDS(memchr(error->request_id, '\0', sizeof error->request_id) != NULL);
    FUZZ_HOLDS(error->message[0] != '\0');
    FUZZ_HOLDS(fuzz_is_printable(error->message));
    FUZZ_HOLDS(fuzz_is_ascii(error->code));
    FUZZ_HOLDS(fuzz_is_ascii(error->request_id));
    FUZZ_HOLDS(error->retryable <= 1);
    FUZZ_HOLDS(error->retry_after_ms <= UINT64_C(86400000));
}
