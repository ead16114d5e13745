/* SPDX-License-Identifier: Apache-2.0 */
/* scratch: knows how a test makes files of a certain mode, whatever the umask. */
#include "scratch.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *walk)
{
    (void)found, (void)type, (void)walk; /* Everything goes. */
    return remove(path);
}

static void remove_folder(void)
{
    /* At the end there is no one to tell. */
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_folder(void)
{
    if (folder[0] == '\0') {
        const char *parent = getenv("TMPDIR");
        int length = snprintf(folder, sizeof(folder), "%s/regstore-host-test-XXXXXX",
                              parent != NULL ? parent : "/tmp");
        assert(length > 0 && (size_t)length < sizeof(folder));
        char *made = mkdtemp(folder);
        assert(made != NULL);
        (void)made;
        int status = atexit(remove_folder);
        assert(status == 0);
        (void)status;
    }
    return folder;
}

const char *scratch_path(const char *name)
{
    static char paths[16][512];
    static size_t next;
    char *path = paths[next++ % 16];
    int length = snprintf(path, sizeof(paths[0]), "%s/%s", scratch_folder(), name);
    assert(length > 0 && (size_t)length < sizeof(paths[0]));
    (void)length;
    return path;
}

void scratch_write(const char *path, const void *bytes, size_t length, unsigned mode)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(file >= 0);
    const char *rest = bytes;
    while (length > 0) {
        ssize_t written = write(file, rest, length);
        assert(written > 0);
        rest += written;
        length -= (size_t)written;
    }
    int status = fchmod(file, (mode_t)mode);
    assert(status == 0);
    status = close(file);
    assert(status == 0);
    (void)status;
}

void scratch_copy(const char *from, const char *to, unsigned mode)
{
    static char bytes[32 * 1024 * 1024];
    int file = open(from, O_RDONLY | O_CLOEXEC);
    assert(file >= 0);
    ssize_t got = read(file, bytes, sizeof(bytes));
    assert(got > 0 && (size_t)got < sizeof(bytes));
    (void)close(file); /* Nothing was written. */
    scratch_write(to, bytes, (size_t)got, mode);
}
