/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resume tokens of STSS3Storage, also with a checksum and a place that are right, as somebody who
 * has read the source can make them.  TOK-6: whatever is in one, nothing outside of storage_path is
 * asked for.
 *
 * Input: a byte of flags; then the token's inside, or with AS_TEXT the token.
 */
#include <stdlib.h>
#include <string.h>

#include "token.h"
#include "upload.h"
#include "wire.h"

enum { AS_TEXT = 1, OTHER_PLACE = 2, COMMIT = 4, SUSPEND = 8, WRITE = 16 };

#define MAGIC "s3t1"

const struct regstore_plugin *regstore_plugin_v1(void);

static const struct regstore_plugin *plugin;
static struct regstore_store *store;
static struct regstore_error error = {.struct_size = sizeof error};
static const struct regstore_call call = {.struct_size = sizeof call, .error = &error};

/* Every path is the bucket's root folder, or a list's query that is bound to it. */
static void on_url(const char *url)
{
    static const char bucket[] = "http://127.0.0.1:1/bucket";
    FUZZ_HOLDS(strncmp(url, bucket, strlen(bucket)) == 0);
    const char *path = url + strlen(bucket);
    if (path[0] == '?' || strncmp(path, "/?", 2) == 0)
        FUZZ_HOLDS(strstr(path, "prefix=data%2F") != NULL || strstr(path, "?delete=") != NULL);
    else
        FUZZ_HOLDS(strncmp(path, "/data/", 6) == 0 && path[6] != '?' && path[6] != '\0');
    FUZZ_HOLDS(strstr(path, "/../") == NULL && strstr(path, "/./") == NULL);
}

static void open_store(void)
{
    static const struct regstore_pair settings[] = {
        {"storage_path", "/data"},           {"s3_bucket", "bucket"},
        {"sts_user_access_key", "AKIAUSER"}, {"sts_user_secret_key", "secret"},
        {"endpoint_url", "http://127.0.0.1:1"},
    };
    if (store != NULL)
        return;
    plugin = regstore_plugin_v1();
    FUZZ_HOLDS(plugin->store_open(&call, NULL, settings, 5, &store) == REGSTORE_OK);
    wire_on_url = on_url;
}

/* What a token of ours begins with: the hash of its place. */
static void put_place(struct plug_buf *body)
{
    static struct plug_buf inside;
    if (inside.len == 0) {
        char token[REGSTORE_TOKEN_MAX] = "";
        struct plug_call ours = {0};
        struct regstore_upload *upload;
        uint64_t kept;
        FUZZ_HOLDS(plugin->upload_open(store, &call, NULL, &upload) == REGSTORE_OK);
        FUZZ_HOLDS(plugin->upload_suspend(upload, &call, token, sizeof token, &kept) ==
                   REGSTORE_OK);
        plugin->upload_close(upload);
        FUZZ_HOLDS(plug_token_open(&ours, MAGIC, token, &inside) == REGSTORE_OK);
    }
    plug_buf_add(body, inside.data, 9);
}

static bool make_token(uint8_t flags, struct fuzz_input *in, char token[REGSTORE_TOKEN_MAX])
{
    struct plug_call ours = {0};
    struct plug_buf body = {0};
    if ((flags & AS_TEXT) != 0) {
        char *text = fuzz_rest(in);
        const size_t len = strnlen(text, REGSTORE_TOKEN_MAX - 1);
        memcpy(token, text, len);
        token[len] = '\0';
        free(text);
        return true;
    }
    if ((flags & OTHER_PLACE) == 0)
        put_place(&body);
    plug_buf_add(&body, in->at, in->left);
    const bool fits =
        plug_token_seal(&ours, MAGIC, &body, token, REGSTORE_TOKEN_MAX) == REGSTORE_OK;
    plug_buf_clear(&body);
    return fits;
}

static void check_status(regstore_status status)
{
    if (status != REGSTORE_OK)
        fuzz_check_error(&error);
}

/* A token that is taken can be given back, and stands for the same bytes. */
static void suspend(struct regstore_upload *upload)
{
    char token[REGSTORE_TOKEN_MAX] = "";
    struct regstore_upload *again;
    uint64_t kept = 0;
    const regstore_status status =
        plugin->upload_suspend(upload, &call, token, sizeof token, &kept);
    check_status(status);
    FUZZ_HOLDS(fuzz_is_ascii(token) && strlen(token) < REGSTORE_TOKEN_MAX);
    if (status != REGSTORE_OK && token[0] == '\0')
        return;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    FUZZ_HOLDS(plugin->upload_open(store, &call, &opts, &again) == REGSTORE_OK);
    FUZZ_HOLDS(plugin->upload_offset(again) == kept);
    FUZZ_HOLDS(status != REGSTORE_OK || kept == plugin->upload_offset(upload));
    plugin->upload_close(again);
}

static void use(struct regstore_upload *upload, uint8_t flags)
{
    struct stss3_upload *u = stss3_upload_of(upload);
    const uint64_t offset = plugin->upload_offset(upload);
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts,
                                              .key = u->key == NULL ? "a/key" : NULL};
    FUZZ_HOLDS(u->parked.length <= (5ull << 30) && offset <= INT64_MAX);
    if ((flags & WRITE) != 0) {
        check_status(plugin->upload_write(upload, &call, "byte", 4));
        FUZZ_HOLDS(plugin->upload_offset(upload) <= offset + 4);
    }
    if ((flags & SUSPEND) != 0)
        suspend(upload);
    if ((flags & COMMIT) != 0)
        check_status(plugin->upload_commit(upload, &call, &opts, NULL));
    check_status(plugin->upload_abort(upload, &call));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char answers[] = "200 OK\nETag: \"e\"\n\n%%\n404 Not Found\n\n";
    struct fuzz_input in = {data, size};
    char token[REGSTORE_TOKEN_MAX];
    struct regstore_upload *upload;
    const uint8_t flags = fuzz_byte(&in);
    open_store();
    if (!make_token(flags, &in, token))
        return 0;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    wire_load((const uint8_t *)answers + ((flags & 32) != 0 ? 25 : 0),
              sizeof answers - 1 - ((flags & 32) != 0 ? 25 : 0));
    const regstore_status status = plugin->upload_open(store, &call, &opts, &upload);
    check_status(status);
    if (status != REGSTORE_OK) {
        FUZZ_HOLDS(status == REGSTORE_INVALID);
        return 0;
    }
    FUZZ_HOLDS((flags & (AS_TEXT | OTHER_PLACE)) != OTHER_PLACE || in.left >= 9);
    use(upload, flags);
    plugin->upload_close(upload);
    return 0;
}
