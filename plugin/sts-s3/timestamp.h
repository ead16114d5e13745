/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as S3, STS and HTTP write them, in nanoseconds since 1970, UTC.  Pure: no locale, no zone,
 * no clock.  What is read lies from 1970 to 2199: so the difference of two of them, or of one and a
 * clock, never overflows, whatever a service says.  (Not "time.h", which would hide the C
 * library's.)
 */
#ifndef STSS3_TIMESTAMP_H
#define STSS3_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#define STSS3_NS_PER_S     INT64_C(1000000000)
#define STSS3_AMZ_DATE_MAX 17 /* "20150830T123600Z" and a NUL */
#define STSS3_DAY_MAX      9  /* "20150830" and a NUL */

/* What lies before 1970 is written as 1970's first second. */
void stss3_time_amz_date(int64_t ns, char out[STSS3_AMZ_DATE_MAX]);

/* "2015-08-30T12:36:00Z", with or without a fraction, with Z or an offset such as +02:00.  False,
 * with *ns untouched, for anything else, and for a date that no calendar has, or of other years. */
bool stss3_time_parse_iso(const char *text, int64_t *ns);

/* "Sun, 06 Nov 1994 08:49:37 GMT", as Date and Last-Modified are written.  HTTP's two older forms,
 * which nobody sends any more, are refused. */
bool stss3_time_parse_http(const char *text, int64_t *ns);

/* Retry-After: seconds, or an HTTP date (now_ns is the service's time).  A date in the past is 0,
 * and more than a day is a day. */
bool stss3_time_parse_retry_after(const char *text, int64_t now_ns, uint64_t *ms);

#endif
