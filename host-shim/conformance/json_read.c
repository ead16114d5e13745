/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8259, strictly; nesting is counted, not recursed into. */
#include "json_read.h"

#include <stdint.h>
#include <string.h>

void json_read_init(struct json_read *r, char *document)
{
    *r = (struct json_read){.at = document, .name = "", .value = "", .is_first = true};
}

static void skip_blanks(struct json_read *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static bool read_hex(const char *at, uint32_t *code)
{
    *code = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *digit = at[i] == '\0' ? NULL : strchr(digits, at[i]);
        if (digit == NULL)
            return false;
        *code = *code * 16 + (uint32_t)(digit - digits) % 16;
    }
    return true;
}

/* Never longer than the escapes that it stands for. */
static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    const unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    const uint32_t mark[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (char)(mark[more] | code >> (6 * more));
    for (unsigned i = more; i-- > 0;)
        *to++ = (char)(0x80 | (code >> (6 * i) & 0x3f));
    return to;
}

/* At the four digits; NULL: no character, or one that ends a string in C. */
static const char *read_code(const char *at, char **to)
{
    uint32_t code, low;
    if (!read_hex(at, &code) || code == 0 || (code >= 0xdc00 && code < 0xe000))
        return NULL;
    at += 4;
    if (code >= 0xd800 && code < 0xdc00) {
        if (at[0] != '\\' || at[1] != 'u' || !read_hex(at + 2, &low) || low < 0xdc00 ||
            low > 0xdfff)
            return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    *to = put_utf8(*to, code);
    return at;
}

/* Behind the quote; NULL when it is none.  UTF-8 is taken as it is: a page shows what is wrong. */
static char *read_string(struct json_read *r)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char *const string = r->at, *to = r->at;
    const char *at = r->at;
    while (*at != '"') {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        at++;
        const char *simple = *at == '\0' ? NULL : strchr(from, *at);
        if (simple != NULL) {
            *to++ = into[simple - from];
            at++;
        } else if (*at != 'u' || (at = read_code(at + 1, &to)) == NULL) {
            return NULL;
        }
    }
    r->at = string + (at - string) + 1;
    *to = '\0';
    return string;
}

static bool is_number(const char *word)
{
    word += *word == '-';
    const size_t whole = strspn(word, "0123456789");
    if (whole == 0 || (word[0] == '0' && whole > 1))
        return false;
    word += whole;
    if (*word == '.') {
        const size_t part = strspn(++word, "0123456789");
        if (part == 0)
            return false;
        word += part;
    }
    if (*word == 'e' || *word == 'E') {
        word += word[1] == '+' || word[1] == '-' ? 2 : 1;
        const size_t power = strspn(word, "0123456789");
        if (power == 0)
            return false;
        word += power;
    }
    return *word == '\0';
}

/* Moves it onto the byte before, which has been read, so that there is room for its NUL. */
static enum json_kind read_word(struct json_read *r)
{
    const size_t len = strcspn(r->at, " \t\r\n,]}");
    if (r->depth == 0 || len == 0)
        return JSON_BAD;
    char *word = r->at - 1;
    memmove(word, r->at, len);
    word[len] = '\0';
    r->at += len;
    r->value = word;
    return is_number(word) || strcmp(word, "true") == 0 || strcmp(word, "false") == 0 ||
                   strcmp(word, "null") == 0
               ? JSON_WORD
               : JSON_BAD;
}

static enum json_kind read_value(struct json_read *r)
{
    switch (*r->at) {
    case '{':
    case '[':
        if (r->depth == JSON_DEPTH)
            return JSON_BAD;
        r->closing[r->depth++] = *r->at++ == '{' ? '}' : ']';
        r->is_first = true;
        return JSON_OPEN;
    case '"':
        if (r->depth == 0)
            return JSON_BAD;
        r->at++;
        r->value = read_string(r);
        return r->value != NULL ? JSON_TEXT : JSON_BAD;
    default:
        return read_word(r);
    }
}

static bool read_name(struct json_read *r)
{
    if (*r->at++ != '"')
        return false;
    r->name = read_string(r);
    if (r->name == NULL)
        return false;
    skip_blanks(r);
    if (*r->at++ != ':')
        return false;
    skip_blanks(r);
    return true;
}

enum json_kind json_read_next(struct json_read *r)
{
    skip_blanks(r);
    if (r->depth == 0 && !r->is_first)
        return *r->at == '\0' ? JSON_END : JSON_BAD;
    if (r->depth > 0 && *r->at == r->closing[r->depth - 1]) {
        r->at++;
        r->depth--;
        r->is_first = false;
        return JSON_CLOSE;
    }
    if (!r->is_first) {
        if (*r->at++ != ',')
            return JSON_BAD;
        skip_blanks(r);
    }
    r->is_first = false;
    r->name = "";
    if (r->depth > 0 && r->closing[r->depth - 1] == '}' && !read_name(r))
        return JSON_BAD;
    return read_value(r);
}
