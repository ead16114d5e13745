/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "slow.h"

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

/* A key, and how it is read. */
struct one {
    const char *value, *name, *file; /* value NULL: the file has it */
    const char *(*check)(const char *text);
};

/* A copy of the value, or of what its file holds. */
static regstore_status read_one(struct stss3_asides *asides, const struct one *one, char **out,
                                struct plug_error *error)
{
    const struct stss3_slow_file file = {
        .what = one->name, .path = one->file, .is_secret = true, .limit_ms = STSS3_SLOW_FILE_MS};
    struct plug_buf text = {0};
    regstore_status status = REGSTORE_OK;
    if (one->value != NULL)
        plug_buf_str(&text, one->value);
    else
        status = stss3_slow_file_read(asides, &file, &text, NULL, error);
    const char *bad = status == REGSTORE_OK ? one->check(plug_buf_text(&text)) : NULL;
    if (bad != NULL) {
        status = REGSTORE_CONFIG;
        plug_error_set(error, status, "'%s': what the file %.160s holds %s", one->name, one->file,
                       bad);
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

regstore_status stss3_keys_read(struct stss3_asides *asides, const struct stss3_keys *keys,
                                struct stss3_keys *out, struct plug_error *error)
{
    const struct one access = {keys->access_key, "sts_user_access_key_file", keys->access_key_file,
                               stss3_access_key_check};
    const struct one secret = {keys->secret_key, "sts_user_secret_key_file", keys->secret_key_file,
                               stss3_secret_key_check};
    *out = (struct stss3_keys){0};
    regstore_status status = read_one(asides, &access, &out->access_key, error);
    if (status == REGSTORE_OK)
        status = read_one(asides, &secret, &out->secret_key, error);
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

void stss3_keys_clear(struct stss3_keys *keys)
{
    free(keys->access_key);
    plug_text_wipe(keys->secret_key);
    plug_text_wipe(keys->session_token);
    free(keys->access_key_file);
    free(keys->secret_key_file);
    *keys = (struct stss3_keys){0};
}
