/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FolderStorage: blobs as files in one folder.
 *
 *   <storage_path>/<key>              a blob
 *   <storage_path>/uploads/<id>-<key> an upload that is not finished
 *
 * call.c is what every function does first and last; store.c all but uploads and lists; staging.c
 * the file of an upload; upload.c its states and tokens; list.c and purge.c what they say.
 */
#ifndef FOLDER_H
#define FOLDER_H

/* Deprecated, and right here: EVP reads openssl.cnf, which is I/O where there must be none, and
 * takes locks that a forked child may find locked. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <regstore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#define UPLOADS      "uploads/"
#define PATH_BYTES   4096
#define ROOT_BYTES   (PATH_BYTES - REGSTORE_KEY_MAX - 64) /* 64: for "/uploads/" and much more */
#define HASH_TEXT    65                                   /* 64 digits and the NUL */
#define ID_TEXT      33
#define STAGING_NAME (ID_TEXT + HASH_TEXT) /* "<id>-<hash of the key>" */

/* Our own view of a call under way: what the host asked for, and the words of a failure. */
struct call {
    int64_t deadline_ns; /* 0: none */
    const int32_t *cancel;
    struct regstore_error *out, error;
};

struct regstore_store {
    atomic_uint users;     /* the host, and each handle (THR-2) */
    atomic_bool is_used;   /* a call has been made: it shows in forked children */
    atomic_bool *is_ours;  /* the same on a page that a fork wipes */
    char path[ROOT_BYTES]; /* storage_path without needless slashes */
    char place[HASH_TEXT]; /* names it in tokens */
};

/* Passes a failure on. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        const regstore_status try_status = (expression);                                           \
        if (try_status != REGSTORE_OK)                                                             \
            return try_status;                                                                     \
    } while (0)

/* call.c */
regstore_status call_begin(struct call *call, const struct regstore_call *host_call);
regstore_status call_end(struct call *call, regstore_status status);
regstore_status call_check(struct call *call); /* CANCELLED, TIMEOUT */
__attribute__((format(printf, 3, 4))) regstore_status
fail(struct call *call, regstore_status status, const char *format, ...);
regstore_status fail_errno(struct call *call, const char *verb, const char *path);
regstore_status take(struct call *call, void *dst, size_t size, const void *src);
regstore_status take_flags(struct call *call, uint64_t flags, uint64_t known);
void give(void *dst, const void *src, size_t size);
regstore_status check_text(struct call *call, const char *text);
regstore_status check_key(struct call *call, const char *key);
regstore_status check_target(struct call *call, const char *key);
bool starts_with(const char *text, const char *prefix);

/* store.c */
regstore_status enter(struct call *call, const struct regstore_call *host_call,
                      struct regstore_store *store);
bool store_is_inherited(const struct regstore_store *store);
struct regstore_store *store_keep(struct regstore_store *store);
void store_close(struct regstore_store *store);
void path_of(const struct regstore_store *store, const char *key, char path[PATH_BYTES]);
void sha256_text(SHA256_CTX *sha, char out[HASH_TEXT]);
void sha256_of(const char *text, char out[HASH_TEXT]);
regstore_status open_blob(struct call *call, const struct regstore_store *store, const char *key,
                          int *fd, struct stat *file);
regstore_status look_at_blob(struct call *call, const struct regstore_store *store, const char *key,
                             struct stat *file);
void stat_fill(struct regstore_stat *out, const struct stat *file);
regstore_status remove_blob(struct call *call, const struct regstore_store *store, const char *key);

/* staging.c: the file that an upload lies in until it is a blob */
struct staging {
    char name[STAGING_NAME]; /* in uploads/ */
    int fd;                  /* -1: not held; else open, and locked by us (TOK-5) */
    uint64_t offset;         /* how many bytes were accepted */
    uint64_t hashed;         /* how many of these sha has seen */
    bool is_ours;            /* the file is held, and the bytes before offset are those we mean */
    bool is_lost;            /* a sync failed: the next one would say OK and mean nothing */
    SHA256_CTX sha;
    char digest[HASH_TEXT]; /* of the bytes before offset, by the token, until is_ours */
};
regstore_status staging_init(struct call *call, struct staging *staging, const char *key);
void staging_name(struct staging *staging, const char *id, const char *key);
void staging_digest(const struct staging *staging, char out[HASH_TEXT]);
regstore_status staging_hold(struct call *call, const struct regstore_store *store,
                             struct staging *staging);
void staging_release(struct staging *staging, bool is_inherited);
regstore_status staging_append(struct call *call, struct staging *staging, const char *bytes,
                               size_t len);
regstore_status staging_keep(struct call *call, const struct regstore_store *store,
                             struct staging *staging);
regstore_status staging_publish(struct call *call, const struct regstore_store *store,
                                struct staging *staging, const char *key, bool if_absent,
                                struct stat *file);
regstore_status staging_prove(struct call *call, const struct regstore_store *store,
                              struct staging *staging, const char *key, struct stat *file);
regstore_status staging_remove(struct call *call, const struct regstore_store *store,
                               const char *name);

/* purge.c */
regstore_status remove_all_of_key(struct call *call, const struct regstore_store *store,
                                  const char *key);
regstore_status purge(struct regstore_store *store, const struct regstore_call *host_call,
                      const struct regstore_purge_opts *host_opts, struct regstore_purged *out);

/* upload.c */
regstore_status upload_open(struct regstore_store *store, const struct regstore_call *host_call,
                            const struct regstore_upload_opts *host_opts,
                            struct regstore_upload **out);
regstore_status upload_write(struct regstore_upload *upload, const struct regstore_call *host_call,
                             const void *buf, size_t len);
uint64_t upload_offset(const struct regstore_upload *upload);
regstore_status upload_digest(const struct regstore_upload *upload, const char *algorithm,
                              char *digest, size_t cap);
regstore_status upload_suspend(struct regstore_upload *upload,
                               const struct regstore_call *host_call, char *token, size_t cap,
                               uint64_t *kept);
regstore_status upload_commit(struct regstore_upload *upload, const struct regstore_call *host_call,
                              const struct regstore_commit_opts *host_opts,
                              struct regstore_stat *out);
regstore_status upload_abort(struct regstore_upload *upload, const struct regstore_call *host_call);
void upload_close(struct regstore_upload *upload);

/* list.c */
regstore_status list_open(struct regstore_store *store, const struct regstore_call *host_call,
                          const struct regstore_list_opts *host_opts, struct regstore_list **out);
regstore_status list_next(struct regstore_list *list, const struct regstore_call *host_call,
                          char *key, size_t cap, struct regstore_stat *out);
void list_close(struct regstore_list *list);

#endif
