/* SPDX-License-Identifier: Apache-2.0 */
/* The XML that requests bring, read by expat. */
#include "xml_in.h"

#include <stdlib.h>
#include <string.h>

#include <expat.h>

/* No request of S3 is deeper; the tree is freed by recursion. */
enum { DEEPEST = 8 };

struct reading {
    XML_Parser parser;
    struct element *root, *current;
    int depth;
};

void element_free(struct element *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->child_count; i++)
        element_free(e->children[i]);
    free(e->children);
    text_clear(&e->text);
    free(e->name);
    free(e);
}

static void XMLCALL start(void *data, const char *name, const char **attributes)
{
    struct reading *r = data;
    const char *local = strrchr(name, '|');
    (void)attributes;
    if (++r->depth > DEEPEST) {
        (void)XML_StopParser(r->parser, XML_FALSE);
        return;
    }
    struct element *e = grab(sizeof *e);
    e->name = copy_text(local == NULL ? name : local + 1);
    e->parent = r->current;
    if (r->current == NULL) {
        r->root = e;
    } else {
        struct element *p = r->current;
        p->children = grow(p->children, p->child_count, sizeof(struct element *));
        p->children[p->child_count++] = e;
    }
    r->current = e;
}

static void XMLCALL end(void *data, const char *name)
{
    struct reading *r = data;
    (void)name;
    r->depth--;
    r->current = r->current->parent;
}

static void XMLCALL words(void *data, const char *text, int length)
{
    struct reading *r = data;
    if (r->current != NULL)
        text_add_n(&r->current->text, text, (size_t)length);
}

/* Nothing S3 takes has one, and what it defines could grow without end. */
static void XMLCALL doctype(void *data, const char *name, const char *system_id,
                            const char *public_id, int has_subset)
{
    struct reading *r = data;
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_subset;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

struct element *xml_read(const char *xml)
{
    struct reading r = {.parser = XML_ParserCreateNS(NULL, '|')};
    if (r.parser == NULL)
        abort();
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, start, end);
    XML_SetCharacterDataHandler(r.parser, words);
    XML_SetStartDoctypeDeclHandler(r.parser, doctype);
    enum XML_Status status = XML_Parse(r.parser, xml, (int)strlen(xml), XML_TRUE);
    XML_ParserFree(r.parser);
    if (status == XML_STATUS_OK)
        return r.root;
    element_free(r.root);
    return NULL;
}

const char *element_text(const struct element *e, const char *child)
{
    for (size_t i = 0; i < e->child_count; i++)
        if (strcmp(e->children[i]->name, child) == 0)
            return text_str(&e->children[i]->text);
    return NULL;
}
