/* SPDX-License-Identifier: Apache-2.0 */
/* LocalStorage: blobs as files in a folder. */
#include "blob.h"
#include "list.h"
#include "purge.h"
#include "reader.h"
#include "upload.h"

/* There are no extensions. */
static const void *extension(const char *id)
{
    (void)id; /* Whatever is asked for. */
    return NULL;
}

static const struct regstore_plugin plugin = {
    .struct_size = sizeof plugin,
    .abi_minor = REGSTORE_ABI_MINOR,
    .features = REGSTORE_F_SERVER_COPY | REGSTORE_F_ATOMIC_IF_ABSENT | REGSTORE_F_SHA512 |
                REGSTORE_F_FORK_AFTER_USE,
    .name = "LocalStorage",
    .version = REGSTORE_BUILT_VERSION,
    .description = "Blobs as files in a folder: staged in uploads/, published by rename.",
    .params = local_params,
    .extension = extension,
    .store_open = local_store_open,
    .store_features = local_store_features,
    .store_close = local_store_close,
    .check = local_check,
    .upload_open = local_upload_open,
    .upload_write = local_upload_write,
    .upload_offset = local_upload_offset,
    .upload_digest = local_upload_digest,
    .upload_suspend = local_upload_suspend,
    .upload_commit = local_upload_commit,
    .upload_abort = local_upload_abort,
    .upload_close = local_upload_close,
    .read_open = local_read_open,
    .read_next = local_read_next,
    .read_close = local_read_close,
    .stat = local_stat,
    .delete_blobs = local_delete_blobs,
    .copy = local_copy,
    .list_open = local_list_open,
    .list_next = local_list_next,
    .list_close = local_list_close,
    .presign = NULL, /* a file has no URL */
    .purge = local_purge,
};

const struct regstore_plugin *regstore_plugin_v1(void)
{
    return &plugin;
}
