/* SPDX-License-Identifier: Apache-2.0 */
/* DeleteObjects. */
#include "authorize.h"
#include "codec.h"
#include "exchange.h"
#include "operations.h"
#include "xml_in.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_KEYS = 1000, KEY_BYTES = 1024, XML_BYTES = 8 << 20 };

static void delete_one(struct exchange *x, struct bucket *b, const char *key, bool is_quiet)
{
    struct text *body = &x->answer.body;
    const char *code = !may(x, "s3:DeleteObject", b->name, key) ? "AccessDenied"
                       : strlen(key) > KEY_BYTES                ? "KeyTooLongError"
                                                                : NULL;
    if (code != NULL) {
        text_add(body, "<Error>");
        xml_element(body, "Key", key);
        xml_element(body, "Code", code);
        xml_element(body, "Message", code);
        text_add(body, "</Error>");
        return;
    }
    bucket_remove(b, key);
    if (is_quiet)
        return;
    text_add(body, "<Deleted>");
    xml_element(body, "Key", key);
    text_add(body, "</Deleted>");
}

static bool is_delete(const struct element *root)
{
    size_t keys = 0;
    if (root == NULL || strcmp(root->name, "Delete") != 0)
        return false;
    for (size_t i = 0; i < root->child_count; i++) {
        const struct element *e = root->children[i];
        if (strcmp(e->name, "Quiet") == 0)
            continue;
        const char *key = element_text(e, "Key");
        if (strcmp(e->name, "Object") != 0 || key == NULL || *key == '\0')
            return false;
        keys++;
    }
    return keys > 0 && keys <= MOST_KEYS;
}

void delete_objects(struct exchange *x)
{
    struct bucket *b = need_bucket(x);
    if (b == NULL)
        return;
    if (x->body.content_md5 == NULL &&
        (x->body.sum_kind == SUM_NONE || x->server->options->rules->wants_md5)) {
        (void)refuse_saying(x, "InvalidRequest",
                            "Missing required header for this request: Content-MD5");
        return;
    }
    char *xml = body_text(&x->body, XML_BYTES);
    struct element *root = xml == NULL ? NULL : xml_read(xml);
    free(xml);
    if (!is_delete(root)) {
        element_free(root);
        (void)refuse(x, "MalformedXML");
        return;
    }
    const char *quiet = element_text(root, "Quiet");
    answer_xml_start(x, "DeleteResult");
    for (size_t i = 0; i < root->child_count; i++)
        if (strcmp(root->children[i]->name, "Object") == 0)
            delete_one(x, b, element_text(root->children[i], "Key"),
                       quiet != NULL && strcmp(quiet, "true") == 0);
    answer_xml_end(x, "DeleteResult");
    element_free(root);
}
