/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include "path.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The most that one read_next gives: a disk delivers it well within the time that a cancelled call
 * may still take (CALL-3). */
#define READ_BYTES ((size_t)1 << 20)

struct regstore_reader {
    struct regstore_store *store;
    uint64_t process;
    int fd;
    uint64_t at, end;
    struct plug_tally given;
    struct regstore_stat opened; /* what the blob was when the reader was opened */
};

/* Where the range begins and ends in a blob of this length; READ-1. */
static void set_range(struct regstore_reader *reader, const struct regstore_read_opts *opts)
{
    const uint64_t length = reader->opened.length;
    reader->at = opts->offset < length ? opts->offset : length;
    reader->end = length;
    if (opts->length != 0 && opts->length < length - reader->at)
        reader->end = reader->at + opts->length;
}

static regstore_status open_blob(struct plug_call *call, struct regstore_reader *reader,
                                 const char *key, const struct regstore_read_opts *opts)
{
    struct stat file;
    TRY(local_blob_open(call, reader->store, key, O_RDONLY, &reader->fd, &file));
    local_stat_fill(&reader->opened, &file);
    if (opts->etag != NULL && strcmp(opts->etag, reader->opened.etag) != 0)
        return plug_fail(call, REGSTORE_CONFLICT, "the blob at '%s' is another one by now", key);
    set_range(reader, opts);
    return REGSTORE_OK;
}

regstore_status local_read_open(struct regstore_store *store, const struct regstore_call *host_call,
                                const char *key, const struct regstore_read_opts *host_opts,
                                struct regstore_reader **out_reader, struct regstore_stat *out)
{
    struct plug_call call;
    struct regstore_read_opts opts;
    regstore_status status = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &store->host, "read_open");
    if (status == REGSTORE_OK)
        status = plug_take(&call, &opts, sizeof opts, host_opts, "read_opts");
    if (status == REGSTORE_OK)
        status = plug_take_flags(&call, opts.flags, 0, "read_opts.flags");
    if (status == REGSTORE_OK)
        status = local_key_check(&call, key, "key");
    if (status == REGSTORE_OK)
        status = plug_call_check(&call);
    if (status != REGSTORE_OK)
        return plug_call_end(&call, status);
    struct regstore_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return plug_call_end(&call, plug_no_memory(&call));
    reader->store = local_store_keep(store);
    reader->fd = -1;
    reader->process = plug_process();
    status = reader->process == 0 ? plug_no_memory(&call) : open_blob(&call, reader, key, &opts);
    if (status == REGSTORE_OK) {
        plug_give(out, &reader->opened, sizeof reader->opened);
        *out_reader = reader;
    } else {
        local_read_close(reader);
    }
    return plug_call_end(&call, status);
}

/* Before the last bytes go out: a file that someone wrote into from outside, or a staging file,
 * must not pass for what was opened (READ-2). */
static regstore_status unchanged(struct plug_call *call, const struct regstore_reader *reader)
{
    struct stat file;
    if (fstat(reader->fd, &file) != 0)
        return local_fail(call, "look at", "the blob");
    struct regstore_stat now;
    local_stat_fill(&now, &file);
    if (strcmp(now.etag, reader->opened.etag) != 0)
        return plug_fail(call, REGSTORE_CONFLICT, "the file was changed while it was read");
    return REGSTORE_OK;
}

static regstore_status read_some(struct plug_call *call, struct regstore_reader *reader, void *buf,
                                 size_t cap, size_t *got)
{
    const uint64_t left = reader->end - reader->at;
    size_t len = cap < READ_BYTES ? cap : READ_BYTES;
    if (left < len)
        len = (size_t)left;
    if (len == 0)
        return REGSTORE_OK;
    ssize_t n;
    do
        n = pread(reader->fd, buf, len, (off_t)reader->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return local_fail(call, "read", "the blob");
    if (n == 0)
        return plug_fail(call, REGSTORE_CORRUPT, "the file is shorter than when it was opened");
    if (reader->at + (uint64_t)n == reader->end)
        TRY(unchanged(call, reader));
    reader->at += (uint64_t)n;
    *got = (size_t)n;
    return REGSTORE_OK;
}

regstore_status local_read_next(struct regstore_reader *reader,
                                const struct regstore_call *host_call, void *buf, size_t cap,
                                size_t *got)
{
    struct plug_call call;
    regstore_status status = plug_call_begin(&call, host_call);
    *got = 0;
    if (status == REGSTORE_OK && reader->process != plug_process())
        status = plug_fail(&call, REGSTORE_STATE, "the reader belongs to the parent process");
    if (status == REGSTORE_OK && cap == 0)
        status = plug_fail(&call, REGSTORE_RANGE, "the buffer is empty");
    if (status == REGSTORE_OK)
        status = plug_call_check(&call);
    if (status == REGSTORE_OK)
        status = read_some(&call, reader, buf, cap, got);
    if (*got != 0)
        plug_tally_add(&reader->store->host, &reader->given, PLUG_READ, *got);
    return plug_call_end(&call, status);
}

void local_read_close(struct regstore_reader *reader)
{
    if (reader == NULL)
        return;
    local_fd_close(&reader->fd);
    if (reader->process == plug_process())
        plug_tally_end(&reader->store->host, &reader->given, PLUG_READ);
    local_store_close(reader->store);
    free(reader);
}
