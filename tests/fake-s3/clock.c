/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time, in milliseconds since 1970, and how AWS writes them. */
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t real_time_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool read_date(const char *s, const char *format, int64_t *time_ms)
{
    struct tm tm = {0};
    const char *end = strptime(s, format, &tm);
    if (end == NULL || *end != '\0')
        return false;
    *time_ms = (int64_t)timegm(&tm) * 1000;
    return true;
}

static void write_date(char text[TIME_TEXT], const char *format, int64_t time_ms)
    __attribute__((format(strftime, 2, 0)));

static void write_date(char text[TIME_TEXT], const char *format, int64_t time_ms)
{
    struct tm tm;
    time_t seconds = (time_t)(time_ms / 1000);
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(text, TIME_TEXT, format, &tm);
}

bool read_amz_date(const char *s, int64_t *time_ms)
{
    /* strptime() would take fewer digits too. */
    return strlen(s) == 16 && read_date(s, "%Y%m%dT%H%M%SZ", time_ms);
}

void write_amz_date(char text[TIME_TEXT], int64_t time_ms)
{
    write_date(text, "%Y%m%dT%H%M%SZ", time_ms);
}

bool read_http_date(const char *s, int64_t *time_ms)
{
    return read_date(s, "%a, %d %b %Y %H:%M:%S GMT", time_ms);
}

void write_http_date(char text[TIME_TEXT], int64_t time_ms)
{
    write_date(text, "%a, %d %b %Y %H:%M:%S GMT", time_ms);
}

void write_iso(char text[TIME_TEXT], int64_t time_ms)
{
    write_date(text, "%Y-%m-%dT%H:%M:%SZ", time_ms);
}

void write_iso_ms(char text[TIME_TEXT], int64_t time_ms)
{
    write_date(text, "%Y-%m-%dT%H:%M:%S", time_ms);
    size_t length = strlen(text);
    (void)snprintf(text + length, TIME_TEXT - length, ".%03dZ", (int)(time_ms % 1000));
}

void pause_ms(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}
