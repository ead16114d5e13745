/* SPDX-License-Identifier: Apache-2.0 */
/* GROW-1 to GROW-4: hosts that are older and younger than the plugin; ERR-1 on every verb. */
#include <stdio.h>
#include <string.h>

#include "verbs.h"

enum { TAIL = 64 };

/* A call from a host that is younger by TAIL bytes. */
struct long_call {
    struct regstore_call known;
    unsigned char tail[TAIL];
};

/* Runs each verb with a struct_size and one byte of the tail set, on a fresh stage. */
static void every_verb_must_say(struct world *w, uint64_t call_size, unsigned char byte,
                                unsigned at, regstore_status wanted)
{
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        CALL(c);
        struct stage s;
        struct long_call call = {.known = c.in};
        if (!verb_is_offered(w, verb))
            continue;
        stage_set(w, &s);
        call.known.struct_size = call_size;
        call.tail[at] = byte;
        const regstore_status status = verb->go(w, &s, &call.known);
        CLAIM(status == wanted,
              "%s with call.struct_size %llu and tail[%u] = %u gave %s: \"%.511s\"", verb->name,
              (unsigned long long)call_size, at, byte, regstore_host_status_name(status),
              c.error.message);
        if (wanted != REGSTORE_OK)
            stage_must_be_untouched(w, &s, verb->name);
        stage_clear(w, &s);
    }
}

static void longer_call_with_zero_tail_is_fine(struct world *w)
{
    every_verb_must_say(w, sizeof(struct long_call), 0, 0, REGSTORE_OK);
}

static void longer_call_with_unknown_field_is_unsupported(struct world *w)
{
    every_verb_must_say(w, sizeof(struct long_call), 1, TAIL - 1, REGSTORE_UNSUPPORTED);
}

static void shorter_call_is_invalid(struct world *w)
{
    every_verb_must_say(w, sizeof(struct regstore_call) - 8, 0, 0, REGSTORE_INVALID);
}

/* --- opts --- */

union any_opts {
    uint64_t head[2]; /* struct_size, flags: in all of them */
    struct regstore_upload_opts upload;
    struct regstore_commit_opts commit;
    struct regstore_read_opts read;
    struct regstore_copy_opts copy;
    struct regstore_list_opts list;
    struct regstore_presign_opts presign;
    struct regstore_purge_opts purge;
    struct regstore_check_opts check;
    unsigned char bytes[256];
};

static regstore_status ask_upload_open(struct world *w, struct stage *s,
                                       const struct regstore_call *call, const union any_opts *o)
{
    struct regstore_upload *u = NULL;
    (void)s;
    const regstore_status status = w->p->upload_open(w->store, call, &o->upload, &u);
    if (status == REGSTORE_OK)
        w->p->upload_close(u);
    return status;
}

static regstore_status ask_commit(struct world *w, struct stage *s,
                                  const struct regstore_call *call, const union any_opts *o)
{
    return w->p->upload_commit(s->upload, call, &o->commit, NULL);
}

static regstore_status ask_read_open(struct world *w, struct stage *s,
                                     const struct regstore_call *call, const union any_opts *o)
{
    struct regstore_reader *r = NULL;
    const regstore_status status = w->p->read_open(w->store, call, s->blob.s, &o->read, &r, NULL);
    if (status == REGSTORE_OK)
        w->p->read_close(r);
    return status;
}

static regstore_status ask_copy(struct world *w, struct stage *s, const struct regstore_call *call,
                                const union any_opts *o)
{
    return w->p->copy(w->store, call, s->blob.s, s->absent.s, &o->copy);
}

static regstore_status ask_list_open(struct world *w, struct stage *s,
                                     const struct regstore_call *call, const union any_opts *o)
{
    struct regstore_list *list = NULL;
    (void)s;
    const regstore_status status = w->p->list_open(w->store, call, &o->list, &list);
    if (status == REGSTORE_OK)
        w->p->list_close(list);
    return status;
}

static regstore_status ask_presign(struct world *w, struct stage *s,
                                   const struct regstore_call *call, const union any_opts *o)
{
    static char url[REGSTORE_URL_MAX];
    int64_t expires_ns = 0;
    return w->p->presign(w->store, call, s->blob.s, &o->presign, url, sizeof url, &expires_ns);
}

static regstore_status ask_purge(struct world *w, struct stage *s, const struct regstore_call *call,
                                 const union any_opts *o)
{
    struct regstore_purged out = {.struct_size = sizeof out};
    (void)s;
    return w->p->purge(w->store, call, &o->purge, &out);
}

static regstore_status ask_check(struct world *w, struct stage *s, const struct regstore_call *call,
                                 const union any_opts *o)
{
    (void)s;
    return w->p->check(w->store, call, &o->check);
}

static const struct opts_kind {
    const char *name;
    size_t size;
    regstore_status (*ask)(struct world *w, struct stage *s, const struct regstore_call *call,
                           const union any_opts *o);
} opts_kinds[] = {
    {"upload_opts", sizeof(struct regstore_upload_opts), ask_upload_open},
    {"commit_opts", sizeof(struct regstore_commit_opts), ask_commit},
    {"read_opts", sizeof(struct regstore_read_opts), ask_read_open},
    {"copy_opts", sizeof(struct regstore_copy_opts), ask_copy},
    {"list_opts", sizeof(struct regstore_list_opts), ask_list_open},
    {"presign_opts", sizeof(struct regstore_presign_opts), ask_presign},
    {"purge_opts", sizeof(struct regstore_purge_opts), ask_purge},
    {"check_opts", sizeof(struct regstore_check_opts), ask_check},
};
enum { OPTS_KINDS = sizeof opts_kinds / sizeof opts_kinds[0] };

static bool is_offered(const struct world *w, const struct opts_kind *kind)
{
    if (kind->ask == ask_copy)
        return w->p->copy != NULL;
    if (kind->ask == ask_presign)
        return w->p->presign != NULL &&
               (w->p->store_features(w->store) & REGSTORE_F_PRESIGN_GET) != 0;
    return true;
}

/* Opts that succeed. */
static union any_opts good_opts(const struct opts_kind *kind, const struct stage *s)
{
    union any_opts o = {.bytes = {0}};
    if (kind->ask == ask_commit)
        o.commit.key = s->absent.s;
    if (kind->ask == ask_list_open)
        o.list.prefix = s->blob.s;
    if (kind->ask == ask_purge)
        o.purge = harmless_purge();
    if (kind->ask == ask_presign) {
        o.presign.method = "GET";
        o.presign.ttl_s = 60;
    }
    o.head[0] = kind->size;
    return o;
}

/* Each kind of opts, changed in one way; on a fresh stage. */
static void every_opts_must_say(struct world *w, void (*change)(union any_opts *o, size_t size),
                                regstore_status wanted)
{
    for (size_t i = 0; i < OPTS_KINDS; i++) {
        const struct opts_kind *kind = &opts_kinds[i];
        CALL(c);
        struct stage s;
        if (!is_offered(w, kind))
            continue;
        stage_set(w, &s);
        union any_opts o = good_opts(kind, &s);
        change(&o, kind->size);
        const regstore_status status = kind->ask(w, &s, &c.in, &o);
        CLAIM(
            status == wanted, "%s with struct_size %llu, flags 0x%llx: %s, due was %s: \"%.511s\"",
            kind->name, (unsigned long long)o.head[0], (unsigned long long)o.head[1],
            regstore_host_status_name(status), regstore_host_status_name(wanted), c.error.message);
        if (wanted != REGSTORE_OK)
            stage_must_be_untouched(w, &s, kind->name);
        stage_clear(w, &s);
    }
}

static void lengthen(union any_opts *o, size_t size)
{
    o->head[0] = size + TAIL;
}

static void lengthen_and_fill(union any_opts *o, size_t size)
{
    o->head[0] = size + TAIL;
    o->bytes[size + TAIL - 1] = 1;
}

static void shorten(union any_opts *o, size_t size)
{
    o->head[0] = size - 8;
}

static void shorten_to_nothing(union any_opts *o, size_t size)
{
    (void)size;
    o->head[0] = 0;
}

static void add_unknown_flag(union any_opts *o, size_t size)
{
    (void)size;
    o->head[1] |= UINT64_C(1) << 40;
}

static void longer_opts_with_zero_tail_are_fine(struct world *w)
{
    every_opts_must_say(w, lengthen, REGSTORE_OK);
}

static void longer_opts_with_unknown_field_are_unsupported(struct world *w)
{
    every_opts_must_say(w, lengthen_and_fill, REGSTORE_UNSUPPORTED);
}

static void shorter_opts_are_invalid(struct world *w)
{
    every_opts_must_say(w, shorten, REGSTORE_INVALID);
    every_opts_must_say(w, shorten_to_nothing, REGSTORE_INVALID);
}

static void unknown_flag_is_unsupported(struct world *w)
{
    every_opts_must_say(w, add_unknown_flag, REGSTORE_UNSUPPORTED);
}

static void null_opts_mean_all_zero(struct world *w)
{
    CALL(c);
    struct stage s;
    struct regstore_upload *u = NULL;
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX];
    stage_set(w, &s);
    EXPECT_OK(&c, w->p->upload_open(w->store, &c.in, NULL, &u));
    EXPECT(&c, w->p->upload_commit(u, &c.in, NULL, NULL), REGSTORE_INVALID);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    w->p->upload_close(u);
    u = upload_new(w, s.absent.s);
    EXPECT_OK(&c, w->p->upload_commit(u, &c.in, NULL, NULL));
    upload_end(w, u);
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, NULL, &list));
    EXPECT_OK(&c, w->p->list_next(list, &c.in, key, sizeof key, NULL));
    w->p->list_close(list);
    EXPECT_OK(&c, w->p->check(w->store, &c.in, NULL));
    if (w->p->copy != NULL)
        EXPECT_OK(&c, w->p->copy(w->store, &c.in, s.blob.s, s.absent.s, NULL));
    stage_clear(w, &s);
}

static void younger_host_is_taken_older_is_invalid(struct world *w)
{
    struct {
        struct regstore_host known;
        unsigned char tail[TAIL];
    } host = {.known = world_host(w)};
    CALL(c);
    struct regstore_store *store = NULL;
    memset(host.tail, 0xff, sizeof host.tail);
    host.known.struct_size = sizeof host;
    EXPECT_OK(&c,
              w->p->store_open(&c.in, &host.known, w->backend->settings, w->backend->n, &store));
    w->p->store_close(store);
    host.known.struct_size = sizeof host.known - 8;
    EXPECT(&c, w->p->store_open(&c.in, &host.known, w->backend->settings, w->backend->n, &store),
           REGSTORE_INVALID);
}

/* --- outputs --- */

enum { ROOM = 2048, GUARD = 0xa5 };

union out {
    uint64_t struct_size;
    struct regstore_stat stat;
    struct regstore_error error;
    struct regstore_purged purged;
    unsigned char bytes[ROOM];
};

/* The first size bytes as the caller leaves them, and a guard behind. */
static void out_set(union out *out, size_t size)
{
    memset(out->bytes, GUARD, ROOM);
    memset(out->bytes, 0, size);
    out->struct_size = size;
}

static void out_must_be_kept(struct world *w, const union out *out, size_t size, size_t known,
                             const char *what)
{
    CLAIM(out->struct_size == size, "%s: struct_size %zu became %llu", what, size,
          (unsigned long long)out->struct_size);
    for (size_t i = size; i < ROOM; i++)
        CLAIM(out->bytes[i] == GUARD, "%s of struct_size %zu: byte %zu behind it was written", what,
              size, i - size);
    for (size_t i = known; i < size && w->p->abi_minor == REGSTORE_ABI_MINOR; i++)
        CLAIM(out->bytes[i] == 0, "%s of struct_size %zu: byte %zu past the known end was written",
              what, size, i);
}

static void every_stat_out(struct world *w, struct stage *s, size_t size)
{
    CALL(c);
    static union out out;
    char key[REGSTORE_KEY_MAX];
    struct regstore_reader *r = NULL;
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = s->absent.s};
    static const size_t known = sizeof(struct regstore_stat);
    out_set(&out, size);
    EXPECT_OK(&c, w->p->stat(w->store, &c.in, s->blob.s, &out.stat));
    out_must_be_kept(w, &out, size, known, "stat");
    CLAIM(size < 16 || out.stat.length == s->content.length, "stat of size %zu says %llu bytes",
          size, (unsigned long long)out.stat.length);
    out_set(&out, size);
    EXPECT_OK(&c, w->p->read_open(w->store, &c.in, s->blob.s, NULL, &r, &out.stat));
    w->p->read_close(r);
    out_must_be_kept(w, &out, size, known, "read_open");
    out_set(&out, size);
    EXPECT_OK(&c, w->p->list_next(s->list, &c.in, key, sizeof key, &out.stat));
    out_must_be_kept(w, &out, size, known, "list_next");
    out_set(&out, size);
    EXPECT_OK(&c, w->p->upload_commit(s->upload, &c.in, &opts, &out.stat));
    out_must_be_kept(w, &out, size, known, "upload_commit");
}

static void stat_is_written_up_to_struct_size_and_no_further(struct world *w)
{
    static const size_t known = sizeof(struct regstore_stat);
    const size_t sizes[] = {8, 16, 24, 32, 40, 104, 176, 240, known - 8, known, known + 8, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct stage s;
        stage_set(w, &s);
        every_stat_out(w, &s, sizes[i]);
        stage_clear(w, &s);
    }
}

static void error_is_written_up_to_struct_size_and_no_further(struct world *w)
{
    static union out out;
    static const size_t known = sizeof(struct regstore_error);
    const struct key absent = key_of(w, "absent");
    struct regstore_stat st = STAT_INIT;
    for (size_t size = 8; size <= known + TAIL; size += 8) {
        CALL(c);
        out_set(&out, size);
        c.in.error = &out.error;
        /* A real failure at the backend now and then, and one that is seen at once otherwise. */
        const bool is_real = size % 256 == 0 || size >= known;
        const regstore_status wanted = is_real ? REGSTORE_NOT_FOUND : REGSTORE_INVALID;
        const regstore_status status =
            w->p->stat(w->store, &c.in, is_real ? absent.s : "bad//key", &st);
        CLAIM(status == wanted, "stat gave %s", regstore_host_status_name(status));
        out_must_be_kept(w, &out, size, known, "error");
    }
}

static void purged_is_written_up_to_struct_size_and_no_further(struct world *w)
{
    static union out out;
    static const size_t known = sizeof(struct regstore_purged);
    const struct regstore_purge_opts opts = harmless_purge();
    for (size_t size = 8; size <= known + TAIL; size += 16) {
        CALL(c);
        out_set(&out, size);
        EXPECT_OK(&c, w->p->purge(w->store, &c.in, &opts, &out.purged));
        out_must_be_kept(w, &out, size, known, "purged");
    }
}

/* --- errors --- */

static void must_be_words(struct world *w, const char *text, size_t cap, const char *field)
{
    const char *end = memchr(text, '\0', cap);
    CLAIM(end != NULL, "error.%s has no end", field);
    for (; text < end; text++)
        CLAIM((unsigned char)*text >= 0x20 && *text != 0x7f, "error.%s has the byte 0x%02x", field,
              (unsigned char)*text);
}

static void error_is_cleared_on_entry_and_filled_on_failure(struct world *w)
{
    CALL(c);
    struct stage s;
    struct regstore_stat st = STAT_INIT;
    static const struct regstore_error clear = {.struct_size = sizeof clear};
    stage_set(w, &s);
    EXPECT(&c, w->p->stat(w->store, &c.in, s.absent.s, &st), REGSTORE_NOT_FOUND);
    CLAIM(c.error.message[0] != '\0', "NOT_FOUND came without a message");
    must_be_words(w, c.error.code, sizeof c.error.code, "code");
    must_be_words(w, c.error.request_id, sizeof c.error.request_id, "request_id");
    must_be_words(w, c.error.message, sizeof c.error.message, "message");
    /* The same error struct goes into the next call as it is: the plugin clears it. */
    memset((unsigned char *)&c.error + 8, 'x', sizeof c.error - 8);
    const regstore_status status = w->p->stat(w->store, &c.in, s.blob.s, &st);
    EXPECT_SEEN(&c, "stat", status, REGSTORE_OK);
    CLAIM(memcmp(&c.error, &clear, sizeof clear) == 0,
          "after a call that gave OK the error of an earlier one still stands");
    stage_clear(w, &s);
}

static void bad_call_gets_words_from_every_verb(struct world *w)
{
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        CALL(c);
        struct stage s;
        /* Its last byte: what comes first may be a field of a younger plugin's. */
        struct long_call call = {.known = c.in, .tail = {[TAIL - 1] = 1}};
        if (!verb_is_offered(w, verb))
            continue;
        stage_set(w, &s);
        call.known.struct_size = sizeof call;
        const regstore_status status = verb->go(w, &s, &call.known);
        CLAIM(status != REGSTORE_OK, "%s took a field that it cannot know", verb->name);
        CLAIM(c.error.message[0] != '\0', "%s gave %s without a message", verb->name,
              regstore_host_status_name(status));
        must_be_words(w, c.error.message, sizeof c.error.message, "message");
        CLAIM(c.error.retryable == 0, "%s gave %s, which will stay so, and says retryable",
              verb->name, regstore_host_status_name(status));
        stage_clear(w, &s);
    }
}

#define FOR_EVER(c, expression, ...)                                                               \
    do {                                                                                           \
        EXPECT(c, expression, __VA_ARGS__);                                                        \
        CLAIM((c)->error.retryable == 0, "%s\ncan never succeed, and says retryable",              \
              #expression);                                                                        \
    } while (0)

static void what_can_never_succeed_is_not_retryable(struct world *w)
{
    CALL(c);
    struct stage s;
    struct regstore_stat st = STAT_INIT;
    struct regstore_reader *r = NULL;
    struct regstore_upload *u = NULL;
    const char *bad = "bad//key";
    char digest[REGSTORE_DIGEST_MAX];
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = "no token"};
    stage_set(w, &s);
    content_digest(&s.content, "sha256", digest); /* not the upload's */
    FOR_EVER(&c, w->p->stat(w->store, &c.in, bad, &st), REGSTORE_INVALID);
    FOR_EVER(&c, w->p->read_open(w->store, &c.in, bad, NULL, &r, NULL), REGSTORE_INVALID);
    FOR_EVER(&c, w->p->delete_blobs(w->store, &c.in, &bad, 1, NULL), REGSTORE_INVALID);
    FOR_EVER(&c, w->p->upload_open(w->store, &c.in, &opts, &u), REGSTORE_INVALID);
    FOR_EVER(&c, upload_commit(w, s.upload, &c, bad, NULL, 0), REGSTORE_INVALID);
    FOR_EVER(&c, upload_commit(w, s.upload, &c, s.absent.s, digest, 0), REGSTORE_DIGEST);
    upload_finish(w, s.upload, s.absent.s);
    FOR_EVER(&c, w->p->upload_write(s.upload, &c.in, "x", 1), REGSTORE_STATE);
    stage_clear(w, &s);
}

static const struct test growth_tests[] = {
    {"GROW-2", "longer_call_with_zero_tail_is_fine", longer_call_with_zero_tail_is_fine, 0},
    {"GROW-2", "longer_call_with_unknown_field_is_unsupported",
     longer_call_with_unknown_field_is_unsupported, 0},
    {"GROW-2", "shorter_call_is_invalid", shorter_call_is_invalid, 0},
    {"GROW-2", "longer_opts_with_zero_tail_are_fine", longer_opts_with_zero_tail_are_fine, 0},
    {"GROW-2", "longer_opts_with_unknown_field_are_unsupported",
     longer_opts_with_unknown_field_are_unsupported, 0},
    {"GROW-2", "shorter_opts_are_invalid", shorter_opts_are_invalid, 0},
    {"GROW-2", "unknown_flag_is_unsupported", unknown_flag_is_unsupported, 0},
    {"GROW-2", "younger_host_is_taken_older_is_invalid", younger_host_is_taken_older_is_invalid,
     NEEDS_NO_STORE},
    {"GROW-3", "stat_is_written_up_to_struct_size_and_no_further",
     stat_is_written_up_to_struct_size_and_no_further, 0},
    {"GROW-3", "error_is_written_up_to_struct_size_and_no_further",
     error_is_written_up_to_struct_size_and_no_further, 0},
    {"GROW-3", "purged_is_written_up_to_struct_size_and_no_further",
     purged_is_written_up_to_struct_size_and_no_further, 0},
    {"GROW-4", "null_opts_mean_all_zero", null_opts_mean_all_zero, 0},
    {"ERR-1", "error_is_cleared_on_entry_and_filled_on_failure",
     error_is_cleared_on_entry_and_filled_on_failure, 0},
    {"ERR-1", "bad_call_gets_words_from_every_verb", bad_call_gets_words_from_every_verb, 0},
    {"ERR-1", "what_can_never_succeed_is_not_retryable", what_can_never_succeed_is_not_retryable,
     0},
};

const struct family family_growth = FAMILY(growth);
