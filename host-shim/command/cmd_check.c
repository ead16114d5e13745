/* SPDX-License-Identifier: Apache-2.0 */
/* check: tries out a location step by step and shows what the plugin found and advises. */
#include "commands.h"
#include "json.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct report {
    struct json json;
    bool is_json, is_coloured;
    unsigned failed;
};

static void show_step(void *ctx, const char *name, regstore_status status, const char *found,
                      const char *advice)
{
    struct report *report = ctx;
    bool is_good = status == REGSTORE_OK;
    report->failed += is_good ? 0 : 1;
    if (report->is_json) {
        json_open(&report->json, NULL, '{');
        json_text(&report->json, "name", name);
        json_text(&report->json, "status", regstore_host_status_name(status));
        json_text(&report->json, "found", found);
        json_text(&report->json, "advice", advice);
        json_close(&report->json, '}');
        return;
    }
    const char *colour = !report->is_coloured ? "" : is_good ? "\033[32m" : "\033[31m";
    printf("%s%s%s %s", colour, is_good ? "[ok]  " : "[FAIL]", report->is_coloured ? "\033[0m" : "",
           name);
    if (found != NULL && found[0] != '\0')
        printf(": %s", found);
    if (!is_good)
        printf(" (%s)", regstore_host_status_name(status));
    printf("\n");
    if (advice != NULL && advice[0] != '\0')
        printf("       -> %s\n", advice);
    (void)fflush(stdout); /* A step may take long; session_flush looks at the error. */
}

static void begin_report(struct report *report, const struct session *session)
{
    const char *location = session->location;
    const char *path = regstore_host_path(session->loaded);
    if (!report->is_json) {
        printf("%s%s%s %s, %s\n", location != NULL ? location : "", location != NULL ? ": " : "",
               session->plugin->name, session->plugin->version, path);
        return;
    }
    json_open(&report->json, NULL, '{');
    json_text(&report->json, "location", location);
    json_text(&report->json, "plugin", session->plugin->name);
    json_text(&report->json, "version", session->plugin->version);
    json_text(&report->json, "path", path);
    json_open(&report->json, "steps", '[');
}

static bool is_secret(const struct regstore_plugin *plugin, const char *key)
{
    for (const struct regstore_param *param = plugin->params; param->key != NULL; param++) {
        if (strcmp(param->key, key) == 0)
            return (param->flags & REGSTORE_PARAM_SECRET) != 0;
    }
    return false;
}

/* The first secret that stands in the location itself; NULL when there is none. */
static const char *secret_in_config(const struct session *session)
{
    const struct regstore_host_location *location;
    if (session->config == NULL || regstore_host_config_pick(session->config, session->location,
                                                             &location, NULL) != REGSTORE_OK)
        return NULL;
    for (size_t i = 0; i < location->n_settings; i++) {
        if (is_secret(session->plugin, location->settings[i].key))
            return location->settings[i].key;
    }
    return NULL;
}

/* What the plugin cannot see: who else can read the file that its secrets come from. */
static void check_config_file(struct report *report, const struct session *session,
                              const struct options *options)
{
    const char *path = options_config_path(options);
    const char *key = secret_in_config(session);
    struct stat found;
    char mode[64], advice[512] = "";
    if (session->config == NULL || path == NULL || stat(path, &found) != 0)
        return;
    if (key != NULL && (found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        (void)snprintf(advice, sizeof(advice),
                       "others than its owner may open it, and '%s' stands in it: chmod 0600 it, "
                       "or move the secret to the environment or, with %s_file, to its own file",
                       key, key);
    (void)snprintf(mode, sizeof(mode), "mode %04o, of user %u", (unsigned)(found.st_mode & 07777),
                   (unsigned)found.st_uid);
    show_step(report, "config", REGSTORE_OK, mode, advice);
}

static void end_report(struct report *report, bool is_good)
{
    if (!report->is_json)
        return;
    json_close(&report->json, ']');
    json_bool(&report->json, "ok", is_good);
    json_close(&report->json, '}');
    printf("\n");
}

int cmd_check(struct session *session, const struct options *options)
{
    struct report report = {
        .json = {.out = stdout},
        .is_json = (options->given & OPTION_JSON) != 0,
        .is_coloured = isatty(STDOUT_FILENO) == 1,
    };
    struct regstore_check_opts opts = {
        .struct_size = sizeof(opts),
        .flags = REGSTORE_CHECK_WRITE,
        .ctx = &report,
        .step = show_step,
    };
    begin_report(&report, session);
    check_config_file(&report, session, options);
    regstore_status status = session->plugin->check(session->store, &session->call, &opts);
    bool is_good = status == REGSTORE_OK && report.failed == 0;
    end_report(&report, is_good);
    /* A failed step has said more than the status can. */
    if (status != REGSTORE_OK && report.failed == 0)
        (void)session_fail(session, status, "check", session->location);
    return session_flush(is_good ? EXIT_DONE : EXIT_FAILED);
}
