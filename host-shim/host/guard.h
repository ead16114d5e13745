/* SPDX-License-Identifier: Apache-2.0 */
/* guard: which files the host is willing to run code from. */
#ifndef HOST_GUARD_H
#define HOST_GUARD_H

#include "regstore.h"

/*
 * Judges the file at path, which may be relative and a symbolic link, the folder that path is in,
 * and the folder where the real file is. On OK *real is the real file's absolute path, to be
 * freed by the caller.
 */
regstore_status guard_check(const char *path, char **real, struct regstore_error *error);

#endif
