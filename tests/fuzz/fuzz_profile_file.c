/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's profile files, and the command line of credential_process.  Input: a byte of flags, and the
 * file; the same bytes are a command line, and the words of one that is made here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile_file.h"

#include "fuzz.h"

#define FIELDS 3

struct picked {
    struct plug_buf texts[FIELDS];
    struct stss3_profile_found found;
    const char *wrong;
};

static void pick(const struct plug_buf *file, uint8_t flags, struct picked *p)
{
    static const char *const names[FIELDS] = {"aws_secret_access_key", "role_arn", "s3"};
    struct stss3_profile_field fields[FIELDS];
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (struct stss3_profile_field){.name = names[i], .text = &p->texts[i]};
    p->wrong = stss3_profile_pick(plug_buf_text(file), file->len,
                                  (flags & 1) != 0 ? STSS3_PROFILE_CREDENTIALS
                                                   : STSS3_PROFILE_CONFIG,
                                  (flags & 2) != 0 ? "default" : "quay", fields, FIELDS, &p->found);
}

static void clear(struct picked *p)
{
    for (size_t i = 0; i < FIELDS; i++)
        plug_buf_clear(&p->texts[i]);
}

static bool is_same(const struct picked *a, const struct picked *b)
{
    bool same = a->wrong == b->wrong && a->found.is_there == b->found.is_there;
    for (size_t i = 0; i < FIELDS; i++)
        same &= strcmp(plug_buf_text(&a->texts[i]), plug_buf_text(&b->texts[i])) == 0;
    return same;
}

/* The same file with other line ends, other sections behind it, and comments. */
static void check_variants(const struct picked *p, const uint8_t *data, size_t size, uint8_t flags)
{
    static const char others[] = "\n# a comment\n[profile other]\naws_secret_access_key = x\n"
                                 "[sso-session quay]\nrole_arn=y\n";
    struct plug_buf variant = {0};
    struct picked again;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
            plug_buf_char(&variant, '\r');
        plug_buf_char(&variant, (char)data[i]);
    }
    if (size != 0 && data[size - 1] == '\r') /* a lone one is no line end */
        plug_buf_reset(&variant);
    if (variant.len != 0) {
        pick(&variant, flags, &again);
        FUZZ_HOLDS(is_same(p, &again));
        clear(&again);
    }
    plug_buf_reset(&variant);
    plug_buf_add(&variant, data, size);
    plug_buf_str(&variant, others);
    pick(&variant, flags, &again);
    FUZZ_HOLDS(is_same(p, &again));
    clear(&again);
    plug_buf_clear(&variant);
}

static void check_file(const uint8_t *data, size_t size, uint8_t flags)
{
    struct plug_buf file = {0};
    struct picked p;
    unsigned lines = 1;
    plug_buf_add(&file, data, size);
    pick(&file, flags, &p);
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (p.wrong != NULL) {
        FUZZ_HOLDS(fuzz_is_ascii(p.wrong) && p.wrong[0] != '\0');
        FUZZ_HOLDS(p.found.line >= 1 && p.found.line <= lines);
    } else {
        FUZZ_HOLDS(p.found.line == 0);
        for (size_t i = 0; i < FIELDS; i++) {
            FUZZ_HOLDS(p.texts[i].len == 0 || p.found.is_there);
            FUZZ_HOLDS(strlen(plug_buf_text(&p.texts[i])) == p.texts[i].len);
        }
        check_variants(&p, data, size, flags);
    }
    clear(&p);
    plug_buf_clear(&file);
}

/* Words that are quoted come back as they were. */
static void check_words(const char *text)
{
    struct plug_buf line = {0}, words = {0};
    size_t count = 0;
    plug_buf_str(&line, "  program ");
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr("\\\"' \t\r\n", *p) != NULL)
            plug_buf_char(&line, '\\');
        plug_buf_char(&line, *p);
    }
    plug_buf_str(&line, text[0] == '\0' ? " ''" : "");
    plug_buf_str(&line, "\t\"a \\\" b\" 'c \\ d'");
    FUZZ_HOLDS(stss3_words_split(plug_buf_text(&line), &words, &count));
    FUZZ_HOLDS(count == 4);
    const char *const expected[] = {"program", text, "a \" b", "c \\ d"};
    const char *at = plug_buf_text(&words);
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        FUZZ_HOLDS(strcmp(at, expected[i]) == 0);
    FUZZ_HOLDS(at == words.data + words.len);
    plug_buf_reset(&words);
    if (stss3_words_split(text, &words, &count)) {
        size_t ends = 0;
        for (size_t i = 0; i < words.len; i++)
            ends += words.data[i] == '\0';
        FUZZ_HOLDS(count >= 1 && ends == count && words.data[words.len - 1] == '\0');
        FUZZ_HOLDS(words.len <= strlen(text) + count);
    }
    plug_buf_clear(&line);
    plug_buf_clear(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    const uint8_t flags = fuzz_byte(&in);
    check_file(in.at, in.left, flags);
    char *text = fuzz_rest(&in);
    check_words(text);
    free(text);
    return 0;
}
