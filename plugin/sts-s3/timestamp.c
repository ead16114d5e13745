/* SPDX-License-Identifier: Apache-2.0 */
/* Times as S3, STS and HTTP write them.  The C library's functions are not used: strptime and
 * strftime follow the locale, which belongs to the host. */
#include "timestamp.h"

#include <string.h>

#define SECONDS_PER_DAY 86400
#define FROM_2200_S     INT64_C(7258118400) /* 2200-01-01 */

struct civil {
    int year, month, day, hour, minute, second;
};

/* Days since 1970-01-01 in the Gregorian calendar.  Years begin in March here, so that the leap day
 * is a year's last; 719,468 days lie between 0000-03-01 and 1970-01-01. */
static int64_t days_from_civil(const struct civil *c)
{
    const int64_t year = c->month <= 2 ? c->year - 1 : c->year;
    const int64_t month = (c->month + 9) % 12; /* March is 0 */
    const int64_t day_of_year = (153 * month + 2) / 5 + c->day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static void civil_from_days(int64_t days, struct civil *c)
{
    const int64_t since_0000 = days + 719468;
    const int64_t era = since_0000 / 146097; /* 400 years */
    const int64_t day_of_era = since_0000 % 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month = (5 * day_of_year + 2) / 153;
    c->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    c->month = (int)(month < 10 ? month + 3 : month - 9);
    c->year = (int)(era * 400 + year_of_era + (c->month <= 2));
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* A leap second is let through and counts as the next minute's first. */
static bool is_valid(const struct civil *c)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c->month < 1 || c->month > 12 || c->hour > 23 || c->minute > 59 || c->second > 60)
        return false;
    const int length = lengths[c->month - 1] + (c->month == 2 && is_leap(c->year));
    return c->day >= 1 && c->day <= length;
}

static bool to_ns(const struct civil *c, int64_t offset_s, int64_t fraction_ns, int64_t *ns)
{
    if (!is_valid(c))
        return false;
    const int64_t seconds = days_from_civil(c) * SECONDS_PER_DAY + c->hour * 3600 + c->minute * 60 +
                            c->second - offset_s;
    if (seconds < 0 || seconds >= FROM_2200_S)
        return false;
    *ns = seconds * STSS3_NS_PER_S + fraction_ns;
    return true;
}

/* Takes exactly count digits. */
static bool take_number(const char **p, int count, int *out)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        value = value * 10 + (**p - '0');
    }
    *out = value;
    return true;
}

static bool take_char(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool take_clock(const char **p, struct civil *c)
{
    return take_number(p, 2, &c->hour) && take_char(p, ':') && take_number(p, 2, &c->minute) &&
           take_char(p, ':') && take_number(p, 2, &c->second);
}

/* Digits past the ninth are below a nanosecond and dropped. */
static bool take_fraction(const char **p, int64_t *ns)
{
    int64_t unit = STSS3_NS_PER_S / 10;
    int digit;

    *ns = 0;
    if (!take_char(p, '.'))
        return true;
    if (!take_number(p, 1, &digit))
        return false;
    do {
        *ns += digit * unit;
        unit /= 10;
    } while (take_number(p, 1, &digit));
    return true;
}

static bool take_offset(const char **p, int64_t *offset_s)
{
    int hours, minutes;

    *offset_s = 0;
    if (take_char(p, 'Z'))
        return true;
    const int sign = **p == '-' ? -1 : 1;
    if (!take_char(p, '+') && !take_char(p, '-'))
        return false;
    if (!take_number(p, 2, &hours) || !take_char(p, ':') || !take_number(p, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool stss3_time_parse_iso(const char *text, int64_t *ns)
{
    struct civil c;
    int64_t fraction_ns, offset_s;
    const char *p = text;

    return take_number(&p, 4, &c.year) && take_char(&p, '-') && take_number(&p, 2, &c.month) &&
           take_char(&p, '-') && take_number(&p, 2, &c.day) && take_char(&p, 'T') &&
           take_clock(&p, &c) && take_fraction(&p, &fraction_ns) && take_offset(&p, &offset_s) &&
           *p == '\0' && to_ns(&c, offset_s, fraction_ns, ns);
}

static bool take_month(const char **p, int *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++) {
        if (strncmp(*p, names + i * 3, 3) == 0) {
            *p += 3;
            *month = i + 1;
            return true;
        }
    }
    return false;
}

/* The day of the week is not compared with the date: it says nothing that the date does not. */
static bool take_weekday(const char **p)
{
    static const char names[] = "MonTueWedThuFriSatSun";
    for (int i = 0; i < 7; i++) {
        if (strncmp(*p, names + i * 3, 3) == 0) {
            *p += 3;
            return true;
        }
    }
    return false;
}

bool stss3_time_parse_http(const char *text, int64_t *ns)
{
    struct civil c;
    const char *p = text;

    return take_weekday(&p) && take_char(&p, ',') && take_char(&p, ' ') &&
           take_number(&p, 2, &c.day) && take_char(&p, ' ') && take_month(&p, &c.month) &&
           take_char(&p, ' ') && take_number(&p, 4, &c.year) && take_char(&p, ' ') &&
           take_clock(&p, &c) && strcmp(p, " GMT") == 0 && to_ns(&c, 0, 0, ns);
}

bool stss3_time_parse_retry_after(const char *text, int64_t now_ns, uint64_t *ms)
{
    const uint64_t day_ms = UINT64_C(1000) * SECONDS_PER_DAY;
    int64_t at_ns;

    if (stss3_time_parse_http(text, &at_ns)) {
        /* Unsigned, the difference is right even where now_ns is far from any time. */
        const uint64_t wait_ms =
            at_ns <= now_ns ? 0 : ((uint64_t)at_ns - (uint64_t)now_ns) / 1000000;
        *ms = wait_ms > day_ms ? day_ms : wait_ms;
        return true;
    }
    uint64_t seconds = 0;
    int digit;
    const char *p = text;
    while (take_number(&p, 1, &digit))
        if (seconds <= SECONDS_PER_DAY)
            seconds = seconds * 10 + (unsigned)digit;
    if (p == text || *p != '\0')
        return false;
    *ms = seconds > SECONDS_PER_DAY ? day_ms : seconds * 1000;
    return true;
}

static char *put_digits(char *p, int64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + count;
}

void stss3_time_amz_date(int64_t ns, char out[STSS3_AMZ_DATE_MAX])
{
    /* int64_t nanoseconds end in the year 2262: four digits always do. */
    const int64_t seconds = ns < 0 ? 0 : ns / STSS3_NS_PER_S;
    struct civil c;

    civil_from_days(seconds / SECONDS_PER_DAY, &c);
    char *p = put_digits(out, c.year, 4);
    p = put_digits(p, c.month, 2);
    p = put_digits(p, c.day, 2);
    *p++ = 'T';
    p = put_digits(p, seconds / 3600 % 24, 2);
    p = put_digits(p, seconds / 60 % 60, 2);
    p = put_digits(p, seconds % 60, 2);
    *p++ = 'Z';
    *p = '\0';
}
