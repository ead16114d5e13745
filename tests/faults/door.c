/* SPDX-License-Identifier: Apache-2.0 */
#include "door.h"

#include <check.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct answer {
    char text[16384];
    size_t len;
};

static size_t take(char *bytes, size_t size, size_t n, void *ctx)
{
    struct answer *answer = ctx;
    ck_assert_uint_lt(answer->len + size * n, sizeof answer->text);
    memcpy(answer->text + answer->len, bytes, size * n);
    answer->len += size * n;
    return size * n;
}

static void ask(const char *server, const char *method, const char *verb, struct answer *answer)
{
    char url[512];
    long status = 0;
    CURL *curl = curl_easy_init();
    ck_assert_ptr_nonnull(curl);
    (void)snprintf(url, sizeof url, "%s/_fake/%s", server, verb);
    memset(answer, 0, sizeof *answer);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    const CURLcode code = curl_easy_perform(curl);
    ck_assert_msg(code == CURLE_OK, "%s %s: %s", method, url, curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    ck_assert_msg(status == 200, "%s %s: %s", method, url, answer->text);
    curl_easy_cleanup(curl);
}

void door_fault(const char *server, const char *rule)
{
    struct answer answer;
    char verb[256];
    (void)snprintf(verb, sizeof verb, "fault?%s", rule);
    ask(server, "POST", verb, &answer);
}

void door_post(const char *server, const char *verb)
{
    struct answer answer;
    ask(server, "POST", verb, &answer);
}

void door_forget_faults(const char *server)
{
    struct answer answer;
    ask(server, "DELETE", "fault", &answer);
}

static unsigned ask_number(const char *server, const char *verb)
{
    struct answer answer;
    unsigned number = 0;
    ask(server, "GET", verb, &answer);
    ck_assert_int_eq(sscanf(answer.text, "%u", &number), 1);
    return number;
}

unsigned door_struck(const char *server)
{
    return ask_number(server, "struck");
}

void door_wait_idle(const char *server)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    while (ask_number(server, "busy") != 0)
        (void)nanosleep(&pause, NULL);
}

void door_end_sessions(const char *server)
{
    struct answer answer;
    ask(server, "DELETE", "session", &answer);
}

void door_page(const char *server, unsigned most)
{
    struct answer answer;
    char verb[64];
    (void)snprintf(verb, sizeof verb, "page?most=%u", most);
    ask(server, "POST", verb, &answer);
}

void door_left(const char *server, const char *prefix, char *out, size_t cap)
{
    struct answer answer;
    char verb[256];
    (void)snprintf(verb, sizeof verb, "left?prefix=%s", prefix);
    ask(server, "GET", verb, &answer);
    ck_assert_uint_lt(answer.len, cap);
    memcpy(out, answer.text, answer.len + 1);
}

void door_clock(const char *server, int64_t ahead_ms)
{
    struct answer answer;
    char verb[64];
    (void)snprintf(verb, sizeof verb, "clock?offset_ms=%" PRId64, ahead_ms);
    ask(server, "POST", verb, &answer);
}

size_t door_counts(const char *server, struct door_count *out, size_t cap)
{
    struct answer answer;
    size_t n = 0;
    int used = 0;
    ask(server, "GET", "counts", &answer);
    for (const char *at = answer.text; *at != '\0'; at += used, n++) {
        ck_assert_uint_lt(n, cap);
        ck_assert_int_eq(sscanf(at, "%63s %u\n%n", out[n].operation, &out[n].n, &used), 2);
    }
    return n;
}

void door_forget_counts(const char *server)
{
    struct answer answer;
    ask(server, "DELETE", "counts", &answer);
}
