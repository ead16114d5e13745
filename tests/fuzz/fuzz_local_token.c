/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resume tokens of LocalStorage, also with a checksum and a place that are right.  TOK-6: whatever
 * is in one, nothing outside of storage_path is opened, made or changed; and inside of it only what
 * a commit or uploads/ may have.
 *
 * Input: a byte of flags; then the token's inside, or with AS_TEXT the token.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token.h"
#include "upload.h"

#include "fuzz.h"

enum { AS_TEXT = 1, OTHER_PLACE = 2, COMMIT = 4, SUSPEND = 8, WRITE = 16, STAGED = 32 };

#define MAGIC "local1"

const struct regstore_plugin *regstore_plugin_v1(void);

static const struct regstore_plugin *plugin;
static struct regstore_store *store;
static struct regstore_error error = {.struct_size = sizeof error};
static const struct regstore_call call = {.struct_size = sizeof call, .error = &error};

/* scratch/store is storage_path; beside it lies a file that must stay as it is. */
static char scratch[64], place[80], bystander[80];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_scratch(void)
{
    plugin->store_close(store);
    (void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void open_store(void)
{
    const struct regstore_pair setting = {"storage_path", place};
    if (store != NULL)
        return;
    /* In memory, where fsync costs nothing. */
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(scratch, sizeof scratch, "%s/regstore-fuzz-XXXXXX", parent);
    FUZZ_HOLDS(mkdtemp(scratch) != NULL);
    (void)snprintf(place, sizeof place, "%s/store", scratch);
    (void)snprintf(bystander, sizeof bystander, "%s/bystander", scratch);
    FILE *file = fopen(bystander, "w");
    FUZZ_HOLDS(file != NULL && fputs("untouched", file) >= 0 && fclose(file) == 0);
    plugin = regstore_plugin_v1();
    FUZZ_HOLDS(plugin->store_open(&call, NULL, &setting, 1, &store) == REGSTORE_OK);
    FUZZ_HOLDS(atexit(remove_scratch) == 0);
}

static void empty_store(void)
{
    struct stat st;
    if (stat(place, &st) == 0)
        FUZZ_HOLDS(nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

/* Nothing has come into the folder above, and the file there is as it was. */
static void check_outside(void)
{
    struct stat st;
    char text[16] = "";
    FILE *file = fopen(bystander, "r");
    FUZZ_HOLDS(file != NULL && fgets(text, sizeof text, file) != NULL && fclose(file) == 0);
    FUZZ_HOLDS(strcmp(text, "untouched") == 0);
    FUZZ_HOLDS(stat(scratch, &st) == 0 && st.st_nlink <= 3); /* ".", its own name, the store */
    FUZZ_HOLDS(stat(bystander, &st) == 0 && st.st_nlink == 1);
}

static const struct regstore_upload *expected; /* of which keys may be there */

static int check_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)at;
    const size_t len = strlen(place);
    FUZZ_HOLDS(strncmp(path, place, len) == 0);
    if (kind != FTW_F)
        return 0;
    FUZZ_HOLDS(S_ISREG(st->st_mode));
    const char *key = path + len + 1;
    struct local_name name;
    if (strncmp(key, "uploads/", 8) == 0)
        FUZZ_HOLDS(local_name_parse(key + 8, &name));
    else
        FUZZ_HOLDS(strcmp(key, expected->key == NULL ? "a/key" : expected->key) == 0 ||
                   (expected->sealed_key != NULL && strcmp(key, expected->sealed_key) == 0));
    return 0;
}

static void check_inside(const struct regstore_upload *upload)
{
    struct stat st;
    expected = upload;
    if (stat(place, &st) == 0)
        FUZZ_HOLDS(nftw(place, check_one, 16, FTW_PHYS) == 0);
}

static bool make_token(uint8_t flags, struct fuzz_input *in, char token[REGSTORE_TOKEN_MAX])
{
    struct plug_call ours = {0};
    struct plug_buf body = {0};
    if ((flags & AS_TEXT) != 0) {
        char *text = fuzz_rest(in);
        (void)snprintf(token, REGSTORE_TOKEN_MAX, "%s", text);
        free(text);
        return true;
    }
    if ((flags & OTHER_PLACE) == 0)
        plug_put_text(&body, store->place);
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

/* The file that the token speaks of, of the right length and by the right name. */
static void stage(const struct regstore_upload *upload)
{
    char name[LOCAL_NAME_MAX], path[400];
    if (upload->offset > 1 << 20)
        return;
    local_name_text(&upload->staging.name, name);
    (void)snprintf(path, sizeof path, "%s/uploads", place);
    FUZZ_HOLDS(mkdir(place, 0700) == 0 && mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/uploads/%s", place, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FUZZ_HOLDS(fd >= 0 && ftruncate(fd, (off_t)upload->offset) == 0 && close(fd) == 0);
}

static void suspend(struct regstore_upload *upload)
{
    char token[REGSTORE_TOKEN_MAX] = "";
    struct regstore_upload *again;
    uint64_t kept = 0;
    const regstore_status status =
        plugin->upload_suspend(upload, &call, token, sizeof token, &kept);
    check_status(status);
    FUZZ_HOLDS(fuzz_is_ascii(token));
    if (token[0] == '\0')
        return;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    FUZZ_HOLDS(plugin->upload_open(store, &call, &opts, &again) == REGSTORE_OK);
    FUZZ_HOLDS(plugin->upload_offset(again) == kept);
    plugin->upload_close(again);
}

static void use(struct regstore_upload *upload, uint8_t flags)
{
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts,
                                              .key = upload->key == NULL ? "a/key" : NULL};
    if ((flags & STAGED) != 0)
        stage(upload);
    if ((flags & WRITE) != 0)
        check_status(plugin->upload_write(upload, &call, "byte", 4));
    if ((flags & SUSPEND) != 0)
        suspend(upload);
    if ((flags & COMMIT) != 0)
        check_status(plugin->upload_commit(upload, &call, &opts, NULL));
    check_inside(upload);
    check_status(plugin->upload_abort(upload, &call));
    check_inside(upload);
    check_outside();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    char token[REGSTORE_TOKEN_MAX];
    struct regstore_upload *upload;
    const uint8_t flags = fuzz_byte(&in);
    open_store();
    if (!make_token(flags, &in, token))
        return 0;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    const regstore_status status = plugin->upload_open(store, &call, &opts, &upload);
    check_status(status);
    if (status != REGSTORE_OK) {
        FUZZ_HOLDS(status == REGSTORE_INVALID);
        return 0;
    }
    FUZZ_HOLDS(plugin->upload_offset(upload) <= INT64_MAX);
    use(upload, flags);
    plugin->upload_close(upload);
    empty_store();
    return 0;
}
