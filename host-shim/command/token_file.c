/* SPDX-License-Identifier: Apache-2.0 */
/* token_file: knows the form of the file, and how a crash loses no upload. */
#include "token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool fail(const char *path)
{
    fprintf(stderr, "regstore: %s: %s\n", path, strerror(errno));
    return false;
}

/* Closes descriptor in any case; false leaves errno. */
static bool write_content(int descriptor, const struct token_file *content)
{
    char text[REGSTORE_TOKEN_MAX + REGSTORE_KEY_MAX + 2];
    int length = snprintf(text, sizeof(text), "%s\n%s%s", content->token, content->key,
                          content->key[0] != '\0' ? "\n" : "");
    /* So short a text goes to a file in one write, or the disk is full. */
    ssize_t written = write(descriptor, text, (size_t)length);
    if (written >= 0 && written != length)
        errno = ENOSPC;
    bool is_written = written == length && fsync(descriptor) == 0;
    int saved = errno;
    bool is_closed = close(descriptor) == 0;
    if (!is_written)
        errno = saved;
    return is_written && is_closed;
}

/* The name is on the disk as well. Best effort: some file systems cannot, and the file is there. */
static void sync_folder_of(const char *path)
{
    char *copy = strdup(path);
    int folder = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder >= 0) {
        (void)fsync(folder);
        (void)close(folder);
    }
    free(copy);
}

bool token_file_create(const char *path, const struct token_file *content)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return fail(path);
    if (!write_content(descriptor, content)) {
        fail(path);
        (void)unlink(path); /* Nothing was sent for this upload yet. */
        return false;
    }
    sync_folder_of(path);
    return true;
}

bool token_file_replace(const char *path, const struct token_file *content)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return fail(path);
    int descriptor = mkostemp(temporary, O_CLOEXEC);
    bool is_done = descriptor >= 0 && write_content(descriptor, content) &&
                   rename(temporary, path) == 0;
    if (!is_done) {
        fail(path);
        if (descriptor >= 0)
            (void)unlink(temporary); /* The old file is still good. */
    } else {
        sync_folder_of(path);
    }
    free(temporary);
    return is_done;
}

/* Takes the line at *text; false when it does not fit into cap bytes. */
static bool take_line(const char **text, char *line, size_t cap)
{
    size_t length = strcspn(*text, "\n");
    if (length >= cap)
        return false;
    memcpy(line, *text, length);
    line[length] = '\0';
    *text += length + ((*text)[length] == '\n' ? 1 : 0);
    return true;
}

bool token_file_read(const char *path, struct token_file *content)
{
    char text[REGSTORE_TOKEN_MAX + REGSTORE_KEY_MAX + 2];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return fail(path);
    ssize_t got = read(descriptor, text, sizeof(text) - 1);
    int saved = errno;
    (void)close(descriptor); /* Nothing was written. */
    errno = saved;
    if (got < 0)
        return fail(path);
    text[got] = '\0';
    const char *at = text;
    if (!take_line(&at, content->token, sizeof(content->token)) || content->token[0] == '\0' ||
        !take_line(&at, content->key, sizeof(content->key)) || *at != '\0' ||
        strlen(text) != (size_t)got) {
        fprintf(stderr, "regstore: %s is no file of 'upload begin'\n", path);
        return false;
    }
    return true;
}
