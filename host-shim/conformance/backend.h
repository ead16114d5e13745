/* SPDX-License-Identifier: Apache-2.0 */
/* What is put to the proof: a plugin, and the settings for its stores. */
#ifndef CONFORMANCE_BACKEND_H
#define CONFORMANCE_BACKEND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "regstore-host.h"

struct backend_source { /* what the command line said; NULL where it said nothing */
    const char *config, *location, *plugin_dir;
    const char *plugin; /* a driver's name, or a file: with a "/" or ".so" in it */
    const struct regstore_pair *set;
    size_t n_set;
    const char *below; /* a folder of storage_path in which the stores lie; NULL: none */
};

struct backend {
    struct backend_source source;
    struct regstore_host_config *config;           /* NULL without --config */
    const struct regstore_host_location *location; /* likewise */
    const char *driver;                            /* name or file */
    struct regstore_host_settings *of_location;    /* once loaded: with secrets out of the */
    struct regstore_pair *settings;                /* environment; and with --set over them */
    size_t n;
    char place[PATH_MAX]; /* storage_path as the stores have it; "" when there is no such setting */
};

/* Reads the configuration; loads nothing.  On failure why says what is wrong. */
bool backend_init(struct backend *b, const struct backend_source *source, char *why, size_t cap);
void backend_clear(struct backend *b);

/* Loads the plugin into this process, for good, and sets the settings, since only the plugin knows
 * which of them are secrets that may stand in the environment; path (PATH_MAX bytes) becomes that
 * of the real file.  Gives the table as the plugin has it.  NULL: why says what is wrong. */
const struct regstore_plugin *backend_load(struct backend *b, char *path, char *why, size_t cap);

/* The value that the settings give to a key; NULL when they do not. */
const char *backend_setting(const struct backend *b, const char *key);

#endif
