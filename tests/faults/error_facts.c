/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After any failure status, retryable, http_status, code, request_id and message say what happened:
 * each operation of S3 and STS is struck by each answer that there may be, for ever, and the verb
 * that made it must tell what the one function that knows (verdict.h) says of that answer, after as
 * many tries as it is worth.
 */
#include "door.h"
#include "place.h"

#include "verdict.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB      (1024u * 1024u)
#define ATTEMPTS 5
#define KEY      "facts/blob"

/* The one call that is to fail, in a store of its own. */
struct scene {
    const struct regstore_plugin *p;
    struct regstore_store *store;
    struct regstore_error error;
    struct regstore_call call;
};

/* As on AWS: ListObjectsV2, checksums. */
static struct regstore_store *store_on_aws(void)
{
    return store_with(&(struct regstore_pair){"provider", "aws"}, 1);
}

static regstore_status look(struct scene *s)
{
    return s->p->stat(s->store, &s->call, KEY, NULL);
}

static regstore_status read_it(struct scene *s)
{
    struct regstore_reader *reader;
    const regstore_status status = s->p->read_open(s->store, &s->call, KEY, NULL, &reader, NULL);
    if (status == REGSTORE_OK)
        s->p->read_close(reader);
    return status;
}

static regstore_status list(struct scene *s)
{
    char key[REGSTORE_KEY_MAX];
    struct regstore_list *l;
    ck_assert_int_eq(s->p->list_open(s->store, &s->call, NULL, &l), REGSTORE_OK);
    const regstore_status status = s->p->list_next(l, &s->call, key, sizeof key, NULL);
    s->p->list_close(l);
    return status;
}

/* Writes, and ends it as told; whichever step fails. */
static regstore_status push(struct scene *s, size_t len, bool is_aborted)
{
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_UPLOAD_SHA256, .key = "facts/pushed"};
    struct regstore_upload *upload;
    uint8_t *bytes = calloc(1, len);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(s->p->upload_open(s->store, &s->call, &opts, &upload), REGSTORE_OK);
    regstore_status status = s->p->upload_write(upload, &s->call, bytes, len);
    if (status == REGSTORE_OK)
        status = is_aborted ? s->p->upload_abort(upload, &s->call)
                            : s->p->upload_commit(upload, &s->call, NULL, NULL);
    s->p->upload_close(upload);
    free(bytes);
    return status;
}

static regstore_status put_small(struct scene *s)
{
    return push(s, 1000, false);
}

static regstore_status put_large(struct scene *s)
{
    return push(s, 5 * MIB + 1, false);
}

static regstore_status abort_large(struct scene *s)
{
    return push(s, 5 * MIB + 1, true);
}

static regstore_status delete_one(struct scene *s)
{
    const char *const keys[] = {"facts/none"};
    return s->p->delete_blobs(s->store, &s->call, keys, 1, NULL);
}

static regstore_status delete_two(struct scene *s)
{
    const char *const keys[] = {"facts/none", "facts/nil"};
    return s->p->delete_blobs(s->store, &s->call, keys, 2, NULL);
}

static regstore_status copy(struct scene *s)
{
    return s->p->copy(s->store, &s->call, KEY, "facts/copy", NULL);
}

static regstore_status purge(struct scene *s)
{
    const struct regstore_purge_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_PURGE_UPLOADS, .older_than_s = 100000};
    struct regstore_purged purged = {.struct_size = sizeof purged};
    return s->p->purge(s->store, &s->call, &opts, &purged);
}

enum gets_over {                  /* bits: by what else the verb reaches its end */
                 DENIED = 1,      /* a right that is missing is no obstacle */
                 UNSUPPORTED = 2, /* there is another way */
                 INVALID = 4,     /* likewise, for a request that the service does not like */
                 CUT_OFF = 8,     /* it was done, and that can be proved */
};

static const struct act {
    const char *operation;
    regstore_status (*run)(struct scene *s);
    bool has_no_body; /* a HEAD: no code comes */
    bool has_xml;     /* a good answer has */
    unsigned gets_over;
} acts[] = {
    {"HeadObject", look, .has_no_body = true},
    {"GetObject", read_it, .has_xml = false},
    {"ListObjectsV2", list, .has_xml = true, .gets_over = UNSUPPORTED},
    {"PutObject", put_small, .has_xml = false},
    {"CreateMultipartUpload", put_large, .has_xml = true},
    {"UploadPart", put_large, .has_xml = false},
    {"CompleteMultipartUpload", put_large, .has_xml = true, .gets_over = CUT_OFF},
    {"AbortMultipartUpload", abort_large, .has_xml = false},
    {"DeleteObject", delete_one, .has_xml = false},
    {"DeleteObjects", delete_two, .has_xml = true, .gets_over = DENIED | UNSUPPORTED | INVALID},
    {"CopyObject", copy, .has_xml = true, .gets_over = UNSUPPORTED | INVALID},
    {"ListMultipartUploads", purge, .has_xml = true},
    {"AssumeRole", list, .has_xml = true},
};
enum { ACTS = sizeof acts / sizeof acts[0] };

static const struct answer_kind {
    const char *rule;
    enum stss3_transport transport;
    long http_status; /* as it is judged: 500 for an error inside a 200 */
    const char *code;
    bool is_inside_200; /* only where a good answer has XML */
} answers[] = {
    {"do=reset", STSS3_TRANSPORT_BROKEN, 0, .code = ""},
    {"do=close", STSS3_TRANSPORT_BROKEN, 0, .code = ""},
    {"do=error&status=500&code=InternalError", .http_status = 500, .code = "InternalError"},
    {"do=error&status=502&code=BadGateway", .http_status = 502, .code = "BadGateway"},
    {"do=error&status=503&code=SlowDown", .http_status = 503, .code = "SlowDown"},
    {"do=error&status=503&code=SlowDownWrite", .http_status = 503, .code = "SlowDownWrite"},
    {"do=error&status=503&code=ServiceUnavailable", .http_status = 503,
     .code = "ServiceUnavailable"},
    {"do=error&status=504&code=GatewayTimeout", .http_status = 504, .code = "GatewayTimeout"},
    {"do=error&status=520&code=Unknown", .http_status = 520, .code = "Unknown"},
    {"do=error&status=499&code=ClientDisconnect", .http_status = 499, .code = "ClientDisconnect"},
    {"do=error&status=429&code=TooManyRequests", .http_status = 429, .code = "TooManyRequests"},
    {"do=error&status=408&code=Slow", .http_status = 408, .code = "Slow"},
    {"do=error&status=400&code=RequestTimeout", .http_status = 400, .code = "RequestTimeout"},
    {"do=error&status=400&code=Throttling", .http_status = 400, .code = "Throttling"},
    {"do=error&status=400&code=BadDigest", .http_status = 400, .code = "BadDigest"},
    {"do=error&status=400&code=InvalidRequest", .http_status = 400, .code = "InvalidRequest"},
    {"do=error&status=400&code=InvalidToken", .http_status = 400, .code = "InvalidToken"},
    {"do=error&status=403&code=AccessDenied", .http_status = 403, .code = "AccessDenied"},
    {"do=error&status=403&code=SignatureDoesNotMatch", .http_status = 403,
     .code = "SignatureDoesNotMatch"},
    {"do=error&status=403&code=InvalidAccessKeyId", .http_status = 403,
     .code = "InvalidAccessKeyId"},
    {"do=error&status=404&code=NoSuchBucket", .http_status = 404, .code = "NoSuchBucket"},
    {"do=error&status=501&code=NotImplemented", .http_status = 501, .code = "NotImplemented"},
    {"do=error&status=507&code=InsufficientStorage", .http_status = 507,
     .code = "InsufficientStorage"},
    {"do=ok-error&code=InternalError", .http_status = 500, .code = "InternalError",
     .is_inside_200 = true},
    {"do=ok-error&code=SlowDown", .http_status = 500, .code = "SlowDown", .is_inside_200 = true},
    {"do=garble", .http_status = 500, .code = "", .is_inside_200 = true},
};
enum { ANSWERS = sizeof answers / sizeof answers[0] };

static bool gets_over(const struct act *act, const struct answer_kind *answer,
                      struct stss3_verdict_of verdict)
{
    const unsigned by = (verdict.status == REGSTORE_DENIED ? DENIED : 0) |
                        (verdict.status == REGSTORE_UNSUPPORTED ? UNSUPPORTED : 0) |
                        (strcmp(answer->code, "InvalidRequest") == 0 ? INVALID : 0) |
                        (strcmp(answer->rule, "do=garble") == 0 ? CUT_OFF : 0);
    return (act->gets_over & by) != 0;
}

/* What a verb makes of it: a HEAD's bare 400 is a refusal; of STS, whatever it does not take from
 * the user is DENIED; and a commit says UNSUPPORTED only where nothing was sent (what begins the
 * parts is a write). */
static regstore_status as_told(const struct act *act, regstore_status status, long http_status)
{
    if (strcmp(act->operation, "AssumeRole") == 0 && status == REGSTORE_INTERNAL &&
        http_status >= 400 && http_status < 500)
        return REGSTORE_DENIED;
    if (act->has_no_body && status == REGSTORE_INTERNAL && http_status == 400)
        return REGSTORE_DENIED;
    if (status == REGSTORE_UNSUPPORTED && (act->run == put_small || act->run == put_large) &&
        strcmp(act->operation, "CreateMultipartUpload") != 0)
        return REGSTORE_INTERNAL;
    return status;
}

static unsigned tries_of(const char *operation)
{
    struct door_count counts[32];
    const size_t n = door_counts(server_url(), counts, 32);
    for (size_t i = 0; i < n; i++)
        if (strcmp(counts[i].operation, operation) == 0)
            return counts[i].n;
    return 0;
}

static void claim(const struct act *act, const struct answer_kind *answer)
{
    char rule[256], what[1000];
    const char *code = act->has_no_body ? "" : answer->code;
    const struct stss3_verdict_of v = stss3_verdict(answer->transport, answer->http_status, code);
    struct scene s = {.p = plugin_table(), .error = {.struct_size = sizeof s.error}};
    s.call = call_of(&s.error);
    s.store = store_on_aws();
    (void)snprintf(rule, sizeof rule, "op=%s&times=0&%s", act->operation, answer->rule);
    door_forget_counts(server_url());
    door_fault(server_url(), rule);
    const regstore_status status = act->run(&s);
    door_forget_faults(server_url());
    (void)snprintf(what, sizeof what,
                   "%s: status %d, retryable %u, HTTP %u, code '%s', id '%s', %.200s", rule, status,
                   s.error.retryable, s.error.http_status, s.error.code, s.error.request_id,
                   s.error.message);
    s.p->store_close(s.store);
    if (gets_over(act, answer, v)) {
        ck_assert_msg(status == REGSTORE_OK, "%s", what);
        return;
    }
    ck_assert_msg(status == as_told(act, v.status, answer->http_status), "%s", what);
    ck_assert_msg(s.error.retryable == (v.again != STSS3_WORTH_NONE), "%s", what);
    ck_assert_msg(s.error.http_status ==
                      (answer->is_inside_200 ? 200 : (uint32_t)answer->http_status),
                  "%s", what);
    ck_assert_msg(strcmp(s.error.code, code) == 0, "%s", what);
    ck_assert_msg(strstr(s.error.message, act->operation) != NULL, "%s", what);
    /* Both ids of S3, and none where no answer came. */
    if (answer->http_status == 0)
        ck_assert_msg(s.error.request_id[0] == '\0', "%s", what);
    else
        ck_assert_msg(s.error.request_id[0] != '\0', "%s", what);
    const unsigned tries = tries_of(act->operation);
    const unsigned worth = v.again == STSS3_WORTH_SOME  ? ATTEMPTS
                           : v.again == STSS3_WORTH_ONE ? 2
                                                        : 1;
    /* On a connection that was used before, a reset is no try; a HEAD's bare 400 may mean that the
     * session is over; and of parts there are two. */
    const bool may_be_more = answer->transport != STSS3_TRANSPORT_NONE ||
                             (act->has_no_body && answer->http_status == 400);
    if (strcmp(act->operation, "UploadPart") != 0)
        ck_assert_msg(tries == worth || (may_be_more && tries == worth + 1), "%u tries for %u: %s",
                      tries, worth, what);
}

START_TEST(failure_of_each_operation_is_told_as_it_was)
{
    const struct act *act = &acts[_i];
    for (size_t i = 0; i < ANSWERS; i++)
        if (!answers[i].is_inside_200 || act->has_xml)
            claim(act, &answers[i]);
}
END_TEST

enum { WRITERS = 8, ROUNDS = 12 };

struct writer {
    struct regstore_store *store;
    atomic_uint done;
    unsigned number;
    atomic_bool ok;
};

static void *write_on(void *ctx)
{
    struct writer *w = ctx;
    char key[64];
    for (unsigned i = 0; i < ROUNDS && w->ok; i++) {
        (void)snprintf(key, sizeof key, "facts/%u-%u", w->number, i);
        w->ok = put(w->store, key, i, 1000);
        atomic_fetch_add(&w->done, 1);
    }
    return NULL;
}

/* Requests are out with the wrong time when the first is refused: each is signed anew. */
START_TEST(clock_that_turns_while_many_write_fails_nobody)
{
    static const int64_t turns_ms[] = {40 * 60 * 1000, -40 * 60 * 1000, 0};
    struct regstore_store *store = store_on_aws();
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){store, 0, i, true};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_on, &writers[i]), 0);
    }
    for (unsigned i = 0; i < sizeof turns_ms / sizeof turns_ms[0]; i++) {
        /* One request in flight meets one turn: of two it would not hear the second. */
        for (unsigned n = 0; n < WRITERS; n++)
            while (writers[n].ok && atomic_load(&writers[n].done) < (i + 1) * ROUNDS / 4)
                (void)sched_yield();
        door_clock(server_url(), turns_ms[i]);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(writers[i].ok);
    }
    plugin_table()->store_close(store);
}
END_TEST

static void up(void)
{
    server_up();
    struct regstore_store *store = store_on_aws();
    ck_assert(put(store, KEY, 1, 1000));
    plugin_table()->store_close(store);
}

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "300", 0);
    Suite *suite = suite_create("error-facts");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, up, server_down);
    tcase_add_loop_test(tcase, failure_of_each_operation_is_told_as_it_was, 0, ACTS);
    tcase_add_test(tcase, clock_that_turns_while_many_write_fails_nobody);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
