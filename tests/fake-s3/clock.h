/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time, in milliseconds since 1970, and how AWS writes them. */
#ifndef FAKE_S3_CLOCK_H
#define FAKE_S3_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TIME_TEXT = 40 };

int64_t real_time_ms(void);

/* 20130524T000000Z */
bool read_amz_date(const char *s, int64_t *time_ms);
void write_amz_date(char text[TIME_TEXT], int64_t time_ms);
/* Fri, 24 May 2013 00:00:00 GMT */
bool read_http_date(const char *s, int64_t *time_ms);
void write_http_date(char text[TIME_TEXT], int64_t time_ms);
/* 2013-05-24T00:00:00.000Z as in S3's lists, 2013-05-24T00:00:00Z as in its errors and in STS. */
void write_iso_ms(char text[TIME_TEXT], int64_t time_ms);
void write_iso(char text[TIME_TEXT], int64_t time_ms);

/* Sleeps. */
void pause_ms(uint32_t ms);

#endif
