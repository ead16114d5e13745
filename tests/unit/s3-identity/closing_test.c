/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on a file system that hangs, programs that do not end: neither holds up a close, a cancel
 * or a fork.  A FIFO that nobody writes to stands in for the file: open(2) of it does not return
 * until the test lets it.
 */
#include "suites.h"

#include "place.h"
#include "slow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/var/tmp/closing-XXXXXX";
static char pipe_path[64], file_path[64];
static atomic_uint begun, returned; /* opens of the FIFO */

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

/* open() with offsets of 64 bits, which meson asks for.  O_NONBLOCK is what keeps the plugin from
 * waiting at a FIFO, and is nothing to a server of files that is away. */
int __wrap_open64(const char *path, int flags, ...)
{
    if (pipe_path[0] == '\0' || strcmp(path, pipe_path) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
        va_end(arguments);
        return __real_open64(path, flags, mode);
    }
    atomic_fetch_add(&begun, 1);
    const int fd = __real_open64(path, flags & ~O_NONBLOCK);
    const int saved = errno;
    atomic_fetch_add(&returned, 1);
    errno = saved;
    return fd;
}

static void moment(void)
{
    (void)poll(NULL, 0, 5);
}

static void write_file(const char *path, const char *text)
{
    const int fd = __real_open64(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void *do_nothing(void *ctx)
{
    return ctx;
}

static void set_up(void)
{
    pthread_t first; /* a sanitizer starts a thread of its own beside it */
    ck_assert_int_eq(pthread_create(&first, NULL, do_nothing, NULL), 0);
    ck_assert_int_eq(pthread_join(first, NULL), 0);
    server_up();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(file_path, sizeof file_path, "%s/file", folder);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/pipe", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    memcpy(pipe_path, path, sizeof path);
}

static void tear_down(void)
{
    (void)unlink(pipe_path);
    (void)unlink(file_path);
    (void)rmdir(folder);
    server_down();
}

static unsigned threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned n = 0;
    ck_assert_ptr_nonnull(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        n += entry->d_name[0] != '.';
    (void)closedir(tasks);
    return n;
}

/* The server of files is back: whoever is in open(2) gets a FIFO, which no file may be. */
static void let_go(void)
{
    while (atomic_load(&returned) != atomic_load(&begun)) {
        const int fd = __real_open64(pipe_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        moment();
        if (fd >= 0)
            (void)close(fd);
    }
}

static void let_go_and_wait_for_the_end(unsigned threads_before)
{
    let_go();
    while (threads() != threads_before)
        moment();
}

static atomic_uint told;

static void count_log(void *ctx, int32_t level, const char *event,
                      const struct regstore_pair *fields, size_t n)
{
    (void)ctx;
    (void)level;
    (void)event;
    (void)fields;
    (void)n;
    atomic_fetch_add(&told, 1);
}

static void count_metric(void *ctx, int32_t kind, const char *name, double value,
                         const struct regstore_pair *labels, size_t n)
{
    (void)value;
    count_log(ctx, kind, name, labels, n);
}

static const struct regstore_host host = {
    .struct_size = sizeof host, .log = count_log, .metric = count_metric};

/* A call under way, which only its cancel ends. */
struct caller {
    struct regstore_store *store;
    int32_t cancel;
    pthread_t thread;
    regstore_status status;
};

static void *look(void *ctx)
{
    struct caller *c = ctx;
    struct regstore_error error = {.struct_size = sizeof error};
    const struct regstore_call call = {
        .struct_size = sizeof call, .cancel = &c->cancel, .error = &error};
    c->status = plugin_table()->stat(c->store, &call, "no/such/key", NULL);
    return NULL;
}

static void call_begins(struct caller *c, const struct regstore_pair *more, size_t n)
{
    struct regstore_pair pairs[16] = {
        {"storage_path", "/closing"},
        {"s3_bucket", "quay"},
        {"endpoint_url", server_url()},
        {"sts_endpoint_url", server_url()},
        {"sts_role_arn", "arn:aws:iam::123492922789:role/example-role"}};
    struct regstore_error error = {.struct_size = sizeof error};
    const struct regstore_call call = {.struct_size = sizeof call, .error = &error};
    for (size_t i = 0; i < n; i++)
        pairs[5 + i] = more[i];
    *c = (struct caller){.status = REGSTORE_INTERNAL};
    ck_assert_msg(plugin_table()->store_open(&call, &host, pairs, 5 + n, &c->store) == REGSTORE_OK,
                  "%s", error.message);
    ck_assert_int_eq(pthread_create(&c->thread, NULL, look, c), 0);
}

static void call_is_cancelled(struct caller *c)
{
    __atomic_store_n(&c->cancel, 1, __ATOMIC_SEQ_CST);
    ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
    ck_assert_int_eq(c->status, REGSTORE_CANCELLED);
}

/* Every road to a file of somebody's: the setting or the variable that names it, and what else it
 * takes to come there. */
static const struct {
    const char *setting, *variable;
    struct regstore_pair more, environment;
} roads[] = {
    {"sts_web_identity_token_file", NULL, {NULL, NULL}, {NULL, NULL}},
    {"sts_user_secret_key_file",
     NULL,
     {"sts_user_access_key", "AKIAQUAYUSER00000001"},
     {NULL, NULL}},
    {"sts_user_access_key_file", NULL, {"sts_user_secret_key", "secret"}, {NULL, NULL}},
    {NULL, "AWS_CONFIG_FILE", {NULL, NULL}, {NULL, NULL}},
    {NULL, "AWS_SHARED_CREDENTIALS_FILE", {NULL, NULL}, {NULL, NULL}},
    {NULL,
     "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
     {NULL, NULL},
     {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/"}},
};

static void take_road(int i, struct caller *c)
{
    struct regstore_pair more[2];
    size_t n = 0;
    if (roads[i].setting != NULL)
        more[n++] = (struct regstore_pair){roads[i].setting, pipe_path};
    else
        (void)setenv(roads[i].variable, pipe_path, 1);
    if (roads[i].more.key != NULL)
        more[n++] = roads[i].more;
    if (roads[i].environment.key != NULL)
        (void)setenv(roads[i].environment.key, roads[i].environment.value, 1);
    call_begins(c, more, n);
    while (atomic_load(&begun) == 0)
        moment();
}

START_TEST(file_that_hangs_holds_up_neither_cancel_nor_close)
{
    struct caller c;
    const unsigned threads_before = threads();
    take_road(_i, &c);
    call_is_cancelled(&c);
    plugin_table()->store_close(c.store);
    ck_assert_uint_eq(atomic_load(&returned), 0); /* it hangs still: nobody waited for it */
    const unsigned told_before = atomic_load(&told);
    let_go_and_wait_for_the_end(threads_before);
    ck_assert_uint_eq(atomic_load(&told), told_before); /* CB-2 */
}
END_TEST

static bool use_another(void *ctx)
{
    return use(ctx, "another", 1, 1000);
}

/* The child has another store, used before, and none of the parent's threads. */
START_TEST(file_that_hangs_holds_up_no_fork)
{
    struct caller c;
    struct regstore_store *another = store_at(false);
    ck_assert(use(another, "another", 0, 1000));
    const unsigned threads_before = threads();
    take_road(0, &c);
    ck_assert(went_well(child_that(use_another, another)));
    call_is_cancelled(&c);
    plugin_table()->store_close(c.store);
    ck_assert(went_well(child_that(use_another, another)));
    ck_assert_uint_eq(atomic_load(&returned), 0);
    let_go_and_wait_for_the_end(threads_before);
    plugin_table()->store_close(another);
}
END_TEST

static regstore_status read_slowly(struct stss3_asides *asides, const char *path, uint64_t limit_ms,
                                   struct plug_error *error)
{
    const struct stss3_slow_file file = {
        .what = "test", .path = path, .max = 100, .limit_ms = limit_ms};
    struct plug_buf text = {0};
    *error = (struct plug_error){0};
    const regstore_status status = stss3_slow_file_read(asides, &file, &text, NULL, error);
    ck_assert_int_eq(status, error->status);
    if (status == REGSTORE_OK)
        ck_assert_str_eq(plug_buf_text(&text), "text");
    plug_buf_wipe(&text);
    return status;
}

START_TEST(file_that_hangs_is_given_up_and_so_are_those_after_it)
{
    struct stss3_asides *asides = stss3_asides_new();
    struct plug_error error;
    const unsigned threads_before = threads();
    write_file(file_path, "text");
    ck_assert_int_eq(read_slowly(asides, file_path, 60000, &error), REGSTORE_OK);
    for (unsigned i = 0; i < STSS3_ASIDES_LEFT_MAX; i++) {
        ck_assert_int_eq(read_slowly(asides, pipe_path, 1, &error), REGSTORE_UNAVAILABLE);
        ck_assert_uint_eq(error.retryable, 1);
        ck_assert_msg(strstr(error.message, "still under way after 1 ms") != NULL, "%s",
                      error.message);
    }
    ck_assert_int_eq(read_slowly(asides, file_path, 60000, &error), REGSTORE_UNAVAILABLE);
    ck_assert_msg(strstr(error.message, "not tried") != NULL, "%s", error.message);
    ck_assert_uint_eq(atomic_load(&begun), STSS3_ASIDES_LEFT_MAX);
    let_go_and_wait_for_the_end(threads_before);
    ck_assert_int_eq(read_slowly(asides, file_path, 60000, &error), REGSTORE_OK);
    stss3_asides_stop(asides);
    ck_assert_int_eq(read_slowly(asides, file_path, 60000, &error), REGSTORE_CANCELLED);
    stss3_asides_unref(asides);
}
END_TEST

static pid_t number_in(const char *path)
{
    char text[32] = "";
    const int fd = __real_open64(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    return n > 0 && strchr(text, '\n') != NULL ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* It is killed with the child that it waits for, whose number it writes, and it is reaped. */
START_TEST(program_that_does_not_end_is_killed_by_the_close)
{
    char profile[64], text[256];
    struct caller c;
    struct sigaction before, after;
    const unsigned threads_before = threads();
    ck_assert_int_eq(sigaction(SIGCHLD, NULL, &before), 0);
    (void)snprintf(profile, sizeof profile, "%s/profile", folder);
    (void)snprintf(text, sizeof text,
                   "[default]\ncredential_process = sh -c 'trap \"\" TERM HUP INT; sleep 1000 & "
                   "echo $! >%s; wait; exec sleep 1000'\n",
                   file_path);
    write_file(profile, text);
    (void)setenv("AWS_CONFIG_FILE", profile, 1);
    call_begins(&c, NULL, 0);
    pid_t grandchild;
    while ((grandchild = number_in(file_path)) == 0)
        moment();
    call_is_cancelled(&c);
    plugin_table()->store_close(c.store);
    while (kill(grandchild, 0) == 0) /* init reaps it; a test that hangs here has failed */
        moment();
    while (threads() != threads_before)
        moment();
    ck_assert_int_eq(sigaction(SIGCHLD, NULL, &after), 0);
    ck_assert_ptr_eq(after.sa_handler, before.sa_handler);
    server_down(); /* our only other child */
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    (void)unlink(profile);
}
END_TEST

Suite *closing_suite(void)
{
    Suite *suite = suite_create("closing");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, file_that_hangs_holds_up_neither_cancel_nor_close, 0,
                        (int)COUNT(roads));
    tcase_add_test(tcase, file_that_hangs_holds_up_no_fork);
    tcase_add_test(tcase, file_that_hangs_is_given_up_and_so_are_those_after_it);
    suite_add_tcase(suite, tcase);
    /* Below what a program may take at all, after which it is killed in any case. */
    TCase *programs = tcase_create("programs");
    tcase_set_timeout(programs, 45);
    tcase_add_checked_fixture(programs, set_up, tear_down);
    tcase_add_test(programs, program_that_does_not_end_is_killed_by_the_close);
    suite_add_tcase(suite, programs);
    return suite;
}
