/* SPDX-License-Identifier: Apache-2.0 */
/* CALL-1 to CALL-5, and TOK-2, UP-3 and COM-2 where a call was cut off. */
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "verbs.h"

/* CALL-3's second, and what a busy machine adds.  A call that did its work all the same may have
 * been kept by a disk that the kernel would not leave; but not by a pause of its own. */
enum { A_SECOND_MS = 1500, A_DISK_MS = 5000 };

static void flag_set_before_the_call_cancels_it(struct world *w)
{
    int32_t set = 1;
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        CALL(c);
        struct stage s;
        if (!verb_is_offered(w, verb))
            continue;
        stage_set(w, &s);
        c.in.cancel = &set;
        const int64_t begin = now_ms();
        const regstore_status status = verb->go(w, &s, &c.in);
        const int64_t took = now_ms() - begin;
        CLAIM(status == REGSTORE_CANCELLED || (status == REGSTORE_OK && !verb->does_io),
              "%s with its cancel flag set gave %s: \"%.511s\"", verb->name,
              regstore_host_status_name(status), c.error.message);
        CLAIM(took < A_SECOND_MS, "%s with its cancel flag set took %lld ms", verb->name,
              (long long)took);
        CLAIM(__atomic_load_n(&set, __ATOMIC_SEQ_CST) == 1, "%s wrote to its cancel flag",
              verb->name);
        stage_clear(w, &s);
    }
}

static void cancelled_verb_may_be_called_again(struct world *w)
{
    const int32_t set = 1;
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        CALL(c);
        CALL(again);
        struct stage s;
        if (!verb_is_offered(w, verb))
            continue;
        stage_set(w, &s);
        c.in.cancel = &set;
        if (verb->go(w, &s, &c.in) == REGSTORE_CANCELLED) {
            const regstore_status status = verb->go(w, &s, &again.in);
            CLAIM(c.error.retryable != 0, "%s gave CANCELLED and not retryable", verb->name);
            CLAIM(status == REGSTORE_OK, "%s after CANCELLED gave %s: \"%.511s\"", verb->name,
                  regstore_host_status_name(status), again.error.message);
        }
        stage_clear(w, &s);
    }
}

/* After a write that failed: go on from upload_offset, until all is in. */
static void fill_in_spite_of(struct world *w, struct regstore_upload *u, const struct content *c,
                             uint64_t first_timeout_ms)
{
    static unsigned char buf[3 * 1024 * 1024];
    uint64_t timeout_ms = first_timeout_ms;
    for (uint64_t at = w->p->upload_offset(u); at < c->length;) {
        CALL(call);
        const size_t len = c->length - at < sizeof buf ? (size_t)(c->length - at) : sizeof buf;
        content_fill(c, at, buf, len);
        call.in.timeout_ms = timeout_ms;
        const regstore_status status = w->p->upload_write(u, &call.in, buf, len);
        const uint64_t now = w->p->upload_offset(u);
        EXPECT_SEEN(&call, "upload_write with little time", status, REGSTORE_OK, REGSTORE_TIMEOUT);
        CLAIM(now >= at && now <= at + len && (status != REGSTORE_OK || now == at + len),
              "upload_write of %zu bytes at %llu gave %s, and the offset is %llu", len,
              (unsigned long long)at, regstore_host_status_name(status), (unsigned long long)now);
        timeout_ms = status == REGSTORE_OK ? first_timeout_ms : timeout_ms * 2;
        at = now;
    }
}

static void commit_in_spite_of(struct world *w, struct regstore_upload *u, const char *key,
                               const char *digest, uint64_t timeout_ms)
{
    regstore_status status;
    do {
        CALL(c);
        c.in.timeout_ms = timeout_ms;
        const int64_t begin = now_ms();
        status = upload_commit(w, u, &c, key, digest, 0);
        const int64_t late = now_ms() - begin - (int64_t)timeout_ms;
        EXPECT_SEEN(&c, "upload_commit with little time", status, REGSTORE_OK, REGSTORE_TIMEOUT);
        CLAIM(late < A_SECOND_MS, "upload_commit with %llu ms came back %lld ms late",
              (unsigned long long)timeout_ms, (long long)late);
        timeout_ms *= 2;
    } while (status != REGSTORE_OK);
}

static void upload_with_too_little_time_goes_on_and_is_right(struct world *w)
{
    const uint64_t sizes[] = {1000, 21 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char digest[REGSTORE_DIGEST_MAX];
        const struct key key = key_of(w, "blob%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        struct regstore_upload *u = upload_new(w, NULL);
        content_digest(&content, "sha256", digest);
        fill_in_spite_of(w, u, &content, 1);
        commit_in_spite_of(w, u, key.s, digest, 1);
        upload_end(w, u);
        blob_must_be(w, key.s, &content);
    }
}

/* --- cancel while the call runs --- */

struct cancel {
    int32_t flag;
    int64_t set_at_ms;
    unsigned delay_us;
};

static void *set_later(void *arg)
{
    struct cancel *cancel = arg;
    const struct timespec delay = {.tv_nsec = (long)cancel->delay_us * 1000};
    (void)nanosleep(&delay, NULL); /* a random moment, not a wait for something */
    cancel->set_at_ms = now_ms();
    __atomic_store_n(&cancel->flag, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Commits with a flag that is set at some moment; true when that was too late to matter. */
static bool commit_and_cancel(struct world *w, struct regstore_upload *u, const struct key *key,
                              unsigned delay_us)
{
    CALL(c);
    struct cancel cancel = {.delay_us = delay_us};
    pthread_t thread;
    c.in.cancel = &cancel.flag;
    CLAIM(pthread_create(&thread, NULL, set_later, &cancel) == 0,
          "the test could not start a thread of its own");
    const regstore_status status = upload_commit(w, u, &c, key->s, NULL, 0);
    const int64_t end = now_ms();
    (void)pthread_join(thread, NULL);
    EXPECT_SEEN(&c, "upload_commit with a flag set meanwhile", status, REGSTORE_OK,
                REGSTORE_CANCELLED);
    CLAIM(status == REGSTORE_OK || end - cancel.set_at_ms < A_SECOND_MS,
          "the call came back %lld ms after its flag was set", (long long)(end - cancel.set_at_ms));
    return status == REGSTORE_OK;
}

static void commit_cancelled_at_any_moment_can_be_repeated(struct world *w)
{
    const struct content old = content_of(test_seed(w, 99), 777);
    for (unsigned i = 0; i < 12; i++) {
        const struct key key = key_of(w, "blob%u", i);
        const struct content content = content_of(test_seed(w, i), i % 2 ? 12 * MIB : 1000);
        blob_put(w, key.s, &old);
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, content.length);
        const bool is_done =
            commit_and_cancel(w, u, &key, (unsigned)(content_mix(w->seed, i) % 40000));
        if (!is_done) {
            CALL(c);
            CLAIM(blob_is(w, key.s, &old) || blob_is(w, key.s, &content),
                  "after CANCELLED the key has neither the old blob nor the new one");
            EXPECT(&c, w->p->upload_write(u, &c.in, "x", 1), REGSTORE_STATE); /* SEALED */
            upload_finish(w, u, key.s);
        }
        upload_end(w, u);
        blob_must_be(w, key.s, &content);
    }
}

static void suspend_that_failed_leaves_the_handle_and_an_honest_token(struct world *w)
{
    const uint64_t sizes[] = {1000, 6 * MIB, 11 * MIB + 7};
    const int32_t set = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CALL(c);
        char token[REGSTORE_TOKEN_MAX] = "";
        uint64_t kept = UINT64_MAX;
        const struct key key = key_of(w, "blob%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i] + 1000);
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, sizes[i]);
        c.in.cancel = &set;
        EXPECT(&c, w->p->upload_suspend(u, &c.in, token, sizeof token, &kept), REGSTORE_CANCELLED);
        upload_must_be_at(w, u, sizes[i]);
        if (token[0] != '\0') {
            CLAIM(kept <= sizes[i], "kept is %llu of %llu bytes", (unsigned long long)kept,
                  (unsigned long long)sizes[i]);
            struct regstore_upload *second = upload_resume(w, token);
            upload_must_be_at(w, second, kept);
            upload_end(w, second);
        }
        upload_fill(w, u, &content, content.length); /* the handle is as before */
        upload_park(w, u, token);
        u = upload_resume(w, token);
        upload_must_be_at(w, u, content.length);
        upload_finish(w, u, key.s);
        upload_end(w, u);
        blob_must_be(w, key.s, &content);
    }
}

static void read_cancelled_goes_on_where_it_was(struct world *w)
{
    CALL(c);
    static unsigned char buf[100000];
    const int32_t set = 1;
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 3 * MIB);
    uint64_t at = 0;
    size_t got = 1;
    blob_put(w, key.s, &content);
    struct regstore_reader *r = reader_new(w, key.s, 0, 0);
    for (unsigned i = 0; got > 0; i++) {
        call_reset(&c);
        c.in.cancel = i % 3 == 1 ? &set : NULL;
        const regstore_status status = w->p->read_next(r, &c.in, buf, sizeof buf, &got);
        if (c.in.cancel != NULL && status == REGSTORE_CANCELLED) {
            got = 1;
            continue;
        }
        EXPECT_SEEN(&c, "read_next", status, REGSTORE_OK);
        CLAIM(got <= content.length - at && content_differs(&content, at, buf, got) == got,
              "other bytes at %llu after a cancelled read_next", (unsigned long long)at);
        at += got;
    }
    CLAIM(at == content.length, "the end came at %llu", (unsigned long long)at);
    w->p->read_close(r);
}

/* --- every verb, cut off at any moment --- */

/* The call, its error and its flag, in memory that is taken away as soon as the call has returned.
 */
struct lease {
    struct regstore_call call;
    struct regstore_error error;
    struct cancel cancel;
};

static struct lease *lease_new(struct world *w, uint64_t timeout_ms)
{
    void *room = mmap(NULL, sizeof(struct lease), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CLAIM(room != MAP_FAILED, "no memory for the test itself");
    struct lease *lease = room;
    lease->error.struct_size = sizeof lease->error;
    lease->call =
        (struct regstore_call){sizeof lease->call, timeout_ms, &lease->cancel.flag, &lease->error};
    return lease;
}

/* It stays reserved: who touches it later does not meet somebody else's memory. */
static void lease_end(struct world *w, struct lease *lease)
{
    CLAIM(mprotect(lease, sizeof *lease, PROT_NONE) == 0, "the test could not guard its memory");
}

/* The same verb once more, now with time. */
static void must_go_again(struct world *w, const struct verb *verb, struct stage *s,
                          regstore_status first)
{
    CALL(again);
    if (first == REGSTORE_OK)
        return;
    const regstore_status status = verb->go(w, s, &again.in);
    CLAIM(status == REGSTORE_OK, "%s after %s gave %s: \"%.511s\"", verb->name,
          regstore_host_status_name(first), regstore_host_status_name(status), again.error.message);
}

/* Runs the verb with so little time, and with a flag that is set that much later; 0: neither. */
static void cut_off(struct world *w, const struct verb *verb, uint64_t timeout_ms,
                    unsigned delay_us)
{
    struct stage s;
    pthread_t thread;
    stage_set(w, &s);
    struct lease *lease = lease_new(w, timeout_ms);
    lease->cancel.delay_us = delay_us;
    const struct regstore_call as_given = lease->call;
    const int64_t begin = now_ms();
    CLAIM(delay_us == 0 || pthread_create(&thread, NULL, set_later, &lease->cancel) == 0,
          "the test could not start a thread of its own");
    const regstore_status status = verb->go(w, &s, &lease->call);
    const int64_t end = now_ms();
    if (delay_us > 0)
        (void)pthread_join(thread, NULL);
    const int64_t due = delay_us > 0 ? lease->cancel.set_at_ms : begin + (int64_t)timeout_ms;
    const regstore_status wanted = delay_us > 0 ? REGSTORE_CANCELLED : REGSTORE_TIMEOUT;
    CLAIM(status == REGSTORE_OK || status == wanted, "%s that was cut off gave %s: \"%.511s\"",
          verb->name, regstore_host_status_name(status), lease->error.message);
    CLAIM(status == REGSTORE_OK || lease->error.retryable != 0, "%s gave %s and not retryable",
          verb->name, regstore_host_status_name(status));
    CLAIM(end - due < (status == REGSTORE_OK ? A_DISK_MS : A_SECOND_MS),
          "%s came back %lld ms late", verb->name, (long long)(end - due));
    CLAIM(memcmp(&as_given, &lease->call, sizeof as_given) == 0, "%s wrote into its call",
          verb->name);
    lease_end(w, lease);
    must_go_again(w, verb, &s, status);
    stage_clear(w, &s);
}

static void every_verb_with_a_millisecond_returns_and_may_be_called_again(struct world *w)
{
    for (const struct verb *verb = verbs; verb->name != NULL; verb++)
        if (verb_is_offered(w, verb))
            cut_off(w, verb, 1, 0);
}

static void every_verb_cancelled_midway_returns_and_may_be_called_again(struct world *w)
{
    static const unsigned delays_us[] = {1, 300, 1500, 5000};
    for (const struct verb *verb = verbs; verb->name != NULL; verb++)
        for (size_t i = 0; i < sizeof delays_us / sizeof delays_us[0]; i++)
            if (verb_is_offered(w, verb))
                cut_off(w, verb, 0, delays_us[i]);
}

/* --- CALL-4 --- */

/* A buffer of the caller's; what is done to it after the return shows who still looks at it. */
static unsigned char *lend(struct world *w, size_t len)
{
    void *room = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CLAIM(room != MAP_FAILED, "no memory for the test itself");
    return room;
}

static void take_back(struct world *w, unsigned char *buf, size_t len, bool is_poisoned)
{
    if (is_poisoned)
        memset(buf, 0xee, len);
    else
        CLAIM(mprotect(buf, len, PROT_NONE) == 0, "the test could not guard its memory");
}

/* Each piece in a buffer of its own, every third write cut off. */
static void fill_from_lent_buffers(struct world *w, struct regstore_upload *u,
                                   const struct content *c)
{
    for (unsigned i = 0; w->p->upload_offset(u) < c->length; i++) {
        CALL(call);
        const uint64_t at = w->p->upload_offset(u);
        const uint64_t most = 1 + content_mix(w->seed, i) % (i % 4 ? 100 * KIB : 6 * MIB);
        const size_t len = (size_t)(c->length - at < most ? c->length - at : most);
        unsigned char *buf = lend(w, len);
        content_fill(c, at, buf, len);
        call.in.timeout_ms = i % 3 == 2 ? 1 : 0;
        const regstore_status status = w->p->upload_write(u, &call.in, buf, len);
        take_back(w, buf, len, i % 2 == 0);
        EXPECT_SEEN(&call, "upload_write", status, REGSTORE_OK,
                    i % 3 == 2 ? REGSTORE_TIMEOUT : REGSTORE_OK);
    }
}

static void buffer_may_be_overwritten_as_soon_as_write_returns(struct world *w)
{
    const uint64_t sizes[] = {1000, 300 * KIB, 27 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CALL(c);
        char digest[REGSTORE_DIGEST_MAX];
        const struct key key = key_of(w, "blob%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        struct regstore_upload *u = upload_new(w, i % 2 ? key.s : NULL);
        fill_from_lent_buffers(w, u, &content);
        content_digest(&content, "sha256", digest);
        EXPECT_OK(&c, upload_commit(w, u, &c, key.s, digest, 0));
        upload_end(w, u);
        blob_must_be(w, key.s, &content);
    }
}

static void read_buffer_is_left_alone_after_the_return(struct world *w)
{
    static const size_t cap = 300000;
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 9 * MIB);
    unsigned char *late[8] = {NULL}; /* of reads that were cut off */
    uint64_t at = 0;
    size_t got = 1;
    blob_put(w, key.s, &content);
    struct regstore_reader *r = reader_new(w, key.s, 0, 0);
    for (unsigned i = 0; got > 0; i++) {
        CALL(c);
        unsigned char *buf = lend(w, cap);
        c.in.timeout_ms = i % 4 == 1 && i < 32 ? 1 : 0;
        const regstore_status status = w->p->read_next(r, &c.in, buf, cap, &got);
        EXPECT_SEEN(&c, "read_next", status, REGSTORE_OK,
                    c.in.timeout_ms ? REGSTORE_TIMEOUT : REGSTORE_OK);
        if (status != REGSTORE_OK) {
            memset(buf, 0xee, cap);
            late[i / 4] = buf;
            got = 1;
            continue;
        }
        CLAIM(content_differs(&content, at, buf, got) == got, "other bytes at %llu",
              (unsigned long long)at);
        at += got;
        take_back(w, buf, cap, false);
    }
    w->p->read_close(r);
    CLAIM(at == content.length, "the end came at %llu", (unsigned long long)at);
    for (size_t i = 0; i < 8; i++)
        for (size_t b = 0; late[i] != NULL && b < cap; b++)
            CLAIM(late[i][b] == 0xee, "byte %zu was written after read_next gave TIMEOUT", b);
}

/* The error of a call is the caller's again when the call has returned, whatever comes after it. */
static void error_is_left_alone_after_the_return(struct world *w)
{
    struct regstore_error *error = (struct regstore_error *)lend(w, sizeof *error);
    struct regstore_error before;
    struct regstore_stat st = STAT_INIT;
    struct regstore_call call = {.struct_size = sizeof call, .error = error};
    const struct key absent = key_of(w, "absent");
    *error = (struct regstore_error){.struct_size = sizeof *error};
    const regstore_status status = w->p->stat(w->store, &call, absent.s, &st);
    CLAIM(status == REGSTORE_NOT_FOUND, "stat of a missing key gave %s",
          regstore_host_status_name(status));
    memset((unsigned char *)error + sizeof error->struct_size, 0xee,
           sizeof *error - sizeof error->struct_size);
    memcpy(&before, error, sizeof before);
    every_verb_once(w);
    CLAIM(memcmp(&before, error, sizeof before) == 0,
          "the error of an earlier call was written when other calls were made");
    (void)munmap(error, sizeof *error); /* our own mapping */
}

static const struct test deadline_tests[] = {
    {"CALL-3 CALL-1", "flag_set_before_the_call_cancels_it", flag_set_before_the_call_cancels_it,
     NEEDS_ALONE},
    {"CALL-3 ERR-1", "cancelled_verb_may_be_called_again", cancelled_verb_may_be_called_again, 0},
    {"CALL-2 UP-3", "upload_with_too_little_time_goes_on_and_is_right",
     upload_with_too_little_time_goes_on_and_is_right, NEEDS_ALONE},
    {"CALL-3 COM-2", "commit_cancelled_at_any_moment_can_be_repeated",
     commit_cancelled_at_any_moment_can_be_repeated, NEEDS_ALONE},
    {"TOK-2", "suspend_that_failed_leaves_the_handle_and_an_honest_token",
     suspend_that_failed_leaves_the_handle_and_an_honest_token, 0},
    {"CALL-3 READ-2", "read_cancelled_goes_on_where_it_was", read_cancelled_goes_on_where_it_was,
     0},
    {"CALL-2 CALL-1 CALL-5", "every_verb_with_a_millisecond_returns_and_may_be_called_again",
     every_verb_with_a_millisecond_returns_and_may_be_called_again, NEEDS_ALONE},
    {"CALL-3 CALL-1 CALL-5", "every_verb_cancelled_midway_returns_and_may_be_called_again",
     every_verb_cancelled_midway_returns_and_may_be_called_again, NEEDS_ALONE},
    {"CALL-4", "buffer_may_be_overwritten_as_soon_as_write_returns",
     buffer_may_be_overwritten_as_soon_as_write_returns, 0},
    {"CALL-4", "error_is_left_alone_after_the_return", error_is_left_alone_after_the_return, 0},
    {"CALL-4", "read_buffer_is_left_alone_after_the_return",
     read_buffer_is_left_alone_after_the_return, 0},
};

const struct family family_deadline = FAMILY(deadline);
