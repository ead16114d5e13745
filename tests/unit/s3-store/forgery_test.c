/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forged resume tokens.  The form of the S3 plugin's is rebuilt here field by field: a checksum is
 * no signature, and TOK-6 must hold all the same.
 */
#include "suites.h"

#include "digest.h"
#include "token.h"
#include "world.h"

#include <string.h>

#define MAGIC "s3t1"

enum { STAGED = 1, SEALED = 2, COMPLETED = 4, MULTIPART = 8, TABLE = 16 };

#define ETAG "0123456789abcdef0123456789abcdef"
#define GIB  (1024ull * 1024 * 1024)
#define MIB  (1024ull * 1024)

/* What a token of ours holds. */
struct forged {
    uint8_t place[8];
    size_t place_len;
    const char *id, *key, *content_type, *content_encoding, *sealed_key, *parked_etag, *staged_etag;
    uint64_t generation, flags, upload_flags, expected_length, parked_length, slot, next, next_len;
    uint64_t digest_flags, digest_length;
    const char *upload_id, *part_etag;
    uint64_t created_s, n_parts, parts_length, part_length;
    size_t hash_len, table_lines;
    const char *after;
};

/* The state of a digest, as digest.c writes it, for a length to which no bytes need to be hashed.
 */
static void put_digest(struct plug_buf *b, uint64_t flags, uint64_t length)
{
    uint8_t saved[PLUG_DIGEST_SAVED_MAX];
    struct plug_digest *d = plug_digest_new(flags);
    static const uint8_t zeros[128] = {0};
    plug_digest_update(d, zeros, length % 128);
    const size_t len = plug_digest_save(d, saved);
    plug_digest_free(d);
    for (unsigned i = 0; i < 8; i++)
        saved[2 + i] = (uint8_t)(length >> (56 - 8 * i));
    plug_put_bytes(b, saved, len);
}

static void put_multipart(struct plug_buf *b, const struct forged *f)
{
    static const uint8_t hash[64] = {0};
    plug_put_number(b, f->created_s);
    plug_put_text(b, f->upload_id);
    plug_put_number(b, f->n_parts);
    plug_put_number(b, f->parts_length);
    for (size_t i = 0; (f->flags & TABLE) != 0 && i < f->table_lines; i++) {
        plug_put_number(b, f->part_length);
        plug_put_text(b, f->part_etag);
    }
    if ((f->flags & TABLE) == 0)
        plug_put_bytes(b, hash, f->hash_len);
}

static void write_body(const struct forged *f, struct plug_buf *b)
{
    plug_put_bytes(b, f->place, f->place_len);
    plug_put_text(b, f->id);
    plug_put_number(b, f->generation);
    plug_put_number(b, f->flags);
    plug_put_number(b, f->upload_flags);
    plug_put_number(b, f->expected_length);
    plug_put_text(b, f->key);
    plug_put_text(b, f->content_type);
    plug_put_text(b, f->content_encoding);
    plug_put_text(b, f->sealed_key);
    put_digest(b, f->digest_flags, f->digest_length);
    plug_put_number(b, f->parked_length);
    plug_put_text(b, f->parked_etag);
    plug_put_number(b, f->slot);
    plug_put_text(b, f->staged_etag);
    if ((f->flags & MULTIPART) != 0)
        put_multipart(b, f);
    const uint8_t next[] = {(uint8_t)f->next, 0};
    plug_put_bytes(b, next, f->next_len);
    plug_buf_str(b, f->after);
}

/* Ten parts of 5 MiB at the key, and a parked tail of 1,000 bytes: one that the plugin takes. */
static struct forged good_token(struct world *w)
{
    struct forged f = {
        .place_len = 8,
        .id = "00000000-0000-4000-8000-000000000000",
        .key = "sha256/ab/key",
        .parked_etag = ETAG,
        .staged_etag = "",
        .generation = 2,
        .flags = MULTIPART | TABLE,
        .upload_flags = REGSTORE_UPLOAD_SHA256,
        .parked_length = 1000,
        .next = 1,
        .next_len = 1,
        .digest_flags = REGSTORE_UPLOAD_SHA256,
        .digest_length = 50 * MIB + 1000,
        .created_s = 1700000000,
        .upload_id = "upload-id",
        .part_etag = ETAG,
        .n_parts = 10,
        .table_lines = 10,
        .part_length = 5 * MIB,
        .parts_length = 50 * MIB,
        .hash_len = 32,
        .after = "",
    };
    char token[REGSTORE_TOKEN_MAX] = "";
    struct plug_buf body = {0};
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    world_suspend(w, world_upload(w, NULL), token, 0);
    ck_assert_int_eq(plug_token_open(&call, MAGIC, token, &body), REGSTORE_OK);
    ck_assert_uint_gt(body.len, 9); /* the length 8, and the place */
    ck_assert_int_eq(body.data[0], 8);
    memcpy(f.place, body.data + 1, 8);
    plug_buf_clear(&body);
    return f;
}

static void seal(const struct forged *f, char token[REGSTORE_TOKEN_MAX])
{
    struct plug_buf body = {0};
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    write_body(f, &body);
    ck_assert_int_eq(plug_token_seal(&call, MAGIC, &body, token, REGSTORE_TOKEN_MAX), REGSTORE_OK);
    plug_buf_clear(&body);
}

/* Each makes one thing of a good token another one. */
static void other_place(struct forged *f)
{
    f->place[7] ^= 1;
}
static void short_place(struct forged *f)
{
    f->place_len = 7;
}
static void no_id(struct forged *f)
{
    f->id = NULL;
}
static void id_outside(struct forged *f)
{
    f->id = "../../../../../../../../../../../../";
}
static void id_too_long(struct forged *f)
{
    f->id = "00000000-0000-4000-8000-0000000000000";
}
static void id_in_capitals(struct forged *f)
{
    f->id = "00000000-0000-4000-8000-00000000000A";
}
static void key_outside(struct forged *f)
{
    f->key = "../x";
}
static void key_from_the_root(struct forged *f)
{
    f->key = "/x";
}
static void key_of_the_backend(struct forged *f)
{
    f->key = "uploads/x";
}
static void key_with_a_line_end(struct forged *f)
{
    f->key = "a\r\nb";
}
static void sealed_key_outside(struct forged *f)
{
    f->flags |= SEALED;
    f->sealed_key = "a/../../b";
}
static void sealed_key_of_the_backend(struct forged *f)
{
    f->flags |= SEALED;
    f->sealed_key = "uploads/x";
}
static void sealed_without_a_key(struct forged *f)
{
    f->flags |= SEALED;
}
static void part_larger_than_5_gib(struct forged *f)
{
    f->n_parts = f->table_lines = 1;
    f->part_length = f->parts_length = 5 * GIB + 1;
    f->digest_length = f->parts_length + 1000;
}
static void parts_that_overflow(struct forged *f)
{
    f->n_parts = f->table_lines = 2;
    f->part_length = UINT64_C(1) << 63;
    f->parts_length = 0;
    f->digest_length = 1000;
}
static void more_parts_than_s3_has(struct forged *f)
{
    f->flags = MULTIPART;
    f->n_parts = 10001;
}
static void parts_beyond_counting(struct forged *f)
{
    f->n_parts = UINT64_MAX;
}
static void fewer_lines_than_parts(struct forged *f)
{
    f->table_lines = 9;
}
static void more_lines_than_parts(struct forged *f)
{
    f->table_lines = 11;
}
static void parts_of_another_sum(struct forged *f)
{
    f->parts_length += 1;
}
static void etag_with_a_quote(struct forged *f)
{
    f->part_etag = "abc\"def";
}
static void etag_with_a_line_end(struct forged *f)
{
    f->part_etag = "abc\r\nx-evil: 1";
}
static void etag_too_long(struct forged *f)
{
    f->n_parts = f->table_lines = 1;
    f->parts_length = f->part_length;
    f->digest_length = f->part_length + 1000;
    f->part_etag = ETAG ETAG ETAG ETAG; /* 128 bytes, and no room for a NUL */
}
static void etag_missing(struct forged *f)
{
    f->part_etag = NULL;
}
static void parked_etag_with_a_quote(struct forged *f)
{
    f->parked_etag = "\"";
}
static void parked_etag_with_a_line_end(struct forged *f)
{
    f->parked_etag = "a\nb";
}
static void slot_that_there_is_not(struct forged *f)
{
    f->slot = 8;
}
static void next_slot_that_there_is_not(struct forged *f)
{
    f->next = 8;
}
static void next_slot_missing(struct forged *f)
{
    f->next_len = 0;
}
static void next_slot_too_long(struct forged *f)
{
    f->next_len = 2;
}
static void staged_etag_with_a_quote(struct forged *f)
{
    f->staged_etag = "a\"b";
}
static void parked_tail_larger_than_a_part(struct forged *f)
{
    f->parked_length = 5 * 1024 * MIB + 1;
    f->digest_length = f->parts_length + f->parked_length;
}
static void parked_tail_without_end(struct forged *f)
{
    f->parked_length = UINT64_MAX - 50 * MIB + 1;
    f->digest_length = 0;
}
static void digest_of_another_length(struct forged *f)
{
    f->digest_length += 1;
}
static void digest_without_sha256(struct forged *f)
{
    f->digest_flags = 0;
}
static void digest_of_sha512_alone(struct forged *f)
{
    f->digest_flags = REGSTORE_UPLOAD_SHA512;
}
static void upload_id_missing(struct forged *f)
{
    f->upload_id = NULL;
}
static void upload_id_empty(struct forged *f)
{
    f->upload_id = "";
}
static void hash_of_another_length(struct forged *f)
{
    f->flags = MULTIPART;
    f->hash_len = 31;
}
static void hash_longer_than_ours(struct forged *f)
{
    f->flags = MULTIPART;
    f->hash_len = 64;
}
static void multipart_nowhere(struct forged *f)
{
    f->key = NULL;
}
static void completed_but_not_staged(struct forged *f)
{
    f->flags |= COMPLETED;
}
static void something_after_the_end(struct forged *f)
{
    f->after = "x";
}

static const struct {
    const char *name;
    void (*change)(struct forged *f);
} forgeries[] = {
#define FORGERY(name)                                                                              \
    {                                                                                              \
#name, name                                                                                \
    }
    FORGERY(other_place),
    FORGERY(short_place),
    FORGERY(no_id),
    FORGERY(id_outside),
    FORGERY(id_too_long),
    FORGERY(id_in_capitals),
    FORGERY(key_outside),
    FORGERY(key_from_the_root),
    FORGERY(key_of_the_backend),
    FORGERY(key_with_a_line_end),
    FORGERY(sealed_key_outside),
    FORGERY(sealed_key_of_the_backend),
    FORGERY(sealed_without_a_key),
    FORGERY(part_larger_than_5_gib),
    FORGERY(parts_that_overflow),
    FORGERY(more_parts_than_s3_has),
    FORGERY(parts_beyond_counting),
    FORGERY(fewer_lines_than_parts),
    FORGERY(more_lines_than_parts),
    FORGERY(parts_of_another_sum),
    FORGERY(etag_with_a_quote),
    FORGERY(etag_with_a_line_end),
    FORGERY(etag_too_long),
    FORGERY(etag_missing),
    FORGERY(parked_etag_with_a_quote),
    FORGERY(parked_etag_with_a_line_end),
    FORGERY(slot_that_there_is_not),
    FORGERY(next_slot_that_there_is_not),
    FORGERY(next_slot_missing),
    FORGERY(next_slot_too_long),
    FORGERY(staged_etag_with_a_quote),
    FORGERY(parked_tail_larger_than_a_part),
    FORGERY(parked_tail_without_end),
    FORGERY(digest_of_another_length),
    FORGERY(digest_without_sha256),
    FORGERY(digest_of_sha512_alone),
    FORGERY(upload_id_missing),
    FORGERY(upload_id_empty),
    FORGERY(hash_of_another_length),
    FORGERY(hash_longer_than_ours),
    FORGERY(multipart_nowhere),
    FORGERY(completed_but_not_staged),
    FORGERY(something_after_the_end),
};

START_TEST(token_that_was_well_forged_is_taken)
{
    struct world w;
    char token[REGSTORE_TOKEN_MAX];
    struct regstore_upload *upload;
    world_open(&w, NULL, 0, NULL, 0);
    struct forged f = good_token(&w);
    seal(&f, token);
    ck_assert_msg(world_reopen(&w, token, &upload) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(w.plugin->upload_offset(upload), f.digest_length);
    w.plugin->upload_close(upload);
    f.flags = MULTIPART; /* its table by its hash alone */
    seal(&f, token);
    ck_assert_int_eq(world_reopen(&w, token, &upload), REGSTORE_OK);
    ck_assert_uint_eq(w.plugin->upload_offset(upload), f.digest_length);
    w.plugin->upload_close(upload);
    world_close(&w);
}
END_TEST

START_TEST(token_that_leads_astray_is_refused)
{
    struct world w;
    char token[REGSTORE_TOKEN_MAX];
    struct regstore_upload *upload;
    world_open(&w, NULL, 0, NULL, 0);
    struct forged f = good_token(&w);
    forgeries[_i].change(&f);
    seal(&f, token);
    ck_assert_msg(world_reopen(&w, token, &upload) == REGSTORE_INVALID, "%s", forgeries[_i].name);
    ck_assert_ptr_null(upload);
    ck_assert(!world_has_logged(&w, "http_try"));
    world_close(&w);
}
END_TEST

/* Whatever stands in it: taken or refused, and then closed. */
static void try(struct world *w, const struct plug_buf *body)
{
    char token[REGSTORE_TOKEN_MAX], digest[REGSTORE_DIGEST_MAX];
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct regstore_upload *upload;
    ck_assert_int_eq(plug_token_seal(&call, MAGIC, body, token, sizeof token), REGSTORE_OK);
    const regstore_status status = world_reopen(w, token, &upload);
    ck_assert(status == REGSTORE_OK || status == REGSTORE_INVALID);
    if (status == REGSTORE_OK)
        (void)w->plugin->upload_digest(upload, "sha256", digest, sizeof digest);
    w->plugin->upload_close(upload);
}

START_TEST(any_byte_inside_a_token_may_be_another_one)
{
    struct world w;
    struct plug_buf body = {0};
    world_open(&w, NULL, 0, NULL, 0);
    const struct forged f = good_token(&w);
    write_body(&f, &body);
    for (size_t i = 0; i < body.len; i++) {
        static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
        const char right = body.data[i];
        for (size_t v = 0; v < COUNT(values); v++) {
            body.data[i] = (char)values[v];
            try(&w, &body);
        }
        body.data[i] = right;
    }
    while (body.len > 0) {
        body.len--;
        try(&w, &body);
    }
    plug_buf_clear(&body);
    world_close(&w);
}
END_TEST

Suite *forgery_suite(void)
{
    Suite *suite = suite_create("forgery");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, token_that_was_well_forged_is_taken);
    tcase_add_loop_test(tcase, token_that_leads_astray_is_refused, 0, COUNT(forgeries));
    tcase_add_test(tcase, any_byte_inside_a_token_may_be_another_one);
    suite_add_tcase(suite, tcase);
    return suite;
}
