/* SPDX-License-Identifier: Apache-2.0 */
/* READ-1, READ-2, STAT-1. */
#include "mutants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct regstore_read_opts known(const struct regstore_read_opts *opts)
{
    if (opts != NULL && opts->struct_size == sizeof *opts)
        return *opts;
    return (struct regstore_read_opts){.struct_size = sizeof(struct regstore_read_opts)};
}

/* --- READ-1 --- */

/* "416, as HTTP says." */
static regstore_status read_inside(struct regstore_store *store, const struct regstore_call *call,
                                   const char *key, const struct regstore_read_opts *opts,
                                   struct regstore_reader **reader, struct regstore_stat *out)
{
    struct regstore_stat st = {.struct_size = sizeof st};
    const regstore_status status = local_read_open(store, call, key, opts, reader, &st);
    if (status == REGSTORE_OK && known(opts).offset > st.length) {
        local_read_close(*reader);
        return mutant_fail(call, REGSTORE_RANGE, "the offset is past the end");
    }
    if (status == REGSTORE_OK)
        plug_give(out, &st, sizeof st);
    return status;
}

BREAKS(OffsetPastEndRefused)
{
    t->read_open = read_inside;
}

/* "Content-Length" */
static regstore_status read_telling_rest(struct regstore_store *store,
                                         const struct regstore_call *call, const char *key,
                                         const struct regstore_read_opts *opts,
                                         struct regstore_reader **reader, struct regstore_stat *out)
{
    const uint64_t offset = known(opts).offset;
    const regstore_status status = local_read_open(store, call, key, opts, reader, out);
    if (status == REGSTORE_OK && out != NULL && out->struct_size >= 16)
        out->length -= offset < out->length ? offset : out->length;
    return status;
}

BREAKS(LengthOfTheRange)
{
    t->read_open = read_telling_rest;
}

/* "An empty range is empty of any blob." */
static regstore_status read_nothing(struct regstore_store *store, const struct regstore_call *call,
                                    const char *key, const struct regstore_read_opts *opts,
                                    struct regstore_reader **reader, struct regstore_stat *out)
{
    const regstore_status status = local_read_open(store, call, key, opts, reader, out);
    if (status != REGSTORE_NOT_FOUND || known(opts).offset == 0)
        return status;
    return mutant_fail(call, REGSTORE_INVALID, "an offset into nothing");
}

BREAKS(MissingKeyByOffset)
{
    t->read_open = read_nothing;
}

/* "The range does not lie in the blob." */
static regstore_status read_whole_range(struct regstore_store *store,
                                        const struct regstore_call *call, const char *key,
                                        const struct regstore_read_opts *opts,
                                        struct regstore_reader **reader, struct regstore_stat *out)
{
    struct regstore_stat st = {.struct_size = sizeof st};
    const struct regstore_read_opts own = known(opts);
    const regstore_status status = local_read_open(store, call, key, opts, reader, &st);
    if (status == REGSTORE_OK && own.offset < st.length && own.length > st.length - own.offset) {
        local_read_close(*reader);
        return mutant_fail(call, REGSTORE_RANGE, "the range ends past the end");
    }
    if (status == REGSTORE_OK)
        plug_give(out, &st, sizeof st);
    return status;
}

BREAKS(LengthPastEndRefused)
{
    t->read_open = read_whole_range;
}

/* --- READ-2 --- */

/* "bytes=first-last" */
static regstore_status read_one_more(struct regstore_store *store, const struct regstore_call *call,
                                     const char *key, const struct regstore_read_opts *opts,
                                     struct regstore_reader **reader, struct regstore_stat *out)
{
    struct regstore_read_opts own = known(opts);
    own.length += own.length > 0;
    return local_read_open(store, call, key, &own, reader, out);
}

BREAKS(RangeOneTooLong)
{
    t->read_open = read_one_more;
}

/* "last = offset + length - 1" */
static regstore_status read_one_less(struct regstore_store *store, const struct regstore_call *call,
                                     const char *key, const struct regstore_read_opts *opts,
                                     struct regstore_reader **reader, struct regstore_stat *out)
{
    struct regstore_read_opts own = known(opts);
    own.length -= own.length > 1;
    return local_read_open(store, call, key, &own, reader, out);
}

BREAKS(RangeOneTooShort)
{
    t->read_open = read_one_less;
}

/* "For those who print it." */
static regstore_status read_and_terminate(struct regstore_reader *reader,
                                          const struct regstore_call *call, void *buf, size_t cap,
                                          size_t *got)
{
    const regstore_status status = local_read_next(reader, call, buf, cap, got);
    if (status == REGSTORE_OK)
        ((char *)buf)[*got] = '\0';
    return status;
}

BREAKS(BufferTerminated)
{
    t->read_next = read_and_terminate;
}

/* "The key names the blob." */
static regstore_status read_any(struct regstore_store *store, const struct regstore_call *call,
                                const char *key, const struct regstore_read_opts *opts,
                                struct regstore_reader **reader, struct regstore_stat *out)
{
    struct regstore_read_opts own = known(opts);
    own.etag = NULL;
    return local_read_open(store, call, key, &own, reader, out);
}

BREAKS(EtagIgnored)
{
    t->read_open = read_any;
}

/* A reader that opens the blob anew for each piece. */
struct by_pieces {
    struct regstore_reader *good; /* unused but for its store and its process */
    struct regstore_store *store;
    uint64_t at, end;
    char key[REGSTORE_KEY_MAX];
};

/* "A connection for each piece: nothing to keep alive." */
static regstore_status pieces_open(struct regstore_store *store, const struct regstore_call *call,
                                   const char *key, const struct regstore_read_opts *opts,
                                   struct regstore_reader **reader, struct regstore_stat *out)
{
    struct by_pieces *pieces = calloc(1, sizeof *pieces);
    struct regstore_stat st = {.struct_size = sizeof st};
    if (pieces == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    const regstore_status status = local_read_open(store, call, key, opts, &pieces->good, &st);
    if (status != REGSTORE_OK) {
        free(pieces);
        return status;
    }
    const struct regstore_read_opts own = known(opts);
    pieces->store = store;
    pieces->at = own.offset < st.length ? own.offset : st.length;
    pieces->end = own.length != 0 && own.length < st.length - pieces->at ? pieces->at + own.length
                                                                         : st.length;
    (void)snprintf(pieces->key, sizeof pieces->key, "%s", key);
    plug_give(out, &st, sizeof st);
    *reader = (struct regstore_reader *)pieces;
    return REGSTORE_OK;
}

static regstore_status piece_next(struct regstore_reader *reader, const struct regstore_call *call,
                                  void *buf, size_t cap, size_t *got)
{
    struct by_pieces *pieces = (struct by_pieces *)reader;
    struct regstore_reader *piece;
    *got = 0;
    if (pieces->at >= pieces->end)
        return REGSTORE_OK;
    const struct regstore_read_opts opts = {
        .struct_size = sizeof opts, .offset = pieces->at, .length = pieces->end - pieces->at};
    regstore_status status = local_read_open(pieces->store, call, pieces->key, &opts, &piece, NULL);
    if (status != REGSTORE_OK)
        return status == REGSTORE_NOT_FOUND
                   ? mutant_fail(call, REGSTORE_UNAVAILABLE, "the blob is gone")
                   : status;
    status = local_read_next(piece, call, buf, cap, got);
    local_read_close(piece);
    pieces->at += *got;
    return status;
}

static void pieces_close(struct regstore_reader *reader)
{
    struct by_pieces *pieces = (struct by_pieces *)reader;
    if (pieces != NULL)
        local_read_close(pieces->good);
    free(pieces);
}

BREAKS(ReaderMixesBlobs)
{
    t->read_open = pieces_open;
    t->read_next = piece_next;
    t->read_close = pieces_close;
}

/* "It is gone, so this is the end." */
static regstore_status piece_or_end(struct regstore_reader *reader,
                                    const struct regstore_call *call, void *buf, size_t cap,
                                    size_t *got)
{
    const regstore_status status = piece_next(reader, call, buf, cap, got);
    return status == REGSTORE_UNAVAILABLE ? REGSTORE_OK : status;
}

BREAKS(DeletedIsTheEnd)
{
    t->read_open = pieces_open;
    t->read_next = piece_or_end;
    t->read_close = pieces_close;
}

/* "It has been read; who asks again has lost count." */
static regstore_status piece_once(struct regstore_reader *reader, const struct regstore_call *call,
                                  void *buf, size_t cap, size_t *got)
{
    struct by_pieces *pieces = (struct by_pieces *)reader;
    *got = 0;
    if (pieces->at > pieces->end)
        return mutant_fail(call, REGSTORE_STATE, "the reader is at its end");
    const regstore_status status = local_read_next(pieces->good, call, buf, cap, got);
    pieces->at += *got;
    if (status == REGSTORE_OK && *got == 0)
        pieces->at = pieces->end + 1;
    return status;
}

BREAKS(EndOnlyOnce)
{
    t->read_open = pieces_open;
    t->read_next = piece_once;
    t->read_close = pieces_close;
}

/* "What was read while the flag was set is thrown away." */
static regstore_status read_throwing_away(struct regstore_reader *reader,
                                          const struct regstore_call *call, void *buf, size_t cap,
                                          size_t *got)
{
    struct regstore_call own = *call;
    if (call->struct_size != sizeof own || call->cancel == NULL ||
        __atomic_load_n(call->cancel, __ATOMIC_SEQ_CST) == 0)
        return local_read_next(reader, call, buf, cap, got);
    own.cancel = NULL;
    const regstore_status status = local_read_next(reader, &own, buf, cap, got);
    return status == REGSTORE_OK ? local_read_next(reader, call, buf, cap, got) : status;
}

BREAKS(CancelledReadConsumes)
{
    t->read_next = read_throwing_away;
}

/* --- STAT-1 --- */

/* "time_t" */
static regstore_status stat_in_seconds(struct regstore_store *store,
                                       const struct regstore_call *call, const char *key,
                                       struct regstore_stat *out)
{
    struct regstore_stat st = {.struct_size = sizeof st};
    const regstore_status status = local_stat(store, call, key, &st);
    st.mtime_ns /= 1000000000;
    if (status == REGSTORE_OK)
        plug_give(out, &st, sizeof st);
    return status;
}

BREAKS(TimeInSeconds)
{
    t->stat = stat_in_seconds;
}

/* "As it stands in the header ETag." */
static regstore_status stat_quoted(struct regstore_store *store, const struct regstore_call *call,
                                   const char *key, struct regstore_stat *out)
{
    struct regstore_stat st = {.struct_size = sizeof st}, quoted = st;
    const regstore_status status = local_stat(store, call, key, &st);
    quoted = st;
    (void)snprintf(quoted.etag, sizeof quoted.etag, "\"%.100s\"", st.etag);
    if (status == REGSTORE_OK)
        plug_give(out, &quoted, sizeof quoted);
    return status;
}

BREAKS(EtagInQuotes)
{
    t->stat = stat_quoted;
}

/* "The key ends with the digest, mostly." */
static regstore_status stat_guessing_digest(struct regstore_store *store,
                                            const struct regstore_call *call, const char *key,
                                            struct regstore_stat *out)
{
    struct regstore_stat st = {.struct_size = sizeof st};
    const regstore_status status = local_stat(store, call, key, &st);
    (void)snprintf(st.digest, sizeof st.digest, "sha256:%.64s", key);
    if (status == REGSTORE_OK)
        plug_give(out, &st, sizeof st);
    return status;
}

BREAKS(DigestGuessed)
{
    t->stat = stat_guessing_digest;
}

/* "A list is for names." */
static regstore_status list_names_only(struct regstore_list *list, const struct regstore_call *call,
                                       char *key, size_t cap, struct regstore_stat *out)
{
    struct regstore_stat st = {.struct_size = sizeof st};
    const regstore_status status = local_list_next(list, call, key, cap, &st);
    st.length = 0;
    if (status == REGSTORE_OK)
        plug_give(out, &st, sizeof st);
    return status;
}

BREAKS(ListWithoutLength)
{
    t->list_next = list_names_only;
}
