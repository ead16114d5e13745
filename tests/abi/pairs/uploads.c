/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uploads: the uploads of the small backend, each a file "u.XXXXXX" until it is renamed.
 */
#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef REGSTORE_F_NEXT
#define KNOWN_AT_COMMIT (REGSTORE_COMMIT_IF_ABSENT | REGSTORE_COMMIT_NEXT)
#else
#define KNOWN_AT_COMMIT REGSTORE_COMMIT_IF_ABSENT
#endif

/* Where a token stands, by its own word; the name is one of ours. */
static regstore_status resume(const struct regstore_call *call, struct regstore_upload *upload,
                              const char *token)
{
    if (strlen(token) < 15 || strncmp(token, "flat:u.", 7) != 0 || strchr(token, '/') != NULL ||
        token[13] != ':')
        return flat_fail(call, REGSTORE_INVALID, "no token of this plugin");
    (void)snprintf(upload->name, sizeof(upload->name), "%.8s", token + 5);
    upload->offset = strtoull(token + 14, NULL, 10);
    return REGSTORE_OK;
}

regstore_status flat_upload_open(struct regstore_store *store, const struct regstore_call *call,
                                 const struct regstore_upload_opts *opts,
                                 struct regstore_upload **out)
{
    struct regstore_upload_opts ours = {0};
    TRY(flat_begin(call));
    TAKE(ours, opts, content_encoding);
    TRY(flat_know_flags(call, ours.flags, REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SOLE));
    flat_say(store, "upload_open", "%" PRIu64 " %" PRIu64 " %s %s %s %s", ours.flags,
             ours.expected_length, OR_NONE(ours.key), ours.token != NULL ? "token" : "-",
             OR_NONE(ours.content_type), OR_NONE(ours.content_encoding));
    struct regstore_upload *upload = calloc(1, sizeof(*upload));
    if (upload == NULL)
        return flat_fail(call, REGSTORE_NO_MEMORY, "no memory");
    regstore_status status = REGSTORE_OK;
    if (ours.key != NULL)
        status = flat_name_of(call, ours.key, upload->key);
    if (status == REGSTORE_OK && ours.token != NULL)
        status = resume(call, upload, ours.token);
    if (status != REGSTORE_OK) {
        free(upload);
        return status;
    }
    upload->store = flat_hold(store);
    *out = upload;
    return REGSTORE_OK;
}

/* The file that the bytes go to, made with the first of them. */
static int open_staged(struct regstore_upload *upload)
{
    if (upload->name[0] != '\0')
        return openat(upload->store->folder, upload->name, O_WRONLY | O_CLOEXEC);
    static unsigned count;
    unsigned number =
        (unsigned)flat_now_ns(upload->store) + __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    (void)snprintf(upload->name, sizeof(upload->name), "u.%06x", number & 0xffffffU);
    return openat(upload->store->folder, upload->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                  0600);
}

regstore_status flat_upload_write(struct regstore_upload *upload, const struct regstore_call *call,
                                  const void *buf, size_t len)
{
    TRY(flat_begin(call));
    if (upload->state != OPEN)
        return flat_fail(call, REGSTORE_STATE, "not open");
    if (len == 0)
        return REGSTORE_OK;
    int file = open_staged(upload);
    if (file < 0)
        return errno == ENOENT ? flat_fail(call, REGSTORE_GONE, "the upload is gone")
                               : flat_fail_by_errno(call);
    ssize_t n = pwrite(file, buf, len, (off_t)upload->offset);
    bool is_whole = close(file) == 0 && n >= 0 && (size_t)n == len;
    upload->offset += n > 0 ? (uint64_t)n : 0;
    return is_whole ? REGSTORE_OK : flat_fail(call, REGSTORE_NO_SPACE, "not all was written");
}

uint64_t flat_upload_offset(const struct regstore_upload *upload)
{
    return upload->offset;
}

/* Of the file: what was written lies there, and nothing is kept beside it. */
static bool digest_of(const struct regstore_upload *upload, char *digest)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    size_t n = 0;
    void *bytes = NULL;
    size_t length = (size_t)upload->offset;
    if (length != 0) {
        int file = openat(upload->store->folder, upload->name, O_RDONLY | O_CLOEXEC);
        if (file < 0)
            return false;
        bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, file, 0);
        (void)close(file); /* The mapping holds it. */
        if (bytes == MAP_FAILED)
            return false;
    }
    bool is_made = EVP_Q_digest(NULL, "SHA256", NULL, bytes, length, sum, &n) == 1;
    if (length != 0)
        (void)munmap(bytes, length); /* It was mapped. */
    (void)snprintf(digest, REGSTORE_DIGEST_MAX, "sha256:");
    for (size_t i = 0; i < n; i++)
        (void)snprintf(digest + 7 + 2 * i, 3, "%02x", sum[i]);
    return is_made;
}

regstore_status flat_upload_digest(const struct regstore_upload *upload, const char *algorithm,
                                   char *digest, size_t cap)
{
    flat_say(upload->store, "upload_digest", "%s %zu", algorithm, cap);
    if (strcmp(algorithm, "sha256") != 0)
        return REGSTORE_UNSUPPORTED;
    char text[REGSTORE_DIGEST_MAX];
    if (!digest_of(upload, text))
        return REGSTORE_UNAVAILABLE;
    if (strlen(text) >= cap)
        return REGSTORE_RANGE;
    memcpy(digest, text, strlen(text) + 1);
    return REGSTORE_OK;
}

regstore_status flat_upload_suspend(struct regstore_upload *upload,
                                    const struct regstore_call *call, char *token, size_t cap,
                                    uint64_t *kept)
{
    TRY(flat_begin(call));
    if (upload->state != OPEN || upload->name[0] == '\0')
        return flat_fail(call, REGSTORE_STATE, "nothing to suspend");
    if (cap < REGSTORE_TOKEN_MAX)
        return flat_fail(call, REGSTORE_RANGE, "no room for a token");
    (void)snprintf(token, cap, "flat:%s:%" PRIu64, upload->name, upload->offset);
    *kept = upload->offset;
    upload->state = SUSPENDED;
    return REGSTORE_OK;
}

regstore_status flat_upload_commit(struct regstore_upload *upload, const struct regstore_call *call,
                                   const struct regstore_commit_opts *opts,
                                   struct regstore_stat *out)
{
    struct regstore_commit_opts ours = {0};
    char name[NAME_BYTES], digest[REGSTORE_DIGEST_MAX];
    TRY(flat_begin(call));
    TAKE(ours, opts, digest);
    TRY(flat_know_flags(call, ours.flags, KNOWN_AT_COMMIT));
    if (upload->state != OPEN)
        return flat_fail(call, REGSTORE_STATE, "not open");
    flat_say(upload->store, "upload_commit", "%" PRIu64 " %s %s", ours.flags, OR_NONE(ours.key),
             OR_NONE(ours.digest));
    if (ours.key == NULL && upload->key[0] == '\0')
        return flat_fail(call, REGSTORE_INVALID, "no key");
    if (ours.digest != NULL && (!digest_of(upload, digest) || strcmp(digest, ours.digest) != 0))
        return flat_fail(call, REGSTORE_DIGEST, "the bytes are not the digest's");
    if (ours.key != NULL)
        TRY(flat_name_of(call, ours.key, name));
    else
        memcpy(name, upload->key, sizeof(name));
    int staged = open_staged(upload);
    if (staged < 0)
        return flat_fail_by_errno(call);
    int folder = upload->store->folder;
    bool is_cut = ftruncate(staged, (off_t)upload->offset) == 0; /* behind an older token */
    bool is_absent = (ours.flags & REGSTORE_COMMIT_IF_ABSENT) != 0;
    bool is_moved = is_cut && renameat2(folder, upload->name, folder, name,
                                        is_absent ? RENAME_NOREPLACE : 0) == 0;
    regstore_status status =
        is_moved ? flat_tell_stat(call, staged, out) : flat_fail_by_errno(call);
    (void)close(staged); /* No more was written. */
    if (is_moved)
        upload->state = COMMITTED;
    return status;
}

regstore_status flat_upload_abort(struct regstore_upload *upload, const struct regstore_call *call)
{
    TRY(flat_begin(call));
    if (upload->state == SUSPENDED)
        return flat_fail(call, REGSTORE_STATE, "suspended");
    if (upload->state == OPEN && upload->name[0] != '\0' &&
        unlinkat(upload->store->folder, upload->name, 0) != 0 && errno != ENOENT)
        return flat_fail_by_errno(call);
    if (upload->state == OPEN)
        upload->state = ABORTED;
    return REGSTORE_OK;
}

void flat_upload_close(struct regstore_upload *upload)
{
    if (upload == NULL)
        return;
    flat_close(upload->store);
    free(upload);
}
