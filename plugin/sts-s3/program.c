/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "profile_file.h"

/* Between two looks at the clock, at whether we must stop and at whether it has ended: one that
 * leaves a child behind with its output need not close it. */
#define STEP_MS 20
#define MS_NS   1000000

enum state { RUNNING, ENDED_WELL, ENDED_BADLY, ENDED_UNSEEN };

struct child {
    const struct stss3_program *program;
    pid_t pid;
    int output;
    enum state state;
    int status; /* of ENDED_BADLY */
};

static regstore_status no_memory(struct plug_error *error)
{
    plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
    return REGSTORE_NO_MEMORY;
}

/* In a group of its own, so that all of it can be ended. */
static int spawn_in_group(char *const words[], char *const environment[], int output, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    if (posix_spawn_file_actions_init(&files) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    sigemptyset(&none);
    sigfillset(&all);
    int result = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    if (result == 0)
        result = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (result == 0)
        result = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    (void)posix_spawnattr_setsigmask(&attributes, &none); /* these only store */
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETPGROUP);
    if (result == 0)
        result = posix_spawnp(pid, words[0], &files, &attributes, words, environment);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
    return result;
}

static char **words_of(struct plug_buf *text, size_t count)
{
    char **words = calloc(count + 1, sizeof words[0]), *at = text->data;
    for (size_t i = 0; words != NULL && i < count; i++, at += strlen(at) + 1)
        words[i] = at;
    return words;
}

/* A pipe, of which no end is what the program will have as 0, 1 or 2: the host may have those
 * closed.
 */
static bool make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        const int low = ends[i];
        if (low > STDERR_FILENO)
            continue;
        ends[i] = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        (void)close(low);
    }
    if (ends[0] >= 0 && ends[1] >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        return true;
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            (void)close(ends[i]);
    return false;
}

static regstore_status start(struct child *c, struct plug_error *error)
{
    const struct stss3_program *program = c->program;
    struct plug_buf text = {0};
    size_t count;
    int ends[2], result;
    if (!stss3_words_split(program->line, &text, &count)) {
        plug_buf_wipe(&text);
        plug_error_set(error, REGSTORE_CONFIG, "%s: a quote has no end, or there is no program",
                       program->what);
        return REGSTORE_CONFIG;
    }
    char **words = plug_buf_failed(&text) ? NULL : words_of(&text, count);
    if (words == NULL || !make_pipe(ends)) {
        free(words);
        plug_buf_wipe(&text);
        return no_memory(error);
    }
    result = spawn_in_group(words, program->environment, ends[1], &c->pid);
    (void)close(ends[1]);
    c->output = ends[0];
    if (result != 0) {
        (void)close(ends[0]);
        plug_error_set(error, REGSTORE_CONFIG, "%s: %.200s cannot be run: %s", program->what,
                       words[0], strerror(result));
    }
    free(words);
    plug_buf_wipe(&text);
    return result == 0 ? REGSTORE_OK : REGSTORE_CONFIG;
}

/* False: there is nothing more to come. */
static bool read_some(const struct child *c, struct plug_buf *out)
{
    char piece[4096];
    ssize_t got;
    while ((got = read(c->output, piece, sizeof piece)) > 0 && out->len <= STSS3_PROGRAM_OUTPUT_MAX)
        plug_buf_add(out, piece, (size_t)got);
    explicit_bzero(piece, sizeof piece);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void look_whether_it_ended(struct child *c)
{
    int status;
    const pid_t got = waitpid(c->pid, &status, WNOHANG);
    if (got == c->pid) {
        c->status = status;
        c->state = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ENDED_WELL : ENDED_BADLY;
    } else if (got < 0 && errno == ECHILD) {
        c->state = ENDED_UNSEEN; /* the host ignores SIGCHLD, or was faster */
    }
}

static void kill_it(struct child *c)
{
    look_whether_it_ended(c);
    if (c->state != RUNNING)
        return; /* its number may be another's by now */
    (void)kill(-c->pid, SIGKILL);
    (void)kill(c->pid, SIGKILL); /* had it left its group */
    while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
        continue;
}

static regstore_status fail(const struct child *c, struct plug_error *error, const char *words)
{
    plug_error_set(error, REGSTORE_UNAVAILABLE, "%s: the program %s", c->program->what, words);
    return REGSTORE_UNAVAILABLE;
}

static regstore_status read_all(struct child *c, struct plug_buf *out, struct plug_error *error)
{
    const int64_t from_ns = plug_now_ns();
    const uint64_t limit_ms = c->program->limit_ms;
    bool has_more = true;
    while (c->state == RUNNING) {
        struct pollfd wait = {.fd = has_more ? c->output : -1, .events = POLLIN};
        (void)poll(&wait, 1, STEP_MS);
        look_whether_it_ended(c); /* before the last read: what it wrote is there by then */
        has_more = has_more && read_some(c, out);
        if (out->len > STSS3_PROGRAM_OUTPUT_MAX)
            return fail(c, error, "writes too much");
        if (c->state == RUNNING && (uint64_t)(plug_now_ns() - from_ns) / MS_NS >= limit_ms)
            return fail(c, error, "takes too long, and was ended");
        if (c->state == RUNNING && c->program->must_stop != NULL &&
            c->program->must_stop(c->program->ctx))
            return fail(c, error, "was ended, since the store is being closed");
    }
    if (plug_buf_failed(out))
        return no_memory(error);
    return REGSTORE_OK;
}

static regstore_status judge(const struct child *c, const struct plug_buf *out,
                             struct plug_error *error)
{
    if (c->state == ENDED_BADLY && WIFSIGNALED(c->status))
        plug_error_set(error, REGSTORE_UNAVAILABLE,
                       "%s: the program was ended by signal %d: run it by hand to see why",
                       c->program->what, WTERMSIG(c->status));
    else if (c->state == ENDED_BADLY)
        plug_error_set(error, REGSTORE_UNAVAILABLE,
                       "%s: the program failed with exit status %d: run it by hand to see why",
                       c->program->what, WEXITSTATUS(c->status));
    else if (out->len == 0)
        return fail(c, error, "wrote nothing: run it by hand to see why");
    else
        return REGSTORE_OK;
    return error->status;
}

regstore_status stss3_program_run(const struct stss3_program *program, struct plug_buf *out,
                                  struct plug_error *error)
{
    struct child c = {.program = program, .state = RUNNING};
    TRY(start(&c, error));
    regstore_status status = read_all(&c, out, error);
    if (status != REGSTORE_OK)
        kill_it(&c);
    else
        status = judge(&c, out, error);
    (void)close(c.output); /* nothing was written */
    return status;
}
