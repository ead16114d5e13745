/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const struct regstore_plugin *regstore_plugin_v1(void);

static char endpoint[128];
static pid_t server = -1;

const struct regstore_plugin *plugin_table(void)
{
    return regstore_plugin_v1();
}

void server_up(void)
{
    const char *other = getenv("REGSTORE_TEST_ENDPOINT"), *path = getenv("REGSTORE_FAKE_S3");
    char owner[16];
    int ends[2];
    if (other != NULL) {
        (void)snprintf(endpoint, sizeof endpoint, "%s", other);
        return;
    }
    ck_assert_msg(path != NULL, "REGSTORE_FAKE_S3 says where regstore-fake-s3 is");
    (void)snprintf(owner, sizeof owner, "%d", (int)getpid());
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    server = fork();
    if (server == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl(path, path, "--owner", owner, "--control", (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    const ssize_t n = read(ends[0], endpoint, sizeof endpoint - 1); /* one line, written at once */
    (void)close(ends[0]);
    ck_assert_int_gt(n, 0);
    endpoint[strcspn(endpoint, "\n")] = '\0';
}

void server_down(void)
{
    if (server > 0 && kill(server, SIGTERM) == 0)
        (void)waitpid(server, NULL, 0);
    server = -1;
}

const char *server_url(void)
{
    return endpoint;
}

struct regstore_call call_of(struct regstore_error *error)
{
    *error = (struct regstore_error){.struct_size = sizeof *error};
    return (struct regstore_call){
        .struct_size = sizeof(struct regstore_call), .timeout_ms = 45000, .error = error};
}

struct regstore_store *store_at(bool by_name)
{
    return store_under("/fork", by_name);
}

/* Settings are added up in pairs; the first of a key is the one that counts. */
static void add_setting(struct regstore_pair *pairs, size_t *n, const char *key, const char *value)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(pairs[i].key, key) == 0)
            return;
    pairs[(*n)++] = (struct regstore_pair){key, value};
}

enum { MOST_SETTINGS = 32 };

static struct regstore_store *open_through(struct regstore_pair *pairs, size_t n, const char *url,
                                           const char *path)
{
    const char *ca = getenv("REGSTORE_TEST_CA");
    const char *role = getenv("REGSTORE_TEST_ROLE");
    add_setting(pairs, &n, "storage_path", path);
    add_setting(pairs, &n, "s3_bucket", "quay");
    add_setting(pairs, &n, "sts_user_access_key", "AKIAQUAYUSER00000001");
    add_setting(pairs, &n, "sts_user_secret_key", "quaysecretkey0000000000000000000000000001");
    add_setting(pairs, &n, "endpoint_url", url);
    add_setting(pairs, &n, "sts_endpoint_url", url);
    add_setting(pairs, &n, "sts_role_arn",
                role != NULL ? role : "arn:aws:iam::123492922789:role/example-role");
    if (ca != NULL)
        add_setting(pairs, &n, "ca_bundle", ca);
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_store *store = NULL;
    ck_assert_msg(plugin_table()->store_open(&call, NULL, pairs, n, &store) == REGSTORE_OK, "%s",
                  error.message);
    return store;
}

struct regstore_store *store_through(const char *url, const char *path)
{
    struct regstore_pair pairs[MOST_SETTINGS];
    return open_through(pairs, 0, url, path);
}

static void write_url(bool by_name, char url[160])
{
    (void)snprintf(url, 160, "http://%s%s", by_name ? PLACE_NAME : "127.0.0.1",
                   strrchr(endpoint, ':'));
}

struct regstore_store *store_under(const char *path, bool by_name)
{
    char url[160];
    write_url(by_name, url);
    return store_through(url, path);
}

struct regstore_store *store_with(const struct regstore_pair *more, size_t n)
{
    struct regstore_pair pairs[MOST_SETTINGS];
    char url[160];
    ck_assert_uint_lt(n, MOST_SETTINGS - 9);
    memcpy(pairs, more, n * sizeof *more);
    write_url(false, url);
    return open_through(pairs, n, url, "/fork");
}

unsigned how_many_forks(void)
{
    const char *text = getenv("REGSTORE_TEST_FORKS");
    return text == NULL ? 60 : (unsigned)strtoul(text, NULL, 10);
}

void fill(uint8_t *bytes, size_t len, uint64_t seed, uint64_t offset)
{
    for (size_t i = 0; i < len; i++) {
        const uint64_t at = offset + i;
        bytes[i] = (uint8_t)((at ^ at >> 8 ^ at >> 16) * 31 + seed * 131);
    }
}

static bool tell(const char *what, const char *key, const struct regstore_error *error)
{
    (void)fprintf(stderr, "%s %s: %s\n", what, key, error->message);
    return false;
}

bool put(struct regstore_store *store, const char *key, uint64_t seed, size_t len)
{
    const struct regstore_plugin *p = plugin_table();
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .key = key};
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_upload *upload = NULL;
    uint8_t *bytes = malloc(len);
    if (bytes == NULL)
        return false;
    fill(bytes, len, seed, 0);
    const bool ok = p->upload_open(store, &call, &opts, &upload) == REGSTORE_OK &&
                    p->upload_write(upload, &call, bytes, len) == REGSTORE_OK &&
                    p->upload_commit(upload, &call, NULL, NULL) == REGSTORE_OK;
    p->upload_close(upload);
    free(bytes);
    return ok || tell("put", key, &error);
}

bool has_content(struct regstore_store *store, const char *key, uint64_t seed, size_t len)
{
    const struct regstore_plugin *p = plugin_table();
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_reader *reader = NULL;
    uint8_t seen[16384], expected[16384];
    size_t at = 0, got = 1;
    bool ok = p->read_open(store, &call, key, NULL, &reader, NULL) == REGSTORE_OK;
    while (ok && got != 0) {
        ok = p->read_next(reader, &call, seen, sizeof seen, &got) == REGSTORE_OK;
        if (!ok)
            break;
        fill(expected, got, seed, at);
        at += got;
        if (memcmp(seen, expected, got) != 0) {
            (void)fprintf(stderr, "%s has other bytes before %zu\n", key, at);
            p->read_close(reader);
            return false;
        }
    }
    p->read_close(reader);
    return (ok && at == len) || tell("read", key, &error);
}

bool use(struct regstore_store *store, const char *name, uint64_t seed, size_t len)
{
    const struct regstore_plugin *p = plugin_table();
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_stat stat = {.struct_size = sizeof stat};
    char key[128];
    (void)snprintf(key, sizeof key, "%s/%llu", name, (unsigned long long)seed);
    const char *const keys[] = {key};
    if (!put(store, key, seed, len))
        return false;
    if (p->stat(store, &call, key, &stat) != REGSTORE_OK || stat.length != len)
        return tell("stat", key, &error);
    return has_content(store, key, seed, len) &&
           (p->delete_blobs(store, &call, keys, 1, NULL) == REGSTORE_OK ||
            tell("delete", key, &error));
}

pid_t child_that(bool (*act)(void *ctx), void *ctx)
{
    const pid_t child = fork();
    if (child != 0)
        return child;
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(CHILD_LIFE_S);
    _exit(act(ctx) ? 0 : 1);
}

bool went_well(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    if (WIFSIGNALED(status))
        (void)fprintf(stderr, "a child ended by signal %d%s\n", WTERMSIG(status),
                      WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
