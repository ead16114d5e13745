/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resume token: ids, the digest's state, and where the bytes are.  Up to about a hundred ETags
 * fit; beyond that it holds a hash of the part table, and S3's own ListParts brings the table back.
 * Nothing in it is a credential, and nothing in it is believed that leads out of the store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "token.h"
#include "upload.h"

#define MAGIC "s3t1"

#define PART_LENGTH_MAX (5 * STSS3_GIB)

#define FLAG_STAGED    0x1u
#define FLAG_SEALED    0x2u
#define FLAG_COMPLETED 0x4u
#define FLAG_MULTIPART 0x8u
#define FLAG_TABLE     0x10u /* the table itself, not its hash */
#define FLAG_ANY_KEY   0x20u /* sealed by EXISTS */
#define FLAG_SUM_SHIFT 6     /* three bits: the checksum of the parts, 1 to 4 as in sums[] */
#define FLAG_SUM_MASK  0x7u

/* In the order of the numbers in a token, which stay. */
static const enum stss3_checksum sums[] = {STSS3_SUM_NONE, STSS3_SUM_MD5, STSS3_SUM_CRC32C,
                                           STSS3_SUM_CRC64NVME, STSS3_SUM_SHA256};
#define SUMS (sizeof sums / sizeof sums[0])

/* What a token stands for: all that the handle has, or as much of it as is safe. */
struct view {
    size_t n; /* parts */
    const uint8_t *digest;
    size_t digest_len;
    bool is_whole; /* with the parked tail, and with what a commit has come to */
};

/* Which place a token belongs to: bucket, path, and the server's name unless it is AWS's, where the
 * bucket's region may have been told or found out.  8 bytes suffice to find a mistake. */
static bool place_hash(const struct stss3_config *c, uint8_t out[8])
{
    uint8_t full[32];
    struct plug_buf text = {0};
    plug_buf_printf(&text, "%s\n%s\n%s", c->bucket, c->root, c->is_aws_s3 ? "" : c->s3.authority);
    const bool ok = !plug_buf_failed(&text);
    if (ok) {
        plug_sha256(text.data, text.len, full);
        memcpy(out, full, 8);
    }
    plug_buf_clear(&text);
    return ok;
}

static void put_line(struct plug_buf *b, const struct stss3_part *part)
{
    plug_put_number(b, part->length);
    plug_put_text(b, part->etag);
}

bool stss3_table_hash(const struct stss3_part *table, size_t n, uint8_t out[32])
{
    struct plug_buf lines = {0};
    for (size_t i = 0; i < n; i++)
        put_line(&lines, &table[i]);
    plug_buf_add(&lines, "", 0);
    const bool ok = !plug_buf_failed(&lines);
    if (ok)
        plug_sha256(lines.data, lines.len, out);
    plug_buf_clear(&lines);
    return ok;
}

static void put_multipart(struct stss3_upload *u, const struct view *v, bool with_table,
                          struct plug_buf *b)
{
    uint8_t hash[32];
    plug_put_number(b, u->created_s);
    if (u->parts == NULL) { /* still as it came: unlisted */
        plug_put_text(b, u->unlisted.upload_id);
        plug_put_number(b, u->unlisted.n);
        plug_put_number(b, u->unlisted.length);
        plug_put_bytes(b, u->unlisted.hash, sizeof u->unlisted.hash);
        return;
    }
    const struct stss3_part *table = stss3_parts_table(u->parts);
    uint64_t length = 0;
    for (size_t i = 0; i < v->n; i++)
        length += table[i].length;
    plug_put_text(b, stss3_parts_upload_id(u->parts));
    plug_put_number(b, v->n);
    plug_put_number(b, length);
    for (size_t i = 0; with_table && i < v->n; i++)
        put_line(b, &table[i]);
    if (!with_table) {
        b->failed |= !stss3_table_hash(table, v->n, hash);
        plug_put_bytes(b, hash, sizeof hash);
    }
}

static void write_body(struct stss3_upload *u, const struct view *v, bool with_table,
                       struct plug_buf *b)
{
    uint8_t place[8];
    const uint8_t next = (uint8_t)u->parked.next;
    const bool is_multipart = u->parts != NULL || u->unlisted.n != 0;
    uint64_t flags = 0;
    flags |= u->is_staged ? FLAG_STAGED : 0;
    const bool is_sealed = v->is_whole && u->state == STSS3_SEALED;
    flags |= is_sealed ? FLAG_SEALED : 0;
    flags |= is_sealed && u->may_change_key ? FLAG_ANY_KEY : 0;
    flags |= u->is_completed ? FLAG_COMPLETED : 0;
    flags |= is_multipart ? FLAG_MULTIPART : 0;
    flags |= is_multipart && u->parts != NULL && with_table ? FLAG_TABLE : 0;
    for (uint64_t i = 0; is_multipart && i < SUMS; i++)
        flags |= sums[i] == u->sum ? i << FLAG_SUM_SHIFT : 0;
    b->failed |= !place_hash(u->store->config, place);
    plug_put_bytes(b, place, sizeof place);
    plug_put_text(b, u->id);
    plug_put_number(b, u->generation);
    plug_put_number(b, flags);
    plug_put_number(b, u->flags);
    plug_put_number(b, u->expected_length);
    plug_put_text(b, u->key);
    plug_put_text(b, u->content_type);
    plug_put_text(b, u->content_encoding);
    plug_put_text(b, is_sealed ? u->sealed_key : NULL);
    plug_put_bytes(b, v->digest, v->digest_len);
    plug_put_number(b, v->is_whole ? u->parked.length : 0);
    plug_put_text(b, u->parked.etag);
    plug_put_number(b, u->parked.token_slot);
    plug_put_text(b, u->staged_etag);
    if (is_multipart)
        put_multipart(u, v, with_table, b);
    plug_put_bytes(b, &next, sizeof next); /* the last byte: again() changes it */
}

/* The table when it fits, else its hash: a token has 4,095 bytes. */
static regstore_status seal(struct stss3_upload *u, struct plug_call *call, const struct view *v,
                            char *token, size_t cap)
{
    struct plug_buf body = {0};
    regstore_status status = REGSTORE_RANGE;
    if (v->n <= 200) {
        write_body(u, v, true, &body);
        status = plug_token_seal(call, MAGIC, &body, token, cap);
    }
    if (status == REGSTORE_RANGE) {
        plug_buf_reset(&body);
        write_body(u, v, false, &body);
        status = plug_token_seal(call, MAGIC, &body, token, cap);
    }
    plug_buf_clear(&body);
    return status;
}

regstore_status stss3_token_make(struct stss3_upload *u, struct plug_call *call, char *token,
                                 size_t cap)
{
    uint8_t digest[PLUG_DIGEST_SAVED_MAX];
    const struct view v = {
        .n = u->parts == NULL ? u->unlisted.n : stss3_parts_count(u->parts),
        .digest = digest,
        .digest_len = plug_digest_save(u->digest, digest),
        .is_whole = true,
    };
    return seal(u, call, &v, token, cap);
}

/* The token that the handle came from stands for what is safe; but not for where to park next. */
static void again(const struct stss3_upload *u, struct plug_call *call, char *token, size_t cap)
{
    struct plug_buf body = {0};
    regstore_status status = plug_token_open(call, MAGIC, u->origin, &body);
    if (status == REGSTORE_OK) {
        body.data[body.len - 1] = (char)u->parked.next;
        status = plug_token_seal(call, MAGIC, &body, token, cap);
    }
    if (status != REGSTORE_OK)
        (void)snprintf(token, cap, "%s", u->origin);
    plug_buf_clear(&body);
}

void stss3_token_make_safe(struct stss3_upload *u, char *token, size_t cap, uint64_t *kept)
{
    uint8_t state[PLUG_DIGEST_SAVED_MAX];
    struct view v = {.digest = state};
    struct plug_call ignored = {0};
    struct plug_digest *digest = NULL;
    if (u->parts != NULL)
        v.n = stss3_parts_safe(u->parts, state, sizeof state, &v.digest_len);
    if (v.digest_len == 0 && u->origin != NULL) { /* nothing new is safe: the old token still is */
        again(u, &ignored, token, cap);
        *kept = u->origin_offset;
        return;
    }
    if (v.digest_len == 0) {
        digest = plug_digest_new(u->flags | REGSTORE_UPLOAD_SHA256);
        v.n = 0;
        v.digest_len = digest == NULL ? 0 : plug_digest_save(digest, state);
    } else {
        digest = plug_digest_load(state, v.digest_len);
    }
    u->generation++;
    if (digest == NULL || seal(u, &ignored, &v, token, cap) != REGSTORE_OK)
        token[0] = '\0';
    else
        *kept = plug_digest_length(digest);
    plug_digest_free(digest);
}

/* What is read from a token into an upload; the checks come after. */
struct reading {
    struct stss3_upload *u;
    struct plug_cursor at;
    uint64_t flags, parts_length;
    char *id;
    bool has_no_memory; /* and nothing is wrong with the token */
};

/* Printable ASCII, as upload_open takes it from a host: it becomes a header. */
static bool is_header(const char *text)
{
    for (const char *p = text; p != NULL && *p != '\0'; p++)
        if (*p < ' ' || *p > '~' || p - text > 255)
            return false;
    return true;
}

static bool take_etag(char *text, char out[128])
{
    const bool fits =
        text != NULL && strlen(text) < 128 && is_header(text) && strchr(text, '"') == NULL;
    if (fits)
        memcpy(out, text, strlen(text) + 1);
    free(text);
    return fits;
}

static bool read_table(struct reading *r, size_t n)
{
    struct stss3_upload *u = r->u;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        struct stss3_part part = {.length = plug_get_number(&r->at)};
        if (!take_etag(plug_get_text(&r->at), part.etag) || part.length > PART_LENGTH_MAX)
            return false;
        if (!stss3_parts_add(u->parts, &part)) {
            r->has_no_memory = i < u->store->config->limits.count;
            return false;
        }
        sum += part.length;
    }
    return sum == r->parts_length;
}

static bool read_multipart(struct reading *r)
{
    struct stss3_upload *u = r->u;
    char stage[STSS3_STAGE_KEY_MAX];
    size_t hash_len;
    u->created_s = plug_get_number(&r->at);
    char *upload_id = plug_get_text(&r->at);
    const uint64_t n = plug_get_number(&r->at);
    bool ok = upload_id != NULL && strlen(upload_id) < STSS3_UPLOAD_ID_MAX &&
              upload_id[0] != '\0' && n <= STSS3_PARTS_MAX;
    r->parts_length = plug_get_number(&r->at);
    stss3_stage_key(u, stage);
    if (ok && (r->flags & FLAG_TABLE) != 0) {
        u->parts = stss3_parts_new(&u->store->running->client, u->is_staged ? stage : u->key,
                                   upload_id, u->sum);
        r->has_no_memory = u->parts == NULL;
        ok = u->parts != NULL && read_table(r, (size_t)n);
    } else if (ok) {
        const uint8_t *hash = plug_get_bytes(&r->at, &hash_len);
        ok = hash != NULL && hash_len == sizeof u->unlisted.hash && n != 0;
        if (ok)
            memcpy(u->unlisted.hash, hash, hash_len);
        u->unlisted.n = (size_t)n;
        u->unlisted.length = r->parts_length;
        memcpy(u->unlisted.upload_id, upload_id, ok ? strlen(upload_id) + 1 : 0);
    }
    free(upload_id);
    return ok;
}

static bool is_uuid(const char *text)
{
    return text != NULL && strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36;
}

/* Every digest of ours has it, asked for or not. */
static bool has_sha256(const struct plug_digest *digest)
{
    char text[REGSTORE_DIGEST_MAX];
    return plug_digest_text(digest, "sha256", text, sizeof text) == REGSTORE_OK;
}

/* Everything that a key or a name could be made of has been checked when this returns true. */
static bool read_fields(struct reading *r, struct plug_call *call)
{
    struct stss3_upload *u = r->u;
    size_t digest_len, next_len;
    r->id = plug_get_text(&r->at);
    u->generation = plug_get_number(&r->at);
    r->flags = plug_get_number(&r->at);
    u->flags = plug_get_number(&r->at);
    u->expected_length = plug_get_number(&r->at);
    u->key = plug_get_text(&r->at);
    u->content_type = plug_get_text(&r->at);
    u->content_encoding = plug_get_text(&r->at);
    u->sealed_key = plug_get_text(&r->at);
    const uint8_t *digest = plug_get_bytes(&r->at, &digest_len);
    u->digest = digest == NULL ? NULL : plug_digest_load(digest, digest_len);
    r->has_no_memory =
        digest != NULL && u->digest == NULL && plug_digest_is_saved(digest, digest_len);
    u->parked.length = plug_get_number(&r->at);
    const bool has_etags = take_etag(plug_get_text(&r->at), u->parked.etag);
    const uint64_t slot = plug_get_number(&r->at);
    const bool has_staged_etag = take_etag(plug_get_text(&r->at), u->staged_etag);
    u->is_staged = (r->flags & FLAG_STAGED) != 0;
    u->is_completed = (r->flags & FLAG_COMPLETED) != 0;
    u->may_change_key = (r->flags & FLAG_ANY_KEY) != 0;
    if (!is_uuid(r->id) || u->digest == NULL || !has_sha256(u->digest) || !has_etags ||
        !has_staged_etag || !is_header(u->content_type) || !is_header(u->content_encoding) ||
        r->at.failed)
        return false;
    memcpy(u->id, r->id, sizeof u->id);
    stss3_name_stage(u);
    if (u->key != NULL && plug_key_check_target(call, u->key, "key") != REGSTORE_OK)
        return false;
    if (u->sealed_key != NULL && plug_key_check_target(call, u->sealed_key, "key") != REGSTORE_OK)
        return false;
    const bool is_multipart = (r->flags & FLAG_MULTIPART) != 0;
    const uint64_t sum = r->flags >> FLAG_SUM_SHIFT & FLAG_SUM_MASK;
    if (sum >= SUMS || (is_multipart && !u->is_staged && u->key == NULL))
        return false;
    u->sum = sums[sum];
    if (u->is_completed && (!is_multipart || !u->is_staged))
        return false;
    if (is_multipart && !read_multipart(r))
        return false;
    const uint8_t *next = plug_get_bytes(&r->at, &next_len);
    if (next == NULL || next_len != 1 || *next >= STSS3_PARK_SLOTS || slot >= STSS3_PARK_SLOTS ||
        *next == slot)
        return false;
    u->parked.slot = u->parked.token_slot = (unsigned)slot;
    u->parked.next = *next;
    if ((r->flags & FLAG_SEALED) != 0)
        u->state = STSS3_SEALED;
    return !r->at.failed && r->at.at == r->at.end && (u->state != STSS3_SEALED || u->sealed_key) &&
           u->parked.length <= PART_LENGTH_MAX &&
           r->parts_length + u->parked.length == plug_digest_length(u->digest);
}

regstore_status stss3_token_read(struct stss3_upload *u, struct plug_call *call, const char *token)
{
    struct plug_buf body = {0};
    uint8_t here[8];
    size_t place_len;
    regstore_status status = plug_token_open(call, MAGIC, token, &body);
    if (status == REGSTORE_OK) {
        struct reading r = {.u = u};
        r.at.at = (const uint8_t *)body.data;
        r.at.end = r.at.at + body.len;
        const uint8_t *place = plug_get_bytes(&r.at, &place_len);
        if (!place_hash(u->store->config, here))
            status = plug_no_memory(call);
        else if (place == NULL || place_len != sizeof here || memcmp(place, here, sizeof here) != 0)
            status = plug_fail(call, REGSTORE_INVALID,
                               "the token belongs to another bucket, path or endpoint");
        else if (!read_fields(&r, call))
            status = r.has_no_memory || r.at.has_no_memory
                         ? plug_no_memory(call)
                         : plug_fail(call, REGSTORE_INVALID, "the token is damaged");
        free(r.id);
        u->origin_offset = u->digest == NULL ? 0 : plug_digest_length(u->digest);
    }
    plug_buf_clear(&body);
    return status;
}
