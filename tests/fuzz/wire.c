/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "request.h"

#define ANSWER_MAX 65536 /* as transfer.c has it */
#define TRIES_MAX  5

static struct fuzz_input answers, last;
static size_t tries, tries_max;
bool wire_is_sts_real;
void (*wire_on_url)(const char *url);

struct stss3_http {
    struct stss3_http_options options;
};

void wire_load(const uint8_t *data, size_t size)
{
    answers = last = (struct fuzz_input){data, size};
    tries = 0;
    tries_max = 1000 + 8 * size; /* each entry of a list may cost a few requests */
}

static struct fuzz_input next_answer(void)
{
    static const char apart[] = "\n%%\n";
    if (answers.left == 0)
        return last;
    const uint8_t *end = memmem(answers.at, answers.left, apart, strlen(apart));
    const size_t len = end == NULL ? answers.left : (size_t)(end - answers.at);
    last = (struct fuzz_input){answers.at, len};
    const size_t taken = end == NULL ? len : len + strlen(apart);
    answers.at += taken;
    answers.left -= taken;
    return last;
}

static void answer_session(struct stss3_request *request)
{
    request->http_status = 200;
    plug_buf_str(&request->answer,
                 "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>"
                 "arn:aws:sts::123456789012:assumed-role/quay/quay</Arn></AssumedRoleUser>"
                 "<Credentials><AccessKeyId>" WIRE_ACCESS "</AccessKeyId><SecretAccessKey>"
                 WIRE_SECRET "</SecretAccessKey><SessionToken>" WIRE_TOKEN "</SessionToken>"
                 "<Expiration>2027-06-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
                 "</AssumeRoleResponse>");
}

static void take_status(struct stss3_request *request, const char *line)
{
    const char *digits = strncmp(line, "HTTP/1.1 ", 9) == 0 ? line + 9 : line;
    if (digits[0] >= '1' && digits[0] <= '5' && strspn(digits, "0123456789") == 3) {
        request->http_status = strtol(digits, NULL, 10);
        return;
    }
    request->transport = STSS3_TRANSPORT_BROKEN;
    (void)snprintf(request->transport_text, sizeof request->transport_text, "connection reset");
}

/* Of libcurl: a length that is none, or not the body's, ends the try. */
static bool is_length_kept(const struct stss3_request *request, size_t body)
{
    const char *text = stss3_request_answer_header(request, "content-length");
    if (text == NULL)
        return true;
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '\0')
        return false;
    return strcmp(request->method, "HEAD") == 0 || strtoull(text, NULL, 10) == body;
}

static void take_body(struct stss3_request *request, const struct fuzz_input *body)
{
    const bool is_for_sink = request->sink != NULL && request->http_status / 100 == 2;
    const size_t max = request->answer_max == 0 ? ANSWER_MAX : request->answer_max;
    if (strcmp(request->method, "HEAD") == 0)
        return;
    if (body->left > (is_for_sink ? request->sink_cap : max)) {
        request->transport = STSS3_TRANSPORT_TOO_LONG;
    } else if (is_for_sink && body->left != 0) {
        memcpy(request->sink, body->at, body->left);
        request->sink_len = body->left;
    } else {
        plug_buf_add(&request->answer, body->at, body->left);
    }
}

static void answer(struct stss3_request *request)
{
    struct fuzz_input in = next_answer();
    char *line = fuzz_line(&in);
    take_status(request, line);
    free(line);
    while (in.left != 0) {
        const uint8_t *end = memchr(in.at, '\n', in.left);
        const size_t n = end == NULL ? in.left : (size_t)(end - in.at) + 1;
        const bool is_over = n == 1 && end != NULL;
        if (!is_over)
            (void)stss3_request_keep_header(request, (const char *)in.at, n);
        in.at += n;
        in.left -= n;
        if (is_over)
            break;
    }
    FUZZ_HOLDS(request->state->answer_headers.len <= STSS3_ANSWER_HEADERS_MAX);
    if (request->transport != STSS3_TRANSPORT_NONE)
        return;
    if (is_length_kept(request, in.left))
        take_body(request, &in);
    else
        request->transport = STSS3_TRANSPORT_BROKEN;
}

/* What libcurl is given: headers that end in NUL each, and a URL that is sent as it stands. */
static void check_sent(const struct stss3_request *request)
{
    const struct plug_buf *headers = &request->headers;
    FUZZ_HOLDS(fuzz_is_ascii(plug_buf_text(&request->url)));
    FUZZ_HOLDS(strpbrk(plug_buf_text(&request->url), " \"<>\\^`{|}") == NULL);
    FUZZ_HOLDS(!request->state->has_bad_header);
    if (wire_on_url != NULL)
        wire_on_url(plug_buf_text(&request->url));
    for (size_t at = 0; at < headers->len; at += strlen(headers->data + at) + 1)
        FUZZ_HOLDS(strpbrk(headers->data + at, "\r\n") == NULL);
}

/* False: it was refused. */
static bool prepare(struct stss3_request *request)
{
    enum stss3_ready ready;
    do {
        atomic_store(&request->state->mail, 0);
        plug_buf_reset(&request->url);
        plug_buf_reset(&request->headers);
        ready = request->hooks->prepare(request);
        /* Whoever has it wait must have resumed it, since nothing goes on beside us. */
        FUZZ_HOLDS(ready != STSS3_WAIT || atomic_load(&request->state->mail) != 0);
    } while (ready == STSS3_WAIT);
    return ready == STSS3_READY;
}

static void try_until_over(struct stss3_request *request)
{
    for (unsigned n = 1; n <= TRIES_MAX; n++) {
        request->error = (struct plug_error){0};
        if (!prepare(request))
            return;
        check_sent(request);
        stss3_request_clear_outcome(request);
        request->tries = n;
        request->sent_ns = plug_now_ns();
        if (strcmp(request->operation, "AssumeRole") == 0 && !wire_is_sts_real)
            answer_session(request);
        else
            answer(request);
        FUZZ_HOLDS(++tries < tries_max);
        if (request->hooks->judge(request) == STSS3_DONE)
            return;
    }
}

void stss3_request_start(struct stss3_http *http, struct stss3_request *request)
{
    try_until_over(request);
    stss3_request_finish(request, http->options.host);
}

struct stss3_http *stss3_http_new(const struct stss3_http_options *options)
{
    struct stss3_http *http = calloc(1, sizeof *http);
    FUZZ_HOLDS(http != NULL);
    http->options = *options;
    return http;
}

void stss3_http_free(struct stss3_http *http)
{
    free(http);
}

void stss3_http_close_copies(const struct stss3_http *http)
{
    (void)http; /* there are no sockets */
}

bool stss3_loop_is_ours(const struct stss3_loop *loop)
{
    (void)loop; /* there is none */
    return true;
}

void stss3_loop_post(struct stss3_request *request, unsigned bit)
{
    atomic_fetch_or(&request->state->mail, bit);
}
