/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings against a plugin's parameter table (STORE-1): each key known, given once, and with a
 * value that can be meant; each CONFIG names the key and says what would be right.
 */
#ifndef PLUG_SETTINGS_H
#define PLUG_SETTINGS_H

#include "call.h"

/* How many parameters the table has. */
size_t plug_params_count(const struct regstore_param *params);

/*
 * Sorts the host's pairs by the table: values[i] is the text given for params[i], else its
 * fallback, else NULL.  values has plug_params_count() places; the texts stay the host's.  CONFIG:
 * unknown key (with the nearest known one), given twice, a REQUIRED one missing, a value that its
 * type's flag cannot mean.
 *
 * A table that has both KEY and KEY_file takes the value itself or the path of a file that holds it
 * (secret_file.h): both given is CONFIG ("" is not given), and so is neither when KEY is REQUIRED.
 * A SECRET should have its KEY_file.
 */
regstore_status plug_settings_sort(struct plug_call *call, const struct regstore_param *params,
                                   const struct regstore_pair *pairs, size_t n,
                                   const char **values);

/* The value for a key of the table; the key must be one of the table's. */
const char *plug_setting(const struct regstore_param *params, const char *const *values,
                         const char *key);

/* An integer in low..high; CONFIG names key and range. */
regstore_status plug_setting_integer(struct plug_call *call, const char *key, const char *value,
                                     uint64_t low, uint64_t high, uint64_t *out);
/* true/false, yes/no, on/off, 1/0, in any case. */
regstore_status plug_setting_bool(struct plug_call *call, const char *key, const char *value,
                                  bool *out);
/* One of the words, separated by one space in choices ("auto path virtual"); *out is its index. */
regstore_status plug_setting_choice(struct plug_call *call, const char *key, const char *value,
                                    const char *choices, unsigned *out);

#endif
