/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numbers.h"
#include "timestamp.h"
#include "verdict.h"

#define IF_ABSENT "if-none-match"

void stss3_client_init(struct stss3_client *client, const struct stss3_config *config,
                       struct stss3_http *http, struct stss3_service_clock *clock,
                       struct stss3_sessions *sessions)
{
    memset(client, 0, sizeof *client);
    client->config = config;
    client->host = clock->host;
    client->http = http;
    client->clock = clock;
    client->sessions = sessions;
    stss3_retries_init(&client->retries, "s3");
    (void)pthread_mutex_init(&client->lock, NULL); /* cannot fail on Linux */
    memcpy(client->region, config->region, sizeof client->region);
    client->endpoint = config->s3;
    atomic_init(&client->refuses_part_copy, !config->provider->has_part_copy);
    atomic_init(&client->refuses_batch_delete, !config->provider->has_batch_delete);
    atomic_init(&client->lists_v1, config->provider->list_version == 1);
    atomic_init(&client->encodes_lists, config->provider->encodes_lists);
}

void stss3_client_clear(struct stss3_client *client)
{
    stss3_signing_key_clear(&client->signing_key);
    (void)pthread_mutex_destroy(&client->lock);
}

void stss3_client_target(struct stss3_client *client, struct stss3_target *t)
{
    pthread_mutex_lock(&client->lock);
    memcpy(t->region, client->region, sizeof t->region);
    t->tls = client->endpoint.tls;
    if (client->config->is_virtual_host)
        (void)snprintf(t->host, sizeof t->host, "%s.%s", client->config->bucket,
                       client->endpoint.authority);
    else
        (void)snprintf(t->host, sizeof t->host, "%s", client->endpoint.authority);
    pthread_mutex_unlock(&client->lock);
}

void stss3_client_presign_target(struct stss3_client *client, struct stss3_target *t)
{
    const struct stss3_config *c = client->config;
    stss3_client_target(client, t);
    if (!c->has_presign)
        return;
    t->tls = c->presign.tls;
    (void)snprintf(t->host, sizeof t->host, "%s%s%s", c->is_virtual_host ? c->bucket : "",
                   c->is_virtual_host ? "." : "", c->presign.authority);
}

/* Deriving a day's key costs four times a signature: the one that all share is copied out. */
static void borrow_key(struct stss3_client *client, const struct stss3_signer *signer,
                       int64_t now_ns, struct stss3_signing_key *key)
{
    pthread_mutex_lock(&client->lock);
    (void)stss3_signing_key_renew(&client->signing_key, signer, now_ns);
    *key = client->signing_key;
    pthread_mutex_unlock(&client->lock);
}

static size_t list_headers(const struct stss3_op *op, const char *host, struct stss3_header *out)
{
    size_t n = 0;
    out[n++] = (struct stss3_header){"host", host};
    const char *at = op->headers.data, *end = at == NULL ? NULL : at + op->headers.len;
    while (at < end && n < STSS3_SIGN_HEADERS) {
        out[n].name = at;
        at += strlen(at) + 1;
        out[n].value = at;
        at += strlen(at) + 1;
        n += !op->is_unconditional || strcmp(out[n].name, IF_ABSENT) != 0;
    }
    return n;
}

static bool sign(struct stss3_op *op, const struct stss3_target *t)
{
    struct stss3_request *r = op->request;
    const struct stss3_signer signer = {.access_key = op->session->access_key,
                                        .secret_key = op->session->secret_key,
                                        .session_token = op->session->token,
                                        .region = t->region,
                                        .service = "s3"};
    struct stss3_header headers[STSS3_SIGN_HEADERS];
    const struct stss3_sign_request request = {.method = r->method,
                                               .path = plug_buf_text(&op->path),
                                               .query = &op->query,
                                               .headers = headers,
                                               .n_headers = list_headers(op, t->host, headers),
                                               .payload_sha256 = op->payload_sha256,
                                               .flags = STSS3_SIGN_FOR_S3};
    const int64_t now_ns = r->stamp_ns = stss3_service_clock_now_ns(op->client->clock);
    struct stss3_signing_key key;
    struct stss3_signature signature = {0};
    borrow_key(op->client, &signer, now_ns, &key);
    const bool is_signed = stss3_sign_headers(&signer, &request, now_ns, &key, &signature);
    for (size_t i = 1; i < request.n_headers; i++)
        stss3_request_add_header(r, headers[i].name, headers[i].value);
    stss3_request_add_header(r, "x-amz-date", signature.amz_date);
    stss3_request_add_header(r, "x-amz-content-sha256", op->payload_sha256);
    if (signer.session_token != NULL)
        stss3_request_add_header(r, "x-amz-security-token", signer.session_token);
    stss3_request_add_header(r, "authorization", plug_buf_text(&signature.text));
    stss3_signature_clear(&signature);
    stss3_signing_key_clear(&key);
    return is_signed;
}

static void choose_target(const struct stss3_op *op, struct stss3_target *t)
{
    stss3_client_target(op->client, t);
    if (!op->has_detour)
        return;
    memcpy(t->host, op->detour.host, sizeof t->host);
    t->tls = op->detour.tls;
    if (op->detour.region[0] != '\0')
        memcpy(t->region, op->detour.region, sizeof t->region);
}

/* Nothing of it may be signed then: half a path is another one. */
static bool has_no_memory(const struct stss3_op *op)
{
    return plug_buf_failed(&op->path) || plug_buf_failed(&op->headers) ||
           plug_buf_failed(&op->body) || stss3_query_failed(&op->query);
}

static enum stss3_ready prepare(struct stss3_request *request)
{
    struct stss3_op *op = request->owner;
    if (has_no_memory(op)) {
        plug_error_set(&request->error, REGSTORE_NO_MEMORY, "out of memory");
        return STSS3_REFUSED;
    }
    struct stss3_target target;
    stss3_session_unref(op->session);
    op->session = NULL;
    const enum stss3_ready ready = stss3_sessions_get(
        op->client->sessions, request, &op->session_round, &op->session, &request->error);
    if (ready != STSS3_READY)
        return ready;
    choose_target(op, &target);
    plug_buf_printf(&request->url, "%s://%s", target.tls ? "https" : "http", target.host);
    plug_buf_add(&request->url, op->path.data, op->path.len);
    if (op->query.n != 0) {
        plug_buf_char(&request->url, '?');
        stss3_query_render(&op->query, &request->url);
    }
    if (sign(op, &target) && !plug_buf_failed(&request->url)) {
        op->sendings++;
        return STSS3_READY;
    }
    plug_error_set(&request->error, REGSTORE_NO_MEMORY, "out of memory");
    return STSS3_REFUSED;
}

/* What the answer says of the bucket's region; NULL: nothing that can be believed.  Only a region
 * of the same partition is: no credential leaves it. */
static const char *told_region(const struct stss3_op *op)
{
    const char *region = stss3_request_answer_header(op->request, "x-amz-bucket-region");
    if (region == NULL)
        region = op->said.region;
    return stss3_region_is_valid(region) &&
                   stss3_partition_of_region(region) ==
                       stss3_partition_of_region(op->client->config->region)
               ? region
               : NULL;
}

static void remember_region(struct stss3_client *client, const char *region)
{
    pthread_mutex_lock(&client->lock);
    const bool is_news = strcmp(client->region, region) != 0;
    (void)snprintf(client->region, sizeof client->region, "%s", region);
    stss3_config_endpoint(client->config, region, &client->endpoint);
    pthread_mutex_unlock(&client->lock);
    if (is_news)
        plug_log(client->host, REGSTORE_LOG_WARNING, "region",
                 PLUG_FIELDS({"bucket", client->config->bucket}, {"region", region},
                             {"message", "set s3_region to save a redirect"}));
}

/* The bucket may lie in another region than the one asked; S3 says where (RESTRedirect). */
static bool learn_region(struct stss3_op *op)
{
    const char *region = told_region(op);
    const long status = op->request->http_status;
    const bool is_elsewhere = status == 301 || status == 307 ||
                              strcmp(op->said.code, "AuthorizationHeaderMalformed") == 0 ||
                              strcmp(op->said.code, "IllegalLocationConstraintException") == 0 ||
                              (status == 400 && strcmp(op->request->method, "HEAD") == 0);
    if (!is_elsewhere || op->has_moved || region == NULL)
        return false;
    op->has_moved = true;
    remember_region(op->client, region);
    return true;
}

/* The path again, for a host with the bucket in its name in place of one without, or the other way
 * round. */
static void move_bucket(struct stss3_op *op)
{
    const struct stss3_config *c = op->client->config;
    struct plug_buf bucket = {0}, path = {0};
    plug_buf_char(&bucket, '/');
    stss3_uri_encode(&bucket, c->bucket, strlen(c->bucket), false);
    if (op->detour.is_virtual_host && !c->is_virtual_host && !op->path.failed && !bucket.failed)
        plug_buf_str(&path, op->path.len == bucket.len ? "/" : op->path.data + bucket.len);
    else
        plug_buf_printf(&path, "%s%s", plug_buf_text(&bucket),
                        op->path.len == 1 ? "" : plug_buf_text(&op->path));
    path.failed |= bucket.failed;
    plug_buf_clear(&bucket);
    plug_buf_clear(&op->path);
    op->path = path;
}

/* 307: S3 asks for this request at another host while a bucket is new.  It is signed anew for that
 * host, once, and only where our credentials may go. */
static bool follow(struct stss3_op *op, enum stss3_verdict *verdict)
{
    struct stss3_request *r = op->request;
    struct stss3_detour detour;
    if (r->transport != STSS3_TRANSPORT_NONE || r->http_status != 307 || op->has_detour)
        return false;
    switch (stss3_redirect_read(op->client->config, stss3_request_answer_header(r, "location"),
                                &detour)) {
    case STSS3_REDIRECT_NONE:
        return false;
    case STSS3_REDIRECT_FOREIGN:
        plug_error_set(&r->error, REGSTORE_CONFIG,
                       "%s: the answer redirects to a host outside the endpoint, where no "
                       "credential goes",
                       r->operation);
        r->error.http_status = 307;
        *verdict = STSS3_DONE;
        return true;
    case STSS3_REDIRECT_FOLLOW:
        break;
    }
    if (detour.region[0] == '\0' && told_region(op) != NULL)
        (void)snprintf(detour.region, sizeof detour.region, "%s", told_region(op));
    op->has_detour = true;
    op->detour = detour;
    if (detour.is_virtual_host != op->client->config->is_virtual_host)
        move_bucket(op);
    r->cause = "region";
    *verdict = STSS3_ANEW;
    return true;
}

/* AWS says ExpiredToken; Ceph says AccessDenied, so the clock has a say too. */
static bool is_session_over(const struct stss3_op *op)
{
    if (op->has_renewed || op->session == NULL || op->session->token == NULL)
        return false;
    return stss3_code_is_stale_session(op->said.code) ||
           (op->request->http_status == 403 &&
            stss3_sessions_may_be_over(op->client->sessions, op->session));
}

static bool is_without_a_word(const struct stss3_op *op)
{
    return op->request->http_status == 400 && op->said.code[0] == '\0' &&
           strcmp(op->request->method, "HEAD") == 0;
}

/* ExpiredToken is a 400, and to a HEAD it comes without a word.  It is believed once a minute: a
 * server that answers so for another reason would cost a session at each HEAD. */
static bool may_mean_that_session_is_over(const struct stss3_op *op)
{
    const int64_t now_ns = plug_now_ns();
    if (op->has_renewed || op->session == NULL || op->session->token == NULL ||
        !is_without_a_word(op))
        return false;
    const int64_t before_ns = atomic_load(&op->client->believed_ns);
    if (before_ns != 0 && now_ns - before_ns < STSS3_NS_PER_S * 60)
        return false;
    atomic_store(&op->client->believed_ns, now_ns);
    return true;
}

/* What lies between may ignore a Range, and then these would be other bytes than those asked for.
 */
static bool is_range_asked_for(const struct stss3_op *op)
{
    const char *range = stss3_request_answer_header(op->request, "content-range");
    /* Every S3 gives one; what has none is not of an S3, or is an error that came with 200. */
    if (stss3_request_answer_header(op->request, "etag") == NULL)
        return false;
    if (op->request->http_status != 206)
        return op->range_offset == 0 &&
               stss3_request_answer_header(op->request, "content-length") != NULL;
    uint64_t first, last, total;
    return range != NULL && stss3_content_range_parse(range, &first, &last, &total) &&
           first == op->range_offset;
}

/* Neither a read nor a PUT does harm twice. */
static enum stss3_verdict ask_again(struct stss3_request *request, regstore_status status,
                                    const char *words)
{
    plug_error_set(&request->error, status, "%s: the answer %s", request->operation, words);
    request->error.retryable = 1;
    return STSS3_AGAIN;
}

static enum stss3_verdict renew_session(struct stss3_op *op)
{
    op->has_renewed = true;
    op->request->cause = "session";
    stss3_sessions_drop(op->client->sessions, op->session);
    return STSS3_ANEW;
}

/* An answer of 2xx that holds no error. */
static enum stss3_verdict judge_good(struct stss3_op *op)
{
    struct stss3_request *request = op->request;
    if (op->has_detour && op->detour.region[0] != '\0') /* unlike the host it stays so */
        remember_region(op->client, op->detour.region);
    atomic_store(&op->client->is_region_known, true);
    if (op->is_range && !is_range_asked_for(op))
        return ask_again(request, REGSTORE_CORRUPT, "is not the range that was asked for");
    /* Every S3 gives one for what it has stored; without it that was somebody else. */
    if (op->is_chunk && stss3_request_answer_header(request, "etag") == NULL)
        return ask_again(request, REGSTORE_UNAVAILABLE, "has no ETag");
    return op->xml_root == NULL ? STSS3_DONE : stss3_verdict_whole(request, op->xml_root);
}

/* S3 says so as well of what is not there, to who may not list the bucket; and a HEAD has no body
 * that would tell the two apart. */
static void add_hint(struct stss3_op *op)
{
    struct plug_error *error = &op->request->error;
    const size_t len = strlen(error->message);
    const bool is_read = strcmp(op->request->operation, "HeadObject") == 0 || op->is_range;
    if (is_read && error->http_status == 403 &&
        (op->said.code[0] == '\0' || strcmp(op->said.code, "AccessDenied") == 0))
        (void)snprintf(error->message + len, sizeof error->message - len, "%s",
                       "; without s3:ListBucket S3 says so of a key that is not there as well");
}

/* A bucket with object lock, or a policy of its own, takes no body without a checksum.  Content-MD5
 * is what every server knows; a FIPS provider has none, and then AWS takes the SHA-256. */
static bool is_checksum_demanded(struct stss3_op *op)
{
    const bool is_said =
        (op->request->http_status == 400 && (strstr(op->said.message, "Content-MD5") != NULL ||
                                             strstr(op->said.message, "x-amz-checksum") != NULL)) ||
        strcmp(op->said.code, "MissingContentMD5") == 0;
    const bool is_body = strcmp(op->request->operation, "PutObject") == 0 ||
                         strcmp(op->request->operation, "UploadPart") == 0;
    if (!is_said || !is_body || op->sum.kind != STSS3_SUM_NONE)
        return false;
    if (!atomic_exchange(&op->client->demands_checksum, true))
        plug_log(op->client->host, REGSTORE_LOG_INFO, "checksum_demanded",
                 PLUG_FIELDS({"operation", op->request->operation}, {"code", op->said.code}));
    stss3_op_checksum(op, stss3_demanded_checksum());
    return true;
}

static bool has_header(const struct stss3_op *op, const char *name)
{
    const char *at = op->headers.data, *end = at == NULL ? NULL : at + op->headers.len;
    bool is_name = true;
    for (; at < end; at += strlen(at) + 1, is_name = !is_name)
        if (is_name && strcmp(at, name) == 0)
            return true;
    return false;
}

/* Not every server that is no AWS knows If-None-Match, and some refuse what they do not know. There
 * the key has been looked at before (F_ATOMIC_IF_ABSENT is not offered). */
static bool is_condition_refused(struct stss3_op *op)
{
    if (op->request->error.status != REGSTORE_UNSUPPORTED || op->is_unconditional ||
        op->client->config->is_aws_s3 || !has_header(op, IF_ABSENT))
        return false;
    op->is_unconditional = true;
    return true;
}

static enum stss3_verdict judge(struct stss3_request *request)
{
    struct stss3_op *op = request->owner;
    enum stss3_verdict verdict = stss3_verdict_judge(request, !op->is_range, &op->said);
    const bool is_off = stss3_service_clock_learn(op->client->clock, request, &op->said);
    const bool is_good = request->error.status == REGSTORE_OK;
    if (is_good)
        verdict = judge_good(op);
    stss3_verdict_redact(&request->error, op->session == NULL ? NULL : op->session->token);
    if (is_good)
        return verdict;
    add_hint(op);
    if (is_off)
        return STSS3_ANEW;
    if (is_checksum_demanded(op)) {
        request->cause = "checksum";
        return STSS3_ANEW;
    }
    if (is_condition_refused(op)) {
        request->cause = "condition";
        return STSS3_ANEW;
    }
    if (is_session_over(op))
        return renew_session(op);
    if (follow(op, &verdict))
        return verdict;
    if (learn_region(op)) {
        request->cause = "region";
        return STSS3_ANEW;
    }
    if (may_mean_that_session_is_over(op))
        return renew_session(op);
    if (is_without_a_word(op) && request->error.status == REGSTORE_INTERNAL)
        request->error.status = REGSTORE_DENIED; /* it does not take session or signature */
    return verdict;
}

static void done(struct stss3_request *request)
{
    struct stss3_op *op = request->owner;
    if (op->done != NULL)
        op->done(op, op->ctx);
}

static void release(struct stss3_request *request)
{
    struct stss3_op *op = request->owner;
    if (op->release != NULL)
        op->release(op->kept);
    stss3_session_unref(op->session);
    stss3_query_clear(&op->query);
    plug_buf_clear(&op->headers);
    plug_buf_clear(&op->body);
    plug_buf_clear(&op->path);
    free(op);
}

static const struct stss3_request_hooks hooks = {prepare, judge, done, release};

struct stss3_op *stss3_op_new(struct stss3_client *client, const char *method,
                              const char *operation, const char *key)
{
    const struct stss3_config *c = client->config;
    struct stss3_op *op = calloc(1, sizeof *op);
    if (op == NULL)
        return NULL;
    op->client = client;
    memcpy(op->payload_sha256, STSS3_EMPTY_SHA256, sizeof op->payload_sha256);
    plug_buf_char(&op->path, '/');
    if (!c->is_virtual_host) {
        stss3_uri_encode(&op->path, c->bucket, strlen(c->bucket), false);
        if (key != NULL)
            plug_buf_char(&op->path, '/');
    }
    if (key != NULL) {
        stss3_uri_encode(&op->path, c->root, strlen(c->root), true);
        stss3_uri_encode(&op->path, key, strlen(key), true);
    }
    op->request = stss3_request_new(&hooks, op, method, operation);
    if (op->request == NULL) {
        plug_buf_clear(&op->path);
        free(op);
        return NULL;
    }
    op->request->retries = &client->retries;
    return op;
}

void stss3_op_header(struct stss3_op *op, const char *name, const char *value)
{
    if (value == NULL)
        return;
    plug_buf_add(&op->headers, name, strlen(name) + 1);
    plug_buf_add(&op->headers, value, strlen(value) + 1);
}

void stss3_op_send_body(struct stss3_op *op)
{
    op->request->body = (const uint8_t *)op->body.data;
    op->request->body_len = op->body.len;
    stss3_sha256_hex(op->body.data, op->body.len, op->payload_sha256);
}

/* In memory or, spilled, in a file. */
static bool sum_body(const struct stss3_request *r, struct stss3_summing *s)
{
    uint8_t buf[64 * 1024];
    if (r->body_fd < 0)
        return stss3_summing_add(s, r->body, (size_t)r->body_len);
    for (uint64_t at = 0; at < r->body_len;) {
        const uint64_t left = r->body_len - at;
        const ssize_t n = pread(r->body_fd, buf, left < sizeof buf ? (size_t)left : sizeof buf,
                                (off_t)(r->body_at + at));
        if (n <= 0 || !stss3_summing_add(s, buf, (size_t)n))
            return false;
        at += (uint64_t)n;
    }
    return true;
}

/* The request is signed with it, so that is enough to say. */
static bool take_payload_hash(const struct stss3_op *op, struct stss3_sum *sum)
{
    sum->kind = STSS3_SUM_SHA256;
    for (size_t i = 0; i < STSS3_SUM_BYTES; i++) {
        const char pair[3] = {op->payload_sha256[2 * i], op->payload_sha256[2 * i + 1], '\0'};
        sum->bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

void stss3_op_checksum(struct stss3_op *op, enum stss3_checksum kind)
{
    struct plug_buf text = {0};
    if (kind == STSS3_SUM_NONE)
        return;
    struct stss3_summing *s = kind == STSS3_SUM_SHA256 ? NULL : stss3_summing_new(kind);
    const bool ok = kind == STSS3_SUM_SHA256
                        ? take_payload_hash(op, &op->sum)
                        : s != NULL && sum_body(op->request, s) && stss3_summing_end(s, &op->sum);
    stss3_summing_free(s);
    stss3_sum_base64(&op->sum, &text);
    stss3_op_header(op, stss3_sum_header(kind), plug_buf_text(&text));
    op->headers.failed |= !ok || text.failed;
    plug_buf_clear(&text);
}

void stss3_op_drop(struct stss3_op *op)
{
    if (op != NULL)
        stss3_request_unref(op->request);
}

void stss3_op_start(struct stss3_op *op)
{
    struct stss3_request *request = op->request;
    stss3_request_start(op->client->http, request);
    stss3_request_unref(request);
}

regstore_status stss3_op_run(struct stss3_op *op, struct plug_call *call)
{
    TRY(plug_call_check(call));
    stss3_request_start(op->client->http, op->request);
    const regstore_status status = stss3_request_wait(op->request, call);
    if (status != REGSTORE_OK) {
        stss3_request_cancel(op->request);
        return status;
    }
    if (op->request->error.status != REGSTORE_OK)
        return plug_call_adopt(call, &op->request->error);
    return REGSTORE_OK;
}

void stss3_copy_source(const struct stss3_client *client, const char *key, struct plug_buf *out)
{
    const struct stss3_config *c = client->config;
    plug_buf_char(out, '/');
    stss3_uri_encode(out, c->bucket, strlen(c->bucket), false);
    plug_buf_char(out, '/');
    stss3_uri_encode(out, c->root, strlen(c->root), true);
    stss3_uri_encode(out, key, strlen(key), true);
}
