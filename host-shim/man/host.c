/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <regstore.h>

static struct regstore_error error = {.struct_size = sizeof error};
static const struct regstore_call call = {
    .struct_size = sizeof call,
    .timeout_ms = 30000,
    .error = &error,
};
static const struct regstore_plugin *plugin;
static struct regstore_store *store;

static int is_ok(const char *what, regstore_status status)
{
    if (status != REGSTORE_OK)
        fprintf(stderr, "%s: status %d: %s\n", what, (int)status,
                error.message);
    return status == REGSTORE_OK;
}

static int write_text(struct regstore_upload *upload,
                      const char *text)
{
    return is_ok("upload_write", plugin->upload_write(
                     upload, &call, text, strlen(text)));
}

/* One process takes the first chunk; the token is all that it
 * leaves to the next. */
static int begin(const char *text, char token[REGSTORE_TOKEN_MAX])
{
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts,
        .flags = REGSTORE_UPLOAD_SHA256,
    };
    struct regstore_upload *upload = NULL;
    uint64_t kept = 0;
    token[0] = '\0';
    int ok = is_ok("upload_open", plugin->upload_open(
                       store, &call, &opts, &upload)) &&
             write_text(upload, text) &&
             is_ok("upload_suspend", plugin->upload_suspend(
                       upload, &call, token, REGSTORE_TOKEN_MAX,
                       &kept));
    plugin->upload_close(upload);
    return ok;
}

/* Another one takes the last chunk, and then the key shows both. A
 * registry gives the digest that its client has sent. */
static int finish(const char *token, const char *text,
                  const char *key)
{
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts,
        .token = token,
    };
    char digest[REGSTORE_DIGEST_MAX] = "";
    const struct regstore_commit_opts target = {
        .struct_size = sizeof target,
        .key = key,
        .digest = digest,
    };
    struct regstore_upload *upload = NULL;
    int ok = is_ok("upload_open", plugin->upload_open(
                       store, &call, &opts, &upload)) &&
             write_text(upload, text) &&
             is_ok("upload_digest", plugin->upload_digest(
                       upload, "sha256", digest, sizeof digest)) &&
             is_ok("upload_commit", plugin->upload_commit(
                       upload, &call, &target, NULL));
    plugin->upload_close(upload);
    return ok;
}

static int show(const char *key)
{
    struct regstore_reader *reader = NULL;
    char bytes[4096];
    size_t got = sizeof bytes;
    int ok = is_ok("read_open", plugin->read_open(
                       store, &call, key, NULL, &reader, NULL));
    while (ok && got > 0) {
        ok = is_ok("read_next", plugin->read_next(
                       reader, &call, bytes, sizeof bytes, &got));
        if (ok)
            fwrite(bytes, 1, got, stdout);
    }
    plugin->read_close(reader);
    return ok;
}

int main(int argc, char **argv)
{
    const struct regstore_plugin *(*entry)(void) = NULL;
    void *module = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (module != NULL)
        *(void **)&entry = dlsym(module, "regstore_plugin_v1");
    if (entry == NULL) {
        fprintf(stderr, "usage: host LocalStorage.so FOLDER\n");
        return 2;
    }
    plugin = entry();
    const struct regstore_pair place = {"storage_path", argv[2]};
    char token[REGSTORE_TOKEN_MAX];
    int ok = is_ok("store_open", plugin->store_open(
                       &call, NULL, &place, 1, &store)) &&
             begin("Hello, ", token) &&
             finish(token, "world\n", "example/hello") &&
             show("example/hello");
    plugin->store_close(store);
    return ok ? 0 : 1;
}
