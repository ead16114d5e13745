/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file in uploads/ that holds the bytes of an unfinished upload: its name, its lock, and the
 * proof that its bytes are those that a token speaks of.
 *
 * Each handle that writes begins an epoch: before its first byte it gives the file a name with a
 * random number of its own and the offset at which it began.  So the name tells who wrote the last
 * bytes, and a rename is the mark that makes the tokens of overwritten bytes worthless:
 *
 *   uploads/<upload>.<key>.<epoch>-<begin>.<epoch before>-<begin>.<epoch before that>-<begin>
 *
 *   upload   a UUID, the same for all that goes back to one upload_open
 *   key      a hash of the key that was given at open, or zeros: what a SOLE upload looks for
 *   epoch    64 random bits; zero where there was none
 *
 * A token holds the epoch that wrote its last bytes.  They are intact when the name still has that
 * epoch: who goes back before them leaves it out.  Three epochs make it sure that the newest token
 * and the one before it are known, also while a resumed handle has begun to write.
 *
 * One handle at a time holds the file's lock, from its first byte until it is done.  It is a lock
 * of the open file description: it ends with the process, a forked child's close leaves it alone,
 * and it is given back explicitly, since such a child may still have the description open.
 */
#ifndef LOCAL_STAGING_H
#define LOCAL_STAGING_H

#include <dirent.h>
#include <sys/stat.h>

#include "store.h"

#define LOCAL_EPOCHS 3
#define LOCAL_NAME_MAX 192

struct local_epoch {
    uint64_t id, begin;
};

struct local_name {
    char upload[37], key[33];
    struct local_epoch epochs[LOCAL_EPOCHS]; /* the newest first */
};

struct local_staging {
    struct local_name name; /* as found, or as a token has it; epochs[0].id == 0: not yet there */
    uint64_t from;          /* the epoch that this handle goes on from */
    int fd;                 /* -1: not held */
    bool may_exist;         /* the upload may have a file by another name */
    bool is_claimed;        /* the newest epoch is this handle's */
    bool is_entry_unsynced; /* the name is not on disk yet */
    struct plug_error lost; /* not OK: an fsync failed, and bytes or name may be lost */
};

/* Writes the name; it always fits. */
void local_name_text(const struct local_name *name, char text[LOCAL_NAME_MAX]);
/* False: not the name of a staging file. */
bool local_name_parse(const char *text, struct local_name *name);

/* Opens and locks the file of which offset bytes are the caller's; makes it when offset is 0 and
 * there is none.  GONE; CONFLICT, retryable: another handle has it; CONFLICT: another handle has
 * overwritten the bytes. */
regstore_status local_staging_hold(struct plug_call *call, const struct regstore_store *store,
                                   struct local_staging *staging, uint64_t offset);
/* Begins this handle's epoch: what lies behind offset is cut off and may now be written. */
regstore_status local_staging_claim(struct plug_call *call, const struct regstore_store *store,
                                    struct local_staging *staging, uint64_t offset);
/* Cuts off what lies behind offset. */
regstore_status local_staging_cut(struct plug_call *call, struct local_staging *staging,
                                  uint64_t offset);
/* The bytes, and with_name the name, are on disk.  After an fsync that failed they never are. */
regstore_status local_staging_sync(struct plug_call *call, struct regstore_store *store,
                                   struct local_staging *staging, bool with_name);
/* Gives lock and descriptor back.  A forked child (is_owner false) closes only. */
void local_staging_release(struct local_staging *staging, bool is_owner);

/* True: locked.  False: someone else has it, or (errno is not EAGAIN) it cannot be. */
bool local_lock(int fd);
void local_unlock(int fd);

/*
 * The staging files, in no order.  A file that gets another name meanwhile may be shown by both, or
 * by neither.  Only a handle that begins to write gives it one, and for that it must hold the lock:
 * so a file that is not seen LOCAL_MISSES times in a row is not there.
 */
#define LOCAL_MISSES 4
struct local_scan {
    DIR *folder;
};
/* NOT_FOUND without words: there is no uploads/. */
regstore_status local_scan_open(struct plug_call *call, const struct regstore_store *store,
                                struct local_scan *scan);
/* NOT_FOUND without words: no more. */
regstore_status local_scan_next(struct plug_call *call, struct local_scan *scan,
                                struct local_name *name);
void local_scan_close(struct local_scan *scan);

#endif
