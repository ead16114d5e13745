/* SPDX-License-Identifier: Apache-2.0 */
/* error: knows the rules about struct regstore_error (GROW-3, ERR-1) and the statuses' names. */
#include "error.h"
#include "regstore-host.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
    [REGSTORE_OK] = "OK",
    [REGSTORE_NOT_FOUND] = "NOT_FOUND",
    [REGSTORE_EXISTS] = "EXISTS",
    [REGSTORE_DIGEST] = "DIGEST",
    [REGSTORE_RANGE] = "RANGE",
    [REGSTORE_DENIED] = "DENIED",
    [REGSTORE_THROTTLED] = "THROTTLED",
    [REGSTORE_TIMEOUT] = "TIMEOUT",
    [REGSTORE_CANCELLED] = "CANCELLED",
    [REGSTORE_UNAVAILABLE] = "UNAVAILABLE",
    [REGSTORE_UNSUPPORTED] = "UNSUPPORTED",
    [REGSTORE_STATE] = "STATE",
    [REGSTORE_INVALID] = "INVALID",
    [REGSTORE_CONFIG] = "CONFIG",
    [REGSTORE_CORRUPT] = "CORRUPT",
    [REGSTORE_NO_SPACE] = "NO_SPACE",
    [REGSTORE_NO_MEMORY] = "NO_MEMORY",
    [REGSTORE_INTERNAL] = "INTERNAL",
    [REGSTORE_GONE] = "GONE",
    [REGSTORE_CONFLICT] = "CONFLICT",
};

const char *regstore_host_status_name(regstore_status status)
{
    if (status < 0 || (size_t)status >= sizeof(status_names) / sizeof(status_names[0]))
        return "INTERNAL";
    return status_names[status];
}

/* The size of minor 0: a caller that was built against it is still served when the struct grows. */
static bool can_hold_message(const struct regstore_error *error)
{
    return error != NULL && error->struct_size >= offsetof(struct regstore_error, message) +
                                                      sizeof(error->message);
}

void host_error_clear(struct regstore_error *error)
{
    if (!can_hold_message(error))
        return;
    uint64_t size = error->struct_size < sizeof(*error) ? error->struct_size : sizeof(*error);
    memset((char *)error + sizeof(error->struct_size), 0, size - sizeof(error->struct_size));
}

/* Bytes of the UTF-8 character at text; 0: it is not well formed, or a control character (C1 too,
 * which terminals obey). */
static size_t printable_length(const unsigned char *text)
{
    static const struct {
        unsigned char first, last, second_low, second_high;
        size_t length;
    } forms[] = {
        {0x20, 0x7e, 0, 0, 1},          {0xc2, 0xc2, 0xa0, 0xbf, 2}, {0xc3, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last)
            continue;
        if (forms[i].length > 1 &&
            (text[1] < forms[i].second_low || text[1] > forms[i].second_high))
            return 0;
        for (size_t at = 2; at < forms[i].length; at++) {
            if (text[at] < 0x80 || text[at] > 0xbf)
                return 0;
        }
        return forms[i].length;
    }
    return 0;
}

/* File names and keys of a YAML file end up in messages: a terminal must not obey them. What was
 * cut in the middle of a character is no character either. */
static void make_printable(char *text)
{
    while (*text != '\0') {
        size_t length = printable_length((const unsigned char *)text);
        if (length == 0)
            *text = '?';
        text += length > 0 ? length : 1;
    }
}

regstore_status host_fail(struct regstore_error *error, regstore_status status, const char *format,
                          ...)
{
    host_error_clear(error);
    if (!can_hold_message(error))
        return status;
    va_list args;
    va_start(args, format);
    /* A message that is too long is cut: that is what is wanted. */
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    make_printable(error->message);
    error->retryable = status == REGSTORE_NO_MEMORY;
    return status;
}
