/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own keys as a source: in the settings, in files, in the environment. */
#include "source.h"

#include <stdlib.h>

#include "session.h"
#include "timestamp.h"

struct keys_source {
    struct stss3_source source;
    const struct stss3_keys *keys;
    const char *name;
    struct stss3_sessions *sessions; /* who waits for what the worker reads */
};

static void read_keys(void *ctx)
{
    struct keys_source *k = ctx;
    struct stss3_session *session = NULL;
    struct stss3_keys keys;
    struct plug_error error;
    if (stss3_keys_read(stss3_worker_asides(k->source.tools->worker), k->keys, &keys, &error) ==
        REGSTORE_OK) {
        session = stss3_session_new(keys.access_key, keys.secret_key, keys.session_token, NULL);
        stss3_keys_clear(&keys);
        plug_error_set(&error, REGSTORE_NO_MEMORY, "out of memory"); /* when there is no session */
    }
    /* Files may be replaced: they are looked at again after as long as a session would last. */
    if (session != NULL && k->source.is_read_anew)
        session->end_ns =
            session->born_ns + (int64_t)k->source.tools->config->duration_s * STSS3_NS_PER_S;
    stss3_sessions_renewed(k->sessions, session, &error);
}

static void obtain(struct stss3_source *source, struct stss3_sessions *sessions)
{
    struct keys_source *k = (struct keys_source *)source;
    k->sessions = sessions;
    if (!source->is_read_anew) {
        read_keys(k);
    } else if (!stss3_worker_do(source->tools->worker, read_keys, k)) {
        struct plug_error error;
        plug_error_set(&error, REGSTORE_NO_MEMORY, "no thread to read the keys' files on");
        stss3_sessions_renewed(sessions, NULL, &error);
    }
}

static const char *name(const struct stss3_source *source)
{
    return ((const struct keys_source *)source)->name;
}

static void free_source(struct stss3_source *source)
{
    free(source);
}

struct stss3_source *stss3_keys_source_new(const struct stss3_tools *tools,
                                           const struct stss3_keys *keys, const char *source_name)
{
    static const struct stss3_source_verbs verbs = {obtain, name, free_source};
    struct keys_source *k = calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    k->source.verbs = &verbs;
    k->source.tools = tools;
    k->source.is_read_anew = keys->access_key_file != NULL || keys->secret_key_file != NULL;
    k->keys = keys;
    k->name = source_name;
    return &k->source;
}
