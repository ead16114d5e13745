/* SPDX-License-Identifier: Apache-2.0 */
/* THR-1 to THR-4, FORK-1 to FORK-3. */
#include "mutants.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

/* --- THR-1, THR-2 --- */

/* "static: it need not lie on the stack." */
static regstore_status commit_static_key(struct regstore_upload *upload,
                                         const struct regstore_call *call,
                                         const struct regstore_commit_opts *opts,
                                         struct regstore_stat *out)
{
    static char key[REGSTORE_KEY_MAX];
    if (opts == NULL || opts->key == NULL || opts->struct_size != sizeof *opts)
        return local_upload_commit(upload, call, opts, out);
    struct regstore_commit_opts own = *opts;
    own.key = key;
    (void)snprintf(key, sizeof key, "%s", opts->key);
    mutant_pause_ms(1); /* a network takes that long */
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(KeyInAStaticBuffer)
{
    t->upload_commit = commit_static_key;
}

static _Thread_local const struct regstore_upload *mine;

static regstore_status open_for_this_thread(struct regstore_store *store,
                                            const struct regstore_call *call,
                                            const struct regstore_upload_opts *opts,
                                            struct regstore_upload **out)
{
    const regstore_status status = local_upload_open(store, call, opts, out);
    if (status == REGSTORE_OK)
        mine = *out;
    return status;
}

/* "A handle belongs to its thread." */
static regstore_status write_in_this_thread(struct regstore_upload *upload,
                                            const struct regstore_call *call, const void *buf,
                                            size_t len)
{
    if (mine == NULL)
        return mutant_fail(call, REGSTORE_STATE, "the handle belongs to another thread");
    return local_upload_write(upload, call, buf, len);
}

BREAKS(HandleOfOneThread)
{
    t->upload_open = open_for_this_thread;
    t->upload_write = write_in_this_thread;
}

/* "Closed is closed." */
static void close_for_all(struct regstore_store *store)
{
    if (store != NULL && atomic_load(&store->users) > 1) {
        free(store->path);
        store->path = strdup("/nonexistent");
    }
    local_store_close(store);
}

BREAKS(StoreCloseEndsHandles)
{
    t->store_close = close_for_all;
}

/* --- THR-3 --- */

static void *wait_for_ever(void *arg)
{
    for (;;)
        mutant_pause_ms(1000);
    return arg;
}

static void start_worker(void)
{
    mutant_detach(wait_for_ever, NULL, true);
}

/* "pthread_create, what more." */
static regstore_status write_with_worker(struct regstore_upload *upload,
                                         const struct regstore_call *call, const void *buf,
                                         size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start_worker); /* cannot fail */
    return local_upload_write(upload, call, buf, len);
}

BREAKS(WorkerTakesSignals)
{
    t->upload_write = write_with_worker;
}

enum { FRAME = 512 * 1024 };

/* "A buffer on the stack needs no free." */
static regstore_status write_by_stack(struct regstore_upload *upload,
                                      const struct regstore_call *call, const void *buf, size_t len)
{
    volatile char copy[FRAME];
    for (size_t i = 0; i < sizeof copy; i += 4096)
        copy[i] = 0;
    return local_upload_write(upload, call, buf, len + (size_t)copy[0]);
}

BREAKS(LargeBufferOnTheStack)
{
    t->upload_write = write_by_stack;
}

/* --- THR-4 --- */

enum { SLOTS = 16 };
static atomic_uint busy;

/* "Sixteen at once is what the memory allows; the others wait." */
static regstore_status write_in_a_slot(struct regstore_upload *upload,
                                       const struct regstore_call *call, const void *buf,
                                       size_t len)
{
    if (upload->offset == 0 && len > 0) {
        while (atomic_load(&busy) >= SLOTS) {
            if (call->cancel != NULL && __atomic_load_n(call->cancel, __ATOMIC_SEQ_CST) != 0)
                return mutant_fail(call, REGSTORE_CANCELLED, "cancelled while it waited");
            mutant_pause_ms(1);
        }
        atomic_fetch_add(&busy, 1);
    }
    return local_upload_write(upload, call, buf, len);
}

static void close_slot(struct regstore_upload *upload)
{
    if (upload != NULL && upload->offset > 0 && atomic_load(&busy) > 0)
        atomic_fetch_sub(&busy, 1);
    local_upload_close(upload);
}

BREAKS(UploadsWaitForEachOther)
{
    t->upload_write = write_in_a_slot;
    t->upload_close = close_slot;
}

/* --- FORK-1 to FORK-3 --- */

static pid_t opener;

static regstore_status open_by_pid(const struct regstore_call *call,
                                   const struct regstore_host *host,
                                   const struct regstore_pair *settings, size_t n,
                                   struct regstore_store **out)
{
    opener = getpid();
    return good_store_open(call, host, settings, n, out);
}

/* "A store belongs to the process that opened it." */
static regstore_status upload_by_pid(struct regstore_store *store, const struct regstore_call *call,
                                     const struct regstore_upload_opts *opts,
                                     struct regstore_upload **out)
{
    if (getpid() != opener)
        return mutant_fail(call, REGSTORE_STATE, "the store belongs to the parent process");
    return local_upload_open(store, call, opts, out);
}

BREAKS(StoreOfItsProcess)
{
    t->store_open = open_by_pid;
    t->upload_open = upload_by_pid;
}

/* "The folder is opened once, then all is relative to it." */
static regstore_status open_folder(const struct regstore_call *call,
                                   const struct regstore_host *host,
                                   const struct regstore_pair *settings, size_t n,
                                   struct regstore_store **out)
{
    const regstore_status status = good_store_open(call, host, settings, n, out);
    if (status == REGSTORE_OK && open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) < 0)
        return REGSTORE_INTERNAL; /* the folder itself may not be there yet */
    return status;
}

BREAKS(StoreOpensAFolder)
{
    t->store_open = open_folder;
}

/* "A descriptor is inherited, so the handle works." */
static regstore_status write_anywhere(struct regstore_upload *upload,
                                      const struct regstore_call *call, const void *buf, size_t len)
{
    upload->process = plug_process();
    return local_upload_write(upload, call, buf, len);
}

BREAKS(HandleLivesInTheChild)
{
    t->upload_write = write_anywhere;
}

/* "What was neither suspended nor committed is lost, so away with it." */
static void close_and_unlink(struct regstore_upload *upload)
{
    if (upload != NULL && upload->state == LOCAL_OPEN && upload->staging.fd >= 0)
        (void)unlink(mutant_staged(upload).s); /* or it is gone */
    local_upload_close(upload);
}

BREAKS(ChildsCloseUnlinks)
{
    t->upload_close = close_and_unlink;
}

/* "The lock goes with the handle." */
static void close_and_unlock(struct regstore_upload *upload)
{
    if (upload != NULL && upload->staging.fd >= 0)
        local_unlock(upload->staging.fd);
    local_upload_close(upload);
}

BREAKS(ChildsCloseUnlocks)
{
    t->upload_close = close_and_unlock;
}

/* "In the child the upload is not ours, so it has no offset." */
static uint64_t offset_here(const struct regstore_upload *upload)
{
    return upload->process == plug_process() ? local_upload_offset(upload) : 0;
}

BREAKS(OffsetForgottenInTheChild)
{
    t->upload_offset = offset_here;
}

static pthread_mutex_t one_lock = PTHREAD_MUTEX_INITIALIZER;

/* "One lock for all: no race at all." */
static regstore_status stat_locked(struct regstore_store *store, const struct regstore_call *call,
                                   const char *key, struct regstore_stat *out)
{
    (void)pthread_mutex_lock(&one_lock);
    const regstore_status status = local_stat(store, call, key, out);
    (void)pthread_mutex_unlock(&one_lock);
    return status;
}

static regstore_status write_locked(struct regstore_upload *upload,
                                    const struct regstore_call *call, const void *buf, size_t len)
{
    (void)pthread_mutex_lock(&one_lock);
    const regstore_status status = local_upload_write(upload, call, buf, len);
    (void)pthread_mutex_unlock(&one_lock);
    return status;
}

BREAKS(LockHeldAtTheFork)
{
    t->stat = stat_locked;
    t->upload_write = write_locked;
}

static pid_t user;

/* "Used here, so of this process." */
static regstore_status upload_by_user(struct regstore_store *store,
                                      const struct regstore_call *call,
                                      const struct regstore_upload_opts *opts,
                                      struct regstore_upload **out)
{
    if (user == 0)
        user = getpid();
    if (user != getpid())
        return mutant_fail(call, REGSTORE_STATE, "the store is in use in the parent process");
    return local_upload_open(store, call, opts, out);
}

BREAKS(UsedStoreIsState)
{
    t->upload_open = upload_by_user;
}
