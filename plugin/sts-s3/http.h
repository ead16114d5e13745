/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests on event loops, tried until somebody says that they are over.  Knows libcurl,
 * connections and time; nothing of S3, STS or signatures: those come in as hooks.
 *
 *   start -> [prepare] -> READY --> one try --> [judge] -> DONE  --> [done] -> over
 *               |  ^                               |
 *              WAIT |                            AGAIN: a pause with jitter, then prepare anew
 *               +---+ resume                     ANEW: the same without a pause
 * NEEDLESS and REFUSED of prepare end it without a try.
 *
 * A request belongs to its loop from start until it is over; hooks run on the loop's thread, must
 * not block and may start other requests.  This is the only layer that tries again.
 *
 * stss3_http_new() makes nothing but memory.  The first start makes the threads: they block all
 * signals.  Everything else is a message to a loop: no caller ever waits for one (a resolver that
 * hangs must not hold up a cancel), except stss3_http_free().
 */
#ifndef STSS3_HTTP_H
#define STSS3_HTTP_H

#include "buf.h"
#include "call.h"
#include "host.h"
#include "measure.h"
#include "proxy.h"

struct stss3_http;
struct stss3_request;
struct stss3_retries;

struct stss3_http_options {
    const struct plug_host *host; /* for logs and metrics; outlives the engine */
    const char *ca_bundle;        /* a file of PEM certificates in place of the system's; or NULL */
    unsigned loops;               /* event loops, one thread each; at least 1 */
    unsigned connections;         /* at once, for each loop; more requests queue */
    unsigned attempts;            /* tries of one request at the most */
    uint64_t connect_timeout_ms;
    uint64_t stall_timeout_ms;   /* without a byte in either direction */
    uint64_t request_timeout_ms; /* one try in all; 0: no limit */
    /* Outlive the engine; NULL: none.  The environment's are not looked at. */
    const struct stss3_proxies *proxies;
    /* The engine's own: it sets them itself. */
    struct stss3_retries *retries;
    struct plug_gauge *in_flight;
};

/* NULL: no memory.  The strings are copied. */
struct stss3_http *stss3_http_new(const struct stss3_http_options *options);
/* Ends every request as CANCELLED (their done hooks run), joins the threads, closes connections.
 * In a forked child it only frees the memory that no thread of the parent can have been using. */
void stss3_http_free(struct stss3_http *http);
/* In a forked child, of an engine that it inherited: closes the child's copies of its sockets, so
 * that a connection which the parent closes is closed.  The parent feels nothing of it. */
void stss3_http_close_copies(const struct stss3_http *http);

enum stss3_ready {
    STSS3_READY,    /* url, headers and body are set: send it */
    STSS3_WAIT,     /* not yet: stss3_request_resume() will ask again */
    STSS3_NEEDLESS, /* there is nothing to ask: it is over, and well */
    STSS3_REFUSED,  /* never: error is set, the request is over */
};

enum stss3_verdict {
    STSS3_DONE,  /* over; error.status says how, REGSTORE_OK included */
    STSS3_AGAIN, /* worth another try, not before error.retry_after_ms; error says why in case
                    that no try is left */
    STSS3_ANEW,  /* worth another try at once, which the budget for retries does not pay: it was we
                    who had the wrong time, session or place.  Only so often as hooks allow */
};

/* What ended a try below HTTP.  With anything but NONE the answer is not whole. */
enum stss3_transport {
    STSS3_TRANSPORT_NONE,
    STSS3_TRANSPORT_RESOLVE,  /* the host's name is not known, or nobody answers who would know */
    STSS3_TRANSPORT_CONNECT,  /* nobody listens, or no way there, or not in time */
    STSS3_TRANSPORT_TLS,      /* the certificate: trying again does not help */
    STSS3_TRANSPORT_BROKEN,   /* reset, closed early, malformed */
    STSS3_TRANSPORT_STALE,    /* the same, of a connection used before, and no byte of an answer */
    STSS3_TRANSPORT_STALLED,  /* no byte for stall_timeout_ms */
    STSS3_TRANSPORT_TOO_LONG, /* the answer did not fit into sink or answer_max */
    STSS3_TRANSPORT_MEMORY,   /* there was none for the request or its answer */
    STSS3_TRANSPORT_INTERNAL, /* ours: the body's file, a URL that curl refuses */
};

/* From a proxy, never from the service; also where it refused to tunnel. */
#define STSS3_HTTP_PROXY_REFUSES 407

struct stss3_request_hooks {
    /* Before each try.  url and headers are empty, error is clear. */
    enum stss3_ready (*prepare)(struct stss3_request *request);
    /* After each try.  Reads transport, http_status, answer, sink_len; sets error. */
    enum stss3_verdict (*judge)(struct stss3_request *request);
    /* Once, when it is over, however that came: cancelled as well.  May be NULL. */
    void (*done)(struct stss3_request *request);
    /* When the last reference goes: frees what owner holds for it.  Any thread.  May be NULL. */
    void (*release)(struct stss3_request *request);
};

struct stss3_request_state; /* the engine's own */

/* Whoever makes it fills the first part before start and reads the last part once it is over; hooks
 * may do both at any time.  Nobody else touches it in between. */
struct stss3_request {
    const struct stss3_request_hooks *hooks;
    void *owner;
    const char *method;    /* a literal: "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *operation; /* a literal, for logs and metrics: "PutObject" */

    /* The body: memory, or a file's bytes (body_fd >= 0, then from body_at), or nothing.  Stays
     * valid until release.  A PUT or POST without a body sends Content-Length: 0. */
    const uint8_t *body;
    uint64_t body_len, body_at;
    int body_fd;

    /* Where the body of a 2xx answer goes: sink, when not NULL; all else goes to answer. */
    uint8_t *sink;
    size_t sink_cap;
    size_t answer_max; /* bytes; 0: 64 KiB */

    uint64_t stall_timeout_ms;   /* 0: the options' */
    uint64_t connect_timeout_ms; /* 0: the options' */
    bool is_beside_us;           /* a service of this very machine's: no proxy lies between */

    struct stss3_retries *retries; /* what further tries may cost; NULL: the engine's own */

    /* Set by prepare. */
    struct plug_buf url;     /* whole, encoded, sent as it is (no dot segments removed) */
    struct plug_buf headers; /* with stss3_request_add_header() */
    int64_t stamp_ns;        /* the time of day that is written into them */

    /* Set by judge. */
    bool is_stamped_anew;    /* it was tried again because stamp_ns was not the service's time */
    bool has_had_its_second; /* it was tried again for a reason that counts only once */
    const char *cause;       /* a literal: why it is tried again, when status and transport do not
                                tell; cleared before each try */

    /* The outcome of the last try. */
    enum stss3_transport transport;
    char transport_text[256]; /* curl's words, never with a query in them */
    long http_status;         /* 0: none came */
    struct plug_buf answer;
    size_t sink_len;
    uint64_t sent_bytes, received_bytes; /* of bodies */
    unsigned tries;                      /* so far, this one included */
    int64_t sent_ns;                     /* CLOCK_MONOTONIC of the start of the last try */
    struct plug_error error;             /* status REGSTORE_OK: it went well */

    struct stss3_request_state *state;
};

/* A request with one reference, the caller's, and body_fd -1.  NULL: no memory. */
struct stss3_request *stss3_request_new(const struct stss3_request_hooks *hooks, void *owner,
                                        const char *method, const char *operation);
struct stss3_request *stss3_request_ref(struct stss3_request *request);
void stss3_request_unref(struct stss3_request *request); /* takes NULL; any thread */

/* Hands it to a loop, which holds a reference of its own until it is over.  Never blocks, never
 * fails: where no thread can be made the request is over at once (done runs on this thread), with
 * error set. */
void stss3_request_start(struct stss3_http *http, struct stss3_request *request);
/* After WAIT: asks prepare again.  Any thread; harmless when nobody waits. */
void stss3_request_resume(struct stss3_request *request);
/* Ends it as CANCELLED, soon, unless it is over by then.  Any thread; does not wait.  Takes NULL.
 */
void stss3_request_cancel(struct stss3_request *request);
bool stss3_request_is_over(const struct stss3_request *request);
/* Waits until it is over: OK, and request->error is the outcome; or CANCELLED or TIMEOUT of the
 * call (polled as CALL-3 wants), while the request goes on: cancel it then and drop it. */
regstore_status stss3_request_wait(struct stss3_request *request, struct plug_call *call);

/* For hooks: a header of the try that is being prepared. */
void stss3_request_add_header(struct stss3_request *request, const char *name, const char *value);
/* A header of the answer, its name in any case; NULL when there is none.  Valid until the next try
 * or the end of the request's life. */
const char *stss3_request_answer_header(const struct stss3_request *request, const char *name);
/* Calls visit for every header of the answer, names in lower case. */
void stss3_request_each_header(const struct stss3_request *request,
                               void (*visit)(void *ctx, const char *name, const char *value),
                               void *ctx);

#endif
