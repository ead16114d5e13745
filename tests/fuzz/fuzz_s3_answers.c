/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What S3 may answer, through the plugin's own table: lists, parts, uploads, deletes, copies and
 * the rest, with the real handlers, the judgement of errors, and signing.
 *
 * Input: a line with a letter for the verb (see verbs) and, if it has an 'R', with a role; then
 * the answers as wire.h has them.
 */
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "multipart.h"
#include "store.h"
#include "wire.h"

#define USER_SECRET "users-secret-that-nobody-may-see"

const struct regstore_plugin *regstore_plugin_v1(void);

struct world {
    const struct regstore_plugin *plugin;
    struct regstore_store *store;
    struct regstore_error error;
    struct regstore_call call;
};

static bool input_has_secret;

static void check_text(const char *text)
{
    FUZZ_HOLDS(fuzz_is_printable(text));
    if (!input_has_secret)
        FUZZ_HOLDS(strstr(text, USER_SECRET) == NULL && strstr(text, WIRE_SECRET) == NULL &&
                   strstr(text, WIRE_TOKEN) == NULL);
}

static void on_log(void *ctx, int32_t level, const char *event, const struct regstore_pair *fields,
                   size_t n)
{
    (void)ctx;
    (void)level;
    FUZZ_HOLDS(fuzz_is_ascii(event));
    for (size_t i = 0; i < n; i++)
        check_text(fields[i].value);
}

static int64_t on_clock(void *ctx, int32_t which)
{
    (void)ctx;
    (void)which;
    return WIRE_NOW_NS;
}

static void open_world(struct world *w, bool has_role)
{
    static const struct regstore_host host = {
        .struct_size = sizeof host, .log = on_log, .clock_ns = on_clock};
    const struct regstore_pair settings[] = {
        {"storage_path", "/data"},
        {"s3_bucket", "bucket"},
        {"sts_user_access_key", "AKIAUSERUSERUSER"},
        {"sts_user_secret_key", USER_SECRET},
        {"s3_region", "us-east-1"},
        {"sts_role_arn", "arn:aws:iam::123456789012:role/quay"},
    };
    const size_t n = sizeof settings / sizeof settings[0] - (has_role ? 0 : 1);
    memset(w, 0, sizeof *w);
    w->plugin = regstore_plugin_v1();
    w->error.struct_size = sizeof w->error;
    w->call = (struct regstore_call){.struct_size = sizeof w->call, .error = &w->error};
    FUZZ_HOLDS(w->plugin->store_open(&w->call, &host, settings, n, &w->store) == REGSTORE_OK);
}

static void check_status(const struct world *w, regstore_status status)
{
    FUZZ_HOLDS(status >= REGSTORE_OK && status <= REGSTORE_CONFLICT);
    if (status == REGSTORE_OK)
        return;
    fuzz_check_error(&w->error);
    check_text(w->error.message);
}

static void check_stat(const struct regstore_stat *stat)
{
    FUZZ_HOLDS(memchr(stat->etag, '\0', sizeof stat->etag) != NULL);
    FUZZ_HOLDS(memchr(stat->digest, '\0', sizeof stat->digest) != NULL);
    FUZZ_HOLDS(stat->length <= INT64_MAX); /* a file of S3 has no more, and offsets are signed */
}

/* LIST-1, with what a caller asked for. */
static void list(struct world *w, const char *prefix, const char *after, const char *delimiter)
{
    const struct regstore_list_opts opts = {
        .struct_size = sizeof opts, .prefix = prefix, .start_after = after, .delimiter = delimiter};
    struct regstore_list *walk;
    struct plug_call ignored = {0};
    char key[REGSTORE_KEY_MAX], before[REGSTORE_KEY_MAX] = "";
    FUZZ_HOLDS(w->plugin->list_open(w->store, &w->call, &opts, &walk) == REGSTORE_OK);
    regstore_status status = REGSTORE_OK;
    while (status == REGSTORE_OK) {
        struct regstore_stat stat = {.struct_size = sizeof stat};
        status = w->plugin->list_next(walk, &w->call, key, sizeof key, &stat);
        check_status(w, status);
        if (status != REGSTORE_OK || key[0] == '\0')
            break;
        const size_t len = strlen(key);
        const bool is_prefix = (stat.flags & REGSTORE_STAT_PREFIX) != 0;
        check_stat(&stat);
        FUZZ_HOLDS(fuzz_is_printable(key));
        FUZZ_HOLDS(is_prefix ? key[len - 1] == '/' && delimiter != NULL
                             : plug_key_check(&ignored, key, "key") == REGSTORE_OK);
        FUZZ_HOLDS(strncmp(key, prefix, strlen(prefix)) == 0);
        /* A common prefix is listed while a key below it is after the start. */
        FUZZ_HOLDS(strcmp(key, after) > 0 || (is_prefix && strncmp(after, key, len) == 0));
        FUZZ_HOLDS(strncmp(key, "uploads/", 8) != 0);
        FUZZ_HOLDS(strcmp(key, before) > 0); /* in order, and once */
        memcpy(before, key, len + 1);
    }
    w->plugin->list_close(walk);
}

static void list_all(struct world *w)
{
    list(w, "", "", NULL);
}

static void list_folders(struct world *w)
{
    list(w, "", "sha256/ab", "/");
}

static void list_below(struct world *w)
{
    list(w, "sha256/", "", NULL);
}

static void stat(struct world *w)
{
    struct regstore_stat stat = {.struct_size = sizeof stat};
    const regstore_status status = w->plugin->stat(w->store, &w->call, "a/key", &stat);
    check_status(w, status);
    if (status == REGSTORE_OK)
        check_stat(&stat);
}

/* READ-1 and READ-2: never more than the length that was told. */
static void read_from(struct world *w, uint64_t offset, uint64_t length)
{
    const struct regstore_read_opts opts = {
        .struct_size = sizeof opts, .offset = offset, .length = length};
    struct regstore_stat stat = {.struct_size = sizeof stat};
    struct regstore_reader *reader;
    char buf[4096];
    uint64_t sum = 0;
    size_t got = 1;
    regstore_status status =
        w->plugin->read_open(w->store, &w->call, "a/key", &opts, &reader, &stat);
    check_status(w, status);
    if (status != REGSTORE_OK)
        return;
    check_stat(&stat);
    while (status == REGSTORE_OK && got != 0) {
        status = w->plugin->read_next(reader, &w->call, buf, sizeof buf, &got);
        check_status(w, status);
        sum += status == REGSTORE_OK ? got : 0;
    }
    const uint64_t rest = offset > stat.length ? 0 : stat.length - offset;
    FUZZ_HOLDS(sum <= rest && (length == 0 || sum <= length));
    if (status == REGSTORE_OK)
        FUZZ_HOLDS(sum == (length != 0 && length < rest ? length : rest));
    w->plugin->read_close(reader);
}

static void read_whole(struct world *w)
{
    read_from(w, 0, 0);
}

static void read_some(struct world *w)
{
    read_from(w, 3, 10);
}

/* DEL-1. */
static void delete_some(struct world *w)
{
    static const char *const keys[] = {"a", "b/c", "d&<e>"};
    regstore_status results[3] = {-1, -1, -1}, first = REGSTORE_OK;
    const regstore_status status = w->plugin->delete_blobs(w->store, &w->call, keys, 3, results);
    check_status(w, status);
    for (size_t i = 3; i-- > 0;) {
        FUZZ_HOLDS(results[i] >= REGSTORE_OK && results[i] <= REGSTORE_CONFLICT);
        first = results[i] != REGSTORE_OK ? results[i] : first;
    }
    /* Without one that failed the call has not either. */
    FUZZ_HOLDS((first == REGSTORE_OK) == (status == REGSTORE_OK));
}

static void copy(struct world *w)
{
    const struct regstore_copy_opts opts = {.struct_size = sizeof opts};
    check_status(w, w->plugin->copy(w->store, &w->call, "from/key", "to/key", &opts));
}

static void purge(struct world *w)
{
    const struct regstore_purge_opts opts = {.struct_size = sizeof opts, .older_than_s = 3600};
    struct regstore_purged purged = {.struct_size = sizeof purged};
    const regstore_status status = w->plugin->purge(w->store, &w->call, &opts, &purged);
    check_status(w, status);
    FUZZ_HOLDS(status != REGSTORE_OK || purged.failed == 0);
}

static void on_step(void *ctx, const char *name, regstore_status status, const char *found,
                    const char *advice)
{
    (void)ctx;
    FUZZ_HOLDS(fuzz_is_ascii(name));
    FUZZ_HOLDS(status >= REGSTORE_OK && status <= REGSTORE_CONFLICT);
    check_text(found);
    check_text(advice);
}

static void check(struct world *w)
{
    const struct regstore_check_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_CHECK_WRITE, .step = on_step};
    check_status(w, w->plugin->check(w->store, &w->call, &opts));
}

static void put(struct world *w)
{
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_UPLOAD_SHA256, .key = "a/key"};
    const struct regstore_commit_opts commit = {.struct_size = sizeof commit,
                                                .flags = REGSTORE_COMMIT_IF_ABSENT};
    struct regstore_stat stat = {.struct_size = sizeof stat};
    struct regstore_upload *upload;
    FUZZ_HOLDS(w->plugin->upload_open(w->store, &w->call, &opts, &upload) == REGSTORE_OK);
    FUZZ_HOLDS(w->plugin->upload_write(upload, &w->call, "bytes", 5) == REGSTORE_OK);
    const regstore_status status = w->plugin->upload_commit(upload, &w->call, &commit, &stat);
    check_status(w, status);
    if (status == REGSTORE_OK)
        FUZZ_HOLDS(stat.length == 5 && strncmp(stat.digest, "sha256:", 7) == 0);
    w->plugin->upload_close(upload);
}

/* Below the table, where a verb would need megabytes to come there. */
struct inner {
    struct plug_call call;
    struct stss3_client *client;
};

static void begin_inner(struct world *w, struct inner *in)
{
    FUZZ_HOLDS(plug_call_begin(&in->call, &w->call) == REGSTORE_OK);
    FUZZ_HOLDS(stss3_store_enter(stss3_store_of(w->store), &in->call) == REGSTORE_OK);
    in->client = &stss3_store_of(w->store)->running->client;
}

static void create_multipart(struct world *w)
{
    struct inner in;
    char id[STSS3_UPLOAD_ID_MAX];
    const struct stss3_meta meta = {.content_type = "text/plain"};
    begin_inner(w, &in);
    const regstore_status status = stss3_multipart_create(in.client, &in.call, "a/key", &meta, id);
    check_status(w, plug_call_end(&in.call, status));
    FUZZ_HOLDS(status != REGSTORE_OK || (id[0] != '\0' && strlen(id) < sizeof id));
}

static void complete_multipart(struct world *w)
{
    static const struct stss3_part parts[] = {
        {.length = 5 << 20, .etag = "0123456789abcdef0123456789abcdef"},
        {.length = 1, .etag = "\"&<odd>"}};
    struct inner in;
    char etag[128];
    begin_inner(w, &in);
    const regstore_status status = stss3_multipart_complete(
        in.client, &in.call, "a/key", "the upload & its id", parts, 2, false, etag);
    check_status(w, plug_call_end(&in.call, status));
    FUZZ_HOLDS(memchr(etag, '\0', sizeof etag) != NULL);
}

static regstore_status on_part(void *ctx, unsigned number, const struct stss3_part *part,
                               int64_t mtime_ns)
{
    unsigned *before = ctx;
    (void)mtime_ns;
    FUZZ_HOLDS(memchr(part->etag, '\0', sizeof part->etag) != NULL);
    FUZZ_HOLDS(number >= 1 && number <= STSS3_PARTS_MAX && number > *before);
    FUZZ_HOLDS(part->length <= INT64_MAX);
    *before = number;
    return REGSTORE_OK;
}

static void list_parts(struct world *w)
{
    struct inner in;
    unsigned before = 0;
    begin_inner(w, &in);
    const regstore_status status =
        stss3_multipart_parts(in.client, &in.call, "a/key", "the upload's id", on_part, &before);
    check_status(w, plug_call_end(&in.call, status));
}

static regstore_status on_upload(void *ctx, const char *key, const char *upload_id,
                                 int64_t begun_ns, int64_t now_ns)
{
    (void)ctx;
    (void)begun_ns;
    (void)now_ns;
    FUZZ_HOLDS(strlen(key) + strlen(upload_id) < STSS3_XML_BYTES_MAX);
    return REGSTORE_OK;
}

static void list_uploads(struct world *w)
{
    struct inner in;
    begin_inner(w, &in);
    const regstore_status status =
        stss3_multipart_uploads(in.client, &in.call, "", on_upload, NULL);
    check_status(w, plug_call_end(&in.call, status));
}

static void abort_multipart(struct world *w)
{
    struct inner in;
    begin_inner(w, &in);
    const regstore_status status =
        stss3_multipart_abort(in.client, &in.call, "a/key", "the upload's id");
    check_status(w, plug_call_end(&in.call, status));
}

static void copy_part(struct world *w)
{
    struct inner in;
    char etag[128];
    begin_inner(w, &in);
    struct stss3_op *op =
        stss3_part_copy_new(in.client, "from", "etag", 0, 1 << 20, "to", "upload id", 1);
    FUZZ_HOLDS(op != NULL);
    const regstore_status status = stss3_op_run(op, &in.call);
    check_status(w, plug_call_end(&in.call, status));
    if (status == REGSTORE_OK) {
        (void)stss3_part_copy_read(op, &in.call, etag);
        FUZZ_HOLDS(memchr(etag, '\0', sizeof etag) != NULL);
    }
    stss3_op_drop(op);
}

static const struct {
    char letter;
    void (*run)(struct world *w);
} verbs[] = {
    {'l', list_all},
    {'f', list_folders},
    {'b', list_below},
    {'s', stat},
    {'r', read_whole},
    {'q', read_some},
    {'d', delete_some},
    {'c', copy},
    {'p', purge},
    {'k', check},
    {'w', put},
    {'i', create_multipart},
    {'e', complete_multipart},
    {'n', list_parts},
    {'u', list_uploads},
    {'a', abort_multipart},
    {'y', copy_part},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct world w;
    char *line = fuzz_line(&in);
    wire_load(in.at, in.left);
    input_has_secret = fuzz_has(data, size, "nobody") && fuzz_has(data, size, "-see");
    open_world(&w, strchr(line, 'R') != NULL);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (verbs[i].letter == line[0])
            verbs[i].run(&w);
    w.plugin->store_close(w.store);
    free(line);
    return 0;
}
