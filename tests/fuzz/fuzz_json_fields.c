/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON of credential sources.  Input: the JSON; and the same bytes as the values of one that is
 * made here, which must come back as they were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

#include "fuzz.h"

#define FIELDS 4

struct picked {
    struct plug_buf texts[FIELDS];
    struct stss3_json_field fields[FIELDS];
    const char *wrong;
};

static void pick(const char *text, size_t len, struct picked *p)
{
    static const char *const names[FIELDS] = {"AccessKeyId", "SecretAccessKey", "Expiration",
                                              "Version"};
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < FIELDS; i++)
        p->fields[i] = (struct stss3_json_field){.name = names[i], .text = &p->texts[i]};
    p->wrong = stss3_json_fields(text, len, p->fields, FIELDS);
}

static void clear(struct picked *p)
{
    for (size_t i = 0; i < FIELDS; i++)
        plug_buf_clear(&p->texts[i]);
}

/* Well-formed UTF-8; control characters may have come as \u. */
static bool is_utf8(const char *text)
{
    char *copy = strdup(text);
    FUZZ_HOLDS(copy != NULL);
    for (unsigned char *p = (unsigned char *)copy; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = ' ';
        else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            p[1] = 0xa0;
    }
    const bool is_good = fuzz_is_printable(copy);
    free(copy);
    return is_good;
}

static void check_any(const char *text, size_t len)
{
    struct picked p, again;
    pick(text, len, &p);
    if (p.wrong != NULL) {
        FUZZ_HOLDS(p.wrong[0] != '\0' && fuzz_is_ascii(p.wrong));
        clear(&p);
        return;
    }
    for (size_t i = 0; i < FIELDS; i++) {
        FUZZ_HOLDS(p.fields[i].is_given || p.texts[i].len == 0);
        FUZZ_HOLDS(strlen(plug_buf_text(&p.texts[i])) == p.texts[i].len);
        FUZZ_HOLDS(is_utf8(plug_buf_text(&p.texts[i])));
    }
    /* Spaces around it change nothing; cut off, it is none; with more behind it, it is none. */
    struct plug_buf wide = {0};
    plug_buf_str(&wide, " \r\n\t");
    plug_buf_add(&wide, text, len);
    plug_buf_str(&wide, "\n ");
    if (wide.len <= STSS3_JSON_BYTES_MAX) {
        pick(wide.data, wide.len, &again);
        FUZZ_HOLDS(again.wrong == NULL);
        for (size_t i = 0; i < FIELDS; i++)
            FUZZ_HOLDS(strcmp(plug_buf_text(&p.texts[i]), plug_buf_text(&again.texts[i])) == 0);
        clear(&again);
        const size_t end = wide.len - 1;
        wide.data[end] = '}';
        pick(wide.data, wide.len, &again);
        FUZZ_HOLDS(again.wrong != NULL);
        clear(&again);
        size_t last = end - 1;
        while (wide.data[last] != '}')
            last--;
        pick(wide.data, last, &again);
        FUZZ_HOLDS(again.wrong != NULL);
        clear(&again);
    }
    plug_buf_clear(&wide);
    clear(&p);
}

/* Writes a text in one of the forms that JSON has for it. */
static void put_text(struct plug_buf *out, const char *text, uint8_t form)
{
    plug_buf_char(out, '"');
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == '"' || c == '\\' || (c < 0x80 && form % 3 == 1))
            plug_buf_printf(out, form % 2 == 0 ? "\\u%04x" : "\\u%04X", (unsigned)c);
        else if (c == '/' && form % 3 == 2)
            plug_buf_str(out, "\\/");
        else
            plug_buf_char(out, (char)c);
    }
    plug_buf_char(out, '"');
}

/* Between decoys: the same names deeper down, and others. */
static void check_own(const char *text, uint8_t form)
{
    struct plug_buf json = {0};
    struct picked p;
    plug_buf_str(&json, "{\"Other\":{\"SecretAccessKey\":\"decoy\",\"x\":[{\"Version\":2}]},");
    plug_buf_str(&json, form % 2 == 0 ? "\"SecretAccessKey\" : " : "\"Secret\\u0041ccessKey\":");
    put_text(&json, text, form);
    plug_buf_str(&json, ",\"Version\":1,\"Expiration\":null,\"Last\":");
    put_text(&json, text, (uint8_t)(form + 1));
    plug_buf_str(&json, "}");
    if (json.len <= STSS3_JSON_BYTES_MAX && is_utf8(text)) {
        pick(json.data, json.len, &p);
        FUZZ_HOLDS(p.wrong == NULL);
        FUZZ_HOLDS(strcmp(plug_buf_text(&p.texts[1]), text) == 0);
        FUZZ_HOLDS(strcmp(plug_buf_text(&p.texts[3]), "1") == 0);
        FUZZ_HOLDS(!p.fields[0].is_given && !p.fields[2].is_given);
        clear(&p);
    }
    plug_buf_clear(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    check_any((const char *)data, size);
    const uint8_t form = size == 0 ? 0 : data[size - 1];
    char *text = fuzz_rest(&in);
    check_own(text, form);
    free(text);
    return 0;
}
