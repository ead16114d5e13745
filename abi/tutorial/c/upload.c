/* SPDX-License-Identifier: Apache-2.0 */
/* An upload: the states that regstore.h draws, and the token that carries it to another process. */
#define _GNU_SOURCE
#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_FLAGS (REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SOLE)
/* In a token, beside those: */
#define HAS_KEY   0x10000u /* the key was told at open */
#define IS_SEALED 0x20000u /* a commit has failed */

enum state { OPEN, SEALED, COMMITTED, SUSPENDED, ABORTING, ABORTED, LOST };

struct regstore_upload {
    struct regstore_store *store;
    enum state state;
    bool is_resumed; /* a token was opened */
    uint64_t flags;
    char key[REGSTORE_KEY_MAX];    /* told at open; "" when not */
    char target[REGSTORE_KEY_MAX]; /* of the commit that failed or succeeded; "" when none did */
    struct staging staging;
    struct regstore_stat committed;
};

static regstore_status wrong_state(struct call *call)
{
    return fail(call, REGSTORE_STATE, "not in this state of the upload");
}

/* GONE, and CONFLICT that does not pass, end an upload. */
static regstore_status settle(struct call *call, struct regstore_upload *upload,
                              regstore_status status)
{
    if (status == REGSTORE_GONE || (status == REGSTORE_CONFLICT && call->error.retryable == 0)) {
        upload->state = LOST;
        staging_release(&upload->staging, false);
    }
    return status;
}

/* --- tokens: "folder1:place:id:flags:offset:digest:key in hex:checksum" --- */

static void write_token(const struct regstore_upload *upload, char token[REGSTORE_TOKEN_MAX])
{
    const bool has_key = upload->key[0] != '\0';
    const char *key = has_key ? upload->key : upload->target; /* when there are both, they agree */
    const uint64_t flags =
        upload->flags | (has_key ? HAS_KEY : 0) | (upload->state == SEALED ? IS_SEALED : 0);
    char digest[HASH_TEXT], checksum[HASH_TEXT];
    staging_digest(&upload->staging, digest);
    int at =
        snprintf(token, REGSTORE_TOKEN_MAX, "folder1:%s:%.32s:%llx:%llx:%s:", upload->store->place,
                 upload->staging.name, (unsigned long long)flags,
                 (unsigned long long)upload->staging.offset, digest);
    for (const char *c = key; *c != '\0'; c++)
        at += snprintf(token + at, 3, "%02x", (unsigned char)*c);
    sha256_of(token, checksum);
    (void)snprintf(token + at, REGSTORE_TOKEN_MAX - (size_t)at, ":%s", checksum);
}

static bool unhex(const char *hex, char key[REGSTORE_KEY_MAX])
{
    const size_t len = strlen(hex);
    unsigned byte;
    if (len % 2 != 0 || len / 2 >= REGSTORE_KEY_MAX || strspn(hex, "0123456789abcdef") != len)
        return false;
    for (size_t i = 0; i < len / 2 && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
        key[i] = (char)byte;
    key[len / 2] = '\0';
    return strlen(key) == len / 2;
}

static regstore_status damaged(struct call *call)
{
    return fail(call, REGSTORE_INVALID, "the token is damaged, or of another backend");
}

/* The checksum is against accidents. Against a forger (TOK-6) each field is looked at: the id is
 * hex, so that it names nothing but a file in uploads/. */
static regstore_status read_token(struct call *call, const char *token,
                                  struct regstore_upload *upload)
{
    char text[REGSTORE_TOKEN_MAX], checksum[HASH_TEXT], place[HASH_TEXT] = "", id[ID_TEXT] = "";
    char key[REGSTORE_KEY_MAX];
    unsigned long long flags, offset;
    int end = 0;
    if (strnlen(token, sizeof text) == sizeof text)
        return damaged(call);
    (void)snprintf(text, sizeof text, "%s", token);
    char *last = strrchr(text, ':');
    if (last == NULL)
        return damaged(call);
    *last = '\0';
    sha256_of(text, checksum);
    if (strcmp(last + 1, checksum) != 0)
        return damaged(call);
    if (sscanf(text, "folder1:%64[0-9a-f]:%32[0-9a-f]:%llx:%llx:%64[0-9a-f]:%n", place, id, &flags,
               &offset, upload->staging.digest, &end) != 5 ||
        end == 0 || strlen(id) != ID_TEXT - 1 ||
        (flags & ~(unsigned long long)(KNOWN_FLAGS | HAS_KEY | IS_SEALED)) != 0 ||
        offset > INT64_MAX || !unhex(text + end, key))
        return damaged(call);
    if (strcmp(place, upload->store->place) != 0)
        return fail(call, REGSTORE_INVALID, "the token is of another storage_path");
    if (key[0] != '\0')
        TRY(check_target(call, key));
    upload->is_resumed = true;
    upload->flags = flags & KNOWN_FLAGS;
    upload->staging.offset = offset;
    if ((flags & HAS_KEY) != 0)
        memcpy(upload->key, key, sizeof key);
    if ((flags & IS_SEALED) != 0) {
        memcpy(upload->target, key, sizeof key);
        upload->state = SEALED;
    }
    staging_name(&upload->staging, id, upload->key);
    return REGSTORE_OK;
}

/* --- the verbs --- */

static regstore_status set_up(struct call *call, struct regstore_upload *upload,
                              const struct regstore_upload_opts *opts)
{
    const char *key = opts->key != NULL ? opts->key : "";
    TRY(take_flags(call, opts->flags, KNOWN_FLAGS));
    if (opts->token != NULL && (opts->flags != 0 || opts->key != NULL))
        return fail(call, REGSTORE_INVALID, "flags or a key beside a token, which has them");
    if ((opts->flags & REGSTORE_UPLOAD_SOLE) != 0 && opts->key == NULL)
        return fail(call, REGSTORE_INVALID, "UPLOAD_SOLE needs a key");
    if (opts->key != NULL)
        TRY(check_target(call, opts->key));
    TRY(staging_init(call, &upload->staging, key));
    if (opts->token != NULL)
        return read_token(call, opts->token, upload);
    upload->flags = opts->flags;
    (void)snprintf(upload->key, sizeof upload->key, "%s", key);
    return REGSTORE_OK;
}

static regstore_status try_open(struct call *call, const struct regstore_call *host_call,
                                struct regstore_store *store,
                                const struct regstore_upload_opts *host_opts,
                                struct regstore_upload **out)
{
    struct regstore_upload_opts opts;
    TRY(enter(call, host_call, store));
    TRY(take(call, &opts, sizeof opts, host_opts));
    TRY(call_check(call));
    struct regstore_upload *upload = calloc(1, sizeof *upload);
    if (upload == NULL)
        return fail(call, REGSTORE_NO_MEMORY, "out of memory");
    upload->store = store_keep(store);
    upload->staging.fd = -1;
    const regstore_status status = set_up(call, upload, &opts);
    if (status == REGSTORE_OK)
        *out = upload;
    else
        upload_close(upload);
    return status;
}

regstore_status upload_open(struct regstore_store *store, const struct regstore_call *host_call,
                            const struct regstore_upload_opts *host_opts,
                            struct regstore_upload **out)
{
    struct call call;
    return call_end(&call, try_open(&call, host_call, store, host_opts, out));
}

static regstore_status append(struct call *call, const struct regstore_call *host_call,
                              struct regstore_upload *upload, const void *buf, size_t len)
{
    TRY(enter(call, host_call, upload->store));
    if (upload->state != OPEN)
        return wrong_state(call);
    TRY(call_check(call));
    if (len == 0)
        return REGSTORE_OK;
    TRY(staging_hold(call, upload->store, &upload->staging));
    return staging_append(call, &upload->staging, buf, len);
}

regstore_status upload_write(struct regstore_upload *upload, const struct regstore_call *host_call,
                             const void *buf, size_t len)
{
    struct call call;
    return call_end(&call, settle(&call, upload, append(&call, host_call, upload, buf, len)));
}

uint64_t upload_offset(const struct regstore_upload *upload)
{
    return upload->staging.offset;
}

regstore_status upload_digest(const struct regstore_upload *upload, const char *algorithm,
                              char *digest, size_t cap)
{
    char hex[HASH_TEXT];
    if (store_is_inherited(upload->store))
        return REGSTORE_STATE;
    if (strcmp(algorithm, "sha256") != 0 || (upload->flags & REGSTORE_UPLOAD_SHA256) == 0)
        return REGSTORE_UNSUPPORTED;
    if (cap < sizeof "sha256:" - 1 + HASH_TEXT)
        return REGSTORE_RANGE;
    staging_digest(&upload->staging, hex);
    (void)snprintf(digest, cap, "sha256:%s", hex);
    return REGSTORE_OK;
}

/* Where nothing was written since the token, the token is good as it is: no I/O. */
static regstore_status suspend(struct call *call, const struct regstore_call *host_call,
                               struct regstore_upload *upload, char *token, size_t cap,
                               uint64_t *kept)
{
    struct staging *staging = &upload->staging;
    TRY(enter(call, host_call, upload->store));
    if (upload->state != OPEN && upload->state != SEALED)
        return wrong_state(call);
    if (cap < REGSTORE_TOKEN_MAX)
        return fail(call, REGSTORE_RANGE, "a token takes up to %d bytes", REGSTORE_TOKEN_MAX);
    TRY(call_check(call));
    if (staging->is_ours && staging->offset > 0)
        TRY(staging_keep(call, upload->store, staging));
    write_token(upload, token);
    *kept = staging->offset;
    upload->state = SUSPENDED;
    staging_release(staging, false);
    return REGSTORE_OK;
}

regstore_status upload_suspend(struct regstore_upload *upload,
                               const struct regstore_call *host_call, char *token, size_t cap,
                               uint64_t *kept)
{
    struct call call;
    return call_end(&call,
                    settle(&call, upload, suspend(&call, host_call, upload, token, cap, kept)));
}

static regstore_status choose_key(struct call *call, const struct regstore_upload *upload,
                                  const char *asked, const char **key)
{
    *key = asked != NULL ? asked : upload->key;
    if ((*key)[0] == '\0')
        return fail(call, REGSTORE_INVALID, "commit needs a key: upload_open had none");
    TRY(check_target(call, *key));
    if (upload->key[0] != '\0' && strcmp(*key, upload->key) != 0)
        return fail(call, REGSTORE_INVALID, "the upload was opened for another key (UP-2)");
    if (upload->target[0] != '\0' && strcmp(*key, upload->target) != 0)
        return fail(call, REGSTORE_STATE, "a commit went to '%.300s' already", upload->target);
    return REGSTORE_OK;
}

/* COM-1 */
static regstore_status compare(struct call *call, const struct regstore_upload *upload,
                               const char *wanted)
{
    char mine[HASH_TEXT];
    if (wanted == NULL)
        return REGSTORE_OK;
    if ((upload->flags & REGSTORE_UPLOAD_SHA256) == 0 || !starts_with(wanted, "sha256:") ||
        strlen(wanted + 7) != HASH_TEXT - 1 ||
        strspn(wanted + 7, "0123456789abcdef") != HASH_TEXT - 1)
        return fail(call, REGSTORE_INVALID, "no sha256 digest, or upload_open did not ask for it");
    staging_digest(&upload->staging, mine);
    if (strcmp(wanted + 7, mine) != 0)
        return fail(call, REGSTORE_DIGEST, "the bytes are not those of %s", wanted);
    return REGSTORE_OK;
}

static regstore_status make_blob(struct call *call, struct regstore_upload *upload, const char *key,
                                 bool if_absent, struct stat *file)
{
    struct staging *staging = &upload->staging;
    const regstore_status status =
        staging_publish(call, upload->store, staging, key, if_absent, file);
    if (status == REGSTORE_GONE)
        return staging_prove(call, upload->store, staging, key, file);
    /* TOK-1: a token at offset 0 has no file to be gone; its empty blob is the one that it made. */
    if (status == REGSTORE_EXISTS && upload->is_resumed && staging->offset == 0 &&
        look_at_blob(call, upload->store, key, file) == REGSTORE_OK && file->st_size == 0) {
        (void)staging_remove(call, upload->store, staging->name); /* COM-3: else it is purge's */
        return REGSTORE_OK;
    }
    return status;
}

static regstore_status commit(struct call *call, const struct regstore_call *host_call,
                              struct regstore_upload *upload,
                              const struct regstore_commit_opts *host_opts)
{
    const enum state before = upload->state;
    const bool had_target = upload->target[0] != '\0';
    struct regstore_commit_opts opts;
    struct stat file;
    const char *key;
    TRY(enter(call, host_call, upload->store));
    TRY(take(call, &opts, sizeof opts, host_opts));
    TRY(take_flags(call, opts.flags, REGSTORE_COMMIT_IF_ABSENT));
    if (before != OPEN && before != SEALED && before != COMMITTED)
        return wrong_state(call);
    TRY(choose_key(call, upload, opts.key, &key));
    TRY(compare(call, upload, opts.digest));
    if (before == COMMITTED)
        return REGSTORE_OK;
    upload->state = SEALED;
    (void)snprintf(upload->target, sizeof upload->target, "%s", key);
    const bool if_absent = (opts.flags & REGSTORE_COMMIT_IF_ABSENT) != 0;
    const regstore_status status = make_blob(call, upload, key, if_absent, &file);
    if (status == REGSTORE_INVALID || status == REGSTORE_UNSUPPORTED)
        upload->state = before; /* nothing was done */
    if (status == REGSTORE_EXISTS || (upload->state == OPEN && !had_target))
        upload->target[0] = '\0'; /* any key may come next */
    TRY(status);
    stat_fill(&upload->committed, &file);
    upload->state = COMMITTED;
    staging_release(&upload->staging, false);
    return REGSTORE_OK;
}

regstore_status upload_commit(struct regstore_upload *upload, const struct regstore_call *host_call,
                              const struct regstore_commit_opts *host_opts,
                              struct regstore_stat *out)
{
    struct call call;
    const regstore_status status =
        settle(&call, upload, commit(&call, host_call, upload, host_opts));
    if (status == REGSTORE_OK)
        give(out, &upload->committed, sizeof upload->committed);
    return call_end(&call, status);
}

static regstore_status drop(struct call *call, const struct regstore_call *host_call,
                            struct regstore_upload *upload)
{
    TRY(enter(call, host_call, upload->store));
    if (upload->state == COMMITTED || upload->state == ABORTED)
        return REGSTORE_OK; /* ABO-2, ABO-1 */
    if (upload->state == SUSPENDED)
        return wrong_state(call);
    upload->state = ABORTING;
    TRY(call_check(call));
    TRY(staging_remove(call, upload->store, upload->staging.name));
    if ((upload->flags & REGSTORE_UPLOAD_SOLE) != 0)
        TRY(remove_all_of_key(call, upload->store, upload->key));
    upload->state = ABORTED;
    staging_release(&upload->staging, false);
    return REGSTORE_OK;
}

regstore_status upload_abort(struct regstore_upload *upload, const struct regstore_call *host_call)
{
    struct call call;
    return call_end(&call, drop(&call, host_call, upload));
}

void upload_close(struct regstore_upload *upload)
{
    if (upload == NULL)
        return;
    staging_release(&upload->staging, store_is_inherited(upload->store));
    store_close(upload->store);
    free(upload);
}
