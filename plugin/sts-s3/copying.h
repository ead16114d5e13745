/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of objects, the bytes of which stay at S3 as long as the server lets them. */
#ifndef STSS3_COPYING_H
#define STSS3_COPYING_H

#include "objects.h"
#include "store.h"

/*
 * from, of that length and ETag ("": whichever is there), becomes to.  meta without mark and
 * digest: what is written beside the source goes along.  The way down: UploadPartCopy side by side
 * for large ones (Ceph refuses it to every role), CopyObject (AWS takes 5 GiB), and at last read
 * and write. NOT_FOUND: no source.  CONFLICT: another source by now.  etag: 128 bytes, "" where not
 * known.
 */
regstore_status stss3_copy_whole(struct stss3_store *store, struct plug_call *call,
                                 const char *from, const struct stss3_object *source,
                                 const char *to, const struct stss3_meta *meta, char *etag);

#endif
