/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' own door. */
#include "control.h"

#include "codec.h"
#include "exchange.h"

#include <string.h>

static const char door[] = "/_fake/";

bool is_control(const struct exchange *x)
{
    return x->server->options->has_control && x->is_local && starts_with(x->target, door);
}

static bool say(struct exchange *x, unsigned status, const char *words)
{
    x->answer.status = status;
    text_format(&x->answer.body, "%s\n", words);
    return status == 200;
}

static void add_fault(struct exchange *x)
{
    const char *wrong = faults_add(&x->server->faults, x->query_text);
    (void)say(x, wrong == NULL ? 200 : 400, wrong == NULL ? "ok" : wrong);
}

static void forget_faults(struct exchange *x)
{
    faults_clear(&x->server->faults);
    atomic_store(&x->server->strikes, 0);
    (void)say(x, 200, "ok");
}

static void show_number(struct exchange *x, unsigned number)
{
    x->answer.status = 200;
    text_format(&x->answer.body, "%u\n", number);
}

static void show_strikes(struct exchange *x)
{
    show_number(x, atomic_load(&x->server->strikes));
}

static void show_busy(struct exchange *x)
{
    show_number(x, atomic_load(&x->server->busy));
}

static void show_what_lies_in(struct exchange *x, const struct bucket *b, const char *prefix)
{
    for (size_t i = 0; i < b->object_count; i++)
        if (starts_with(b->objects[i]->key, prefix))
            text_format(&x->answer.body, "object %s %llu\n", b->objects[i]->key,
                        (unsigned long long)b->objects[i]->content.bytes);
    for (size_t i = 0; i < b->upload_count; i++)
        if (starts_with(b->uploads[i]->key, prefix))
            text_format(&x->answer.body, "upload %s %s\n", b->uploads[i]->key, b->uploads[i]->id);
}

static void show_what_lies(struct exchange *x)
{
    const char *prefix = parameter(x, "prefix");
    x->answer.status = 200;
    for (size_t i = 0; i < x->server->store.bucket_count; i++)
        show_what_lies_in(x, x->server->store.buckets[i], prefix == NULL ? "" : prefix);
}

static void set_page(struct exchange *x)
{
    const char *most = parameter(x, "most");
    if (most == NULL || !read_number(most, UINT32_MAX, &x->server->page_max)) {
        (void)say(x, 400, "the number of entries is missing");
        return;
    }
    (void)say(x, 200, "ok");
}

static void show(struct exchange *x, const struct fields *counts)
{
    x->answer.status = 200;
    for (size_t i = 0; i < counts->count; i++)
        text_format(&x->answer.body, "%s %s\n", counts->items[i].name, counts->items[i].value);
}

static void show_counts(struct exchange *x)
{
    show(x, &x->server->counts);
}

static void show_refusals(struct exchange *x)
{
    show(x, &x->server->refusals);
}

static void show_received(struct exchange *x)
{
    show(x, &x->server->received);
}

static void show_sent(struct exchange *x)
{
    show(x, &x->server->sent);
}

static void forget_counts(struct exchange *x)
{
    fields_clear(&x->server->counts);
    fields_clear(&x->server->refusals);
    fields_clear(&x->server->received);
    fields_clear(&x->server->sent);
    (void)say(x, 200, "ok");
}

static bool read_ms(struct exchange *x, const char *name, int64_t *ms)
{
    const char *text = parameter(x, name);
    bool is_negative = text != NULL && *text == '-';
    uint64_t number = 0;
    if (text == NULL || !read_number(text + is_negative, INT64_MAX, &number))
        return say(x, 400, "a number of milliseconds is missing");
    *ms = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static void set_clock(struct exchange *x)
{
    int64_t offset_ms;
    if (!read_ms(x, "offset_ms", &offset_ms))
        return;
    atomic_store(&x->server->clock_offset_ms, offset_ms);
    (void)say(x, 200, "ok");
}

static void set_session_life(struct exchange *x)
{
    int64_t life_ms;
    if (!read_ms(x, "life_ms", &life_ms))
        return;
    x->server->session_life_ms = (uint32_t)life_ms;
    const char *expired = parameter(x, "expired");
    x->server->denies_expired = expired != NULL && strcmp(expired, "AccessDenied") == 0;
    (void)say(x, 200, "ok");
}

static void end_sessions(struct exchange *x)
{
    identities_expire(&x->server->identities, server_now_ms(x->server));
    (void)say(x, 200, "ok");
}

static void add_bucket(struct exchange *x)
{
    const char *name = parameter(x, "name"), *region = parameter(x, "region");
    if (name == NULL || region == NULL || store_bucket(&x->server->store, name) != NULL) {
        (void)say(x, 400, "a new name and a region are missing");
        return;
    }
    (void)store_add_bucket(&x->server->store, name, region, server_now_ms(x->server));
    (void)say(x, 200, "ok");
}

static void set_lock(struct exchange *x)
{
    const char *name = parameter(x, "name"), *on = parameter(x, "on");
    struct bucket *b = name == NULL ? NULL : store_bucket(&x->server->store, name);
    if (b == NULL || on == NULL) {
        (void)say(x, 400, "a bucket's name and on are missing");
        return;
    }
    b->is_locked = strcmp(on, "0") != 0;
    (void)say(x, 200, "ok");
}

static void set_part_rules(struct exchange *x)
{
    const char *min = parameter(x, "min"), *most = parameter(x, "most"),
               *equal = parameter(x, "equal");
    uint64_t bytes, parts;
    if (min == NULL || most == NULL || equal == NULL || !read_number(min, INT64_MAX, &bytes) ||
        !read_number(most, INT32_MAX, &parts)) {
        (void)say(x, 400, "min, most and equal are numbers");
        return;
    }
    x->server->part_rules.min_bytes = bytes;
    x->server->part_rules.most = (uint32_t)parts;
    x->server->part_rules.are_equal = strcmp(equal, "0") != 0;
    (void)say(x, 200, "ok");
}

void control(struct exchange *x)
{
    static const struct {
        const char *method, *name;
        void (*carry_out)(struct exchange *x);
    } verbs[] = {
        {"POST", "fault", add_fault},        {"DELETE", "fault", forget_faults},
        {"GET", "counts", show_counts},      {"DELETE", "counts", forget_counts},
        {"GET", "refusals", show_refusals},  {"GET", "received", show_received},
        {"GET", "sent", show_sent},
        {"GET", "struck", show_strikes},     {"GET", "busy", show_busy},
        {"GET", "left", show_what_lies},     {"POST", "page", set_page},
        {"POST", "clock", set_clock},        {"POST", "session", set_session_life},
        {"DELETE", "session", end_sessions}, {"POST", "bucket", add_bucket},
        {"POST", "parts", set_part_rules},
        {"POST", "lock", set_lock},
    };
    const char *name = x->target + strlen(door);
    size_t length = strcspn(name, "?");

    x->query_text = copy_text(name[length] == '?' ? name + length + 1 : "");
    (void)query_decode(x->query_text, &x->query);
    answer_header(x, "Content-Type", "text/plain");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].method, x->method) == 0 && strlen(verbs[i].name) == length &&
            strncmp(verbs[i].name, name, length) == 0) {
            verbs[i].carry_out(x);
            return;
        }
    (void)say(x, 404, "no such verb");
}
