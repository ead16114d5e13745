/* SPDX-License-Identifier: Apache-2.0 */
/* check: tries out a location step by step and shows what the plugin found and advises. */
#include "commands.h"
#include "json.h"

#include <stdio.h>
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
    regstore_status status = session->plugin->check(session->store, &session->call, &opts);
    bool is_good = status == REGSTORE_OK && report.failed == 0;
    end_report(&report, is_good);
    /* A failed step has said more than the status can. */
    if (status != REGSTORE_OK && report.failed == 0)
        (void)session_fail(session, status, "check", session->location);
    return session_flush(is_good ? EXIT_DONE : EXIT_FAILED);
}
