/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STS's answers to AssumeRole.  Input: the answers, as wire.h has them.  Whatever comes: a whole
 * session that is not over, or an error; and no word of either's secrets in error or log.
 */
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "running.h"
#include "wire.h"

#define USER_SECRET "users-secret-that-nobody-may-see"

static const struct fuzz_input *input;

/* Of what the answers call a secret: long enough that no word of ours has it by chance. */
static bool is_secret(const char *text)
{
    static const char *const ours[] = {"AssumeRole", "sts_",    "https",   "amazonaws",
                                       "answer",     "session", "service", "regstore"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strstr(text, ours[i]) != NULL || strstr(ours[i], text) != NULL)
            return false;
    return strlen(text) >= 12;
}

static void on_log(void *ctx, int32_t level, const char *event, const struct regstore_pair *fields,
                   size_t n)
{
    (void)ctx;
    (void)level;
    FUZZ_HOLDS(fuzz_is_ascii(event));
    for (size_t i = 0; i < n; i++) {
        FUZZ_HOLDS(fuzz_is_printable(fields[i].value));
        FUZZ_HOLDS(strstr(fields[i].value, USER_SECRET) == NULL);
    }
}

static int64_t on_clock(void *ctx, int32_t which)
{
    (void)ctx;
    (void)which;
    return WIRE_NOW_NS;
}

/* Between two tags of the last answer, if it says them once and nothing else is in them: what a
 * reader without any idea of XML finds.  NULL: not so simple. */
static char *find_plainly(const char *name)
{
    char open[64] = "<";
    strncat(open, name, 40);
    strncat(open, ">", 2);
    const uint8_t *at = memmem(input->at, input->left, open, strlen(open));
    if (at == NULL)
        return NULL;
    struct fuzz_input rest = {at + strlen(open), input->left - (size_t)(at - input->at)};
    rest.left -= strlen(open);
    if (memmem(rest.at, rest.left, open, strlen(open)) != NULL)
        return NULL;
    const uint8_t *end = memchr(rest.at, '<', rest.left);
    if (end == NULL || memchr(rest.at, '&', (size_t)(end - rest.at)) != NULL)
        return NULL;
    return fuzz_copy(rest.at, (size_t)(end - rest.at));
}

static void check_session(const struct stss3_session *session)
{
    FUZZ_HOLDS(session->access_key[0] != '\0' && session->secret_key[0] != '\0' &&
               session->token[0] != '\0');
    FUZZ_HOLDS(session->end_ns > session->born_ns);
}

static void check_error(const struct plug_error *e)
{
    struct regstore_error error = {.retryable = e->retryable, .retry_after_ms = e->retry_after_ms};
    static const char *const secrets[] = {"SecretAccessKey", "SessionToken"};
    FUZZ_HOLDS(e->status != REGSTORE_OK);
    memcpy(error.code, e->code, sizeof error.code);
    memcpy(error.request_id, e->request_id, sizeof error.request_id);
    memcpy(error.message, e->message, sizeof error.message);
    fuzz_check_error(&error);
    FUZZ_HOLDS(strstr(error.message, USER_SECRET) == NULL);
    for (size_t i = 0; i < 2; i++) {
        char *secret = find_plainly(secrets[i]);
        const size_t len = secret == NULL ? 0 : strlen(secret);
        /* Unless the answer says it elsewhere too. */
        const uint8_t *first = len == 0 ? NULL : memmem(input->at, input->left, secret, len);
        const bool is_once =
            first != NULL &&
            memmem(first + 1, input->left - (size_t)(first - input->at) - 1, secret, len) == NULL;
        if (is_once && is_secret(secret))
            FUZZ_HOLDS(strstr(error.message, secret) == NULL);
        free(secret);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct regstore_host offer = {
        .struct_size = sizeof offer, .log = on_log, .clock_ns = on_clock};
    static const struct regstore_pair settings[] = {
        {"storage_path", "/data"},
        {"s3_bucket", "bucket"},
        {"sts_user_access_key", "AKIAUSERUSERUSER"},
        {"sts_user_secret_key", USER_SECRET},
        {"s3_region", "us-east-1"},
        {"sts_role_arn", "arn:aws:iam::123456789012:role/quay"},
    };
    const struct fuzz_input whole = {data, size};
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct plug_host host;
    struct stss3_config *config;
    struct stss3_session *session = NULL;
    input = &whole;
    wire_is_sts_real = true;
    wire_load(data, size);
    FUZZ_HOLDS(plug_host_init(&host, &call, &offer) == REGSTORE_OK);
    FUZZ_HOLDS(stss3_config_new(&call, settings, 6, &config) == REGSTORE_OK);
    struct stss3_running *running = stss3_running_new(config, &host);
    FUZZ_HOLDS(running != NULL);
    if (stss3_sessions_wait(running->sessions, &call, 0, &session) == REGSTORE_OK)
        check_session(session);
    else
        check_error(&call.error);
    stss3_session_unref(session);
    stss3_running_free(running);
    stss3_config_free(config);
    return 0;
}
