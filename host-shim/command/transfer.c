/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer: knows how to go on after a failure (UP-3: from upload_offset; SEALED: commit to the
 * same key again), and where Quay puts a blob.
 */
#include "transfer.h"
#include "interrupt.h"
#include "json.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* In a row, without a byte of progress. */
#define TRIES_MAX     5
#define FIRST_WAIT_MS UINT64_C(200)
#define WAIT_MAX_MS   30000

bool retry_again(struct retry *retry, regstore_status status, const struct regstore_error *error)
{
    /* Whoever gave a timeout, or pressed Ctrl-C, wants an end. */
    if (error->retryable == 0 || status == REGSTORE_TIMEOUT || status == REGSTORE_CANCELLED ||
        interrupt_is_asked() || ++retry->tries >= TRIES_MAX)
        return false;
    uint64_t wait_ms = FIRST_WAIT_MS << (retry->tries - 1);
    if (error->retry_after_ms > wait_ms)
        wait_ms = error->retry_after_ms < WAIT_MAX_MS ? error->retry_after_ms : WAIT_MAX_MS;
    struct timespec pause = {
        .tv_sec = (time_t)(wait_ms / 1000),
        .tv_nsec = (long)(wait_ms % 1000) * 1000000,
    };
    (void)nanosleep(&pause, NULL); /* A signal ends it early. */
    return !interrupt_is_asked();
}

int transfer_open_input(const char *name, uint64_t *length)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int input = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                         : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat found;
    if (input < 0 || fstat(input, &found) != 0) {
        fprintf(stderr, "regstore: %s: %s\n", name, strerror(errno));
        if (input >= 0)
            (void)close(input); /* Nothing was written. */
        return -1;
    }
    *length = S_ISREG(found.st_mode) && found.st_size > 0 ? (uint64_t)found.st_size : 0;
    return input;
}

static regstore_status write_buffer(struct session *session, struct regstore_upload *upload,
                                    const char *buf, size_t length)
{
    const struct regstore_plugin *plugin = session->plugin;
    uint64_t start = plugin->upload_offset(upload);
    struct retry retry = {0};
    size_t done = 0;
    while (done < length) {
        regstore_status status =
            plugin->upload_write(upload, &session->call, buf + done, length - done);
        uint64_t taken = plugin->upload_offset(upload) - start;
        if (status == REGSTORE_OK)
            return REGSTORE_OK;
        if (taken < done || taken > length)
            return status; /* This is no offset to go on from. */
        if (taken > done)
            retry.tries = 0;
        done = (size_t)taken;
        if (!retry_again(&retry, status, &session->error))
            return status;
    }
    return REGSTORE_OK;
}

/* Fills buf unless the input ends before. -1: errno says why. */
static ssize_t read_full(int input, char *buf, size_t cap)
{
    size_t used = 0;
    while (used < cap) {
        ssize_t got = read(input, buf + used, cap - used);
        if (got == 0)
            break;
        if (got < 0 && (errno != EINTR || interrupt_is_asked()))
            return -1;
        used += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)used;
}

static int write_with(struct session *session, struct regstore_upload *upload, int input,
                      const char *name, struct progress *progress, char *buf)
{
    uint64_t sent = 0;
    for (;;) {
        ssize_t got = read_full(input, buf, TRANSFER_BYTES);
        if (got < 0) {
            progress_end(progress);
            fprintf(stderr, "regstore: reading %s: %s\n", name, strerror(errno));
            return EXIT_FAILED;
        }
        if (got == 0)
            return EXIT_DONE;
        regstore_status status = write_buffer(session, upload, buf, (size_t)got);
        if (status != REGSTORE_OK) {
            progress_end(progress);
            return session_fail(session, status, "write", name);
        }
        sent += (size_t)got;
        progress_update(progress, sent);
    }
}

int transfer_write(struct session *session, struct regstore_upload *upload, int input,
                   const char *name, uint64_t length)
{
    char *buf = malloc(TRANSFER_BYTES);
    if (buf == NULL) {
        fprintf(stderr, "regstore: no memory\n");
        return EXIT_FAILED;
    }
    struct progress progress;
    progress_begin(&progress, name, length);
    int result = write_with(session, upload, input, name, &progress, buf);
    progress_end(&progress);
    free(buf);
    return result;
}

static void print_committed(const struct session *session, const char *key, const char *digest,
                            uint64_t length)
{
    if ((session->options->given & OPTION_JSON) == 0) {
        printf("%s\t%s\t%llu\n", key, digest, (unsigned long long)length);
        return;
    }
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_text(&json, "key", key);
    json_text(&json, "digest", digest);
    json_number(&json, "length", length);
    json_close(&json, '}');
    printf("\n");
}

int transfer_commit(struct session *session, struct regstore_upload *upload,
                    const struct regstore_commit_opts *opts)
{
    struct retry retry = {0};
    regstore_status status;
    struct regstore_stat committed;
    do {
        committed = (struct regstore_stat){.struct_size = sizeof(committed)};
        status = session->plugin->upload_commit(upload, &session->call, opts, &committed);
    } while (status != REGSTORE_OK && retry_again(&retry, status, &session->error));
    if (status != REGSTORE_OK)
        return session_fail(session, status, "commit to", opts->key);
    print_committed(session, opts->key, opts->digest != NULL ? opts->digest : committed.digest,
                    session->plugin->upload_offset(upload));
    return session_flush(EXIT_DONE);
}

bool transfer_content_key(const char *digest, char *key, size_t cap)
{
    const char *colon = strchr(digest, ':');
    if (colon == NULL || colon == digest || strlen(colon) < 3 || strchr(digest, '/') != NULL)
        return false;
    int length = snprintf(key, cap, "%.*s/%.2s/%s", (int)(colon - digest), digest, colon + 1,
                          colon + 1);
    return length > 0 && (size_t)length < cap;
}
