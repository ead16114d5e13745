/* SPDX-License-Identifier: Apache-2.0 */
#include "printable.h"

#include <stdint.h>

size_t plug_utf8_length(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80)
        return 1;
    size_t len;
    uint32_t low, v;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2, low = 0x80, v = p[0] & 0x1fu;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3, low = 0x800, v = p[0] & 0x0fu;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4, low = 0x10000, v = p[0] & 0x07u;
    } else {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (p[i] & 0x3fu);
    }
    return v < low || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff) ? 0 : len;
}

bool plug_is_control(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

/* Bytes of the printable character at text; 0: it is none. */
static size_t printable_length(const char *text)
{
    const size_t len = plug_utf8_length(text);
    return len == 0 || plug_is_control(text) ? 0 : len;
}

bool plug_is_printable(const char *text)
{
    while (*text != '\0') {
        const size_t len = printable_length(text);
        if (len == 0)
            return false;
        text += len;
    }
    return true;
}

void plug_make_printable(char *text)
{
    while (*text != '\0') {
        const size_t len = printable_length(text);
        if (len == 0)
            *text = '?';
        text += len == 0 ? 1 : len;
    }
}
