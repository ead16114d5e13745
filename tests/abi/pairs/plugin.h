/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin.h: what the parts of the small backend share; plugin.c says what it is for.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "regstore.h"

#if defined(IS_NEXT) != defined(REGSTORE_F_NEXT)
#error "this is another minor's header"
#endif
#ifdef MINOR_IS
_Static_assert(REGSTORE_ABI_MINOR == MINOR_IS, "this is another minor's header");
#endif

#define NAME_BYTES    256
#define OR_NONE(text) ((text) != NULL ? (text) : "-")

struct regstore_store {
    unsigned refs; /* atomic: itself and its handles (THR-2) */
    int folder;
    struct regstore_host host;
};

struct regstore_upload {
    struct regstore_store *store;
    char name[16]; /* "u.XXXXXX" in the folder; empty: not made yet, or gone */
    char key[NAME_BYTES];
    uint64_t offset;
    enum { OPEN, SUSPENDED, COMMITTED, ABORTED } state;
};

#define TRY(expression)                                                                            \
    do {                                                                                           \
        regstore_status status_ = (expression);                                                    \
        if (status_ != REGSTORE_OK)                                                                \
            return status_;                                                                        \
    } while (0)

/* last: the last member that the struct had in minor 0. */
#define TAKE(ours, given, last)                                                                    \
    TRY(flat_take(call, &(ours), sizeof(ours),                                                     \
                  (size_t)((char *)&(ours).last - (char *)&(ours)) + sizeof((ours).last), given))

/* One line in the host's log, when there is one. */
void flat_say(const struct regstore_store *store, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An output gets what it has room for (GROW-3). NULL is fine. */
void flat_give(void *out, const void *ours, size_t bytes);

/* An input's known part, by GROW-2; first is the size that it had in minor 0. */
regstore_status flat_take(const struct regstore_call *call, void *ours, size_t bytes, size_t first,
                          const void *given);

/* First thing in every slot that takes a call. */
regstore_status flat_begin(const struct regstore_call *call);
regstore_status flat_know_flags(const struct regstore_call *call, uint64_t flags, uint64_t known);

/* Both return the status, and fill the error. */
regstore_status flat_fail(const struct regstore_call *call, regstore_status status,
                          const char *message);
regstore_status flat_fail_by_errno(const struct regstore_call *call);

/* "b." and the key, with a control character, which no key has, for each "/". NAME_BYTES. */
regstore_status flat_name_of(const struct regstore_call *call, const char *key, char *name);

struct regstore_store *flat_hold(struct regstore_store *store);
void flat_close(struct regstore_store *store);
int64_t flat_now_ns(const struct regstore_store *store);
regstore_status flat_tell_stat(const struct regstore_call *call, int file,
                               struct regstore_stat *out);

regstore_status flat_upload_open(struct regstore_store *store, const struct regstore_call *call,
                                 const struct regstore_upload_opts *opts,
                                 struct regstore_upload **out);
regstore_status flat_upload_write(struct regstore_upload *upload, const struct regstore_call *call,
                                  const void *buf, size_t len);
uint64_t flat_upload_offset(const struct regstore_upload *upload);
regstore_status flat_upload_digest(const struct regstore_upload *upload, const char *algorithm,
                                   char *digest, size_t cap);
regstore_status flat_upload_suspend(struct regstore_upload *upload,
                                    const struct regstore_call *call, char *token, size_t cap,
                                    uint64_t *kept);
regstore_status flat_upload_commit(struct regstore_upload *upload, const struct regstore_call *call,
                                   const struct regstore_commit_opts *opts,
                                   struct regstore_stat *out);
regstore_status flat_upload_abort(struct regstore_upload *upload, const struct regstore_call *call);
void flat_upload_close(struct regstore_upload *upload);

#endif
