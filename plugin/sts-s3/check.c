/* SPDX-License-Identifier: Apache-2.0 */
/* check: each thing that a push needs, tried in turn, and for what fails what to change, in the
 * words of the Quay manual's chapter on STS. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "advice.h"
#include "bytes.h"
#include "chain.h"
#include "key.h"
#include "listing.h"
#include "objects.h"
#include "store.h"
#include "timestamp.h"
#include "user_request.h"

static const char PROBE[] = "written by regstore check, and deleted by it\n";

struct check {
    struct stss3_store *store;
    struct stss3_running *running;
    struct plug_call *call;
    struct regstore_check_opts opts;
    char probe[64];
};

static void tell(const struct check *c, const char *name, regstore_status status, const char *found,
                 const char *advice)
{
    if (c->opts.step != NULL)
        c->opts.step(c->opts.ctx, name, status, found, advice == NULL ? "" : advice);
}

/* What failed, in the service's words, and what to look at. */
static regstore_status tell_failure(const struct check *c, const char *name, regstore_status status,
                                    const char *advice)
{
    tell(c, name, status, c->call->error.message, advice);
    return status;
}

static void write_time(int64_t ns, char out[32])
{
    const time_t seconds = (time_t)(ns / STSS3_NS_PER_S);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        (void)snprintf(out, 32, "an unknown time");
}

/* What works and is worth a change all the same. */
static regstore_status check_settings(struct check *c)
{
    const struct stss3_config *config = c->store->config;
    struct plug_buf advice = {0};
    char found[700];
    if (!stss3_advice_settings(config, &advice)) {
        plug_buf_clear(&advice);
        return plug_no_memory(c->call);
    }
    (void)snprintf(found, sizeof found,
                   "S3 is %s, taken for %s (provider '%s', %s), STS is %s, region %s",
                   config->s3.authority, config->provider->title, config->provider->name,
                   config->is_provider_named ? "as set" : "by its host",
                   config->role_arn == NULL ? "not asked" : config->sts.authority, config->region);
    tell(c, "settings", REGSTORE_OK, found, plug_buf_text(&advice));
    plug_buf_clear(&advice);
    return REGSTORE_OK;
}

static enum stss3_keys_are try_keys(const struct check *c)
{
    const struct stss3_user_ask ask = {c->store->config, &c->running->clocks, c->running->http,
                                       stss3_chain_user(c->running->sessions)};
    struct plug_call call = *c->call; /* its words are about the session, and stay so */
    const regstore_status status = stss3_user_list_buckets(&ask, &call);
    if (status == REGSTORE_OK)
        return STSS3_KEYS_GOOD;
    return status == REGSTORE_DENIED ? STSS3_KEYS_BAD : STSS3_KEYS_UNKNOWN;
}

static regstore_status tell_no_session(struct check *c, regstore_status status)
{
    const struct stss3_config *config = c->store->config;
    const struct plug_error *error = &c->call->error;
    const enum stss3_keys_are keys =
        stss3_advice_needs_keys(config, error) ? try_keys(c) : STSS3_KEYS_UNKNOWN;
    return tell_failure(c, "session", status, stss3_advice_session(config, error, keys));
}

static regstore_status check_session(struct check *c)
{
    const struct stss3_config *config = c->store->config;
    struct stss3_session *session = NULL;
    char found[900], until[32];
    const regstore_status status = stss3_sessions_wait(c->running->sessions, c->call, 0, &session);
    if (status != REGSTORE_OK)
        return tell_no_session(c, status);
    if (session->token == NULL) {
        (void)snprintf(found, sizeof found,
                       "no sts_role_arn: S3 is asked with the user's own keys, from: %s",
                       stss3_sessions_name(c->running->sessions));
    } else if (session->role_arn == NULL) {
        write_time(session->expires_ns, until);
        (void)snprintf(found, sizeof found, "no sts_role_arn: credentials until %s, from: %s",
                       session->expires_ns == INT64_MAX ? "nobody knows when" : until,
                       stss3_sessions_name(c->running->sessions));
    } else {
        write_time(session->expires_ns, until);
        (void)snprintf(found, sizeof found, "%s until %s, from STS at %s; credentials from: %s",
                       session->role == NULL || session->role[0] == '\0' ? session->role_arn
                                                                         : session->role,
                       until, config->sts.authority, stss3_sessions_name(c->running->sessions));
    }
    stss3_session_unref(session);
    tell(c, "session", REGSTORE_OK, found, NULL);
    return REGSTORE_OK;
}

/* How many seconds our clock is ahead of the service's. */
static int64_t clock_gap_s(const struct check *c, int64_t service_ns)
{
    return service_ns == 0 ? 0
                           : (plug_host_clock_ns(&c->store->host) - service_ns) / STSS3_NS_PER_S;
}

static void check_clock(struct check *c, int64_t gap_s)
{
    char found[128];
    (void)snprintf(found, sizeof found, "this machine's clock is %" PRId64 " s %s S3's",
                   gap_s < 0 ? -gap_s : gap_s, gap_s < 0 ? "behind" : "ahead of");
    const bool is_told = gap_s < -STSS3_CLOCK_TOLD_S || gap_s > STSS3_CLOCK_TOLD_S;
    tell(c, "clock", REGSTORE_OK, found, is_told ? stss3_advice_clock() : NULL);
}

static regstore_status check_bucket(struct check *c)
{
    const struct stss3_config *config = c->store->config;
    struct stss3_target target;
    char found[900], advice[128] = "";
    int64_t service_ns;
    const regstore_status status = stss3_head_bucket(&c->running->client, c->call, &service_ns);
    if (status != REGSTORE_OK) {
        (void)snprintf(found, sizeof found, "s3_bucket '%s': %s", config->bucket,
                       c->call->error.message);
        tell(c, "bucket", status, found, stss3_advice_bucket(&c->call->error));
        return status;
    }
    stss3_client_target(&c->running->client, &target);
    (void)snprintf(found, sizeof found, "'%s' at %s, region %s, path '%s'", config->bucket,
                   target.host, target.region, config->root);
    if (strcmp(target.region, config->region) != 0)
        (void)snprintf(advice, sizeof advice, "set s3_region: %s, to save a redirect",
                       target.region);
    tell(c, "bucket", REGSTORE_OK, found, advice);
    check_clock(c, clock_gap_s(c, service_ns));
    return REGSTORE_OK;
}

static regstore_status check_list(struct check *c)
{
    struct stss3_listing l;
    if (!stss3_listing_init(&l, &c->running->client, "", "", true, 10))
        return plug_no_memory(c->call);
    const regstore_status status = stss3_listing_next(&l, c->call);
    const bool is_empty = l.n == 0;
    stss3_listing_clear(&l);
    if (status != REGSTORE_OK)
        return tell_failure(c, "list", status, "the role needs s3:ListBucket on the bucket (12.2)");
    tell(c, "list", REGSTORE_OK,
         is_empty ? "nothing is stored yet"
                  : "there is something under storage_path; uploads/ is seen only while an upload "
                    "is under way",
         NULL);
    return REGSTORE_OK;
}

static regstore_status check_write(struct check *c)
{
    char uuid[37], sha256[STSS3_SHA256_HEX];
    const struct stss3_meta meta = {.content_type = "text/plain"};
    struct stss3_chunk *chunk = stss3_chunk_new(c->running->budget, sizeof PROBE);
    const size_t len = sizeof PROBE - 1;
    if (chunk == NULL || !stss3_chunk_receive(chunk, len, true) || !plug_uuid(uuid)) {
        stss3_chunk_unref(chunk);
        return plug_no_memory(c->call);
    }
    stss3_sha256_hex(PROBE, len, sha256);
    memcpy(stss3_chunk_data(chunk), PROBE, len);
    (void)snprintf(c->probe, sizeof c->probe, PLUG_UPLOADS "check-%s", uuid);
    const regstore_status status =
        stss3_put(&c->running->client, c->call, c->probe, chunk, sha256, &meta, NULL);
    stss3_chunk_unref(chunk);
    if (status != REGSTORE_OK)
        return tell_failure(c, "write", status,
                            "the role needs s3:PutObject on the bucket's objects (12.2); where "
                            "encryption is refused, set server_side_encryption: none");
    tell(c, "write", REGSTORE_OK, c->probe, NULL);
    return REGSTORE_OK;
}

static regstore_status check_read(struct check *c)
{
    const size_t len = sizeof PROBE - 1;
    struct stss3_chunk *chunk = stss3_chunk_new(c->running->budget, sizeof PROBE);
    struct stss3_op *op = NULL;
    if (chunk != NULL && stss3_chunk_receive(chunk, len, true))
        op = stss3_get_new(&c->running->client, c->probe, 0, len, NULL, chunk);
    regstore_status status = op == NULL ? plug_no_memory(c->call) : stss3_op_run(op, c->call);
    if (status == REGSTORE_OK &&
        (op->request->sink_len != len || memcmp(stss3_chunk_data(chunk), PROBE, len) != 0))
        status = plug_fail(c->call, REGSTORE_CORRUPT, "other bytes came back than were written");
    stss3_op_drop(op);
    stss3_chunk_unref(chunk);
    if (status != REGSTORE_OK)
        return tell_failure(c, "read", status,
                            "the role needs s3:GetObject on the bucket's objects (12.2)");
    tell(c, "read", REGSTORE_OK, "the same bytes came back", NULL);
    return REGSTORE_OK;
}

static regstore_status check_delete(struct check *c)
{
    const regstore_status status = stss3_delete(&c->running->client, c->call, c->probe);
    if (status != REGSTORE_OK)
        return tell_failure(c, "delete", status,
                            "the role needs s3:DeleteObject on the bucket's objects (12.2)");
    tell(c, "delete", REGSTORE_OK, "the probe is gone again", NULL);
    return REGSTORE_OK;
}

static regstore_status run_steps(struct check *c)
{
    c->running = c->store->running;
    TRY(check_settings(c));
    TRY(check_session(c));
    TRY(check_bucket(c));
    TRY(check_list(c));
    if ((c->opts.flags & REGSTORE_CHECK_WRITE) == 0)
        return REGSTORE_OK;
    TRY(check_write(c));
    const regstore_status status = check_read(c);
    const struct plug_error words = c->call->error;
    TRY(check_delete(c)); /* also after a read that failed */
    return status == REGSTORE_OK ? REGSTORE_OK : plug_call_adopt(c->call, &words);
}

regstore_status stss3_check(struct regstore_store *store, const struct regstore_call *call,
                            const struct regstore_check_opts *opts)
{
    struct plug_call pc;
    struct check c = {.store = stss3_store_of(store), .call = &pc};
    regstore_status status = plug_call_begin(&pc, call);
    plug_call_measure(&pc, &stss3_store_of(store)->host, "check");
    if (status == REGSTORE_OK)
        status = plug_take(&pc, &c.opts, sizeof c.opts, opts, "check_opts");
    if (status == REGSTORE_OK)
        status = plug_take_flags(&pc, c.opts.flags, REGSTORE_CHECK_WRITE, "check_opts");
    if (status == REGSTORE_OK)
        status = stss3_store_enter(c.store, &pc);
    if (status == REGSTORE_OK)
        status = run_steps(&c);
    return plug_call_end(&pc, status);
}
