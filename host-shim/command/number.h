/* SPDX-License-Identifier: Apache-2.0 */
/* number: how people write numbers, durations and ranges, and read sizes and times. */
#ifndef COMMAND_NUMBER_H
#define COMMAND_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: text is no such thing, or does not fit. */
bool number_parse(const char *text, uint64_t *value);

/* "45s", "30m", "12h", "2d"; "45" is seconds. */
bool number_parse_duration(const char *text, uint64_t *seconds);

/* "A-B", both included, or "A-": *length is 0 then, and also when B is the last possible byte. */
bool number_parse_range(const char *text, uint64_t *offset, uint64_t *length);

/* "312.5 MiB" */
void number_format_bytes(uint64_t bytes, char *text, size_t cap);

/* "2026-08-01T12:30:00Z" */
void number_format_time(int64_t time_ns, char *text, size_t cap);

#endif
