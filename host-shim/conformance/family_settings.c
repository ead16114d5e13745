/* SPDX-License-Identifier: Apache-2.0 */
/* STORE-1, and ERR-1 where settings are wrong; check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blob.h"
#include "trap.h"
#include "verbs.h"

/* A copy of the settings with room for one more. */
static struct regstore_pair *copy_settings(struct world *w)
{
    const size_t n = w->backend->n;
    struct regstore_pair *copy = calloc(n + 1, sizeof *copy);
    CLAIM(copy != NULL, "no memory for the test itself");
    if (n > 0)
        memcpy(copy, w->backend->settings, n * sizeof *copy);
    return copy;
}

/* store_open must say CONFIG and name the key. */
static void must_be_refused(struct world *w, const struct regstore_pair *settings, size_t n,
                            const char *named, const char *what)
{
    CALL(c);
    const struct regstore_host host = world_host(w);
    struct regstore_store *store = NULL;
    const regstore_status status = w->p->store_open(&c.in, &host, settings, n, &store);
    CLAIM(status == REGSTORE_CONFIG, "%s: store_open gave %s: \"%.511s\"", what,
          regstore_host_status_name(status), c.error.message);
    CLAIM(store == NULL, "%s: CONFIG, and *out was set", what);
    CLAIM(memchr(c.error.message, '\0', sizeof c.error.message) != NULL, "%s: endless message",
          what);
    CLAIM(strstr(c.error.message, named) != NULL, "%s: the message does not name %s: \"%s\"", what,
          named, c.error.message);
}

static void must_be_taken(struct world *w, const struct regstore_pair *settings, size_t n,
                          const char *what)
{
    CALL(c);
    const struct regstore_host host = world_host(w);
    struct regstore_store *store = NULL;
    const regstore_status status = w->p->store_open(&c.in, &host, settings, n, &store);
    CLAIM(status == REGSTORE_OK, "%s: store_open gave %s: \"%.511s\"", what,
          regstore_host_status_name(status), c.error.message);
    w->p->store_close(store);
}

static void unknown_key_is_refused_and_named(struct world *w)
{
    struct regstore_pair *settings = copy_settings(w);
    settings[w->backend->n] = (struct regstore_pair){"zz_no_such_setting", "1"};
    must_be_refused(w, settings, w->backend->n + 1, "zz_no_such_setting", "an unknown key");
    free(settings);
}

static bool is_known(const struct world *w, const char *key)
{
    for (const struct regstore_param *param = w->p->params; param->key != NULL; param++)
        if (strcmp(param->key, key) == 0)
            return true;
    return false;
}

static void misspelt_key_gets_the_right_one_suggested(struct world *w)
{
    for (const struct regstore_param *param = w->p->params; param->key != NULL; param++) {
        char typo[128];
        struct regstore_pair *settings = copy_settings(w);
        const size_t len = strlen(param->key);
        if (len < 6 || len >= sizeof typo)
            goto next;
        /* Without its last letter but one: the right key is not a part of the typo. */
        (void)snprintf(typo, sizeof typo, "%.*s%s", (int)len - 2, param->key, param->key + len - 1);
        if (!is_known(w, typo)) {
            settings[w->backend->n] = (struct regstore_pair){typo, "1"};
            must_be_refused(w, settings, w->backend->n + 1, typo, "a typo");
            must_be_refused(w, settings, w->backend->n + 1, param->key, typo);
        }
    next:
        free(settings);
    }
}

static void missing_required_key_is_named(struct world *w)
{
    bool found = false;
    for (const struct regstore_param *param = w->p->params; param->key != NULL; param++) {
        if (!(param->flags & REGSTORE_PARAM_REQUIRED))
            continue;
        struct regstore_pair *settings = copy_settings(w);
        size_t n = 0;
        for (size_t i = 0; i < w->backend->n; i++)
            if (strcmp(settings[i].key, param->key) != 0)
                settings[n++] = settings[i];
        must_be_refused(w, settings, n, param->key, "a required key left out");
        found = true;
        free(settings);
    }
    if (!found)
        SKIP("the plugin requires no key");
}

static void key_given_twice_is_refused_and_named(struct world *w)
{
    if (w->backend->n == 0)
        SKIP("the settings are empty");
    for (size_t i = 0; i < w->backend->n; i++) {
        struct regstore_pair *settings = copy_settings(w);
        settings[w->backend->n] = settings[i];
        must_be_refused(w, settings, w->backend->n + 1, settings[i].key, "a key given twice");
        free(settings);
    }
}

static void set_to(struct world *w, struct regstore_pair *settings, size_t *n, const char *key,
                   const char *value)
{
    *n = w->backend->n;
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(settings[i].key, key) == 0) {
            settings[i].value = value;
            return;
        }
    }
    settings[(*n)++] = (struct regstore_pair){key, value};
}

static void value_that_cannot_be_meant_is_refused_and_named(struct world *w)
{
    static const char *const bad[] = {"banana", "-1", "1x", "99999999999999999999999"};
    const uint64_t numbers = REGSTORE_PARAM_SIZE | REGSTORE_PARAM_DURATION | REGSTORE_PARAM_INTEGER;
    bool found = false;
    for (const struct regstore_param *param = w->p->params; param->key != NULL; param++) {
        const bool is_number = param->flags & numbers, is_bool = param->flags & REGSTORE_PARAM_BOOL;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0] && (is_number || is_bool); i++) {
            struct regstore_pair *settings = copy_settings(w);
            char what[128];
            size_t n;
            (void)snprintf(what, sizeof what, "%s: %s", param->key, bad[i]);
            set_to(w, settings, &n, param->key, bad[i]);
            /* A plain integer may be meant to be negative. */
            if (strcmp(bad[i], "-1") != 0 || !(param->flags & REGSTORE_PARAM_INTEGER))
                must_be_refused(w, settings, n, param->key, what);
            found = true;
            free(settings);
        }
    }
    if (!found)
        SKIP("the plugin has no parameter that is a number or a bool");
}

static void every_fallback_can_be_given(struct world *w)
{
    bool found = false;
    for (const struct regstore_param *param = w->p->params; param->key != NULL; param++) {
        if (param->fallback == NULL || backend_setting(w->backend, param->key) != NULL)
            continue;
        struct regstore_pair *settings = copy_settings(w);
        size_t n;
        set_to(w, settings, &n, param->key, param->fallback);
        must_be_taken(w, settings, n, param->key);
        found = true;
        free(settings);
    }
    if (!found)
        SKIP("the plugin has no fallbacks");
}

static void order_of_keys_does_not_matter(struct world *w)
{
    struct regstore_pair *settings = copy_settings(w);
    for (size_t i = 0; i < w->backend->n; i++)
        settings[i] = w->backend->settings[w->backend->n - 1 - i];
    must_be_taken(w, settings, w->backend->n, "the settings in reverse order");
    free(settings);
}

static void error_may_be_null(struct world *w)
{
    const struct regstore_pair unknown = {"zz_no_such_setting", "1"};
    const struct regstore_call call = {.struct_size = sizeof call};
    struct regstore_store *store = NULL;
    const regstore_status status = w->p->store_open(&call, NULL, &unknown, 1, &store);
    CLAIM(status == REGSTORE_CONFIG, "store_open gave %s", regstore_host_status_name(status));
}

static void open_under_the_trap(struct world *w, void *arg)
{
    CALL(c);
    const struct regstore_host host = world_host(w);
    struct regstore_store *store = NULL;
    (void)arg;
    if (!trap_set())
        SKIP("this machine lets no process filter its own system calls");
    const regstore_status status =
        w->p->store_open(&c.in, &host, w->backend->settings, w->backend->n, &store);
    CLAIM(trap_caught() == NULL, "store_open made the system call %s", trap_caught());
    EXPECT_SEEN(&c, "store_open", status, REGSTORE_OK);
    w->p->store_close(store);
    CLAIM(trap_caught() == NULL, "store_close of an unused store made the system call %s",
          trap_caught());
}

static void store_open_does_no_io(struct world *w)
{
    process_wait(w, process_start(w, open_under_the_trap, NULL, false));
}

static void store_open_starts_no_thread_and_opens_no_descriptor(struct world *w)
{
    const unsigned threads = count_threads(), descriptors = count_descriptors();
    world_open_store(w);
    CLAIM(count_threads() == threads, "%u threads before, %u after", threads, count_threads());
    CLAIM(count_descriptors() == descriptors, "%u descriptors before, %u after", descriptors,
          count_descriptors());
}

static void host_may_be_null_or_empty(struct world *w)
{
    const struct content content = content_of(test_seed(w, 1), 1000);
    const struct regstore_host empty = {.struct_size = sizeof empty};
    const struct regstore_host *hosts[] = {NULL, &empty};
    for (size_t i = 0; i < 2; i++) {
        CALL(c);
        const struct key key = key_of(w, "blob%zu", i);
        EXPECT_OK(
            &c, w->p->store_open(&c.in, hosts[i], w->backend->settings, w->backend->n, &w->store));
        blob_put(w, key.s, &content);
        blob_must_be(w, key.s, &content);
        every_verb_once(w);
        world_clear(w);
    }
}

/* Copies whose text is overwritten as soon as store_open has returned; with a place where nothing
 * can be made, for whoever goes there. */
static void settings_and_host_are_copied(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 1000);
    struct regstore_host *host = malloc(sizeof *host);
    struct regstore_pair *settings = copy_settings(w);
    char *text[128] = {NULL};
    const size_t n = w->backend->n;
    CLAIM(host != NULL && n <= sizeof text / sizeof text[0], "no memory for the test itself");
    *host = world_host(w);
    for (size_t i = 0; i < n; i++) {
        text[i] = strdup(settings[i].value);
        CLAIM(text[i] != NULL, "no memory for the test itself");
        settings[i].value = text[i];
    }
    EXPECT_OK(&c, w->p->store_open(&c.in, host, settings, n, &w->store));
    for (size_t i = 0; i < n; i++) {
        const size_t len = strlen(text[i]);
        memset(text[i], 0, len);
        (void)snprintf(text[i], len + 1, "%s", "/dev/null"); /* cut, of a short one */
        settings[i].value = NULL;
    }
    memset(host, 0, sizeof *host);
    blob_put(w, key.s, &content);
    blob_must_be(w, key.s, &content);
    world_clear(w);
    for (size_t i = 0; i < n; i++)
        free(text[i]);
    free(settings);
    free(host);
    world_open_store(w);
    blob_must_be(w, key.s, &content); /* it lies where the settings said */
}

/* At offset 0 a token costs no I/O, so nothing of the other place is ever made. */
static void token_of_another_place_is_invalid(struct world *w)
{
    CALL(c);
    char other[PATH_MAX], token[REGSTORE_TOKEN_MAX];
    struct regstore_upload *u = NULL;
    size_t n;
    const char *path = backend_setting(w->backend, "storage_path");
    if (!is_known(w, "storage_path") || path == NULL)
        SKIP("the settings have no storage_path");
    struct regstore_pair *settings = copy_settings(w);
    const bool is_ended = path[0] != '\0' && path[strlen(path) - 1] == '/';
    (void)snprintf(other, sizeof other, "%.2000s%s%sother", path, is_ended ? "" : "/",
                   w->run_prefix);
    set_to(w, settings, &n, "storage_path", other);
    EXPECT_OK(&c, w->p->store_open(&c.in, NULL, settings, n, &w->store));
    upload_park(w, upload_new(w, NULL), token);
    world_clear(w);
    free(settings);
    world_open_store(w);
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    EXPECT(&c, w->p->upload_open(w->store, &c.in, &opts, &u), REGSTORE_INVALID);
    CLAIM(u == NULL, "INVALID, and *out was set");
}

struct steps {
    pthread_t caller;
    unsigned n, elsewhere, nameless, failed;
    char first_failed[128];
};

static void count_step(void *ctx, const char *name, regstore_status status, const char *found,
                       const char *advice)
{
    struct steps *steps = ctx;
    (void)advice;
    steps->n++;
    steps->elsewhere += !pthread_equal(steps->caller, pthread_self());
    steps->nameless += name == NULL || name[0] == '\0';
    if (status != REGSTORE_OK && steps->failed++ == 0)
        (void)snprintf(steps->first_failed, sizeof steps->first_failed, "%.40s: %.80s", name,
                       found != NULL ? found : "");
}

static void check_tells_its_steps_on_the_callers_thread(struct world *w)
{
    CALL(c);
    struct steps steps = {.caller = pthread_self()};
    const struct regstore_check_opts opts = {.struct_size = sizeof opts,
                                             .flags = REGSTORE_CHECK_WRITE,
                                             .ctx = &steps,
                                             .step = count_step};
    EXPECT_OK(&c, w->p->check(w->store, &c.in, &opts));
    CLAIM(steps.n > 0, "it told no step");
    CLAIM(steps.elsewhere == 0, "%u of %u steps on another thread", steps.elsewhere, steps.n);
    CLAIM(steps.nameless == 0, "%u of %u steps without a name", steps.nameless, steps.n);
    CLAIM(steps.failed == 0, "OK, but a step failed: %s", steps.first_failed);
}

static unsigned count_keys(struct world *w, const char *prefix)
{
    CALL(c);
    char key[REGSTORE_KEY_MAX];
    struct regstore_list *list = NULL;
    unsigned n = 0;
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix};
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    for (;; n++) {
        EXPECT_OK(&c, w->p->list_next(list, &c.in, key, sizeof key, NULL));
        if (key[0] == '\0')
            break;
    }
    w->p->list_close(list);
    return n;
}

static void check_leaves_nothing_behind(struct world *w)
{
    static const char *const prefixes[] = {NULL, "uploads/"};
    const uint64_t flags[] = {0, REGSTORE_CHECK_WRITE};
    unsigned before[2];
    for (size_t i = 0; i < 2; i++)
        before[i] = count_keys(w, prefixes[i]);
    for (size_t n = 0; n < 2; n++) {
        CALL(c);
        const struct regstore_check_opts opts = {.struct_size = sizeof opts, .flags = flags[n]};
        EXPECT_OK(&c, w->p->check(w->store, &c.in, &opts));
        for (size_t i = 0; i < 2; i++)
            CLAIM(count_keys(w, prefixes[i]) == before[i], "%u keys before, %u after%s", before[i],
                  count_keys(w, prefixes[i]), i == 0 ? "" : ", under uploads/");
    }
}

static const struct test settings_tests[] = {
    {"STORE-1 ERR-1", "unknown_key_is_refused_and_named", unknown_key_is_refused_and_named,
     NEEDS_NO_STORE},
    {"STORE-1", "misspelt_key_gets_the_right_one_suggested",
     misspelt_key_gets_the_right_one_suggested, NEEDS_NO_STORE},
    {"STORE-1", "missing_required_key_is_named", missing_required_key_is_named, NEEDS_NO_STORE},
    {"STORE-1", "key_given_twice_is_refused_and_named", key_given_twice_is_refused_and_named,
     NEEDS_NO_STORE},
    {"STORE-1", "value_that_cannot_be_meant_is_refused_and_named",
     value_that_cannot_be_meant_is_refused_and_named, NEEDS_NO_STORE},
    {"STORE-1", "every_fallback_can_be_given", every_fallback_can_be_given, NEEDS_NO_STORE},
    {"STORE-1", "order_of_keys_does_not_matter", order_of_keys_does_not_matter, NEEDS_NO_STORE},
    {"ERR-1", "error_may_be_null", error_may_be_null, NEEDS_NO_STORE},
    {"STORE-1", "store_open_does_no_io", store_open_does_no_io, NEEDS_NO_STORE},
    {"FORK-1 STORE-1", "store_open_starts_no_thread_and_opens_no_descriptor",
     store_open_starts_no_thread_and_opens_no_descriptor, NEEDS_NO_STORE},
    {"CB-1", "host_may_be_null_or_empty", host_may_be_null_or_empty, NEEDS_NO_STORE},
    {"STORE-1 CB-1", "settings_and_host_are_copied", settings_and_host_are_copied, NEEDS_NO_STORE},
    {"TOK-6", "token_of_another_place_is_invalid", token_of_another_place_is_invalid,
     NEEDS_NO_STORE},
    /* Before any other check with a probe: one that was left before is not seen again. */
    {"CHECK-1", "check_leaves_nothing_behind", check_leaves_nothing_behind, NEEDS_OWN_STORE},
    {"CHECK-1", "check_tells_its_steps_on_the_callers_thread",
     check_tells_its_steps_on_the_callers_thread, 0},
};

const struct family family_settings = FAMILY(settings);
