/* SPDX-License-Identifier: Apache-2.0 */
/* How bytes are written down: percent signs, hex, base64, XML. */
#include "codec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

void uri_encode(struct text *to, const char *s, size_t length, bool keeps_slash)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)s[i];
        if (is_unreserved(c) || (c == '/' && keeps_slash))
            text_add_n(to, s + i, 1);
        else
            text_format(to, "%%%02X", c);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *uri_decode(const char *s, size_t length, bool plus_is_space)
{
    char *decoded = grab(length + 1);
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        char c = s[i] == '+' && plus_is_space ? ' ' : s[i];
        if (c == '%') {
            bool has_two = length - i > 2;
            int high = has_two ? hex_digit(s[i + 1]) : -1;
            int low = has_two ? hex_digit(s[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) {
                free(decoded);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        decoded[n++] = c;
    }
    return decoded;
}

bool query_decode(const char *raw, struct fields *query)
{
    while (*raw != '\0') {
        size_t length = strcspn(raw, "&");
        const char *equals = memchr(raw, '=', length);
        size_t name_length = equals == NULL ? length : (size_t)(equals - raw);
        char *name = uri_decode(raw, name_length, true);
        char *value =
            equals == NULL ? copy_text("") : uri_decode(equals + 1, length - name_length - 1, true);
        bool is_good = name != NULL && value != NULL;
        if (is_good && length > 0)
            fields_add(query, name, value);
        free(name);
        free(value);
        if (!is_good)
            return false;
        raw += length;
        raw += *raw == '&';
    }
    return true;
}

void hex_encode(char *hex, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * length] = '\0';
}

bool is_hex(const char *s, size_t length)
{
    return strlen(s) == length && strspn(s, "0123456789abcdef") == length;
}

char *base64_encode(const unsigned char *bytes, size_t length)
{
    char *coded = grab((length + 2) / 3 * 4 + 1);
    (void)EVP_EncodeBlock((unsigned char *)coded, bytes, (int)length);
    return coded;
}

bool base64_decode(const char *s, unsigned char *bytes, size_t length)
{
    unsigned char decoded[128];
    size_t coded_length = strlen(s);
    if (coded_length != (length + 2) / 3 * 4 || coded_length / 4 * 3 > sizeof decoded)
        return false;
    if (EVP_DecodeBlock(decoded, (const unsigned char *)s, (int)coded_length) < 0)
        return false;
    char *again = base64_encode(decoded, length);
    bool is_canonical = strcmp(again, s) == 0;
    free(again);
    memcpy(bytes, decoded, length);
    return is_canonical;
}

void xml_escape(struct text *to, const char *value)
{
    for (; *value != '\0'; value++) {
        switch (*value) {
        case '&':
            text_add(to, "&amp;");
            break;
        case '<':
            text_add(to, "&lt;");
            break;
        case '>':
            text_add(to, "&gt;");
            break;
        case '"':
            text_add(to, "&quot;");
            break;
        case '\r':
            text_add(to, "&#13;");
            break;
        case '\n':
            text_add(to, "&#10;");
            break;
        default:
            /* S3 writes references to characters that XML 1.0 does not have: a reader who
             * wants such keys whole asks for encoding-type=url. */
            if ((unsigned char)*value < 0x20 && *value != '\t')
                text_format(to, "&#x%x;", (unsigned)*value);
            else
                text_add_n(to, value, 1);
        }
    }
}

void xml_element(struct text *to, const char *name, const char *value)
{
    text_format(to, "<%s>", name);
    xml_escape(to, value);
    text_format(to, "</%s>", name);
}

bool is_utf8(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    while (*p != '\0') {
        unsigned more = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        uint32_t point = more == 0 ? *p : *p & (0x3fU >> more);
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
            return false;
        for (unsigned i = 0; i < more; i++) {
            if ((*++p & 0xc0) != 0x80)
                return false;
            point = point << 6 | (*p & 0x3fU);
        }
        if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
            return false;
        p++;
    }
    return true;
}
