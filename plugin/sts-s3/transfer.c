/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer.h"

#include "request.h"
#include "sockets.h"
#include "way.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADERS_MAX      64
#define ANSWER_MAX       65536
#define EXPECT_ABOVE     1048576 /* below, a body is sooner sent than asked for */
#define EXPECT_WAIT_MS   1000L   /* not every server answers the question */
#define BUFFER_MIN       16384L
#define BUFFER_MAX       65536L /* larger ones were measured, and gained nothing */
#define KEEPALIVE_IDLE_S 60L

struct stss3_transfer {
    CURL *easy;
    const struct stss3_http_options *options;
    struct stss3_sockets *sockets;
    struct stss3_request *request;
    const struct stss3_proxy *proxy; /* of this try; NULL: none */

    uint64_t body_sent;
    int64_t moved_ns;
    curl_off_t bytes_moved;
    bool is_looking_up, is_too_long, has_no_memory, has_timed_out;
    bool is_connected; /* the request is on its way */
    bool is_reused;    /* on a connection that was there */
    bool has_answer;   /* some of it */
    bool is_in_head;   /* of an answer whose end has not come */
    bool was_held;     /* curl would have sent it again */

    /* What curl reads while it sends; the texts lie in request->headers. */
    struct curl_slist headers[HEADERS_MAX];
    char error[CURL_ERROR_SIZE];
};

static int on_lookup(void *resolver, void *reserved, void *ctx)
{
    struct stss3_transfer *transfer = ctx;
    (void)resolver, (void)reserved;
    transfer->is_looking_up = true;
    return 0;
}

/*
 * When a connection that it used before breaks without an answer, curl sends the request again by
 * itself, and may then wait for ever: it takes a body that went out on the old one for sent (seen
 * with 7.88; its issue 11769).  So it is not let: the loop tries again.
 */
static bool hold_curls_own_try(struct stss3_transfer *transfer)
{
    transfer->was_held = transfer->is_connected && !transfer->has_answer;
    return transfer->was_held;
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct stss3_transfer *transfer = ctx;
    (void)purpose;
    transfer->is_looking_up = false; /* whatever was looked up has been found */
    if (hold_curls_own_try(transfer))
        return CURL_SOCKET_BAD;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    stss3_sockets_add(transfer->sockets, fd);
    return fd;
}

/* The transfer that opened it may be gone by now. */
static int close_socket(void *ctx, curl_socket_t fd)
{
    stss3_sockets_remove(ctx, fd);
    return close(fd);
}

/* From here on silence counts: before, curl's own limit for connecting does. */
static int on_connected(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct stss3_transfer *transfer = ctx;
    long new_connections = 0;
    (void)ip, (void)local_ip, (void)port;
    if (hold_curls_own_try(transfer))
        return CURL_PREREQFUNC_ABORT;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &new_connections);
    transfer->is_reused = new_connections == 0;
    /* Bytes that nobody has asked for, such as an answer's second copy, would be taken for the
     * answer to what is sent now.  curl 7.88 sees them and goes on; newer ones do not. */
    transfer->was_held =
        transfer->is_reused && stss3_sockets_have_bytes(transfer->sockets, local_port);
    if (transfer->was_held)
        return CURL_PREREQFUNC_ABORT; /* and the loop takes a new connection */
    transfer->is_connected = true;
    transfer->moved_ns = plug_now_ns();
    return CURL_PREREQFUNC_OK;
}

static int on_progress(void *ctx, curl_off_t to_get, curl_off_t got, curl_off_t to_send,
                       curl_off_t sent)
{
    struct stss3_transfer *transfer = ctx;
    (void)to_get, (void)to_send;
    if (transfer->bytes_moved != got + sent) {
        transfer->bytes_moved = got + sent;
        transfer->moved_ns = plug_now_ns();
    }
    return 0;
}

static size_t on_read(char *buffer, size_t size, size_t count, void *ctx)
{
    struct stss3_transfer *transfer = ctx;
    const struct stss3_request *request = transfer->request;
    const uint64_t left = request->body_len - transfer->body_sent;
    size_t n = size * count;
    if (n > left)
        n = (size_t)left;
    if (n == 0)
        return 0;
    if (request->body_fd < 0) {
        memcpy(buffer, request->body + transfer->body_sent, n);
    } else {
        const off_t at = (off_t)(request->body_at + transfer->body_sent);
        const ssize_t got = pread(request->body_fd, buffer, n, at);
        if (got <= 0) /* a file that has become shorter is an error too */
            return CURL_READFUNC_ABORT;
        n = (size_t)got;
    }
    transfer->body_sent += n;
    return n;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct stss3_transfer *transfer = ctx;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > transfer->request->body_len)
        return CURL_SEEKFUNC_FAIL;
    transfer->body_sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static long status_of(CURL *easy)
{
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* How many bytes of an answer that has not begun only keep the line busy: a space now and then, for
 * as long as the service works (CompleteMultipartUpload, CopyObject).  They need no memory. */
static size_t count_space(const char *data, size_t n)
{
    size_t space = 0;
    while (space < n && strchr(" \t\r\n", data[space]) != NULL && data[space] != '\0')
        space++;
    return space;
}

static size_t on_write(char *data, size_t size, size_t count, void *ctx)
{
    struct stss3_transfer *transfer = ctx;
    struct stss3_request *request = transfer->request;
    size_t n = size * count;
    const bool is_for_sink = request->sink != NULL && status_of(transfer->easy) / 100 == 2;
    const size_t max = request->answer_max == 0 ? ANSWER_MAX : request->answer_max;
    const size_t room =
        is_for_sink ? request->sink_cap - request->sink_len : max - request->answer.len;
    if (!is_for_sink && request->answer.len == 0) {
        const size_t space = count_space(data, n);
        data += space;
        n -= space;
    }
    if (n > room) {
        transfer->is_too_long = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (is_for_sink) {
        memcpy(request->sink + request->sink_len, data, n);
        request->sink_len += n;
        return size * count;
    }
    plug_buf_add(&request->answer, data, n);
    transfer->has_no_memory = plug_buf_failed(&request->answer);
    return transfer->has_no_memory ? CURL_WRITEFUNC_ERROR : size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct stss3_transfer *transfer = ctx;
    const size_t n = size * count;
    transfer->moved_ns = plug_now_ns(); /* curl's progress counts bodies alone */
    transfer->has_answer = true;
    if (n >= 5 && memcmp(data, "HTTP/", 5) == 0)
        transfer->is_in_head = true; /* curl takes one that just ends for whole */
    else if (n > 0 && (data[0] == '\r' || data[0] == '\n'))
        transfer->is_in_head = false;
    transfer->has_no_memory = !stss3_request_keep_header(transfer->request, data, n);
    return transfer->has_no_memory ? 0 : n;
}

/* What is the same for every try. */
static void set_constants(struct stss3_transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct stss3_http_options *options = transfer->options;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_lookup);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->sockets);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* else a resolver that hangs holds the loop */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); /* the environment is not for threads to read */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's are no answer */
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "regstore/1");
    curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_WAIT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->request_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    if (options->ca_bundle != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_bundle);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, options->ca_bundle);
        curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
    }
}

struct stss3_transfer *stss3_transfer_new(const struct stss3_http_options *options,
                                          struct stss3_sockets *sockets)
{
    struct stss3_transfer *transfer = calloc(1, sizeof *transfer);
    if (transfer == NULL)
        return NULL;
    transfer->options = options;
    transfer->sockets = sockets;
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL) {
        free(transfer);
        return NULL;
    }
    set_constants(transfer);
    return transfer;
}

void stss3_transfer_free(struct stss3_transfer *transfer)
{
    if (transfer == NULL)
        return;
    curl_easy_cleanup(transfer->easy);
    free(transfer);
}

static void set_method(CURL *easy, const struct stss3_request *request)
{
    const curl_off_t length = (curl_off_t)request->body_len;
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* undoes what the last try had set */
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (strcmp(request->method, "PUT") == 0) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, length);
    } else if (strcmp(request->method, "POST") == 0) {
        /* A body in memory goes out together with the head, without a copy. */
        const void *body = request->body == NULL ? (const void *)"" : request->body;
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body_fd < 0 ? body : NULL);
    } else if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(request->method, "GET") != 0) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

/* Curl allocates them anew for each try, so a small request has small ones. */
static long clamp_buffer(uint64_t bytes)
{
    if (bytes > (uint64_t)BUFFER_MAX)
        return BUFFER_MAX;
    return bytes < (uint64_t)BUFFER_MIN ? BUFFER_MIN : (long)bytes;
}

static void append_header(struct stss3_transfer *transfer, size_t *n, char *text)
{
    transfer->headers[*n] = (struct curl_slist){.data = text};
    if (*n > 0)
        transfer->headers[*n - 1].next = &transfer->headers[*n];
    (*n)++;
}

/* Links the texts in request->headers into a list, and adds those that keep curl from ideas of its
 * own.  False: too many. */
static bool set_headers(struct stss3_transfer *transfer)
{
    static char no_expect[] = "Expect:", no_content_type[] = "Content-Type:";
    struct stss3_request *request = transfer->request;
    bool has_content_type = false;
    size_t n = 0;
    for (size_t at = 0; at < request->headers.len;) {
        char *text = request->headers.data + at;
        if (n > HEADERS_MAX - 3)
            return false;
        has_content_type |= strncasecmp(text, "content-type", strlen("content-type")) == 0;
        append_header(transfer, &n, text);
        at += strlen(text) + 1;
    }
    if (request->body_len <= EXPECT_ABOVE) /* above, curl asks, and copes with a 417 */
        append_header(transfer, &n, no_expect);
    if (!has_content_type)
        append_header(transfer, &n, no_content_type);
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    return true;
}

static const char no_memory[] = "out of memory";

/* NULL, or why this request cannot be sent. */
static const char *set_up(struct stss3_transfer *transfer)
{
    const struct stss3_request *request = transfer->request;
    CURL *easy = transfer->easy;
    if (plug_buf_failed(&request->url) || plug_buf_failed(&request->headers))
        return no_memory;
    if (request->state->has_bad_header)
        return "a header has a line break in it";
    if (!set_headers(transfer))
        return "too many headers";
    const uint64_t answer_max = request->sink != NULL ? request->sink_cap : request->answer_max;
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->state->wants_fresh ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(request->connect_timeout_ms != 0
                                ? request->connect_timeout_ms
                                : transfer->options->connect_timeout_ms));
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, clamp_buffer(answer_max));
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, clamp_buffer(request->body_len));
    set_method(easy, request);
    if (!stss3_way_set(easy, request->is_beside_us ? NULL : transfer->options->proxies,
                       plug_buf_text(&request->url), &transfer->proxy))
        return no_memory;
    const CURLcode taken = curl_easy_setopt(easy, CURLOPT_URL, plug_buf_text(&request->url));
    if (taken != CURLE_OK)
        return taken == CURLE_OUT_OF_MEMORY ? no_memory : "the URL is too long";
    return NULL;
}

/* What went wrong; should curl name a URL, its query, which may be a signature, is left out. */
static void set_text(struct stss3_request *request, const char *text)
{
    size_t n = 0;
    bool is_query = false;
    for (; *text != '\0' && n < sizeof request->transport_text - 1; text++) {
        if (*text == '?')
            is_query = true;
        else if (*text == ' ')
            is_query = false;
        if (!is_query)
            request->transport_text[n++] = *text;
    }
    request->transport_text[n] = '\0';
}

bool stss3_transfer_begin(struct stss3_transfer *transfer, CURLM *multi,
                          struct stss3_request *request)
{
    transfer->request = request;
    transfer->body_sent = 0;
    transfer->bytes_moved = 0;
    transfer->moved_ns = PLUG_NEVER;
    transfer->is_looking_up = transfer->is_too_long = false;
    transfer->is_connected = transfer->is_reused = transfer->has_answer = false;
    transfer->is_in_head = transfer->was_held = false;
    transfer->has_no_memory = transfer->has_timed_out = false;
    transfer->error[0] = '\0';
    const char *reason = set_up(transfer);
    if (reason == NULL && curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
        reason = no_memory;
    if (reason == NULL)
        return true;
    request->transport = reason == no_memory ? STSS3_TRANSPORT_MEMORY : STSS3_TRANSPORT_INTERNAL;
    set_text(request, reason);
    return false;
}

static enum stss3_transport timed_out_at(struct stss3_transfer *transfer)
{
    curl_off_t lookup_us = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &lookup_us);
    transfer->has_timed_out = true;
    if (transfer->is_connected) /* the limit of the whole try */
        return STSS3_TRANSPORT_STALLED;
    return lookup_us == 0 ? STSS3_TRANSPORT_RESOLVE : STSS3_TRANSPORT_CONNECT;
}

static enum stss3_transport classify(struct stss3_transfer *transfer, CURLcode result)
{
    const bool is_stale = transfer->is_reused && !transfer->has_answer;
    if (transfer->was_held)
        return STSS3_TRANSPORT_STALE;
    if (transfer->has_no_memory)
        return STSS3_TRANSPORT_MEMORY;
    switch (result) {
    case CURLE_OK:
        return transfer->is_in_head ? STSS3_TRANSPORT_BROKEN : STSS3_TRANSPORT_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return STSS3_TRANSPORT_RESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR: /* a reset in the handshake too: worth another try */
        return STSS3_TRANSPORT_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return timed_out_at(transfer);
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return STSS3_TRANSPORT_TLS;
    case CURLE_OUT_OF_MEMORY:
        return STSS3_TRANSPORT_MEMORY;
    case CURLE_WRITE_ERROR:
        if (!transfer->is_too_long)
            return STSS3_TRANSPORT_INTERNAL;
        /* Of an error the status says enough: a gateway's page may be of any size. */
        return status_of(transfer->easy) / 100 == 2 ? STSS3_TRANSPORT_TOO_LONG
                                                    : STSS3_TRANSPORT_NONE;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also what curl calls an answer without a status line */
        return transfer->is_connected ? STSS3_TRANSPORT_BROKEN : STSS3_TRANSPORT_INTERNAL;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
        return is_stale ? STSS3_TRANSPORT_STALE : STSS3_TRANSPORT_BROKEN;
    default:
        return STSS3_TRANSPORT_INTERNAL;
    }
}

/* To curl it is a connection that broke; the status with which the proxy refused the tunnel is what
 * it would have answered without one. */
static bool is_refused_by_proxy(CURL *easy)
{
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return status == STSS3_HTTP_PROXY_REFUSES;
}

/* Bytes of bodies alone: heads are small, and their size is curl's secret on the way out. */
static void count_bytes(struct stss3_transfer *transfer)
{
    curl_off_t sent = 0, received = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    transfer->request->sent_bytes = sent > 0 ? (uint64_t)sent : 0;
    transfer->request->received_bytes = received > 0 ? (uint64_t)received : 0;
}

static void leave(struct stss3_transfer *transfer, CURLM *multi)
{
    count_bytes(transfer);
    (void)curl_multi_remove_handle(multi, transfer->easy);
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL); /* its texts go away */
}

void stss3_transfer_end(struct stss3_transfer *transfer, CURLM *multi, CURLcode result)
{
    struct stss3_request *request = transfer->request;
    leave(transfer, multi);
    const long status = status_of(transfer->easy);
    request->http_status = status < 200 ? 0 : status; /* 100 Continue is no answer */
    request->transport = classify(transfer, result);
    if (transfer->has_no_memory)
        set_text(request, no_memory);
    else if (transfer->is_too_long)
        set_text(request, "the answer is too long");
    else if (result == CURLE_OK && transfer->is_in_head)
        set_text(request, "the answer ended in its head");
    else if (result != CURLE_OK)
        set_text(request, *transfer->error == '\0' ? curl_easy_strerror(result) : transfer->error);
    if (result != CURLE_OK && transfer->proxy != NULL)
        stss3_way_tell(transfer->proxy, request->transport_text, sizeof request->transport_text);
    if (result != CURLE_OK && is_refused_by_proxy(transfer->easy)) {
        request->http_status = STSS3_HTTP_PROXY_REFUSES;
        request->transport = STSS3_TRANSPORT_NONE;
    }
    transfer->request = NULL;
}

void stss3_transfer_end_stalled(struct stss3_transfer *transfer, CURLM *multi)
{
    struct stss3_request *request = transfer->request;
    stss3_transfer_end(transfer, multi, CURLE_OK);
    transfer->has_timed_out = true;
    request->transport = STSS3_TRANSPORT_STALLED;
    set_text(request, "the connection has been silent for too long");
}

void stss3_transfer_drop(struct stss3_transfer *transfer, CURLM *multi)
{
    leave(transfer, multi);
    transfer->request = NULL;
}

struct stss3_request *stss3_transfer_request(CURL *easy)
{
    char *transfer = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    return ((struct stss3_transfer *)(void *)transfer)->request;
}

int64_t stss3_transfer_moved_ns(const struct stss3_transfer *transfer)
{
    return transfer->moved_ns;
}

bool stss3_transfer_is_looking_up(const struct stss3_transfer *transfer)
{
    return transfer->is_looking_up;
}

bool stss3_transfer_has_timed_out(const struct stss3_transfer *transfer)
{
    return transfer->has_timed_out;
}
