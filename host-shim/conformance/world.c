/* SPDX-License-Identifier: Apache-2.0 */
/* A test's world: how it comes up, how it fails, and its threads and processes. */
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "../command/feature_names.h"

/* Not EXIT_SUCCESS: a plugin that calls exit() has not passed. */
enum { STEP_DONE = 8, STEP_FAILED = 9 };

/* True in threads of in_threads(): there a failure must not end the process, since others are at
 * work in the plugin. */
static _Thread_local bool is_worker;

int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* it exists on every Linux */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t test_seed(const struct world *w, uint64_t n)
{
    return content_mix(w->seed, n);
}

static unsigned count_entries(const char *path)
{
    unsigned n = 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder))
        n += e->d_name[0] != '.';
    (void)closedir(folder); /* nothing was written */
    return n;
}

unsigned count_threads(void)
{
    return count_entries("/proc/self/task");
}

unsigned count_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

/* --- failing --- */

static void append(char *text, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t cap, const char *format, ...)
{
    const size_t len = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + len, cap - len, format, arguments); /* cut is good enough for people */
    va_end(arguments);
}

/* The first outcome stands. */
static bool claim_outcome(struct record *record, enum outcome outcome)
{
    uint32_t none = OUTCOME_NONE;
    return __atomic_compare_exchange_n(&record->outcome, &none, (uint32_t)outcome, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void append_log(struct record *record)
{
    const size_t lines = sizeof record->log / sizeof record->log[0];
    const uint32_t logged = __atomic_load_n(&record->logged, __ATOMIC_SEQ_CST);
    const uint32_t first = logged > lines ? logged - (uint32_t)lines : 0;
    for (uint32_t i = first; i < logged; i++)
        append(record->text, sizeof record->text, "\nthe plugin logged: %s",
               record->log[i % lines]);
}

/* Nothing unfinished is left behind by a test that failed.  Best effort: the plugin may be what is
 * broken. */
static void abort_open_uploads(struct world *w)
{
    for (size_t i = 0; i < WORLD_UPLOADS; i++) {
        if (w->uploads[i] == NULL)
            continue;
        struct regstore_call call = {.struct_size = sizeof call, .timeout_ms = 3000};
        (void)w->p->upload_abort(w->uploads[i], &call);
    }
}

_Noreturn static void end_test(struct world *w)
{
    if (is_worker)
        pthread_exit(NULL);
    if (w->record->outcome == OUTCOME_FAILED && w->p != NULL)
        abort_open_uploads(w);
    if (w->is_step)
        _exit(STEP_FAILED);
    if (w->record->outcome == OUTCOME_SKIPPED)
        _exit(EXIT_SUCCESS);
    ck_abort_msg("%s", w->record->text);
}

_Noreturn void world_fail(struct world *w, const char *file, int line, const char *format, ...)
{
    struct record *record = w->record;
    const char *base = strrchr(file, '/');
    if (claim_outcome(record, OUTCOME_FAILED)) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(record->text, sizeof record->text, format, arguments);
        va_end(arguments);
        const int32_t stop = __atomic_load_n(&record->stop, __ATOMIC_SEQ_CST);
        if (stop != STOP_NOT)
            append(record->text, sizeof record->text, "\n(the test was stopped: %s)",
                   stop == STOP_TIME_OVER ? "its time was over" : "the run was");
        append_log(record);
        append(record->text, sizeof record->text, "\n(%s:%d)", base ? base + 1 : file, line);
    }
    end_test(w);
}

_Noreturn void world_skip(struct world *w, const char *format, ...)
{
    if (claim_outcome(w->record, OUTCOME_SKIPPED)) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(w->record->text, sizeof w->record->text, format, arguments);
        va_end(arguments);
    }
    end_test(w);
}

void world_expect(struct world *w, const char *file, int line, const char *what,
                  regstore_status status, const regstore_status *wanted, const struct call *c)
{
    char due[256] = "";
    for (size_t i = 0; wanted[i] >= 0; i++) {
        if (status == wanted[i])
            return;
        append(due, sizeof due, "%s%s", i > 0 ? " or " : "", regstore_host_status_name(wanted[i]));
    }
    world_fail(w, file, line, "%s\ngave %s (%d), due was %s%s%.511s%s", what,
               regstore_host_status_name(status), (int)status, due,
               c->error.message[0] ? "; it said \"" : "", c->error.message,
               c->error.message[0] ? "\"" : "");
}

void call_reset(struct call *c)
{
    memset(&c->error, 0, sizeof c->error);
    c->error.struct_size = sizeof c->error;
}

void world_pass(struct world *w)
{
    if (!claim_outcome(w->record, OUTCOME_PASSED))
        end_test(w);
}

/* --- coming up --- */

static void keep_log(void *ctx, int32_t level, const char *event,
                     const struct regstore_pair *fields, size_t n)
{
    struct record *record = ctx;
    if (level < REGSTORE_LOG_WARNING)
        return;
    const uint32_t i = __atomic_fetch_add(&record->logged, 1, __ATOMIC_SEQ_CST);
    char *line = record->log[i % (sizeof record->log / sizeof record->log[0])];
    const size_t cap = sizeof record->log[0];
    (void)snprintf(line, cap, "%s", event);
    for (size_t f = 0; f < n; f++)
        append(line, cap, " %s=%s", fields[f].key, fields[f].value);
}

static int64_t real_time_ns(void *ctx, int32_t which)
{
    struct timespec now;
    (void)ctx;
    (void)which;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* it exists on every Linux */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct regstore_host world_host(struct world *w)
{
    const struct regstore_host host = {
        .struct_size = sizeof host, .ctx = w->record, .log = keep_log, .clock_ns = real_time_ns};
    return host;
}

void world_open_store(struct world *w)
{
    CALL(c);
    const struct regstore_host host = world_host(w);
    EXPECT_OK(&c, w->p->store_open(&c.in, &host, w->backend->settings, w->backend->n, &w->store));
    CLAIM(w->store != NULL, "store_open gave OK and no store");
}

static _Noreturn void skip_without(struct world *w, const char *who, uint64_t missing)
{
    char names[256] = "";
    for (const struct feature *f = features; f->name != NULL; f++)
        if ((missing & f->bit) != 0)
            append(names, sizeof names, "%s%s", names[0] ? ", " : "", f->name);
    SKIP("%s does not offer %s", who, names);
}

static void check_needs(struct world *w)
{
    const uint64_t needs = w->test->needs;
    const uint64_t wanted =
        needs & ~(NEEDS_NO_STORE | NEEDS_COPY | NEEDS_PRESIGN | NEEDS_OWN_STORE | NEEDS_ALONE);
    if ((needs & NEEDS_COPY) && w->p->copy == NULL)
        SKIP("the plugin does not offer copy");
    if ((needs & NEEDS_PRESIGN) && w->p->presign == NULL)
        SKIP("the plugin does not offer presign");
    if ((needs & NEEDS_OWN_STORE) && !w->is_own_store)
        SKIP("it purges what is seconds old, all over the store: say --own-store if that is fine");
    if (wanted & ~w->p->features)
        skip_without(w, "the plugin", wanted & ~w->p->features);
    if (w->store != NULL && (wanted & ~w->p->store_features(w->store)))
        skip_without(w, "this store", wanted & ~w->p->store_features(w->store));
}

void world_init(struct world *w)
{
    char why[1024];
    (void)pthread_mutex_init(&w->lock, NULL); /* with no attributes it cannot fail */
    w->threads_before = count_threads();
    w->descriptors_before = count_descriptors();
    w->p = backend_load(w->backend, w->path, why, sizeof why);
    if (w->p == NULL)
        FAIL("%s", why);
    if (!(w->test->needs & NEEDS_NO_STORE))
        world_open_store(w);
    check_needs(w);
}

void world_clear(struct world *w)
{
    if (w->store != NULL)
        w->p->store_close(w->store);
    w->store = NULL;
}

/* A lock of the file as a whole and of this process alone: it ends with the process. */
void world_lock(struct world *w)
{
    while (lockf(w->lock_file, F_LOCK, 0) != 0)
        if (errno != EINTR)
            FAIL("the test could not lock a file of its own: %s", strerror(errno));
}

void world_unlock(struct world *w)
{
    if (lockf(w->lock_file, F_ULOCK, 0) != 0)
        FAIL("the test could not unlock a file of its own: %s", strerror(errno));
}

void *world_shared(struct world *w, size_t size)
{
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        FAIL("no memory for the test itself");
    return room;
}

struct key key_of(const struct world *w, const char *format, ...)
{
    struct key key;
    va_list arguments;
    const int len = snprintf(key.s, sizeof key.s, "%s", w->prefix);
    va_start(arguments, format);
    (void)vsnprintf(key.s + len, sizeof key.s - (size_t)len, format, arguments);
    va_end(arguments);
    return key;
}

/* --- threads --- */

struct thread {
    struct world *w;
    void (*work)(struct world *w, unsigned i, void *arg);
    void *arg;
    unsigned i;
    pthread_t id;
};

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    is_worker = true;
    t->work(t->w, t->i, t->arg);
    return NULL;
}

void in_threads(struct world *w, unsigned n, void (*work)(struct world *w, unsigned i, void *arg),
                void *arg)
{
    struct thread *threads = calloc(n, sizeof *threads);
    if (threads == NULL)
        FAIL("no memory for the test itself");
    for (unsigned i = 0; i < n; i++) {
        threads[i] = (struct thread){.w = w, .work = work, .arg = arg, .i = i};
        if (pthread_create(&threads[i].id, NULL, thread_main, &threads[i]) != 0)
            FAIL("the test could not start a thread of its own");
    }
    for (unsigned i = 0; i < n; i++)
        (void)pthread_join(threads[i].id, NULL);
    free(threads);
    if (__atomic_load_n(&w->record->outcome, __ATOMIC_SEQ_CST) != OUTCOME_NONE)
        end_test(w);
}

/* --- processes --- */

pid_t process_start(struct world *w, void (*step)(struct world *w, void *arg), void *arg,
                    bool with_store)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0)
        FAIL("the test could not fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG,
                SIGKILL); /* no step outlives its test; else the group's kill does */
    if (getppid() != parent)
        _exit(STEP_FAILED);
    w->is_step = true;
    if (with_store)
        world_open_store(w);
    step(w, arg);
    world_clear(w);
    _exit(STEP_DONE);
}

void process_wait(struct world *w, pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            FAIL("the test lost its process: %s", strerror(errno));
    if (__atomic_load_n(&w->record->outcome, __ATOMIC_SEQ_CST) != OUTCOME_NONE)
        end_test(w);
    if (WIFSIGNALED(status))
        FAIL("a process of the test was ended by signal %d (%s)", WTERMSIG(status),
             strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != STEP_DONE)
        FAIL("a process of the test was ended by exit(%d)", WEXITSTATUS(status));
}

void in_new_process(struct world *w, void (*step)(struct world *w, void *arg), void *arg)
{
    process_wait(w, process_start(w, step, arg, true));
}
