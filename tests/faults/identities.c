/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are, from the settings and from each source in turn: a store is opened, has its first
 * session, and is closed again.  What stands beside us (a container's service, an instance's) is a
 * process of the test's.
 */
#include "sweep.h"

#include "place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACCESS   "AKIAQUAYUSER00000001"
#define SECRET   "quaysecretkey0000000000000000000000000001"
#define ROLE     "arn:aws:iam::123492922789:role/example-role"
#define JSON \
    "{\"Version\": 1, \"AccessKeyId\": \"" ACCESS "\", \"SecretAccessKey\": \"" SECRET "\"}"
#define A_LITTLE 1000u
#define SETTINGS 32u

static char folder[64], paths[2][128];
static size_t n_paths;

static struct {
    char url[64];
    struct regstore_pair pairs[SETTINGS];
    size_t n;
    pid_t beside; /* 0: nobody */
} world;

static void add(const char *key, const char *value)
{
    ck_assert_uint_lt(world.n, SETTINGS);
    world.pairs[world.n++] = (struct regstore_pair){key, value};
}

static void add_place(const struct run *r)
{
    add("storage_path", r->path);
    add("s3_bucket", "quay");
    add("endpoint_url", server_url());
    add("sts_endpoint_url", server_url());
    add("sts_role_arn", ROLE);
}

/* A file in the case's own folder, which nobody else may read. */
static const char *write_file(const char *name, const char *text, mode_t mode)
{
    ck_assert_uint_lt(n_paths, 2);
    char *path = paths[n_paths++];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert(file != NULL && fputs(text, file) != EOF && fclose(file) == 0);
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

static void say(const char *key, const char *value)
{
    ck_assert_int_eq(setenv(key, value, 1), 0);
}

static void begin_world(struct run *r)
{
    put_there(r, KEY, A_LITTLE);
    (void)snprintf(folder, sizeof folder, "/tmp/identities-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    say("HOME", folder);
    add_place(r);
}

/* Reads one request's head and answers it, until the test has ended. */
static void stand_beside(int listener)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        char head[4096] = "", answer[1024];
        const char *body = JSON;
        const int fd = accept(listener, NULL, NULL);
        for (size_t n = 0; fd >= 0 && n < sizeof head - 1 && strstr(head, "\r\n\r\n") == NULL;) {
            const ssize_t got = read(fd, head + n, sizeof head - 1 - n);
            if (got <= 0)
                break;
            n += (size_t)got;
        }
        if (strncmp(head, "PUT ", 4) == 0)
            body = "token";
        else if (strstr(head, "security-credentials/ ") != NULL)
            body = "node-role\n";
        const int len = snprintf(answer, sizeof answer,
                                 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n"
                                 "\r\n%s",
                                 strlen(body), body);
        if (fd >= 0) {
            (void)send(fd, answer, (size_t)len, MSG_NOSIGNAL);
            (void)close(fd);
        }
    }
}

static void put_beside(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 16) == 0 &&
              getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    (void)snprintf(world.url, sizeof world.url, "http://127.0.0.1:%u", ntohs(at.sin_port));
    world.beside = fork();
    if (world.beside == 0)
        stand_beside(fd);
    ck_assert_int_gt(world.beside, 0);
    (void)close(fd);
}

static void prepare_settings(struct run *r)
{
    begin_world(r);
    add("sts_user_access_key", ACCESS);
    add("sts_user_secret_key_file", write_file("secret", SECRET, 0600));
    add("sts_role_session_name", "a-session");
    add("sts_duration_seconds", "3600");
    add("provider", "other");
    add("server_side_encryption", "none");
    add("storage_class", "STANDARD");
    add("checksum_algorithm", "crc32c");
    add("http_proxy", "none");
    add("io_threads", "2");
    add("memory_limit_mb", "64");
    add("presign_endpoint_url", "https://outside.example");
}

static void prepare_environment(struct run *r)
{
    begin_world(r);
    say("AWS_ACCESS_KEY_ID", ACCESS);
    say("AWS_SECRET_ACCESS_KEY", SECRET);
}

/* A chain of two, the second of which runs a program. */
static void prepare_profile(struct run *r)
{
    char text[512];
    begin_world(r);
    const char *program = write_file("program", "#!/bin/sh\necho '" JSON "'\n", 0700);
    (void)snprintf(text, sizeof text,
                   "[profile mine]\nrole_arn = " ROLE "\nsource_profile = other\n"
                   "[profile other]\ncredential_process = %s --for 'the registry'\n",
                   program);
    say("AWS_CONFIG_FILE", write_file("config", text, 0600));
    add("sts_profile", "mine");
}

static void prepare_profile_with_keys(struct run *r)
{
    begin_world(r);
    say("AWS_SHARED_CREDENTIALS_FILE",
        write_file("credentials",
                   "[default]\naws_access_key_id = " ACCESS "\n"
                   "aws_secret_access_key = " SECRET "\n",
                   0600));
}

static void prepare_container(struct run *r)
{
    begin_world(r);
    put_beside();
    say("AWS_CONTAINER_CREDENTIALS_FULL_URI", world.url);
    say("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", write_file("token", "open sesame", 0600));
}

static void prepare_instance(struct run *r)
{
    begin_world(r);
    put_beside();
    say("AWS_EC2_METADATA_SERVICE_ENDPOINT", world.url);
}

static void open_until(struct run *r, size_t n, regstore_status expected)
{
    regstore_status status = REGSTORE_INTERNAL;
    while (status != expected) {
        const struct regstore_call call = call_in(r);
        status = r->p->store_open(&call, NULL, world.pairs, n, &r->store);
        CLAIM(r, (status == REGSTORE_OK) == (r->store != NULL));
        if (status != expected)
            look_at_failure(r, "store_open", status);
    }
}

/* It is closed with its session, and nothing of it stays. */
static void come_and_go(struct run *r)
{
    struct regstore_stat stat = {.struct_size = sizeof stat};
    regstore_status status = REGSTORE_INTERNAL;
    r->p->store_close(r->store);
    r->store = NULL;
    world.pairs[world.n] = (struct regstore_pair){"no_such_setting", "x"};
    open_until(r, world.n + 1, REGSTORE_CONFIG);
    CLAIM(r, strstr(r->error.message, "no_such_setting") != NULL);
    open_until(r, world.n, REGSTORE_OK);
    while (status != REGSTORE_OK) {
        const struct regstore_call call = call_in(r);
        status = r->p->stat(r->store, &call, KEY, &stat);
        if (status != REGSTORE_OK)
            look_at_failure(r, "stat", status);
    }
    CLAIM(r, stat.length == A_LITTLE);
    r->p->store_close(r->store);
    r->store = NULL;
}

static void clear_world(struct run *r)
{
    static const char *const names[] = {"secret", "program", "config", "credentials", "token"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    r->verb = "the end";
    CLAIM(r, rmdir(folder) == 0);
    if (world.beside > 0) {
        (void)kill(world.beside, SIGKILL);
        (void)waitpid(world.beside, NULL, 0);
    }
}

#define IDENTITY(kind, prepares) \
    { \
        .name = "open, " kind, .column = "open", .prepare = (prepares), .travel = come_and_go, \
        .judge = clear_world \
    }

const struct journey identities[] = {
    IDENTITY("keys of settings", prepare_settings),
    IDENTITY("environment", prepare_environment),
    IDENTITY("profile and program", prepare_profile),
    IDENTITY("profile with keys", prepare_profile_with_keys),
    IDENTITY("container", prepare_container),
    IDENTITY("instance", prepare_instance),
};
const size_t identities_count = sizeof identities / sizeof identities[0];
