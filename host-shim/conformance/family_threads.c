/* SPDX-License-Identifier: Apache-2.0 */
/* THR-1 to THR-4, CB-2. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "blob.h"

enum { WORKERS = 8, ROUNDS = 12, UPLOADS = 200 };

static unsigned count_listed(struct world *w, const char *prefix)
{
    CALL(c);
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX];
    unsigned n = 0;
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix};
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    for (;;) {
        EXPECT_OK(&c, w->p->list_next(list, &c.in, key, sizeof key, NULL));
        if (key[0] == '\0')
            break;
        n++;
    }
    w->p->list_close(list);
    return n;
}

/* Each works under a folder of its own, all in one store. */
static void work(struct world *w, unsigned i, void *arg)
{
    const struct key folder = key_of(w, "worker%u/", i);
    (void)arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const struct key key = key_of(w, "worker%u/%u", i, round);
        const uint64_t size = round % 4 == 3 ? 5 * MIB + i : 100 * i + round;
        const struct content content = content_of(test_seed(w, i * 1000 + round), size);
        blob_put(w, key.s, &content);
        blob_must_be(w, key.s, &content);
        CLAIM(count_listed(w, folder.s) == round % 3 + 1, "worker %u, round %u: a list of %u", i,
              round, count_listed(w, folder.s));
        for (unsigned old = round - round % 3; round % 3 == 2 && old <= round; old++) {
            const struct key gone = key_of(w, "worker%u/%u", i, old);
            blob_delete(w, gone.s);
        }
    }
}

static void many_threads_share_a_store(struct world *w)
{
    in_threads(w, WORKERS, work, NULL);
}

/* All write the same key: it has always one of their blobs, whole. */
static void fight(struct world *w, unsigned i, void *arg)
{
    const struct key *key = arg;
    for (unsigned round = 0; round < 5; round++) {
        const struct content content = content_of(test_seed(w, i), 1000 + i);
        blob_put(w, key->s, &content);
    }
}

static void last_of_many_writers_of_a_key_wins_whole(struct world *w)
{
    const struct key key = key_of(w, "blob");
    unsigned matches = 0;
    in_threads(w, WORKERS, fight, (void *)(uintptr_t)&key);
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct content content = content_of(test_seed(w, i), 1000 + i);
        matches += blob_is(w, key.s, &content);
    }
    CLAIM(matches == 1, "the blob is that of %u writers", matches);
}

struct relay {
    struct regstore_upload *upload;
    struct regstore_reader *reader;
    struct content content;
    struct key key;
    unsigned step;
};

static void take_a_step(struct world *w, unsigned i, void *arg)
{
    struct relay *r = arg;
    (void)i;
    if (r->step == 0)
        r->upload = upload_new(w, NULL);
    else if (r->step < 5)
        upload_fill(w, r->upload, &r->content, r->content.length * r->step / 4);
    else if (r->step == 5)
        upload_finish(w, r->upload, r->key.s);
    else if (r->step == 6)
        upload_end(w, r->upload);
    else if (r->step == 7)
        r->reader = reader_new(w, r->key.s, 0, 0);
    else
        reader_must_give(w, r->reader, &r->content, 0, r->content.length, 10000);
}

static void handle_may_move_from_thread_to_thread(struct world *w)
{
    struct relay r = {.key = key_of(w, "blob"), .content = content_of(test_seed(w, 1), 12 * MIB)};
    for (r.step = 0; r.step < 9; r.step++)
        in_threads(w, 1, take_a_step, &r); /* a new thread each time */
    w->p->read_close(r.reader);
}

static void one_thread_interleaves_many_uploads(struct world *w)
{
    struct regstore_upload **u = calloc(UPLOADS, sizeof *u);
    struct content content[UPLOADS];
    CLAIM(u != NULL, "no memory for the test itself");
    for (unsigned i = 0; i < UPLOADS; i++) {
        content[i] = content_of(test_seed(w, i), 400 * KIB + i);
        u[i] = upload_new(w, NULL);
    }
    for (unsigned part = 1; part <= 4; part++)
        for (unsigned i = 0; i < UPLOADS; i++)
            upload_fill(w, u[i], &content[i], content[i].length * part / 4);
    for (unsigned i = 0; i < UPLOADS; i++) {
        const struct key key = key_of(w, "blob%u", i);
        upload_finish(w, u[i], key.s);
        upload_end(w, u[i]);
    }
    for (unsigned i = 0; i < UPLOADS; i += 17) {
        const struct key key = key_of(w, "blob%u", i);
        blob_must_be(w, key.s, &content[i]);
    }
    free(u);
}

/* More bytes than a plugin's memory, in uploads that each hold less than a part. */
static void one_thread_interleaves_uploads_beyond_memory(struct world *w)
{
    enum { LARGE = 40 };
    struct regstore_upload *u[LARGE];
    struct content content[LARGE];
    CALL(c);
    for (unsigned i = 0; i < LARGE; i++) {
        content[i] = content_of(test_seed(w, i), 4 * MIB + i);
        u[i] = upload_new(w, NULL);
    }
    for (unsigned part = 1; part <= 2; part++)
        for (unsigned i = 0; i < LARGE; i++)
            upload_fill(w, u[i], &content[i], content[i].length * part / 2);
    for (unsigned i = 0; i < LARGE; i++) {
        const struct key key = key_of(w, "blob%u", i);
        if (i % 8 == 0) {
            upload_finish(w, u[i], key.s);
            blob_must_be(w, key.s, &content[i]);
        } else {
            EXPECT_OK(&c, w->p->upload_abort(u[i], &c.in));
        }
        upload_end(w, u[i]);
    }
}

/* --- closing --- */

struct handles {
    struct regstore_upload *upload;
    struct regstore_reader *reader;
    struct regstore_list *list;
};

static void open_all(struct world *w, struct handles *h, const struct content *content,
                     const struct key *key)
{
    CALL(c);
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = key->s};
    world_open_store(w);
    blob_put(w, key->s, content);
    h->upload = upload_new(w, NULL);
    upload_fill(w, h->upload, content, content->length / 2);
    h->reader = reader_new(w, key->s, 0, 0);
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &h->list));
}

static void close_one(struct world *w, struct handles *h, unsigned which)
{
    CALL(c);
    switch (which) {
    case 0:
        w->p->store_close(w->store);
        w->store = NULL;
        break;
    case 1:
        EXPECT_OK(&c, w->p->upload_abort(h->upload, &c.in));
        upload_end(w, h->upload);
        break;
    case 2:
        w->p->read_close(h->reader);
        break;
    default:
        w->p->list_close(h->list);
    }
}

static void store_and_handles_close_in_any_order(struct world *w)
{
    static const unsigned orders[][4] = {{0, 1, 2, 3}, {1, 0, 2, 3}, {1, 2, 0, 3},
                                         {3, 2, 1, 0}, {2, 0, 3, 1}, {0, 3, 2, 1}};
    const struct content content = content_of(test_seed(w, 1), 6 * MIB);
    const struct key key = key_of(w, "blob");
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct handles h;
        open_all(w, &h, &content, &key);
        for (unsigned j = 0; j < 4; j++)
            close_one(w, &h, orders[i][j]);
    }
}

static void handle_works_after_store_close(struct world *w)
{
    CALL(c);
    struct handles h;
    char seen[REGSTORE_KEY_MAX];
    const struct content content = content_of(test_seed(w, 1), 12 * MIB);
    const struct key key = key_of(w, "blob"), target = key_of(w, "target");
    open_all(w, &h, &content, &key);
    w->p->store_close(w->store);
    w->store = NULL;
    upload_fill(w, h.upload, &content, content.length);
    upload_finish(w, h.upload, target.s);
    upload_end(w, h.upload);
    reader_must_give(w, h.reader, &content, 0, content.length, 100000);
    w->p->read_close(h.reader);
    EXPECT_OK(&c, w->p->list_next(h.list, &c.in, seen, sizeof seen, NULL));
    CLAIM(strcmp(seen, key.s) == 0, "the list shows \"%s\"", seen);
    w->p->list_close(h.list);
    world_open_store(w);
    blob_must_be(w, target.s, &content);
}

static int32_t is_closed; /* CB-2: what the callbacks look at */

static void log_after_close(void *ctx, int32_t level, const char *event,
                            const struct regstore_pair *fields, size_t n)
{
    unsigned *late = ctx;
    (void)level;
    (void)event;
    (void)fields;
    (void)n;
    if (__atomic_load_n(&is_closed, __ATOMIC_SEQ_CST))
        __atomic_fetch_add(late, 1, __ATOMIC_SEQ_CST);
}

static void metric_after_close(void *ctx, int32_t kind, const char *name, double value,
                               const struct regstore_pair *labels, size_t n)
{
    (void)kind;
    (void)value;
    log_after_close(ctx, 0, name, labels, n);
}

static int64_t clock_after_close(void *ctx, int32_t which)
{
    struct timespec now;
    (void)which;
    log_after_close(ctx, 0, NULL, NULL, 0);
    (void)clock_gettime(CLOCK_REALTIME, &now); /* it exists on every Linux */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void no_callback_comes_after_the_last_close(struct world *w)
{
    unsigned late = 0;
    CALL(c);
    const struct regstore_host host = {.struct_size = sizeof host,
                                       .ctx = &late,
                                       .log = log_after_close,
                                       .metric = metric_after_close,
                                       .clock_ns = clock_after_close};
    const struct content content = content_of(test_seed(w, 1), 21 * MIB);
    const struct timespec while_ = {.tv_nsec = 300 * 1000 * 1000};
    __atomic_store_n(&is_closed, 0, __ATOMIC_SEQ_CST);
    EXPECT_OK(&c, w->p->store_open(&c.in, &host, w->backend->settings, w->backend->n, &w->store));
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, content.length);
    char token[REGSTORE_TOKEN_MAX];
    upload_park(w, u, token);
    world_clear(w);
    __atomic_store_n(&is_closed, 1, __ATOMIC_SEQ_CST);
    (void)nanosleep(&while_, NULL); /* there is nothing to wait for: nothing must happen */
    const unsigned seen = __atomic_load_n(&late, __ATOMIC_SEQ_CST);
    CLAIM(seen == 0, "%u callbacks after the last close", seen);
    world_open_store(w);
    u = upload_resume(w, token);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

/* --- the plugin's own threads --- */

/* The mask of blocked signals of a thread, bit 0 for signal 1. */
static bool blocked_signals(const char *thread, uint64_t *mask)
{
    char path[300], line[256];
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "SigBlk:", 7) == 0) {
            *mask = strtoull(line + 7, NULL, 16);
            found = true;
        }
    }
    if (file != NULL)
        (void)fclose(file); /* nothing was written */
    return found;
}

enum { THREADS = 256 };

/* The ids of this process's threads; returns how many. */
static size_t note_threads(struct world *w, char ids[THREADS][32])
{
    size_t n = 0;
    DIR *tasks = opendir("/proc/self/task");
    CLAIM(tasks != NULL, "/proc/self/task cannot be read");
    for (const struct dirent *e = readdir(tasks); e != NULL && n < THREADS; e = readdir(tasks))
        if (e->d_name[0] != '.')
            (void)snprintf(ids[n++], 32, "%.31s", e->d_name); /* an id has few digits */
    (void)closedir(tasks);                                    /* nothing was written */
    return n;
}

static bool is_among(const char *id, char ids[THREADS][32], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(id, ids[i]) == 0)
            return true;
    return false;
}

static void plugin_threads_block_all_signals(struct world *w)
{
    static char before[THREADS][32], now[THREADS][32];
    const struct content content = content_of(test_seed(w, 1), 12 * MIB);
    const struct key key = key_of(w, "blob");
    /* All but KILL, STOP and what the C library keeps for itself (32 to 34); the thread sanitizer
     * keeps SYS open in every thread. */
    const uint64_t due = ~(UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1) |
                           UINT64_C(7) << 31 | (uint64_t)IS_SANITIZED << (SIGSYS - 1));
    unsigned looked_at = 0;
    const size_t n_before = note_threads(w, before); /* a sanitizer has one, too */
    world_open_store(w);
    blob_put(w, key.s, &content);
    blob_must_be(w, key.s, &content);
    const size_t n = note_threads(w, now);
    for (size_t i = 0; i < n; i++) {
        uint64_t mask = 0;
        if (is_among(now[i], before, n_before) || !blocked_signals(now[i], &mask))
            continue;
        looked_at++;
        CLAIM((mask & due) == due, "a thread of the plugin lets the signals 0x%016llx through",
              (unsigned long long)(due & ~mask));
    }
    if (looked_at == 0)
        SKIP("the plugin has no threads of its own");
}

static void *small_life(void *arg)
{
    struct world *w = arg;
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 6 * MIB);
    struct regstore_upload *u = upload_new(w, NULL);
    char token[REGSTORE_TOKEN_MAX];
    upload_fill(w, u, &content, content.length / 2);
    upload_park(w, u, token);
    u = upload_resume(w, token);
    upload_fill(w, u, &content, content.length);
    upload_finish(w, u, key.s);
    upload_end(w, u);
    struct regstore_reader *r = reader_new(w, key.s, 0, 0);
    reader_must_give(w, r, &content, 0, content.length, 100000);
    w->p->read_close(r);
    (void)count_listed(w, w->prefix);
    blob_delete(w, key.s);
    return NULL;
}

/* 64 KiB for the call, the rest for this suite's own frames and the C library's thread data. */
static void calls_need_no_more_than_64_kib_of_stack(struct world *w)
{
    static const size_t ours = 64 * 1024;
    pthread_attr_t attr;
    pthread_t thread;
    if (IS_SANITIZED)
        SKIP("sanitizers make stack frames larger");
    CLAIM(pthread_attr_init(&attr) == 0 &&
              pthread_attr_setstacksize(&attr, 64 * 1024 + ours) == 0 &&
              pthread_create(&thread, &attr, small_life, w) == 0,
          "the test could not start a thread of its own");
    (void)pthread_join(thread, NULL);
    (void)pthread_attr_destroy(&attr);
}

static const struct test threads_tests[] = {
    {"THR-1", "many_threads_share_a_store", many_threads_share_a_store, 0},
    {"THR-1 UP-4", "last_of_many_writers_of_a_key_wins_whole",
     last_of_many_writers_of_a_key_wins_whole, 0},
    {"THR-1", "handle_may_move_from_thread_to_thread", handle_may_move_from_thread_to_thread, 0},
    {"THR-4", "one_thread_interleaves_many_uploads", one_thread_interleaves_many_uploads, 0},
    {"THR-4", "one_thread_interleaves_uploads_beyond_memory",
     one_thread_interleaves_uploads_beyond_memory, 0},
    {"THR-2", "store_and_handles_close_in_any_order", store_and_handles_close_in_any_order,
     NEEDS_NO_STORE},
    {"THR-2", "handle_works_after_store_close", handle_works_after_store_close, NEEDS_NO_STORE},
    {"CB-2", "no_callback_comes_after_the_last_close", no_callback_comes_after_the_last_close,
     NEEDS_NO_STORE},
    {"THR-3", "plugin_threads_block_all_signals", plugin_threads_block_all_signals, NEEDS_NO_STORE},
    {"THR-3", "calls_need_no_more_than_64_kib_of_stack", calls_need_no_more_than_64_kib_of_stack,
     0},
};

const struct family family_threads = FAMILY(threads);
