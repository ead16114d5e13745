/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proxy of bytes before a server: it knows nothing of HTTP but where the head of an answer ends
 * and how long its body says that it is, and of TLS nothing at all.  A process of its own, one
 * thread, one poll loop.
 *
 * A turn is what a client sends and what comes back until the client sends again; turns are
 * numbered over all connections, in the order in which they begin.
 */
#ifndef TEST_PROXY_H
#define TEST_PROXY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROXY_TURNS 256 /* that are written down; more go through */
#define PROXY_LINE  160
#define PROXY_ENDS  24

enum proxy_act {
    PROXY_PASS,    /* all goes through as it comes */
    PROXY_RESET,   /* after `at` bytes both connections are reset */
    PROXY_END,     /* the same, by a FIN */
    PROXY_HOLD,    /* after `at` bytes nothing moves for ms milliseconds */
    PROXY_DRIBBLE, /* each byte is a write of its own */
    PROXY_TWICE,   /* the whole answer comes twice at once; a large one does not */
};

struct proxy_script {
    enum proxy_act act;
    bool is_of_answer; /* or of the request */
    unsigned turn;     /* the one that is struck */
    uint64_t at;
    unsigned ms;
};

/* In memory that the proxy shares with who started it. */
struct proxy_log {
    atomic_uint turns, struck;
    atomic_bool is_over; /* nothing is struck any more */
    struct proxy_turn {
        uint64_t request_bytes, answer_bytes;
        uint64_t head_bytes;   /* of the answer; 0: it was none of HTTP */
        uint16_t line_ends[PROXY_ENDS]; /* of the head: the byte after each; 0: no more */
        char line[PROXY_LINE]; /* how the request begins */
    } turn[PROXY_TURNS];
};

struct proxy {
    pid_t process;
    char url[64]; /* of the proxy, with the server's own scheme */
    struct proxy_log *log;
};

/* Every failure ends the test. The proxy ends with its parent. */
void proxy_start(struct proxy *proxy, const char *server_url, const struct proxy_script *script);
void proxy_stop(struct proxy *proxy);

#endif
