/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: shows what an administrator has to allow in the backend. The plugin knows the documents
 * and the actions (regstore-policy.h).
 */
#include "commands.h"
#include "json.h"
#include "regstore-policy.h"

#include <stdio.h>

struct printed {
    struct json json;
    bool is_json, is_open; /* is_open: a document whose actions are being told */
};

static void end_document(struct printed *printed)
{
    if (printed->is_open && printed->is_json) {
        json_close(&printed->json, ']');
        json_close(&printed->json, '}');
    } else if (printed->is_open) {
        printf("\n");
    }
    printed->is_open = false;
}

static void show_document(void *ctx, const char *name, const char *place, const char *json)
{
    struct printed *printed = ctx;
    end_document(printed);
    printed->is_open = true;
    if (!printed->is_json) {
        printf("%s:\n%s", place, json);
        return;
    }
    json_open(&printed->json, name, '{');
    json_text(&printed->json, "place", place);
    json_raw(&printed->json, "document", json);
    json_open(&printed->json, "actions", '[');
}

static void show_action(void *ctx, const char *name, const char *resource, const char *purpose)
{
    struct printed *printed = ctx;
    if (!printed->is_json) {
        printf("  %-32s %s\n", name, purpose);
        return;
    }
    json_open(&printed->json, NULL, '{');
    json_text(&printed->json, "action", name);
    json_text(&printed->json, "resource", resource);
    json_text(&printed->json, "purpose", purpose);
    json_close(&printed->json, '}');
}

int cmd_policy(struct session *session, const struct options *options)
{
    const struct regstore_policy *policy = session->plugin->extension(REGSTORE_POLICY_ID);
    struct printed printed = {
        .json = {.out = stdout},
        .is_json = (options->given & OPTION_JSON) != 0,
    };
    if (policy == NULL) {
        fprintf(stderr, "regstore: policy: %s has none to show: nobody has to allow anything\n",
                session->plugin->name);
        return EXIT_FAILED;
    }
    struct regstore_policy_opts opts = {
        .struct_size = sizeof(opts),
        .user = options->user_arn,
        .ctx = &printed,
        .document = show_document,
        .action = show_action,
    };
    if (printed.is_json)
        json_open(&printed.json, NULL, '{');
    regstore_status status = policy->explain(session->store, &session->call, &opts);
    end_document(&printed);
    if (printed.is_json) {
        json_close(&printed.json, '}');
        printf("\n");
    }
    if (status != REGSTORE_OK)
        return session_flush(session_fail(session, status, "policy", NULL));
    return session_flush(EXIT_DONE);
}
