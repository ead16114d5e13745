/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the user who may assume the role, in the settings, in files or in the environment. */
#ifndef STSS3_KEYS_H
#define STSS3_KEYS_H

#include "aside.h"
#include "call.h"

/* On the heap; the secret is wiped with them.  Of each key and its file one is set. */
struct stss3_keys {
    char *access_key, *secret_key;
    char *access_key_file, *secret_key_file;
    char *session_token; /* of the environment's; NULL: they are long-term keys */
};

/* NULL, or what is wrong as words that continue "'sts_user_..._key' ..." and never quote it. */
const char *stss3_access_key_check(const char *text);
const char *stss3_secret_key_check(const char *text);

/* The keys of this moment: copies, or what the files hold now; *out has no files.  Files are
 * read aside, and waited for.  CONFIG names the key.  On failure *out is empty. */
regstore_status stss3_keys_read(struct stss3_asides *asides, const struct stss3_keys *keys,
                                struct stss3_keys *out, struct plug_error *error);

void stss3_keys_clear(struct stss3_keys *keys);

#endif
