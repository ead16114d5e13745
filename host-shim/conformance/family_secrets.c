/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MANNER-1: no secret reaches a log, an error, a token or the output.  A secret is the value of
 * each setting that the plugin marks as one, and what makes a presigned URL open doors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "blob.h"

enum { SECRETS = 64, SECRET_MAX = 4096, SECRET_MIN = 8, URL_SECRET_MIN = 32 };

/* --- all that comes out --- */

enum channel { LOGGED, METRICS, ERRORS, TOKENS, CHECKED, PRINTED, CHANNELS };
static const char *const channel_names[CHANNELS] = {"the log", "a metric", "an error",
                                                    "a token", "check",    "the output"};

static struct {
    pthread_mutex_t lock; /* the log comes from any thread */
    char *text[CHANNELS];
    size_t len[CHANNELS];
} heard = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void hear_up_to(enum channel channel, const char *text, size_t len)
{
    (void)pthread_mutex_lock(&heard.lock); /* a plain mutex cannot fail */
    char *room = realloc(heard.text[channel], heard.len[channel] + len + 2);
    if (room == NULL)
        abort();
    (void)snprintf(room + heard.len[channel], len + 2, "%.*s\n", (int)len, text);
    heard.text[channel] = room;
    heard.len[channel] += len + 1;
    (void)pthread_mutex_unlock(&heard.lock);
}

static void hear(enum channel channel, const char *text)
{
    hear_up_to(channel, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
}

/* A field of a struct, whose end a plugin may have forgotten: other tests say so. */
static void hear_field(enum channel channel, const char *text, size_t cap)
{
    hear_up_to(channel, text, strnlen(text, cap));
}

static void hear_pairs(enum channel channel, const struct regstore_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hear(channel, pairs[i].key);
        hear(channel, pairs[i].value);
    }
}

static void hear_log(void *ctx, int32_t level, const char *event,
                     const struct regstore_pair *fields, size_t n)
{
    (void)ctx;
    (void)level; /* DEBUG too */
    hear(LOGGED, event);
    hear_pairs(LOGGED, fields, n);
}

static void hear_metric(void *ctx, int32_t kind, const char *name, double value,
                        const struct regstore_pair *labels, size_t n)
{
    (void)ctx;
    (void)kind;
    (void)value;
    hear(METRICS, name);
    hear_pairs(METRICS, labels, n);
}

static void hear_step(void *ctx, const char *name, regstore_status status, const char *found,
                      const char *advice)
{
    (void)ctx;
    (void)status;
    hear(CHECKED, name);
    hear(CHECKED, found);
    hear(CHECKED, advice);
}

static void hear_error(const struct call *c)
{
    hear_field(ERRORS, c->error.code, sizeof c->error.code);
    hear_field(ERRORS, c->error.request_id, sizeof c->error.request_id);
    hear_field(ERRORS, c->error.message, sizeof c->error.message);
}

/* --- the secrets --- */

static struct {
    const char *name;
    char value[SECRET_MAX];
} secrets[SECRETS];
static size_t n_secrets;

static void add_secret(struct world *w, const char *name, const char *value, size_t len,
                       size_t shortest)
{
    if (len < shortest)
        return; /* it may be in there by chance */
    CLAIM(n_secrets < SECRETS && len < SECRET_MAX, "the test has no room for %s", name);
    secrets[n_secrets].name = name;
    (void)snprintf(secrets[n_secrets++].value, SECRET_MAX, "%.*s", (int)len, value);
}

static bool is_secret(const struct world *w, const char *key)
{
    for (const struct regstore_param *param = w->p->params; param->key != NULL; param++)
        if (strcmp(param->key, key) == 0)
            return (param->flags & REGSTORE_PARAM_SECRET) != 0;
    return false;
}

static void note_secret_settings(struct world *w)
{
    for (size_t i = 0; i < w->backend->n; i++) {
        const struct regstore_pair *pair = &w->backend->settings[i];
        if (is_secret(w, pair->key))
            add_secret(w, pair->key, pair->value, strlen(pair->value), SECRET_MIN);
    }
}

static void add_decoded(struct world *w, const char *value, size_t len)
{
    static char text[SECRET_MAX];
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < sizeof text; i++) {
        char hex[3] = "";
        if (value[i] == '%' && len - i > 2) {
            memcpy(hex, value + i + 1, 2);
            i += 2;
        }
        text[n++] = hex[0] == '\0' ? value[i] : (char)strtoul(hex, NULL, 16);
    }
    add_secret(w, "a presigned URL", text, n, URL_SECRET_MIN);
}

/* The long values of a URL's query: signature and session. */
static void note_url(struct world *w, const char *url)
{
    const char *at = strchr(url, '?');
    while (at != NULL) {
        const char *value = at + 1 + strcspn(at + 1, "=&");
        value += *value == '=';
        const size_t len = strcspn(value, "&");
        add_secret(w, "a presigned URL", value, len, URL_SECRET_MIN);
        if (len >= URL_SECRET_MIN && memchr(value, '%', len) != NULL)
            add_decoded(w, value, len);
        at = strchr(value, '&');
    }
}

/* --- looking for them --- */

static void must_not_be_heard(struct world *w, const char *name, const char *form,
                              const char *needle, size_t len)
{
    for (size_t i = 0; i < CHANNELS; i++)
        CLAIM(heard.text[i] == NULL || memmem(heard.text[i], heard.len[i], needle, len) == NULL,
              "the value of %s is in %s, %s", name, channel_names[i], form);
}

static void look_for_encoded(struct world *w, const char *name, const char *value)
{
    static char lower[2 * SECRET_MAX], upper[2 * SECRET_MAX], percent[3 * SECRET_MAX];
    size_t n = 0, hex = 0;
    for (const char *p = value; *p != '\0'; p++) {
        const unsigned byte = (unsigned char)*p;
        const bool is_plain = strchr("-._~", *p) != NULL || (byte >= '0' && byte <= '9') ||
                              (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        (void)snprintf(lower + hex, sizeof lower - hex, "%02x", byte);
        (void)snprintf(upper + hex, sizeof upper - hex, "%02X", byte);
        hex += 2;
        if (is_plain)
            percent[n++] = *p;
        else
            n += (size_t)snprintf(percent + n, sizeof percent - n, "%%%02X", byte);
    }
    must_not_be_heard(w, name, "in hex", lower, hex);
    must_not_be_heard(w, name, "in hex", upper, hex);
    must_not_be_heard(w, name, "URL-encoded", percent, n);
}

/* However the bytes before it shift it, and without the characters that neighbours have a part in.
 */
static void look_for_base64(struct world *w, const char *name, const char *value)
{
    static unsigned char shifted[SECRET_MAX + 2], text[2 * SECRET_MAX];
    const size_t len = strlen(value);
    for (size_t shift = 0; shift < 3; shift++) {
        memset(shifted, 0, 2);
        memcpy(shifted + shift, value, len);
        (void)EVP_EncodeBlock(text, shifted, (int)(shift + len));
        const size_t begin = (shift * 8 + 5) / 6, end = (shift + len) * 8 / 6;
        must_not_be_heard(w, name, "in base64", (char *)text + begin, end - begin);
        for (size_t i = begin; i < end; i++)
            text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        must_not_be_heard(w, name, "in base64 for URLs", (char *)text + begin, end - begin);
    }
}

static void nothing_secret_must_be_heard(struct world *w)
{
    for (size_t i = 0; i < n_secrets; i++) {
        const char *value = secrets[i].value;
        must_not_be_heard(w, secrets[i].name, "as it is", value, strlen(value));
        look_for_encoded(w, secrets[i].name, value);
        look_for_base64(w, secrets[i].name, value);
    }
}

/* --- a life --- */

static regstore_status open_with(struct world *w, const struct regstore_pair *settings, size_t n)
{
    CALL(c);
    const struct regstore_host host = {
        .struct_size = sizeof host, .log = hear_log, .metric = hear_metric};
    w->store = NULL;
    const regstore_status status = w->p->store_open(&c.in, &host, settings, n, &w->store);
    hear_error(&c);
    return status;
}

static struct regstore_pair *copy_settings(struct world *w)
{
    struct regstore_pair *copy = calloc(w->backend->n + 1, sizeof *copy);
    CLAIM(copy != NULL, "no memory for the test itself");
    memcpy(copy, w->backend->settings, w->backend->n * sizeof *copy);
    return copy;
}

static void presign_one(struct world *w, const char *key, const char *method)
{
    CALL(c);
    static char url[REGSTORE_URL_MAX];
    int64_t expires_ns = 0;
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .ttl_s = 60, .method = method};
    if (w->p->presign == NULL)
        return;
    url[0] = '\0';
    (void)w->p->presign(w->store, &c.in, key, &opts, url, sizeof url, &expires_ns);
    hear_error(&c);
    note_url(w, url);
}

/* Each verb, whatever it says; the store may be one that is denied everything. */
static void try_everything(struct world *w)
{
    CALL(c);
    static const char *const keys[] = {"absent", "bad//key", "uploads/x"};
    struct regstore_stat st = STAT_INIT;
    struct regstore_list *list = NULL;
    struct regstore_purged purged = {.struct_size = sizeof purged};
    const struct regstore_check_opts check = {
        .struct_size = sizeof check, .flags = REGSTORE_CHECK_WRITE, .step = hear_step};
    const struct regstore_upload_opts bad_token = {.struct_size = sizeof bad_token,
                                                   .token = "no token at all"};
    struct regstore_upload *u = NULL;
#define TRY_TO(expression)                                                                         \
    do {                                                                                           \
        call_reset(&c);                                                                            \
        (void)(expression);                                                                        \
        hear_error(&c);                                                                            \
    } while (0)
    TRY_TO(w->p->check(w->store, &c.in, &check));
    for (size_t i = 0; i < 3; i++) {
        TRY_TO(w->p->stat(w->store, &c.in, keys[i], &st));
        TRY_TO(w->p->delete_blobs(w->store, &c.in, &keys[i], 1, NULL));
        if (w->p->copy != NULL)
            TRY_TO(w->p->copy(w->store, &c.in, keys[i], key_of(w, "copy").s, NULL));
        presign_one(w, keys[i], "PUT");
    }
    presign_one(w, "absent", "POST");
    TRY_TO(w->p->upload_open(w->store, &c.in, &bad_token, &u));
    TRY_TO(w->p->purge(w->store, &c.in, NULL, &purged));
    TRY_TO(w->p->list_open(w->store, &c.in, NULL, &list));
    if (list != NULL) {
        char key[REGSTORE_KEY_MAX];
        TRY_TO(w->p->list_next(list, &c.in, key, sizeof key, &st));
        w->p->list_close(list);
    }
#undef TRY_TO
}

/* An upload on a store that is denied everything. */
static void try_to_upload(struct world *w)
{
    CALL(c);
    struct regstore_upload *u = NULL;
    char token[REGSTORE_TOKEN_MAX] = "";
    uint64_t kept = 0;
    const struct key key = key_of(w, "denied");
    if (w->p->upload_open(w->store, &c.in, NULL, &u) != REGSTORE_OK)
        return;
    const regstore_status status = w->p->upload_write(u, &c.in, "x", 1);
    hear_error(&c);
    if (status == REGSTORE_OK) {
        call_reset(&c);
        (void)w->p->upload_suspend(u, &c.in, token, sizeof token, &kept);
        hear_error(&c);
        hear(TOKENS, token);
        call_reset(&c);
        (void)upload_commit(w, u, &c, key.s, NULL, 0);
        hear_error(&c);
        (void)w->p->upload_abort(u, &c.in);
    }
    w->p->upload_close(u);
}

static void live_well(struct world *w)
{
    char token[REGSTORE_TOKEN_MAX];
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 12 * MIB);
    CLAIM(open_with(w, w->backend->settings, w->backend->n) == REGSTORE_OK, "the store is closed");
    try_everything(w);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_park(w, u, token);
    hear(TOKENS, token);
    u = upload_resume(w, token);
    upload_fill(w, u, &content, 7 * MIB);
    upload_park(w, u, token);
    hear(TOKENS, token);
    u = upload_resume(w, token);
    upload_fill(w, u, &content, content.length);
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
    presign_one(w, key.s, "GET");
    blob_delete(w, key.s);
    world_clear(w);
}

/* The same secret, but for its last character: the backend says no. */
static void live_denied(struct world *w)
{
    static char wrong[SECRETS][SECRET_MAX];
    struct regstore_pair *settings = copy_settings(w);
    size_t n = 0;
    for (size_t i = 0; i < w->backend->n && n < SECRETS; i++) {
        if (!is_secret(w, settings[i].key) || strlen(settings[i].value) < SECRET_MIN)
            continue;
        const size_t len = strlen(settings[i].value);
        (void)snprintf(wrong[n], SECRET_MAX, "%s", settings[i].value);
        wrong[n][len - 1] = wrong[n][len - 1] == 'x' ? 'y' : 'x';
        add_secret(w, settings[i].key, wrong[n], len - 1, SECRET_MIN); /* both of them */
        settings[i].value = wrong[n++];
    }
    if (n > 0 && open_with(w, settings, w->backend->n) == REGSTORE_OK) {
        try_everything(w);
        try_to_upload(w);
        world_clear(w);
    }
    free(settings);
}

/* Settings that are refused: the secret given twice, under a wrong name, and with a line break. */
static void live_refused(struct world *w)
{
    static char broken[SECRET_MAX], name[256];
    for (size_t i = 0; i < w->backend->n; i++) {
        const struct regstore_pair *own = &w->backend->settings[i];
        struct regstore_pair *settings = copy_settings(w);
        if (is_secret(w, own->key)) {
            settings[w->backend->n] = *own;
            CLAIM(open_with(w, settings, w->backend->n + 1) == REGSTORE_CONFIG, "%s twice is fine",
                  own->key);
            (void)snprintf(name, sizeof name, "%sx", own->key);
            settings[w->backend->n].key = name;
            CLAIM(open_with(w, settings, w->backend->n + 1) == REGSTORE_CONFIG, "%s is known",
                  name);
            (void)snprintf(broken, sizeof broken, "%s\n", own->value);
            settings[i].value = broken;
            if (open_with(w, settings, w->backend->n) == REGSTORE_OK)
                world_clear(w);
        }
        free(settings);
    }
}

/* --- tests --- */

static void live_every_way(struct world *w)
{
    note_secret_settings(w);
    live_refused(w);
    live_denied(w);
    live_well(w);
}

static void no_secret_is_told_by_log_error_token_check_or_output(struct world *w)
{
    static char printed[64 * 1024];
    FILE *out = tmpfile();
    CLAIM(out != NULL, "the test has no temporary file");
    const int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
    CLAIM(saved_out >= 0 && saved_err >= 0 && dup2(fileno(out), STDOUT_FILENO) >= 0 &&
              dup2(fileno(out), STDERR_FILENO) >= 0,
          "the test could not redirect its output");
    live_every_way(w);
    (void)fflush(stdout);                 /* the plugin may have used stdio */
    (void)dup2(saved_out, STDOUT_FILENO); /* they were good before */
    (void)dup2(saved_err, STDERR_FILENO);
    (void)close(saved_out);
    (void)close(saved_err);
    rewind(out);
    printed[fread(printed, 1, sizeof printed - 1, out)] = '\0';
    (void)fclose(out); /* it is temporary */
    hear(PRINTED, printed);
    if (n_secrets == 0)
        SKIP("these settings hold no secret, and there are no URLs");
    nothing_secret_must_be_heard(w);
}

static const struct test secrets_tests[] = {
    {"MANNER-1 ERR-1", "no_secret_is_told_by_log_error_token_check_or_output",
     no_secret_is_told_by_log_error_token_check_or_output, NEEDS_NO_STORE},
};

const struct family family_secrets = FAMILY(secrets);
