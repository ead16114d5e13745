/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: writes JSON, one value after the other. name is NULL inside of an array and at the top.
 * Bytes that are no UTF-8 become U+FFFD, so the output is always JSON.
 */
#ifndef COMMAND_JSON_H
#define COMMAND_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool needs_comma;
};

/* bracket is '{' or '['. */
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);
void json_text(struct json *json, const char *name, const char *value); /* NULL: null */
void json_number(struct json *json, const char *name, uint64_t value);
void json_raw(struct json *json, const char *name, const char *value); /* is JSON already */
void json_bool(struct json *json, const char *name, bool value);

#endif
