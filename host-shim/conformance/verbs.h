/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb that takes a call, on a stage of its own: for rules that all of them share. */
#ifndef CONFORMANCE_VERBS_H
#define CONFORMANCE_VERBS_H

#include "blob.h"

/* A blob, a key without one, and an open handle of each kind. */
struct stage {
    struct key blob, absent;
    struct content content, begun; /* of the blob; of the upload so far */
    struct regstore_upload *upload;
    struct regstore_reader *reader;
    struct regstore_list *list;
    char token[REGSTORE_TOKEN_MAX]; /* what the verb upload_suspend gave */
    struct regstore_store *second;  /* what the verb store_open opened */
};

void stage_set(struct world *w, struct stage *s);
/* The blob is whole, the other key absent, the upload open and where it was. */
void stage_must_be_untouched(struct world *w, struct stage *s, const char *after);
void stage_clear(struct world *w, struct stage *s);

struct verb {
    const char *name;
    bool does_io; /* it cannot succeed without */
    regstore_status (*go)(struct world *w, struct stage *s, const struct regstore_call *call);
};

/* Ends with name == NULL.  Slots that the plugin does not offer have to be left out:
 * verb_is_offered. */
extern const struct verb verbs[];
bool verb_is_offered(const struct world *w, const struct verb *verb);
/* Each that is offered, but store_open, once and on a stage of its own; it must succeed. */
void every_verb_once(struct world *w);

/* A purge that finds nothing to do, whatever lies there. */
struct regstore_purge_opts harmless_purge(void);

#endif
