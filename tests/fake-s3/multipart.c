/* SPDX-License-Identifier: Apache-2.0 */
/* CreateMultipartUpload, UploadPart, AbortMultipartUpload. Complete is in complete.c. */
#include "multipart.h"

#include "at_rest.h"
#include "authorize.h"
#include "codec.h"
#include "exchange.h"
#include "object.h"
#include "operations.h"

#include <string.h>
#include <strings.h>

enum { ID_LENGTH = 64 };

struct upload *need_upload(struct exchange *x, const struct bucket *b)
{
    const char *id = parameter(x, "uploadId");
    struct upload *u = bucket_upload(b, x->key, id);
    if (u == NULL) {
        (void)refuse(x, "NoSuchUpload");
        refuse_detail(x, "UploadId", id);
    }
    return u;
}

bool read_part_number(struct exchange *x, uint32_t *number)
{
    const char *text = parameter(x, "partNumber");
    const uint32_t most = x->server->part_rules.most;
    uint64_t read = 0;
    if (text != NULL && read_number(text, most, &read) && read >= 1) {
        *number = (uint32_t)read;
        return true;
    }
    (void)refuse_saying(x, "InvalidArgument",
                        "Part number must be an integer between 1 and %u, inclusive", most);
    refuse_detail(x, "ArgumentName", "partNumber");
    refuse_detail(x, "ArgumentValue", text == NULL ? "" : text);
    return false;
}

/* Whether one checksum shall be of the whole, or of the parts' checksums. */
static bool read_sum_plan(struct exchange *x, struct upload *u)
{
    const char *algorithm = header(x, "x-amz-checksum-algorithm");
    const char *type = header(x, "x-amz-checksum-type");

    u->sum_kind = SUM_NONE;
    if (algorithm == NULL)
        return type == NULL ||
               refuse_saying(x, "InvalidRequest", "x-amz-checksum-type needs an algorithm.");
    u->sum_kind = checksum_named(algorithm);
    if (u->sum_kind == SUM_NONE)
        return refuse_saying(x, "InvalidRequest",
                             "Checksum algorithm provided is unsupported. Please try again with "
                             "any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    u->sum_is_composite =
        type == NULL ? u->sum_kind != SUM_CRC64NVME : strcmp(type, "COMPOSITE") == 0;
    bool is_possible =
        u->sum_is_composite ? u->sum_kind != SUM_CRC64NVME : checksum_is_crc(u->sum_kind) != 0;
    if (!is_possible)
        return refuse_saying(x, "InvalidRequest",
                             "The %s checksum type cannot be used with the %s checksum algorithm.",
                             u->sum_is_composite ? "COMPOSITE" : "FULL_OBJECT", algorithm);
    answer_header(x, "x-amz-checksum-algorithm", checksum_name(u->sum_kind));
    answer_header(x, "x-amz-checksum-type", u->sum_is_composite ? "COMPOSITE" : "FULL_OBJECT");
    return true;
}

void create_multipart_upload(struct exchange *x)
{
    struct text *body = &x->answer.body;
    struct bucket *b = need_bucket(x);
    if (b == NULL || !check_object_wishes(x))
        return;
    struct upload *u = grab(sizeof *u);
    u->id = grab(ID_LENGTH + 1);
    random_name(u->id, ID_LENGTH);
    u->key = copy_text(x->key);
    u->initiator = copy_text(x->caller.arn);
    u->initiated_ms = server_now_ms(x->server);
    u->plan = object_new(x->key);
    bool is_good = read_sum_plan(x, u) && read_object_headers(x, &u->plan->headers) &&
                   read_at_rest(x, &u->plan->at_rest);
    bucket_add_upload(b, u);
    if (!is_good) {
        bucket_remove_upload(b, u);
        return;
    }
    answer_at_rest(x, &u->plan->at_rest);
    answer_xml_start(x, "InitiateMultipartUploadResult");
    xml_element(body, "Bucket", b->name);
    xml_element(body, "Key", x->key);
    xml_element(body, "UploadId", u->id);
    answer_xml_end(x, "InitiateMultipartUploadResult");
}

void upload_part(struct exchange *x)
{
    uint32_t number;
    struct bucket *b = need_bucket(x);
    if (b == NULL || !read_part_number(x, &number))
        return;
    struct upload *u = need_upload(x, b);
    if (u == NULL || !check_lock(x, b, "Put Part") || !check_object_wishes(x) || !refuse_at_rest(x))
        return;
    /* An upload that was promised no checksum takes parts with any, as boto3 sends them. */
    if (u->sum_kind != SUM_NONE && u->sum_kind != x->body.sum_kind) {
        (void)refuse_saying(x, "InvalidRequest",
                            "Checksum Type mismatch occurred, expected checksum Type: %s, actual "
                            "checksum Type: %s",
                            checksum_name(u->sum_kind),
                            x->body.sum_kind == SUM_NONE ? "null"
                                                         : checksum_name(x->body.sum_kind));
        return;
    }
    struct part *p = grab(sizeof *p);
    p->number = number;
    content_take_body(&p->content, &x->body);
    p->etag = etag_at_rest(&u->plan->at_rest);
    if (p->etag == NULL)
        p->etag = copy_text(x->body.etag);
    p->sum.kind = x->body.sum_kind;
    p->sum.value = x->body.sum_value == NULL ? NULL : copy_text(x->body.sum_value);
    p->modified_ms = server_now_ms(x->server);
    upload_put_part(u, p);
    x->answer.status = 200;
    answer_header(x, "ETag", p->etag);
    answer_at_rest(x, &u->plan->at_rest);
    if (p->sum.value != NULL)
        answer_header(x, checksum_header(p->sum.kind), p->sum.value);
}

void abort_multipart_upload(struct exchange *x)
{
    struct bucket *b = need_bucket(x);
    struct upload *u = b == NULL ? NULL : need_upload(x, b);
    if (u == NULL)
        return;
    bucket_remove_upload(b, u);
    x->answer.status = 204;
}
