/* SPDX-License-Identifier: Apache-2.0 */
/* regstore: the command. Knows the commands' names, what they take, and the help. */
#include "commands.h"
#include "interrupt.h"
#include "../host/streams.h"

#include <stdio.h>
#include <string.h>

#define NO_LIMIT SIZE_MAX

static const struct command {
    const char *group, *name, *usage, *help;
    size_t args_min, args_max;
    uint64_t takes;
    bool has_store;
    int (*run)(struct session *session, const struct options *options);
} commands[] = {
    {NULL, "inspect", "PLUGIN.so|NAME [--json]", "what a plugin says of itself", 1, 1, OPTION_JSON,
     false, cmd_inspect},
    {NULL, "check", "[--json]", "try the location out, step by step, with advice", 0, 0,
     OPTION_JSON, true, cmd_check},
    {NULL, "policy", "[--user-arn ARN] [--json]",
     "what an administrator has to allow: trust and the least permissions", 0, 0,
     OPTION_USER_ARN | OPTION_JSON, true, cmd_policy},
    {NULL, "put", "FILE|- [KEY] [--digest D] [--if-absent] [--json]",
     "store a blob; without KEY as sha256/ab/<hex>", 1, 2,
     OPTION_DIGEST | OPTION_IF_ABSENT | OPTION_JSON, true, cmd_put},
    {NULL, "get", "KEY [-o FILE] [--range A-B]", "fetch a blob, or its bytes A to B", 1, 1,
     OPTION_OUTPUT | OPTION_RANGE, true, cmd_get},
    {NULL, "stat", "KEY... [--json]", "length, time, digest", 1, NO_LIMIT, OPTION_JSON, true,
     cmd_stat},
    {NULL, "ls", "[PREFIX] [--delimiter] [-l] [--json]", "keys in byte order", 0, 1,
     OPTION_DELIMITER | OPTION_LONG | OPTION_JSON, true, cmd_ls},
    {NULL, "rm", "KEY...", "delete; fine when absent", 1, NO_LIMIT, 0, true, cmd_rm},
    {NULL, "cp", "FROM TO [--if-absent]", "copy inside of the store", 2, 2, OPTION_IF_ABSENT, true,
     cmd_cp},
    {"upload", "begin", "TOKENFILE [--key K] [--sha512] [--length N]",
     "begin a blob in several steps", 1, 1, OPTION_KEY | OPTION_SHA512 | OPTION_LENGTH, true,
     cmd_upload_begin},
    {"upload", "append", "TOKENFILE FILE|- [--json]", "add a chunk", 2, 2, OPTION_JSON, true,
     cmd_upload_append},
    {"upload", "status", "TOKENFILE [--json]", "offset and digest so far", 1, 1, OPTION_JSON, true,
     cmd_upload_status},
    {"upload", "commit", "TOKENFILE [KEY] [--digest D] [--if-absent] [--json]",
     "make it visible, all at once", 1, 2, OPTION_DIGEST | OPTION_IF_ABSENT | OPTION_JSON, true,
     cmd_upload_commit},
    {"upload", "abort", "TOKENFILE", "throw it away", 1, 1, 0, true, cmd_upload_abort},
    {NULL, "purge", "--older-than D [--dry-run] [--json]",
     "remove unfinished uploads and their remains; D as 45m, 12h, 2d", 0, 0,
     OPTION_OLDER_THAN | OPTION_DRY_RUN | OPTION_JSON, true, cmd_purge},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    printf("usage: regstore [OPTION...] COMMAND [ARGUMENT...]\n\ncommands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const struct command *command = &commands[i];
        printf("  %s%s%s %s\n        %s\n", command->group != NULL ? command->group : "",
               command->group != NULL ? " " : "", command->name, command->usage, command->help);
    }
    printf("  conformance [ARGUMENT...]\n        prove that the plugin keeps the rules of "
           "regstore.h\n");
    fputs("\nwhich store:\n"
          "  --config FILE      Quay's config.yaml; else $REGSTORE_CONFIG, ./config.yaml,\n"
          "                     /conf/stack/config.yaml\n"
          "  --location NAME    of DISTRIBUTED_STORAGE_CONFIG; else the first of\n"
          "                     DISTRIBUTED_STORAGE_PREFERENCE, else the only one, else the first\n"
          "                     of DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS\n"
          "  --plugin-dir DIR   look here first for DRIVER.so, then in $REGSTORE_PLUGIN_DIR, then\n"
          "                     where plugins are installed\n"
          "  --plugin P         no config.yaml: a driver or a file, with its settings as\n"
          "  --set KEY=VALUE    (others can read a command line: no secrets here)\n"
          "\nany command:\n"
          "  --timeout D        for each call: 45s, 30m, 12h, 2d (conformance has its own)\n"
          "  --metrics FILE     leave there what the plugin measured, for Prometheus\n"
          "  --verbose          the plugin's log; warnings and errors are shown anyway\n"
          "  --help, --version\n"
          "\nexit status: 0 done, 1 failed, 2 usage or configuration, 3 not found\n",
          stdout);
}

/* *used is how many of argv's words are the name. */
static const struct command *find_command(int argc, char **argv, int *used)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const struct command *command = &commands[i];
        *used = command->group != NULL ? 2 : 1;
        if (argc < *used || strcmp(argv[*used - 1], command->name) != 0)
            continue;
        if (command->group == NULL || strcmp(argv[0], command->group) == 0)
            return command;
    }
    return NULL;
}

static void print_usage(FILE *out, const struct command *command)
{
    fprintf(out, "usage: regstore %s%s%s %s\n", command->group != NULL ? command->group : "",
            command->group != NULL ? " " : "", command->name, command->usage);
}

static int explain(const struct command *command)
{
    print_usage(stdout, command);
    printf("  %s\n", command->help);
    return session_flush(EXIT_DONE);
}

/* The name is none, or that of a group without one of its own behind it. */
static int refuse_name(int argc, char **argv)
{
    bool is_group = strcmp(argv[0], "upload") == 0;
    bool is_help = is_group && argc > 1 &&
                   (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (!is_help)
        fprintf(stderr, "regstore: no command '%s%s%s': see 'regstore --help'\n", argv[0],
                is_group && argc > 1 ? " " : "", is_group && argc > 1 ? argv[1] : "");
    for (size_t i = 0; is_group && i < N_COMMANDS; i++) {
        if (commands[i].group != NULL)
            print_usage(is_help ? stdout : stderr, &commands[i]);
    }
    return is_help ? session_flush(EXIT_DONE) : EXIT_USAGE;
}

/* After the last callback, however the command has ended. Returns the exit status. */
static int leave_metrics(struct session *session, const struct command *command, int result)
{
    char name[32];
    if (session->metrics == NULL)
        return result;
    (void)snprintf(name, sizeof(name), "%s%s%s", command->group != NULL ? command->group : "",
                   command->group != NULL ? " " : "", command->name);
    const bool is_written = metrics_write(session->metrics, name, result);
    metrics_free(session->metrics);
    return is_written || result != EXIT_DONE ? result : EXIT_FAILED;
}

static int run_command(struct options *options, int argc, char **argv)
{
    int used;
    const struct command *command = find_command(argc, argv, &used);
    if (command == NULL)
        return refuse_name(argc, argv);
    if (!options_parse_command(options, argc - used + 1, argv + used - 1, command->takes))
        return EXIT_USAGE;
    if (options->wants_help)
        return explain(command);
    if (options->n_args < command->args_min || options->n_args > command->args_max) {
        print_usage(stderr, command);
        return EXIT_USAGE;
    }
    struct session session = {.options = options};
    if (options->metrics != NULL) {
        session.metrics = metrics_new(options->metrics);
        if (session.metrics == NULL)
            return EXIT_USAGE;
    }
    int result = command->has_store ? session_open(&session, options) : EXIT_DONE;
    if (result == EXIT_DONE)
        result = command->run(&session, options);
    session_clear(&session);
    return leave_metrics(&session, command, result);
}

static int run(struct options *options, int argc, char **argv)
{
    int at = options_parse_global(options, argc, argv);
    if (at < 0)
        return EXIT_USAGE;
    if (options->wants_help)
        print_help();
    else if (options->wants_version)
        printf("regstore %s, ABI 1.%d\n", REGSTORE_VERSION, REGSTORE_ABI_MINOR);
    if (options->wants_help || options->wants_version)
        return session_flush(EXIT_DONE);
    if (at == 0) {
        fprintf(stderr, "regstore: no command: see 'regstore --help'\n");
        return EXIT_USAGE;
    }
    interrupt_install();
    if (strcmp(argv[at], "conformance") == 0)
        return cmd_conformance(options, argc - at, argv + at);
    return run_command(options, argc - at, argv + at);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    if (!streams_occupy())
        return EXIT_FAILED; /* There may be no stream to say it on. */
    int result = run(&options, argc, argv);
    options_clear(&options);
    return result;
}
