/* SPDX-License-Identifier: Apache-2.0 */
#include "token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static regstore_status read_open_file(int fd, size_t max, struct plug_buf *out)
{
    char piece[4096];
    regstore_status status = REGSTORE_OK;
    for (;;) {
        const ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            status = got == 0 ? REGSTORE_OK : REGSTORE_UNAVAILABLE;
            break;
        }
        plug_buf_add(out, piece, (size_t)got);
        if (out->len > max) {
            status = REGSTORE_INVALID;
            break;
        }
    }
    explicit_bzero(piece, sizeof piece);
    return status;
}

regstore_status stss3_text_file_read(const char *what, const char *path, size_t max,
                                     struct plug_buf *out, int *why, struct plug_error *error)
{
    struct stat found;
    const char *wrong = NULL;
    /* O_NONBLOCK: a pipe in its place must not hold us up. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (why != NULL)
        *why = fd < 0 ? errno : 0;
    if (fd < 0) {
        plug_error_set(error, REGSTORE_CONFIG, "%s: the file %.200s cannot be opened: %s", what,
                       path, strerror(errno));
        return REGSTORE_CONFIG;
    }
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        wrong = "is no regular file";
    } else {
        const regstore_status status = read_open_file(fd, max, out);
        if (status == REGSTORE_UNAVAILABLE)
            wrong = strerror(errno);
        else if (status == REGSTORE_INVALID)
            wrong = "is too long";
        else if (out->len != 0 && memchr(out->data, '\0', out->len) != NULL)
            wrong = "has a zero byte in it";
    }
    (void)close(fd); /* nothing was written */
    if (wrong != NULL)
        plug_error_set(error, REGSTORE_CONFIG, "%s: the file %.200s %s", what, path, wrong);
    else if (plug_buf_failed(out))
        plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
    else
        return REGSTORE_OK;
    return error->status;
}

static void read_token(void *ctx)
{
    struct stss3_token_file *f = ctx;
    struct stss3_request *request = f->request;
    f->error = (struct plug_error){0};
    if (stss3_text_file_read(f->what, f->path, STSS3_TOKEN_FILE_MAX, &f->text, NULL, &f->error) ==
        REGSTORE_OK) {
        while (f->text.len > 0 && strchr("\r\n", f->text.data[f->text.len - 1]) != NULL)
            f->text.data[--f->text.len] = '\0';
        if (f->text.len == 0)
            plug_error_set(&f->error, REGSTORE_CONFIG, "%s: the file %.200s is empty", f->what,
                           f->path);
    }
    atomic_store(&f->has_ended, true);
    stss3_request_resume(request); /* from here on the request, and f with it, may go */
    stss3_request_unref(request);
}

enum stss3_ready stss3_token_file_get(struct stss3_token_file *f, struct stss3_request *request)
{
    if (f->is_read)
        return STSS3_READY;
    if (f->is_reading && !atomic_load(&f->has_ended))
        return STSS3_WAIT; /* somebody else's news */
    if (f->is_reading) {
        f->is_reading = false;
        f->is_read = f->error.status == REGSTORE_OK;
        request->error = f->error;
        return f->is_read ? STSS3_READY : STSS3_REFUSED;
    }
    plug_buf_wipe(&f->text);
    f->request = stss3_request_ref(request);
    f->is_reading = true;
    atomic_store(&f->has_ended, false);
    if (stss3_worker_do(f->tools->worker, read_token, f))
        return STSS3_WAIT;
    f->is_reading = false;
    stss3_request_unref(request);
    plug_error_set(&request->error, REGSTORE_NO_MEMORY, "no thread to read %.200s on", f->path);
    return STSS3_REFUSED;
}

void stss3_token_file_forget(struct stss3_token_file *f)
{
    f->is_read = false;
    plug_buf_wipe(&f->text);
}

void stss3_token_file_clear(struct stss3_token_file *f)
{
    plug_buf_wipe(&f->text);
}
