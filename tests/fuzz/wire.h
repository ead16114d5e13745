/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In place of the event loops and libcurl: requests are answered at once, on the caller's thread,
 * with what the input holds.  All above http.h is the plugin's own, signing and judging included.
 */
#ifndef FUZZ_WIRE_H
#define FUZZ_WIRE_H

#include "fuzz.h"

/*
 * Answers from now on with these, one after the other, and then with the last one again and again:
 * so a walk that does not end by itself is found.  They are apart by a line "%%"; each is a head
 * ("200" or "HTTP/1.1 200 OK", then headers), an empty line, and a body.  A status that is no
 * number from 100 to 599 breaks the connection.  data stays the caller's.
 */
void wire_load(const uint8_t *data, size_t size);

/* AssumeRole is answered with a session of these, not from the input (unless is_sts_real). */
#define WIRE_ACCESS "ASIAWIREWIREWIRE"
#define WIRE_SECRET "wire-secret-that-nobody-may-see"
#define WIRE_TOKEN  "wire-token-that-nobody-may-see"
extern bool wire_is_sts_real;

/* Told of each URL that is asked for, when not NULL. */
extern void (*wire_on_url)(const char *url);

/* The clock of the host, fixed; a Date of an answer may tell another one. */
#define WIRE_NOW_NS INT64_C(1800000000000000000)

#endif
