/* SPDX-License-Identifier: Apache-2.0 */
/* loading: what the tests of guard and load have in common. */
#ifndef HOST_TEST_LOADING_H
#define HOST_TEST_LOADING_H

#include "regstore-host.h"

/* What the last load left. */
extern struct regstore_error error;
extern struct regstore_host_plugin *plugin;

/* The file of a variant of the tests' own plugin, in the build folder. */
const char *variant(const char *name);

/* A good plugin in the scratch folder; its path. */
const char *good_copy(const char *name, unsigned mode);

/* words: a part of the message. */
void assert_refused(const char *path, const char *words);
void assert_loaded(const char *path);

#endif
