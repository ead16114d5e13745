/* SPDX-License-Identifier: Apache-2.0 */
/* guard: which files the host is willing to run code from. */
#ifndef HOST_GUARD_H
#define HOST_GUARD_H

#include "regstore.h"

/*
 * Judges the file at path, which may be relative and a symbolic link, and every folder on the way
 * to it, that of each link included. On OK *real is the file's absolute path without links, to be
 * freed by the caller: nobody but root and the caller can put anything else there.
 */
regstore_status guard_check(const char *path, char **real, struct regstore_error *error);

/* Whether the file is a whole library for this machine. */
regstore_status guard_check_library(const char *path, struct regstore_error *error);

#endif
