/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regstore-policy.h: the extension "org.regstore.policy/1", by which a plugin tells what an
 * administrator has to allow in the backend for a store to work, and no more than that.
 *
 *     const struct regstore_policy *policy = plugin->extension(REGSTORE_POLICY_ID);
 *
 * A plugin whose backend has no such documents does not know the extension. A host shows what it is
 * told; it knows neither actions nor documents.
 */
#ifndef REGSTORE_POLICY_H
#define REGSTORE_POLICY_H

#include "regstore.h"

#ifdef __cplusplus
extern "C" {
#endif

#define REGSTORE_POLICY_ID "org.regstore.policy/1"

/* Rules GROW-2 and GROW-4 of regstore.h hold. */
struct regstore_policy_opts { /* in */
    uint64_t struct_size, flags; /* no flags yet */
    /* Who is to be allowed in, as the backend names users. NULL: the backend is asked. */
    const char *user;
    void *ctx;
    /*
     * Both on the caller's thread, strings valid for the call; may be NULL. First a document, then
     * each action in it that deserves a word.
     * name: short and stable ("trust_policy"); place: where people put it; json: valid as it is.
     */
    void (*document)(void *ctx, const char *name, const char *place, const char *json);
    /* What the action is for, and so what fails without it. */
    void (*action)(void *ctx, const char *name, const char *resource, const char *purpose);
};

struct regstore_policy {
    uint64_t struct_size;
    /* I/O only when opts->user is NULL. When the backend cannot tell who the user is: its status,
     * and the message says to name him. INVALID: user has not the form of one. */
    regstore_status (*explain)(struct regstore_store *store, const struct regstore_call *call,
                               const struct regstore_policy_opts *opts);
};

#ifdef __cplusplus
}
#endif
#endif
