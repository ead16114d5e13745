/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINKS     64
#define BUF_BYTES 65536
#define DRIBBLED  4096u /* the rest of a turn goes through as it comes */

/* One direction of a link. */
struct flow {
    int from, to;
    uint8_t buf[BUF_BYTES];
    size_t len;
    uint64_t passed; /* in this turn */
    bool is_over;    /* from has ended */
    bool has_held;
    int64_t held_until_ns;
};

struct link {
    struct flow up, down;
    unsigned turn;
    bool has_turn, is_answering;
    bool is_cut; /* what comes is thrown away until both have closed */
    uint8_t copy[BUF_BYTES / 2]; /* of the answer, for PROXY_TWICE */
    size_t copy_len;
    size_t ahead; /* bytes of the answer that go ahead of its last one and the copy */
};

struct relay {
    struct sockaddr_in server;
    int listener;
    const struct proxy_script *script;
    struct proxy_log *log;
    struct link *links[LINKS];
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct proxy_turn *turn_of(struct relay *r, const struct link *l)
{
    return l->has_turn && l->turn < PROXY_TURNS ? &r->log->turn[l->turn] : NULL;
}

static bool is_struck(const struct relay *r, const struct link *l, const struct flow *f)
{
    return r->script->act != PROXY_PASS && !atomic_load(&r->log->is_over) &&
           l->has_turn && l->turn == r->script->turn &&
           (f == &l->down) == r->script->is_of_answer;
}

static void mark(struct relay *r)
{
    (void)atomic_fetch_add(&r->log->struck, 1);
}

static void close_link(struct link **at)
{
    struct link *l = *at;
    (void)close(l->up.from);
    (void)close(l->down.from);
    free(l);
    *at = NULL;
}

static void reset_link(struct link **at)
{
    const struct linger at_once = {.l_onoff = 1};
    (void)setsockopt((*at)->up.from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)setsockopt((*at)->down.from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close_link(at);
}

static void cut_link(struct link *l)
{
    (void)shutdown(l->up.from, SHUT_WR);
    (void)shutdown(l->down.from, SHUT_WR);
    l->is_cut = true;
    l->up.len = l->down.len = 0;
}

/* The end of an answer and its copy go in one write, so that the client has the copy when it has
 * the answer; what stands before goes alone, so that the client asks for no more than the end. */
static size_t go_ahead(struct link *l, struct flow *f)
{
    const size_t n = l->ahead;
    if (n == 0)
        return f->len;
    l->ahead = 0;
    f->held_until_ns = monotonic_ns() + 5000000;
    return n;
}

/* How much of what is here may go on now; 0 and *is_over: the link ends here. */
static size_t allowance(struct relay *r, struct link *l, struct flow *f, bool *is_over)
{
    const struct proxy_script *s = r->script;
    const uint64_t room = s->at > f->passed ? s->at - f->passed : 0;
    *is_over = false;
    if (f->held_until_ns > monotonic_ns())
        return 0;
    if (!is_struck(r, l, f))
        return f->len;
    if (s->act == PROXY_TWICE)
        return go_ahead(l, f);
    if (s->act == PROXY_DRIBBLE) {
        if (f->passed == 0)
            mark(r);
        return f->passed < DRIBBLED ? 1 : f->len;
    }
    if (room != 0)
        return f->len < room ? f->len : (size_t)room;
    if (s->act == PROXY_HOLD) {
        if (f->has_held)
            return f->len;
        mark(r);
        f->has_held = true;
        f->held_until_ns = monotonic_ns() + (int64_t)s->ms * 1000000;
        return 0;
    }
    mark(r);
    *is_over = true;
    return 0;
}

/* Of the answer that has come so far: the bytes of its head, 0: not all of it is here. */
static size_t head_of(const uint8_t *bytes, size_t len)
{
    const uint8_t *end = len < 5 || memcmp(bytes, "HTTP/", 5) != 0
                             ? NULL
                             : memmem(bytes, len, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - bytes) + 4;
}

static uint64_t body_of(const uint8_t *bytes, size_t head)
{
    static const char name[] = "\r\nContent-Length: ";
    const uint8_t *at = memmem(bytes, head, name, strlen(name));
    return at == NULL ? 0 : strtoull((const char *)at + strlen(name), NULL, 10);
}

/* With the end of an answer comes all of it once more: later, a client could only take it for the
 * answer to what it sends next. */
static void repeat(struct relay *r, struct link *l)
{
    struct flow *f = &l->down;
    const struct proxy_turn *turn = turn_of(r, l);
    if (turn == NULL || !is_struck(r, l, f) || r->script->act != PROXY_TWICE ||
        atomic_load(&r->log->struck) != 0 || l->copy_len + f->len > sizeof l->copy)
        return;
    memcpy(l->copy + l->copy_len, f->buf, f->len);
    l->copy_len += f->len;
    const size_t head = head_of(l->copy, l->copy_len);
    const bool has_body = strncmp(turn->line, "HEAD", 4) != 0;
    if (head == 0 || memcmp(l->copy, "HTTP/1.1 1", 10) == 0 ||
        l->copy_len != head + (has_body ? body_of(l->copy, head) : 0))
        return;
    l->ahead = f->len - 1;
    memcpy(f->buf + f->len, l->copy, l->copy_len);
    f->len += l->copy_len;
    mark(r);
}

/* False: the connection has failed. */
static bool pass(struct relay *r, struct link *l, struct flow *f, size_t allowed)
{
    const ssize_t n = send(f->to, f->buf, allowed, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    f->passed += (uint64_t)n;
    f->len -= (size_t)n;
    memmove(f->buf, f->buf + n, f->len);
    struct proxy_turn *turn = turn_of(r, l);
    if (turn != NULL)
        *(f == &l->down ? &turn->answer_bytes : &turn->request_bytes) += (uint64_t)n;
    return true;
}

static void begin_turn(struct relay *r, struct link *l)
{
    l->turn = atomic_fetch_add(&r->log->turns, 1);
    l->has_turn = true;
    l->is_answering = false;
    l->up.passed = l->down.passed = 0;
    l->up.has_held = l->down.has_held = false;
    struct proxy_turn *turn = turn_of(r, l);
    if (turn == NULL)
        return;
    size_t n = 0;
    for (; n < sizeof turn->line - 1 && n < l->up.len && l->up.buf[n] >= ' '; n++)
        turn->line[n] = (char)l->up.buf[n];
    turn->line[n] = '\0';
}

static void note_arrival(struct relay *r, struct link *l, const struct flow *f)
{
    struct proxy_turn *turn;
    if (f == &l->up && (!l->has_turn || l->is_answering))
        begin_turn(r, l);
    if (f != &l->down || l->is_answering)
        return;
    l->is_answering = true;
    turn = turn_of(r, l);
    if (turn == NULL)
        return;
    turn->head_bytes = head_of(f->buf, f->len);
    for (size_t i = 1, n = 0; i < turn->head_bytes && n < PROXY_ENDS; i++)
        if (f->buf[i - 1] == '\n')
            turn->line_ends[n++] = (uint16_t)i;
}

/* False: the connection has failed. */
static bool take(struct relay *r, struct link *l, struct flow *f)
{
    const ssize_t n = recv(f->from, f->buf, sizeof f->buf / 2, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
        f->is_over = true;
        (void)shutdown(f->to, SHUT_WR);
        return true;
    }
    if (l->is_cut)
        return true;
    f->len = (size_t)n;
    note_arrival(r, l, f);
    if (f == &l->down)
        repeat(r, l);
    return true;
}

static bool connect_through(struct relay *r)
{
    const int on = 1, client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    struct link **place = r->links;
    while (place < r->links + LINKS && *place != NULL)
        place++;
    struct link *l = place == r->links + LINKS ? NULL : calloc(1, sizeof *l);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0 || l == NULL || server < 0 ||
        connect(server, (const struct sockaddr *)&r->server, sizeof r->server) != 0)
        return false;
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->up.from = l->down.to = client;
    l->up.to = l->down.from = server;
    *place = l;
    return true;
}

/* One direction has had its poll. False: the link is gone. */
static bool serve_flow(struct relay *r, struct link **at, struct flow *f)
{
    struct link *l = *at;
    bool is_over = false, is_alive = true;
    if (f->len == 0 && !f->is_over)
        is_alive = take(r, l, f);
    if (is_alive && f->len != 0 && !l->is_cut) {
        const size_t allowed = allowance(r, l, f, &is_over);
        if (allowed != 0)
            is_alive = pass(r, l, f, allowed);
    }
    if (is_over && r->script->act == PROXY_END)
        cut_link(l);
    else if (is_over || !is_alive)
        reset_link(at);
    return *at != NULL;
}

static int wait_ms(const struct relay *r)
{
    int64_t wait_ns = INT64_C(1000000000);
    const int64_t now_ns = monotonic_ns();
    for (size_t i = 0; i < LINKS; i++)
        for (int j = 0; j < 2 && r->links[i] != NULL; j++) {
            const struct flow *f = j == 0 ? &r->links[i]->up : &r->links[i]->down;
            const int64_t left_ns = f->held_until_ns - now_ns;
            if (f->len != 0 && left_ns > 0 && left_ns < wait_ns)
                wait_ns = left_ns;
        }
    return (int)(wait_ns / 1000000) + 1;
}

static void add_flow(struct pollfd *to, const struct flow *f)
{
    const bool is_held = f->held_until_ns > monotonic_ns();
    *to = (struct pollfd){.fd = -1};
    if (f->len == 0 && !f->is_over)
        *to = (struct pollfd){.fd = f->from, .events = POLLIN};
    else if (f->len != 0 && !is_held)
        *to = (struct pollfd){.fd = f->to, .events = POLLOUT};
}

static void relay(struct relay *r)
{
    for (;;) {
        struct pollfd fds[1 + 2 * LINKS] = {{.fd = r->listener, .events = POLLIN}};
        for (size_t i = 0; i < LINKS; i++) {
            fds[1 + 2 * i].fd = fds[2 + 2 * i].fd = -1;
            if (r->links[i] == NULL)
                continue;
            add_flow(&fds[1 + 2 * i], &r->links[i]->up);
            add_flow(&fds[2 + 2 * i], &r->links[i]->down);
        }
        if (poll(fds, 1 + 2 * LINKS, wait_ms(r)) < 0 && errno != EINTR)
            return;
        for (size_t i = 0; i < LINKS; i++) {
            struct link **l = &r->links[i];
            if (*l != NULL && fds[1 + 2 * i].revents != 0 && !serve_flow(r, l, &(*l)->up))
                continue;
            if (*l != NULL && fds[2 + 2 * i].revents != 0 && !serve_flow(r, l, &(*l)->down))
                continue;
            if (*l != NULL && (*l)->up.is_over && (*l)->down.is_over && (*l)->up.len == 0 &&
                (*l)->down.len == 0)
                close_link(l);
        }
        if (fds[0].revents != 0 && !connect_through(r))
            return;
    }
}

static struct sockaddr_in loopback(unsigned long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void proxy_start(struct proxy *proxy, const char *server_url, const struct proxy_script *script)
{
    static struct relay r;
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    const pid_t parent = getpid();
    r = (struct relay){.server = loopback(strtoul(strrchr(server_url, ':') + 1, NULL, 10)),
                       .script = script};
    r.log = mmap(NULL, sizeof *r.log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(r.log, MAP_FAILED);
    r.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(r.listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(r.listener, LINKS), 0);
    ck_assert_int_eq(getsockname(r.listener, (struct sockaddr *)&address, &len), 0);
    proxy->log = r.log;
    (void)snprintf(proxy->url, sizeof proxy->url, "%.*s://127.0.0.1:%u",
                   (int)strcspn(server_url, ":"), server_url, ntohs(address.sin_port));
    proxy->process = fork();
    ck_assert_int_ge(proxy->process, 0);
    if (proxy->process == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            relay(&r);
        _exit(1);
    }
    (void)close(r.listener);
}

void proxy_stop(struct proxy *proxy)
{
    if (proxy->process > 0 && kill(proxy->process, SIGKILL) == 0)
        (void)waitpid(proxy->process, NULL, 0);
    (void)munmap(proxy->log, sizeof *proxy->log);
    *proxy = (struct proxy){0};
}
