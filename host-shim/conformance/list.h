/* SPDX-License-Identifier: Apache-2.0 */
/* --list: the tests that would run, and what the rules say. */
#ifndef CONFORMANCE_LIST_H
#define CONFORMANCE_LIST_H

#include "../command/json.h"
#include "options.h"

void list_print(const struct options *o);
void list_print_json(const struct options *o);
/* The member "rules": those that the test bears, the one that it proves first. */
void list_rules_json(struct json *json, const struct test *test);

/* Prints words with line breaks before column 100, each line behind the prefix. */
void list_print_wrapped(const char *prefix, const char *words);

#endif
