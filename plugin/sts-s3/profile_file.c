/* SPDX-License-Identifier: Apache-2.0 */
#include "profile_file.h"

#include <string.h>
#include <strings.h>

/* A piece of the text. */
struct piece {
    const char *at;
    size_t len;
};

struct reader {
    enum stss3_profile_kind kind;
    const char *profile;
    struct stss3_profile_field *fields;
    size_t n;
    struct stss3_profile_found *found;
    bool is_ours;              /* the section that is being read is the profile's */
    bool is_by_prefix;         /* [profile default] was seen: [default] does not count any more */
    bool has_section, has_key; /* since the section began */
    struct plug_buf *value;    /* what an indented line goes on with; NULL: nothing wanted */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct piece trim(struct piece p)
{
    while (p.len > 0 && is_blank(p.at[0])) {
        p.at++;
        p.len--;
    }
    while (p.len > 0 && is_blank(p.at[p.len - 1]))
        p.len--;
    return p;
}

/* Up to a '#' or ';' that has a blank before it, without the blanks. */
static struct piece without_comment(struct piece p)
{
    for (size_t i = 1; i < p.len; i++)
        if ((p.at[i] == '#' || p.at[i] == ';') && is_blank(p.at[i - 1])) {
            p.len = i;
            break;
        }
    return trim(p);
}

static bool is_text(struct piece p, const char *text)
{
    return strlen(text) == p.len && memcmp(p.at, text, p.len) == 0;
}

static struct piece unquoted(struct piece p)
{
    if (p.len >= 2 && (p.at[0] == '"' || p.at[0] == '\'') && p.at[p.len - 1] == p.at[0]) {
        p.at++;
        p.len -= 2;
    }
    return p;
}

/* What [default] has said counts no more. */
static void forget(struct reader *r)
{
    for (size_t i = 0; i < r->n; i++)
        plug_buf_reset(r->fields[i].text);
}

/* Whether a section's name, as it stands between the brackets, is the profile's. */
static bool is_profile(struct reader *r, struct piece name)
{
    static const char prefix[] = "profile";
    const size_t len = sizeof prefix - 1;
    const bool has_prefix =
        name.len > len && memcmp(name.at, prefix, len) == 0 && is_blank(name.at[len]);
    if (r->kind == STSS3_PROFILE_CREDENTIALS)
        return is_text(unquoted(name), r->profile);
    if (!has_prefix)
        return is_text(name, "default") && is_text(name, r->profile) && !r->is_by_prefix;
    if (!is_text(unquoted(trim((struct piece){name.at + len, name.len - len})), r->profile))
        return false;
    if (strcmp(r->profile, "default") == 0 && !r->is_by_prefix) {
        forget(r);
        r->is_by_prefix = true;
    }
    return true;
}

static const char *read_section(struct reader *r, struct piece line)
{
    const char *end = memchr(line.at, ']', line.len);
    if (end == NULL)
        return "has a section without its ']'";
    const struct piece name = trim((struct piece){line.at + 1, (size_t)(end - line.at) - 1});
    const struct piece rest = trim((struct piece){end + 1, line.len - (size_t)(end - line.at) - 1});
    if (rest.len != 0 && rest.at[0] != '#' && rest.at[0] != ';')
        return "has something behind a section's ']'";
    if (name.len == 0)
        return "has a section without a name";
    r->has_section = true;
    r->has_key = false;
    r->is_ours = is_profile(r, name);
    r->found->is_there |= r->is_ours;
    return NULL;
}

static struct plug_buf *find_field(const struct reader *r, struct piece key)
{
    for (size_t i = 0; r->is_ours && i < r->n; i++)
        if (strlen(r->fields[i].name) == key.len &&
            strncasecmp(r->fields[i].name, key.at, key.len) == 0)
            return r->fields[i].text;
    return NULL;
}

static const char *read_key(struct reader *r, struct piece line)
{
    const char *equals = memchr(line.at, '=', line.len);
    if (equals == NULL)
        return "has a line that is neither [a section] nor key = value";
    const struct piece key = trim((struct piece){line.at, (size_t)(equals - line.at)});
    const struct piece value = without_comment(
        (struct piece){equals, line.len - (size_t)(equals - line.at)}); /* from the '=' on */
    if (key.len == 0)
        return "has a value without a key";
    if (!r->has_section)
        return "has a key before its first [section]";
    const struct piece text = trim((struct piece){value.at + 1, value.len - 1});
    r->has_key = true;
    r->value = find_field(r, key);
    if (r->value == NULL)
        return NULL;
    plug_buf_reset(r->value);
    plug_buf_add(r->value, text.at, text.len);
    if (text.len == 0) /* what is indented below is a service's own */
        r->value = NULL;
    return NULL;
}

static const char *read_indented(struct reader *r, struct piece line)
{
    if (!r->has_key)
        return "has an indented line that belongs to no key";
    if (r->value == NULL)
        return NULL;
    const struct piece text = without_comment(line);
    plug_buf_char(r->value, '\n');
    plug_buf_add(r->value, text.at, text.len);
    return NULL;
}

static const char *read_line(struct reader *r, struct piece line)
{
    const struct piece inside = trim(line);
    if (memchr(line.at, '\0', line.len) != NULL)
        return "has a zero byte in it";
    if (inside.len == 0 || inside.at[0] == '#' || inside.at[0] == ';')
        return NULL;
    if (is_blank(line.at[0]))
        return read_indented(r, inside);
    return inside.at[0] == '[' ? read_section(r, inside) : read_key(r, inside);
}

const char *stss3_profile_pick(const char *text, size_t len, enum stss3_profile_kind kind,
                               const char *profile, struct stss3_profile_field *fields, size_t n,
                               struct stss3_profile_found *found)
{
    struct reader r = {.kind = kind, .profile = profile, .fields = fields, .n = n, .found = found};
    *found = (struct stss3_profile_found){0};
    if (len > STSS3_PROFILE_BYTES_MAX)
        return "is too long";
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        struct piece line = {text + at, end == NULL ? len - at : (size_t)(end - text) - at};
        at += line.len + 1;
        found->line++;
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        const char *wrong = read_line(&r, line);
        if (wrong != NULL)
            return wrong;
    }
    found->line = 0;
    return NULL;
}

/* One character of a word; *quote is the one that is open.  False: a backslash is the last. */
static bool take_character(const char **at, char *quote, struct plug_buf *words)
{
    const char c = *(*at)++;
    if (c == '\\' && *quote != '\'') {
        const char next = **at;
        if (next == '\0')
            return false;
        if (*quote == '\0' || next == '"' || next == '\\') {
            plug_buf_char(words, next);
            (*at)++;
            return true;
        }
    } else if (*quote != '\0' && c == *quote) {
        *quote = '\0';
        return true;
    } else if (*quote == '\0' && (c == '"' || c == '\'')) {
        *quote = c;
        return true;
    }
    plug_buf_char(words, c);
    return true;
}

bool stss3_words_split(const char *line, struct plug_buf *words, size_t *count)
{
    static const char blanks[] = " \t\r\n";
    *count = 0;
    for (const char *at = line + strspn(line, blanks); *at != '\0'; at += strspn(at, blanks)) {
        char quote = '\0';
        while (*at != '\0' && (quote != '\0' || strchr(blanks, *at) == NULL))
            if (!take_character(&at, &quote, words))
                return false;
        if (quote != '\0')
            return false;
        plug_buf_char(words, '\0');
        ++*count;
    }
    return *count > 0;
}
