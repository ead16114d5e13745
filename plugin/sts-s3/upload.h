/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upload, and where its bytes are at any moment:
 *
 *   [ part 1 | part 2 | ... | part n ]  [ tail ]
 *     at S3, or on their way there        in memory (or spilled), or parked at S3 by a suspend
 *
 * While n is 0 nothing has been sent, and commit is one PUT of the tail.  Parts belong to a
 * multipart upload at the key that upload_open named, or at uploads/<id>, from where commit copies.
 * A tail is parked at uploads/<id>.0 and .1 in turn, so that the newest two tokens can be taken up.
 * A PUT that was cut off may still land, on top of what is parked there later: after it the next
 * two numbers have their turn.
 */
#ifndef STSS3_UPLOAD_H
#define STSS3_UPLOAD_H

#include "digest.h"
#include "parts.h"
#include "store.h"

enum stss3_upload_state {
    STSS3_OPEN,
    STSS3_SEALED,
    STSS3_COMMITTED,
    STSS3_SUSPENDED,
    STSS3_ABORTED,
    STSS3_ABORTING,
    STSS3_LOST,
};

#define STSS3_STAGE_KEY_MAX 64 /* "uploads/<id>.0" and a NUL, with room */
#define STSS3_PARK_SLOTS    8

struct stss3_upload {
    struct stss3_store *store;
    uint64_t process; /* where the handle was made; in another one it is dead (FORK-2) */
    enum stss3_upload_state state;
    bool may_change_key; /* SEALED by EXISTS: commit may name another key */

    uint64_t flags, expected_length;
    char *key; /* told at open, or NULL */
    char *content_type, *content_encoding;
    char id[37];       /* marks what is committed */
    char stage_id[37]; /* names what is staged: the id, or for SOLE one that follows from the key */
    char *sealed_key;  /* of a commit whose end is in doubt or known */
    struct plug_tally written;
    struct plug_digest *digest; /* always with SHA-256; its length is the upload's offset */
    struct regstore_stat committed;

    struct stss3_parts *parts; /* NULL: no multipart upload was created */
    uint64_t created_s;        /* when that was, by the service's clock; 0: not known */
    enum stss3_checksum sum;   /* of its parts, as was said when it was created */
    bool is_staged;            /* it lies at uploads/<id>, not at the key */
    char staged_etag[128];     /* Complete went through at uploads/<id>; this is what it made */
    bool is_completed;
    struct stss3_chunk *tail;        /* NULL: empty, or only parked */
    struct plug_digest *tail_digest; /* of the tail; NULL while it begins at offset 0 */

    uint64_t generation; /* of the newest token, 0: none was ever made */
    char *origin;        /* the token that upload_open was given, or NULL: others may know more of
                            this upload than this handle does */
    uint64_t origin_offset;
    struct {
        uint64_t length; /* 0: nothing is parked that is this handle's */
        char etag[128];
        unsigned slot;
        unsigned token_slot; /* of the newest token that has a tail: kept until there is a newer */
        unsigned next;       /* where the next one goes: never token_slot */
    } parked;
    bool has_parked;  /* this handle has tried to */
    bool may_be_more; /* a multipart upload at uploads/<id> whose creation was cut off */

    /* From a token whose table did not fit: the parts are asked for when they are needed. */
    struct {
        size_t n;
        uint64_t length;
        char upload_id[STSS3_UPLOAD_ID_MAX];
        uint8_t hash[32];
    } unlisted;
};

static inline struct stss3_upload *stss3_upload_of(struct regstore_upload *upload)
{
    return (struct stss3_upload *)(void *)upload;
}

/* Sets stage_id: a SOLE upload's follows from the key, so that any other at this key can find what
 * it left (ABO-1). */
void stss3_name_stage(struct stss3_upload *u);
void stss3_sole_id(const char *key, char id[37]);
/* "uploads/<id>" and "uploads/<id>.<slot>". */
void stss3_stage_key(const struct stss3_upload *u, char out[STSS3_STAGE_KEY_MAX]);
void stss3_park_key(const struct stss3_upload *u, unsigned slot, char out[STSS3_STAGE_KEY_MAX]);

/* Brings back what a token only names: the table of parts, and (with_tail) the parked tail's bytes.
 * GONE, CONFLICT: they are not there any more, or another's. */
regstore_status stss3_upload_restore(struct stss3_upload *u, struct plug_call *call,
                                     bool with_tail);
/* How long the next part is to be, unless it is the last. */
uint64_t stss3_upload_part_bytes(const struct stss3_upload *u);
/* Sends the tail as the next part; creates the multipart upload if need be. */
regstore_status stss3_upload_flush(struct stss3_upload *u, struct plug_call *call);
/* Puts a chunk (NULL: no bytes) at the next slot.  Never over the newest token's own tail, which
 * must outlive the loss of the next token, and the failure of this call (TOK-2, TOK-3). */
regstore_status stss3_upload_park(struct stss3_upload *u, struct plug_call *call,
                                  struct stss3_chunk *chunk, const char *sha256, char etag[128]);
/* "sha256:..." of all bytes so far; out has REGSTORE_DIGEST_MAX bytes. */
void stss3_upload_sha256(const struct stss3_upload *u, char *out);
/* Hex SHA-256 of the tail. */
void stss3_upload_tail_sha256(const struct stss3_upload *u, char out[STSS3_SHA256_HEX]);
/* Marks the upload LOST when the status says so; returns the status. */
regstore_status stss3_upload_fate(struct stss3_upload *u, const struct plug_call *call,
                                  regstore_status status);
/* STATE when the handle is another process's, or its state is not among those of the mask. */
#define STSS3_STATE_BIT(state) (1u << (state))
regstore_status stss3_upload_enter(const struct stss3_upload *u, struct plug_call *call,
                                   unsigned states, const char *verb);
void stss3_upload_free(struct stss3_upload *u);

/* token.c */
regstore_status stss3_token_make(struct stss3_upload *u, struct plug_call *call, char *token,
                                 size_t cap);
/* For the bytes that are safe already, without I/O; token[0] stays 0 where there is none. */
void stss3_token_make_safe(struct stss3_upload *u, char *token, size_t cap, uint64_t *kept);
regstore_status stss3_token_read(struct stss3_upload *u, struct plug_call *call, const char *token);
/* A hash over the first n lines of a part table, by which a token knows it again. */
bool stss3_table_hash(const struct stss3_part *table, size_t n, uint8_t out[32]);

/* The slots. */
regstore_status stss3_upload_open(struct regstore_store *store, const struct regstore_call *call,
                                  const struct regstore_upload_opts *opts,
                                  struct regstore_upload **out);
regstore_status stss3_upload_write(struct regstore_upload *upload, const struct regstore_call *call,
                                   const void *buf, size_t len);
uint64_t stss3_upload_offset(const struct regstore_upload *upload);
regstore_status stss3_upload_digest(const struct regstore_upload *upload, const char *algorithm,
                                    char *digest, size_t cap);
regstore_status stss3_upload_suspend(struct regstore_upload *upload,
                                     const struct regstore_call *call, char *token, size_t cap,
                                     uint64_t *kept);
regstore_status stss3_upload_commit(struct regstore_upload *upload,
                                    const struct regstore_call *call,
                                    const struct regstore_commit_opts *opts,
                                    struct regstore_stat *out);
regstore_status stss3_upload_abort(struct regstore_upload *upload,
                                   const struct regstore_call *call);
void stss3_upload_close(struct regstore_upload *upload);

#endif
