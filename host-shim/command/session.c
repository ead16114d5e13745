/* SPDX-License-Identifier: Apache-2.0 */
/* session: knows the ways to a store (--plugin with --set, config.yaml) and the exit statuses. */
#include "session.h"
#include "interrupt.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLEANUP_MS 30000

static int exit_status(regstore_status status)
{
    switch (status) {
    case REGSTORE_OK:
        return EXIT_DONE;
    case REGSTORE_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case REGSTORE_CONFIG:
    case REGSTORE_INVALID:
        return EXIT_USAGE;
    default:
        return EXIT_FAILED;
    }
}

int session_fail(const struct session *session, regstore_status status, const char *what,
                 const char *subject)
{
    const struct regstore_error *error = &session->error;
    fprintf(stderr, "regstore: %s%s%s: %s (%s", what, subject != NULL ? " " : "",
            subject != NULL ? subject : "",
            error->message[0] != '\0' ? error->message : "no reason given",
            regstore_host_status_name(status));
    if (error->code[0] != '\0')
        fprintf(stderr, ", %s", error->code);
    if (error->http_status != 0)
        fprintf(stderr, ", HTTP %u", error->http_status);
    if (error->request_id[0] != '\0')
        fprintf(stderr, ", request %s", error->request_id);
    fprintf(stderr, "%s)\n", error->retryable != 0 ? "; another try may succeed" : "");
    return exit_status(status);
}

struct regstore_call session_cleanup_call(struct regstore_error *error)
{
    *error = (struct regstore_error){.struct_size = sizeof(*error)};
    return (struct regstore_call){
        .struct_size = sizeof(struct regstore_call),
        .timeout_ms = CLEANUP_MS,
        .error = error,
    };
}

int session_flush(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "regstore: cannot write to standard output: %s\n", strerror(errno));
    return status == EXIT_DONE ? EXIT_FAILED : status;
}

static void prepare(struct session *session, const struct options *options)
{
    session->options = options;
    session->error.struct_size = sizeof(session->error);
    session->call = (struct regstore_call){
        .struct_size = sizeof(session->call),
        .timeout_ms = options->timeout_ms,
        .cancel = interrupt_flag(),
        .error = &session->error,
    };
    session->log_level = options->is_verbose ? REGSTORE_LOG_INFO : REGSTORE_LOG_WARNING;
}

static bool is_path(const char *name)
{
    size_t length = strlen(name);
    return strchr(name, '/') != NULL || (length > 3 && strcmp(name + length - 3, ".so") == 0);
}

int session_load_plugin(struct session *session, const struct options *options, const char *name)
{
    prepare(session, options);
    regstore_status status =
        is_path(name) ? regstore_host_load_file(name, &session->loaded, &session->error)
                      : regstore_host_load_driver(name, options->plugin_dir, &session->loaded,
                                                  &session->error);
    if (status != REGSTORE_OK)
        return session_fail(session, status, "load", name);
    session->plugin = regstore_host_table(session->loaded);
    return EXIT_DONE;
}

/* Location and driver from config.yaml. */
static int pick(struct session *session, const struct regstore_host_location **location)
{
    const char *path = options_config_path(session->options);
    if (path == NULL) {
        fprintf(stderr, "regstore: no config.yaml: name one with --config or REGSTORE_CONFIG, or "
                        "use --plugin NAME --set key=value\n");
        return EXIT_USAGE;
    }
    regstore_status status = regstore_host_config_read(path, &session->config, &session->error);
    if (status == REGSTORE_OK)
        status = regstore_host_config_pick(session->config, session->options->location, location,
                                           &session->error);
    if (status != REGSTORE_OK)
        return session_fail(session, status, "configuration", NULL);
    session->location = (*location)->name;
    return EXIT_DONE;
}

static void on_log(void *ctx, int32_t level, const char *event, const struct regstore_pair *fields,
                   size_t n)
{
    struct session *session = ctx;
    log_event(&session->log_level, level, event, fields, n);
}

static void on_metric(void *ctx, int32_t kind, const char *name, double value,
                      const struct regstore_pair *labels, size_t n)
{
    const struct session *session = ctx;
    metrics_take(session->metrics, kind, name, value, labels, n);
}

static int open_store(struct session *session, const struct regstore_pair *settings, size_t n)
{
    struct regstore_host host = {
        .struct_size = sizeof(host),
        .ctx = session,
        .log = on_log,
        .metric = session->metrics != NULL ? on_metric : NULL,
    };
    if (session->metrics != NULL)
        metrics_set_location(session->metrics, session->location != NULL ? session->location
                                                                         : session->plugin->name);
    regstore_status status =
        session->plugin->store_open(&session->call, &host, settings, n, &session->store);
    if (status == REGSTORE_OK)
        return EXIT_DONE;
    session->store = NULL;
    return session_fail(session, status, "settings of",
                        session->location != NULL ? session->location : session->plugin->name);
}

/* --set: "key=value" is taken apart in a copy, which is wiped, since some are secrets. */
static int open_with_set(struct session *session)
{
    const struct options *options = session->options;
    size_t n = options->n_settings, made = 0;
    int result = EXIT_FAILED;
    char **copies = calloc(n + 1, sizeof(*copies));
    struct regstore_pair *pairs = calloc(n + 1, sizeof(*pairs));
    for (; copies != NULL && pairs != NULL && made < n; made++) {
        copies[made] = strdup(options->settings[made]);
        if (copies[made] == NULL)
            break;
        char *equals = strchr(copies[made], '=');
        *equals = '\0';
        pairs[made] = (struct regstore_pair){.key = copies[made], .value = equals + 1};
    }
    if (copies != NULL && pairs != NULL && made == n)
        result = open_store(session, pairs, n);
    else
        fprintf(stderr, "regstore: no memory\n");
    for (size_t i = 0; copies != NULL && i < made; i++) {
        explicit_bzero(copies[i], strlen(options->settings[i]));
        free(copies[i]);
    }
    free(copies);
    free(pairs);
    return result;
}

/* The location's settings, and those of its secrets that stand in the environment. */
static int open_location(struct session *session, const struct regstore_host_location *location)
{
    struct regstore_host_settings *settings;
    size_t n;
    regstore_status status =
        regstore_host_settings_new(location, session->plugin, &settings, &session->error);
    if (status != REGSTORE_OK)
        return session_fail(session, status, "settings of", location->name);
    const struct regstore_pair *pairs = regstore_host_settings_pairs(settings, &n);
    int result = open_store(session, pairs, n);
    regstore_host_settings_free(settings);
    return result;
}

int session_open(struct session *session, const struct options *options)
{
    prepare(session, options);
    if (options->plugin != NULL && (options->config != NULL || options->location != NULL)) {
        fprintf(stderr, "regstore: --plugin goes with --set, not with --config or --location\n");
        return EXIT_USAGE;
    }
    if (options->plugin == NULL && options->n_settings > 0) {
        fprintf(stderr, "regstore: --set needs --plugin\n");
        return EXIT_USAGE;
    }
    if (options->plugin != NULL) {
        int result = session_load_plugin(session, options, options->plugin);
        return result != EXIT_DONE ? result : open_with_set(session);
    }
    const struct regstore_host_location *location;
    int result = pick(session, &location);
    if (result == EXIT_DONE)
        result = session_load_plugin(session, options, location->driver);
    if (result == EXIT_DONE)
        result = open_location(session, location);
    return result;
}

void session_clear(struct session *session)
{
    if (session->store != NULL)
        session->plugin->store_close(session->store);
    regstore_host_plugin_free(session->loaded);
    regstore_host_config_free(session->config);
}
