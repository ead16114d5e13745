/* SPDX-License-Identifier: Apache-2.0 */
/* conformance: becomes the suite, a program of its own, with the same plugin and settings. */
#include "commands.h"
#include "../host/find.h"
#include "../host/guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *program_path(void)
{
    char *root = find_build_tree();
    char *path = NULL;
    if (root == NULL)
        return strdup(REGSTORE_LIBEXEC_DIR "/regstore-conformance");
    if (asprintf(&path, "%s/host-shim/conformance/regstore-conformance", root) < 0)
        path = NULL;
    free(root);
    return path;
}

struct arguments {
    const char **at;
    size_t n;
};

static void add(struct arguments *arguments, const char *option, const char *value)
{
    if (value == NULL)
        return;
    arguments->at[arguments->n++] = option;
    arguments->at[arguments->n++] = value;
}

/* The program's path, once it is known that nobody else could have put it there. */
static int find_program(char **program)
{
    struct session session = {.error = {.struct_size = sizeof(session.error)}};
    char *path = program_path();
    if (path == NULL) {
        fprintf(stderr, "regstore: no memory\n");
        return EXIT_FAILED;
    }
    regstore_status status = guard_check(path, program, &session.error);
    free(path);
    return status == REGSTORE_OK ? EXIT_DONE
                                 : session_fail(&session, status, "conformance", NULL);
}

static int become(const char *program, const struct options *options, int argc, char **argv)
{
    /* Four pairs, the settings' pairs, the program's name and the end. */
    struct arguments arguments = {
        .at = calloc(8 + 2 * options->n_settings + (size_t)argc + 2, sizeof(char *)),
    };
    if (arguments.at == NULL) {
        fprintf(stderr, "regstore: no memory\n");
        return EXIT_FAILED;
    }
    arguments.at[arguments.n++] = program;
    /* With a plugin by name no config.yaml is looked for, but one that is named counts. */
    add(&arguments, "--config",
        options->plugin == NULL ? options_config_path(options) : options->config);
    add(&arguments, "--location", options->location);
    add(&arguments, "--plugin", options->plugin);
    add(&arguments, "--plugin-dir", options->plugin_dir);
    for (size_t i = 0; i < options->n_settings; i++)
        add(&arguments, "--set", options->settings[i]);
    for (int i = 1; i < argc; i++)
        arguments.at[arguments.n++] = argv[i];
    execv(program, (char *const *)(uintptr_t)arguments.at); /* execv does not write there. */
    fprintf(stderr, "regstore: %s: %s\n", program, strerror(errno));
    free(arguments.at);
    return EXIT_FAILED;
}

/* The suite knows the options of the store; what else stands before the name would be lost. */
static bool can_pass_on(const struct options *options)
{
    if (!options_allow(options, "conformance", 0))
        return false;
    if (options->timeout_ms != 0)
        fprintf(stderr, "regstore: conformance has a --timeout of its own, in seconds for each "
                        "test: regstore conformance --timeout 60\n");
    if (options->is_verbose)
        fprintf(stderr, "regstore: 'conformance' does not take --verbose\n");
    if (options->metrics != NULL)
        fprintf(stderr, "regstore: 'conformance' does not take --metrics\n");
    return options->timeout_ms == 0 && !options->is_verbose && options->metrics == NULL;
}

int cmd_conformance(const struct options *options, int argc, char **argv)
{
    char *program = NULL;
    if (!can_pass_on(options))
        return EXIT_USAGE;
    int result = find_program(&program);
    if (result == EXIT_DONE)
        result = become(program, options, argc, argv);
    free(program);
    return result;
}
