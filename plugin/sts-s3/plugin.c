/* SPDX-License-Identifier: Apache-2.0 */
/* STSS3Storage: the table that a host sees, and the one exported symbol. */
#include "config.h"
#include "list.h"
#include "policy.h"
#include "reader.h"
#include "store.h"
#include "upload.h"

#include <string.h>

static const void *extension(const char *id)
{
    return strcmp(id, REGSTORE_POLICY_ID) == 0 ? &stss3_policy : NULL;
}

static const struct regstore_plugin plugin = {
    .struct_size = sizeof plugin,
    .abi_minor = REGSTORE_ABI_MINOR,
    .features = REGSTORE_F_PRESIGN_GET | REGSTORE_F_PRESIGN_PUT | REGSTORE_F_SERVER_COPY |
                REGSTORE_F_SHA512 | REGSTORE_F_FORK_AFTER_USE,
    .name = "STSS3Storage",
    .version = REGSTORE_BUILT_VERSION,
    .description = "S3 through a role of AWS STS, with the settings of Red Hat Quay's STSS3Storage",
    .params = stss3_params,
    .extension = extension,
    .store_open = stss3_store_open,
    .store_features = stss3_store_features,
    .store_close = stss3_store_close,
    .check = stss3_check,
    .upload_open = stss3_upload_open,
    .upload_write = stss3_upload_write,
    .upload_offset = stss3_upload_offset,
    .upload_digest = stss3_upload_digest,
    .upload_suspend = stss3_upload_suspend,
    .upload_commit = stss3_upload_commit,
    .upload_abort = stss3_upload_abort,
    .upload_close = stss3_upload_close,
    .read_open = stss3_read_open,
    .read_next = stss3_read_next,
    .read_close = stss3_read_close,
    .stat = stss3_stat,
    .delete_blobs = stss3_delete_blobs,
    .copy = stss3_copy,
    .list_open = stss3_list_open,
    .list_next = stss3_list_next,
    .list_close = stss3_list_close,
    .presign = stss3_presign,
    .purge = stss3_purge,
};

const struct regstore_plugin *regstore_plugin_v1(void)
{
    return &plugin;
}
