/* SPDX-License-Identifier: Apache-2.0 */
/* FORK-1 to FORK-3; FORK-4 and FORK-5 by what a child can see of them. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "verbs.h"

enum { CHILDREN = 8, FORKS = 100, TRANSFERS = 3, HANG_MS = 20000, AT_ONCE_MS = 1000 };

/* Every kind of work on the world's store, under a name of its own. */
static void live(struct world *w, const char *name, uint64_t length)
{
    char token[REGSTORE_TOKEN_MAX];
    const struct key key = key_of(w, "%s", name);
    const struct content content = content_of(test_seed(w, length + strlen(name)), length);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, length / 2);
    upload_park(w, u, token);
    u = upload_resume(w, token);
    upload_fill(w, u, &content, length);
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
    blob_delete(w, key.s);
}

static void live_in_child(struct world *w, void *arg)
{
    unsigned *n = arg;
    char name[16] = "child-?";
    const unsigned i = __atomic_fetch_add(n, 1, __ATOMIC_SEQ_CST);
    name[6] = (char)('a' + i);
    live(w, name, i % 2 ? 1000 : 12 * MIB);
}

static void live_in_children_at_once(struct world *w)
{
    pid_t pids[CHILDREN];
    unsigned *n = world_shared(w, sizeof *n);
    for (unsigned i = 0; i < CHILDREN; i++)
        pids[i] = process_start(w, live_in_child, n, false);
    for (unsigned i = 0; i < CHILDREN; i++)
        process_wait(w, pids[i]);
}

/* --- FORK-1 --- */

static void store_opened_before_the_fork_works_in_every_child(struct world *w)
{
    world_open_store(w);
    live_in_children_at_once(w);
    live(w, "parent", 12 * MIB);
}

static void live_in_another_store(struct world *w, void *arg)
{
    struct regstore_store *inherited = w->store;
    w->store = *(struct regstore_store **)arg;
    live(w, "unused", 12 * MIB);
    world_clear(w);
    world_open_store(w);
    live(w, "fresh", 12 * MIB);
    world_clear(w);
    w->store = inherited; /* closed by whoever called */
}

static void unused_and_fresh_stores_work_in_the_child_of_a_used_one(struct world *w)
{
    struct regstore_store *used, **unused = world_shared(w, sizeof *unused);
    world_open_store(w);
    *unused = w->store;
    world_open_store(w);
    live(w, "parent", 12 * MIB);
    used = w->store;
    process_wait(w, process_start(w, live_in_another_store, unused, false));
    CLAIM(w->store == used, "the test lost its store");
    live(w, "parent", 12 * MIB);
    w->p->store_close(*unused);
}

/* --- FORK-2 --- */

/* Handles that the parent has open while it forks, each in the middle of its work. */
struct open_handles {
    struct stage stage;
    struct regstore_upload *large; /* parts are on their way */
    struct content content;
    uint64_t offset;
};

static void verbs_must_be_state(struct world *w, struct stage *s, const char *kind)
{
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        CALL(c);
        if (strncmp(verb->name, kind, strlen(kind)) != 0 || strstr(verb->name, "_open") != NULL)
            continue;
        const int64_t begin = now_ms();
        const regstore_status status = verb->go(w, s, &c.in);
        CLAIM(status == REGSTORE_STATE, "%s on the parent's handle gave %s: \"%.511s\"", verb->name,
              regstore_host_status_name(status), c.error.message);
        CLAIM(c.error.message[0] != '\0', "%s gave STATE without a message", verb->name);
        CLAIM(now_ms() - begin < AT_ONCE_MS, "%s took %lld ms to say STATE", verb->name,
              (long long)(now_ms() - begin));
    }
}

static void use_and_close_inherited(struct world *w, void *arg)
{
    struct open_handles *h = arg;
    struct stage *s = &h->stage;
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX], token[REGSTORE_TOKEN_MAX] = "";
    uint64_t kept = 0;
    verbs_must_be_state(w, s, "upload_");
    verbs_must_be_state(w, s, "read_");
    verbs_must_be_state(w, s, "list_");
    const regstore_status status = w->p->upload_digest(s->upload, "sha256", digest, sizeof digest);
    CLAIM(status == REGSTORE_STATE, "upload_digest gave %s", regstore_host_status_name(status));
    EXPECT(&c, w->p->upload_suspend(h->large, &c.in, token, sizeof token, &kept), REGSTORE_STATE);
    CLAIM(token[0] == '\0' || kept == 0, "STATE came with a token");
    upload_must_be_at(w, h->large, h->offset);
    const int64_t begin = now_ms();
    upload_end(w, s->upload);
    upload_end(w, h->large);
    w->p->read_close(s->reader);
    w->p->list_close(s->list);
    CLAIM(now_ms() - begin < AT_ONCE_MS, "closing inherited handles took %lld ms",
          (long long)(now_ms() - begin));
}

static void use_and_close_inherited_and_the_store(struct world *w, void *arg)
{
    use_and_close_inherited(w, arg);
    world_clear(w);
}

static void handles_go_on(struct world *w, struct open_handles *h)
{
    CALL(c);
    char name[REGSTORE_KEY_MAX];
    struct stage *s = &h->stage;
    const struct key key = key_of(w, "large");
    reader_must_give(w, s->reader, &s->content, 0, s->content.length, 1000);
    EXPECT_OK(&c, w->p->list_next(s->list, &c.in, name, sizeof name, NULL));
    CLAIM(strcmp(name, s->blob.s) == 0, "the list goes on with %s", name);
    stage_must_be_untouched(w, s, "a fork");
    upload_fill(w, s->upload, &s->begun, s->begun.length);
    upload_finish(w, s->upload, s->absent.s);
    blob_must_be(w, s->absent.s, &s->begun);
    upload_fill(w, h->large, &h->content, h->content.length);
    upload_finish(w, h->large, key.s);
    upload_end(w, h->large);
    blob_must_be(w, key.s, &h->content);
    blob_delete(w, key.s);
}

static void handle_in_the_child_is_state_and_its_close_takes_nothing(struct world *w)
{
    static void (*const steps[])(struct world *, void *) = {use_and_close_inherited,
                                                            use_and_close_inherited_and_the_store};
    for (size_t i = 0; i < 2; i++) {
        struct open_handles h = {.content = content_of(test_seed(w, 3), 37 * MIB)};
        stage_set(w, &h.stage);
        h.large = upload_new(w, NULL);
        upload_fill(w, h.large, &h.content, 30 * MIB);
        h.offset = 30 * MIB;
        pid_t pids[2];
        for (size_t n = 0; n < 2; n++)
            pids[n] = process_start(w, steps[i], &h, false);
        if (i == 0) /* once beside the children, once after them */
            handles_go_on(w, &h);
        for (size_t n = 0; n < 2; n++)
            process_wait(w, pids[n]);
        if (i == 1)
            handles_go_on(w, &h);
        stage_clear(w, &h.stage);
    }
}

/* --- FORK-3 --- */

static void live_and_fork_again(struct world *w, void *arg)
{
    live(w, "child", 12 * MIB);
    process_wait(w, process_start(w, live_in_child, arg, false));
    live(w, "child", 1000);
}

static void used_store_works_in_children_and_theirs(struct world *w)
{
    unsigned *n = world_shared(w, sizeof *n);
    live(w, "parent", 12 * MIB);
    live_in_children_at_once(w);
    live(w, "parent", 12 * MIB);
    process_wait(w, process_start(w, live_and_fork_again, n, false));
    live(w, "parent", 12 * MIB);
}

static void store_verbs_must_be_state(struct world *w, void *arg)
{
    struct stage *s = arg;
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        CALL(c);
        const bool is_of_store = verb->does_io && strncmp(verb->name, "upload_", 7) != 0;
        if (!is_of_store || !verb_is_offered(w, verb))
            continue;
        const int64_t begin = now_ms();
        const regstore_status status = verb->go(w, s, &c.in);
        CLAIM(status == REGSTORE_STATE && now_ms() - begin < AT_ONCE_MS,
              "%s in a child of a used store gave %s after %lld ms", verb->name,
              regstore_host_status_name(status), (long long)(now_ms() - begin));
    }
}

static void used_store_is_state_in_the_child_where_it_is_not_offered(struct world *w)
{
    struct stage s;
    if (w->p->store_features(w->store) & REGSTORE_F_FORK_AFTER_USE)
        SKIP("this store offers F_FORK_AFTER_USE");
    stage_set(w, &s);
    process_wait(w, process_start(w, store_verbs_must_be_state, &s, false));
    stage_must_be_untouched(w, &s, "a fork");
    stage_clear(w, &s);
}

/* --- forks while other threads transfer --- */

struct storm {
    struct regstore_upload *mine; /* of the thread that forks */
    uint32_t is_over;
    unsigned rounds;
    uint32_t *at; /* shared with the child: what it does just now */
};

enum { CHILD_DONE = 7, CHILD_WRONG = 1 };

/* Other threads were inside calls, so that a call on the store may say anything, but returns. */
static void child_in_a_storm(struct world *w, struct storm *s, unsigned i)
{
    struct call c = {.in = {sizeof c.in, 3000, NULL, &c.error},
                     .error = {.struct_size = sizeof c.error}};
    struct regstore_stat st = STAT_INIT;
    const struct key key = key_of(w, "absent");
    __atomic_store_n(s->at, 1, __ATOMIC_SEQ_CST);
    if (w->p->upload_write(s->mine, &c.in, "x", 1) != REGSTORE_STATE ||
        w->p->upload_offset(s->mine) != 1000)
        _exit(CHILD_WRONG);
    __atomic_store_n(s->at, 2, __ATOMIC_SEQ_CST);
    (void)w->p->stat(w->store, &c.in, key.s, &st); /* whatever it says */
    __atomic_store_n(s->at, 3, __ATOMIC_SEQ_CST);
    if (i % 2)
        w->p->upload_close(s->mine);
    __atomic_store_n(s->at, 4, __ATOMIC_SEQ_CST);
    if (i % 3 == 0)
        w->p->store_close(w->store);
    _exit(CHILD_DONE);
}

static void child_must_end(struct world *w, struct storm *s, pid_t pid)
{
    static const char *const doings[] = {"being forked", "upload_write", "stat", "upload_close",
                                         "store_close"};
    const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
    const int64_t begin = now_ms();
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ms() - begin > HANG_MS) {
            (void)kill(pid, SIGKILL); /* our own child, not yet waited for */
            (void)waitpid(pid, &status, 0);
            FAIL("a child hangs in %s", doings[__atomic_load_n(s->at, __ATOMIC_SEQ_CST) % 5]);
        }
        (void)nanosleep(&pause, NULL); /* between two looks */
    }
    CLAIM(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DONE,
          "a child came to a bad end (%d) in %s", status,
          doings[__atomic_load_n(s->at, __ATOMIC_SEQ_CST) % 5]);
}

static void fork_on_and_on(struct world *w, struct storm *s)
{
    for (unsigned i = 0; i < FORKS; i++) {
        __atomic_store_n(s->at, 0, __ATOMIC_SEQ_CST);
        const pid_t pid = fork();
        if (pid == 0)
            child_in_a_storm(w, s, i);
        if (pid > 0)
            child_must_end(w, s, pid);
        CLAIM(pid > 0, "the test could not fork: %s", strerror(errno));
        if (__atomic_load_n(&w->record->outcome, __ATOMIC_SEQ_CST) != OUTCOME_NONE)
            break; /* another thread has failed */
    }
}

static void end_the_storm(void *arg)
{
    __atomic_store_n((uint32_t *)arg, 1, __ATOMIC_SEQ_CST);
}

static void fork_or_transfer(struct world *w, unsigned i, void *arg)
{
    struct storm *s = arg;
    char name[16] = "thread-?";
    if (i == 0) {
        pthread_cleanup_push(end_the_storm, &s->is_over); /* also when a claim fails */
        fork_on_and_on(w, s);
        pthread_cleanup_pop(1);
        return;
    }
    name[7] = (char)('a' + i);
    while (!__atomic_load_n(&s->is_over, __ATOMIC_SEQ_CST)) {
        live(w, name, i % 2 ? 11 * MIB : 100 * KIB);
        __atomic_fetch_add(&s->rounds, 1, __ATOMIC_SEQ_CST);
    }
}

static void fork_beside_transfers_never_hangs_a_child(struct world *w)
{
    struct storm storm = {.at = world_shared(w, sizeof *storm.at)};
    const struct key key = key_of(w, "mine");
    const struct content content = content_of(test_seed(w, 1), 6 * MIB);
    if (IS_SANITIZED)
        SKIP("sanitizers have locks of their own, which a child may find locked");
    storm.mine = upload_new(w, NULL);
    upload_fill(w, storm.mine, &content, 1000);
    in_threads(w, 1 + TRANSFERS, fork_or_transfer, &storm);
    CLAIM(storm.rounds > 0, "nothing was transferred meanwhile");
    upload_fill(w, storm.mine, &content, content.length);
    upload_finish(w, storm.mine, key.s);
    upload_end(w, storm.mine);
    blob_must_be(w, key.s, &content);
}

static const struct test fork_tests[] = {
    {"FORK-1", "store_opened_before_the_fork_works_in_every_child",
     store_opened_before_the_fork_works_in_every_child, NEEDS_NO_STORE},
    {"FORK-1", "unused_and_fresh_stores_work_in_the_child_of_a_used_one",
     unused_and_fresh_stores_work_in_the_child_of_a_used_one, NEEDS_NO_STORE},
    {"FORK-2", "handle_in_the_child_is_state_and_its_close_takes_nothing",
     handle_in_the_child_is_state_and_its_close_takes_nothing, NEEDS_ALONE},
    {"FORK-3", "used_store_works_in_children_and_theirs", used_store_works_in_children_and_theirs,
     REGSTORE_F_FORK_AFTER_USE},
    {"FORK-3", "used_store_is_state_in_the_child_where_it_is_not_offered",
     used_store_is_state_in_the_child_where_it_is_not_offered, NEEDS_ALONE},
    {"FORK-3 FORK-2", "fork_beside_transfers_never_hangs_a_child",
     fork_beside_transfers_never_hangs_a_child, NEEDS_ALONE},
};

const struct family family_fork = FAMILY(fork);
