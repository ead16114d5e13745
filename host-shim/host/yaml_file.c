/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_file: knows libyaml, and what YAML 1.1 has beyond trees: aliases (libyaml makes them the
 * same node, so nothing is expanded), merge keys, repeated keys, several documents, tags.
 */
#include "yaml_file.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A large config.yaml of Quay has 20 KB; certificates in it make some more. */
#define FILE_BYTES_MAX (1024u * 1024u)

/* Mappings that one mapping takes in by merge keys, directly or not. Cycles end here too. */
#define MERGES_MAX 64

#define ENTRIES_MAX 4096

/* Quay's own keys need seven. */
#define DEPTH_MAX 64

struct survey {
    int depth, documents;
};

static regstore_status no_memory(struct regstore_error *error)
{
    return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
}

/* Also from a pipe: `--config <(...)`. *length is FILE_BYTES_MAX + 1 when the file is larger. */
static regstore_status read_all(const char *path, char *buf, size_t *length,
                                struct regstore_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0)
        return host_fail(error, REGSTORE_CONFIG, "cannot read %s: %s", path, strerror(errno));
    size_t used = 0;
    ssize_t got = 1;
    while (got != 0 && used <= FILE_BYTES_MAX) {
        got = read(file, buf + used, FILE_BYTES_MAX + 1 - used);
        if (got < 0 && errno != EINTR)
            break;
        used += got > 0 ? (size_t)got : 0;
    }
    int saved = errno;
    (void)close(file); /* Nothing was written. */
    if (got < 0)
        return host_fail(error, REGSTORE_CONFIG, "cannot read %s: %s", path, strerror(saved));
    *length = used;
    return REGSTORE_OK;
}

/* The parser's buffers hold the file's text, secrets included. */
static void wipe_parser(yaml_parser_t *parser)
{
    if (parser->raw_buffer.start != NULL)
        explicit_bzero(parser->raw_buffer.start,
                       (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    if (parser->buffer.start != NULL)
        explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
    yaml_parser_delete(parser);
}

static regstore_status explain(const struct yaml_file *file, const yaml_parser_t *parser,
                               struct regstore_error *error)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return no_memory(error);
    return host_fail(error, REGSTORE_CONFIG, "%s:%zu: not valid YAML: %s", file->path,
                     parser->problem_mark.line + 1,
                     parser->problem != NULL ? parser->problem : "unreadable");
}

/* Opens or closes a level. */
static int depth_change(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return 1;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return -1;
    default:
        return 0;
    }
}

static regstore_status survey_event(const struct yaml_file *file, const yaml_event_t *event,
                                    struct survey *survey, struct regstore_error *error)
{
    survey->depth += depth_change(event);
    survey->documents += event->type == YAML_DOCUMENT_START_EVENT ? 1 : 0;
    if (survey->depth > DEPTH_MAX)
        return host_fail(error, REGSTORE_CONFIG, "%s:%zu: nested deeper than %d levels", file->path,
                         event->start_mark.line + 1, DEPTH_MAX);
    if (survey->documents > 1)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s:%zu: a second document begins here: remove the '---'", file->path,
                         event->start_mark.line + 1);
    if (event->type == YAML_SCALAR_EVENT)
        explicit_bzero(event->data.scalar.value, event->data.scalar.length);
    return REGSTORE_OK;
}

/*
 * Before libyaml builds a tree: each token costs it time in proportion to the depth (libyaml 0.2.5
 * needs minutes for 100,000 '{', yaml/libyaml issue 251), so depth is limited on the way.
 */
static regstore_status survey_all(struct yaml_file *file, yaml_parser_t *parser,
                                  struct regstore_error *error)
{
    struct survey survey = {0};
    regstore_status status = REGSTORE_OK;
    bool is_end = false;
    while (status == REGSTORE_OK && !is_end) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return explain(file, parser, error);
        is_end = event.type == YAML_STREAM_END_EVENT;
        status = survey_event(file, &event, &survey, error);
        yaml_event_delete(&event);
    }
    return status;
}

static regstore_status load_document(struct yaml_file *file, yaml_parser_t *parser,
                                     struct regstore_error *error)
{
    file->is_loaded = yaml_parser_load(parser, &file->document) != 0;
    return file->is_loaded ? REGSTORE_OK : explain(file, parser, error);
}

static regstore_status parse(struct yaml_file *file, const char *text, size_t length,
                             regstore_status (*pass)(struct yaml_file *, yaml_parser_t *,
                                                     struct regstore_error *),
                             struct regstore_error *error)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return no_memory(error);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    regstore_status status = pass(file, &parser, error);
    wipe_parser(&parser);
    return status;
}

regstore_status yaml_file_load(struct yaml_file *file, const char *path,
                               struct regstore_error *error)
{
    file->path = path;
    char *text = malloc(FILE_BYTES_MAX + 1);
    if (text == NULL)
        return no_memory(error);
    size_t length = 0;
    regstore_status status = read_all(path, text, &length, error);
    if (status == REGSTORE_OK && length > FILE_BYTES_MAX)
        status = host_fail(error, REGSTORE_CONFIG,
                           "%s has more than %u bytes: is it the right file?", path,
                           FILE_BYTES_MAX);
    if (status == REGSTORE_OK)
        status = parse(file, text, length, survey_all, error);
    if (status == REGSTORE_OK)
        status = parse(file, text, length, load_document, error);
    explicit_bzero(text, length);
    free(text);
    return status;
}

void yaml_file_clear(struct yaml_file *file)
{
    if (!file->is_loaded)
        return;
    yaml_document_t *document = &file->document;
    for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++) {
        if (node->type == YAML_SCALAR_NODE)
            explicit_bzero(node->data.scalar.value, node->data.scalar.length);
    }
    yaml_document_delete(document);
    file->is_loaded = false;
}

yaml_node_t *yaml_file_root(struct yaml_file *file)
{
    return yaml_document_get_root_node(&file->document);
}

const char *yaml_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

bool yaml_is_null(const yaml_node_t *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (node->type != YAML_SCALAR_NODE)
        return false;
    if (strcmp((const char *)node->tag, YAML_NULL_TAG) == 0)
        return true;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
        if (strcmp((const char *)node->data.scalar.value, nulls[i]) == 0)
            return true;
    }
    return false;
}

bool yaml_is_plain_text(const yaml_node_t *node)
{
    /* Without a tag, libyaml says !!str. */
    static const char *const tags[] = {YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG};
    if (yaml_text(node) == NULL)
        return false;
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (strcmp((const char *)node->tag, tags[i]) == 0)
            return true;
    }
    return false;
}

size_t yaml_line(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

static bool is_merge(const yaml_node_t *key)
{
    return key->type == YAML_SCALAR_NODE && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)key->data.scalar.value, "<<") == 0;
}

/* The mappings that are still to be read, the next one last. */
struct pending {
    const yaml_node_t *stack[MERGES_MAX];
    size_t n, seen;
};

static regstore_status push(const struct yaml_file *file, struct pending *pending,
                            const yaml_node_t *node, struct regstore_error *error)
{
    if (node->type != YAML_MAPPING_NODE)
        return host_fail(error, REGSTORE_CONFIG, "%s:%zu: '<<' needs a mapping, or a list of them",
                         file->path, yaml_line(node));
    if (pending->seen == MERGES_MAX)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s:%zu: '<<' leads to more than %d mappings, or to itself", file->path,
                         yaml_line(node), MERGES_MAX);
    pending->stack[pending->n++] = node;
    pending->seen++;
    return REGSTORE_OK;
}

/* The first of a list wins, so it is read first and pushed last. */
static regstore_status push_merge(struct yaml_file *file, struct pending *pending,
                                  const yaml_node_t *value, struct regstore_error *error)
{
    if (value->type != YAML_SEQUENCE_NODE)
        return push(file, pending, value, error);
    const yaml_node_item_t *start = value->data.sequence.items.start;
    for (const yaml_node_item_t *item = value->data.sequence.items.top; item > start; item--)
        TRY(push(file, pending, yaml_document_get_node(&file->document, item[-1]), error));
    return REGSTORE_OK;
}

static const struct yaml_entry *find_entry(const struct yaml_entries *entries, size_t from,
                                           const char *key)
{
    for (size_t i = from; key != NULL && i < entries->n; i++) {
        if (entries->at[i].key != NULL && strcmp(entries->at[i].key, key) == 0)
            return &entries->at[i];
    }
    return NULL;
}

static regstore_status add_entry(const struct yaml_file *file, struct yaml_entries *entries,
                                 size_t own_from, const struct yaml_entry *entry,
                                 struct regstore_error *error)
{
    const struct yaml_entry *known = find_entry(entries, 0, entry->key);
    if (known != NULL && known < entries->at + own_from)
        return REGSTORE_OK; /* Whoever merges has the last word. */
    if (entries->n == ENTRIES_MAX)
        return host_fail(error, REGSTORE_CONFIG, "%s:%zu: a mapping with more than %d keys",
                         file->path, yaml_line(entry->key_node), ENTRIES_MAX);
    if ((entries->n & (entries->n - 1)) == 0) { /* Grows when n is 0 or a power of two. */
        size_t cap = entries->n == 0 ? 1 : entries->n * 2;
        struct yaml_entry *grown = reallocarray(entries->at, cap, sizeof(*grown));
        if (grown == NULL)
            return no_memory(error);
        entries->at = grown;
    }
    entries->at[entries->n] = *entry;
    entries->at[entries->n++].is_repeated = known != NULL;
    return REGSTORE_OK;
}

static regstore_status read_one(struct yaml_file *file, const yaml_node_t *node,
                                struct yaml_entries *entries, struct pending *pending,
                                struct regstore_error *error)
{
    size_t own_from = entries->n;
    const yaml_node_pair_t *start = node->data.mapping.pairs.start;
    const yaml_node_pair_t *top = node->data.mapping.pairs.top;
    const yaml_node_t *merge = NULL;
    for (const yaml_node_pair_t *pair = start; pair < top; pair++) {
        yaml_node_t *key = yaml_document_get_node(&file->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(&file->document, pair->value);
        if (is_merge(key)) {
            if (merge != NULL)
                return host_fail(error, REGSTORE_CONFIG,
                                 "%s:%zu: a second '<<' in one mapping: write '<<: [*a, *b]'",
                                 file->path, yaml_line(key));
            merge = value;
            continue;
        }
        struct yaml_entry entry = {.key = yaml_text(key), .key_node = key, .value = value};
        TRY(add_entry(file, entries, own_from, &entry, error));
    }
    return merge != NULL ? push_merge(file, pending, merge, error) : REGSTORE_OK;
}

regstore_status yaml_entries_read(struct yaml_file *file, const yaml_node_t *node,
                                  struct yaml_entries *entries, struct regstore_error *error)
{
    struct pending pending = {.stack = {node}, .n = 1, .seen = 1};
    regstore_status status = REGSTORE_OK;
    while (status == REGSTORE_OK && pending.n > 0)
        status = read_one(file, pending.stack[--pending.n], entries, &pending, error);
    if (status != REGSTORE_OK)
        yaml_entries_clear(entries);
    return status;
}

void yaml_entries_clear(struct yaml_entries *entries)
{
    free(entries->at);
    *entries = (struct yaml_entries){0};
}

regstore_status yaml_entries_get(const struct yaml_file *file, const struct yaml_entries *entries,
                                 const char *key, yaml_node_t **value,
                                 struct regstore_error *error)
{
    *value = NULL;
    const struct yaml_entry *found = find_entry(entries, 0, key);
    if (found == NULL)
        return REGSTORE_OK;
    const struct yaml_entry *again =
        find_entry(entries, (size_t)(found - entries->at) + 1, key);
    if (again != NULL)
        return host_fail(error, REGSTORE_CONFIG, "%s:%zu: %s is there twice, first in line %zu",
                         file->path, yaml_line(again->key_node), key, yaml_line(found->key_node));
    *value = found->value;
    return REGSTORE_OK;
}
