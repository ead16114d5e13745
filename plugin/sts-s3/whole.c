/* SPDX-License-Identifier: Apache-2.0 */
#include "whole.h"

#include <stdio.h>
#include <string.h>

bool stss3_whole_may_ask(const struct stss3_client *client)
{
    return stss3_sum_algorithm(client->config->checksum) != NULL;
}

bool stss3_whole_ask(struct stss3_whole *whole, struct stss3_client *client, const char *key,
                     const struct stss3_object *object)
{
    struct stss3_op *op = stss3_op_new(client, "HEAD", "HeadObject", key);
    char quoted[160];
    if (op == NULL)
        return false;
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", object->etag);
    stss3_op_header(op, "if-match", quoted);
    stss3_op_header(op, "x-amz-checksum-mode", "ENABLED");
    whole->question = op;
    stss3_request_start(client->http, op->request);
    return true;
}

/* NULL, or why the answer does not speak of this object. */
static const char *why_unheard(const struct stss3_request *request,
                               const struct stss3_object *object)
{
    struct stss3_object seen;
    if (request->error.status != REGSTORE_OK)
        return request->error.message;
    stss3_object_read(request, &seen);
    return strcmp(seen.etag, object->etag) == 0 && seen.length == object->length
               ? NULL
               : "HeadObject: the answer is of another object";
}

regstore_status stss3_whole_hear(struct stss3_whole *whole, struct plug_call *call, const char *key,
                                 const struct stss3_object *object)
{
    struct stss3_op *op = whole->question;
    if (op == NULL)
        return REGSTORE_OK;
    TRY(stss3_request_wait(op->request, call));
    const char *why = why_unheard(op->request, object);
    if (why == NULL)
        TRY(stss3_whole_take(whole, call, op->request));
    else
        plug_log(op->client->host, REGSTORE_LOG_WARNING, "unverified",
                 PLUG_FIELDS({"key", key}, {"message", why}));
    stss3_op_drop(op);
    whole->question = NULL;
    return REGSTORE_OK;
}

regstore_status stss3_whole_take(struct stss3_whole *whole, struct plug_call *call,
                                 const struct stss3_request *request)
{
    struct stss3_sum due;
    if (!stss3_sum_told(request, &due))
        return REGSTORE_OK;
    whole->summing = stss3_summing_new(due.kind);
    if (whole->summing == NULL)
        return plug_no_memory(call);
    whole->due = due;
    return REGSTORE_OK;
}

regstore_status stss3_whole_add(struct stss3_whole *whole, struct plug_call *call, const void *data,
                                size_t len)
{
    return stss3_summing_add(whole->summing, data, len)
               ? REGSTORE_OK
               : plug_fail(call, REGSTORE_INTERNAL, "GetObject: the bytes could not be summed");
}

regstore_status stss3_whole_end(struct stss3_whole *whole, struct plug_call *call)
{
    struct stss3_sum is;
    if (whole->summing != NULL) {
        if (!stss3_summing_end(whole->summing, &is))
            return plug_fail(call, REGSTORE_INTERNAL, "GetObject: the bytes could not be summed");
        whole->is_spoilt = memcmp(is.bytes, whole->due.bytes, sizeof is.bytes) != 0;
        stss3_summing_free(whole->summing);
        whole->summing = NULL;
    }
    return whole->is_spoilt ? plug_fail(call, REGSTORE_CORRUPT,
                                        "GetObject: the bytes are others than their checksum says")
                            : REGSTORE_OK;
}

void stss3_whole_clear(struct stss3_whole *whole)
{
    if (whole->question != NULL)
        stss3_request_cancel(whole->question->request);
    stss3_op_drop(whole->question);
    stss3_summing_free(whole->summing);
    *whole = (struct stss3_whole){0};
}
