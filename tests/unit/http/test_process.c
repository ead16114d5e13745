/* SPDX-License-Identifier: Apache-2.0 */
/* What the process sees of the engine: threads, signals, descriptors, forks, logs and metrics. */
#include "client.h"
#include "server.h"
#include "suites.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS(script) (script), sizeof(script) / sizeof((script)[0])

static struct client client;
static const struct server_step good[] = {{NULL, 0}};

static void set_up(void)
{
    client_init(&client);
}

static regstore_status get(const char *url)
{
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", url);
    const regstore_status status = start_and_finish(&client, request);
    drop(request);
    ck_assert_uint_eq(atomic_load(&errand.done), 1);
    return status;
}

/* The engine's threads, known by their name; each must block all signals that can be blocked. */
static unsigned count_threads(void)
{
    unsigned n = 0;
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], line[256], name[64] = "";
        unsigned long long blocked = 0;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "re");
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            (void)sscanf(line, "Name:\t%63s", name);
            (void)sscanf(line, "SigBlk:\t%llx", &blocked);
        }
        if (status != NULL)
            fclose(status);
        if (strcmp(name, "regstore-http") != 0)
            continue;
        n++;
        /* 9 and 19 cannot be blocked, 32 and 33 are the C library's. */
        const unsigned long long free_ones = 1ULL << 8 | 1ULL << 18 | 1ULL << 31 | 1ULL << 32;
        ck_assert_uint_eq(blocked | free_ones, ~0ULL);
    }
    closedir(tasks);
    return n;
}

START_TEST(threads_come_with_the_first_request_and_block_all_signals)
{
    client.options.loops = 3;
    client_open(&client);
    ck_assert_uint_eq(count_threads(), 0);
    struct server *server = server_start(STEPS(good));
    ck_assert_int_eq(get(server_url(server, "/")), REGSTORE_OK);
    ck_assert_uint_eq(count_threads(), 3);
    client_close(&client);
    ck_assert_uint_eq(count_threads(), 0);
    server_stop(server);
}
END_TEST

static unsigned count_descriptors(bool only_inherited_tcp)
{
    unsigned n = 0;
    for (int fd = 0; fd < 256; fd++) {
        const int flags = fcntl(fd, F_GETFD);
        int domain = 0;
        socklen_t len = sizeof domain;
        if (flags < 0)
            continue;
        const bool is_tcp =
            getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_INET;
        if (!only_inherited_tcp || (is_tcp && (flags & FD_CLOEXEC) == 0))
            n++;
    }
    return n;
}

START_TEST(no_descriptor_stays_and_connections_are_close_on_exec)
{
    struct server *server = server_start(STEPS(good));
    client_open(&client);
    const unsigned before = count_descriptors(false);
    ck_assert_int_eq(get(server_url(server, "/")), REGSTORE_OK);
    ck_assert_uint_gt(count_descriptors(false), before);
    ck_assert_uint_eq(count_descriptors(true), 0);
    client_close(&client);
    server_stop(server);
    ck_assert_uint_lt(count_descriptors(false), before); /* the listener is gone as well */
}
END_TEST

/* Runs in a child of a fork; its checks end it with a status that is not 0. */
static void in_child(void (*act)(const char *url), const char *url)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        act(url);
        _exit(0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static struct stss3_request *inherited;

static void use_what_the_parent_used(const char *url)
{
    const int64_t began_ms = now_ms();
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    if (get(url) != REGSTORE_STATE)
        _exit(2);
    if (stss3_request_wait(inherited, &call) != REGSTORE_STATE)
        _exit(3);
    stss3_request_cancel(inherited);
    stss3_request_resume(inherited);
    client_close(&client);
    if (stss3_request_is_over(inherited)) /* it is still the parent's */
        _exit(4);
    stss3_request_unref(inherited);
    if (now_ms() - began_ms > 1000)
        _exit(5);
}

START_TEST(child_of_a_used_engine_gets_state_and_harms_nothing)
{
    static const struct server_step script[] = {{"", SERVER_HANGS}, {NULL, 0}};
    struct server *server = server_start(STEPS(script));
    client_open(&client);
    struct errand errand = {0};
    inherited = errand_request(&errand, "GET", server_url(server, "/"));
    stss3_request_start(client.http, inherited);
    ck_assert(server_wait_heads(server, 1));
    ck_assert_int_eq(get(server_url(server, "/")), REGSTORE_OK);
    in_child(use_what_the_parent_used, server_url(server, "/"));
    ck_assert(!stss3_request_is_over(inherited));
    ck_assert_int_eq(get(server_url(server, "/")), REGSTORE_OK);
    ck_assert_uint_eq(server_connections(server), 2); /* still the parent's */
    client_close(&client);
    ck_assert_int_eq(inherited->error.status, REGSTORE_CANCELLED);
    stss3_request_unref(inherited);
    server_stop(server);
}
END_TEST

static void use_what_nobody_used(const char *url)
{
    if (get(url) != REGSTORE_OK)
        _exit(2);
    client_close(&client);
}

START_TEST(engine_that_was_not_used_works_in_parent_and_child)
{
    struct server *server = server_start(STEPS(good));
    client_open(&client);
    in_child(use_what_nobody_used, server_url(server, "/"));
    ck_assert_int_eq(get(server_url(server, "/")), REGSTORE_OK);
    client_close(&client);
    server_stop(server);
}
END_TEST

struct ears {
    pthread_mutex_t mutex;
    struct plug_buf heard;
    double in_flight; /* as it was told last */
};

static void hear_log(void *ctx, int32_t level, const char *event,
                     const struct regstore_pair *fields, size_t n)
{
    struct ears *ears = ctx;
    pthread_mutex_lock(&ears->mutex);
    plug_buf_printf(&ears->heard, "%d %s", level, event);
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].key, "host") == 0) /* its port is another one each time */
            plug_buf_printf(&ears->heard, " host=%.9s%s", fields[i].value,
                            strpbrk(fields[i].value, "/?") == NULL ? "" : fields[i].value);
        else if (strcmp(fields[i].key, "milliseconds") != 0)
            plug_buf_printf(&ears->heard, " %s=%s", fields[i].key, fields[i].value);
    plug_buf_char(&ears->heard, '\n');
    pthread_mutex_unlock(&ears->mutex);
}

static void hear_metric(void *ctx, int32_t kind, const char *name, double value,
                        const struct regstore_pair *labels, size_t n)
{
    struct ears *ears = ctx;
    pthread_mutex_lock(&ears->mutex);
    if (strcmp(name, "regstore_http_in_flight") == 0) { /* at any moment between the others */
        ears->in_flight = value;
        pthread_mutex_unlock(&ears->mutex);
        return;
    }
    plug_buf_printf(&ears->heard, "%s", name);
    for (size_t i = 0; i < n; i++)
        plug_buf_printf(&ears->heard, " %s=%s", labels[i].key, labels[i].value);
    if (kind == REGSTORE_METRIC_COUNT)
        plug_buf_printf(&ears->heard, " %.0f", value);
    plug_buf_char(&ears->heard, '\n');
    pthread_mutex_unlock(&ears->mutex);
}

START_TEST(host_hears_of_tries_and_never_of_queries)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n", 0}, {NULL, 0}};
    static const char expected[] =
        "10 http_try operation=Test method=GET host=127.0.0.1 status=503 try=1 transport=none "
        "message=\n"
        "regstore_http_tries_total operation=Test status=503 1\n"
        "regstore_http_seconds operation=Test\n"
        "30 throttling_begun service=others operation=Test status=503 code=\n"
        "regstore_http_retry_budget_used_ratio service=others\n"
        "regstore_http_retries_total operation=Test cause=503 1\n"
        "10 http_try operation=Test method=GET host=127.0.0.1 status=200 try=2 transport=none "
        "message=\n"
        "regstore_http_tries_total operation=Test status=200 1\n"
        "regstore_http_seconds operation=Test\n"
        "regstore_http_received_bytes_total operation=Test 2\n"
        "regstore_http_retry_budget_used_ratio service=others\n"
        "regstore_http_requests_total operation=Test outcome=ok 1\n";
    struct ears ears = {.mutex = PTHREAD_MUTEX_INITIALIZER, .in_flight = -1};
    client.host.host = (struct regstore_host){.struct_size = sizeof(struct regstore_host),
                                              .ctx = &ears,
                                              .log = hear_log,
                                              .metric = hear_metric};
    struct server *server = server_start(STEPS(script));
    client_open(&client);
    ck_assert_int_eq(get(server_url(server, "/key?X-Amz-Signature=secret")), REGSTORE_OK);
    client_close(&client);
    server_stop(server);
    ck_assert_str_eq(plug_buf_text(&ears.heard), expected);
    ck_assert_double_eq(ears.in_flight, 0);
    plug_buf_clear(&ears.heard);
}
END_TEST

START_TEST(environment_names_no_proxy)
{
    struct server *server = server_start(STEPS(good));
    ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    client_open(&client);
    ck_assert_int_eq(get(server_url(server, "/")), REGSTORE_OK);
    client_close(&client);
    server_stop(server);
}
END_TEST

void add_process_tests(Suite *suite)
{
    ADD_TEST(suite, threads_come_with_the_first_request_and_block_all_signals, set_up, NULL, 1);
    ADD_TEST(suite, no_descriptor_stays_and_connections_are_close_on_exec, set_up, NULL, 1);
    ADD_TEST(suite, child_of_a_used_engine_gets_state_and_harms_nothing, set_up, NULL, 1);
    ADD_TEST(suite, engine_that_was_not_used_works_in_parent_and_child, set_up, NULL, 1);
    ADD_TEST(suite, host_hears_of_tries_and_never_of_queries, set_up, NULL, 1);
    ADD_TEST(suite, environment_names_no_proxy, set_up, NULL, 1);
}
