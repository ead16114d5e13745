/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-allocations PLUGIN_DIR: each allocation that the host library makes fails, and each of the
 * command's.  The library says NO_MEMORY or notices nothing, and what is done again goes through.
 * The command has ended well with what was asked for done, or badly with a word of memory on its
 * standard error and nothing done by half.  The plugin is LocalStorage, whose own allocations
 * local_allocations.c lets fail.
 */
#include "acts.h"
#include "failing.h"
#include "regstore-host.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT "what was put is got\n"

int regstore_main(int argc, char **argv); /* the command's main, by another name */

static const char *plugin_dir;

static const char *write_config(void)
{
    static char text[600];
    const char *path = path_of("config.yaml");
    CLAIM(mkdir(path_of("store"), 0700) == 0);
    (void)snprintf(text, sizeof text,
                   "DISTRIBUTED_STORAGE_CONFIG:\n"
                   "    files: &files\n        - LocalStorage\n"
                   "        - storage_path: %s/store\n          nothing: null\n"
                   "    more: *files\n"
                   "    cloud:\n        - STSS3Storage\n        - {s3_bucket: b, many: [1, 2]}\n"
                   "DISTRIBUTED_STORAGE_PREFERENCE: [none, files]\n"
                   "DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS: [files]\n",
                   folder);
    write_text_file(path, text);
    return path;
}

static void read_config(void)
{
    const char *path = write_config();
    struct regstore_host_config *config = NULL;
    const struct regstore_host_location *location = NULL;
    begin_failing();
    while (!went_well(regstore_host_config_read(path, &config, fresh_error())))
        CLAIM(config == NULL);
    while (!went_well(regstore_host_config_pick(config, NULL, &location, fresh_error())))
        ;
    CLAIM(strcmp(location->name, "files") == 0 && strcmp(location->driver, "LocalStorage") == 0);
    CLAIM(location->n_settings == 1 && strcmp(location->settings[0].value, path_of("store")) == 0);
    regstore_host_config_free(config);
}

static struct regstore_host_plugin *load(void)
{
    struct regstore_host_plugin *plugin = NULL;
    while (!went_well(
        regstore_host_load_driver("LocalStorage", plugin_dir, &plugin, fresh_error())))
        CLAIM(plugin == NULL);
    return plugin;
}

static void load_driver(void)
{
    begin_failing();
    struct regstore_host_plugin *plugin = load();
    CLAIM(strcmp(regstore_host_table(plugin)->name, "LocalStorage") == 0);
    CLAIM(strstr(regstore_host_path(plugin), "/LocalStorage.so") != NULL);
    regstore_host_plugin_free(plugin);
}

/* A secret comes from the environment. */
static void make_settings(void)
{
    static const struct regstore_param params[] = {
        {"place", NULL, "a text", 0}, {"word", NULL, "a secret", REGSTORE_PARAM_SECRET}, {0}};
    const struct regstore_pair given[] = {{"place", "here"}};
    const struct regstore_host_location location = {"files", "LocalStorage", given, 1};
    struct regstore_host_plugin *plugin = load();
    struct regstore_plugin table = *regstore_host_table(plugin);
    struct regstore_host_settings *settings = NULL;
    size_t n = 0;
    table.params = params;
    CLAIM(setenv("REGSTORE_FILES_WORD", "from outside", 1) == 0);
    begin_failing();
    while (!went_well(regstore_host_settings_new(&location, &table, &settings, fresh_error())))
        CLAIM(settings == NULL);
    const struct regstore_pair *pairs = regstore_host_settings_pairs(settings, &n);
    CLAIM(n == 2 && strcmp(pairs[0].value, "here") == 0);
    CLAIM(strcmp(pairs[1].value, "from outside") == 0);
    regstore_host_settings_free(settings);
    regstore_host_plugin_free(plugin);
}

static void use_ring(void)
{
    static struct regstore_host_event event;
    struct regstore_host_ring *ring = NULL;
    begin_failing();
    while (!went_well(regstore_host_ring_new(1 << 16, &ring, fresh_error())))
        CLAIM(ring == NULL);
    const struct regstore_host *host = regstore_host_ring_host(ring);
    const struct regstore_pair fields[] = {{"key", "value"}};
    host->log(host->ctx, REGSTORE_LOG_WARNING, "event", fields, 1);
    CLAIM(regstore_host_ring_take(ring, &event) == 1 && strcmp(event.text, "event") == 0);
    regstore_host_ring_free(ring);
}

/* Into files of the act's. */
static int redirect(int fd, const char *name)
{
    const int kept = dup(fd), file = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CLAIM(kept >= 0 && file >= 0 && dup2(file, fd) == fd);
    (void)close(file);
    return kept;
}

static const char *text_of(const char *name)
{
    static char text[8192];
    FILE *file = fopen(path_of(name), "r");
    if (file == NULL)
        return "";
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

/* One command, up to a NULL; its status. */
static int command(bool is_failing, const char *const words[])
{
    char *argv[16] = {strdup("regstore"), strdup("--config"), strdup(path_of("config.yaml")),
                      strdup("--plugin-dir"), strdup(plugin_dir)};
    int argc = 5;
    for (; *words != NULL; words++)
        argv[argc++] = strdup(*words);
    const int out = redirect(STDOUT_FILENO, "out"), err = redirect(STDERR_FILENO, "err");
    optind = 0; /* getopt begins anew */
    if (is_failing)
        begin_failing();
    const int status = regstore_main(argc, argv);
    end_failing();
    (void)fflush(stdout);
    CLAIM(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
    (void)close(out);
    (void)close(err);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return status;
}

#define COMMAND(is_failing, ...) command(is_failing, (const char *const[]){__VA_ARGS__, NULL})

/* Ends the act when the command did not do it; how it says so. */
static bool did(int status)
{
    if (status == 0)
        return true;
    CLAIM(status == 1 || status == 2);
    const char *said = text_of("err");
    if (strstr(said, "memory") == NULL)
        (void)fprintf(stderr, "status %d: %s\n", status, said);
    CLAIM(strstr(said, "memory") != NULL);
    was_told();
    return false;
}

static void put_blob(void)
{
    (void)write_config();
    write_text_file(path_of("blob"), TEXT);
}

static const char *key(void)
{
    static char first[256];
    CLAIM(COMMAND(false, "ls") == 0);
    (void)snprintf(first, sizeof first, "%s", text_of("out"));
    first[strcspn(first, " \t\n")] = '\0';
    return first;
}

static void command_put(void)
{
    put_blob();
    const bool is_done = did(COMMAND(true, "put", path_of("blob")));
    const char *there = key();
    CLAIM(!is_done || there[0] != '\0');
    if (there[0] == '\0')
        return;
    CLAIM(COMMAND(false, "get", there) == 0 && strcmp(text_of("out"), TEXT) == 0);
}

static void command_get(void)
{
    put_blob();
    CLAIM(COMMAND(false, "put", path_of("blob")) == 0);
    const char *there = key();
    if (did(COMMAND(true, "get", there, "-o", path_of("got"))))
        CLAIM(strcmp(text_of("got"), TEXT) == 0);
    else
        CLAIM(access(path_of("got"), F_OK) != 0 || strcmp(text_of("got"), TEXT) == 0);
}

static void command_list(void)
{
    put_blob();
    CLAIM(COMMAND(false, "put", path_of("blob")) == 0);
    if (did(COMMAND(true, "ls", "--json")))
        CLAIM(strstr(text_of("out"), "sha256/") != NULL);
}

static void command_remove(void)
{
    put_blob();
    CLAIM(COMMAND(false, "put", path_of("blob")) == 0);
    const char *there = key();
    if (did(COMMAND(true, "rm", there)))
        CLAIM(key()[0] == '\0');
}

static void command_check(void)
{
    put_blob();
    if (did(COMMAND(true, "check", "--json")))
        CLAIM(strstr(text_of("out"), "steps") != NULL);
}

static void command_inspect(void)
{
    char file[512];
    put_blob();
    (void)snprintf(file, sizeof file, "%s/LocalStorage.so", plugin_dir);
    if (did(COMMAND(true, "inspect", file, "--json")))
        CLAIM(strstr(text_of("out"), "storage_path") != NULL);
}

static void command_metrics(void)
{
    put_blob();
    if (did(COMMAND(true, "--metrics", path_of("metrics"), "put", path_of("blob"))))
        CLAIM(strstr(text_of("metrics"), "regstore_") != NULL);
}

static void command_upload(void)
{
    put_blob();
    if (did(COMMAND(true, "upload", "begin", path_of("token"))) &&
        COMMAND(false, "upload", "append", path_of("token"), path_of("blob")) == 0)
        CLAIM(COMMAND(false, "upload", "abort", path_of("token")) == 0);
}

static const struct act acts[] = {
    {"read the configuration", read_config},
    {"find and load", load_driver},
    {"settings", make_settings},
    {"ring", use_ring},
    {"regstore put", command_put},
    {"regstore get", command_get},
    {"regstore ls", command_list},
    {"regstore rm", command_remove},
    {"regstore check", command_check},
    {"regstore inspect", command_inspect},
    {"regstore --metrics put", command_metrics},
    {"regstore upload begin", command_upload},
};

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    plugin_dir = argv[1];
    return acts_sweep("the host library and the command", acts, sizeof acts / sizeof acts[0]) ? 0
                                                                                              : 1;
}
