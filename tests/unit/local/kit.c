/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEST_TIMEOUT_S 120

const struct regstore_plugin *plugin;
struct regstore_store *store;
char place[64];
struct regstore_error error;
char staged_path[512];

const struct regstore_call *plain(void)
{
    static struct regstore_call call;
    error.struct_size = sizeof error;
    call = (struct regstore_call){.struct_size = sizeof call, .error = &error};
    return &call;
}

struct regstore_store *open_store(const char *path, const struct regstore_host *host)
{
    const struct regstore_pair settings[] = {{"storage_path", path}};
    struct regstore_store *opened = NULL;
    ck_ok(plugin->store_open(plain(), host, settings, 1, &opened));
    return opened;
}

void set_up(void)
{
    plugin = regstore_plugin_v1();
    const char *base = getenv("TMPDIR");
    snprintf(place, sizeof place, "%.30s/regstore-local-XXXXXX", base == NULL ? "/tmp" : base);
    ck_assert_ptr_nonnull(mkdtemp(place));
    store = open_store(place, NULL);
}

static int remove_entry(const char *path, const struct stat *file, int type, struct FTW *where)
{
    (void)file;
    (void)type;
    (void)where;
    return remove(path);
}

void tear_down(void)
{
    plugin->store_close(store);
    nftw(place, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *file_of(const char *key)
{
    static char path[2048];
    snprintf(path, sizeof path, "%s/%s", place, key);
    return path;
}

struct regstore_upload *begin(const char *key, uint64_t flags)
{
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts, .flags = flags, .key = key};
    struct regstore_upload *upload = NULL;
    ck_ok(plugin->upload_open(store, plain(), &opts, &upload));
    return upload;
}

struct regstore_upload *resume(const char *token)
{
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    struct regstore_upload *upload = NULL;
    if (plugin->upload_open(store, plain(), &opts, &upload) != REGSTORE_OK)
        return NULL;
    return upload;
}

regstore_status write_text(struct regstore_upload *upload, const char *text)
{
    return plugin->upload_write(upload, plain(), text, strlen(text));
}

regstore_status commit(struct regstore_upload *upload, const char *key, uint64_t flags)
{
    const struct regstore_commit_opts opts = {
        .struct_size = sizeof opts, .flags = flags, .key = key};
    return plugin->upload_commit(upload, plain(), &opts, NULL);
}

void suspend(struct regstore_upload *upload, char token[REGSTORE_TOKEN_MAX])
{
    uint64_t kept;
    ck_ok(plugin->upload_suspend(upload, plain(), token, REGSTORE_TOKEN_MAX, &kept));
    ck_assert_uint_eq(kept, plugin->upload_offset(upload));
    plugin->upload_close(upload);
}

regstore_status put(const char *key, const char *text)
{
    struct regstore_upload *upload = begin(NULL, REGSTORE_UPLOAD_SHA256);
    regstore_status status = write_text(upload, text);
    if (status == REGSTORE_OK)
        status = commit(upload, key, 0);
    if (status != REGSTORE_OK)
        plugin->upload_abort(upload, plain());
    plugin->upload_close(upload);
    return status;
}

const char *get(const char *key)
{
    static char bytes[65536];
    size_t len = 0, got = 0;
    struct regstore_reader *reader = NULL;
    ck_ok(plugin->read_open(store, plain(), key, NULL, &reader, NULL));
    do {
        ck_ok(plugin->read_next(reader, plain(), bytes + len, sizeof bytes - len, &got));
        len += got;
        ck_assert_uint_lt(len, sizeof bytes);
    } while (got > 0);
    plugin->read_close(reader);
    bytes[len] = '\0';
    return bytes;
}

regstore_status stat_of(const char *key)
{
    return plugin->stat(store, plain(), key, NULL);
}

regstore_status remove_blob(const char *key)
{
    return plugin->delete_blobs(store, plain(), &key, 1, NULL);
}

unsigned staged(void)
{
    unsigned n = 0;
    DIR *folder = opendir(file_of("uploads"));
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        snprintf(staged_path, sizeof staged_path, "%s/uploads/%s", place, entry->d_name);
    }
    closedir(folder);
    return n;
}

void add_claim(Suite *suite, const TTest *test)
{
    TCase *tcase = tcase_create(test->name);
    tcase_set_timeout(tcase, TEST_TIMEOUT_S);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

static int64_t clock_two_days_ahead(void *unused, int32_t which)
{
    struct timespec now;
    (void)unused;
    (void)which;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec + 2 * 86400) * 1000000000;
}

const struct regstore_host two_days_later = {.struct_size = sizeof two_days_later,
                                             .clock_ns = clock_two_days_ahead};
