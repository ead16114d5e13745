/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host PLUGIN.so FOLDER: a small host, which loads any plugin by itself, keeps blobs in FOLDER
 * with it, and looks at every field that comes back. Built against the header of every released
 * minor, as plugin.c is; so it uses what minor 0 has, and what a later minor adds stands between
 * #if and #endif.
 *
 * The first thing that is not as it should be ends it, with that line and exit status 1.
 */
#include "regstore.h"

#if defined(IS_NEXT) != defined(REGSTORE_F_NEXT)
#error "this is another minor's header"
#endif
#ifdef MINOR_IS
_Static_assert(REGSTORE_ABI_MINOR == MINOR_IS, "this is another minor's header");
#endif

#include <dlfcn.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINOR_0_SIZE 248
#define NOW_NS       INT64_C(4102444800000000000) /* the year 2100, as this host's clock has it */

#define HELLO_WORLD_BUT_ONE                                                                        \
    "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde8"
#define HELLO_WORLD "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"

#define EXPECT(claim)                                                                              \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#define EXPECT_TEXT(seen, wanted)                                                                  \
    do {                                                                                           \
        if (strcmp(seen, wanted) != 0) {                                                           \
            printf("%s:%d: '%s' should be '%s'\n", __FILE__, __LINE__, seen, wanted);              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#define OK(expression)            expect_status(__LINE__, expression, REGSTORE_OK)
#define FAILS(expression, status) expect_status(__LINE__, expression, status)

/* A struct of the ABI, zeroed, that knows its size. */
#define NEW(kind, name) struct regstore_##kind name = {.struct_size = sizeof(name)}

static struct regstore_plugin table; /* the plugin's, as far as this host knows it */
static bool is_flat;                 /* the small backend, which tells what it was told */
static bool is_next;                 /* it has what the next minor adds */
static struct regstore_error error = {.struct_size = sizeof(error)};
static int32_t cancel;
static struct regstore_call call = {
    .struct_size = sizeof(call), .timeout_ms = 60000, .cancel = &cancel, .error = &error};
static struct regstore_store *store;
static char seen[256]; /* what the plugin said last */
static int measured, steps;
static int context; /* its address is the ctx of every callback */

static void expect_status(int line, regstore_status status, regstore_status wanted)
{
    if (status == wanted && (status == REGSTORE_OK || error.message[0] != '\0'))
        return;
    printf("%s:%d: status %d should be %d: '%s'\n", __FILE__, line, status, wanted, error.message);
    exit(1);
}

static void log_event(void *ctx, int32_t level, const char *event,
                      const struct regstore_pair *fields, size_t n)
{
    if (!is_flat)
        return;
    EXPECT(ctx == &context && level == REGSTORE_LOG_INFO && n == 1);
    EXPECT_TEXT(fields[0].key, "seen");
    (void)snprintf(seen, sizeof(seen), "%s %s", event, fields[0].value); /* Cut, it fails. */
}

static void measure(void *ctx, int32_t kind, const char *name, double value,
                    const struct regstore_pair *labels, size_t n)
{
    if (!is_flat)
        return;
    EXPECT(ctx == &context && kind == REGSTORE_METRIC_GAUGE && value == 1.5 && n == 1);
    EXPECT_TEXT(name, "stores");
    EXPECT_TEXT(labels[0].key, "backend");
    EXPECT_TEXT(labels[0].value, "flat");
    measured++;
}

static int64_t clock_of_host(void *ctx, int32_t which)
{
    EXPECT(ctx == &context && which == REGSTORE_CLOCK_REALTIME);
    return NOW_NS;
}

/* What the small backend says must reach it reaches it. */
static void expect_seen(const char *wanted)
{
    if (is_flat)
        EXPECT_TEXT(seen, wanted);
}

static void load(const char *path)
{
    const struct regstore_plugin *(*entry)(void);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        printf("%s\n", dlerror());
        exit(1);
    }
    void *symbol = dlsym(module, "regstore_plugin_v1");
    EXPECT(symbol != NULL);
    memcpy(&entry, &symbol, sizeof(entry)); /* C has no cast from an object to a function. */
    const struct regstore_plugin *published = entry();
    EXPECT(published->struct_size >= MINOR_0_SIZE && published->struct_size % 8 == 0);
    EXPECT(published->zero == 0);
    memcpy(&table, published,
           published->struct_size < sizeof(table) ? (size_t)published->struct_size : sizeof(table));
    is_flat = strcmp(table.name, "Flat") == 0;
    is_next = published->struct_size > sizeof(table) || published->abi_minor > REGSTORE_ABI_MINOR;
#ifdef REGSTORE_F_NEXT
    is_next = table.next_slot != NULL;
    EXPECT(is_next == (published->abi_minor >= REGSTORE_ABI_MINOR));
#endif
}

static void look_at_table(void)
{
    EXPECT(table.version[0] != '\0' && table.description[0] != '\0');
    EXPECT_TEXT(table.params[0].key, "storage_path");
    EXPECT((table.params[0].flags & REGSTORE_PARAM_REQUIRED) != 0);
    EXPECT((table.params[0].flags & REGSTORE_PARAM_SECRET) == 0);
    EXPECT(table.params[0].fallback == NULL && table.params[0].help[0] != '\0');
    if (!is_flat)
        return;
    EXPECT_TEXT(table.version, "1");
    EXPECT((table.params[0].flags & REGSTORE_PARAM_PATH) != 0);
    EXPECT_TEXT(table.params[1].key, "note");
    EXPECT_TEXT(table.params[1].fallback, "none");
    EXPECT(table.params[1].flags == 0 && table.params[2].key == NULL);
    EXPECT(table.features == (REGSTORE_F_SERVER_COPY | REGSTORE_F_PRESIGN_GET));
    EXPECT_TEXT((const char *)table.extension("org.regstore.flat/1"), "flat");
    EXPECT(table.extension("org.regstore.round/1") == NULL);
}

static void open_store(const char *folder)
{
    NEW(host, host);
    host.ctx = &context;
    host.log = log_event;
    host.metric = measure;
    host.clock_ns = clock_of_host;
#ifdef REGSTORE_F_NEXT
    host.next_callback = log_event; /* It offers: nobody need know it. */
#endif
    struct regstore_pair settings[] = {{"storage_path", folder}, {"no_setting", "at all"}};
    FAILS(table.store_open(&call, &host, settings, 2, &store), REGSTORE_CONFIG);
    OK(table.store_open(&call, &host, settings, 1, &store));
    EXPECT(error.message[0] == '\0');
    EXPECT(!is_flat || measured == 1);
    EXPECT((table.store_features(store) & ~table.features) == 0);
}

static void step(void *ctx, const char *name, regstore_status status, const char *found,
                 const char *advice)
{
    EXPECT(ctx == &context && status == REGSTORE_OK);
    EXPECT(name[0] != '\0' && found[0] != '\0' && advice[0] == '\0');
    if (is_flat) {
        EXPECT_TEXT(name, "folder");
        EXPECT_TEXT(found, "can be written");
    }
    steps++;
}

static void check_store(void)
{
    NEW(check_opts, opts);
    opts.flags = REGSTORE_CHECK_WRITE;
    opts.ctx = &context;
    opts.step = step;
    OK(table.check(store, &call, &opts));
    EXPECT(steps > 0);
}

static void look_for_what_is_not_there(void)
{
    NEW(stat, found);
    FAILS(table.stat(store, &call, "a/none", &found), REGSTORE_NOT_FOUND);
    EXPECT(error.retryable == 0);
    cancel = 1;
    FAILS(table.stat(store, &call, "a/none", &found), REGSTORE_CANCELLED);
    cancel = 0;
    if (!is_flat)
        return;
    FAILS(table.stat(store, &call, "a/none", &found), REGSTORE_NOT_FOUND);
    EXPECT(error.http_status == 404 && error.retry_after_ms == 250);
    EXPECT_TEXT(error.code, "Flat1");
    EXPECT_TEXT(error.request_id, "flat-request");
    EXPECT_TEXT(error.message, "No such file or directory");
}

/* "hello world" in two uploads, as a pusher who was interrupted. */
static void push(const char *key)
{
    char token[REGSTORE_TOKEN_MAX] = "", digest[REGSTORE_DIGEST_MAX];
    struct regstore_upload *upload;
    uint64_t kept = 0;
    NEW(upload_opts, opts);
    opts.flags = REGSTORE_UPLOAD_SOLE | REGSTORE_UPLOAD_SHA256;
    opts.expected_length = 11;
    opts.key = key;
    opts.content_type = "text/plain";
    opts.content_encoding = "identity";
    OK(table.upload_open(store, &call, &opts, &upload));
    expect_seen("upload_open 5 11 a/blob - text/plain identity");
    OK(table.upload_write(upload, &call, "hello ", 6));
    EXPECT(table.upload_digest(upload, "sha256", digest, 20) == REGSTORE_RANGE);
    expect_seen("upload_digest sha256 20");
    FAILS(table.upload_suspend(upload, &call, token, 100, &kept), REGSTORE_RANGE);
    OK(table.upload_suspend(upload, &call, token, sizeof(token), &kept));
    EXPECT(kept == 6);
    FAILS(table.upload_write(upload, &call, "?", 1), REGSTORE_STATE);
    table.upload_close(upload);

    NEW(upload_opts, again);
    again.token = token;
    OK(table.upload_open(store, &call, &again, &upload));
    expect_seen("upload_open 0 0 - token - -");
    EXPECT(table.upload_offset(upload) == 6);
    OK(table.upload_write(upload, &call, "world", 5));
    EXPECT(table.upload_offset(upload) == 11);
    OK(table.upload_digest(upload, "sha256", digest, sizeof(digest)));
    EXPECT_TEXT(digest, HELLO_WORLD);
    NEW(commit_opts, commit);
    commit.flags = REGSTORE_COMMIT_IF_ABSENT;
    commit.key = key;
    commit.digest = HELLO_WORLD_BUT_ONE;
    FAILS(table.upload_commit(upload, &call, &commit, NULL), REGSTORE_DIGEST);
    commit.digest = HELLO_WORLD;
    NEW(stat, out);
    OK(table.upload_commit(upload, &call, &commit, &out));
    expect_seen("upload_commit 1 a/blob " HELLO_WORLD);
    EXPECT(out.struct_size == sizeof(out) && out.length == 11 && out.flags == 0);
    table.upload_close(upload);
}

static void push_what_is_there(const char *key)
{
    struct regstore_upload *upload;
    NEW(commit_opts, commit);
    commit.flags = REGSTORE_COMMIT_IF_ABSENT;
    commit.key = key;
    OK(table.upload_open(store, &call, NULL, &upload));
    expect_seen("upload_open 0 0 - - - -");
    OK(table.upload_write(upload, &call, "others", 6));
    FAILS(table.upload_commit(upload, &call, &commit, NULL), REGSTORE_EXISTS);
    OK(table.upload_abort(upload, &call));
    table.upload_close(upload);
}

static void fetch(const char *key)
{
    char bytes[16] = "";
    size_t got = 0;
    struct regstore_reader *reader;
    NEW(stat, found);
    OK(table.stat(store, &call, key, &found));
    EXPECT(found.length == 11 && found.flags == 0 && found.etag[0] != '\0');
    EXPECT(found.mtime_ns > INT64_C(1700000000000000000) && found.mtime_ns < NOW_NS);
#ifdef REGSTORE_F_NEXT
    EXPECT(found.next_field == (is_flat && is_next ? 11 : 0));
#endif
    NEW(read_opts, opts);
    NEW(stat, out);
    opts.offset = 4;
    opts.length = 5;
    opts.etag = found.etag;
    OK(table.read_open(store, &call, key, &opts, &reader, &out));
    expect_seen("read_open 4 5 etag");
    EXPECT(out.length == 11 && out.mtime_ns == found.mtime_ns);
    EXPECT_TEXT(out.etag, found.etag);
    EXPECT_TEXT(out.digest, found.digest);
    OK(table.read_next(reader, &call, bytes, sizeof(bytes), &got));
    EXPECT(got == 5 && memcmp(bytes, "o wor", 5) == 0);
    OK(table.read_next(reader, &call, bytes, sizeof(bytes), &got));
    EXPECT(got == 0);
    table.read_close(reader);
}

static void list(const char *from, const char *to)
{
    char key[REGSTORE_KEY_MAX];
    struct regstore_list *keys;
    NEW(copy_opts, copy);
    copy.flags = REGSTORE_COPY_IF_ABSENT;
    OK(table.copy(store, &call, from, to, &copy));
    expect_seen("copy 1 a/blob a/copy");
    FAILS(table.copy(store, &call, from, to, &copy), REGSTORE_EXISTS);
    NEW(list_opts, opts);
    opts.limit = 1;
    opts.prefix = "a/";
    opts.start_after = from;
    OK(table.list_open(store, &call, &opts, &keys));
    expect_seen("list_open 1 a/ a/blob -");
    NEW(stat, out);
    OK(table.list_next(keys, &call, key, sizeof(key), &out));
    EXPECT_TEXT(key, to);
    EXPECT(out.length == 11);
    OK(table.list_next(keys, &call, key, sizeof(key), NULL));
    EXPECT_TEXT(key, "");
    table.list_close(keys);
    opts.delimiter = "/";
    regstore_status status = table.list_open(store, &call, &opts, &keys);
    expect_seen("list_open 1 a/ a/blob /");
    EXPECT(status == (is_flat ? REGSTORE_UNSUPPORTED : REGSTORE_OK));
    if (status == REGSTORE_OK)
        table.list_close(keys);
}

static void sign(const char *key)
{
    char url[REGSTORE_URL_MAX];
    int64_t expires_ns;
    NEW(presign_opts, opts);
    opts.method = "PUT";
    opts.ttl_s = 60;
    opts.min_ttl_s = 30;
    opts.content_type = "text/plain";
    if (table.presign == NULL)
        return;
    regstore_status status = table.presign(store, &call, key, &opts, url, sizeof(url), &expires_ns);
    if (!is_flat)
        return;
    EXPECT(status == REGSTORE_OK);
    EXPECT_TEXT(url, "flat:a/blob?PUT&60&30&text/plain");
    EXPECT(expires_ns == NOW_NS + INT64_C(60000000000));
}

static void purge(void)
{
    struct regstore_upload *upload;
    OK(table.upload_open(store, &call, NULL, &upload));
    OK(table.upload_write(upload, &call, "12345", 5));
    NEW(purge_opts, opts);
    NEW(purged, out);
    FAILS(table.purge(store, &call, &opts, &out), REGSTORE_INVALID);
    opts.older_than_s = 3600;
    opts.flags = REGSTORE_PURGE_UPLOADS | REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_DRY_RUN;
    OK(table.purge(store, &call, &opts, &out));
    EXPECT(out.struct_size == sizeof(out) && out.failed == 0);
    /* By the clock of this host, which the small backend goes by, it is from the last century. */
    if (is_flat)
        EXPECT(out.uploads == 1 && out.bytes == 5 && out.spared == 0 && out.objects == 0);
    opts.older_than_s = UINT64_C(100000000000);
    NEW(purged, none);
    OK(table.purge(store, &call, &opts, &none));
    if (is_flat)
        EXPECT(none.spared == 1 && none.uploads == 0 && none.bytes == 0);
    OK(table.upload_abort(upload, &call));
    table.upload_close(upload);
}

/* What only a host of the next minor can ask for. */
static void ask_for_what_is_next(void)
{
#ifdef REGSTORE_F_NEXT
    regstore_status not_known = is_next ? REGSTORE_OK : REGSTORE_UNSUPPORTED;
    struct regstore_upload *upload;
    NEW(upload_opts, opts);
    opts.next_field = 7;
    regstore_status status = table.upload_open(store, &call, &opts, &upload);
    expect_status(__LINE__, status, not_known);
    if (status == REGSTORE_OK)
        table.upload_close(upload);
    NEW(commit_opts, commit);
    commit.key = "a/next";
    commit.flags = REGSTORE_COMMIT_NEXT;
    OK(table.upload_open(store, &call, NULL, &upload));
    OK(table.upload_write(upload, &call, "next", 4));
    expect_status(__LINE__, table.upload_commit(upload, &call, &commit, NULL), not_known);
    OK(table.upload_abort(upload, &call));
    table.upload_close(upload);
    const char *const keys[] = {"a/next"};
    OK(table.delete_blobs(store, &call, keys, 1, NULL));
    struct regstore_call asking = call;
    asking.next_field = 7;
    expect_status(__LINE__, table.stat(store, &asking, "a/blob", NULL), not_known);
    if (is_next)
        FAILS(table.next_slot(store, &call), REGSTORE_NEXT);
#endif
    NEW(purge_opts, purge_opts);
    NEW(purged, purged);
    purge_opts.older_than_s = 3600;
    purge_opts.flags = UINT64_C(1) << 63; /* no minor's */
    FAILS(table.purge(store, &call, &purge_opts, &purged), REGSTORE_UNSUPPORTED);
}

static void drop(const char *one, const char *other)
{
    const char *const keys[] = {one, other};
    regstore_status results[] = {REGSTORE_INTERNAL, REGSTORE_INTERNAL};
    OK(table.delete_blobs(store, &call, keys, 2, results));
    EXPECT(results[0] == REGSTORE_OK && results[1] == REGSTORE_OK);
    FAILS(table.stat(store, &call, one, NULL), REGSTORE_NOT_FOUND);
    FAILS(table.stat(store, &call, other, NULL), REGSTORE_NOT_FOUND);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 3) {
        printf("usage: host PLUGIN.so FOLDER\n");
        return 2;
    }
    load(argv[1]);
    look_at_table();
    open_store(argv[2]);
    check_store();
    look_for_what_is_not_there();
    push("a/blob");
    push_what_is_there("a/blob");
    fetch("a/blob");
    list("a/blob", "a/copy");
    sign("a/blob");
    purge();
    ask_for_what_is_next();
    drop("a/blob", "a/copy");
    table.store_close(store);
    printf("host of minor %d, plugin %s: well\n", REGSTORE_ABI_MINOR, table.name);
    return 0;
}
