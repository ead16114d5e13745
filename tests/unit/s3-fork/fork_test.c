/* SPDX-License-Identifier: Apache-2.0 */
/* Children of processes that use stores (FORK-1 to FORK-5). */
#include "place.h"
#include "sanitized.h"

#include <check.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SMALL 30000
#define LARGE 12000000 /* three parts */

static struct regstore_store *store;

static void set_up(void)
{
    store = store_at(false);
}

static void tear_down(void)
{
    plugin_table()->store_close(store);
}

static bool use_it(void *ctx)
{
    const uint64_t *seed = ctx;
    return use(store, "child", *seed, SMALL);
}

START_TEST(child_of_a_used_store_uses_it_and_the_parent_goes_on)
{
    uint64_t seed = 2;
    ck_assert(use(store, "parent", 1, SMALL));
    ck_assert(went_well(child_that(use_it, &seed)));
    ck_assert(use(store, "parent", 3, SMALL));
}
END_TEST

START_TEST(child_of_an_unused_store_uses_it_and_the_parent_does_later)
{
    uint64_t seed = 2;
    ck_assert(went_well(child_that(use_it, &seed)));
    ck_assert(use(store, "parent", 3, SMALL));
}
END_TEST

static bool use_and_fork(void *ctx)
{
    uint64_t *seed = ctx;
    if (!use_it(seed))
        return false;
    return ++*seed == 6 || (went_well(child_that(use_and_fork, seed)) && use_it(seed));
}

START_TEST(children_of_children_use_it_too)
{
    uint64_t seed = 2;
    ck_assert(use(store, "parent", 1, SMALL));
    ck_assert(went_well(child_that(use_and_fork, &seed)));
    ck_assert(use(store, "parent", 9, SMALL));
}
END_TEST

/* Handles of the parent. */
struct handles {
    struct regstore_upload *upload, *idle;
    struct regstore_reader *reader;
    struct regstore_list *list;
};

#define EXPECT_STATE(verb)                                                                         \
    do {                                                                                           \
        const regstore_status status = (verb);                                                     \
        if (status != REGSTORE_STATE) {                                                            \
            (void)fprintf(stderr, #verb " gave %d\n", (int)status);                                \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

static bool try_handles(void *ctx)
{
    const struct handles *h = ctx;
    const struct regstore_plugin *p = plugin_table();
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    char text[REGSTORE_TOKEN_MAX] = "";
    uint64_t kept = 0;
    size_t got = 0;
    EXPECT_STATE(p->upload_write(h->upload, &call, "x", 1));
    EXPECT_STATE(p->upload_digest(h->upload, "sha256", text, sizeof text));
    EXPECT_STATE(p->upload_suspend(h->upload, &call, text, sizeof text, &kept));
    EXPECT_STATE(p->upload_commit(h->upload, &call, NULL, NULL));
    EXPECT_STATE(p->upload_abort(h->upload, &call));
    EXPECT_STATE(p->read_next(h->reader, &call, text, sizeof text, &got));
    EXPECT_STATE(p->list_next(h->list, &call, text, sizeof text, NULL));
    const bool has_offsets = p->upload_offset(h->upload) == LARGE && p->upload_offset(h->idle) == 5;
    if (!use(store, "child", 4, SMALL)) /* the store itself works, before and after */
        return false;
    p->list_close(h->list);
    p->upload_close(h->upload);
    p->read_close(h->reader);
    if (!use(store, "child", 5, SMALL))
        return false;
    p->store_close(store);
    p->upload_close(h->idle);
    return has_offsets;
}

static void write_all(struct regstore_upload *upload, uint64_t seed, size_t len)
{
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    uint8_t *bytes = malloc(len);
    ck_assert_ptr_nonnull(bytes);
    fill(bytes, len, seed, 0);
    ck_assert_int_eq(plugin_table()->upload_write(upload, &call, bytes, len), REGSTORE_OK);
    free(bytes);
}

START_TEST(handles_of_the_parent_are_state_in_the_child_and_stay_the_parents)
{
    const struct regstore_plugin *p = plugin_table();
    const struct regstore_upload_opts to = {
        .struct_size = sizeof to, .key = "handles/to", .flags = REGSTORE_UPLOAD_SHA256};
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct handles h;
    uint8_t first[10000], expected[10000];
    size_t got = 0;
    ck_assert(put(store, "handles/from", 1, LARGE));
    ck_assert_int_eq(p->upload_open(store, &call, &to, &h.upload), REGSTORE_OK);
    ck_assert_int_eq(p->upload_open(store, &call, &to, &h.idle), REGSTORE_OK);
    ck_assert_int_eq(p->read_open(store, &call, "handles/from", NULL, &h.reader, NULL),
                     REGSTORE_OK);
    ck_assert_int_eq(p->read_next(h.reader, &call, first, sizeof first, &got), REGSTORE_OK);
    ck_assert_int_eq(p->list_open(store, &call, NULL, &h.list), REGSTORE_OK);
    write_all(h.idle, 3, 5);
    write_all(h.upload, 2, LARGE); /* its parts are under way from here on */
    ck_assert(went_well(child_that(try_handles, &h)));
    ck_assert_int_eq(p->upload_commit(h.upload, &call, NULL, NULL), REGSTORE_OK);
    ck_assert(has_content(store, "handles/to", 2, LARGE));
    const size_t at = got;
    ck_assert_int_eq(p->read_next(h.reader, &call, first, sizeof first, &got), REGSTORE_OK);
    fill(expected, got, 1, at);
    ck_assert_mem_eq(first, expected, got);
    p->upload_close(h.upload);
    p->upload_close(h.idle);
    p->read_close(h.reader);
    p->list_close(h.list);
}
END_TEST

/* Threads that keep the store busy until they are told to stop. */
static atomic_bool is_over;
static atomic_uint failures, rounds;

static void *keep_busy(void *ctx)
{
    const uint64_t seed = *(const uint64_t *)ctx;
    const size_t len = seed % 2 == 0 ? SMALL : LARGE;
    while (!atomic_load(&is_over)) {
        if (!use(store, "busy", seed, len))
            atomic_fetch_add(&failures, 1);
        atomic_fetch_add(&rounds, 1);
    }
    return NULL;
}

static void *open_and_close(void *ctx)
{
    const struct regstore_plugin *p = plugin_table();
    (void)ctx;
    while (!atomic_load(&is_over)) {
        struct regstore_error error;
        const struct regstore_call call = call_of(&error);
        struct regstore_store *own = store_at(false);
        if (p->stat(own, &call, "nobody/has/this", NULL) != REGSTORE_NOT_FOUND)
            atomic_fetch_add(&failures, 1);
        p->store_close(own);
        atomic_fetch_add(&rounds, 1);
    }
    return NULL;
}

static void *fork_all_the_time(void *ctx)
{
    uint64_t seed = 1000 * *(const uint64_t *)ctx;
    for (unsigned i = how_many_forks(); i > 0; i--, seed++)
        if (!went_well(child_that(use_it, &seed)))
            atomic_fetch_add(&failures, 1);
    return NULL;
}

#define THREADS 3

/* Forks in two threads while others do something. */
static void fork_beside(void *(*others)(void *ctx))
{
    static uint64_t seeds[THREADS] = {1, 2, 4}, forkers[2] = {1, 2};
    pthread_t threads[THREADS], forking[2];
    ck_assert(use(store, "parent", 1, SMALL));
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, others, &seeds[i]), 0);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&forking[i], NULL, fork_all_the_time, &forkers[i]), 0);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(forking[i], NULL), 0);
    atomic_store(&is_over, true);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(atomic_load(&failures), 0);
    ck_assert_uint_gt(atomic_load(&rounds), THREADS); /* forks did not starve them */
}

START_TEST(children_made_amid_transfers_work_and_the_transfers_go_on)
{
    fork_beside(keep_busy);
}
END_TEST

START_TEST(children_made_while_stores_are_opened_and_closed_work)
{
    fork_beside(open_and_close);
}
END_TEST

/* A child that calls exit() while its threads and the plugin's are at work. */
static bool exit_amid_transfers(void *ctx)
{
    static uint64_t seeds[THREADS] = {1, 2, 4};
    const struct timespec pause = {.tv_nsec = *(const long *)ctx};
    pthread_t thread;
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, keep_busy, &seeds[i]) != 0)
            return false;
    (void)nanosleep(&pause, NULL); /* where it strikes is left to chance */
    exit(0);
}

START_TEST(exit_amid_transfers_ends_the_process_well)
{
    ck_assert(
        use(store, "parent", 1, SMALL)); /* a first call amid exit() comes too late for order */
    for (long ns = 1000000; ns < 100000000; ns += 1900000)
        ck_assert(went_well(child_that(exit_amid_transfers, &ns)));
}
END_TEST

static void close_late(void)
{
    plugin_table()->store_close(store);
}

static bool exit_with_a_store_that_is_closed_late(void *ctx)
{
    (void)ctx;
    if (atexit(close_late) != 0 || !use(store, "child", 2, SMALL))
        return false;
    exit(0); /* the plugin's handler comes first, since it was registered at the first call */
}

START_TEST(store_that_is_closed_while_the_process_ends_waits_for_nobody)
{
    ck_assert(went_well(child_that(exit_with_a_store_that_is_closed_late, NULL)));
}
END_TEST

/* The inodes of this process's sockets; how many. */
static size_t list_sockets(ino_t *out, size_t cap)
{
    size_t n = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct stat stat;
        if (fstat(fd, &stat) == 0 && S_ISSOCK(stat.st_mode) && n < cap) {
            struct sockaddr_storage peer;
            socklen_t len = sizeof peer;
            if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.ss_family == AF_INET)
                out[n++] = stat.st_ino;
        }
    }
    return n;
}

struct sockets {
    ino_t inodes[64];
    size_t n;
};

static bool use_and_look_for_sockets(void *ctx)
{
    const struct sockets *parents = ctx;
    ino_t mine[64];
    if (!use(store, "child", 2, SMALL))
        return false;
    const size_t n = list_sockets(mine, 64);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < parents->n; k++)
            if (mine[i] == parents->inodes[k])
                return false;
    return n != 0;
}

START_TEST(child_closes_its_copies_of_connections_and_the_parent_keeps_its_own)
{
    struct sockets before, after;
    ck_assert(use(store, "parent", 1, SMALL));
    before.n = list_sockets(before.inodes, 64);
    ck_assert_uint_gt(before.n, 0);
    ck_assert(went_well(child_that(use_and_look_for_sockets, &before)));
    ck_assert(use(store, "parent", 3, SMALL));
    after.n = list_sockets(after.inodes, 64);
    ck_assert_uint_eq(after.n, before.n);
    ck_assert_mem_eq(after.inodes, before.inodes, before.n * sizeof before.inodes[0]);
}
END_TEST

/* As a daemon does. */
static bool close_all_and_use(void *ctx)
{
    (void)ctx;
    for (int fd = 3; fd < 256; fd++)
        (void)close(fd);
    for (int fd = 3; fd < 64; fd++)
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) != fd)
            return false;
    if (!use(store, "child", 2, SMALL))
        return false;
    for (int fd = 3; fd < 64; fd++) {
        struct stat stat;
        if (fstat(fd, &stat) != 0 || !S_ISCHR(stat.st_mode)) /* a socket of ours may be there */
            return false;
    }
    return true;
}

START_TEST(files_that_a_child_opened_under_the_old_numbers_stay_open)
{
    ck_assert(use(store, "parent", 1, SMALL));
    ck_assert(went_well(child_that(close_all_and_use, NULL)));
}
END_TEST

/* What the engine's threads are in at the moment of the fork: futex, poll, running. */
static bool stand_in_futex(const char *task)
{
    char path[300], line[64] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", task);
    FILE *comm = fopen(path, "re");
    const bool is_ours = comm != NULL && fgets(line, sizeof line, comm) != NULL &&
                         strcmp(line, "regstore-http\n") == 0;
    if (comm != NULL)
        fclose(comm);
    if (!is_ours)
        return true;
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/syscall", task);
    FILE *syscall_file = fopen(path, "re");
    const bool ok = syscall_file != NULL && fgets(line, sizeof line, syscall_file) != NULL &&
                    strtol(line, NULL, 10) == SYS_futex;
    if (syscall_file != NULL)
        fclose(syscall_file);
    return ok;
}

static bool all_stand(void)
{
    bool ok = true;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;)
        ok = (task->d_name[0] == '.' || stand_in_futex(task->d_name)) && ok;
    if (tasks != NULL)
        closedir(tasks);
    return ok;
}

static atomic_bool looks, has_stood;
static atomic_uint looking_up;
static unsigned lookups_at_fork;

/* Registered before the plugin's, so called after it: on the very brink of the fork. */
static void look_around(void)
{
    lookups_at_fork = atomic_load(&looking_up);
    if (!atomic_load(&looks))
        return;
    const int64_t until_ns = now_ns() + 1000000000;
    bool ok = false;
    while (!ok && now_ns() < until_ns) /* on its way there it has let go of everything else */
        ok = all_stand();
    atomic_store(&has_stood, ok);
}

static bool do_nothing(void *ctx)
{
    (void)ctx;
    return true;
}

START_TEST(threads_of_the_plugin_stand_still_at_the_fork)
{
    ck_assert(use(store, "parent", 1, SMALL));
    atomic_store(&looks, true);
    ck_assert(went_well(child_that(do_nothing, NULL)));
    ck_assert(atomic_load(&has_stood));
}
END_TEST

START_TEST(fork_beside_an_idle_store_costs_little)
{
    const unsigned n = 200;
    ck_assert(use(store, "parent", 1, SMALL));
    int64_t worst_ns = 0, all_ns = 0;
    for (unsigned i = 0; i < n; i++) {
        const int64_t began_ns = now_ns();
        const pid_t child = child_that(do_nothing, NULL);
        const int64_t took_ns = now_ns() - began_ns;
        all_ns += took_ns;
        worst_ns = took_ns > worst_ns ? took_ns : worst_ns;
        ck_assert(went_well(child));
    }
    (void)fprintf(stderr, "# fork: %lld us on average, %lld us at worst\n",
                  (long long)all_ns / n / 1000, (long long)worst_ns / 1000);
    ck_assert_int_lt(all_ns / n, 250000000); /* a missed wake-up costs five seconds */
}
END_TEST

/* In place of the C library's: takes as long as it is told, and knows the server's name. */
static atomic_int lookup_ms;

__attribute__((visibility("default"))) int getaddrinfo(const char *restrict node,
                                                       const char *restrict service,
                                                       const struct addrinfo *restrict hints,
                                                       struct addrinfo **restrict result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    const int ms = atomic_load(&lookup_ms);
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    atomic_fetch_add(&looking_up, 1);
    (void)nanosleep(&pause, NULL);
    const char *known = strcmp(node, PLACE_NAME) == 0 ? "127.0.0.1" : node;
    const int status = real(known, service, hints, result);
    atomic_fetch_sub(&looking_up, 1);
    return status;
}

static void *use_by_name(void *ctx)
{
    if (!use(ctx, "named", 1, SMALL))
        atomic_fetch_add(&failures, 1);
    return NULL;
}

/* How long a fork takes that comes in the middle of a lookup of that length. */
static int64_t fork_amid_lookup_ms(int length_ms)
{
    struct regstore_store *named = store_at(true);
    pthread_t thread;
    atomic_store(&lookup_ms, length_ms);
    ck_assert_int_eq(pthread_create(&thread, NULL, use_by_name, named), 0);
    const int64_t until_ns = now_ns() + 10000000000;
    while (atomic_load(&looking_up) == 0)
        ck_assert_int_lt(now_ns(), until_ns);
    const int64_t began_ns = now_ns();
    const pid_t child = child_that(do_nothing, NULL);
    const int64_t took_ms = (now_ns() - began_ns) / 1000000;
    ck_assert(went_well(child));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(atomic_load(&failures), 0);
    plugin_table()->store_close(named);
    return took_ms;
}

START_TEST(fork_waits_for_a_lookup)
{
    (void)fork_amid_lookup_ms(60);
    ck_assert_uint_eq(lookups_at_fork, 0);
}
END_TEST

START_TEST(fork_does_not_wait_for_a_name_server_that_is_dead)
{
    ck_assert_int_lt(fork_amid_lookup_ms(3000), 1000);
    ck_assert_uint_eq(lookups_at_fork, 1);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 5 * CHILD_LIFE_S);
    tcase_add_unchecked_fixture(tcase, server_up, server_down);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static Suite *fork_suite(void)
{
    Suite *suite = suite_create("s3-fork");
    TCase *tcase = new_case(suite, "one child");
    tcase_add_test(tcase, child_of_a_used_store_uses_it_and_the_parent_goes_on);
    tcase_add_test(tcase, child_of_an_unused_store_uses_it_and_the_parent_does_later);
    tcase_add_test(tcase, children_of_children_use_it_too);
    tcase_add_test(tcase, handles_of_the_parent_are_state_in_the_child_and_stay_the_parents);
    tcase_add_test(tcase, child_closes_its_copies_of_connections_and_the_parent_keeps_its_own);
    tcase_add_test(tcase, files_that_a_child_opened_under_the_old_numbers_stay_open);
    if (!IS_ADDRESS_SANITIZED) /* it would call what is given up there a leak */
        tcase_add_test(tcase, store_that_is_closed_while_the_process_ends_waits_for_nobody);
    tcase_add_test(tcase, threads_of_the_plugin_stand_still_at_the_fork);
    tcase_add_test(tcase, fork_beside_an_idle_store_costs_little);
    tcase_add_test(tcase, fork_waits_for_a_lookup);
    tcase_add_test(tcase, fork_does_not_wait_for_a_name_server_that_is_dead);

    /* AddressSanitizer's allocator does not park itself at a fork: a child that inherits a lock of
     * it from another thread hangs in its first calloc. */
    if (IS_ADDRESS_SANITIZED)
        return suite;
    tcase = new_case(suite, "many children");
    tcase_add_test(tcase, children_made_amid_transfers_work_and_the_transfers_go_on);
    tcase_add_test(tcase, children_made_while_stores_are_opened_and_closed_work);
    tcase_add_test(tcase, exit_amid_transfers_ends_the_process_well);
    return suite;
}

int main(void)
{
    (void)pthread_atfork(look_around, NULL, NULL);
    SRunner *runner = srunner_create(fork_suite());
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
