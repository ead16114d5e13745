/* SPDX-License-Identifier: Apache-2.0 */
/* A scanner that goes over the text once; of what is not wanted only the form is looked at. */
#include "json_fields.h"

#include <stdint.h>
#include <string.h>

struct scanner {
    const char *at, *end;
    const char *wrong;                   /* the first thing that was */
    bool is_array[STSS3_JSON_DEPTH_MAX]; /* what is open, the outermost first; else an object */
    unsigned depth;
    struct plug_buf name; /* of the member that is being read, at depth 1 */
    struct stss3_json_field *fields;
    size_t n;
};

/* True, so that it can stand where a reader gives up. */
static bool fail(struct scanner *s, const char *words)
{
    if (s->wrong == NULL)
        s->wrong = words;
    return false;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* The next byte that is no space, not taken; '\0' at the end, which no JSON has outside texts. */
static char peek(struct scanner *s)
{
    skip_space(s);
    return s->at < s->end ? *s->at : '\0';
}

static bool take(struct scanner *s, char c)
{
    if (peek(s) != c)
        return false;
    s->at++;
    return true;
}

static void add(struct plug_buf *out, const char *data, size_t len)
{
    if (out != NULL)
        plug_buf_add(out, data, len);
}

static void add_code_point(struct plug_buf *out, uint32_t c)
{
    char utf8[4];
    size_t n;
    if (c < 0x80) {
        utf8[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6);
        n = 2;
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xe0 | c >> 12);
        n = 3;
    } else {
        utf8[0] = (char)(0xf0 | c >> 18);
        n = 4;
    }
    for (size_t i = 1; i < n; i++)
        utf8[i] = (char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
    add(out, utf8, n);
}

static bool read_hex4(struct scanner *s, uint32_t *out)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    *out = 0;
    if (s->end - s->at < 4)
        return fail(s, "ends in the middle of a text");
    for (int i = 0; i < 4; i++) {
        const char *digit = *s->at == '\0' ? NULL : strchr(digits, *s->at);
        if (digit == NULL)
            return fail(s, "has a \\u without four hex digits");
        *out = *out << 4 | ((uint32_t)(digit - digits) & 15);
        s->at++;
    }
    return true;
}

/* After "\u".  What lies beyond the first plane comes as two of them. */
static bool read_unicode(struct scanner *s, struct plug_buf *out)
{
    uint32_t c, low;
    if (!read_hex4(s, &c))
        return false;
    if (c == 0)
        return fail(s, "has a \\u0000 in a text");
    if (c >= 0xdc00 && c < 0xe000)
        return fail(s, "has half a character (a low surrogate alone)");
    if (c >= 0xd800 && c < 0xdc00) {
        if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return fail(s, "has half a character (a high surrogate alone)");
        s->at += 2;
        if (!read_hex4(s, &low))
            return false;
        if (low < 0xdc00 || low >= 0xe000)
            return fail(s, "has half a character (a high surrogate alone)");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    add_code_point(out, c);
    return true;
}

static bool read_escape(struct scanner *s, struct plug_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (s->at == s->end)
        return fail(s, "ends in the middle of a text");
    const char c = *s->at++;
    if (c == 'u')
        return read_unicode(s, out);
    const char *known = c == '\0' ? NULL : strchr(from, c);
    if (known == NULL)
        return fail(s, "has an escape in a text that JSON does not have");
    add(out, &to[known - from], 1);
    return true;
}

/* The length of the UTF-8 character that stands there, 0 when none does.  No overlong form, no
 * surrogate, nothing above U+10FFFF. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    const size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n == 0 || n > left || p[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* out NULL: only looked at. */
static bool read_string(struct scanner *s, struct plug_buf *out)
{
    if (!take(s, '"'))
        return fail(s, "has no text where one must be");
    while (s->at < s->end) {
        const unsigned char c = (unsigned char)*s->at;
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return fail(s, "has a control character in a text");
        if (c == '\\') {
            s->at++;
            if (!read_escape(s, out))
                return false;
            continue;
        }
        const size_t n = utf8_length((const unsigned char *)s->at, (size_t)(s->end - s->at));
        if (n == 0)
            return fail(s, "has a text that is not UTF-8");
        add(out, s->at, n);
        s->at += n;
    }
    return fail(s, "ends in the middle of a text");
}

static bool read_digits(struct scanner *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from || fail(s, "has a number that JSON does not have");
}

static bool read_number(struct scanner *s, struct plug_buf *out)
{
    const char *from = s->at;
    if (*s->at == '-')
        s->at++;
    const char *first = s->at;
    if (!read_digits(s))
        return false;
    if (*first == '0' && s->at - first > 1)
        return fail(s, "has a number that JSON does not have");
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!read_digits(s))
            return false;
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        if (!read_digits(s))
            return false;
    }
    add(out, from, (size_t)(s->at - from));
    return true;
}

static bool read_word(struct scanner *s, const char *word)
{
    const size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return fail(s, "is not JSON");
    s->at += len;
    return true;
}

static struct stss3_json_field *find_field(const struct scanner *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->fields[i].name, plug_buf_text(&s->name)) == 0)
            return &s->fields[i];
    return NULL;
}

static bool open_one(struct scanner *s, bool is_array)
{
    if (s->depth == STSS3_JSON_DEPTH_MAX)
        return fail(s, "has too many things inside each other");
    s->at++;
    s->is_array[s->depth++] = is_array;
    return true;
}

/* A value without others inside, or the beginning of one that has: then *is_open. */
static bool read_value(struct scanner *s, struct stss3_json_field *field, bool *is_open)
{
    struct plug_buf *out = field == NULL ? NULL : field->text;
    const char c = peek(s);
    *is_open = c == '{' || c == '[';
    if (*is_open)
        return field != NULL ? fail(s, "has an object or a list where a text must be")
                             : open_one(s, c == '[');
    if (c == 'n')
        return read_word(s, "null");
    if (field != NULL)
        field->is_given = true;
    if (c == '"')
        return read_string(s, out);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(s, out);
    if (c == 't' || c == 'f') {
        const char *word = c == 't' ? "true" : "false";
        if (out != NULL)
            plug_buf_str(out, word);
        return read_word(s, word);
    }
    return fail(s, s->at == s->end ? "ends early" : "is not JSON");
}

/* The name of a member and its ':'; the field that is wanted by it, or NULL. */
static bool read_name(struct scanner *s, struct stss3_json_field **field)
{
    *field = NULL;
    plug_buf_reset(&s->name);
    if (!read_string(s, s->depth == 1 ? &s->name : NULL))
        return false;
    if (plug_buf_failed(&s->name) && s->n > 0) {
        s->fields[0].text->failed = true; /* the wanted one may have been this */
        return fail(s, "found no memory");
    }
    if (!take(s, ':'))
        return fail(s, s->at == s->end ? "ends early" : "has a name without a value");
    if (s->depth != 1)
        return true;
    *field = find_field(s);
    if (*field != NULL && (*field)->is_given)
        return fail(s, "has a member twice");
    return true;
}

/* Goes on to the next member or element, closing what ends before it.  False: all is closed. */
static bool next_one(struct scanner *s)
{
    while (s->depth > 0) {
        if (take(s, ','))
            return true;
        if (!take(s, s->is_array[s->depth - 1] ? ']' : '}')) {
            (void)fail(s, s->at == s->end ? "ends early" : "is not JSON");
            return false;
        }
        s->depth--;
    }
    return false;
}

static void read_object(struct scanner *s)
{
    bool is_open = true; /* nothing of what was opened last has been read */
    if (peek(s) != '{') {
        (void)fail(s, s->at == s->end ? "is empty" : "is no JSON object");
        return;
    }
    (void)open_one(s, false);
    do {
        struct stss3_json_field *field = NULL;
        const bool is_array = s->is_array[s->depth - 1];
        if (is_open && peek(s) == (is_array ? ']' : '}')) {
            is_open = false; /* next_one() closes it */
            continue;
        }
        if ((!is_array && !read_name(s, &field)) || !read_value(s, field, &is_open))
            return;
    } while (is_open || next_one(s));
}

const char *stss3_json_fields(const char *text, size_t len, struct stss3_json_field *fields,
                              size_t n)
{
    struct scanner s = {.at = text, .end = text + len, .fields = fields, .n = n};
    for (size_t i = 0; i < n; i++)
        fields[i].is_given = false;
    if (len > STSS3_JSON_BYTES_MAX)
        return "is too long";
    read_object(&s);
    if (s.wrong == NULL && (peek(&s) != '\0' || s.at < s.end))
        (void)fail(&s, "has something behind its end");
    plug_buf_wipe(&s.name);
    return s.wrong;
}
