/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs, each with arguments that succeed. */
#include "verbs.h"

#include <string.h>

enum { BEGUN = 1000, HUNDRED_YEARS_S = 100 * 365 };

void stage_set(struct world *w, struct stage *s)
{
    CALL(c);
    memset(s, 0, sizeof *s);
    s->blob = key_of(w, "stage/blob");
    s->absent = key_of(w, "stage/absent");
    s->content = content_of(test_seed(w, 1), 3000);
    s->begun = content_of(test_seed(w, 2), 100 * KIB);
    blob_put(w, s->blob.s, &s->content);
    s->upload = upload_new(w, NULL);
    upload_fill(w, s->upload, &s->begun, BEGUN);
    s->reader = reader_new(w, s->blob.s, 0, 0);
    const struct key prefix = key_of(w, "stage/");
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix.s};
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &s->list));
}

void stage_must_be_untouched(struct world *w, struct stage *s, const char *after)
{
    CLAIM(blob_is(w, s->blob.s, &s->content), "after %s the blob is not what it was", after);
    CLAIM(!blob_exists(w, s->absent.s), "after %s there is a blob that was not there", after);
    CLAIM(w->p->upload_offset(s->upload) == BEGUN, "after %s the upload's offset is %llu, not %d",
          after, (unsigned long long)w->p->upload_offset(s->upload), BEGUN);
    upload_fill(w, s->upload, &s->begun, BEGUN + 10);
}

void stage_clear(struct world *w, struct stage *s)
{
    CALL(c);
    if (w->p->upload_abort(s->upload, &c.in) == REGSTORE_STATE && s->token[0] != '\0') {
        upload_end(w, s->upload); /* the verb was suspend */
        s->upload = upload_resume(w, s->token);
        EXPECT_OK(&c, w->p->upload_abort(s->upload, &c.in));
    }
    upload_end(w, s->upload);
    if (s->reader != NULL)
        w->p->read_close(s->reader);
    if (s->list != NULL)
        w->p->list_close(s->list);
    if (s->second != NULL)
        w->p->store_close(s->second);
    blob_delete(w, s->blob.s);
    blob_delete(w, s->absent.s);
}

struct regstore_purge_opts harmless_purge(void)
{
    const struct regstore_purge_opts opts = {.struct_size = sizeof opts,
                                             .flags = REGSTORE_PURGE_DRY_RUN,
                                             .older_than_s = UINT64_C(86400) * HUNDRED_YEARS_S};
    return opts;
}

static regstore_status go_store_open(struct world *w, struct stage *s,
                                     const struct regstore_call *call)
{
    const struct regstore_host host = world_host(w);
    return w->p->store_open(call, &host, w->backend->settings, w->backend->n, &s->second);
}

static regstore_status go_check(struct world *w, struct stage *s, const struct regstore_call *call)
{
    (void)s;
    return w->p->check(w->store, call, NULL);
}

static regstore_status go_upload_open(struct world *w, struct stage *s,
                                      const struct regstore_call *call)
{
    struct regstore_upload *u = NULL;
    (void)s;
    const regstore_status status = w->p->upload_open(w->store, call, NULL, &u);
    if (status == REGSTORE_OK)
        w->p->upload_close(u);
    return status;
}

static regstore_status go_upload_write(struct world *w, struct stage *s,
                                       const struct regstore_call *call)
{
    unsigned char bytes[16];
    content_fill(&s->begun, w->p->upload_offset(s->upload), bytes, sizeof bytes);
    return w->p->upload_write(s->upload, call, bytes, sizeof bytes);
}

static regstore_status go_upload_suspend(struct world *w, struct stage *s,
                                         const struct regstore_call *call)
{
    uint64_t kept = 0;
    return w->p->upload_suspend(s->upload, call, s->token, sizeof s->token, &kept);
}

static regstore_status go_upload_commit(struct world *w, struct stage *s,
                                        const struct regstore_call *call)
{
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = s->absent.s};
    return w->p->upload_commit(s->upload, call, &opts, NULL);
}

static regstore_status go_upload_abort(struct world *w, struct stage *s,
                                       const struct regstore_call *call)
{
    return w->p->upload_abort(s->upload, call);
}

static regstore_status go_read_open(struct world *w, struct stage *s,
                                    const struct regstore_call *call)
{
    struct regstore_reader *r = NULL;
    const regstore_status status = w->p->read_open(w->store, call, s->blob.s, NULL, &r, NULL);
    if (status == REGSTORE_OK)
        w->p->read_close(r);
    return status;
}

static regstore_status go_read_next(struct world *w, struct stage *s,
                                    const struct regstore_call *call)
{
    unsigned char buf[100];
    size_t got = 0;
    return w->p->read_next(s->reader, call, buf, sizeof buf, &got);
}

static regstore_status go_stat(struct world *w, struct stage *s, const struct regstore_call *call)
{
    struct regstore_stat st = STAT_INIT;
    return w->p->stat(w->store, call, s->blob.s, &st);
}

static regstore_status go_delete_blobs(struct world *w, struct stage *s,
                                       const struct regstore_call *call)
{
    const char *key = s->blob.s;
    return w->p->delete_blobs(w->store, call, &key, 1, NULL);
}

static regstore_status go_copy(struct world *w, struct stage *s, const struct regstore_call *call)
{
    return w->p->copy(w->store, call, s->blob.s, s->absent.s, NULL);
}

static regstore_status go_list_open(struct world *w, struct stage *s,
                                    const struct regstore_call *call)
{
    struct regstore_list *list = NULL;
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = s->blob.s};
    const regstore_status status = w->p->list_open(w->store, call, &opts, &list);
    if (status == REGSTORE_OK)
        w->p->list_close(list);
    return status;
}

static regstore_status go_list_next(struct world *w, struct stage *s,
                                    const struct regstore_call *call)
{
    char key[REGSTORE_KEY_MAX];
    return w->p->list_next(s->list, call, key, sizeof key, NULL);
}

static regstore_status go_presign(struct world *w, struct stage *s,
                                  const struct regstore_call *call)
{
    static char url[REGSTORE_URL_MAX];
    int64_t expires_ns = 0;
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .ttl_s = 60, .method = "GET"};
    return w->p->presign(w->store, call, s->blob.s, &opts, url, sizeof url, &expires_ns);
}

static regstore_status go_purge(struct world *w, struct stage *s, const struct regstore_call *call)
{
    struct regstore_purged out = {.struct_size = sizeof out};
    const struct regstore_purge_opts opts = harmless_purge();
    (void)s;
    return w->p->purge(w->store, call, &opts, &out);
}

const struct verb verbs[] = {
    {"store_open", false, go_store_open},
    {"check", true, go_check},
    {"upload_open", false, go_upload_open},
    {"upload_write", false, go_upload_write},
    {"upload_suspend", true, go_upload_suspend},
    {"upload_commit", true, go_upload_commit},
    {"upload_abort", false, go_upload_abort},
    {"read_open", true, go_read_open},
    {"read_next", false, go_read_next},
    {"stat", true, go_stat},
    {"delete_blobs", true, go_delete_blobs},
    {"copy", true, go_copy},
    {"list_open", false, go_list_open},
    {"list_next", false, go_list_next},
    {"presign", false, go_presign},
    {"purge", true, go_purge},
    {NULL, false, NULL},
};

bool verb_is_offered(const struct world *w, const struct verb *verb)
{
    if (verb->go == go_copy)
        return w->p->copy != NULL;
    if (verb->go == go_presign)
        return w->p->presign != NULL &&
               (w->p->store_features(w->store) & REGSTORE_F_PRESIGN_GET) != 0;
    return true;
}

void every_verb_once(struct world *w)
{
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        CALL(c);
        struct stage s;
        if (!verb_is_offered(w, verb) || verb->go == go_store_open)
            continue;
        stage_set(w, &s);
        EXPECT_SEEN(&c, verb->name, verb->go(w, &s, &c.in), REGSTORE_OK);
        stage_clear(w, &s);
    }
}
