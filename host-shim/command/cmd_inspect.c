/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: shows what a plugin says of itself; no store, no settings. */
#include "commands.h"
#include "feature_names.h"
#include "json.h"

#include <stdio.h>

static const struct {
    uint64_t bit;
    const char *name;
} types[] = {
    {REGSTORE_PARAM_SIZE, "size"},       {REGSTORE_PARAM_DURATION, "duration"},
    {REGSTORE_PARAM_BOOL, "bool"},       {REGSTORE_PARAM_INTEGER, "integer"},
    {REGSTORE_PARAM_PATH, "path"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *type_name(const struct regstore_param *param)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        if ((param->flags & types[i].bit) != 0)
            return types[i].name;
    }
    return "text";
}

/* The slots that a plugin may leave out. */
static const char *missing_slot(const struct regstore_plugin *published, size_t number)
{
    if (number == 0)
        return published->copy == NULL ? "copy" : NULL;
    return published->presign == NULL ? "presign" : NULL;
}

static void print_param(const struct regstore_param *param)
{
    printf("  %s\n      %s%s%s", param->key, type_name(param),
           (param->flags & REGSTORE_PARAM_REQUIRED) != 0 ? ", required" : "",
           (param->flags & REGSTORE_PARAM_SECRET) != 0 ? ", secret" : "");
    if (param->fallback != NULL && param->fallback[0] != '\0')
        printf(", default %s", param->fallback);
    printf("\n      %s\n", param->help);
}

static void print_text(const struct session *session)
{
    const struct regstore_plugin *published = regstore_host_published_table(session->loaded);
    printf("%s %s\n%s\nfile: %s\nABI: 1.%u\n", published->name, published->version,
           published->description, regstore_host_path(session->loaded), published->abi_minor);
    for (const struct feature *f = features; f->name != NULL; f++) {
        if ((published->features & f->bit) != 0)
            printf("may offer: %s\n", f->words);
    }
    for (size_t i = 0; i < 2; i++) {
        const char *missing = missing_slot(published, i);
        if (missing != NULL)
            printf("does not offer: %s\n", missing);
    }
    printf("settings:\n");
    for (const struct regstore_param *param = published->params; param->key != NULL; param++)
        print_param(param);
}

static void json_params(struct json *json, const struct regstore_param *param)
{
    json_open(json, "settings", '[');
    for (; param->key != NULL; param++) {
        json_open(json, NULL, '{');
        json_text(json, "key", param->key);
        json_text(json, "type", type_name(param));
        json_bool(json, "required", (param->flags & REGSTORE_PARAM_REQUIRED) != 0);
        json_bool(json, "secret", (param->flags & REGSTORE_PARAM_SECRET) != 0);
        json_text(json, "default", param->fallback);
        json_text(json, "help", param->help);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void print_json(const struct session *session)
{
    const struct regstore_plugin *published = regstore_host_published_table(session->loaded);
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_text(&json, "name", published->name);
    json_text(&json, "version", published->version);
    json_text(&json, "description", published->description);
    json_text(&json, "path", regstore_host_path(session->loaded));
    json_number(&json, "abi_major", 1);
    json_number(&json, "abi_minor", published->abi_minor);
    json_open(&json, "features", '[');
    features_json(&json, published->features);
    json_close(&json, ']');
    json_open(&json, "not_offered", '[');
    for (size_t i = 0; i < 2; i++) {
        if (missing_slot(published, i) != NULL)
            json_text(&json, NULL, missing_slot(published, i));
    }
    json_close(&json, ']');
    json_params(&json, published->params);
    json_close(&json, '}');
    printf("\n");
}

int cmd_inspect(struct session *session, const struct options *options)
{
    int result = session_load_plugin(session, options, options->args[0]);
    if (result != EXIT_DONE)
        return result;
    if ((options->given & OPTION_JSON) != 0)
        print_json(session);
    else
        print_text(session);
    return session_flush(EXIT_DONE);
}
