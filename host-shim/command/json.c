/* SPDX-License-Identifier: Apache-2.0 */
/* json: knows RFC 8259's strings; the nesting is the caller's business. */
#include "json.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/*
 * The length of the UTF-8 sequence at text, 0 when it is none: too long for its value, a surrogate,
 * beyond U+10FFFF, or cut off.
 */
static size_t sequence_length(const unsigned char *text)
{
    unsigned char first = text[0], low = 0x80, high = 0xbf;
    size_t length;
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        length = 2;
    else if (first >= 0xe0 && first <= 0xef)
        length = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        length = 4;
    else
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    }
    return length;
}

static void put_string(FILE *out, const char *value)
{
    const unsigned char *text = (const unsigned char *)value;
    fputc('"', out);
    while (*text != '\0') {
        size_t length = sequence_length(text);
        if (length == 0)
            fputs("\\ufffd", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if (*text < 0x20 || *text == 0x7f)
            fprintf(out, "\\u%04x", *text);
        else
            fwrite(text, 1, length, out);
        text += length > 0 ? length : 1;
    }
    fputc('"', out);
}

static void begin(struct json *json, const char *name)
{
    if (json->needs_comma)
        fputs(", ", json->out);
    if (name != NULL) {
        put_string(json->out, name);
        fputs(": ", json->out);
    }
    json->needs_comma = true;
}

void json_open(struct json *json, const char *name, char bracket)
{
    begin(json, name);
    fputc(bracket, json->out);
    json->needs_comma = false;
}

void json_close(struct json *json, char bracket)
{
    fputc(bracket, json->out);
    json->needs_comma = true;
}

void json_text(struct json *json, const char *name, const char *value)
{
    begin(json, name);
    if (value == NULL)
        fputs("null", json->out);
    else
        put_string(json->out, value);
}

void json_raw(struct json *json, const char *name, const char *value)
{
    begin(json, name);
    for (; *value != '\0'; value++) {
        /* One document is one line: line feeds stand only between the tokens of JSON. */
        fputc(*value == '\n' ? ' ' : *value, json->out);
    }
}

void json_number(struct json *json, const char *name, uint64_t value)
{
    begin(json, name);
    fprintf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *name, bool value)
{
    begin(json, name);
    fputs(value ? "true" : "false", json->out);
}
