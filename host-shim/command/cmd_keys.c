/* SPDX-License-Identifier: Apache-2.0 */
/* keys: stat, ls, rm, cp and purge, which move no bytes through this process. */
#include "commands.h"
#include "json.h"
#include "number.h"
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_json(const char *key, const struct regstore_stat *found)
{
    struct json json = {.out = stdout};
    bool is_prefix = (found->flags & REGSTORE_STAT_PREFIX) != 0;
    char mtime[32];
    json_open(&json, NULL, '{');
    json_text(&json, is_prefix ? "prefix" : "key", key);
    if (!is_prefix) {
        number_format_time(found->mtime_ns, mtime, sizeof(mtime));
        json_number(&json, "length", found->length);
        json_text(&json, "mtime", mtime);
        json_text(&json, "digest", found->digest[0] != '\0' ? found->digest : NULL);
        json_text(&json, "etag", found->etag[0] != '\0' ? found->etag : NULL);
    }
    json_close(&json, '}');
    printf("\n");
}

static void print_stat(const char *key, const struct regstore_stat *found)
{
    char mtime[32];
    number_format_time(found->mtime_ns, mtime, sizeof(mtime));
    printf("key     %s\nlength  %llu\nmtime   %s\n", key, (unsigned long long)found->length, mtime);
    if (found->digest[0] != '\0')
        printf("digest  %s\n", found->digest);
    if (found->etag[0] != '\0')
        printf("etag    %s\n", found->etag);
}

static int stat_one(struct session *session, const char *key)
{
    struct retry retry = {0};
    struct regstore_stat found;
    regstore_status status;
    do {
        found = (struct regstore_stat){.struct_size = sizeof(found)};
        status = session->plugin->stat(session->store, &session->call, key, &found);
    } while (status != REGSTORE_OK && retry_again(&retry, status, &session->error));
    if (status != REGSTORE_OK)
        return session_fail(session, status, "stat", key);
    if ((session->options->given & OPTION_JSON) != 0)
        print_json(key, &found);
    else
        print_stat(key, &found);
    return EXIT_DONE;
}

/* Of several keys the first failure that is not "not found" gives the exit status. */
int cmd_stat(struct session *session, const struct options *options)
{
    int result = EXIT_DONE;
    for (size_t i = 0; i < options->n_args; i++) {
        int one = stat_one(session, options->args[i]);
        if (result == EXIT_DONE || result == EXIT_NOT_FOUND)
            result = one != EXIT_DONE ? one : result;
    }
    return session_flush(result);
}

static void print_entry(const struct session *session, const char *key,
                        const struct regstore_stat *found)
{
    uint64_t given = session->options->given;
    char mtime[32];
    if ((given & OPTION_JSON) != 0) {
        print_json(key, found);
    } else if ((given & OPTION_LONG) == 0) {
        printf("%s\n", key);
    } else if ((found->flags & REGSTORE_STAT_PREFIX) != 0) {
        printf("%14s  %-20s  %s\n", "-", "-", key);
    } else {
        number_format_time(found->mtime_ns, mtime, sizeof(mtime));
        printf("%14llu  %-20s  %s\n", (unsigned long long)found->length, mtime, key);
    }
}

static regstore_status print_list(struct session *session, struct regstore_list *list)
{
    char key[REGSTORE_KEY_MAX];
    struct retry retry = {0};
    for (;;) {
        struct regstore_stat found = {.struct_size = sizeof(found)};
        regstore_status status =
            session->plugin->list_next(list, &session->call, key, sizeof(key), &found);
        if (status != REGSTORE_OK && !retry_again(&retry, status, &session->error))
            return status;
        if (status != REGSTORE_OK)
            continue;
        if (key[0] == '\0' || ferror(stdout))
            return REGSTORE_OK;
        retry.tries = 0;
        print_entry(session, key, &found);
    }
}

int cmd_ls(struct session *session, const struct options *options)
{
    struct regstore_list_opts opts = {
        .struct_size = sizeof(opts),
        .prefix = options->n_args > 0 ? options->args[0] : NULL,
        .delimiter = (options->given & OPTION_DELIMITER) != 0 ? "/" : NULL,
    };
    struct regstore_list *list = NULL;
    regstore_status status =
        session->plugin->list_open(session->store, &session->call, &opts, &list);
    if (status == REGSTORE_OK) {
        status = print_list(session, list);
        session->plugin->list_close(list);
    }
    if (status != REGSTORE_OK)
        return session_flush(session_fail(session, status, "ls", opts.prefix));
    return session_flush(EXIT_DONE);
}

int cmd_rm(struct session *session, const struct options *options)
{
    const char *const *keys = (const char *const *)options->args;
    size_t n = options->n_args;
    regstore_status *results = calloc(n, sizeof(*results));
    if (results == NULL) {
        fprintf(stderr, "regstore: no memory\n");
        return EXIT_FAILED;
    }
    struct retry retry = {0};
    regstore_status status;
    do {
        status = session->plugin->delete_blobs(session->store, &session->call, keys, n, results);
    } while (status != REGSTORE_OK && retry_again(&retry, status, &session->error));
    int result = EXIT_DONE;
    if (status != REGSTORE_OK) {
        size_t first = 0; /* The error speaks of the first that failed. */
        while (first < n && results[first] == REGSTORE_OK)
            first++;
        result = session_fail(session, status, "rm", first < n ? keys[first] : NULL);
        for (size_t i = first + 1; i < n; i++) {
            if (results[i] != REGSTORE_OK)
                fprintf(stderr, "regstore: rm %s: %s\n", keys[i],
                        regstore_host_status_name(results[i]));
        }
    }
    free(results);
    return result;
}

int cmd_cp(struct session *session, const struct options *options)
{
    struct regstore_copy_opts opts = {
        .struct_size = sizeof(opts),
        .flags = (options->given & OPTION_IF_ABSENT) != 0 ? REGSTORE_COPY_IF_ABSENT : 0,
    };
    struct retry retry = {0};
    regstore_status status;
    do {
        status = session->plugin->copy(session->store, &session->call, options->args[0],
                                       options->args[1], &opts);
    } while (status != REGSTORE_OK && retry_again(&retry, status, &session->error));
    return status == REGSTORE_OK ? EXIT_DONE
                                 : session_fail(session, status, "cp", options->args[0]);
}

static void print_purged(const struct regstore_purged *purged, bool is_json, bool is_dry)
{
    char bytes[32];
    number_format_bytes(purged->bytes, bytes, sizeof(bytes));
    if (!is_json) {
        printf("%s %llu object%s and %llu unfinished upload%s, %s; younger: %llu; failed: %llu\n",
               is_dry ? "would remove" : "removed", (unsigned long long)purged->objects,
               purged->objects == 1 ? "" : "s", (unsigned long long)purged->uploads,
               purged->uploads == 1 ? "" : "s", bytes, (unsigned long long)purged->spared,
               (unsigned long long)purged->failed);
        return;
    }
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_number(&json, "objects", purged->objects);
    json_number(&json, "uploads", purged->uploads);
    json_number(&json, "bytes", purged->bytes);
    json_number(&json, "spared", purged->spared);
    json_number(&json, "failed", purged->failed);
    json_close(&json, '}');
    printf("\n");
}

/* After a failure the counts say what was done before it. */
int cmd_purge(struct session *session, const struct options *options)
{
    bool is_dry = (options->given & OPTION_DRY_RUN) != 0;
    if ((options->given & OPTION_OLDER_THAN) == 0) {
        fprintf(stderr, "regstore: purge needs --older-than, for example 2d\n");
        return EXIT_USAGE;
    }
    struct regstore_purge_opts opts = {
        .struct_size = sizeof(opts),
        .flags = is_dry ? REGSTORE_PURGE_DRY_RUN : 0,
        .older_than_s = options->older_than_s,
    };
    struct regstore_purged purged = {.struct_size = sizeof(purged)};
    regstore_status status =
        session->plugin->purge(session->store, &session->call, &opts, &purged);
    print_purged(&purged, (options->given & OPTION_JSON) != 0, is_dry);
    return session_flush(status == REGSTORE_OK ? EXIT_DONE
                                               : session_fail(session, status, "purge", NULL));
}
