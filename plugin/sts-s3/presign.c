/* SPDX-License-Identifier: Apache-2.0 */
/* URLs that a client may use without credentials, for as long as the session lives at the most. */
#include <stdio.h>
#include <string.h>

#include "key.h"
#include "objects.h"
#include "store.h"
#include "timestamp.h"

#define TTL_MAX_S 604800 /* S3 takes no more */

static regstore_status check_opts(struct stss3_store *s, struct plug_call *call, const char *key,
                                  const struct regstore_presign_opts *o)
{
    TRY(plug_take_flags(call, o->flags, 0, "presign_opts"));
    if (o->method == NULL || (strcmp(o->method, "GET") != 0 && strcmp(o->method, "HEAD") != 0 &&
                              strcmp(o->method, "PUT") != 0))
        return plug_fail(call, REGSTORE_INVALID, "method must be GET, HEAD or PUT");
    const bool is_put = strcmp(o->method, "PUT") == 0;
    TRY(is_put ? plug_key_check_target(call, key, "key") : plug_key_check(call, key, "key"));
    TRY(stss3_key_length(s, call, key, "key"));
    if (o->ttl_s == 0)
        return plug_fail(call, REGSTORE_INVALID, "ttl_s is 0");
    for (const char *p = o->content_type; p != NULL && *p != '\0'; p++)
        if (!is_put || *p < ' ' || *p > '~' || p - o->content_type > 255)
            return plug_fail(call, REGSTORE_INVALID,
                             "content_type is for PUT, printable ASCII of at most 255 bytes");
    return REGSTORE_OK;
}

/* Seconds that the URL may live: asked for, S3's limit, and what is left of the session. */
static uint64_t clamp_ttl(const struct stss3_sessions *sessions,
                          const struct stss3_session *session, uint64_t ttl_s)
{
    uint64_t ttl = ttl_s < TTL_MAX_S ? ttl_s : TTL_MAX_S;
    const int64_t end_ns = stss3_sessions_end_ns(sessions, session);
    if (end_ns == INT64_MAX)
        return ttl;
    const int64_t left_s = (end_ns - plug_now_ns()) / STSS3_NS_PER_S;
    return left_s < (int64_t)ttl ? (left_s < 1 ? 1 : (uint64_t)left_s) : ttl;
}

static regstore_status write_url(struct stss3_store *s, struct plug_call *call, const char *key,
                                 const struct regstore_presign_opts *o,
                                 const struct stss3_session *session, uint64_t ttl_s,
                                 int64_t now_ns, struct plug_buf *url)
{
    struct stss3_op *op =
        stss3_op_new(&s->running->client, "GET", "Presign", key); /* for its path */
    struct stss3_target target;
    struct stss3_signing_key signing_key = {0};
    struct stss3_signature signature = {0};
    if (op == NULL || op->path.failed) {
        stss3_op_drop(op);
        return plug_no_memory(call);
    }
    stss3_client_presign_target(&s->running->client, &target);
    const struct stss3_signer signer = {session->access_key, session->secret_key, session->token,
                                        target.region, "s3"};
    const struct stss3_header headers[] = {{"host", target.host},
                                           {"content-type", o->content_type}};
    const struct stss3_sign_request request = {.method = o->method,
                                               .path = plug_buf_text(&op->path),
                                               .headers = headers,
                                               .n_headers = o->content_type == NULL ? 1 : 2,
                                               .payload_sha256 = STSS3_UNSIGNED_PAYLOAD,
                                               .flags = STSS3_SIGN_FOR_S3};
    const bool ok =
        stss3_sign_query(&signer, &request, now_ns, (uint32_t)ttl_s, &signing_key, &signature);
    plug_buf_printf(url, "%s://%s%s?%s", target.tls ? "https" : "http", target.host,
                    plug_buf_text(&op->path), plug_buf_text(&signature.text));
    url->failed |= !ok;
    stss3_signature_clear(&signature);
    stss3_signing_key_clear(&signing_key);
    stss3_op_drop(op);
    return url->failed ? plug_no_memory(call) : REGSTORE_OK;
}

/* That the bucket lies in another region than was thought is told to whoever follows a URL, and not
 * to us: a process that does nothing but presign would never learn it.  So S3 is asked, once, where
 * the region was assumed and where it is AWS, which moves nobody's requests on; unless S3 has
 * answered. */
static regstore_status find_region(struct stss3_store *s, struct plug_call *call)
{
    struct stss3_client *client = &s->running->client;
    int64_t service_ns;
    const bool is_doubtful =
        s->config->is_region_assumed || stss3_provider_is_aws(s->config->provider);
    if (!is_doubtful || atomic_load(&client->is_region_known))
        return REGSTORE_OK;
    const regstore_status status = stss3_head_bucket(client, call, &service_ns);
    TRY(plug_call_check(call));
    if (s->config->is_region_assumed && status != REGSTORE_OK && status != REGSTORE_DENIED &&
        status != REGSTORE_NOT_FOUND)
        return status; /* a region that was set is better than no URL, and than asking each time */
    atomic_store(&client->is_region_known, true); /* a refusal comes from the right place too */
    return REGSTORE_OK;
}

static regstore_status presign(struct stss3_store *s, struct plug_call *call, const char *key,
                               const struct regstore_presign_opts *opts, struct plug_buf *url,
                               int64_t *expires_ns)
{
    struct regstore_presign_opts o;
    struct stss3_session *session = NULL;
    TRY(plug_take(call, &o, sizeof o, opts, "presign_opts"));
    TRY(check_opts(s, call, key, &o));
    TRY(stss3_store_enter(s, call));
    TRY(find_region(s, call));
    TRY(stss3_sessions_wait(s->running->sessions, call, o.min_ttl_s, &session));
    const uint64_t ttl_s = clamp_ttl(s->running->sessions, session, o.ttl_s);
    const int64_t now_ns = stss3_service_clock_now_ns(&s->running->clocks.s3);
    const regstore_status status = write_url(s, call, key, &o, session, ttl_s, now_ns, url);
    stss3_session_unref(session);
    /* S3 counts whole seconds from the X-Amz-Date that it is given. */
    *expires_ns = (now_ns / STSS3_NS_PER_S + (int64_t)ttl_s) * STSS3_NS_PER_S;
    return status;
}

regstore_status stss3_presign(struct regstore_store *store, const struct regstore_call *call,
                              const char *key, const struct regstore_presign_opts *opts, char *url,
                              size_t cap, int64_t *expires_ns)
{
    struct plug_call c;
    struct plug_buf text = {0};
    int64_t expires = 0;
    regstore_status status = plug_call_begin(&c, call);
    plug_call_measure(&c, &stss3_store_of(store)->host, "presign");
    if (status == REGSTORE_OK && (url == NULL || cap < REGSTORE_URL_MAX))
        status =
            plug_fail(&c, REGSTORE_RANGE, "a URL needs a buffer of %d bytes", REGSTORE_URL_MAX);
    if (status == REGSTORE_OK)
        status = presign(stss3_store_of(store), &c, key, opts, &text, &expires);
    if (status == REGSTORE_OK && text.len >= cap)
        status = plug_fail(&c, REGSTORE_RANGE, "the URL is longer than %d bytes", REGSTORE_URL_MAX);
    if (status == REGSTORE_OK) {
        memcpy(url, text.data, text.len + 1);
        if (expires_ns != NULL)
            *expires_ns = expires;
    }
    plug_buf_wipe(&text);
    return plug_call_end(&c, status);
}
