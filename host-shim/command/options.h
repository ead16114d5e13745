/* SPDX-License-Identifier: Apache-2.0 */
/* options: what the command line says. */
#ifndef COMMAND_OPTIONS_H
#define COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit statuses of the command. */
#define EXIT_DONE      0
#define EXIT_FAILED    1
#define EXIT_USAGE     2
#define EXIT_NOT_FOUND 3

/* Options that only some commands take; a command names those it takes. */
#define OPTION_JSON       0x1u
#define OPTION_OUTPUT     0x2u
#define OPTION_RANGE      0x4u
#define OPTION_DIGEST     0x8u
#define OPTION_IF_ABSENT  0x10u
#define OPTION_KEY        0x20u
#define OPTION_SHA512     0x40u
#define OPTION_LENGTH     0x80u
#define OPTION_DELIMITER  0x100u
#define OPTION_LONG       0x200u
#define OPTION_OLDER_THAN 0x400u
#define OPTION_DRY_RUN    0x800u
#define OPTION_USER_ARN   0x1000u

struct options {
    const char *config, *location, *plugin, *plugin_dir, *metrics;
    const char **settings; /* "key=value", of --set */
    size_t n_settings;
    uint64_t timeout_ms;
    bool is_verbose, wants_help, wants_version;

    uint64_t given; /* OPTION_ bits; those without a value are nothing more than their bit */
    const char *output, *digest, *key, *user_arn;
    uint64_t range_offset, range_length, length, older_than_s;

    char **args; /* what is no option, after the command's name */
    size_t n_args;
};

/*
 * Reads the options before the command's name. Returns the index of the name in argv; 0 when there
 * is none; -1 after it has printed what is wrong.
 */
int options_parse_global(struct options *options, int argc, char **argv);

/* Reads what follows the name, argv[0]. False: it has printed what is wrong. */
bool options_parse_command(struct options *options, int argc, char **argv, uint64_t allowed_bits);

/* Whether only these were given of the options that some commands take. False: it has printed. */
bool options_allow(const struct options *options, const char *command, uint64_t allowed_bits);

/* The file of --config, REGSTORE_CONFIG, ./config.yaml, Quay's own; NULL when there is none. */
const char *options_config_path(const struct options *options);

void options_clear(struct options *options);

#endif
