/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP, by libmicrohttpd. */
#include "http.h"

#include "clock.h"
#include "control.h"
#include "exchange.h"
#include "identity.h"
#include "serve.h"
#include "strike.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

enum { STREAM_BYTES = 256 * 1024, HEADER_BYTES = 128 * 1024, IDLE_S = 60 };

struct listener {
    struct server *server;
    struct MHD_Daemon *daemon;
    char *region;
    bool is_secure;
};

/* An answer on its way out. The exchange outlives it. */
struct stream {
    const struct exchange *x;
    int fd;
    uint64_t total;
    bool is_struck;
    int64_t white_until_ms;
    uint64_t white; /* white space in front, so far */
};

/* The only place where the request line is seen as it came. */
static void *begin(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct exchange *x = grab(sizeof *x);
    (void)cls;
    (void)connection;
    x->target = copy_text(target);
    return x;
}

static void end(void *cls, struct MHD_Connection *connection, void **context,
                enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *context;
    (void)cls;
    (void)connection;
    (void)code;
    if (x == NULL)
        return;
    if (x->is_counted)
        (void)atomic_fetch_sub(&x->server->busy, 1);
    exchange_clear(x);
    free(x);
    *context = NULL;
}

static enum MHD_Result keep_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct exchange *x = cls;
    (void)kind;
    fields_add(&x->headers, name, value == NULL ? "" : value);
    return MHD_YES;
}

static int descriptor(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static bool is_loopback(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_in address;
    if (info->client_addr->sa_family != AF_INET)
        return false;
    memcpy(&address, info->client_addr, sizeof address);
    return ntohl(address.sin_addr.s_addr) >> 24 == 127;
}

static ssize_t read_answer(const struct stream *s, uint64_t at, char *to, size_t room)
{
    const struct answer *a = &s->x->answer;
    if (a->object == NULL) {
        memcpy(to, a->body.bytes + at, room);
        return (ssize_t)room;
    }
    ssize_t got = content_read(&a->object->content, a->first + at, to, room);
    const struct fault *f = s->x->fault;
    if (got > 0 && f != NULL && f->action == FAULT_FLIP && at + (uint64_t)got == s->total)
        to[got - 1] = (char)~to[got - 1];
    if (got > 0 && f != NULL && f->action == FAULT_FLIP && at + (uint64_t)got == s->total)
        mark_strike(s->x);
    return got;
}

/* In the middle of the answer: how many bytes may still go, or an end. */
static ssize_t strike_stream(struct stream *s, uint64_t at, size_t *room)
{
    const struct fault *f = s->x->fault;
    uint64_t middle = s->total / 2;

    if (f->action == FAULT_TRICKLE) {
        enum { STEPS = 20 };
        if (at == 0)
            mark_strike(s->x);
        uint64_t step = s->total / STEPS + 1;
        *room = *room < step ? *room : (size_t)step;
        pause_ms((uint32_t)(f->ms / STEPS));
        return 0;
    }
    if (s->is_struck || f->phase != FAULT_MIDDLE || f->action > FAULT_STALL)
        return 0;
    if (at < middle) {
        *room = *room < middle - at ? *room : (size_t)(middle - at);
        return 0;
    }
    s->is_struck = true;
    mark_strike(s->x);
    switch (f->action) {
    case FAULT_RESET:
        reset_connection(s->fd);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    case FAULT_STALL:
        pause_ms((uint32_t)f->ms);
        return 0;
    default:
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
}

/* White space in front of the XML, ten times a second: S3 does so while it assembles. */
static bool write_white(struct stream *s, char *to)
{
    if (real_time_ms() >= s->white_until_ms)
        return false;
    pause_ms(100);
    *to = s->white % 2 == 0 ? ' ' : '\n';
    s->white++;
    return true;
}

static ssize_t next_bytes(void *cls, uint64_t at, char *to, size_t room)
{
    struct stream *s = cls;
    if (s->white_until_ms != 0 && write_white(s, to))
        return 1;
    at -= s->white;
    if (at >= s->total)
        return MHD_CONTENT_READER_END_OF_STREAM;
    room = room < s->total - at ? room : (size_t)(s->total - at);
    if (s->x->fault != NULL) {
        ssize_t over = strike_stream(s, at, &room);
        if (over != 0)
            return over;
    }
    ssize_t got = read_answer(s, at, to, room);
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *make_response(struct exchange *x, struct MHD_Connection *connection)
{
    const struct answer *a = &x->answer;
    const struct fault *f = x->fault;
    bool is_head = strcmp(x->method, "HEAD") == 0;
    uint64_t total = a->object != NULL ? a->bytes : a->body.length;

    /* The answer to a HEAD that failed has no words at all; one that went well tells the length. */
    if (total == 0 || (is_head && a->object == NULL))
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    struct stream *s = grab(sizeof *s);
    *s = (struct stream){.x = x, .fd = descriptor(connection), .total = total};
    if (f != NULL && f->action == FAULT_WHITESPACE) {
        s->white_until_ms = real_time_ms() + f->ms;
        mark_strike(x);
        total = MHD_SIZE_UNKNOWN;
    }
    return MHD_create_response_from_callback(total, STREAM_BYTES, next_bytes, s, free);
}

static enum MHD_Result send_answer(struct exchange *x, struct MHD_Connection *connection)
{
    const struct fields *headers = &x->answer.headers;
    struct MHD_Response *response = make_response(x, connection);
    if (response == NULL)
        return MHD_NO;
    for (size_t i = 0; i < headers->count; i++)
        (void)MHD_add_response_header(response, headers->items[i].name, headers->items[i].value);
    enum MHD_Result result = MHD_queue_response(connection, x->answer.status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result obey(enum verdict verdict, struct exchange *x,
                            struct MHD_Connection *connection)
{
    if (verdict == RESET)
        reset_connection(descriptor(connection));
    if (verdict != GO_ON)
        return MHD_NO;
    return x->answer.status == 0 ? MHD_YES : send_answer(x, connection);
}

static enum MHD_Result first_call(const struct listener *l, struct exchange *x,
                                  struct MHD_Connection *connection, const char *method)
{
    x->server = l->server;
    x->method = copy_text(method);
    x->region = copy_text(l->region);
    x->is_secure = l->is_secure;
    x->is_local = is_loopback(connection);
    random_name(x->request_id, sizeof x->request_id - 1);
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, keep_header, x);
    x->is_counted = !is_control(x);
    if (x->is_counted)
        (void)atomic_fetch_add(&x->server->busy, 1);
    enum verdict verdict = serve_head(x);
    const char *expect = header(x, "Expect");
    bool waits = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    if (verdict == GO_ON && !(is_refused(x) && waits))
        return MHD_YES; /* Who does not wait sends its body, and hears of it afterwards. */
    if (verdict == GO_ON)
        exchange_finish(x);
    return obey(verdict, x, connection);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **context)
{
    struct exchange *x = *context;
    (void)url;
    (void)version;
    if (x->method == NULL)
        return first_call(cls, x, connection, method);
    if (*length > 0) {
        serve_body(x, bytes, *length);
        *length = 0;
        return MHD_YES;
    }
    return obey(serve_end(x), x, connection);
}

struct listener *listener_start(struct server *s, const char *region, uint16_t port,
                                const struct tls_files *tls)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
    struct MHD_OptionItem secrets[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, tls == NULL ? NULL : tls->key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, tls == NULL ? NULL : tls->certificate},
        {MHD_OPTION_END, 0, NULL}};
    struct listener *l = grab(sizeof *l);

    if (tls != NULL)
        flags |= MHD_USE_TLS;
    else
        secrets[0].option = MHD_OPTION_END;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l->server = s;
    l->region = copy_text(region);
    l->is_secure = tls != NULL;
    l->daemon = MHD_start_daemon(
        flags, port, NULL, NULL, handle, l, MHD_OPTION_ARRAY, secrets, MHD_OPTION_SOCK_ADDR,
        &address, MHD_OPTION_URI_LOG_CALLBACK, begin, NULL, MHD_OPTION_NOTIFY_COMPLETED, end, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES + STREAM_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_LIMIT, 4096U,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    if (l->daemon != NULL)
        return l;
    free(l->region);
    free(l);
    return NULL;
}

uint16_t listener_port(const struct listener *l)
{
    return MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void listener_stop(struct listener *l)
{
    MHD_stop_daemon(l->daemon);
    free(l->region);
    free(l);
}
