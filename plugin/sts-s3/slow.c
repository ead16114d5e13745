/* SPDX-License-Identifier: Apache-2.0 */
#include "slow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secret_file.h"

/* Past its own limit: what its start may take, where it lies on a file system that is slow. */
#define PROGRAM_START_MS 5000

struct file_aside {
    struct stss3_aside aside;
    struct stss3_slow_file file; /* its path is our own copy */
    char *path;
    struct plug_buf text;
    int why;
    struct plug_error error;
};

struct program_aside {
    struct stss3_aside aside;
    struct stss3_program program; /* its texts are our own copies */
    struct plug_buf texts;        /* the line, then the environment, each with its NUL */
    char **environment;
    struct plug_buf out;
    struct plug_error error;
};

static regstore_status no_memory(struct plug_error *error)
{
    plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
    return REGSTORE_NO_MEMORY;
}

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

static void read_text(struct file_aside *f)
{
    const char *what = f->file.what, *wrong = NULL;
    struct stat found;
    /* O_NONBLOCK: a pipe in its place must not hold us up. */
    const int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    f->why = fd < 0 ? errno : 0;
    if (fd < 0) {
        plug_error_set(&f->error, REGSTORE_CONFIG, "%s: the file %.200s cannot be opened: %s", what,
                       f->path, strerror(f->why));
        return;
    }
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        wrong = "is no regular file";
    } else {
        const regstore_status status = read_open_file(fd, f->file.max, &f->text);
        if (status == REGSTORE_UNAVAILABLE)
            wrong = strerror(errno);
        else if (status == REGSTORE_INVALID)
            wrong = "is too long";
        else if (f->text.len != 0 && memchr(f->text.data, '\0', f->text.len) != NULL)
            wrong = "has a zero byte in it";
    }
    (void)close(fd); /* nothing was written */
    if (wrong != NULL)
        plug_error_set(&f->error, REGSTORE_CONFIG, "%s: the file %.200s %s", what, f->path, wrong);
}

static void read_file(struct stss3_aside *aside)
{
    struct file_aside *f = (struct file_aside *)aside;
    if (f->file.is_secret)
        (void)plug_secret_file_read(f->file.what, f->path, &f->text, &f->error);
    else
        read_text(f);
}

static void free_file(struct stss3_aside *aside)
{
    struct file_aside *f = (struct file_aside *)aside;
    plug_buf_wipe(&f->text);
    free(f->path);
    free(f);
}

regstore_status stss3_slow_file_read(struct stss3_asides *asides,
                                     const struct stss3_slow_file *file, struct plug_buf *out,
                                     int *why, struct plug_error *error)
{
    struct file_aside *f = calloc(1, sizeof *f);
    if (why != NULL)
        *why = 0;
    if (f == NULL)
        return no_memory(error);
    f->aside = (struct stss3_aside){.run = read_file, .free = free_file, .refs = 1};
    f->file = *file;
    f->path = strdup(file->path);
    regstore_status status = f->path == NULL ? no_memory(error) : REGSTORE_OK;
    if (status == REGSTORE_OK)
        status = stss3_aside_do(asides, &f->aside, file->what, file->limit_ms, error);
    if (status == REGSTORE_OK && f->error.status != REGSTORE_OK) {
        *error = f->error;
        status = f->error.status;
        if (why != NULL)
            *why = f->why;
    } else if (status == REGSTORE_OK) {
        plug_buf_add(out, f->text.data, f->text.len);
        if (plug_buf_failed(&f->text) || plug_buf_failed(out))
            status = no_memory(error);
    }
    stss3_aside_unref(&f->aside);
    return status;
}

static bool must_end(const void *ctx)
{
    return atomic_load(&((const struct program_aside *)ctx)->aside.must_end);
}

static void run_program(struct stss3_aside *aside)
{
    struct program_aside *p = (struct program_aside *)aside;
    (void)stss3_program_run(&p->program, &p->out, &p->error);
}

static void free_program(struct stss3_aside *aside)
{
    struct program_aside *p = (struct program_aside *)aside;
    plug_buf_wipe(&p->texts); /* an environment may hold secrets */
    plug_buf_wipe(&p->out);
    free(p->environment);
    free(p);
}

/* NULL: no memory. */
static struct program_aside *program_aside_new(const struct stss3_program *program)
{
    struct program_aside *p = calloc(1, sizeof *p);
    size_t n = 0;
    if (p == NULL)
        return NULL;
    p->aside = (struct stss3_aside){.run = run_program, .free = free_program, .refs = 1};
    plug_buf_add(&p->texts, program->line, strlen(program->line) + 1);
    for (; program->environment[n] != NULL; n++)
        plug_buf_add(&p->texts, program->environment[n], strlen(program->environment[n]) + 1);
    p->environment = calloc(n + 1, sizeof p->environment[0]);
    if (plug_buf_failed(&p->texts) || p->environment == NULL) {
        free_program(&p->aside);
        return NULL;
    }
    p->program = *program;
    char *at = p->texts.data;
    p->program.line = at;
    for (size_t i = 0; i < n; i++)
        p->environment[i] = at += strlen(at) + 1;
    p->program.environment = p->environment;
    p->program.must_stop = must_end;
    p->program.ctx = p;
    return p;
}

regstore_status stss3_slow_program_run(struct stss3_asides *asides,
                                       const struct stss3_program *program, struct plug_buf *out,
                                       struct plug_error *error)
{
    struct program_aside *p = program_aside_new(program);
    if (p == NULL)
        return no_memory(error);
    regstore_status status = stss3_aside_do(asides, &p->aside, program->what,
                                            program->limit_ms + PROGRAM_START_MS, error);
    if (status == REGSTORE_OK && p->error.status != REGSTORE_OK) {
        *error = p->error;
        status = p->error.status;
    } else if (status == REGSTORE_OK) {
        plug_buf_add(out, p->out.data, p->out.len);
        if (plug_buf_failed(out))
            status = no_memory(error);
    }
    stss3_aside_unref(&p->aside);
    return status;
}
