/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heads of answers as libcurl hands them over, and what is read from them: times, Retry-After,
 * ETags.  Times are compared with what the C library's calendar says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "objects.h"
#include "request.h"
#include "timestamp.h"

#include "fuzz.h"

static void count(void *ctx, const char *name, const char *value)
{
    size_t *n = ctx;
    for (const char *p = name; *p != '\0'; p++)
        FUZZ_HOLDS(*p < 'A' || *p > 'Z');
    const size_t len = strlen(value);
    FUZZ_HOLDS(strchr(name, ':') == NULL);
    FUZZ_HOLDS(len == 0 || strchr(" \t\r\n", value[0]) == NULL || value[0] == '\r' ||
               value[0] == '\n');
    FUZZ_HOLDS(len == 0 || strchr(" \t\r\n", value[len - 1]) == NULL);
    (*n)++;
}

/* A reading that knows nothing but the form, in fixed places; the calendar is the C library's. */
static bool slow_http_time(const char *text, int64_t *ns)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char days[] = "MonTueWedThuFriSatSun";
    struct tm tm = {0};
    char day[4], month[4], rest[8];
    int used = 0;
    if (strlen(text) != 29 ||
        sscanf(text, "%3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %3[GMT]%n", day, &tm.tm_mday,
               month, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, rest, &used) != 8 ||
        used != 29 || strcmp(rest, "GMT") != 0)
        return false;
    for (size_t i = 0; i < 29; i++) { /* scanf takes signs and blanks where digits are due */
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        const bool is_due = i == 5 || i == 6 || (i >= 12 && i <= 15) || (i >= 17 && i <= 24);
        const bool is_colon = i == 19 || i == 22;
        if (is_due && !is_colon && !is_digit)
            return false;
        if ((i == 4 || i == 7 || i == 11 || i == 16 || i == 25) && text[i] != ' ')
            return false;
    }
    const char *m = strstr(months, month), *d = strstr(days, day);
    if (m == NULL || d == NULL || (m - months) % 3 != 0 || (d - days) % 3 != 0)
        return false;
    tm.tm_mon = (int)(m - months) / 3;
    if (tm.tm_year < 1970 || tm.tm_year > 2199 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    const int mday = tm.tm_mday, second = tm.tm_sec;
    tm.tm_sec = 0;
    const time_t at = timegm(&tm);
    if (tm.tm_mday != mday) /* no such day: the calendar has moved it */
        return false;
    *ns = ((int64_t)at + second) * STSS3_NS_PER_S;
    return *ns < INT64_C(7258118400) * STSS3_NS_PER_S;
}

static void check_times(const char *text)
{
    int64_t ns = -1, slow_ns = -1, again = -1;
    uint64_t ms = UINT64_MAX;
    char amz[STSS3_AMZ_DATE_MAX], iso[40];
    const bool is_http = stss3_time_parse_http(text, &ns);
    FUZZ_HOLDS(is_http == slow_http_time(text, &slow_ns));
    FUZZ_HOLDS(!is_http || ns == slow_ns);
    if (stss3_time_parse_retry_after(text, 0, &ms))
        FUZZ_HOLDS(ms <= 86400000);
    else
        FUZZ_HOLDS(ms == UINT64_MAX);
    if (!is_http && !stss3_time_parse_iso(text, &ns)) {
        FUZZ_HOLDS(ns == -1);
        return;
    }
    /* It can be written, and is then the same second. */
    FUZZ_HOLDS(ns >= 0 && ns < INT64_C(7258118400) * STSS3_NS_PER_S);
    stss3_time_amz_date(ns, amz);
    FUZZ_HOLDS(strlen(amz) == STSS3_AMZ_DATE_MAX - 1);
    (void)snprintf(iso, sizeof iso, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s.%09lldZ", amz, amz + 4, amz + 6,
                   amz + 9, amz + 11, amz + 13, (long long)(ns % STSS3_NS_PER_S));
    FUZZ_HOLDS(stss3_time_parse_iso(iso, &again) && again == ns);
}

static void check_etag(const char *text)
{
    char etag[128], again[128];
    memset(etag, 'x', sizeof etag);
    stss3_etag_copy(etag, text);
    FUZZ_HOLDS(memchr(etag, '\0', sizeof etag) != NULL);
    FUZZ_HOLDS(strchr(etag, '"') == NULL); /* the ABI promises none, and If-Match puts its own */
    FUZZ_HOLDS(etag[0] == '\0' || strstr(text, etag) != NULL);
    stss3_etag_copy(again, etag);
    FUZZ_HOLDS(strcmp(etag, again) == 0);
}

/* The same head, as often as it takes to fill what room there is. */
static void fill(struct stss3_request *request, const uint8_t *data, size_t size)
{
    size_t before;
    do {
        before = request->state->answer_headers.len;
        for (size_t at = 0; at < size;) {
            const uint8_t *end = memchr(data + at, '\n', size - at);
            const size_t n = end == NULL ? size - at : (size_t)(end - data) - at + 1;
            FUZZ_HOLDS(stss3_request_keep_header(request, (const char *)data + at, n));
            FUZZ_HOLDS(request->state->answer_headers.len <= STSS3_ANSWER_HEADERS_MAX);
            at += n;
        }
    } while (request->state->answer_headers.len > before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct stss3_request_hooks hooks = {0};
    struct stss3_request *request = stss3_request_new(&hooks, NULL, "HEAD", "HeadObject");
    struct fuzz_input in = {data, size};
    struct stss3_object object;
    size_t n = 0;
    FUZZ_HOLDS(request != NULL);
    while (in.left != 0) {
        const uint8_t *start = in.at;
        char *line = fuzz_line(&in);
        const char *colon = strchr(line, ':');
        FUZZ_HOLDS(
            stss3_request_keep_header(request, (const char *)start, (size_t)(in.at - start)));
        check_times(line);
        check_times(colon == NULL ? line : colon + 1 + (colon[1] == ' '));
        check_etag(colon == NULL ? line : colon + 1 + (colon[1] == ' '));
        free(line);
    }
    stss3_request_each_header(request, count, &n);
    stss3_object_read(request, &object);
    FUZZ_HOLDS(object.length <= INT64_MAX);
    FUZZ_HOLDS(fuzz_is_printable(object.mark) && fuzz_is_printable(object.digest));
    if (size != 0 && size <= 2048)
        fill(request, data, size);
    stss3_request_unref(request);
    return 0;
}
