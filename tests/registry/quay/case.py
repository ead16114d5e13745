# SPDX-License-Identifier: Apache-2.0
"""What the tests of the adapter have in common: a store that begins empty, and looks at it."""
import hashlib
import io
import json
import os
import unittest
import uuid as uuids

import regstore_quay
from world import WORLD

MIB = 1 << 20
NOISE = hashlib.shake_256(b"regstore").digest(20 * MIB)


def blob_path(data):
    digest = hashlib.sha256(data).hexdigest()
    return f"sha256/{digest[:2]}/{digest}"


class FailingFile(io.BytesIO):
    """Gives all that it has and then fails, as a client that goes away does."""

    def read(self, size=-1):
        data = super().read(size)
        if not data:
            raise IOError("the client has left")
        return data


class StoreTest(unittest.TestCase):
    def setUp(self):
        self.path = WORLD.new_path()
        self.store = WORLD.open(self.path)

    def again(self):
        """As in another process: only the path is the same."""
        return WORLD.open(self.path)

    def listed(self, prefix):
        return [path for path, _ in self.store._store.list(prefix)]

    def assert_clean(self, *paths):
        """The store has these blobs and nothing else, staged things included."""
        self.assertEqual(self.listed("") + self.listed("uploads/"), sorted(paths))
        self.assertEqual(self.unfinished(), 0)

    def unfinished(self):
        """Multipart uploads that nobody ended: purge, as a trial, tells of any age."""
        out = regstore_quay._abi.Purged()
        options = regstore_quay._abi.PurgeOpts(flags=0x2 | 0x4, older_than_s=1)
        store = self.store._store
        store.call("look", "purge", store._handle(), options, out)
        return out.uploads + out.spared

    def push(self, pieces, offsets=None, path=None):
        """As Quay does: each piece in a process of its own, metadata through JSON."""
        data = b"".join(pieces)
        uuid, metadata = self.store.initiate_chunked_upload()
        at = 0
        for number, piece in enumerate(pieces):
            self.assertNotIn("chunks", metadata)
            offset = at if offsets is None else offsets[number]
            written, metadata, error = self.again().stream_upload_chunk(
                uuid, offset, len(piece), io.BytesIO(piece), json.loads(json.dumps(metadata)),
                content_type="application/octet-stream")
            self.assertIsNone(error)
            self.assertEqual(written, len(piece))
            at += written
        path = path or blob_path(data)
        self.again().complete_chunked_upload(uuid, path, json.loads(json.dumps(metadata)))
        self.assertEqual(self.store.get_content(path), data)
        return uuid, metadata, path

    def lay_chunk(self, data):
        """An object as the original's stream_upload_chunk leaves it: under uploads/, where a plugin
        lets nobody write, so it is written from above."""
        name = str(uuids.uuid4())
        above = WORLD.open(os.path.dirname(self.path) or "/")
        above.put_content(f"{os.path.basename(self.path)}/uploads/{name}", data)
        return "uploads/" + name
