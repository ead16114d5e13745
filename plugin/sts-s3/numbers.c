/* SPDX-License-Identifier: Apache-2.0 */
#include "numbers.h"

#include <string.h>

/* Takes at least one digit, and all that follow. */
static bool take_digits(const char **text, uint64_t *out)
{
    const char *p = *text;
    uint64_t value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        const uint64_t digit = (uint64_t)(*p - '0');
        if (value > (INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (p == *text)
        return false;
    *text = p;
    *out = value;
    return true;
}

bool stss3_number_parse(const char *text, uint64_t *out)
{
    uint64_t value;
    if (!take_digits(&text, &value) || *text != '\0')
        return false;
    *out = value;
    return true;
}

bool stss3_content_range_parse(const char *text, uint64_t *first, uint64_t *last, uint64_t *total)
{
    uint64_t from, to, all;
    if (strncmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    if (!take_digits(&text, &from) || *text++ != '-' || !take_digits(&text, &to) ||
        *text++ != '/' || !take_digits(&text, &all) || *text != '\0' || from > to || to >= all)
        return false;
    *first = from;
    *last = to;
    *total = all;
    return true;
}
