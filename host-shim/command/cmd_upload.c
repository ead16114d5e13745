/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upload: one blob in several steps, each a process of its own, with the token in a file:
 *
 *     begin --> append --> append ... --> commit     (token file removed)
 *                  |          ^   +-----> abort      (token file removed)
 *                  +- status -+
 *
 * Whatever fails, the token file stays and the step can be done again.
 */
#include "commands.h"
#include "json.h"
#include "token_file.h"
#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const algorithms[] = {"sha256", "sha512"};

static void print_state(const struct session *session, const struct regstore_upload *upload)
{
    const struct regstore_plugin *plugin = session->plugin;
    struct json json = {.out = stdout};
    bool is_json = (session->options->given & OPTION_JSON) != 0;
    uint64_t offset = plugin->upload_offset(upload);
    char digest[REGSTORE_DIGEST_MAX];
    if (is_json) {
        json_open(&json, NULL, '{');
        json_number(&json, "offset", offset);
        json_open(&json, "digests", '[');
    } else {
        printf("offset  %llu\n", (unsigned long long)offset);
    }
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (plugin->upload_digest(upload, algorithms[i], digest, sizeof(digest)) != REGSTORE_OK)
            continue; /* begin did not ask for this one. */
        if (is_json)
            json_text(&json, NULL, digest);
        else
            printf("digest  %s\n", digest);
    }
    if (is_json) {
        json_close(&json, ']');
        json_close(&json, '}');
        printf("\n");
    }
}

static int resume(struct session *session, struct token_file *file, struct regstore_upload **upload)
{
    const char *path = session->options->args[0];
    if (!token_file_read(path, file))
        return EXIT_FAILED;
    struct regstore_upload_opts opts = {.struct_size = sizeof(opts), .token = file->token};
    regstore_status status =
        session->plugin->upload_open(session->store, &session->call, &opts, upload);
    return status == REGSTORE_OK ? EXIT_DONE : session_fail(session, status, "resume", path);
}

/*
 * Suspends, also after an interrupt, and fills file with the newest token. A token that comes with
 * a failure stands for fewer bytes, but those are safe.
 */
static int suspend(struct session *session, struct regstore_upload *upload,
                   struct token_file *file, uint64_t *kept)
{
    struct retry retry = {0};
    struct regstore_error error;
    char token[REGSTORE_TOKEN_MAX];
    regstore_status status;
    do {
        struct regstore_call call = session_cleanup_call(&error);
        token[0] = '\0';
        status = session->plugin->upload_suspend(upload, &call, token, sizeof(token), kept);
    } while (status != REGSTORE_OK && retry_again(&retry, status, &error));
    if (token[0] != '\0')
        memcpy(file->token, token, sizeof(token));
    if (status == REGSTORE_OK)
        return EXIT_DONE;
    session->error = error;
    return session_fail(session, status, "suspend", session->options->args[0]);
}

int cmd_upload_begin(struct session *session, const struct options *options)
{
    struct token_file file = {.token = ""};
    size_t key_length = options->key != NULL ? strlen(options->key) : 0;
    if (key_length >= sizeof(file.key)) {
        fprintf(stderr, "regstore: the key is too long\n");
        return EXIT_USAGE;
    }
    if (options->key != NULL)
        memcpy(file.key, options->key, key_length + 1);
    struct regstore_upload_opts opts = {
        .struct_size = sizeof(opts),
        .flags = REGSTORE_UPLOAD_SHA256 |
                 ((options->given & OPTION_SHA512) != 0 ? REGSTORE_UPLOAD_SHA512 : 0),
        .expected_length = options->length,
        .key = options->key,
    };
    struct regstore_upload *upload = NULL;
    regstore_status status =
        session->plugin->upload_open(session->store, &session->call, &opts, &upload);
    if (status != REGSTORE_OK)
        return session_fail(session, status, "upload begin", options->key);
    uint64_t kept;
    int result = suspend(session, upload, &file, &kept);
    if (result == EXIT_DONE && !token_file_create(options->args[0], &file))
        result = EXIT_FAILED;
    session->plugin->upload_close(upload);
    return result;
}

/* What was taken is kept, whether all of it was taken or not. */
static int append(struct session *session, struct regstore_upload *upload, struct token_file *file,
                  int input, uint64_t length)
{
    const char *path = session->options->args[0];
    uint64_t before = session->plugin->upload_offset(upload), kept = before;
    int written = transfer_write(session, upload, input, session->options->args[1], length);
    int suspended = suspend(session, upload, file, &kept);
    if (!token_file_replace(path, file))
        return EXIT_FAILED;
    if (written == EXIT_DONE && suspended == EXIT_DONE) {
        print_state(session, upload);
        return session_flush(EXIT_DONE);
    }
    fprintf(stderr, "regstore: %s stands for %llu bytes now, %llu of them from %s\n", path,
            (unsigned long long)kept, (unsigned long long)(kept > before ? kept - before : 0),
            session->options->args[1]);
    return written != EXIT_DONE ? written : suspended;
}

int cmd_upload_append(struct session *session, const struct options *options)
{
    struct token_file file;
    struct regstore_upload *upload = NULL;
    uint64_t length;
    int input = transfer_open_input(options->args[1], &length);
    if (input < 0)
        return EXIT_FAILED;
    int result = resume(session, &file, &upload);
    if (result == EXIT_DONE) {
        result = append(session, upload, &file, input, length);
        session->plugin->upload_close(upload);
    }
    (void)close(input); /* Nothing was written. */
    return result;
}

int cmd_upload_status(struct session *session, const struct options *options)
{
    (void)options; /* session has them. */
    struct token_file file;
    struct regstore_upload *upload = NULL;
    int result = resume(session, &file, &upload);
    if (result != EXIT_DONE)
        return result;
    print_state(session, upload);
    session->plugin->upload_close(upload);
    return session_flush(EXIT_DONE);
}

/* The upload is done with, so its token stands for nothing. */
static int forget(const char *path)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return EXIT_DONE;
    fprintf(stderr, "regstore: the upload is finished, but %s: %s\n", path, strerror(errno));
    return EXIT_FAILED;
}

/* The key of the command line, else the one of begin, else by content. */
static int commit(struct session *session, struct regstore_upload *upload,
                  const struct token_file *file)
{
    const struct options *options = session->options;
    char digest[REGSTORE_DIGEST_MAX], content_key[REGSTORE_KEY_MAX];
    const char *wanted = options->digest;
    if (wanted == NULL && session->plugin->upload_digest(upload, "sha256", digest,
                                                         sizeof(digest)) == REGSTORE_OK)
        wanted = digest;
    const char *key = options->n_args > 1 ? options->args[1] : file->key;
    if (key[0] == '\0') {
        if (wanted == NULL || !transfer_content_key(wanted, content_key, sizeof(content_key))) {
            fprintf(stderr, "regstore: no key and no digest of the form sha256:<64 hex digits>\n");
            return EXIT_USAGE;
        }
        key = content_key;
    }
    /* A token at offset 0 is a new upload each time (TOK-1). What went on from it, and perhaps was
     * committed, does not show: an old copy of the file must not replace that by nothing. */
    bool is_empty = session->plugin->upload_offset(upload) == 0;
    bool if_absent = is_empty || (options->given & OPTION_IF_ABSENT) != 0;
    struct regstore_commit_opts opts = {
        .struct_size = sizeof(opts),
        .flags = if_absent ? REGSTORE_COMMIT_IF_ABSENT : 0,
        .key = key,
        .digest = wanted,
    };
    return transfer_commit(session, upload, &opts);
}

int cmd_upload_commit(struct session *session, const struct options *options)
{
    struct token_file file;
    struct regstore_upload *upload = NULL;
    int result = resume(session, &file, &upload);
    if (result != EXIT_DONE)
        return result;
    result = commit(session, upload, &file);
    session->plugin->upload_close(upload);
    return result == EXIT_DONE ? forget(options->args[0]) : result;
}

int cmd_upload_abort(struct session *session, const struct options *options)
{
    struct token_file file;
    struct regstore_upload *upload = NULL;
    int result = resume(session, &file, &upload);
    if (result != EXIT_DONE)
        return result;
    struct retry retry = {0};
    regstore_status status;
    do {
        status = session->plugin->upload_abort(upload, &session->call);
    } while (status != REGSTORE_OK && retry_again(&retry, status, &session->error));
    if (status != REGSTORE_OK)
        result = session_fail(session, status, "upload abort", options->args[0]);
    session->plugin->upload_close(upload);
    return result == EXIT_DONE ? forget(options->args[0]) : result;
}
