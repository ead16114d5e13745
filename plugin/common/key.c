/* SPDX-License-Identifier: Apache-2.0 */
#include "key.h"

#include <string.h>

bool plug_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Length of one UTF-8 character at p (NUL-terminated text), 0 when it is not well formed: overlong
 * forms, surrogates and what lies past U+10FFFF are not. */
static size_t utf8_length(const unsigned char *p)
{
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

static const char *bad_text(const char *text)
{
    if (strnlen(text, REGSTORE_KEY_MAX) == REGSTORE_KEY_MAX)
        return "is longer than 1023 bytes";
    const unsigned char *p = (const unsigned char *)text;
    while (*p != '\0') {
        const size_t len = utf8_length(p);
        if (len == 0)
            return "is not UTF-8";
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
            return "has a control character";
        p += len;
    }
    return NULL;
}

static const char *bad_parts(const char *key)
{
    for (const char *part = key;;) {
        const size_t len = strcspn(part, "/");
        if (len == 0)
            return "has an empty part: it begins or ends with '/', or has '//'";
        if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
            return "has a part '.' or '..'";
        if (part[len] == '\0')
            return NULL;
        part += len + 1;
    }
}

regstore_status plug_key_check(struct plug_call *call, const char *key, const char *what)
{
    if (key == NULL)
        return plug_fail(call, REGSTORE_INVALID, "%s is NULL", what);
    if (key[0] == '\0')
        return plug_fail(call, REGSTORE_INVALID, "%s is empty (KEY-1)", what);
    const char *bad = bad_text(key);
    if (bad == NULL)
        bad = bad_parts(key);
    if (bad != NULL)
        return plug_fail(call, REGSTORE_INVALID, "%s %s (KEY-1)", what, bad);
    return REGSTORE_OK;
}

regstore_status plug_key_check_target(struct plug_call *call, const char *key, const char *what)
{
    TRY(plug_key_check(call, key, what));
    if (plug_starts_with(key, PLUG_UPLOADS) || strcmp(key, "uploads") == 0)
        return plug_fail(call, REGSTORE_INVALID,
                         "%s lies under 'uploads/', which is the backend's own (KEY-4)", what);
    return REGSTORE_OK;
}

regstore_status plug_prefix_check(struct plug_call *call, const char *text, const char *what)
{
    const char *bad = bad_text(text);
    if (bad != NULL)
        return plug_fail(call, REGSTORE_INVALID, "%s %s (KEY-1)", what, bad);
    return REGSTORE_OK;
}
