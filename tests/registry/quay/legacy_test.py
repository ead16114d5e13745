#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uploads that Quay's own drivers began, on a real plugin: world.py says which. Prints TAP."""
import io
import json
import os
import sys
import uuid as uuids
from collections import namedtuple

import tap
from case import MIB, NOISE, StoreTest, blob_path
from regstore_quay import RegstoreError
from world import WORLD

Chunk = namedtuple("Chunk", ["path", "offset", "length"])  # as the original keeps them


class LegacyUploadTest(StoreTest):
    def lay(self, *pieces, offsets=None, kind=list):
        at, chunks = 0, []
        for number, piece in enumerate(pieces):
            offset = at if offsets is None else offsets[number]
            chunks.append(kind([self.lay_chunk(piece), offset, len(piece)]))
            at += len(piece)
        return {"chunks": chunks}

    def test_chunks_of_the_original_become_the_blob_and_are_removed(self):
        for offsets in (None, [0, 0, 0]):
            pieces = [NOISE[:6 * MIB], NOISE[6 * MIB:7 * MIB], b"end"]
            metadata = self.lay(*pieces, offsets=offsets)
            path = blob_path(b"".join(pieces))
            self.store.complete_chunked_upload("u", path, metadata)
            self.assertEqual(self.store.get_content(path), b"".join(pieces))
            self.assert_clean(path)

    def test_chunks_may_be_namedtuples(self):
        metadata = self.lay(b"one", b"two", kind=lambda row: Chunk(*row))
        self.store.complete_chunked_upload("u", blob_path(b"onetwo"), metadata)
        self.assert_clean(blob_path(b"onetwo"))

    def test_push_that_the_original_began_goes_on_here(self):
        old = self.lay(b"old,", b"older,")
        written, mine, error = self.store.stream_upload_chunk("u", 10, -1, io.BytesIO(b"new"), old)
        self.assertEqual((written, error), (3, None))
        self.assertNotIn("chunks", mine)
        self.assertEqual(len(self.listed("uploads/")) >= 2, True)
        # Quay may have dropped `mine`: the old metadata must still do.
        _, mine, _ = self.again().stream_upload_chunk("u", 10, -1, io.BytesIO(b"n"), old)
        _, mine, _ = self.again().stream_upload_chunk("u", 11, -1, io.BytesIO(b"ew"),
                                                      json.loads(json.dumps(mine)))
        self.again().complete_chunked_upload("u", blob_path(b"old,older,new"), mine)
        self.assertEqual(self.store.get_content(blob_path(b"old,older,new")), b"old,older,new")
        left = [path for path in self.listed("uploads/") if path in [c[0] for c in old["chunks"]]]
        self.assertEqual(left, [])

    def test_cancel_removes_the_originals_chunks(self):
        self.store.cancel_chunked_upload("u", self.lay(b"a", b"b"))
        self.assert_clean()

    def test_chunk_that_is_gone_or_cut_is_no_blob(self):
        for spoil in (lambda row: row.__setitem__(0, row[0] + "x"),
                      lambda row: row.__setitem__(2, row[2] + 1),
                      lambda row: row.__setitem__(2, row[2] - 1)):
            metadata = self.lay(b"one", b"two")
            spoil(metadata["chunks"][1])
            with self.assertRaisesRegex(RegstoreError, "INVALID|push anew|not the"):
                self.store.complete_chunked_upload("u", "any/path", metadata)
            self.assertFalse(self.store.exists("any/path"))
            for path in self.listed("uploads/"):
                self.store.remove(path)
            self.assert_clean()

    def test_empty_list_of_chunks_is_never_read_as_a_blob(self):
        for path in ("any/path", blob_path(b"x")):
            with self.assertRaises(RegstoreError):
                self.store.complete_chunked_upload("u", path, {"chunks": []})
        self.store.complete_chunked_upload("u", blob_path(b""), {"chunks": []})
        self.assert_clean(blob_path(b""))

    def test_empty_list_of_chunks_can_be_gone_on_with(self):
        _, mine, error = self.store.stream_upload_chunk("u", 0, -1, io.BytesIO(b"x"),
                                                        {"chunks": []})
        self.assertIsNone(error)
        self.store.complete_chunked_upload("u", blob_path(b"x"), mine)
        self.assert_clean(blob_path(b"x"))

    def test_file_that_the_original_local_storage_staged_becomes_the_blob(self):
        uuid = self.lay_chunk(b"staged")[len("uploads/"):]
        self.store.complete_chunked_upload(uuid, blob_path(b"staged"), {})
        self.assert_clean(blob_path(b"staged"))
        with self.assertRaises(RegstoreError):
            self.store.complete_chunked_upload(str(uuids.uuid4()), "any/path", {})

    def test_file_that_the_original_local_storage_staged_takes_no_more_bytes_here(self):
        """Back at the original, its commit would move that file as it is, without ours."""
        uuid = self.lay_chunk(b"staged")[len("uploads/"):]
        written, same, error = self.store.stream_upload_chunk(uuid, 6, -1, io.BytesIO(b"more"), {})
        self.assertEqual((written, same), (0, {}))
        self.assertIsInstance(error, RegstoreError)
        self.store.cancel_chunked_upload(uuid, {})
        self.assert_clean()

    def test_metadata_of_somebody_else_is_refused(self):
        for metadata in ({"segments": []}, {"chunks": 3}, {"chunks": [[1, 2]]}, [], "x",
                         {"chunks": [["sha256/ab/x", 0, 1]]}, {"chunks": [["uploads/x", 0, "1"]]},
                         {"chunks": [], "regstore": {"token": None}}, {"regstore": {"token": 1}},
                         {"regstore": {"token": None, "replaces": ["sha256/ab/x"]}}):
            with self.assertRaises(RegstoreError):
                self.store.complete_chunked_upload("u", "any/path", metadata)
            written, same, error = self.store.stream_upload_chunk("u", 0, -1, io.BytesIO(b"x"),
                                                                  metadata)
            self.assertEqual((written, same), (0, metadata))
            self.assertIsInstance(error, RegstoreError)
        self.assert_clean()


if __name__ == "__main__":
    try:
        tap.main(sys.modules["__main__"], os.environ.get("QUAY_TEST_PREFIX", ""))
    finally:
        WORLD.end()
