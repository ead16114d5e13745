/* SPDX-License-Identifier: Apache-2.0 */
/* The XML that requests bring, as a tree. */
#ifndef FAKE_S3_XML_IN_H
#define FAKE_S3_XML_IN_H

#include <stddef.h>

#include "text.h"

struct element {
    char *name; /* without its namespace */
    struct text text;
    struct element **children;
    size_t child_count;
    struct element *parent;
};

/* NULL where it is not well-formed. */
struct element *xml_read(const char *xml);
void element_free(struct element *e);

/* The first child's text, or NULL. */
const char *element_text(const struct element *e, const char *child);

#endif
