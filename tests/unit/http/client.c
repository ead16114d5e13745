/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

void client_init(struct client *client)
{
    *client = (struct client){.options = {.loops = 1,
                                          .connections = 8,
                                          .attempts = 3,
                                          .connect_timeout_ms = 5000,
                                          .stall_timeout_ms = 10000}};
    client->options.host = &client->host;
}

void client_open(struct client *client)
{
    client->http = stss3_http_new(&client->options);
    ck_assert_ptr_nonnull(client->http);
}

void client_close(struct client *client)
{
    stss3_http_free(client->http);
    client->http = NULL;
}

static enum stss3_ready prepare(struct stss3_request *request)
{
    struct errand *errand = request->owner;
    ck_assert_uint_eq(request->url.len, 0);
    ck_assert_uint_eq(request->headers.len, 0);
    ck_assert_int_eq(request->error.status, REGSTORE_OK);
    atomic_fetch_add(&errand->prepared, 1);
    if (atomic_load(&errand->must_wait))
        return STSS3_WAIT;
    if (errand->url[0] == '\0') {
        plug_error_set(&request->error, REGSTORE_CONFIG, "no url");
        return STSS3_REFUSED;
    }
    plug_buf_str(&request->url, errand->url);
    if (errand->header != NULL)
        stss3_request_add_header(request, errand->header, errand->value);
    return STSS3_READY;
}

static enum stss3_verdict judge(struct stss3_request *request)
{
    struct errand *errand = request->owner;
    atomic_fetch_add(&errand->judged, 1);
    if (request->transport == STSS3_TRANSPORT_TOO_LONG) {
        plug_error_set(&request->error, REGSTORE_CORRUPT, "%s", request->transport_text);
        return STSS3_DONE;
    }
    if (request->transport != STSS3_TRANSPORT_NONE || request->http_status / 100 == 5) {
        plug_error_set(&request->error, REGSTORE_UNAVAILABLE, "%s", request->transport_text);
        request->error.retry_after_ms = errand->retry_after_ms;
        return STSS3_AGAIN;
    }
    if (request->http_status / 100 != 2)
        plug_error_set(&request->error,
                       request->http_status == 404 ? REGSTORE_NOT_FOUND : REGSTORE_INTERNAL,
                       "status %ld", request->http_status);
    return STSS3_DONE;
}

static void done(struct stss3_request *request)
{
    struct errand *errand = request->owner;
    atomic_fetch_add(&errand->done, 1);
    if (errand->cancels_itself)
        stss3_request_cancel(request);
    if (errand->next != NULL)
        stss3_request_start(errand->client->http, errand->next);
}

static void release(struct stss3_request *request)
{
    struct errand *errand = request->owner;
    atomic_fetch_add(&errand->released, 1);
}

static const struct stss3_request_hooks hooks = {prepare, judge, done, release};

struct stss3_request *errand_request(struct errand *errand, const char *method, const char *url)
{
    (void)snprintf(errand->url, sizeof errand->url, "%s", url);
    struct stss3_request *request = stss3_request_new(&hooks, errand, method, "Test");
    ck_assert_ptr_nonnull(request);
    return request;
}

regstore_status finish(struct stss3_request *request)
{
    struct plug_call call = {.deadline_ns = plug_now_ns() + 20000000000};
    ck_assert_int_eq(stss3_request_wait(request, &call), REGSTORE_OK);
    return request->error.status;
}

void drop(struct stss3_request *request)
{
    struct errand *errand = request->owner;
    const int64_t until_ms = now_ms() + 10000;
    stss3_request_unref(request);
    while (atomic_load(&errand->released) == 0)
        ck_assert_int_lt(now_ms(), until_ms);
    ck_assert_uint_eq(atomic_load(&errand->done), 1);
}

regstore_status start_and_finish(struct client *client, struct stss3_request *request)
{
    stss3_request_start(client->http, request);
    return finish(request);
}

int64_t now_ms(void)
{
    return plug_now_ns() / 1000000;
}
