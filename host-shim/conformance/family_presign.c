/* SPDX-License-Identifier: Apache-2.0 */
/* SIGN-1 and KEY-4: URLs, used by a client that knows nothing but the URL: the program curl. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "blob.h"

extern char **environ;

enum { NS_PER_S = 1000000000, CURL_MISSING = 127, SKEW_S = 2, LATE_S = 15 };

/* --- curl --- */

struct fetch {
    long http; /* 0: no answer */
    FILE *body;
};

/* Options go in by standard input: the URL is a secret, and a command line is not. */
static FILE *curl_orders(struct world *w, const char *options, const char *url)
{
    FILE *orders = tmpfile();
    CLAIM(orders != NULL, "the test has no temporary file");
    const char *ca_bundle = backend_setting(w->backend, "ca_bundle");
    CLAIM(strpbrk(url, "\"\\\n") == NULL, "the URL has a character that no URL has");
    (void)fprintf(orders, "silent\nmax-time = 30\nwrite-out = \"%%{stderr}%%{http_code}\"\n%s\n",
                  options);
    if (ca_bundle != NULL)
        (void)fprintf(orders, "cacert = \"%s\"\n", ca_bundle);
    (void)fprintf(orders, "url = \"%s\"\n", url);
    CLAIM(fflush(orders) == 0, "the test could not write its temporary file");
    rewind(orders);
    return orders;
}

static int run_curl(struct world *w, FILE *orders, FILE *body, FILE *said)
{
    static char words[][16] = {"curl", "-q", "--config", "-"};
    char *const argv[] = {words[0], words[1], words[2], words[3], NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    pid_t pid;
    int status = 0;
    const int failed = posix_spawn_file_actions_init(&files) | posix_spawnattr_init(&attr) |
                       posix_spawn_file_actions_adddup2(&files, fileno(orders), STDIN_FILENO) |
                       posix_spawn_file_actions_adddup2(&files, fileno(body), STDOUT_FILENO) |
                       posix_spawn_file_actions_adddup2(&files, fileno(said), STDERR_FILENO);
    CLAIM(!failed, "no memory for the test itself");
    const int error = posix_spawnp(&pid, argv[0], &files, &attr, argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attr);
    if (error == ENOENT)
        SKIP("the program curl is not installed");
    CLAIM(error == 0, "curl does not start: %s", strerror(error));
    while (waitpid(pid, &status, 0) < 0)
        CLAIM(errno == EINTR, "the test lost its process: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : CURL_MISSING;
}

/* options: lines of a curl configuration file. */
static struct fetch fetch(struct world *w, const char *options, const char *url)
{
    struct fetch f = {.body = tmpfile()};
    FILE *said = tmpfile();
    char text[64] = "";
    CLAIM(f.body != NULL && said != NULL, "the test has no temporary file");
    FILE *orders = curl_orders(w, options, url);
    const int status = run_curl(w, orders, f.body, said);
    rewind(said);
    const size_t len = fread(text, 1, sizeof text - 1, said);
    (void)fclose(orders); /* temporary, as is the other */
    (void)fclose(said);
    CLAIM(status == 0 && len >= 3, "curl got no answer: exit status %d", status);
    f.http = strtol(text + len - 3, NULL, 10);
    rewind(f.body);
    return f;
}

static long fetch_code(struct world *w, const char *options, const char *url)
{
    const struct fetch f = fetch(w, options, url);
    (void)fclose(f.body); /* temporary */
    return f.http;
}

static void get_must_give(struct world *w, const char *url, const struct content *c)
{
    static unsigned char buf[64 * 1024];
    const struct fetch f = fetch(w, "", url);
    CLAIM(f.http == 200, "GET gave HTTP %ld", f.http);
    uint64_t at = 0;
    for (size_t n; (n = fread(buf, 1, sizeof buf, f.body)) > 0; at += n)
        CLAIM(n <= c->length - at && content_differs(c, at, buf, n) == n,
              "GET gave other bytes at %llu", (unsigned long long)at);
    CLAIM(at == c->length, "GET gave %llu bytes of %llu", (unsigned long long)at,
          (unsigned long long)c->length);
    (void)fclose(f.body); /* temporary */
}

/* A file with the content, for curl to send; removed by name already. */
static FILE *file_of(struct world *w, const struct content *c, char options[256])
{
    static unsigned char buf[64 * 1024];
    FILE *file = tmpfile();
    CLAIM(file != NULL, "the test has no temporary file");
    for (uint64_t at = 0; at < c->length;) {
        const size_t n = c->length - at < sizeof buf ? (size_t)(c->length - at) : sizeof buf;
        content_fill(c, at, buf, n);
        CLAIM(fwrite(buf, 1, n, file) == n, "the test could not write its temporary file");
        at += n;
    }
    CLAIM(fflush(file) == 0, "the test could not write its temporary file");
    (void)snprintf(options, 256, "upload-file = \"/proc/%d/fd/%d\"\n", (int)getpid(), fileno(file));
    return file;
}

/* --- presign --- */

static int64_t real_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* it exists on every Linux */
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

struct signed_url {
    char s[REGSTORE_URL_MAX];
    int64_t expires_ns;
};

static void sign(struct world *w, const char *key, const char *method, uint64_t ttl_s,
                 const char *content_type, struct signed_url *url)
{
    CALL(c);
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .ttl_s = ttl_s, .method = method, .content_type = content_type};
    memset(url, 0, sizeof *url);
    EXPECT_OK(&c,
              w->p->presign(w->store, &c.in, key, &opts, url->s, sizeof url->s, &url->expires_ns));
    CLAIM(strncmp(url->s, "http", 4) == 0, "what presign gave is no URL");
    CLAIM(url->expires_ns > real_ns() - NS_PER_S &&
              url->expires_ns <= real_ns() + (int64_t)ttl_s * NS_PER_S,
          "of a URL for %llu s expires_ns lies %lld ms from now", (unsigned long long)ttl_s,
          (long long)(url->expires_ns - real_ns()) / 1000000);
}

/* --- tests --- */

static void get_url_gives_the_blob_to_anybody(struct world *w)
{
    static const char *const names[] = {"blob", "folder/a b+c%20=&~?#\"'*.bin",
                                        "\xc3\xa4\xe2\x82\xac"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct signed_url url;
        const struct key key = key_of(w, "%s", names[i]);
        const struct content content = content_of(test_seed(w, i), i == 0 ? 7 * MIB : 1000 * i);
        blob_put(w, key.s, &content);
        sign(w, key.s, "GET", 600, NULL, &url);
        get_must_give(w, url.s, &content);
    }
}

static void head_url_tells_the_length(struct world *w)
{
    struct signed_url url;
    char line[1024];
    unsigned long long length = 0;
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 12345);
    blob_put(w, key.s, &content);
    sign(w, key.s, "HEAD", 600, NULL, &url);
    const struct fetch f = fetch(w, "head", url.s);
    CLAIM(f.http == 200, "HEAD gave HTTP %ld", f.http);
    while (fgets(line, sizeof line, f.body) != NULL)
        if (strncasecmp(line, "content-length:", 15) == 0)
            length = strtoull(line + 15, NULL, 10);
    (void)fclose(f.body); /* temporary */
    CLAIM(length == content.length, "HEAD tells %llu bytes of %llu", length,
          (unsigned long long)content.length);
}

/* HEAD by a URL for GET is the backend's choice: some sign the method, some take both. */
static void url_opens_nothing_but_what_it_was_made_for(struct world *w)
{
    struct signed_url url;
    char options[256], other[REGSTORE_URL_MAX];
    const struct key key = key_of(w, "blob1"), neighbour = key_of(w, "blob2");
    const struct content content = content_of(test_seed(w, 1), 3000);
    const struct content evil = content_of(test_seed(w, 2), 2000);
    blob_put(w, key.s, &content);
    blob_put(w, neighbour.s, &content);
    sign(w, key.s, "GET", 600, NULL, &url);
    FILE *file = file_of(w, &evil, options);
    CLAIM(fetch_code(w, options, url.s) >= 400, "a URL for GET let a PUT through");
    CLAIM(fetch_code(w, "request = DELETE", url.s) >= 400, "a URL for GET let a DELETE through");
    const long head = fetch_code(w, "head", url.s);
    CLAIM(head == 200 || head == 403, "HEAD by a URL for GET gave HTTP %ld", head);
    (void)snprintf(other, sizeof other, "%s", url.s);
    char *name = strstr(other, "blob1");
    CLAIM(name != NULL, "the URL does not name its key");
    name[4] = '2';
    CLAIM(fetch_code(w, "", other) >= 400, "a URL opened the key beside its own");
    (void)fclose(file); /* temporary */
    blob_must_be(w, key.s, &content);
}

static void put_url_stores_a_blob(struct world *w)
{
    const uint64_t sizes[] = {0, 1000, 6 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct signed_url url;
        char options[256];
        const struct key key = key_of(w, "blob%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        FILE *file = file_of(w, &content, options);
        sign(w, key.s, "PUT", 600, NULL, &url);
        blob_must_be_absent(w, key.s);
        const long http = fetch_code(w, options, url.s);
        CLAIM(http == 200 || http == 201 || http == 204, "PUT gave HTTP %ld", http);
        (void)fclose(file); /* temporary */
        blob_must_be(w, key.s, &content);
    }
}

static void put_url_demands_its_content_type(struct world *w)
{
    static const char *const wrong[] = {"header = \"Content-Type:\"",
                                        "header = \"Content-Type: text/plain\""};
    struct signed_url url;
    char options[256], all[512];
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 1000);
    FILE *file = file_of(w, &content, options);
    sign(w, key.s, "PUT", 600, "application/x-regstore", &url);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(all, sizeof all, "%s%s", options, wrong[i]);
        const long http = fetch_code(w, all, url.s);
        CLAIM(http >= 400, "PUT with %s gave HTTP %ld", wrong[i], http);
        blob_must_be_absent(w, key.s);
    }
    (void)snprintf(all, sizeof all, "%sheader = \"Content-Type: application/x-regstore\"", options);
    const long http = fetch_code(w, all, url.s);
    CLAIM(http < 300, "PUT with the type that was signed gave HTTP %ld", http);
    (void)fclose(file); /* temporary */
    blob_must_be(w, key.s, &content);
}

static void url_of_a_missing_key_is_404_to_the_client(struct world *w)
{
    struct signed_url url;
    const struct key key = key_of(w, "absent");
    sign(w, key.s, "GET", 600, NULL, &url);
    CLAIM(fetch_code(w, "", url.s) == 404, "GET gave HTTP %ld", fetch_code(w, "", url.s));
    sign(w, key.s, "HEAD", 600, NULL, &url);
    CLAIM(fetch_code(w, "head", url.s) == 404, "HEAD gave HTTP %ld", fetch_code(w, "head", url.s));
}

/* Up to two seconds before the end, should the service's clock not be ours; and soon after it no
 * more. */
static void url_works_until_it_expires_and_no_longer(struct world *w)
{
    struct signed_url url;
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 100);
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
    blob_put(w, key.s, &content);
    sign(w, key.s, "GET", 1, NULL, &url);
    sign(w, key.s, "GET", 4, NULL, &url);
    for (unsigned good = 0;; good++) {
        const long http = fetch_code(w, "", url.s);
        const int64_t left_ns = url.expires_ns - real_ns();
        CLAIM(http == 200 || http == 403 || http == 400 || http == 401, "GET gave HTTP %ld", http);
        CLAIM(http == 200 || left_ns < (int64_t)SKEW_S * NS_PER_S,
              "HTTP %ld while the URL had %lld ms to live", http, (long long)left_ns / 1000000);
        CLAIM(http == 200 || good > 0, "the URL never worked");
        if (http != 200)
            break;
        CLAIM(left_ns > -(int64_t)LATE_S * NS_PER_S, "the URL works still, %d s after its end",
              LATE_S);
        (void)nanosleep(&pause, NULL); /* the next look */
    }
}

static void life_shorter_than_the_host_needs_is_not_given_out(struct world *w)
{
    static char url[REGSTORE_URL_MAX];
    const uint64_t min_ttl_s[] = {30, UINT64_C(86400) * 365 * 50};
    for (size_t i = 0; i < 2; i++) {
        CALL(c);
        int64_t expires_ns = 0;
        const struct key key = key_of(w, "blob");
        const struct regstore_presign_opts opts = {.struct_size = sizeof opts,
                                                   .ttl_s = min_ttl_s[i] + 30,
                                                   .min_ttl_s = min_ttl_s[i],
                                                   .method = "GET"};
        const regstore_status status =
            w->p->presign(w->store, &c.in, key.s, &opts, url, sizeof url, &expires_ns);
        EXPECT_SEEN(&c, "presign", status, REGSTORE_OK,
                    i == 0 ? REGSTORE_OK : REGSTORE_UNAVAILABLE);
        CLAIM(status != REGSTORE_OK ||
                  expires_ns >= real_ns() + ((int64_t)min_ttl_s[i] - SKEW_S) * NS_PER_S,
              "a URL that was to live %llu s at least ends in %lld ms",
              (unsigned long long)min_ttl_s[i], (long long)(expires_ns - real_ns()) / 1000000);
    }
}

static void bad_request_for_a_url_is_invalid(struct world *w)
{
    static const struct {
        const char *key, *method;
        uint64_t ttl_s;
        regstore_status due;
    } cases[] = {
        {"blob", "GET", 0, REGSTORE_INVALID},     {"blob", NULL, 60, REGSTORE_INVALID},
        {"blob", "POST", 60, REGSTORE_INVALID},   {"blob", "DELETE", 60, REGSTORE_INVALID},
        {"blob", "get", 60, REGSTORE_INVALID},    {"blob", "", 60, REGSTORE_INVALID},
        {"a//b", "GET", 60, REGSTORE_INVALID},    {"", "GET", 60, REGSTORE_INVALID},
        {"../up", "GET", 60, REGSTORE_INVALID},   {"uploads/x", "PUT", 60, REGSTORE_INVALID},
        {"uploads/x", "GET", 60, REGSTORE_OK},    {"uploads/x", "HEAD", 60, REGSTORE_OK},
        {"uploads", "PUT", 60, REGSTORE_INVALID},
    };
    static char url[REGSTORE_URL_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CALL(c);
        int64_t expires_ns = 0;
        const struct regstore_presign_opts opts = {
            .struct_size = sizeof opts, .ttl_s = cases[i].ttl_s, .method = cases[i].method};
        url[0] = '\0';
        const regstore_status status =
            w->p->presign(w->store, &c.in, cases[i].key, &opts, url, sizeof url, &expires_ns);
        CLAIM(status == cases[i].due, "presign of %s, %s, %llu s gave %s", cases[i].key,
              cases[i].method ? cases[i].method : "no method", (unsigned long long)cases[i].ttl_s,
              regstore_host_status_name(status));
        CLAIM(status == REGSTORE_OK || (url[0] == '\0' && expires_ns == 0),
              "outputs were set with %s", regstore_host_status_name(status));
    }
}

static void null_opts_have_no_method(struct world *w)
{
    CALL(c);
    static char url[REGSTORE_URL_MAX];
    int64_t expires_ns = 0;
    EXPECT(&c, w->p->presign(w->store, &c.in, "blob", NULL, url, sizeof url, &expires_ns),
           REGSTORE_INVALID);
}

static void small_url_buffer_is_range(struct world *w)
{
    static char url[REGSTORE_URL_MAX];
    const size_t caps[] = {0, 1, 100, REGSTORE_URL_MAX - 1};
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .ttl_s = 60, .method = "GET"};
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        CALL(c);
        int64_t expires_ns = 0;
        memset(url, 'u', sizeof url);
        EXPECT(&c, w->p->presign(w->store, &c.in, "blob", &opts, url, caps[i], &expires_ns),
               REGSTORE_RANGE);
        for (size_t at = 0; at < sizeof url; at++)
            CLAIM(url[at] == 'u', "byte %zu was written with RANGE and cap %zu", at, caps[i]);
    }
}

#define GETS (REGSTORE_F_PRESIGN_GET | NEEDS_PRESIGN)
#define PUTS (REGSTORE_F_PRESIGN_PUT | NEEDS_PRESIGN)

static const struct test presign_tests[] = {
    {"SIGN-1", "get_url_gives_the_blob_to_anybody", get_url_gives_the_blob_to_anybody, GETS},
    {"SIGN-1", "head_url_tells_the_length", head_url_tells_the_length, GETS},
    {"SIGN-1", "url_opens_nothing_but_what_it_was_made_for",
     url_opens_nothing_but_what_it_was_made_for, GETS},
    {"SIGN-1", "put_url_stores_a_blob", put_url_stores_a_blob, PUTS},
    {"SIGN-1", "put_url_demands_its_content_type", put_url_demands_its_content_type, PUTS},
    {"SIGN-1", "url_of_a_missing_key_is_404_to_the_client",
     url_of_a_missing_key_is_404_to_the_client, GETS},
    {"SIGN-1", "url_works_until_it_expires_and_no_longer", url_works_until_it_expires_and_no_longer,
     GETS},
    {"SIGN-1", "life_shorter_than_the_host_needs_is_not_given_out",
     life_shorter_than_the_host_needs_is_not_given_out, GETS},
    {"SIGN-1 KEY-1 KEY-4", "bad_request_for_a_url_is_invalid", bad_request_for_a_url_is_invalid,
     GETS | PUTS},
    {"SIGN-1 GROW-4", "null_opts_have_no_method", null_opts_have_no_method, GETS},
    {"SIGN-1", "small_url_buffer_is_range", small_url_buffer_is_range, GETS},
};

const struct family family_presign = FAMILY(presign);
