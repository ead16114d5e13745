/* SPDX-License-Identifier: Apache-2.0 */
/* Text that goes to people and terminals: UTF-8 without control characters. */
#ifndef PLUG_PRINTABLE_H
#define PLUG_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at text, 0 when it is not well formed: overlong forms, surrogates and what
 * lies past U+10FFFF are not.  A NUL is a character of one byte. */
size_t plug_utf8_length(const char *text);
/* Of the well-formed character at text: C0, DEL, and C1, which terminals obey as well. */
bool plug_is_control(const char *text);

bool plug_is_printable(const char *text);
/* What is not becomes '?', byte by byte: also a character of which the end was cut off. */
void plug_make_printable(char *text);

#endif
