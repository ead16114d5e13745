/* SPDX-License-Identifier: Apache-2.0 */
/* get: one blob, or a part of it, to standard output or to a file that appears when it is whole. */
#include "commands.h"
#include "interrupt.h"
#include "progress.h"
#include "transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An interrupt that comes just before the wait is seen so late; any other ends the wait. */
#define LOOK_AGAIN_MS 250

struct target {
    const char *name;
    char *path;      /* what rename goes to; NULL: bytes go straight to descriptor */
    char *temporary; /* beside path */
    int descriptor;
    bool is_stream; /* what reads it may leave it full */
};

static int fail_target(const char *name)
{
    fprintf(stderr, "regstore: writing %s: %s\n", name, strerror(errno));
    return EXIT_FAILED;
}

/* mkostemp makes files for the owner alone; what get writes has the mode of any new file. */
static int make_temporary(struct target *target)
{
    mode_t mask = umask(0);
    (void)umask(mask); /* Returns the 0 from above. */
    if (asprintf(&target->temporary, "%s.XXXXXX", target->path) < 0) {
        target->temporary = NULL;
        return fail_target(target->name);
    }
    target->descriptor = mkostemp(target->temporary, O_CLOEXEC);
    if (target->descriptor < 0) {
        free(target->temporary);
        target->temporary = NULL;
        return fail_target(target->name);
    }
    return fchmod(target->descriptor, 0666 & ~mask) == 0 ? EXIT_DONE : fail_target(target->name);
}

static int open_stream(struct target *target, const char *path)
{
    struct stat found;
    target->descriptor = path == NULL ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                                      : open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (target->descriptor < 0 || fstat(target->descriptor, &found) != 0)
        return fail_target(target->name);
    target->is_stream = !S_ISREG(found.st_mode);
    return EXIT_DONE;
}

/*
 * A device or a pipe is written to, and a symbolic link to something is followed; all else is
 * replaced, a link to nothing among it.
 */
static int target_open(struct target *target, const char *name)
{
    struct stat found;
    bool is_stdout = name == NULL || strcmp(name, "-") == 0;
    bool exists = !is_stdout && stat(name, &found) == 0;
    *target = (struct target){.name = is_stdout ? "standard output" : name, .descriptor = -1};
    if (is_stdout || (exists && !S_ISREG(found.st_mode)))
        return open_stream(target, is_stdout ? NULL : name);
    target->path = exists ? realpath(name, NULL) : strdup(name);
    return target->path != NULL ? make_temporary(target) : fail_target(target->name);
}

static int target_publish(struct target *target)
{
    int descriptor = target->descriptor;
    target->descriptor = -1;
    bool is_kept = target->temporary == NULL || fsync(descriptor) == 0;
    if (close(descriptor) != 0 || !is_kept)
        return fail_target(target->name);
    if (target->temporary == NULL)
        return EXIT_DONE;
    if (rename(target->temporary, target->path) != 0)
        return fail_target(target->name);
    free(target->temporary);
    target->temporary = NULL;
    return EXIT_DONE;
}

static void target_clear(struct target *target)
{
    if (target->descriptor >= 0)
        (void)close(target->descriptor); /* It is thrown away. */
    if (target->temporary != NULL)
        (void)unlink(target->temporary); /* What get failed with has been said. */
    free(target->temporary);
    free(target->path);
}

/* False, with errno: there will be none, or an interrupt came first. */
static bool wait_for_room(int descriptor)
{
    struct pollfd wanted = {.fd = descriptor, .events = POLLOUT};
    for (;;) {
        if (interrupt_is_asked()) {
            errno = EINTR;
            return false;
        }
        int ready = poll(&wanted, 1, LOOK_AGAIN_MS);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

/* A pipe that has room at all takes PIPE_BUF bytes at once; more could wait in write. */
static bool write_all(const struct target *target, const char *buf, size_t length)
{
    while (length > 0) {
        size_t some = target->is_stream && length > PIPE_BUF ? PIPE_BUF : length;
        if (target->is_stream && !wait_for_room(target->descriptor))
            return false;
        ssize_t written = write(target->descriptor, buf, some);
        if (written < 0 && (errno != EINTR || interrupt_is_asked()))
            return false;
        buf += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static int copy_bytes(struct session *session, struct regstore_reader *reader,
                      const struct target *target, struct progress *progress, char *buf)
{
    struct retry retry = {0};
    uint64_t received = 0;
    for (;;) {
        size_t got = 0;
        regstore_status status =
            session->plugin->read_next(reader, &session->call, buf, TRANSFER_BYTES, &got);
        if (status != REGSTORE_OK) {
            if (retry_again(&retry, status, &session->error))
                continue;
            progress_end(progress);
            return session_fail(session, status, "get", session->options->args[0]);
        }
        if (got == 0)
            return EXIT_DONE;
        retry.tries = 0;
        if (!write_all(target, buf, got)) {
            progress_end(progress);
            return fail_target(target->name);
        }
        received += got;
        progress_update(progress, received);
    }
}

static uint64_t expected_bytes(const struct options *options, uint64_t blob_length)
{
    uint64_t offset = options->range_offset, wanted = options->range_length;
    uint64_t rest = offset < blob_length ? blob_length - offset : 0;
    return wanted != 0 && wanted < rest ? wanted : rest;
}

static int copy_blob(struct session *session, struct regstore_reader *reader, uint64_t length,
                     struct target *target)
{
    char *buf = malloc(TRANSFER_BYTES);
    if (buf == NULL) {
        fprintf(stderr, "regstore: no memory\n");
        return EXIT_FAILED;
    }
    struct progress progress;
    progress_begin(&progress, session->options->args[0], length);
    int result = copy_bytes(session, reader, target, &progress, buf);
    progress_end(&progress);
    free(buf);
    return result == EXIT_DONE ? target_publish(target) : result;
}

/* The file is touched only when there is a blob to be written to it. */
int cmd_get(struct session *session, const struct options *options)
{
    struct regstore_read_opts opts = {
        .struct_size = sizeof(opts),
        .offset = options->range_offset,
        .length = options->range_length,
    };
    struct retry retry = {0};
    struct regstore_reader *reader = NULL;
    struct regstore_stat found;
    regstore_status status;
    do {
        found = (struct regstore_stat){.struct_size = sizeof(found)};
        status = session->plugin->read_open(session->store, &session->call, options->args[0], &opts,
                                            &reader, &found);
    } while (status != REGSTORE_OK && retry_again(&retry, status, &session->error));
    if (status != REGSTORE_OK)
        return session_fail(session, status, "get", options->args[0]);
    struct target target;
    int result = target_open(&target, options->output);
    if (result == EXIT_DONE)
        result = copy_blob(session, reader, expected_bytes(options, found.length), &target);
    target_clear(&target);
    session->plugin->read_close(reader);
    return result;
}
