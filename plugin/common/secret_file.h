/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret in a file of its own, `<key>_file: PATH` in the settings.  Read whenever the secret is
 * needed, and kept no longer, so that whoever replaces the file need not tell anybody.
 */
#ifndef PLUG_SECRET_FILE_H
#define PLUG_SECRET_FILE_H

#include "buf.h"
#include "call.h"

#define PLUG_SECRET_BYTES_MAX 4096

/*
 * Appends the file's text to *out, without the end of its last line.  CONFIG, with words that name
 * key and path and say what mends it: no such file, not a regular one, somebody else's (neither the
 * process's user nor root), one that group or others may read or write, empty, longer than
 * PLUG_SECRET_BYTES_MAX, or with a zero byte.  The words never hold a byte of the file.  out is to
 * be wiped in any case.
 */
regstore_status plug_secret_file_read(const char *key, const char *path, struct plug_buf *out,
                                      struct plug_error *error);

#endif
