/* SPDX-License-Identifier: Apache-2.0 */
/* options: knows the option names, their values, and which of them belong to a command. */
#include "options.h"
#include "number.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* getopt_long's values of options without a letter. */
enum {
    LOCATION = 256,
    PLUGIN,
    PLUGIN_DIR,
    SET,
    TIMEOUT,
    VERBOSE,
    VERSION,
    RANGE,
    DIGEST,
    IF_ABSENT,
    KEY,
    SHA512,
    LENGTH,
    DELIMITER,
    OLDER_THAN,
    DRY_RUN,
    USER_ARN,
    CONFIG,
    JSON,
    METRICS,
};

static const struct option names[] = {
    {"config", required_argument, NULL, CONFIG},
    {"location", required_argument, NULL, LOCATION},
    {"plugin", required_argument, NULL, PLUGIN},
    {"plugin-dir", required_argument, NULL, PLUGIN_DIR},
    {"metrics", required_argument, NULL, METRICS},
    {"set", required_argument, NULL, SET},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"verbose", no_argument, NULL, VERBOSE},
    {"version", no_argument, NULL, VERSION},
    {"help", no_argument, NULL, 'h'},
    {"json", no_argument, NULL, JSON},
    {"output", required_argument, NULL, 'o'},
    {"range", required_argument, NULL, RANGE},
    {"digest", required_argument, NULL, DIGEST},
    {"if-absent", no_argument, NULL, IF_ABSENT},
    {"key", required_argument, NULL, KEY},
    {"sha512", no_argument, NULL, SHA512},
    {"length", required_argument, NULL, LENGTH},
    {"delimiter", no_argument, NULL, DELIMITER},
    {"long", no_argument, NULL, 'l'},
    {"older-than", required_argument, NULL, OLDER_THAN},
    {"dry-run", no_argument, NULL, DRY_RUN},
    {"user-arn", required_argument, NULL, USER_ARN},
    {NULL, 0, NULL, 0},
};

static const struct {
    int value;
    uint64_t bit;
} command_options[] = {
    {JSON, OPTION_JSON},           {'o', OPTION_OUTPUT},        {RANGE, OPTION_RANGE},
    {DIGEST, OPTION_DIGEST},       {IF_ABSENT, OPTION_IF_ABSENT}, {KEY, OPTION_KEY},
    {SHA512, OPTION_SHA512},       {LENGTH, OPTION_LENGTH},     {DELIMITER, OPTION_DELIMITER},
    {'l', OPTION_LONG},            {OLDER_THAN, OPTION_OLDER_THAN}, {DRY_RUN, OPTION_DRY_RUN},
    {USER_ARN, OPTION_USER_ARN},
};

static const char *name_of(int value)
{
    for (size_t i = 0; names[i].name != NULL; i++) {
        if (names[i].val == value)
            return names[i].name;
    }
    return "?";
}

static bool refuse_value(const char *name, const char *form)
{
    fprintf(stderr, "regstore: --%s needs %s\n", name, form);
    return false;
}

static bool add_setting(struct options *options, const char *text)
{
    if (strchr(text, '=') == NULL || text[0] == '=')
        return refuse_value("set", "key=value");
    const char **grown =
        reallocarray(options->settings, options->n_settings + 1, sizeof(*options->settings));
    if (grown == NULL) {
        fprintf(stderr, "regstore: no memory\n");
        return false;
    }
    options->settings = grown;
    options->settings[options->n_settings++] = text;
    return true;
}

static bool set_timeout(struct options *options, const char *text)
{
    uint64_t seconds;
    if (!number_parse_duration(text, &seconds) || seconds == 0 ||
        __builtin_mul_overflow(seconds, UINT64_C(1000), &options->timeout_ms))
        return refuse_value("timeout", "a duration: 45s, 30m, 12h or 2d");
    return true;
}

/* Options with a value that is a text, or nothing to be checked. */
static bool take_text(struct options *options, int value, const char *text)
{
    const char **target = value == CONFIG       ? &options->config
                          : value == LOCATION   ? &options->location
                          : value == PLUGIN     ? &options->plugin
                          : value == PLUGIN_DIR ? &options->plugin_dir
                          : value == METRICS    ? &options->metrics
                          : value == 'o'        ? &options->output
                          : value == DIGEST     ? &options->digest
                          : value == KEY        ? &options->key
                          : value == USER_ARN   ? &options->user_arn
                                                : NULL;
    if (target == NULL)
        return true;
    if (text[0] == '\0')
        return refuse_value(name_of(value), "a value");
    *target = text;
    return true;
}

static bool take(struct options *options, int value, const char *text)
{
    switch (value) {
    case SET:
        return add_setting(options, text);
    case TIMEOUT:
        return set_timeout(options, text);
    case VERBOSE:
        options->is_verbose = true;
        return true;
    case VERSION:
        options->wants_version = true;
        return true;
    case 'h':
        options->wants_help = true;
        return true;
    case RANGE:
        return number_parse_range(text, &options->range_offset, &options->range_length) ||
               refuse_value("range", "A-B or A-, in bytes from 0, both included");
    case LENGTH:
        return number_parse(text, &options->length) || refuse_value("length", "a number of bytes");
    case OLDER_THAN:
        return number_parse_duration(text, &options->older_than_s) ||
               refuse_value("older-than", "a duration: 45s, 30m, 12h or 2d");
    default:
        return take_text(options, value, text);
    }
}

static uint64_t bit_of(int value)
{
    for (size_t i = 0; i < sizeof(command_options) / sizeof(command_options[0]); i++) {
        if (command_options[i].value == value)
            return command_options[i].bit;
    }
    return 0;
}

static bool parse(struct options *options, int argc, char **argv, const char *letters)
{
    int value;
    optind = 0; /* glibc: begin anew, with another argv. */
    while ((value = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        if (value == '?')
            return false;
        options->given |= bit_of(value);
        if (!take(options, value, optarg))
            return false;
    }
    return true;
}

int options_parse_global(struct options *options, int argc, char **argv)
{
    /* '+': stop at the command's name. */
    if (!parse(options, argc, argv, "+ho:l"))
        return -1;
    return optind < argc ? optind : 0;
}

bool options_allow(const struct options *options, const char *command, uint64_t allowed_bits)
{
    for (size_t i = 0; i < sizeof(command_options) / sizeof(command_options[0]); i++) {
        if ((options->given & ~allowed_bits & command_options[i].bit) == 0)
            continue;
        fprintf(stderr, "regstore: '%s' does not take --%s\n", command,
                name_of(command_options[i].value));
        return false;
    }
    return true;
}

bool options_parse_command(struct options *options, int argc, char **argv, uint64_t allowed_bits)
{
    if (!parse(options, argc, argv, "ho:l") || !options_allow(options, argv[0], allowed_bits))
        return false;
    options->args = argv + optind;
    options->n_args = (size_t)(argc - optind);
    return true;
}

const char *options_config_path(const struct options *options)
{
    static const char *const usual[] = {"config.yaml", "/conf/stack/config.yaml"};
    const char *from_environment = secure_getenv("REGSTORE_CONFIG");
    if (options->config != NULL)
        return options->config;
    if (from_environment != NULL && from_environment[0] != '\0')
        return from_environment;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (access(usual[i], F_OK) == 0)
            return usual[i];
    }
    return NULL;
}

void options_clear(struct options *options)
{
    free(options->settings);
    options->settings = NULL;
}
