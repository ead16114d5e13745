/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_file: an upload between two processes. The first line is the token; the second, when there
 * is one, the key that the upload was begun for. Mode 0600: a token vouches for a digest.
 */
#ifndef COMMAND_TOKEN_FILE_H
#define COMMAND_TOKEN_FILE_H

#include "regstore.h"

#include <stdbool.h>

struct token_file {
    char token[REGSTORE_TOKEN_MAX];
    char key[REGSTORE_KEY_MAX]; /* empty: told at commit */
};

/* All print what is wrong. create refuses a file that exists: it may stand for another upload. */
bool token_file_create(const char *path, const struct token_file *content);
bool token_file_read(const char *path, struct token_file *content);

/* The old content or the new, whatever happens meanwhile. */
bool token_file_replace(const char *path, const struct token_file *content);

#endif
