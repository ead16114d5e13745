/* SPDX-License-Identifier: Apache-2.0 */
/* A host as somebody else would write it: host DRIVER STORAGE_PATH puts a blob, and reads it. */
#include <regstore-host.h>
#include <stdio.h>
#include <string.h>

static struct regstore_error error = {.struct_size = sizeof error};
static const struct regstore_call call = {sizeof call, 20000, NULL, &error};

static int failed(const char *what, regstore_status status)
{
    if (status == REGSTORE_OK)
        return 0;
    fprintf(stderr, "%s: %s: %s\n", what, regstore_host_status_name(status), error.message);
    return 1;
}

static int put(const struct regstore_plugin *table, struct regstore_store *store, const char *key,
               const char *text)
{
    struct regstore_upload *upload = NULL;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .key = key};
    int bad = failed("upload_open", table->upload_open(store, &call, &opts, &upload));
    bad = bad || failed("upload_write", table->upload_write(upload, &call, text, strlen(text)));
    bad = bad || failed("upload_commit", table->upload_commit(upload, &call, NULL, NULL));
    table->upload_close(upload);
    return bad;
}

static int get(const struct regstore_plugin *table, struct regstore_store *store, const char *key,
               char *text, size_t cap)
{
    struct regstore_reader *reader = NULL;
    size_t length = 0, got = 1;
    int bad = failed("read_open", table->read_open(store, &call, key, NULL, &reader, NULL));
    while (!bad && got > 0 && length + 1 < cap) {
        bad = failed("read_next",
                     table->read_next(reader, &call, text + length, cap - 1 - length, &got));
        length += bad ? 0 : got;
    }
    text[length] = '\0';
    table->read_close(reader);
    return bad;
}

static int round_trip(const struct regstore_plugin *table, struct regstore_store *store)
{
    static const char text[] = "what a registry keeps";
    const char *key = "sha256/ab/probe";
    char back[sizeof text + 16];
    int bad = put(table, store, key, text) || get(table, store, key, back, sizeof back);
    if (!bad && strcmp(text, back) != 0) {
        fprintf(stderr, "other bytes came back: '%s'\n", back);
        bad = 1;
    }
    return bad || failed("delete_blobs", table->delete_blobs(store, &call, &key, 1, NULL));
}

int main(int argc, char **argv)
{
    struct regstore_host_plugin *plugin = NULL;
    struct regstore_host_settings *settings = NULL;
    struct regstore_store *store = NULL;
    size_t n = 0;
    if (argc != 3)
        return 2;
    const struct regstore_pair pair = {"storage_path", argv[2]};
    const struct regstore_host_location location = {"probe", argv[1], &pair, 1};
    if (failed("load", regstore_host_load_driver(argv[1], NULL, &plugin, &error)))
        return 1;
    const struct regstore_plugin *table = regstore_host_table(plugin);
    int bad = failed("settings", regstore_host_settings_new(&location, table, &settings, &error));
    const struct regstore_pair *pairs = bad ? NULL : regstore_host_settings_pairs(settings, &n);
    bad = bad || failed("store_open", table->store_open(&call, NULL, pairs, n, &store));
    bad = bad || round_trip(table, store);
    if (!bad)
        printf("%s\n", regstore_host_path(plugin));
    table->store_close(store);
    regstore_host_settings_free(settings);
    regstore_host_plugin_free(plugin);
    return bad;
}
