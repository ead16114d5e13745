/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the settings of a plugin as scdoc's list, for its man page: settings PLUGIN.so.  A tool of
 * the build, where nobody else's plugin is near: it does not guard the file. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "regstore.h"

/* What scdoc takes for markup stands for itself. */
static void print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("\\*_<>[]#~", *text) != NULL)
            (void)putchar('\\');
        (void)putchar(*text);
    }
}

static void print_kind(const struct regstore_param *param)
{
    static const struct {
        uint64_t flag;
        const char *name;
    } kinds[] = {
        {REGSTORE_PARAM_SIZE, "size"},       {REGSTORE_PARAM_DURATION, "duration"},
        {REGSTORE_PARAM_BOOL, "bool"},       {REGSTORE_PARAM_INTEGER, "integer"},
        {REGSTORE_PARAM_PATH, "path"},       {REGSTORE_PARAM_SECRET, "secret"},
        {REGSTORE_PARAM_REQUIRED, "required"},
    };
    const char *comma = " (";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((param->flags & kinds[i].flag) == 0)
            continue;
        printf("%s%s", comma, kinds[i].name);
        comma = ", ";
    }
    if (param->fallback != NULL && param->fallback[0] != '\0') {
        printf("%sdefault ", comma);
        print_text(param->fallback);
        comma = ", ";
    }
    printf("%s", comma[0] == ',' ? ")" : "");
}

int main(int argc, char **argv)
{
    void *module = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    const struct regstore_plugin *(*published)(void) = NULL;
    if (module != NULL)
        *(void **)&published = dlsym(module, "regstore_plugin_v1");
    if (published == NULL) {
        fprintf(stderr, "usage: settings PLUGIN.so: %s\n", argc == 2 ? dlerror() : "no plugin");
        return 2;
    }
    for (const struct regstore_param *param = published()->params; param->key != NULL; param++) {
        printf("*");
        print_text(param->key);
        printf("*");
        print_kind(param);
        printf("\n\t");
        print_text(param->help);
        printf("\n\n");
    }
    return 0;
}
