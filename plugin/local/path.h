/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as files under storage_path: how they are opened, how a file appears at its key, and how
 * empty folders go.  No symbolic link is followed below storage_path, so nothing leads out of it,
 * a listing cannot run in circles, and a blob has one name.
 */
#ifndef LOCAL_PATH_H
#define LOCAL_PATH_H

#include <sys/stat.h>

#include "key.h"
#include "store.h"

#define LOCAL_UPLOADS "uploads"

/* A descriptor that is closed when it leaves its scope. */
#define LOCAL_FD __attribute__((cleanup(local_fd_close))) int
void local_fd_close(int *fd);

int64_t local_mtime_ns(const struct stat *file);

/* KEY-1, KEY-2 and, for a target, KEY-4. */
regstore_status local_key_check(struct plug_call *call, const char *key, const char *what);
regstore_status local_key_check_target(struct plug_call *call, const char *key, const char *what);

/* The words and status for errno: "cannot <doing>: <reason>: '<path>'". */
regstore_status local_fail(struct plug_call *call, const char *doing, const char *path);

/* storage_path itself.  NOT_FOUND: it is not there (and was not to be made). */
regstore_status local_root_open(struct plug_call *call, const struct regstore_store *store,
                                bool is_made, int *root);

/* Opens beneath a folder, through no symbolic link.  -1 and errno. */
int local_openat(int folder, const char *path, int flags);

/* The blob at a key, for reading (O_RDONLY) or for stat alone (O_PATH).  NOT_FOUND also where a
 * folder lies. */
regstore_status local_blob_open(struct plug_call *call, const struct regstore_store *store,
                                const char *key, int flags, int *fd, struct stat *file);

/*
 * A folder below root ("" is root itself), opened for reading, made where it is missing, durable:
 * who made it first may not have come to its fsync yet, or have died before.  To know that without
 * an fsync of every folder for every blob, one rule holds: nothing is put into a folder before its
 * own entries, all the way up, are on disk.  So a folder that has anything in it is durable, and
 * only the entry of an empty one must be written.  CONFLICT: a blob is in its way (KEY-3).
 */
regstore_status local_folder_make(struct plug_call *call, int root, const char *folder, int *out);

/* uploads/, opened for reading, made where it is missing.  Being the first in storage_path it obeys
 * the same rule; its own entry is written only when a token relies on it, since a commit does not.
 */
regstore_status local_uploads_make(struct plug_call *call, const struct regstore_store *store,
                                   int root, int *uploads);

/* Makes a key's folder part, the text before the last "/", and returns its last part. */
const char *local_split(const char *key, char folder[REGSTORE_KEY_MAX]);

/* A name in uploads/ becomes the key, at once and durably.  EXISTS; CONFLICT (KEY-3); GONE: the
 * name is not there. */
regstore_status local_publish(struct plug_call *call, int root, const char *name, const char *key,
                              bool if_absent);
/* Makes the key's entry in its folder durable. */
regstore_status local_sync_entry(struct plug_call *call, int root, const char *key);
regstore_status local_sync(struct plug_call *call, int fd, const char *path);

/* Removes the blob; OK when there was none.  Folders that become empty go too, but uploads/. */
regstore_status local_remove(struct plug_call *call, int root, const char *key);

#endif
