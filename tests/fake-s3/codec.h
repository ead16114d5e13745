/* SPDX-License-Identifier: Apache-2.0 */
/* How bytes are written down: percent signs, hex, base64, XML. */
#ifndef FAKE_S3_CODEC_H
#define FAKE_S3_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* AWS's UriEncode: all but A-Z a-z 0-9 - . _ ~ becomes %XX; `/` stays if asked. */
void uri_encode(struct text *to, const char *s, size_t length, bool keeps_slash);

/* NULL where a percent sign stands before anything but two hex digits, or hides a NUL. */
char *uri_decode(const char *s, size_t length, bool plus_is_space);

/* Splits a raw query. False where it cannot be decoded. */
bool query_decode(const char *raw, struct fields *query);

void hex_encode(char *hex, const unsigned char *bytes, size_t length);
bool is_hex(const char *s, size_t length);

char *base64_encode(const unsigned char *bytes, size_t length);
/* True when `s` is the canonical base64 of exactly `length` bytes. */
bool base64_decode(const char *s, unsigned char *bytes, size_t length);

/* <name>value</name>, the value escaped as S3 does it. */
void xml_element(struct text *to, const char *name, const char *value);
void xml_escape(struct text *to, const char *value);

bool is_utf8(const char *s);

#endif
