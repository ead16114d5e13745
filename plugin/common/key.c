/* SPDX-License-Identifier: Apache-2.0 */
#include "key.h"

#include <string.h>

#include "printable.h"

bool plug_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *bad_text(const char *text)
{
    if (strnlen(text, REGSTORE_KEY_MAX) == REGSTORE_KEY_MAX)
        return "is longer than 1023 bytes";
    while (*text != '\0') {
        const size_t len = plug_utf8_length(text);
        if (len == 0)
            return "is not UTF-8";
        if (plug_is_control(text))
            return "has a control character";
        text += len;
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
