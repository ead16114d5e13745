/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer. */
#include "exchange.h"

#include "clock.h"
#include "codec.h"
#include "errors.h"
#include "strike.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t server_now_ms(const struct server *s)
{
    return real_time_ms() + (int64_t)atomic_load(&s->clock_offset_ms);
}

bool is_refused(const struct exchange *x)
{
    return x->answer.code != NULL;
}

bool refuse_saying(struct exchange *x, const char *code, const char *format, ...)
{
    struct answer *a = &x->answer;
    const struct error_kind *kind = error_kind(code);
    struct text message = {0};
    va_list arguments;
    char *words = NULL;

    va_start(arguments, format);
    if (vasprintf(&words, format, arguments) < 0)
        abort();
    va_end(arguments);
    text_add(&message, words);
    free(words);
    free(a->code);
    free(a->message);
    text_clear(&a->details);
    object_drop(a->object);
    a->object = NULL;
    a->code = copy_text(code);
    a->message = text_take(&message);
    a->status = kind == NULL ? 500 : kind->status;
    return false;
}

bool refuse(struct exchange *x, const char *code)
{
    const struct error_kind *kind = error_kind(code);
    return refuse_saying(x, code, "%s", kind == NULL ? code : kind->message);
}

void refuse_detail(struct exchange *x, const char *name, const char *value)
{
    xml_element(&x->answer.details, name, value);
}

const char *header(const struct exchange *x, const char *name)
{
    return fields_get(&x->headers, name);
}

const char *parameter(const struct exchange *x, const char *name)
{
    return fields_get_exact(&x->query, name);
}

void answer_header(struct exchange *x, const char *name, const char *value)
{
    fields_set(&x->answer.headers, name, value);
}

void answer_xml_start(struct exchange *x, const char *root)
{
    x->answer.status = 200;
    answer_header(x, "Content-Type", "application/xml");
    text_format(&x->answer.body,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<%s xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
                root);
}

void answer_xml_end(struct exchange *x, const char *root)
{
    text_format(&x->answer.body, "</%s>", root);
}

static void write_sts_error(struct exchange *x)
{
    struct answer *a = &x->answer;
    text_add(&a->body, "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
                       "  <Error>\n    <Type>Sender</Type>\n    ");
    xml_element(&a->body, "Code", a->code);
    text_add(&a->body, "\n    ");
    xml_element(&a->body, "Message", a->message);
    text_format(&a->body,
                "\n  </Error>\n  <RequestId>%s-0000-4000-8000-%s</RequestId>\n</ErrorResponse>\n",
                x->request_id + 8, x->request_id);
    answer_header(x, "Content-Type", "text/xml");
}

static void write_s3_error(struct exchange *x)
{
    struct answer *a = &x->answer;
    text_add(&a->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    xml_element(&a->body, "Code", a->code);
    xml_element(&a->body, "Message", a->message);
    text_add(&a->body, text_str(&a->details));
    xml_element(&a->body, "RequestId", x->request_id);
    xml_element(&a->body, "HostId", "host/of+" ACCOUNT "=");
    text_add(&a->body, "</Error>");
    answer_header(x, "Content-Type", "application/xml");
}

static bool damage_etag(struct exchange *x, enum fault_action action)
{
    struct answer *a = &x->answer;
    static const char wrong[] = "\"00000000000000000000000000000000\"";
    const char *etag = action == FAULT_ETAG ? wrong : "";
    const bool has_header = fields_get(&a->headers, "ETag") != NULL;
    if (has_header)
        answer_header(x, "ETag", etag);

    const char *text = text_str(&a->body);
    const char *start = strstr(text, "<ETag>"), *end = strstr(text, "</ETag>");
    if (start == NULL || end == NULL)
        return has_header;
    struct text body = {0};
    text_add_n(&body, text, (size_t)(start - text));
    if (action != FAULT_NO_ETAG) {
        text_add(&body, "<ETag>");
        xml_escape(&body, etag);
        text_add(&body, "</ETag>");
    }
    text_add(&body, end + strlen("</ETag>"));
    text_clear(&a->body);
    a->body = body;
    return true;
}

/* Behind the XML declaration, before which nothing may stand. */
static void pad(struct answer *a, uint64_t bytes)
{
    struct text body = {0};
    const char *text = text_str(&a->body);
    const char *start = strstr(text, "?>");
    start = start == NULL ? text : start + 2;
    text_add_n(&body, text, (size_t)(start - text));
    text_add(&body, "<!-- ");
    for (uint64_t i = 0; i < bytes; i++)
        text_add(&body, "x");
    text_add(&body, " -->");
    text_add(&body, start);
    text_clear(&a->body);
    a->body = body;
}

/* False: there is nothing in the answer that it could damage. */
static bool damage(struct exchange *x, const struct fault *f)
{
    struct answer *a = &x->answer;
    const bool has_text = a->object == NULL && a->body.length != 0;
    switch (f->action) {
    case FAULT_ETAG:
    case FAULT_NO_ETAG:
    case FAULT_EMPTY_ETAG:
        return damage_etag(x, f->action);
    case FAULT_GARBLE:
        a->body.length = a->body.length * 2 / 3;
        return has_text;
    case FAULT_PAD:
        if (has_text)
            pad(a, f->bytes);
        return has_text;
    case FAULT_SHORTEN:
        if (a->object == NULL || a->bytes < 2 || strcmp(x->method, "HEAD") == 0)
            return false;
        a->bytes /= 2;
        return true;
    case FAULT_DATE:
    case FAULT_NO_DATE:
        return true; /* write_date() */
    default:
        return false;
    }
}

static void write_date(struct exchange *x, const struct fault *f)
{
    char date[TIME_TEXT];
    bool is_wrong = f != NULL && f->action == FAULT_DATE;
    if (f != NULL && f->action == FAULT_NO_DATE)
        return;
    write_http_date(date, server_now_ms(x->server) + (is_wrong ? f->ms : 0));
    answer_header(x, "Date", date);
}

void exchange_finish(struct exchange *x)
{
    struct answer *a = &x->answer;

    if (is_refused(x)) {
        text_clear(&a->body);
        if (a->status == 304)
            ; /* It has no body. */
        else if (x->is_sts)
            write_sts_error(x);
        else
            write_s3_error(x);
    }
    if (x->is_sts) {
        answer_header(x, "x-amzn-RequestId", x->request_id);
    } else {
        answer_header(x, "x-amz-request-id", x->request_id);
        answer_header(x, "x-amz-id-2", "host/of+" ACCOUNT "=");
        answer_header(x, "Server", "AmazonS3");
    }
    write_date(x, x->fault);
    if (x->fault != NULL && damage(x, x->fault))
        mark_strike(x);
}

void exchange_clear(struct exchange *x)
{
    free(x->method);
    free(x->target);
    fields_clear(&x->headers);
    free(x->path);
    free(x->query_text);
    fields_clear(&x->query);
    free(x->region);
    free(x->bucket_name);
    free(x->key);
    claim_clear(&x->claim);
    caller_clear(&x->caller);
    free(x->payload_hash);
    body_clear(&x->body);
    fields_clear(&x->answer.headers);
    text_clear(&x->answer.body);
    object_drop(x->answer.object);
    free(x->answer.code);
    free(x->answer.message);
    text_clear(&x->answer.details);
    fault_free(x->fault);
}
