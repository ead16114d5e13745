/* SPDX-License-Identifier: Apache-2.0 */
/* find: knows the folders where plugins lie and the order in which they are searched. */
#include "find.h"
#include "error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRIVER_NAME_MAX 64

/* host-shim/conformance/PROGRAM and tests/unit/host/PROGRAM are the deepest. */
#define BUILD_TREE_DEPTH 3

bool find_is_driver_name(const char *name)
{
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return length > 0 && length <= DRIVER_NAME_MAX && name[length] == '\0';
}

/* lstat: a link to a folder of root's would not be root's work. */
static bool is_folder_of(const char *root, const char *name, uid_t owner)
{
    char path[PATH_MAX];
    struct stat found;
    int length = snprintf(path, sizeof(path), "%s%s", root, name);
    return length > 0 && (size_t)length < sizeof(path) && lstat(path, &found) == 0 &&
           S_ISDIR(found.st_mode) &&
           (found.st_uid == 0 || found.st_uid == geteuid() || found.st_uid == owner);
}

/*
 * Meson keeps its state in meson-private/, at the top of the build folder; no installed tree has
 * that above its programs. So an installed program needs no other build than the one it came from
 * and carries no path of it. In a folder such as /tmp anybody could make these folders above
 * somebody else's program: they count only when they belong to root, the caller, or whoever owns
 * the program. Whether what lies in them may be run is the guard's question.
 */
char *find_build_tree(void)
{
    char path[PATH_MAX];
    struct stat program;
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length <= 0 || stat("/proc/self/exe", &program) != 0)
        return NULL;
    path[length] = '\0';
    for (int up = 0; up <= BUILD_TREE_DEPTH; up++) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return NULL;
        *slash = '\0';
        if (is_folder_of(path, "", program.st_uid) &&
            is_folder_of(path, "/meson-private", program.st_uid) &&
            is_folder_of(path, "/plugin", program.st_uid))
            return strdup(path);
    }
    return NULL;
}

static char *last_folder(void)
{
    char *root = find_build_tree();
    if (root == NULL)
        return strdup(REGSTORE_PLUGINS_DIR);
    char *folder = NULL;
    if (asprintf(&folder, "%s/plugin", root) < 0)
        folder = NULL;
    free(root);
    return folder;
}

/* *path stays NULL when the folder has no such file. A dangling link is there: the guard tells. */
static regstore_status look_into(const char *folder, const char *driver, char **path,
                                 struct regstore_error *error)
{
    struct stat found;
    char *candidate = NULL;
    if (asprintf(&candidate, "%s/%s.so", folder, driver) < 0)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    if (lstat(candidate, &found) == 0) {
        *path = candidate;
        return REGSTORE_OK;
    }
    regstore_status status = REGSTORE_OK;
    if (errno != ENOENT && errno != ENOTDIR)
        status = host_fail(error, REGSTORE_CONFIG, "%s: %s", candidate, strerror(errno));
    free(candidate);
    return status;
}

static regstore_status search(const char *driver, const char *const folders[3], char **path,
                              struct regstore_error *error)
{
    char searched[384] = "";
    size_t used = 0;
    for (size_t i = 0; i < 3; i++) {
        if (folders[i] == NULL)
            continue;
        TRY(look_into(folders[i], driver, path, error));
        if (*path != NULL)
            return REGSTORE_OK;
        int length = snprintf(searched + used, sizeof(searched) - used, "%s%s",
                              used > 0 ? ", " : "", folders[i]);
        if (length > 0)
            used += (size_t)length;
        if (used >= sizeof(searched))
            used = sizeof(searched) - 1;
    }
    return host_fail(error, REGSTORE_CONFIG,
                     "no %s.so in %s: name the plugin's folder with --plugin-dir or "
                     "REGSTORE_PLUGIN_DIR",
                     driver, searched);
}

regstore_status find_driver(const char *driver, const char *plugin_dir, char **path,
                            struct regstore_error *error)
{
    if (!find_is_driver_name(driver))
        return host_fail(error, REGSTORE_CONFIG,
                         "'%s' cannot be the name of a driver: 1 to %d letters, digits and _",
                         driver, DRIVER_NAME_MAX);
    char *last = last_folder();
    if (last == NULL)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    const char *from_environment = secure_getenv("REGSTORE_PLUGIN_DIR");
    if (from_environment != NULL && from_environment[0] == '\0')
        from_environment = NULL;
    const char *const folders[3] = {plugin_dir, from_environment, last};
    char *found = NULL;
    regstore_status status = search(driver, folders, &found, error);
    free(last);
    if (status == REGSTORE_OK)
        *path = found;
    return status;
}
