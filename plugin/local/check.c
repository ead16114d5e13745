/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check: what an operator must have done for the store to work, step by step.  With a probe it goes
 * the way of a blob, through the same functions.
 */
#include "store.h"

#include "blob.h"
#include "bytes.h"
#include "path.h"
#include "reader.h"
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FOUND_MAX 512
#define SCARCE_BYTES ((uint64_t)1 << 30)
#define CLEANUP_MS 5000

struct steps {
    struct regstore_store *store;
    struct regstore_check_opts opts;
    regstore_status first; /* that is not OK, and its words */
    struct plug_error words;
};

static void report(struct steps *steps, const char *name, regstore_status status, const char *found,
                   const char *advice)
{
    if (steps->opts.step != NULL)
        steps->opts.step(steps->opts.ctx, name, status, found, advice);
}

/* A step that failed, in the words of the call. */
static void report_failure(struct steps *steps, struct plug_call *call, const char *name,
                           regstore_status status, const char *advice)
{
    if (steps->first == REGSTORE_OK) {
        steps->first = status;
        steps->words = call->error;
    }
    report(steps, name, status, call->error.message, advice);
}

/* False: there is no folder to look further at. */
static bool check_folder(struct steps *steps, struct plug_call *call)
{
    const char *name = "storage_path";
    LOCAL_FD root = -1;
    const regstore_status status = local_root_open(call, steps->store, false, &root);
    char found[FOUND_MAX];
    if (status == REGSTORE_OK) {
        snprintf(found, sizeof found, "'%s' is a folder", steps->store->path);
        report(steps, name, REGSTORE_OK, found, "");
        return true;
    }
    if (status == REGSTORE_NOT_FOUND && (steps->opts.flags & REGSTORE_CHECK_WRITE) != 0)
        return true; /* The probe makes it. */
    if (status == REGSTORE_NOT_FOUND) {
        snprintf(found, sizeof found, "'%s' is not there yet", steps->store->path);
        report(steps, name, REGSTORE_OK, found,
               "It is made at the first write. If a volume belongs there, mount it first.");
    } else {
        report_failure(steps, call, name, status,
                       "storage_path must name a folder that this user may enter.");
    }
    return false;
}

static void check_rights(struct steps *steps, struct plug_call *call)
{
    LOCAL_FD root = -1;
    regstore_status status = local_root_open(call, steps->store, false, &root);
    if (status == REGSTORE_NOT_FOUND)
        return;
    /* Also proves that the kernel has openat2 and lets us use it. */
    LOCAL_FD folder = status == REGSTORE_OK ? local_openat(root, ".", O_RDONLY | O_DIRECTORY) : -1;
    if (status == REGSTORE_OK &&
        (folder < 0 || faccessat(folder, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0))
        status = local_fail(call, "read, write and enter", steps->store->path);
    if (status == REGSTORE_OK)
        report(steps, "rights", REGSTORE_OK, "this user may read and write there", "");
    else
        report_failure(steps, call, "rights", status,
                       "Give storage_path to the user that the registry runs as.");
}

static void check_space(struct steps *steps, struct plug_call *call)
{
    struct statvfs disk;
    LOCAL_FD root = -1;
    regstore_status status = local_root_open(call, steps->store, false, &root);
    if (status == REGSTORE_NOT_FOUND)
        return;
    if (status == REGSTORE_OK && fstatvfs(root, &disk) != 0)
        status = local_fail(call, "ask for the free space of", steps->store->path);
    if (status != REGSTORE_OK) {
        report_failure(steps, call, "space", status, "");
        return;
    }
    char found[FOUND_MAX];
    const uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    snprintf(found, sizeof found, "%llu MiB are free",
             (unsigned long long)(free_bytes >> 20));
    report(steps, "space", REGSTORE_OK, found,
           free_bytes < SCARCE_BYTES ? "That is little: images often have more." : "");
}

/* A blob of our own, and a call to work on it with. */
struct probe {
    struct regstore_store *store;
    char key[64];
    const char *text;
    struct regstore_error error;
    struct regstore_call call;
};

static regstore_status probe_write(struct probe *probe)
{
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts,
                                              .flags = REGSTORE_UPLOAD_SHA256};
    const struct regstore_commit_opts commit = {
        .struct_size = sizeof commit, .flags = REGSTORE_COMMIT_IF_ABSENT, .key = probe->key};
    struct regstore_upload *upload;
    TRY(local_upload_open(probe->store, &probe->call, &opts, &upload));
    regstore_status status =
        local_upload_write(upload, &probe->call, probe->text, strlen(probe->text));
    if (status == REGSTORE_OK)
        status = local_upload_commit(upload, &probe->call, &commit, NULL);
    if (status != REGSTORE_OK) {
        const struct regstore_call cleanup = {.struct_size = sizeof cleanup,
                                              .timeout_ms = CLEANUP_MS};
        (void)local_upload_abort(upload, &cleanup); /* What cannot be removed is purge's. */
    }
    local_upload_close(upload);
    return status;
}

static regstore_status probe_read(struct probe *probe)
{
    const struct regstore_read_opts opts = {.struct_size = sizeof opts};
    struct regstore_reader *reader;
    char bytes[64];
    size_t got = 0;
    TRY(local_read_open(probe->store, &probe->call, probe->key, &opts, &reader, NULL));
    const regstore_status status =
        local_read_next(reader, &probe->call, bytes, sizeof bytes, &got);
    local_read_close(reader);
    if (status == REGSTORE_OK &&
        (got != strlen(probe->text) || memcmp(bytes, probe->text, got) != 0)) {
        snprintf(probe->error.message, sizeof probe->error.message,
                 "other bytes came back than were written");
        return REGSTORE_CORRUPT;
    }
    return status;
}

static regstore_status probe_delete(struct probe *probe)
{
    const char *keys[1] = {probe->key};
    return local_delete_blobs(probe->store, &probe->call, keys, 1, NULL);
}

struct probe_step {
    const char *name;
    regstore_status (*run)(struct probe *probe);
    const char *found, *advice;
    bool is_cleanup;
};
static const struct probe_step write_step = {
    "write", probe_write, "a probe was staged, locked, written to disk and renamed to its key",
    "The file system must offer locks, fsync, and rename without replacing.", false};
static const struct probe_step read_step = {
    "read", probe_read, "the probe came back byte for byte", "Look at the disk's health.", false};
static const struct probe_step delete_step = {
    "delete", probe_delete, "the probe is gone again", "", true};

static regstore_status probe_init(struct probe *probe, struct plug_call *call,
                                  const struct steps *steps)
{
    char id[37];
    if (!plug_uuid(id))
        return plug_fail(call, REGSTORE_INTERNAL, "the system gives no random numbers");
    *probe = (struct probe){.store = steps->store, .text = "regstore check\n"};
    snprintf(probe->key, sizeof probe->key, "regstore-check-%s", id);
    probe->error.struct_size = sizeof probe->error;
    probe->call = (struct regstore_call){.struct_size = sizeof probe->call,
                                         .error = &probe->error};
    return REGSTORE_OK;
}

/* What is left of the check's time for its next step (CALL-2); 0: there is no limit. */
static uint64_t left_ms(const struct plug_call *call)
{
    if (call->deadline_ns == PLUG_NEVER)
        return 0;
    const int64_t left = (call->deadline_ns - plug_now_ns()) / 1000000;
    return left > 0 ? (uint64_t)left : 1;
}

/* Whatever ends the check must not leave a blob that a registry sees: so what cleans up has time of
 * its own, and is not cancelled. */
static regstore_status probe_run(struct plug_call *call, struct probe *probe,
                                 const struct probe_step *step)
{
    if (!step->is_cleanup)
        TRY(plug_call_check(call));
    probe->call.cancel = step->is_cleanup ? NULL : call->cancel;
    probe->call.timeout_ms = step->is_cleanup ? CLEANUP_MS : left_ms(call);
    const regstore_status status = step->run(probe);
    return status == REGSTORE_OK ? status : plug_fail(call, status, "%s", probe->error.message);
}

/* False: it failed, and has been reported. */
static bool probe_step(struct steps *steps, struct plug_call *call, struct probe *probe,
                       const struct probe_step *step)
{
    const regstore_status status = probe_run(call, probe, step);
    if (status != REGSTORE_OK) {
        report_failure(steps, call, step->name, status, step->advice);
        return false;
    }
    report(steps, step->name, REGSTORE_OK, step->found, "");
    return true;
}

static void check_probe(struct steps *steps, struct plug_call *call)
{
    struct probe probe;
    const regstore_status status = probe_init(&probe, call, steps);
    if (status != REGSTORE_OK) {
        report_failure(steps, call, "write", status, "");
        return;
    }
    if (!probe_step(steps, call, &probe, &write_step)) {
        /* It may have its key all the same.  What failed first has been told. */
        (void)probe_run(call, &probe, &delete_step);
        return;
    }
    (void)probe_step(steps, call, &probe, &read_step); /* Whatever it said, the probe goes. */
    (void)probe_step(steps, call, &probe, &delete_step);
}

regstore_status local_check(struct regstore_store *store, const struct regstore_call *host_call,
                            const struct regstore_check_opts *host_opts)
{
    struct plug_call call;
    struct steps steps = {.store = store, .first = REGSTORE_OK};
    regstore_status status = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &store->host, "check");
    if (status == REGSTORE_OK)
        status = plug_take(&call, &steps.opts, sizeof steps.opts, host_opts, "check_opts");
    if (status == REGSTORE_OK)
        status = plug_take_flags(&call, steps.opts.flags, REGSTORE_CHECK_WRITE, "check_opts.flags");
    if (status == REGSTORE_OK)
        status = plug_call_check(&call);
    if (status != REGSTORE_OK)
        return plug_call_end(&call, status);
    if (check_folder(&steps, &call)) {
        check_rights(&steps, &call);
        check_space(&steps, &call);
        if ((steps.opts.flags & REGSTORE_CHECK_WRITE) != 0)
            check_probe(&steps, &call);
    }
    call.error = steps.words;
    return plug_call_end(&call, steps.first);
}
