/* SPDX-License-Identifier: Apache-2.0 */
/* How long a store waits for a server, by its settings: each limit ends what would take longer than
 * the call itself is given. */
#include "suites.h"

#include "world.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct server_step silent = {"", SERVER_HANGS};
/* Some byte comes again and again, so that there is no silence: 2,000 of them take 40 s. */
static const struct server_step slow = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Slow: "
#define TEN(x) x x x x x x x x x x
                                        TEN(TEN(TEN("xx"))) "\r\n\r\nok",
                                        SERVER_TRICKLES};

static const struct {
    struct regstore_pair limit;
    const struct server_step *server; /* NULL: one that takes connections and never speaks TLS */
    const char *words;
} limits[] = {
    {{"connect_timeout_seconds", "1"}, NULL, "time"},
    {{"read_timeout_seconds", "1"}, &silent, "silent for too long"},
    {{"request_timeout_seconds", "1"}, &slow, "timed out"},
};

/* Who knocks is let in by the kernel, and nobody comes. */
static int listen_and_sleep(char url[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(url, 64, "https://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    return fd;
}

START_TEST(limit_that_is_set_is_held)
{
    char url[64];
    struct server *server = limits[_i].server == NULL ? NULL : server_start(limits[_i].server, 1);
    int fd = -1;
    if (server == NULL)
        fd = listen_and_sleep(url);
    else
        (void)snprintf(url, sizeof url, "%s", server_url(server, ""));
    const struct regstore_pair more[] = {{"endpoint_url", url}, limits[_i].limit};
    struct world w;
    world_open_with(&w, NULL, 0, NULL, 0, more, COUNT(more));
    ck_assert_msg(w.plugin->stat(w.store, &w.call, "key", NULL) == REGSTORE_UNAVAILABLE, "%s",
                  w.error.message);
    ck_assert_msg(strstr(w.error.message, limits[_i].words) != NULL, "%s", w.error.message);
    world_close(&w);
    if (server != NULL)
        server_stop(server);
    else
        (void)close(fd);
}
END_TEST

Suite *patience_suite(void)
{
    Suite *suite = suite_create("patience");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 90);
    tcase_add_loop_test(tcase, limit_that_is_set_is_held, 0, COUNT(limits));
    suite_add_tcase(suite, tcase);
    return suite;
}
