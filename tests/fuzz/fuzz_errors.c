/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error bodies of S3 and STS, and what is told of them.  Input: a line with status and headers
 * ("503 retry-after: 3", apart by '|'), then the body.  In the body '@' stands for a secret: S3
 * echoes the session token, and what was to be signed, in elements of its own.  Where one of the
 * elements that are shown has it (nobody's answer does that), it may be seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "verdict.h"
#include "xml.h"

#include "fuzz.h"

#define SECRET "FwoGZXIvYXdzEBYaDsecret"

static enum stss3_verdict unused_judge(struct stss3_request *request)
{
    (void)request;
    return STSS3_DONE;
}

static const struct stss3_request_hooks hooks = {.judge = unused_judge};

static bool is_field(const char *text, size_t cap)
{
    return memchr(text, '\0', cap) != NULL && fuzz_is_ascii(text);
}

static void check_body(const struct stss3_error_body *body, bool is_error)
{
    static const struct stss3_error_body zero;
    if (!is_error) {
        FUZZ_HOLDS(memcmp(body, &zero, sizeof zero) == 0);
        return;
    }
    FUZZ_HOLDS(body->code[0] != '\0');
    FUZZ_HOLDS(is_field(body->code, sizeof body->code));
    FUZZ_HOLDS(is_field(body->message, sizeof body->message));
    FUZZ_HOLDS(is_field(body->request_id, sizeof body->request_id));
    FUZZ_HOLDS(is_field(body->host_id, sizeof body->host_id));
    FUZZ_HOLDS(is_field(body->region, sizeof body->region));
}

/* Puts the secret in place of each '@' that stands in an element which is not shown. */
static void put_secrets(struct plug_buf *out, const char *const start)
{
    const char *text = start;
    static const char *const shown[] = {"<Code",   "<Message", "<RequestId",
                                        "<HostId", "<Region",  "<ServerTime"};
    bool is_shown = true; /* outside of all elements, or inside a tag */
    for (; *text != '\0'; text++) {
        if (*text == '<')
            is_shown = true;
        if (*text == '>') {
            const char *tag = text;
            while (*tag != '<' && tag > start)
                tag--;
            is_shown = false;
            for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
                is_shown |= strncmp(tag, shown[i], strlen(shown[i])) == 0;
        }
        if (*text == '@' && !is_shown)
            plug_buf_str(out, SECRET);
        else
            plug_buf_char(out, *text);
    }
}

/* False: it says the secret itself, or it has what hides from put_secrets() in which element it is:
 * sections, comments, instructions, prefixes, attributes, other encodings. */
static bool is_plain(const char *text)
{
    static const char *const hidden[] = {"ecret", "Signature", "<!", "='", ":", "\xfe", "\xff"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (strstr(text, hidden[i]) != NULL)
            return false;
    const char *instruction = strstr(text, "<?");
    return instruction == NULL ||
           (strstr(instruction + 1, "<?") == NULL && strncmp(instruction,
                                                             "<?xml version=\"1.0\" "
                                                             "encoding=\"UTF-8\"?>",
                                                             38) == 0);
}

/* A 200 with an error inside is an error, and what is an error has its words. */
static void judge(const struct fuzz_input *head, const struct plug_buf *text)
{
    struct fuzz_input in = *head;
    char *line = fuzz_line(&in), *part = line;
    struct stss3_request *request = stss3_request_new(&hooks, NULL, "GET", "GetObject");
    struct stss3_error_body said;
    FUZZ_HOLDS(request != NULL);
    request->http_status = 100 + strtol(line, NULL, 10) % 500;
    while ((part = strchr(part, '|')) != NULL) {
        part++;
        FUZZ_HOLDS(stss3_request_keep_header(request, part, strcspn(part, "|")));
    }
    plug_buf_str(&request->url, "https://bucket.s3.amazonaws.com:8443/a/key?X-Amz-Signature=5");
    plug_buf_add(&request->answer, plug_buf_text(text), text->len);
    const enum stss3_verdict verdict = stss3_verdict_judge(request, true, &said);
    check_body(&said, said.code[0] != '\0');
    const struct plug_error *e = &request->error;
    if (said.code[0] != '\0' || request->http_status < 200 || request->http_status > 299)
        FUZZ_HOLDS(e->status != REGSTORE_OK);
    else
        FUZZ_HOLDS(e->status == REGSTORE_OK && verdict == STSS3_DONE);
    if (e->status != REGSTORE_OK) {
        struct regstore_error error = {.retryable = e->retryable,
                                       .retry_after_ms = e->retry_after_ms};
        memcpy(error.code, e->code, sizeof error.code);
        memcpy(error.request_id, e->request_id, sizeof error.request_id);
        memcpy(error.message, e->message, sizeof error.message);
        fuzz_check_error(&error);
        FUZZ_HOLDS(verdict != STSS3_AGAIN || e->retryable);
        FUZZ_HOLDS(strstr(e->message, SECRET) == NULL && strstr(e->message, "Signature") == NULL);
    }
    stss3_request_unref(request);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct stss3_error_body plain, with_secrets;
    struct plug_buf text = {0};
    free(fuzz_line(&in));
    char *rest = fuzz_rest(&in);
    if (!is_plain(rest)) {
        check_body(&plain, stss3_error_body_parse(rest, strlen(rest), &plain));
        free(rest);
        return 0;
    }
    check_body(&plain, stss3_error_body_parse(rest, strlen(rest), &plain));
    put_secrets(&text, rest);
    const bool is_error = stss3_error_body_parse(plug_buf_text(&text), text.len, &with_secrets);
    check_body(&with_secrets, is_error);
    FUZZ_HOLDS(!fuzz_has(&with_secrets, sizeof with_secrets, SECRET));
    /* What a field that is not shown holds changes nothing of what is said. */
    FUZZ_HOLDS(memcmp(&plain, &with_secrets, sizeof plain) == 0);
    judge(&(struct fuzz_input){data, size}, &text);
    plug_buf_clear(&text);
    free(rest);
    return 0;
}
