/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of STSS3Storage, read twice with the same outcome.  Input: lines "key=value".  A
 * value of a SECRET gets a mark that no word may have.
 */
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "settings.h"

#include "fuzz.h"

#define PAIRS  40
#define SECRET "zQzecretQz"

static bool is_secret(const char *key)
{
    for (const struct regstore_param *p = stss3_params; p->key != NULL; p++)
        if (strcmp(p->key, key) == 0)
            return (p->flags & REGSTORE_PARAM_SECRET) != 0;
    return false;
}

static size_t read_pairs(struct fuzz_input *in, struct regstore_pair *pairs, char **texts)
{
    size_t n = 0;
    while (in->left != 0 && n < PAIRS) {
        char *line = fuzz_line(in), *value = strchr(line, '=');
        struct plug_buf text = {0};
        if (value == NULL) {
            free(line);
            continue;
        }
        *value++ = '\0';
        plug_buf_str(&text, value);
        if (is_secret(line) && value[0] != '\0')
            plug_buf_str(&text, SECRET);
        texts[2 * n] = line;
        texts[2 * n + 1] = plug_buf_steal(&text);
        pairs[n] = (struct regstore_pair){texts[2 * n], texts[2 * n + 1]};
        n++;
    }
    return n;
}

static void check_endpoint(const struct stss3_endpoint *e)
{
    FUZZ_HOLDS(e->host[0] != '\0' && e->port != 0);
    FUZZ_HOLDS(fuzz_is_ascii(e->authority) && strpbrk(e->authority, "/@?# ") == NULL);
}

/* What the rest of the plugin takes for granted. */
static void check_config(const struct stss3_config *c)
{
    const size_t root = strlen(c->root);
    FUZZ_HOLDS(root == 0 || (c->root[root - 1] == '/' && c->root[0] != '/'));
    FUZZ_HOLDS(root <= 513);
    FUZZ_HOLDS(c->bucket[0] != '\0' && strlen(c->bucket) <= 255 && fuzz_is_ascii(c->bucket) &&
               strpbrk(c->bucket, "/?#% ") == NULL);
    FUZZ_HOLDS(stss3_region_is_valid(c->region) && c->partition != NULL);
    FUZZ_HOLDS(c->part_bytes >= 5 * STSS3_MIB && c->part_bytes <= 5 * STSS3_GIB);
    FUZZ_HOLDS(c->copy_part_bytes >= STSS3_GIB && c->copy_part_bytes <= 5 * STSS3_GIB);
    FUZZ_HOLDS(c->memory_bytes >= 16 * STSS3_MIB && c->memory_bytes <= 64 * STSS3_GIB);
    FUZZ_HOLDS(c->loops >= 1 && c->loops <= 16);
    FUZZ_HOLDS(c->role_arn == NULL || (c->duration_s >= 900 && c->duration_s <= 43200));
    FUZZ_HOLDS(c->session_name == NULL || fuzz_is_ascii(c->session_name));
    FUZZ_HOLDS(!c->is_virtual_host || (!c->s3.is_address && strchr(c->bucket, '.') == NULL));
    check_endpoint(&c->s3);
    check_endpoint(&c->sts);
}

static void check_failure(regstore_status status, const struct plug_call *call,
                          const struct regstore_pair *pairs, size_t n)
{
    struct regstore_error error = {.retryable = call->error.retryable};
    memcpy(error.message, call->error.message, sizeof error.message);
    FUZZ_HOLDS(status == REGSTORE_CONFIG);
    fuzz_check_error(&error);
    FUZZ_HOLDS(strstr(error.message, SECRET) == NULL);
    /* STORE-1: the key is named, be it one that was given or one that is missing. */
    bool names_key = strstr(error.message, "unknown key '") != NULL;
    for (const struct regstore_param *p = stss3_params; p->key != NULL; p++)
        names_key |= strstr(error.message, p->key) != NULL;
    for (size_t i = 0; i < n; i++)
        names_key |= strstr(error.message, pairs[i].key) != NULL;
    FUZZ_HOLDS(names_key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct regstore_pair pairs[PAIRS];
    char *texts[2 * PAIRS] = {0};
    struct stss3_config *config = NULL, *again = NULL;
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    if (fuzz_has(data, size, "zecret"))
        return 0;
    const size_t n = read_pairs(&in, pairs, texts);
    const regstore_status status = stss3_config_new(&call, pairs, n, &config);
    if (status == REGSTORE_OK) {
        check_config(config);
        FUZZ_HOLDS(stss3_config_new(&call, pairs, n, &again) == REGSTORE_OK);
        FUZZ_HOLDS(strcmp(again->root, config->root) == 0 && again->loops == config->loops);
    } else {
        FUZZ_HOLDS(config == NULL);
        check_failure(status, &call, pairs, n);
    }
    stss3_config_free(config);
    stss3_config_free(again);
    for (size_t i = 0; i < 2 * n; i++)
        free(texts[i]);
    return 0;
}
