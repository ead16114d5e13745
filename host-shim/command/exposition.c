/* SPDX-License-Identifier: Apache-2.0 */
#include "exposition.h"

#include <inttypes.h>
#include <string.h>

/* Upper ends in seconds: from an answer of a near server to a copy inside of S3. */
static const double bounds[EXPOSITION_BUCKETS] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                  1,     2.5,  5,     10,   30,  60,   300};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool exposition_name(const char *name, char out[EXPOSITION_NAME_MAX])
{
    size_t len = strlen(name);
    if (len == 0 || len >= EXPOSITION_NAME_MAX)
        return false;
    for (size_t i = 0; i <= len; i++) {
        bool is_good = is_letter(name[i]) || name[i] == ':' || (i > 0 && is_digit(name[i]));
        out[i] = is_good || i == len ? name[i] : '_';
    }
    return true;
}

/* A text that grows in place; once it has not fitted, nothing more does. */
struct text {
    char *at;
    size_t len, cap;
    bool is_full;
};

static void add(struct text *text, const char *bytes, size_t n)
{
    text->is_full |= n >= text->cap - text->len;
    if (text->is_full)
        return;
    memcpy(text->at + text->len, bytes, n);
    text->len += n;
    text->at[text->len] = '\0';
}

/* How many bytes of well-formed UTF-8 begin here; 0: none. */
static size_t utf8(const unsigned char *p)
{
    static const struct {
        unsigned char mask, lead, low, high; /* low and high: of the second byte, for the lead */
        size_t n;
    } forms[] = {{0xe0, 0xc0, 0x80, 0xbf, 2}, {0xf0, 0xe0, 0x80, 0xbf, 3},
                 {0xf8, 0xf0, 0x80, 0xbf, 4}};
    if (*p < 0x80)
        return 1;
    if (*p < 0xc2 || *p > 0xf4 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
        (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
        return 0; /* overlong, half of a pair, or beyond Unicode */
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if ((*p & forms[i].mask) != forms[i].lead)
            continue;
        for (size_t k = 1; k < forms[i].n; k++)
            if (p[k] < forms[i].low || p[k] > forms[i].high)
                return 0;
        return forms[i].n;
    }
    return 0;
}

static void add_value(struct text *text, const char *value)
{
    const char *const begin = value;
    while (*value != '\0' && value - begin < EXPOSITION_VALUE_MAX - 1) {
        const size_t n = utf8((const unsigned char *)value);
        if (*value == '\n')
            add(text, "\\n", 2);
        else if (*value == '"' || *value == '\\')
            add(text, *value == '"' ? "\\\"" : "\\\\", 2);
        else if (n == 0)
            add(text, "?", 1);
        else
            add(text, value, n);
        value += n == 0 ? 1 : n;
    }
}

static void add_label(struct text *text, const char *name, const char *value)
{
    char clean[EXPOSITION_NAME_MAX];
    if (!exposition_name(name, clean)) {
        text->is_full = true;
        return;
    }
    for (char *p = clean; *p != '\0'; p++)
        *p = *p == ':' ? '_' : *p;
    if (text->len > 0)
        add(text, ",", 1);
    /* These two have a meaning of the format's or of ours. */
    if (strcmp(clean, "le") == 0 || strcmp(clean, "location") == 0)
        add(text, "plugin_", strlen("plugin_"));
    add(text, clean, strlen(clean));
    add(text, "=\"", 2);
    add_value(text, value);
    add(text, "\"", 1);
}

bool exposition_labels(const char *location, const struct regstore_pair *labels, size_t n,
                       bool is_other, char out[EXPOSITION_LABELS_MAX])
{
    struct text text = {.at = out, .cap = EXPOSITION_LABELS_MAX};
    out[0] = '\0';
    if (location[0] != '\0') {
        add(&text, "location=\"", strlen("location=\""));
        add_value(&text, location);
        add(&text, "\"", 1);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            text.is_full |= strcmp(labels[k].key, labels[i].key) == 0; /* no such line */
        const char *value = labels[i].value != NULL ? labels[i].value : "";
        add_label(&text, labels[i].key, is_other ? "other" : value);
    }
    return !text.is_full;
}

void series_add(struct series *series, int32_t kind, double value)
{
    if (kind == REGSTORE_METRIC_GAUGE)
        series->value = value;
    else
        series->value += value;
    series->count++;
    for (size_t i = 0; i < EXPOSITION_BUCKETS; i++)
        series->buckets[i] += value <= bounds[i]; /* each holds those before it */
}

static void print_time(FILE *out, const char *name, const struct series *series)
{
    const char *comma = series->labels[0] != '\0' ? "," : "";
    for (size_t i = 0; i < EXPOSITION_BUCKETS; i++)
        fprintf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, series->labels, comma,
                bounds[i], series->buckets[i]);
    fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, series->labels, comma,
            series->count);
    fprintf(out, "%s_sum{%s} %.17g\n", name, series->labels, series->value);
    fprintf(out, "%s_count{%s} %" PRIu64 "\n", name, series->labels, series->count);
}

void family_print(FILE *out, const struct family *family)
{
    static const char *const types[] = {[REGSTORE_METRIC_COUNT] = "counter",
                                        [REGSTORE_METRIC_GAUGE] = "gauge",
                                        [REGSTORE_METRIC_TIME] = "histogram"};
    fprintf(out, "# HELP %s Told by the storage plugin or the command regstore.\n", family->name);
    fprintf(out, "# TYPE %s %s\n", family->name, types[family->kind]);
    for (size_t i = 0; i < family->n; i++) {
        const struct series *series = &family->series[i];
        if (family->kind == REGSTORE_METRIC_TIME)
            print_time(out, family->name, series);
        else
            fprintf(out, "%s{%s} %.17g\n", family->name, series->labels, series->value);
    }
}
