/* SPDX-License-Identifier: Apache-2.0 */
/* scratch: a folder for one test, removed at the end of its process. */
#ifndef HOST_TEST_SCRATCH_H
#define HOST_TEST_SCRATCH_H

#include <stddef.h>

/* Mode 0700. Each test runs in a process of its own, and makes one at most. */
const char *scratch_folder(void);

/* "<folder>/<name>", valid until the process ends; one of 16. */
const char *scratch_path(const char *name);

void scratch_write(const char *path, const void *bytes, size_t length, unsigned mode);
void scratch_copy(const char *from, const char *to, unsigned mode);

#endif
