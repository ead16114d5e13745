/* SPDX-License-Identifier: Apache-2.0 */
#include "feature_names.h"

#include <stddef.h>

#include "regstore.h"

const struct feature features[] = {
    {REGSTORE_F_PRESIGN_GET, "presign_get", "presigned URLs for GET"},
    {REGSTORE_F_PRESIGN_PUT, "presign_put", "presigned URLs for PUT"},
    {REGSTORE_F_SERVER_COPY, "server_copy", "copies without moving bytes through the host"},
    {REGSTORE_F_ATOMIC_IF_ABSENT, "atomic_if_absent", "if-absent is atomic"},
    {REGSTORE_F_SHA512, "sha512", "sha512 digests"},
    {REGSTORE_F_FORK_AFTER_USE, "fork_after_use", "a used store works in a forked child"},
    {0, NULL, NULL},
};

void features_json(struct json *json, uint64_t bits)
{
    for (const struct feature *f = features; f->name != NULL; f++)
        if ((bits & f->bit) != 0)
            json_text(json, NULL, f->name);
}
