/* SPDX-License-Identifier: Apache-2.0 */
/* number: knows the forms; accepts nothing that it does not read to the last character. */
#include "number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Reads digits up to the first other character, where *end points then. */
static bool parse_digits(const char *text, uint64_t *value, const char **end)
{
    uint64_t sum = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(sum, UINT64_C(10), &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
            return false;
    }
    *value = sum;
    *end = at;
    return at > text;
}

bool number_parse(const char *text, uint64_t *value)
{
    const char *end;
    uint64_t parsed;
    if (!parse_digits(text, &parsed, &end) || *end != '\0')
        return false;
    *value = parsed;
    return true;
}

bool number_parse_duration(const char *text, uint64_t *seconds)
{
    static const struct {
        const char *suffix;
        uint64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    const char *end;
    uint64_t parsed;
    if (!parse_digits(text, &parsed, &end))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].suffix) == 0)
            return !__builtin_mul_overflow(parsed, units[i].seconds, seconds);
    }
    return false;
}

bool number_parse_range(const char *text, uint64_t *offset, uint64_t *length)
{
    const char *end;
    uint64_t first, last;
    if (!parse_digits(text, &first, &end) || *end != '-')
        return false;
    if (end[1] == '\0')
        last = UINT64_MAX;
    else if (!number_parse(end + 1, &last) || last < first)
        return false;
    *offset = first;
    *length = last == UINT64_MAX ? 0 : last - first + 1;
    return true;
}

void number_format_bytes(uint64_t bytes, char *text, size_t cap)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        (void)snprintf(text, cap, "%" PRIu64 " B", bytes); /* cap holds it. */
        return;
    }
    size_t unit = 0;
    double value = (double)bytes / 1024;
    for (; value >= 1023.95 && unit < 5; unit++) /* What is rounded to 1024.0 is one of the next. */
        value /= 1024;
    (void)snprintf(text, cap, "%.1f %s", value, units[unit]);
}

void number_format_time(int64_t time_ns, char *text, size_t cap)
{
    struct tm parts;
    time_t seconds = (time_t)(time_ns / 1000000000);
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, cap, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        (void)snprintf(text, cap, "?"); /* cap holds it. */
}
