/* SPDX-License-Identifier: Apache-2.0 */
/* loading: knows where the variants lie and what a refusal looks like. */
#include "loading.h"
#include "scratch.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

struct regstore_error error = {.struct_size = sizeof(error)};
struct regstore_host_plugin *plugin;

const char *variant(const char *name)
{
    static char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s.so", PLUGIN_VARIANTS, name);
    return path;
}

const char *good_copy(const char *name, unsigned mode)
{
    const char *path = scratch_path(name);
    scratch_copy(variant("TestStorage"), path, mode);
    return path;
}

void assert_refused(const char *path, const char *words)
{
    regstore_status status = regstore_host_load_file(path, &plugin, &error);
    ck_assert_msg(status == REGSTORE_CONFIG && strstr(error.message, words) != NULL,
                  "status %d, \"%s\" without \"%s\"", status, error.message, words);
    ck_assert_ptr_null(plugin);
}

void assert_loaded(const char *path)
{
    regstore_status status = regstore_host_load_file(path, &plugin, &error);
    ck_assert_msg(status == REGSTORE_OK, "status %d, \"%s\"", status, error.message);
    regstore_host_plugin_free(plugin);
    plugin = NULL;
}
