/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspend, and the inside of a token.  The texts in it are checked like a host's arguments, and the
 * staging file's name is made of numbers, so no forged token leads out of uploads/ (TOK-6).
 */
#include "token.h"

#include "path.h"
#include "upload.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "local1"

/* Of the flags, where the ABI has none: the upload is SEALED. */
#define IS_SEALED ((uint64_t)1 << 32)

static void put_position(struct plug_buf *body, const struct local_position *position)
{
    plug_put_number(body, position->offset);
    for (size_t i = 0; i < LOCAL_EPOCHS; i++) {
        plug_put_number(body, position->epochs[i].id);
        plug_put_number(body, position->epochs[i].begin);
    }
    plug_put_number(body, position->inode);
    plug_put_number(body, (uint64_t)position->mtime_ns);
    plug_put_bytes(body, position->digest, position->digest_len);
}

static void get_position(struct plug_cursor *cursor, struct local_position *position)
{
    position->offset = plug_get_number(cursor);
    for (size_t i = 0; i < LOCAL_EPOCHS; i++) {
        position->epochs[i].id = plug_get_number(cursor);
        position->epochs[i].begin = plug_get_number(cursor);
    }
    position->inode = plug_get_number(cursor);
    position->mtime_ns = (int64_t)plug_get_number(cursor);
    size_t len = 0;
    const uint8_t *digest = plug_get_bytes(cursor, &len);
    if (digest == NULL || len > sizeof position->digest) {
        cursor->failed = true;
        return;
    }
    memcpy(position->digest, digest, len);
    position->digest_len = len;
}

static regstore_status token_write(struct plug_call *call, const struct regstore_upload *upload,
                                   const struct local_position *position, char *token, size_t cap)
{
    struct plug_buf body = {0};
    const uint64_t sealed = upload->state == LOCAL_SEALED ? IS_SEALED : 0;
    plug_put_text(&body, upload->store->place);
    plug_put_text(&body, upload->staging.name.upload);
    plug_put_number(&body, upload->flags | sealed);
    plug_put_text(&body, upload->key);
    /* With a key at open the two are the same; both would not fit. */
    plug_put_text(&body, upload->key == NULL ? upload->sealed_key : NULL);
    put_position(&body, position);
    const regstore_status status = plug_token_seal(call, MAGIC, &body, token, cap);
    plug_buf_clear(&body);
    return status;
}

/* True: the text is a UUID as plug_uuid() writes it. */
static bool is_upload_id(const char *text)
{
    return text != NULL && strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36;
}

static regstore_status damaged(struct plug_call *call)
{
    return plug_fail(call, REGSTORE_INVALID, "the token is damaged, or forged");
}

static regstore_status take_upload_id(struct plug_call *call, struct plug_cursor *cursor,
                                      struct regstore_upload *upload)
{
    char *place = plug_get_text(cursor), *id = plug_get_text(cursor);
    regstore_status status = REGSTORE_OK;
    if (cursor->has_no_memory)
        status = plug_no_memory(call);
    else if (cursor->failed || place == NULL || !is_upload_id(id))
        status = damaged(call);
    else if (strcmp(place, upload->store->place) != 0)
        status = plug_fail(call, REGSTORE_INVALID, "the token is of another storage_path than '%s'",
                           upload->store->path);
    else
        memcpy(upload->staging.name.upload, id, sizeof upload->staging.name.upload);
    free(place);
    free(id);
    return status;
}

static regstore_status take_keys(struct plug_call *call, struct plug_cursor *cursor,
                                 struct regstore_upload *upload)
{
    const uint64_t flags = plug_get_number(cursor);
    upload->key = plug_get_text(cursor);
    upload->sealed_key = plug_get_text(cursor);
    upload->flags = flags & ~IS_SEALED;
    upload->state = (flags & IS_SEALED) != 0 ? LOCAL_SEALED : LOCAL_OPEN;
    if (cursor->has_no_memory)
        return plug_no_memory(call);
    if (cursor->failed || (upload->flags & ~(uint64_t)LOCAL_UPLOAD_FLAGS) != 0)
        return damaged(call);
    if (upload->key != NULL)
        TRY(local_key_check_target(call, upload->key, "the token's key"));
    if (upload->sealed_key != NULL)
        TRY(local_key_check_target(call, upload->sealed_key, "the token's key"));
    return REGSTORE_OK;
}

static regstore_status take_position(struct plug_call *call, struct plug_cursor *cursor,
                                     struct regstore_upload *upload)
{
    struct local_position *position = &upload->origin;
    get_position(cursor, position);
    if (cursor->failed || cursor->at != cursor->end || position->offset > INT64_MAX)
        return damaged(call);
    if ((position->epochs[0].id == 0) != (position->offset == 0))
        return damaged(call);
    if (!plug_digest_is_saved(position->digest, position->digest_len))
        return damaged(call);
    upload->digest = plug_digest_load(position->digest, position->digest_len);
    if (upload->digest == NULL)
        return plug_no_memory(call);
    if (plug_digest_length(upload->digest) != position->offset)
        return damaged(call);
    upload->offset = position->offset;
    memcpy(upload->staging.name.epochs, position->epochs, sizeof position->epochs);
    upload->staging.from = position->epochs[0].id;
    upload->staging.may_exist = true;
    return REGSTORE_OK;
}

regstore_status local_token_read(struct plug_call *call, const char *token,
                                 struct regstore_upload *upload)
{
    struct plug_buf body = {0};
    regstore_status status = plug_token_open(call, MAGIC, token, &body);
    const uint8_t *bytes = (const uint8_t *)plug_buf_text(&body);
    struct plug_cursor cursor = {.at = bytes, .end = bytes + body.len};
    if (status == REGSTORE_OK)
        status = take_upload_id(call, &cursor, upload);
    if (status == REGSTORE_OK)
        status = take_keys(call, &cursor, upload);
    if (status == REGSTORE_OK)
        status = take_position(call, &cursor, upload);
    plug_buf_clear(&body);
    return status;
}

/* What a token for all bytes accepted says; they are on disk afterwards. */
static regstore_status position_now(struct plug_call *call, struct regstore_upload *upload,
                                    struct local_position *position)
{
    *position = upload->origin;
    if (upload->offset == upload->origin.offset)
        return REGSTORE_OK; /* Nothing new: those bytes are safe, or there are none. */
    TRY(plug_call_check(call));
    TRY(local_staging_sync(call, upload->store, &upload->staging, true));
    struct stat file;
    if (fstat(upload->staging.fd, &file) != 0)
        return local_fail(call, "look at", upload->staging.name.upload);
    if (file.st_nlink == 0)
        return plug_fail(call, REGSTORE_GONE, "the upload was aborted or purged");
    position->offset = upload->offset;
    memcpy(position->epochs, upload->staging.name.epochs, sizeof position->epochs);
    position->inode = file.st_ino;
    position->mtime_ns = local_mtime_ns(&file);
    position->digest_len = plug_digest_save(upload->digest, position->digest);
    return REGSTORE_OK;
}

/* TOK-2: after a failure the token still stands for what was safe when the handle was opened. */
static regstore_status suspend(struct plug_call *call, struct regstore_upload *upload, char *token,
                               size_t cap, uint64_t *kept)
{
    struct local_position position;
    const regstore_status status = position_now(call, upload, &position);
    if (status == REGSTORE_OK) {
        TRY(token_write(call, upload, &position, token, cap));
        *kept = position.offset;
        upload->state = LOCAL_SUSPENDED;
        local_staging_release(&upload->staging, true);
        return REGSTORE_OK;
    }
    if (local_upload_settle(call, upload, status) == REGSTORE_GONE)
        return status;
    const struct plug_error words = call->error;
    if (token_write(call, upload, &upload->origin, token, cap) == REGSTORE_OK) {
        *kept = upload->origin.offset;
        upload->staging.may_exist = true;
    } else {
        token[0] = '\0';
    }
    call->error = words;
    return status;
}

regstore_status local_upload_suspend(struct regstore_upload *upload,
                                     const struct regstore_call *host_call, char *token, size_t cap,
                                     uint64_t *kept)
{
    struct plug_call call;
    uint64_t unused;
    regstore_status status = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &upload->store->host, "suspend");
    if (kept == NULL)
        kept = &unused;
    if (status == REGSTORE_OK)
        status = local_upload_enter(&call, upload, LOCAL_OPEN, LOCAL_SEALED);
    if (status == REGSTORE_OK && (token == NULL || cap < REGSTORE_TOKEN_MAX))
        status = plug_fail(&call, REGSTORE_RANGE, "a token needs %d bytes", REGSTORE_TOKEN_MAX);
    if (status == REGSTORE_OK) { /* a refused call leaves the host's token as it is */
        *kept = 0;
        token[0] = '\0';
        status = suspend(&call, upload, token, cap, kept);
    }
    return plug_call_end(&call, status);
}
