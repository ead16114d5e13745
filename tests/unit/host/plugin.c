/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for the host's own tests: a store with room for one blob, in files whose names begin
 * with the setting "file", and with failures on demand:
 *
 *     fail=VERB,STATUS,TIMES,RETRYABLE   VERB fails so often in this process; a write takes half
 *     wait=VERB                          VERB makes FILE.waiting and returns once it is cancelled
 *     log=VERB                           VERB logs a warning
 *
 * What the table looks like is chosen by the build, for the tests of what a host refuses.
 */
#include "regstore.h"

#include <openssl/evp.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct regstore_store {
    struct regstore_host host;
    char file[512], wait[64], log[64];
    char fail_verb[64];
    int fail_status, fail_times;
    unsigned fail_retryable;
};

struct regstore_upload {
    struct regstore_store *store;
    uint64_t offset;
    bool is_begun;
};

struct regstore_reader {
    FILE *blob;
    uint64_t rest;
    struct regstore_store *store;
};

struct regstore_list {
    struct regstore_store *store;
    bool is_done;
};

static regstore_status fail(const struct regstore_call *call, regstore_status status,
                            unsigned retryable, const char *message)
{
    if (call->error == NULL)
        return status;
    uint64_t size = call->error->struct_size;
    *call->error = (struct regstore_error){.struct_size = size, .retryable = retryable};
    (void)snprintf(call->error->message, sizeof(call->error->message), "%s", message);
    return status;
}

static void path_of(const struct regstore_store *store, const char *suffix, char *path, size_t cap)
{
    (void)snprintf(path, cap, "%s.%s", store->file, suffix);
}

static void touch(const struct regstore_store *store, const char *suffix)
{
    char path[600];
    path_of(store, suffix, path, sizeof(path));
    FILE *file = fopen(path, "we");
    if (file != NULL)
        (void)fclose(file);
}

static void log_event(const struct regstore_store *store, int32_t level, const char *event,
                      const struct regstore_pair *field)
{
    if (store->host.log != NULL)
        store->host.log(store->host.ctx, level, event, field, field != NULL ? 1 : 0);
}

/* Every verb begins here. */
static regstore_status enter(struct regstore_store *store, const struct regstore_call *call,
                             const char *verb)
{
    (void)fail(call, REGSTORE_OK, 0, "");
    if (strcmp(store->log, verb) == 0)
        log_event(store, REGSTORE_LOG_WARNING, "store.busy", NULL);
    if (strcmp(store->wait, verb) == 0) {
        struct timespec pause = {.tv_nsec = 5000000};
        touch(store, "waiting");
        for (int i = 0; i < 6000; i++) { /* half a minute: a broken host must not stay for ever */
            if (call->cancel != NULL && __atomic_load_n(call->cancel, __ATOMIC_RELAXED) != 0)
                return fail(call, REGSTORE_CANCELLED, 1, "cancelled by the caller");
            (void)nanosleep(&pause, NULL);
        }
        return fail(call, REGSTORE_TIMEOUT, 0, "never cancelled");
    }
    if (strcmp(store->fail_verb, verb) != 0 || store->fail_times == 0)
        return REGSTORE_OK;
    store->fail_times--;
    regstore_status status =
        fail(call, store->fail_status, store->fail_retryable, "failed on demand");
    if (call->error != NULL) {
        call->error->http_status = 503;
        (void)snprintf(call->error->code, sizeof(call->error->code), "SlowDown");
        (void)snprintf(call->error->request_id, sizeof(call->error->request_id), "tx-7");
    }
    return status;
}

static regstore_status read_setting(const struct regstore_call *call, struct regstore_store *store,
                                    const struct regstore_pair *setting)
{
    if (strcmp(setting->key, "file") == 0) {
        (void)snprintf(store->file, sizeof(store->file), "%s", setting->value);
    } else if (strcmp(setting->key, "wait") == 0) {
        (void)snprintf(store->wait, sizeof(store->wait), "%s", setting->value);
    } else if (strcmp(setting->key, "log") == 0) {
        (void)snprintf(store->log, sizeof(store->log), "%s", setting->value);
    } else if (strcmp(setting->key, "fail") == 0) {
        if (sscanf(setting->value, "%63[a-z_],%d,%d,%u", store->fail_verb, &store->fail_status,
                   &store->fail_times, &store->fail_retryable) != 4)
            return fail(call, REGSTORE_CONFIG, 0, "fail: VERB,STATUS,TIMES,RETRYABLE");
    } else if (strcmp(setting->key, "password") != 0) {
        return fail(call, REGSTORE_CONFIG, 0, "unknown key");
    }
    return REGSTORE_OK;
}

static regstore_status store_open(const struct regstore_call *call,
                                  const struct regstore_host *host,
                                  const struct regstore_pair *settings, size_t n,
                                  struct regstore_store **out)
{
    struct regstore_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return fail(call, REGSTORE_NO_MEMORY, 0, "no memory");
    if (host != NULL)
        store->host = *host;
    regstore_status status = REGSTORE_OK;
    for (size_t i = 0; status == REGSTORE_OK && i < n; i++)
        status = read_setting(call, store, &settings[i]);
    if (status == REGSTORE_OK && store->file[0] == '\0')
        status = fail(call, REGSTORE_CONFIG, 0, "the key 'file' is missing");
    if (status != REGSTORE_OK) {
        free(store);
        return status;
    }
    struct regstore_pair field = {"path", store->file};
    log_event(store, REGSTORE_LOG_INFO, "store.opened", &field);
    log_event(store, REGSTORE_LOG_WARNING, "store.small", NULL);
    *out = store;
    return REGSTORE_OK;
}

static uint64_t store_features(const struct regstore_store *store)
{
    (void)store;
    return 0;
}

static void store_close(struct regstore_store *store)
{
    free(store);
}

static regstore_status check(struct regstore_store *store, const struct regstore_call *call,
                             const struct regstore_check_opts *opts)
{
    opts->step(opts->ctx, "folder", REGSTORE_OK, "it is there", NULL);
    regstore_status status = enter(store, call, "check");
    opts->step(opts->ctx, "write", status, status == REGSTORE_OK ? "1 byte" : "no \"room\"",
               status == REGSTORE_OK ? NULL : "make room");
    return status;
}

static regstore_status upload_open(struct regstore_store *store, const struct regstore_call *call,
                                   const struct regstore_upload_opts *opts,
                                   struct regstore_upload **out)
{
    unsigned long long offset = 0;
    regstore_status status = enter(store, call, "upload_open");
    if (status != REGSTORE_OK)
        return status;
    if (opts->token != NULL && sscanf(opts->token, "token-%llu", &offset) != 1)
        return fail(call, REGSTORE_INVALID, 0, "this is no token");
    struct regstore_upload *upload = calloc(1, sizeof(*upload));
    if (upload == NULL)
        return fail(call, REGSTORE_NO_MEMORY, 0, "no memory");
    *upload = (struct regstore_upload){store, offset, opts->token != NULL && offset > 0};
    *out = upload;
    return REGSTORE_OK;
}

static regstore_status upload_write(struct regstore_upload *upload,
                                    const struct regstore_call *call, const void *buf, size_t len)
{
    char path[600];
    regstore_status status = enter(upload->store, call, "upload_write");
    size_t taken = status == REGSTORE_OK ? len : len / 2;
    path_of(upload->store, "part", path, sizeof(path));
    FILE *part = fopen(path, upload->is_begun ? "r+e" : "we");
    if (part == NULL)
        return fail(call, REGSTORE_GONE, 0, "the upload is gone");
    upload->is_begun = true;
    (void)fseek(part, (long)upload->offset, SEEK_SET);
    upload->offset += fwrite(buf, 1, taken, part);
    (void)fclose(part);
    return status;
}

static uint64_t upload_offset(const struct regstore_upload *upload)
{
    return upload->offset;
}

static regstore_status upload_digest(const struct regstore_upload *upload, const char *algorithm,
                                     char *digest, size_t cap)
{
    char path[600];
    unsigned char hash[EVP_MAX_MD_SIZE], byte;
    unsigned length = 0;
    if (strcmp(algorithm, "sha256") != 0)
        return REGSTORE_UNSUPPORTED;
    path_of(upload->store, "part", path, sizeof(path));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    FILE *part = upload->offset > 0 ? fopen(path, "re") : NULL;
    for (uint64_t i = 0; part != NULL && i < upload->offset && fread(&byte, 1, 1, part) == 1; i++)
        EVP_DigestUpdate(ctx, &byte, 1);
    if (part != NULL)
        (void)fclose(part);
    EVP_DigestFinal_ex(ctx, hash, &length);
    EVP_MD_CTX_free(ctx);
    (void)snprintf(digest, cap, "sha256:");
    for (unsigned i = 0; i < length; i++)
        (void)snprintf(digest + 7 + (size_t)i * 2, cap - 7 - (size_t)i * 2, "%02x", hash[i]);
    return REGSTORE_OK;
}

static regstore_status upload_suspend(struct regstore_upload *upload,
                                      const struct regstore_call *call, char *token, size_t cap,
                                      uint64_t *kept)
{
    regstore_status status = enter(upload->store, call, "upload_suspend");
    *kept = status == REGSTORE_OK ? upload->offset : upload->offset / 2;
    (void)snprintf(token, cap, "token-%llu", (unsigned long long)*kept);
    return status;
}

static void write_text(const struct regstore_store *store, const char *suffix, const char *text)
{
    char path[600];
    path_of(store, suffix, path, sizeof(path));
    FILE *file = fopen(path, "we");
    if (file != NULL) {
        (void)fputs(text, file);
        (void)fclose(file);
    }
}

static bool has_key(const struct regstore_store *store, char *key, size_t cap)
{
    char path[600];
    path_of(store, "key", path, sizeof(path));
    FILE *file = fopen(path, "re");
    bool is_there = file != NULL && fgets(key, (int)cap, file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    return is_there;
}

static regstore_status upload_commit(struct regstore_upload *upload,
                                     const struct regstore_call *call,
                                     const struct regstore_commit_opts *opts,
                                     struct regstore_stat *out)
{
    char digest[REGSTORE_DIGEST_MAX], taken[REGSTORE_KEY_MAX], part[600], blob[600];
    regstore_status status = enter(upload->store, call, "upload_commit");
    if (status != REGSTORE_OK)
        return status;
    if (opts->digest != NULL &&
        (upload_digest(upload, "sha256", digest, sizeof(digest)) != REGSTORE_OK ||
         strcmp(digest, opts->digest) != 0))
        return fail(call, REGSTORE_DIGEST, 0, "the bytes have another digest");
    if ((opts->flags & REGSTORE_COMMIT_IF_ABSENT) != 0 &&
        has_key(upload->store, taken, sizeof(taken)) && strcmp(taken, opts->key) == 0)
        return fail(call, REGSTORE_EXISTS, 0, "the key is taken");
    path_of(upload->store, "part", part, sizeof(part));
    path_of(upload->store, "blob", blob, sizeof(blob));
    if (!upload->is_begun)
        touch(upload->store, "part");
    if (truncate(part, (off_t)upload->offset) != 0 || rename(part, blob) != 0)
        return fail(call, REGSTORE_GONE, 0, "the upload is gone");
    write_text(upload->store, "key", opts->key);
    out->length = upload->offset;
    return REGSTORE_OK;
}

static regstore_status upload_abort(struct regstore_upload *upload,
                                    const struct regstore_call *call)
{
    char part[600];
    regstore_status status = enter(upload->store, call, "upload_abort");
    path_of(upload->store, "part", part, sizeof(part));
    if (status == REGSTORE_OK)
        (void)unlink(part);
    return status;
}

static void upload_close(struct regstore_upload *upload)
{
    free(upload);
}

static regstore_status stat_key(struct regstore_store *store, const struct regstore_call *call,
                                const char *key, struct regstore_stat *out)
{
    char known[REGSTORE_KEY_MAX], path[600];
    regstore_status status = enter(store, call, "stat");
    if (status != REGSTORE_OK)
        return status;
    if (strstr(key, "..") != NULL)
        return fail(call, REGSTORE_INVALID, 0, "the key has a part '..'");
    if (!has_key(store, known, sizeof(known)) || strcmp(known, key) != 0)
        return fail(call, REGSTORE_NOT_FOUND, 0, "no blob at this key");
    path_of(store, "blob", path, sizeof(path));
    FILE *blob = fopen(path, "re");
    if (blob == NULL)
        return fail(call, REGSTORE_INTERNAL, 0, "no blob");
    (void)fseek(blob, 0, SEEK_END);
    if (out != NULL) {
        out->length = (uint64_t)ftell(blob);
        out->mtime_ns = INT64_C(1786000000) * 1000000000;
        (void)snprintf(out->etag, sizeof(out->etag), "e\"1");
    }
    (void)fclose(blob);
    return REGSTORE_OK;
}

static regstore_status read_open(struct regstore_store *store, const struct regstore_call *call,
                                 const char *key, const struct regstore_read_opts *opts,
                                 struct regstore_reader **out, struct regstore_stat *stat)
{
    char path[600];
    regstore_status status = stat_key(store, call, key, stat);
    if (status != REGSTORE_OK)
        return status;
    struct regstore_reader *reader = calloc(1, sizeof(*reader));
    path_of(store, "blob", path, sizeof(path));
    FILE *blob = fopen(path, "re");
    if (reader == NULL || blob == NULL) {
        free(reader);
        return fail(call, REGSTORE_INTERNAL, 0, "no blob");
    }
    (void)fseek(blob, (long)opts->offset, SEEK_SET);
    *reader = (struct regstore_reader){blob, opts->length != 0 ? opts->length : UINT64_MAX, store};
    *out = reader;
    return REGSTORE_OK;
}

/* A failure on demand comes in the middle of the blob. */
static regstore_status read_next(struct regstore_reader *reader, const struct regstore_call *call,
                                 void *buf, size_t cap, size_t *got)
{
    *got = 0;
    if (ftell(reader->blob) > 0) {
        regstore_status status = enter(reader->store, call, "read_next");
        if (status != REGSTORE_OK)
            return status;
    }
    size_t most = cap < 1000 ? cap : 1000;
    *got = fread(buf, 1, reader->rest < most ? (size_t)reader->rest : most, reader->blob);
    reader->rest -= *got;
    return REGSTORE_OK;
}

static void read_close(struct regstore_reader *reader)
{
    (void)fclose(reader->blob);
    free(reader);
}

static regstore_status delete_blobs(struct regstore_store *store, const struct regstore_call *call,
                                    const char *const *keys, size_t n, regstore_status *results)
{
    char known[REGSTORE_KEY_MAX], path[600];
    regstore_status status = enter(store, call, "delete_blobs");
    path_of(store, "key", path, sizeof(path));
    for (size_t i = 0; i < n; i++) {
        results[i] = status;
        if (status == REGSTORE_OK && has_key(store, known, sizeof(known)) &&
            strcmp(known, keys[i]) == 0)
            (void)unlink(path);
    }
    return status;
}

static regstore_status list_open(struct regstore_store *store, const struct regstore_call *call,
                                 const struct regstore_list_opts *opts, struct regstore_list **out)
{
    (void)opts;
    struct regstore_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return fail(call, REGSTORE_NO_MEMORY, 0, "no memory");
    list->store = store;
    *out = list;
    return REGSTORE_OK;
}

static regstore_status list_next(struct regstore_list *list, const struct regstore_call *call,
                                 char *key, size_t cap, struct regstore_stat *out)
{
    key[0] = '\0';
    if (list->is_done || !has_key(list->store, key, cap))
        return REGSTORE_OK;
    list->is_done = true;
    return stat_key(list->store, call, key, out);
}

static void list_close(struct regstore_list *list)
{
    free(list);
}

#ifndef NO_PURGE
static regstore_status purge(struct regstore_store *store, const struct regstore_call *call,
                             const struct regstore_purge_opts *opts, struct regstore_purged *out)
{
    regstore_status status = enter(store, call, "purge");
    out->objects = 1;
    out->uploads = 2;
    out->bytes = 3 * 1024 * 1024;
    out->spared = opts->older_than_s;
    out->failed = status != REGSTORE_OK ? 4 : 0;
    return status;
}
#endif

static const void *extension(const char *id)
{
    (void)id;
    return NULL;
}

static const struct regstore_param params[] = {
    {"file", NULL, "What the names of the files begin with.",
     REGSTORE_PARAM_REQUIRED | REGSTORE_PARAM_PATH},
    {"password", NULL, "Is never shown.", REGSTORE_PARAM_SECRET},
    {"fail", "", "Which verb fails.", 0},
    {"wait", "", "Which verb waits to be cancelled.", 0},
    {"log", "", "Which verb logs a warning.", 0},
#ifdef TWICE_THE_SAME_SETTING
    {"file", NULL, "Again.", 0},
#endif
#ifdef SETTING_WITHOUT_HELP
    {"helpless", NULL, NULL, 0},
#endif
    {NULL, NULL, NULL, 0},
};

/* A table as a later minor has it: more slots than this header knows. */
struct grown_plugin {
    struct regstore_plugin plugin;
    void *later[4];
};

static const struct grown_plugin table = {
    .plugin =
        {
#if defined(SMALL_TABLE)
            .struct_size = sizeof(struct regstore_plugin) - 8,
#elif defined(GROWN_TABLE)
            .struct_size = sizeof(struct grown_plugin),
            .abi_minor = 7,
#else
            .struct_size = sizeof(struct regstore_plugin),
#endif
#ifdef NOT_ZERO
            .zero = 1,
#endif
#ifdef CLAIMS_COPY
            .features = REGSTORE_F_SERVER_COPY,
#endif
            .name = "TestStorage",
            .version = "0.1",
            .description = "Room for one blob.",
            .params = params,
            .extension = extension,
            .store_open = store_open,
            .store_features = store_features,
            .store_close = store_close,
            .check = check,
            .upload_open = upload_open,
            .upload_write = upload_write,
            .upload_offset = upload_offset,
            .upload_digest = upload_digest,
            .upload_suspend = upload_suspend,
            .upload_commit = upload_commit,
            .upload_abort = upload_abort,
            .upload_close = upload_close,
            .read_open = read_open,
            .read_next = read_next,
            .read_close = read_close,
            .stat = stat_key,
            .delete_blobs = delete_blobs,
            .list_open = list_open,
            .list_next = list_next,
            .list_close = list_close,
#ifndef NO_PURGE
            .purge = purge,
#endif
        },
    .later = {NULL},
};

/* The name of the entry tells the major. */
#ifndef ENTRY
#define ENTRY regstore_plugin_v1
#endif
REGSTORE_EXPORT const struct regstore_plugin *ENTRY(void);

const struct regstore_plugin *ENTRY(void)
{
    return &table.plugin;
}
