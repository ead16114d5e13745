/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_file: a YAML file in memory, bounded, with mappings as lists of entries. Messages name the
 * file and the line, and never a value.
 */
#ifndef HOST_YAML_FILE_H
#define HOST_YAML_FILE_H

#include "regstore.h"

#include <stdbool.h>
#include <yaml.h>

struct yaml_file {
    const char *path; /* the caller's */
    yaml_document_t document;
    bool is_loaded;
};

struct yaml_entry {
    const char *key; /* NULL: the key is no text */
    yaml_node_t *key_node, *value;
    bool is_repeated; /* the same mapping has the key above */
};

/* Merge keys are followed: the entries are what a reader of the file means. */
struct yaml_entries {
    struct yaml_entry *at;
    size_t n;
};

/* file is zeroed by the caller, and to be cleared also after a failure. */
regstore_status yaml_file_load(struct yaml_file *file, const char *path,
                               struct regstore_error *error);

/* Wipes all scalars, since some are secrets, and frees. */
void yaml_file_clear(struct yaml_file *file);

/* NULL when the file has no content. */
yaml_node_t *yaml_file_root(struct yaml_file *file);

/* node must be a mapping. entries is zeroed by the caller, and to be cleared after success. */
regstore_status yaml_entries_read(struct yaml_file *file, const yaml_node_t *node,
                                  struct yaml_entries *entries, struct regstore_error *error);
void yaml_entries_clear(struct yaml_entries *entries);

/* *value is NULL when there is no such key. One that is there twice is CONFIG. */
regstore_status yaml_entries_get(const struct yaml_file *file, const struct yaml_entries *entries,
                                 const char *key, yaml_node_t **value,
                                 struct regstore_error *error);

/* The text of a scalar, as it is written; NULL when node is no scalar or has a zero byte. */
const char *yaml_text(const yaml_node_t *node);

/* Whether node is a null: nothing, ~, null (not when quoted). */
bool yaml_is_null(const yaml_node_t *node);

/* Whether node is text that YAML's tags leave as it is (no !!binary, no tag of a program's own). */
bool yaml_is_plain_text(const yaml_node_t *node);

size_t yaml_line(const yaml_node_t *node);

#endif
