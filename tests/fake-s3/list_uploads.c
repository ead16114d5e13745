/* SPDX-License-Identifier: Apache-2.0 */
/* ListMultipartUploads and ListParts. */
#include "authorize.h"
#include "clock.h"
#include "codec.h"
#include "exchange.h"
#include "list.h"
#include "multipart.h"
#include "object.h"
#include "operations.h"

#include <stdlib.h>
#include <string.h>

static void write_people(struct text *to, const char *initiator)
{
    text_add(to, "<Initiator>");
    xml_element(to, "ID", initiator);
    text_add(to, "</Initiator><Owner><ID>" ACCOUNT "</ID></Owner>");
    xml_element(to, "StorageClass", "STANDARD");
}

static void write_upload(struct text *to, const struct list_request *l, const struct upload *u)
{
    char initiated[TIME_TEXT];
    write_iso_ms(initiated, u->initiated_ms);
    text_add(to, "<Upload>");
    list_name(to, l, "Key", u->key);
    xml_element(to, "UploadId", u->id);
    write_people(to, u->initiator);
    xml_element(to, "Initiated", initiated);
    text_add(to, "</Upload>");
}

/* The first upload after both markers. The id alone says nothing: S3 then ignores it. An upload
 * that was there when the marker was given and is gone leaves the place after its key. */
static size_t place_after(const struct bucket *b, const char *key_marker, const char *id_marker)
{
    size_t place = 0;
    while (place < b->upload_count && strcmp(b->uploads[place]->key, key_marker) < 0)
        place++;
    size_t first = place;
    while (place < b->upload_count && strcmp(b->uploads[place]->key, key_marker) == 0)
        place++;
    for (size_t i = first; i < place && *id_marker != '\0'; i++)
        if (strcmp(b->uploads[i]->id, id_marker) == 0)
            return i + 1;
    return place;
}

struct upload_page {
    struct text uploads, prefixes;
    size_t count;
    bool is_truncated;
    const char *last_id;
    char *last_key;
};

static void list_from(const struct bucket *b, const struct list_request *l, size_t place,
                      const char *key_marker, struct upload_page *p)
{
    char *passed = copy_text(key_marker);
    for (; place < b->upload_count; place++) {
        const struct upload *u = b->uploads[place];
        if (!starts_with(u->key, l->prefix))
            continue;
        char *group = common_prefix(l, u->key);
        if (group != NULL && strcmp(group, passed) == 0) {
            free(group);
            continue;
        }
        if (p->count >= l->most) {
            p->is_truncated = l->most > 0;
            free(group);
            break;
        }
        p->count++;
        free(p->last_key);
        p->last_key = copy_text(group == NULL ? u->key : group);
        p->last_id = group == NULL ? u->id : "";
        if (group == NULL) {
            write_upload(&p->uploads, l, u);
            continue;
        }
        text_add(&p->prefixes, "<CommonPrefixes>");
        list_name(&p->prefixes, l, "Prefix", group);
        text_add(&p->prefixes, "</CommonPrefixes>");
        free(passed);
        passed = group;
    }
    free(passed);
}

static const char *parameter_or_empty(const struct exchange *x, const char *name)
{
    const char *value = parameter(x, name);
    return value == NULL ? "" : value;
}

void list_multipart_uploads(struct exchange *x)
{
    const char *key_marker = parameter_or_empty(x, "key-marker");
    const char *id_marker = parameter_or_empty(x, "upload-id-marker");
    struct text *body = &x->answer.body;
    const struct bucket *b = need_bucket(x);
    struct list_request l;
    struct upload_page p = {.last_id = ""};

    if (b == NULL || !read_list_request(x, "max-uploads", &l))
        return;
    size_t place = *key_marker == '\0' ? 0 : place_after(b, key_marker, id_marker);
    list_from(b, &l, place, key_marker, &p);
    answer_xml_start(x, "ListMultipartUploadsResult");
    xml_element(body, "Bucket", b->name);
    list_name(body, &l, "KeyMarker", key_marker);
    xml_element(body, "UploadIdMarker", id_marker);
    if (p.is_truncated) {
        list_name(body, &l, "NextKeyMarker", p.last_key);
        xml_element(body, "NextUploadIdMarker", p.last_id);
    }
    list_name(body, &l, "Prefix", l.prefix);
    if (l.delimiter != NULL)
        list_name(body, &l, "Delimiter", l.delimiter);
    if (l.is_url)
        xml_element(body, "EncodingType", "url");
    list_number(body, "MaxUploads", l.most);
    xml_element(body, "IsTruncated", p.is_truncated ? "true" : "false");
    text_add(body, text_str(&p.uploads));
    text_add(body, text_str(&p.prefixes));
    answer_xml_end(x, "ListMultipartUploadsResult");
    text_clear(&p.uploads);
    text_clear(&p.prefixes);
    free(p.last_key);
}

static void write_part(struct text *to, const struct part *p)
{
    char modified[TIME_TEXT];
    write_iso_ms(modified, p->modified_ms);
    text_add(to, "<Part>");
    list_number(to, "PartNumber", p->number);
    xml_element(to, "LastModified", modified);
    xml_element(to, "ETag", p->etag);
    list_number(to, "Size", p->content.bytes);
    if (p->sum.value != NULL)
        xml_element(to, checksum_element(p->sum.kind), p->sum.value);
    text_add(to, "</Part>");
}

void list_parts(struct exchange *x)
{
    const char *marker = parameter_or_empty(x, "part-number-marker");
    struct text *body = &x->answer.body;
    const struct bucket *b = need_bucket(x);
    const struct upload *u = b == NULL ? NULL : need_upload(x, b);
    struct list_request l;
    uint64_t after = 0;
    size_t place = 0, end;

    if (u == NULL || !read_list_request(x, "max-parts", &l))
        return;
    if (*marker != '\0' && !read_number(marker, INT32_MAX, &after)) {
        (void)refuse_saying(x, "InvalidArgument", "part-number-marker is no number");
        return;
    }
    while (place < u->part_count && u->parts[place]->number <= after)
        place++;
    end = u->part_count - place < l.most ? u->part_count : place + l.most;
    answer_xml_start(x, "ListPartsResult");
    xml_element(body, "Bucket", b->name);
    list_name(body, &l, "Key", u->key);
    xml_element(body, "UploadId", u->id);
    write_people(body, u->initiator);
    list_number(body, "PartNumberMarker", after);
    list_number(body, "NextPartNumberMarker", end > place ? u->parts[end - 1]->number : 0);
    list_number(body, "MaxParts", l.most);
    xml_element(body, "IsTruncated", end < u->part_count && l.most > 0 ? "true" : "false");
    if (u->sum_kind != SUM_NONE) {
        xml_element(body, "ChecksumAlgorithm", checksum_name(u->sum_kind));
        xml_element(body, "ChecksumType", u->sum_is_composite ? "COMPOSITE" : "FULL_OBJECT");
    }
    for (; place < end; place++)
        write_part(body, u->parts[place]);
    answer_xml_end(x, "ListPartsResult");
}
