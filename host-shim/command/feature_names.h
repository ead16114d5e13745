/* SPDX-License-Identifier: Apache-2.0 */
/* features: what a plugin may offer, by name. */
#ifndef COMMAND_FEATURES_H
#define COMMAND_FEATURES_H

#include <stdint.h>

#include "json.h"

struct feature {
    uint64_t bit;
    const char *name, *words; /* for programs, for people */
};

extern const struct feature features[]; /* ends with name == NULL */

/* The names of those in bits, as members of an array that is open. */
void features_json(struct json *json, uint64_t bits);

#endif
