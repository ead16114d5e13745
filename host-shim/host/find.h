/* SPDX-License-Identifier: Apache-2.0 */
/* find: where plugins, and the programs beside the command, lie. */
#ifndef HOST_FIND_H
#define HOST_FIND_H

#include "regstore.h"

#include <stdbool.h>

/* Whether name is [A-Za-z0-9_]{1,64}. */
bool find_is_driver_name(const char *name);

/* The file of a driver that load_driver would take; *path is the caller's to free. */
regstore_status find_driver(const char *driver, const char *plugin_dir, char **path,
                            struct regstore_error *error);

/* The build folder that the running program lies in, to be freed; NULL when it is installed. */
char *find_build_tree(void);

#endif
