/* SPDX-License-Identifier: Apache-2.0 */
/* put: one blob from a file, in one go; by content where no key is named, as Quay does. */
#include "commands.h"
#include "transfer.h"

#include <stdio.h>
#include <unistd.h>

static int commit_by_content(struct session *session, struct regstore_upload *upload,
                             const char *key)
{
    const struct options *options = session->options;
    char digest[REGSTORE_DIGEST_MAX], content_key[REGSTORE_KEY_MAX];
    regstore_status status =
        session->plugin->upload_digest(upload, "sha256", digest, sizeof(digest));
    if (status != REGSTORE_OK)
        return session_fail(session, status, "digest", NULL);
    const char *wanted = options->digest != NULL ? options->digest : digest;
    if (key == NULL && !transfer_content_key(wanted, content_key, sizeof(content_key))) {
        fprintf(stderr, "regstore: --digest must be sha256:<64 hex digits>\n");
        return EXIT_USAGE;
    }
    struct regstore_commit_opts opts = {
        .struct_size = sizeof(opts),
        .flags = (options->given & OPTION_IF_ABSENT) != 0 ? REGSTORE_COMMIT_IF_ABSENT : 0,
        .key = key != NULL ? key : content_key,
        .digest = wanted,
    };
    return transfer_commit(session, upload, &opts);
}

static void give_up(const struct session *session, struct regstore_upload *upload)
{
    struct regstore_error error;
    struct regstore_call call = session_cleanup_call(&error);
    if (session->plugin->upload_abort(upload, &call) != REGSTORE_OK)
        fprintf(stderr, "regstore: the unfinished upload stays until purge: %s\n", error.message);
}

int cmd_put(struct session *session, const struct options *options)
{
    const char *name = options->args[0];
    const char *key = options->n_args > 1 ? options->args[1] : NULL;
    uint64_t length;
    int input = transfer_open_input(name, &length);
    if (input < 0)
        return EXIT_FAILED;
    struct regstore_upload_opts opts = {
        .struct_size = sizeof(opts),
        .flags = REGSTORE_UPLOAD_SHA256,
        .expected_length = length,
        .key = key,
    };
    struct regstore_upload *upload = NULL;
    int result;
    regstore_status status =
        session->plugin->upload_open(session->store, &session->call, &opts, &upload);
    if (status != REGSTORE_OK) {
        result = session_fail(session, status, "put", key != NULL ? key : name);
    } else {
        result = transfer_write(session, upload, input, name, length);
        if (result == EXIT_DONE)
            result = commit_by_content(session, upload, key);
        if (result != EXIT_DONE)
            give_up(session, upload);
        session->plugin->upload_close(upload);
    }
    (void)close(input); /* Nothing was written. */
    return result;
}
