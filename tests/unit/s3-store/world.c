/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct regstore_plugin *regstore_plugin_v1(void);

static void keep_line(void *ctx, int32_t level, const char *event,
                      const struct regstore_pair *fields, size_t n)
{
    struct world *w = ctx;
    (void)level;
    pthread_mutex_lock(&w->lock);
    plug_buf_str(&w->log, event);
    for (size_t i = 0; i < n; i++)
        plug_buf_printf(&w->log, " %s=%s", fields[i].key, fields[i].value);
    plug_buf_char(&w->log, '\n');
    pthread_mutex_unlock(&w->lock);
}

static const char *url_of(struct server *server, char out[64])
{
    /* Port 1 of loopback: nobody listens there. */
    (void)snprintf(out, 64, "%s", server == NULL ? "http://127.0.0.1:1" : server_url(server, ""));
    return out;
}

void world_open_with(struct world *w, const struct server_step *s3, size_t n_s3,
                     const struct server_step *sts, size_t n_sts, const struct regstore_pair *more,
                     size_t n_more)
{
    char s3_url[64], sts_url[64];
    *w = (struct world){
        .host = {.struct_size = sizeof w->host, .ctx = w, .log = keep_line},
        .error = {.struct_size = sizeof w->error},
        .call = {.struct_size = sizeof w->call, .timeout_ms = 30000, .error = &w->error},
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    w->s3 = s3 == NULL ? NULL : server_start(s3, n_s3);
    w->sts = sts == NULL ? NULL : server_start(sts, n_sts);
    struct regstore_pair settings[24] = {
        {"storage_path", "/datastorage"},        {"s3_bucket", "bucket"},
        {"sts_user_access_key", "USER"},         {"sts_user_secret_key", USER_SECRET},
        {"endpoint_url", url_of(w->s3, s3_url)}, {"sts_endpoint_url", url_of(w->sts, sts_url)},
    };
    size_t n = 6;
    if (sts != NULL)
        settings[n++] =
            (struct regstore_pair){"sts_role_arn", "arn:aws:iam::123456789012:role/quay"};
    for (size_t i = 0; i < n_more; i++) {
        size_t at = 0;
        while (at < n && strcmp(settings[at].key, more[i].key) != 0)
            at++;
        settings[at] = more[i];
        n += at == n;
    }
    ck_assert_uint_le(n, COUNT(settings));
    w->plugin = regstore_plugin_v1();
    ck_assert_msg(w->plugin->store_open(&w->call, &w->host, settings, n, &w->store) == REGSTORE_OK,
                  "%s", w->error.message);
}

void world_open(struct world *w, const struct server_step *s3, size_t n_s3,
                const struct server_step *sts, size_t n_sts)
{
    world_open_with(w, s3, n_s3, sts, n_sts, NULL, 0);
}

void world_close(struct world *w)
{
    w->plugin->store_close(w->store);
    if (w->s3 != NULL)
        server_stop(w->s3);
    if (w->sts != NULL)
        server_stop(w->sts);
    plug_buf_clear(&w->log);
}

struct regstore_upload *world_upload(struct world *w, const char *key)
{
    struct regstore_upload *upload;
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_UPLOAD_SHA256, .key = key};
    ck_assert_int_eq(w->plugin->upload_open(w->store, &w->call, &opts, &upload), REGSTORE_OK);
    return upload;
}

void world_write(struct world *w, struct regstore_upload *upload, size_t len)
{
    char *bytes = malloc(len);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 'x', len);
    ck_assert_msg(w->plugin->upload_write(upload, &w->call, bytes, len) == REGSTORE_OK, "%s",
                  w->error.message);
    free(bytes);
}

void world_suspend(struct world *w, struct regstore_upload *upload, char token[REGSTORE_TOKEN_MAX],
                   uint64_t kept)
{
    uint64_t offset = UINT64_MAX;
    ck_assert_int_eq(
        w->plugin->upload_suspend(upload, &w->call, token, REGSTORE_TOKEN_MAX, &offset),
        REGSTORE_OK);
    ck_assert_uint_eq(offset, kept);
    ck_assert_uint_lt(strlen(token), REGSTORE_TOKEN_MAX);
    w->plugin->upload_close(upload);
}

regstore_status world_reopen(struct world *w, const char *token, struct regstore_upload **upload)
{
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    return w->plugin->upload_open(w->store, &w->call, &opts, upload);
}

unsigned world_count_logged(struct world *w, const char *text)
{
    unsigned count = 0;
    pthread_mutex_lock(&w->lock);
    for (const char *at = strstr(plug_buf_text(&w->log), text); at != NULL;
         at = strstr(at + 1, text))
        count++;
    pthread_mutex_unlock(&w->lock);
    return count;
}

bool world_has_logged(struct world *w, const char *text)
{
    return world_count_logged(w, text) != 0;
}

const char *sts_answer(char out[STS_ANSWER_MAX], const char *name, int64_t life_ms)
{
    struct timespec now;
    struct tm parts;
    char end[32];
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t end_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + life_ms;
    const time_t seconds = (time_t)(end_ms / 1000);
    gmtime_r(&seconds, &parts);
    (void)strftime(end, sizeof end, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(
        out, STS_ANSWER_MAX,
        ANSWER(
            "200 OK",
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
            "<AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/quay/%s"
            "</Arn></AssumedRoleUser><Credentials><AccessKeyId>ACCESS-%s</AccessKeyId>"
            "<SecretAccessKey>SECRET-%s</SecretAccessKey><SessionToken>TOKEN-%s</SessionToken>"
            "<Expiration>%s.%03dZ</Expiration></Credentials></AssumeRoleResult>"
            "</AssumeRoleResponse>"),
        name, name, name, name, end, (int)(end_ms % 1000));
    return out;
}
