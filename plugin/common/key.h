/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of keys: KEY-1 and KEY-4. */
#ifndef PLUG_KEY_H
#define PLUG_KEY_H

#include "call.h"

#define PLUG_UPLOADS "uploads/"

/* KEY-1: INVALID with the reason, or OK.  what names the argument in the message. */
regstore_status plug_key_check(struct plug_call *call, const char *key, const char *what);
/* KEY-1 and, since it is a target, KEY-4. */
regstore_status plug_key_check_target(struct plug_call *call, const char *key, const char *what);
/* A prefix or start_after of a list: like a key, but it may be empty and end anywhere. */
regstore_status plug_prefix_check(struct plug_call *call, const char *text, const char *what);

bool plug_starts_with(const char *text, const char *prefix);

#endif
