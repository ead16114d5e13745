/* SPDX-License-Identifier: Apache-2.0 */
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct secret_file {
    const char *key, *path;
    struct plug_error *error;
};

/* "'<key>' PATH words" */
__attribute__((format(printf, 2, 3))) static regstore_status refuse(const struct secret_file *f,
                                                                    const char *format, ...)
{
    char words[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    plug_error_set(f->error, REGSTORE_CONFIG, "'%s': the file %.160s %s", f->key, f->path, words);
    return REGSTORE_CONFIG;
}

static regstore_status judge(const struct secret_file *f, const struct stat *found)
{
    const uid_t user = geteuid();
    if (!S_ISREG(found->st_mode))
        return refuse(f, "is no regular file");
    if (found->st_uid != user && found->st_uid != 0)
        return refuse(f, "belongs to user %u, who can read and replace it: chown %u it",
                      (unsigned)found->st_uid, (unsigned)user);
    if ((found->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return refuse(f, "is open to its group or to others (mode %04o): chmod 0600 it",
                      (unsigned)(found->st_mode & 07777));
    if (found->st_size > PLUG_SECRET_BYTES_MAX)
        return refuse(f, "has more than %d bytes: it is to hold the secret and nothing else",
                      PLUG_SECRET_BYTES_MAX);
    return REGSTORE_OK;
}

static regstore_status read_text(const struct secret_file *f, int fd, char *text, size_t cap,
                                 size_t *len)
{
    *len = 0;
    while (*len < cap) {
        const ssize_t got = read(fd, text + *len, cap - *len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return refuse(f, "cannot be read: %s", strerror(errno));
        if (got == 0)
            return REGSTORE_OK;
        *len += (size_t)got;
    }
    return refuse(f, "grew beyond %d bytes while it was read", PLUG_SECRET_BYTES_MAX);
}

static regstore_status take(const struct secret_file *f, int fd, struct plug_buf *out)
{
    char text[PLUG_SECRET_BYTES_MAX + 1];
    struct stat found;
    size_t len = 0;
    if (fstat(fd, &found) != 0)
        return refuse(f, "cannot be looked at: %s", strerror(errno));
    TRY(judge(f, &found));
    regstore_status status = read_text(f, fd, text, sizeof text, &len);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (status == REGSTORE_OK && len == 0)
        status = refuse(f, "is empty: it is to hold the secret");
    if (status == REGSTORE_OK && memchr(text, '\0', len) != NULL)
        status = refuse(f, "has a zero byte in it: it is to hold the secret as text");
    if (status == REGSTORE_OK)
        plug_buf_add(out, text, len);
    explicit_bzero(text, sizeof text);
    return status;
}

regstore_status plug_secret_file_read(const char *key, const char *path, struct plug_buf *out,
                                      struct plug_error *error)
{
    const struct secret_file f = {.key = key, .path = path, .error = error};
    /* O_NONBLOCK: a pipe in its place must not hold us up; judge() refuses it. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return refuse(&f, "cannot be opened: %s", strerror(errno));
    const regstore_status status = take(&f, fd, out);
    (void)close(fd); /* nothing was written */
    if (status == REGSTORE_OK && plug_buf_failed(out)) {
        plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
        return REGSTORE_NO_MEMORY;
    }
    return status;
}
