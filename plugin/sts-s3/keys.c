/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "secret_file.h"

const char *stss3_access_key_check(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '/')
            return "has a character that no access key has";
    return NULL;
}

const char *stss3_secret_key_check(const char *text)
{
    return strpbrk(text, " \t\r\n") != NULL ? "has white space in it" : NULL;
}

/* A copy of the value, or of what its file holds. */
static regstore_status read_one(const char *value, const char *key, const char *file,
                                const char *(*check)(const char *text), char **out,
                                struct plug_error *error)
{
    struct plug_buf text = {0};
    regstore_status status = REGSTORE_OK;
    if (value != NULL)
        plug_buf_str(&text, value);
    else
        status = plug_secret_file_read(key, file, &text, error);
    const char *bad = status == REGSTORE_OK ? check(plug_buf_text(&text)) : NULL;
    if (bad != NULL) {
        status = REGSTORE_CONFIG;
        plug_error_set(error, status, "'%s': what the file %.160s holds %s", key, file, bad);
    } else if (status == REGSTORE_OK) {
        *out = plug_buf_failed(&text) ? NULL : strdup(plug_buf_text(&text));
        if (*out == NULL) {
            status = REGSTORE_NO_MEMORY;
            plug_error_set(error, status, "out of memory");
        }
    }
    plug_buf_wipe(&text);
    return status;
}

regstore_status stss3_keys_read(const struct stss3_keys *keys, struct stss3_keys *out,
                                struct plug_error *error)
{
    *out = (struct stss3_keys){0};
    regstore_status status =
        read_one(keys->access_key, "sts_user_access_key_file", keys->access_key_file,
                 stss3_access_key_check, &out->access_key, error);
    if (status == REGSTORE_OK)
        status = read_one(keys->secret_key, "sts_user_secret_key_file", keys->secret_key_file,
                          stss3_secret_key_check, &out->secret_key, error);
    if (status == REGSTORE_OK && keys->session_token != NULL) {
        out->session_token = strdup(keys->session_token);
        if (out->session_token == NULL) {
            status = REGSTORE_NO_MEMORY;
            plug_error_set(error, status, "out of memory");
        }
    }
    if (status != REGSTORE_OK)
        stss3_keys_clear(out);
    return status;
}

static void wipe(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void stss3_keys_clear(struct stss3_keys *keys)
{
    free(keys->access_key);
    wipe(keys->secret_key);
    wipe(keys->session_token);
    free(keys->access_key_file);
    free(keys->secret_key_file);
    *keys = (struct stss3_keys){0};
}
