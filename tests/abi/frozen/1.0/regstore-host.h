/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regstore-host.h: what a program needs to use a regstore plugin, and nothing more.
 *
 *     config.yaml --read--> config --pick--> location {name, driver, settings}
 *                                                          |          |
 *                          plugin <--load_driver-----------+          |
 *                             |                          settings_new, with secrets of the
 *                             |                          environment
 *                             |                                       |
 *                          table->store_open(call, host, settings, n, &store)   (regstore.h)
 *
 * From there on the program speaks regstore.h with the table. There is no wrapper around the verbs
 * and no global state.
 *
 * Every function may be called from any thread. What a function hands out is not written again
 * until it is freed, so any number of threads may read it. None starts a thread.
 *
 * Errors: a status other than OK leaves *out alone and fills error, which may be NULL. The caller
 * zeroes it and sets its struct_size, as for a plugin (GROW-3). What is wrong with a file, a name
 * or a plugin is CONFIG, and the message says what to change; NO_MEMORY stands for itself. No
 * message contains the value of a setting.
 */
#ifndef REGSTORE_HOST_H
#define REGSTORE_HOST_H

#include "regstore.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One entry of DISTRIBUTED_STORAGE_CONFIG. Frozen. Belongs to its config, as do the strings.
 */
struct regstore_host_location {
    const char *name, *driver;
    const struct regstore_pair *settings; /* for regstore_host_settings_new */
    size_t n_settings;
};

struct regstore_host_config;
struct regstore_host_plugin;
struct regstore_host_settings;

/*
 * Reads the three keys of a Quay config.yaml that are about storage (DISTRIBUTED_STORAGE_CONFIG,
 * DISTRIBUTED_STORAGE_PREFERENCE, DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS) and ignores all others.
 * Blocks for as long as reading the file takes. Scalars become text as they are written, null
 * makes a key absent. A location that could not be used (a setting that is a list, a driver
 * that is no name) is an error only when it is picked: it may be meant for another program.
 */
REGSTORE_EXPORT regstore_status regstore_host_config_read(const char *path,
                                                          struct regstore_host_config **out,
                                                          struct regstore_error *error);

/*
 * The location of this name. With NULL: the first of DISTRIBUTED_STORAGE_PREFERENCE that exists,
 * else the only one, else the first of DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS that exists.
 */
REGSTORE_EXPORT regstore_status regstore_host_config_pick(
    const struct regstore_host_config *config, const char *name,
    const struct regstore_host_location **out, struct regstore_error *error);

/* Wipes the settings and frees. NULL is fine. A store that is open does not need the config. */
REGSTORE_EXPORT void regstore_host_config_free(struct regstore_host_config *config);

/*
 * What store_open is to get: the settings of the location, and of the table's SECRET parameters
 * those that the environment has, as REGSTORE_<LOCATION>_<KEY> in capitals, where any character
 * but a letter or digit is a _ (REGSTORE_DEFAULT_STS_USER_SECRET_KEY). The environment of a
 * set-user-ID program is not read, an empty variable is none. CONFIG: the location says it too, as
 * KEY or as KEY_file. location and table are needed until it is freed.
 */
REGSTORE_EXPORT regstore_status regstore_host_settings_new(
    const struct regstore_host_location *location, const struct regstore_plugin *table,
    struct regstore_host_settings **out, struct regstore_error *error);

/* Belong to settings. */
REGSTORE_EXPORT const struct regstore_pair *
regstore_host_settings_pairs(const struct regstore_host_settings *settings, size_t *n);

/* Wipes and frees. NULL is fine; an open store does not need them. */
REGSTORE_EXPORT void regstore_host_settings_free(struct regstore_host_settings *settings);

/*
 * Finds and loads the plugin of a driver, [A-Za-z0-9_]{1,64}: the first DRIVER.so in plugin_dir
 * (may be NULL), the environment's REGSTORE_PLUGIN_DIR (not in a set-user-ID program), and the
 * folder of the installed plugins; a program that runs from the build tree looks into that tree's
 * plugin/ instead of the last. One that is found but refused ends the search.
 */
REGSTORE_EXPORT regstore_status regstore_host_load_driver(const char *driver,
                                                          const char *plugin_dir,
                                                          struct regstore_host_plugin **out,
                                                          struct regstore_error *error);

/*
 * Loads this file. Refused are, before any of its code runs: a file that belongs to somebody else
 * than root and the caller (effective user), or that others may write; one with such a folder on
 * the way to it, from the root on and with those of symbolic links (but a sticky folder may lie
 * above the file's own, and the folders above the running program are not judged, since whoever
 * writes there has the program already); another machine's code. And then: a
 * file without regstore_plugin_v1, and a table that breaks a rule of regstore.h which can be seen
 * in the table. Blocks on the file system and runs the constructors of the libraries that the
 * plugin needs. A loaded module stays mapped until the process ends.
 */
REGSTORE_EXPORT regstore_status regstore_host_load_file(const char *path,
                                                        struct regstore_host_plugin **out,
                                                        struct regstore_error *error);

/*
 * The table to work with. It has this header's size and every slot can be called: what the plugin
 * does not offer returns UNSUPPORTED. abi_minor and features are the plugin's. Belongs to plugin.
 */
REGSTORE_EXPORT const struct regstore_plugin *
regstore_host_table(const struct regstore_host_plugin *plugin);

/* The table as the plugin gave it, for a program that shows or tests it. Lives for ever. */
REGSTORE_EXPORT const struct regstore_plugin *
regstore_host_published_table(const struct regstore_host_plugin *plugin);

/* The absolute path of the real file. Belongs to plugin. */
REGSTORE_EXPORT const char *regstore_host_path(const struct regstore_host_plugin *plugin);

/* Frees what load made, after the last use of its table; the module stays. NULL is fine. */
REGSTORE_EXPORT void regstore_host_plugin_free(struct regstore_host_plugin *plugin);

/*
 * What a plugin logs and measures, kept for a host whose own code must not run on the plugin's
 * threads: Python, whose lock a callback would wait for, or anything with a scheduler of its own.
 * The plugin's side copies an event into memory of a fixed size and returns (CB-1); the host takes
 * events out when it likes, from any thread. A forked child begins with an empty ring: what the
 * parent has not taken yet is the parent's.
 *
 *     store_open(call, regstore_host_ring_host(ring), ...)      then, after each call or on a timer
 *     while (regstore_host_ring_take(ring, &event)) ...
 */
struct regstore_host_ring;

#define REGSTORE_HOST_EVENT_LOG 0 /* kind of an event; the others are REGSTORE_METRIC_* */

/* One event. Frozen. The caller need not set anything. */
struct regstore_host_event {
    int64_t time_ns;     /* UTC, when it was said */
    double value;        /* of a metric */
    int32_t kind, level; /* level: of a log event */
    uint32_t n_fields;   /* fields or labels */
    uint32_t text_bytes; /* used of text, each NUL included */
    /* The name, then key, value, key, value..., each ending in NUL. A field for which there was no
     * room is left out whole, and so are those after it. */
    char text[2048];
};

/* bytes: what all events that wait may take together, at least one event. Less is INVALID. */
REGSTORE_EXPORT regstore_status regstore_host_ring_new(size_t bytes,
                                                       struct regstore_host_ring **out,
                                                       struct regstore_error *error);

/* For store_open. Belongs to ring, which must outlive the store and all its handles (CB-2). */
REGSTORE_EXPORT const struct regstore_host *
regstore_host_ring_host(const struct regstore_host_ring *ring);

/* Log events below this level are dropped from now on; REGSTORE_LOG_INFO to begin with. */
REGSTORE_EXPORT void regstore_host_ring_set_level(struct regstore_host_ring *ring, int32_t level);

/* 1: event is the oldest that waited. 0: none waits, event is as it was. Never blocks for longer
 * than it takes to copy an event. */
REGSTORE_EXPORT int regstore_host_ring_take(struct regstore_host_ring *ring,
                                            struct regstore_host_event *event);

/* How many events found no room since it was asked last. */
REGSTORE_EXPORT uint64_t regstore_host_ring_lost(struct regstore_host_ring *ring);

/* NULL is fine. */
REGSTORE_EXPORT void regstore_host_ring_free(struct regstore_host_ring *ring);

/* "NOT_FOUND" for REGSTORE_NOT_FOUND; "INTERNAL" for a status that is not known. */
REGSTORE_EXPORT const char *regstore_host_status_name(regstore_status status);

#ifdef __cplusplus
}
#endif
#endif
