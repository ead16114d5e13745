/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include "buf.h"

#include <check.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define HEAD_MAX        65536

struct connection {
    struct server *server;
    int fd;
    pthread_t thread;
    char in[HEAD_MAX]; /* read, but not yet used */
    size_t in_len;
};

struct server {
    const struct server_step *script;
    size_t steps;
    int listener;
    unsigned port;
    pthread_t thread;
    char url[1024];
    atomic_bool is_stopping;
    atomic_uint connection_count;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    unsigned heads;
    struct plug_buf head, all_heads, shown_heads, bodies;
    struct connection *connections[CONNECTIONS_MAX];
};

static const char ok_reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char continue_reply[] = "HTTP/1.1 100 Continue\r\nX-Early: yes\r\n\r\n";

static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        const ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool trickle(int fd, const char *data, size_t len)
{
    const struct timespec pause = {0, 20000000};
    for (; len > 0; data++, len--) {
        if (!send_all(fd, data, 1))
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

/* The length of the head that stands at the beginning of what was read; 0: none comes. */
static size_t read_head(struct connection *c)
{
    for (;;) {
        const char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
        if (end != NULL)
            return (size_t)(end - c->in) + 4;
        if (c->in_len == sizeof c->in)
            return 0;
        const ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
        if (n <= 0)
            return 0;
        c->in_len += (size_t)n;
        if (!isupper((unsigned char)c->in[0]))
            return 0; /* TLS, and no method */
    }
}

static void consume(struct connection *c, size_t len)
{
    memmove(c->in, c->in + len, c->in_len - len);
    c->in_len -= len;
}

static bool read_body(struct connection *c, size_t len)
{
    struct plug_buf body = {0};
    bool is_whole = true;
    while (is_whole && body.len < len) {
        const size_t want = len - body.len, n = c->in_len < want ? c->in_len : want;
        plug_buf_add(&body, c->in, n);
        consume(c, n);
        if (body.len == len)
            break;
        const ssize_t got = recv(c->fd, c->in, sizeof c->in, 0);
        is_whole = got > 0;
        c->in_len = got > 0 ? (size_t)got : 0;
    }
    if (is_whole) {
        pthread_mutex_lock(&c->server->mutex);
        plug_buf_add(&c->server->bodies, plug_buf_text(&body), body.len);
        pthread_mutex_unlock(&c->server->mutex);
    }
    plug_buf_clear(&body);
    return is_whole;
}

/* Notes the head and takes the step that is its turn. */
static const struct server_step *note(struct connection *c, size_t head_len, size_t *body_len)
{
    struct server *s = c->server;
    pthread_mutex_lock(&s->mutex);
    plug_buf_reset(&s->head);
    plug_buf_add(&s->head, c->in, head_len);
    plug_buf_add(&s->all_heads, c->in, head_len);
    const char *length = strcasestr(plug_buf_text(&s->head), "\r\nContent-Length:");
    *body_len = length == NULL ? 0 : strtoul(strchr(length, ':') + 1, NULL, 10);
    const size_t step = s->heads < s->steps ? s->heads : s->steps - 1;
    s->heads++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    consume(c, head_len);
    return &s->script[step];
}

static void wait_for_stop(struct server *s)
{
    pthread_mutex_lock(&s->mutex);
    while (!atomic_load(&s->is_stopping))
        pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

/* False: this connection is done. */
static bool serve(struct connection *c)
{
    size_t body_len;
    const size_t head_len = read_head(c);
    if (head_len == 0)
        return false;
    const struct server_step *step = note(c, head_len, &body_len);
    const char *reply = step->reply == NULL ? ok_reply : step->reply;
    if ((step->manners & SERVER_CONTINUES) != 0 &&
        !send_all(c->fd, continue_reply, strlen(continue_reply)))
        return false;
    if ((step->manners & SERVER_ANSWERS_EARLY) == 0 && !read_body(c, body_len))
        return false;
    const bool is_sent = (step->manners & SERVER_TRICKLES) != 0
                             ? trickle(c->fd, reply, strlen(reply))
                             : send_all(c->fd, reply, strlen(reply));
    if ((step->manners & SERVER_HANGS) != 0)
        wait_for_stop(c->server);
    if ((step->manners & SERVER_RESETS) != 0) {
        const struct linger hard = {1, 0};
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    return is_sent && (step->manners & (SERVER_HANGS | SERVER_CLOSES | SERVER_RESETS)) == 0;
}

static void *run_connection(void *ctx)
{
    struct connection *c = ctx;
    while (serve(c))
        ;
    pthread_mutex_lock(&c->server->mutex);
    (void)close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->server->mutex);
    return NULL;
}

static void *run_listener(void *ctx)
{
    struct server *s = ctx;
    for (;;) {
        const int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (atomic_load(&s->is_stopping) || fd < 0) {
            if (fd >= 0)
                (void)close(fd);
            return NULL;
        }
        const int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = calloc(1, sizeof *c);
        ck_assert_ptr_nonnull(c);
        *c = (struct connection){.server = s, .fd = fd};
        const unsigned n = atomic_fetch_add(&s->connection_count, 1);
        ck_assert_uint_lt(n, CONNECTIONS_MAX);
        pthread_mutex_lock(&s->mutex);
        s->connections[n] = c;
        ck_assert_int_eq(pthread_create(&c->thread, NULL, run_connection, c), 0);
        pthread_mutex_unlock(&s->mutex);
    }
}

struct server *server_start(const struct server_step *script, size_t steps)
{
    struct server *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->script = script;
    s->steps = steps;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(s->listener, 0);
    ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(s->listener, 256), 0);
    ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, run_listener, s), 0);
    return s;
}

void server_stop(struct server *s)
{
    pthread_mutex_lock(&s->mutex);
    atomic_store(&s->is_stopping, true);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    (void)shutdown(s->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(s->thread, NULL);
    (void)close(s->listener);
    for (unsigned i = 0; i < atomic_load(&s->connection_count); i++) {
        struct connection *c = s->connections[i];
        pthread_mutex_lock(&s->mutex);
        if (c->fd >= 0)
            (void)shutdown(c->fd, SHUT_RDWR);
        pthread_mutex_unlock(&s->mutex);
        pthread_join(c->thread, NULL);
        free(c);
    }
    plug_buf_clear(&s->head);
    plug_buf_clear(&s->all_heads);
    plug_buf_clear(&s->shown_heads);
    plug_buf_clear(&s->bodies);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->changed);
    free(s);
}

const char *server_url(struct server *s, const char *path)
{
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u%s", s->port, path);
    return s->url;
}

bool server_wait_heads(struct server *s, unsigned n)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 10;
    int result = 0;
    pthread_mutex_lock(&s->mutex);
    while (s->heads < n && result == 0)
        result = pthread_cond_clockwait(&s->changed, &s->mutex, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&s->mutex);
    return result == 0;
}

unsigned server_connections(const struct server *s)
{
    return atomic_load(&s->connection_count);
}

unsigned server_heads(struct server *s)
{
    pthread_mutex_lock(&s->mutex);
    const unsigned heads = s->heads;
    pthread_mutex_unlock(&s->mutex);
    return heads;
}

const char *server_head(struct server *s)
{
    return plug_buf_text(&s->head);
}

const char *server_all_heads(struct server *s)
{
    pthread_mutex_lock(&s->mutex);
    plug_buf_reset(&s->shown_heads); /* more may come while the test reads */
    plug_buf_str(&s->shown_heads, plug_buf_text(&s->all_heads));
    pthread_mutex_unlock(&s->mutex);
    return plug_buf_text(&s->shown_heads);
}

const uint8_t *server_bodies(struct server *s, size_t *len)
{
    *len = s->bodies.len;
    return (const uint8_t *)plug_buf_text(&s->bodies);
}
