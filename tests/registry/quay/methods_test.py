#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each method of BaseStorageV2, on a real plugin: see world.py for which one. Prints TAP."""
import io
import json
import os
import pickle
import sys
import unittest
import urllib.request
import uuid as uuids
from collections import namedtuple
from datetime import timedelta

import regstore_quay
import tap
from case import MIB, NOISE, FailingFile, StoreTest, blob_path
from regstore_quay import BlobNotFound, RegstoreError
from world import WORLD


class ConstructorTest(unittest.TestCase):
    def test_wrong_setting_is_refused_by_name_and_with_what_was_meant(self):
        with self.assertRaisesRegex(RegstoreError, "storage_pth.*storage_path"):
            regstore_quay.driver_class("LocalStorage")(None, storage_path="/x", storage_pth="/y")

    def test_plugin_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(RegstoreError, "NoSuchStorage.so"):
            regstore_quay.driver_class("NoSuchStorage")(None, storage_path="/x")

    def test_generic_class_takes_the_plugin_as_a_keyword(self):
        regstore_quay.RegstoreStorage(None, plugin="LocalStorage", storage_path="/x")
        with self.assertRaisesRegex(RegstoreError, "plugin"):
            regstore_quay.RegstoreStorage(None, storage_path="/x")

    def test_settings_of_the_original_are_taken_as_quay_reads_them(self):
        """Numbers are numbers, and what is empty or null counts as left out."""
        regstore_quay.driver_class("STSS3Storage")(
            None, sts_role_arn="arn:aws:iam::123492922789:role/example-role", s3_bucket="b",
            storage_path="/datastorage", sts_user_access_key="AKIAQUAYUSER00000001",
            sts_user_secret_key="quaysecretkey0000000000000000000000000001", s3_region="",
            maximum_chunk_size_gb=5, endpoint_url=None, signature_version="s3v4")

    def test_secret_may_come_from_the_environment(self):
        context = namedtuple("Context", "location")("us-east")
        settings = {"storage_path": "/d", "s3_bucket": "b",
                    "sts_user_access_key": "AKIAQUAYUSER00000001"}
        make = regstore_quay.driver_class("STSS3Storage")
        with self.assertRaisesRegex(RegstoreError, "sts_user_secret_key"):
            make(context, **settings)
        os.environ["REGSTORE_US_EAST_STS_USER_SECRET_KEY"] = "s" * 40
        try:
            make(context, **settings)
        finally:
            del os.environ["REGSTORE_US_EAST_STS_USER_SECRET_KEY"]

    def test_setting_that_is_no_scalar_is_refused(self):
        with self.assertRaisesRegex(RegstoreError, "'storage_path'"):
            WORLD.open(["/x"])

    def test_two_lines_register_the_plugins_in_quays_dictionary(self):
        classes = {"LocalStorage": object, "S3Storage": object}
        classes.update(regstore_quay.driver_classes("STSS3Storage", "LocalStorage"))
        self.assertEqual(classes["LocalStorage"].plugin, "LocalStorage")
        self.assertEqual(classes["STSS3Storage"].__name__, "STSS3Storage")
        self.assertIs(classes["S3Storage"], object)


class ChunkedUploadTest(StoreTest):
    def test_initiate_gives_a_uuid_and_metadata_that_json_and_pickle_carry(self):
        uuid, metadata = self.store.initiate_chunked_upload()
        self.assertEqual(str(uuids.UUID(uuid)), uuid)
        self.assertEqual(json.loads(json.dumps(metadata)), metadata)
        self.assertEqual(pickle.loads(pickle.dumps(metadata)), metadata)
        self.assertNotIn("chunks", metadata)
        self.assert_clean()

    def test_pieces_of_any_size_become_the_blob_and_leave_nothing(self):
        sizes = [(1,), (10, 0, 3), (5 * MIB,), (5 * MIB + 1, 1), (3, 6 * MIB, 6 * MIB, 7)]
        paths = []
        for n, row in enumerate(sizes):
            at = n * 17
            pieces = []
            for size in row:
                pieces.append(NOISE[at:at + size])
                at += size
            paths.append(self.push(pieces)[2])
        self.assert_clean(*paths)

    def test_content_range_push_whose_pieces_are_all_large_is_not_cut_at_blob_offsets(self):
        pieces = [NOISE[:6 * MIB], NOISE[6 * MIB:12 * MIB], NOISE[12 * MIB:12 * MIB + 1]]
        self.assert_clean(self.push(pieces)[2])

    def test_offset_is_not_looked_at(self):
        self.push([b"one", b"two", b"three"], offsets=[0, 0, 0], path="exportedactionlogs/x")

    def test_no_more_is_read_than_length_says(self):
        fp = io.BytesIO(b"0123456789")
        uuid, metadata = self.store.initiate_chunked_upload()
        written, metadata, error = self.store.stream_upload_chunk(uuid, 0, 4, fp, metadata)
        self.assertEqual((written, error, fp.tell()), (4, None, 4))
        written, metadata, error = self.store.stream_upload_chunk(uuid, 4, -1, fp, metadata)
        self.assertEqual((written, error), (6, None))
        self.store.complete_chunked_upload(uuid, "a", metadata)
        self.assertEqual(self.store.get_content("a"), b"0123456789")

    def test_empty_piece_changes_nothing_and_asks_the_plugin_nothing(self):
        uuid, metadata = self.store.initiate_chunked_upload()
        _, metadata, _ = self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"x"), metadata)
        self.store._store.call = lambda *_, **__: self.fail("the plugin was asked")
        for length in (-1, 0, 5):
            answer = self.store.stream_upload_chunk(uuid, 1, length, io.BytesIO(b""), metadata)
            self.assertEqual(answer, (0, metadata, None))

    def test_metadata_that_was_passed_in_stays_as_it_was(self):
        uuid, metadata = self.store.initiate_chunked_upload()
        before = json.dumps(metadata)
        self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"x"), metadata)
        self.assertEqual(json.dumps(metadata), before)

    def test_first_chunk_that_ends_early_is_ended_at_once(self):
        """Quay drops the metadata that comes with an error, so nobody could go on or cancel."""
        uuid, metadata = self.store.initiate_chunked_upload()
        written, same, error = self.store.stream_upload_chunk(
            uuid, 0, -1, FailingFile(NOISE[:7 * MIB]), metadata)
        self.assertIsInstance(error, IOError)
        self.assertEqual((written, same), (0, metadata))
        self.assert_clean()

    def test_client_that_leaves_gets_its_bytes_kept_and_the_error_told(self):
        uuid, metadata = self.store.initiate_chunked_upload()
        _, metadata, error = self.store.stream_upload_chunk(
            uuid, 0, -1, io.BytesIO(NOISE[:MIB]), metadata)
        self.assertIsNone(error)
        written, metadata, error = self.store.stream_upload_chunk(
            uuid, MIB, -1, FailingFile(NOISE[MIB:7 * MIB]), metadata)
        self.assertIsInstance(error, IOError)
        self.assertEqual(written, 6 * MIB)
        written += MIB
        rest = io.BytesIO(NOISE[written:8 * MIB])
        _, metadata, error = self.again().stream_upload_chunk(uuid, written, -1, rest, metadata)
        self.assertIsNone(error)
        self.store.complete_chunked_upload(uuid, blob_path(NOISE[:8 * MIB]), metadata)

    def test_new_upload_that_nobody_will_know_of_is_ended_at_once(self):
        """Some servers' streams raise what is no IOError when their client leaves."""
        class Left(Exception):
            pass

        class Stream(io.BytesIO):
            def read(self, size=-1):
                data = super().read(size)
                if not data:
                    raise Left()
                return data
        uuid, metadata = self.store.initiate_chunked_upload()
        with self.assertRaises(Left):
            self.store.stream_upload_chunk(uuid, 0, -1, Stream(NOISE[:11 * MIB]), metadata)
        self.assert_clean()
        _, kept, _ = self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"kept"), metadata)
        with self.assertRaises(Left):
            self.store.stream_upload_chunk(uuid, 4, -1, Stream(NOISE[:11 * MIB]), kept)
        self.store.complete_chunked_upload(uuid, blob_path(b"kept"), kept)

    def test_old_metadata_goes_on_at_its_own_offset(self):
        """Quay drops the new metadata of a piece that failed."""
        uuid, metadata = self.store.initiate_chunked_upload()
        _, kept, _ = self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"kept"), metadata)
        self.store.stream_upload_chunk(uuid, 4, -1, FailingFile(b"dropped"), kept)
        _, last, error = self.again().stream_upload_chunk(uuid, 4, -1, io.BytesIO(b"rest"), kept)
        self.assertIsNone(error)
        self.store.complete_chunked_upload(uuid, blob_path(b"keptrest"), last)
        self.assert_clean(blob_path(b"keptrest"))

    def test_wrong_digest_is_refused_and_never_visible(self):
        uuid, metadata = self.store.initiate_chunked_upload()
        _, metadata, _ = self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"x"), metadata)
        with self.assertRaises(RegstoreError) as caught:
            self.store.complete_chunked_upload(uuid, blob_path(b"y"), metadata)
        self.assertEqual(caught.exception.status_name, "DIGEST")
        self.assertFalse(self.store.exists(blob_path(b"y")))
        self.store.cancel_chunked_upload(uuid, metadata)
        self.assert_clean()

    def test_complete_may_be_repeated(self):
        uuid, metadata, path = self.push([b"again"])
        self.again().complete_chunked_upload(uuid, path, metadata)
        self.assertEqual(self.store.get_content(path), b"again")

    def test_push_of_nothing_is_the_empty_blob(self):
        uuid, metadata = self.store.initiate_chunked_upload()
        self.store.complete_chunked_upload(uuid, blob_path(b""), metadata)
        self.assertEqual(self.store.get_content(blob_path(b"")), b"")
        self.assert_clean(blob_path(b""))

    def test_push_of_nothing_is_no_other_blob(self):
        uuid, metadata = self.store.initiate_chunked_upload()
        with self.assertRaises(RegstoreError):
            self.store.complete_chunked_upload(uuid, blob_path(b"x"), metadata)
        self.assert_clean()

    def test_cancel_removes_all_with_any_metadata_of_the_upload(self):
        for size in (1, 6 * MIB):
            uuid, begun = self.store.initiate_chunked_upload()
            _, first, _ = self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(NOISE[:size]),
                                                         begun)
            _, last, _ = self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(NOISE[:size]),
                                                        first)
            self.again().cancel_chunked_upload(uuid, first)
            self.assert_clean()
            self.again().cancel_chunked_upload(uuid, last)
            self.again().cancel_chunked_upload(uuid, begun)

    def test_cancel_after_complete_leaves_the_blob(self):
        uuid, metadata, path = self.push([b"mine"])
        self.store.cancel_chunked_upload(uuid, metadata)
        self.assertEqual(self.store.get_content(path), b"mine")

    def test_cancel_does_not_raise_for_what_it_cannot_read(self):
        for metadata in ({"regstore": {"token": "no token"}}, {"regstore": 7}, {"other": 1},
                         {"chunks": [["elsewhere/x", 0, 1]]}):
            with self.assertLogs("regstore_quay", "WARNING"):
                self.store.cancel_chunked_upload("u", metadata)

    def test_what_the_adapter_keeps_makes_the_original_fail_loudly(self):
        """It looks for metadata["chunks"] in each of its three methods."""
        uuid, metadata = self.store.initiate_chunked_upload()
        _, later, _ = self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"x"), metadata)
        for value in (metadata, later):
            with self.assertRaises(KeyError):
                value["chunks"]  # pylint: disable=pointless-statement


class WholeBlobTest(StoreTest):
    def test_content_comes_back(self):
        for content in (b"", b"x", NOISE[:6 * MIB]):
            self.store.put_content("a/b", content)
            self.assertEqual(self.store.get_content("a/b"), content)
        self.store.put_content("a/b", "text \u00e4")
        self.assertEqual(self.store.get_content("a/b").decode(), "text \u00e4")

    def test_missing_blob_is_an_ioerror_that_says_so(self):
        for read in (self.store.get_content, self.store.stream_read_file, self.store.get_checksum,
                     lambda path: next(self.store.stream_read(path))):
            with self.assertRaises(IOError) as caught:
                read("no/such")
            self.assertIsInstance(caught.exception, BlobNotFound)
            self.assertIsInstance(caught.exception, FileNotFoundError)

    def test_stream_read_gives_pieces_and_may_be_left_early(self):
        self.store.buffer_size = 65536
        self.store.put_content("a", NOISE[:MIB + 5])
        pieces = list(self.store.stream_read("a"))
        self.assertEqual(b"".join(pieces), NOISE[:MIB + 5])
        self.assertLessEqual(max(map(len, pieces)), 65536)
        generator = self.store.stream_read("a")
        next(generator)
        generator.close()

    def test_stream_read_file_reads_seeks_and_ends(self):
        self.store.put_content("a", NOISE[:3 * MIB])
        with self.store.stream_read_file("a") as fp:
            self.assertEqual(fp.read(10), NOISE[:10])
            self.assertEqual(fp.seek(-4, io.SEEK_END), 3 * MIB - 4)
            self.assertEqual(fp.read(), NOISE[3 * MIB - 4:3 * MIB])
            self.assertEqual(fp.read(5), b"")
            fp.seek(MIB)
            self.assertEqual(fp.read(2 * MIB), NOISE[MIB:3 * MIB])
            self.assertEqual(fp.seek(99, io.SEEK_END), 3 * MIB + 99)
            self.assertEqual(fp.read(5), b"")
            self.assertTrue(fp.readable() and fp.seekable())
            with self.assertRaises(ValueError):
                fp.seek(-1)
            raw = fp.raw
        with self.assertRaises(ValueError):
            raw.readinto(bytearray(1))

    def test_stream_read_file_can_be_measured_as_other_drivers_do(self):
        self.store.put_content("a", NOISE[:MIB])
        with self.store.stream_read_file("a") as fp:
            self.assertEqual(fp.seek(0, io.SEEK_END), MIB)
            self.assertEqual(fp.seek(7), 7)
            self.assertEqual(fp.seek(0), 0)
            self.assertEqual(fp.read(), NOISE[:MIB])

    def test_file_that_changes_while_it_is_read_is_never_mixed(self):
        self.store.put_content("a", NOISE[:3 * MIB])
        with self.store.stream_read_file("a") as fp:
            fp.read(10)
            self.store.put_content("a", NOISE[5 * MIB:8 * MIB])
            with self.assertRaisesRegex(RegstoreError, "CONFLICT"):
                fp.seek(2 * MIB + 7)
                fp.read(1)

    def test_stream_write_writes_and_replaces(self):
        for data in (NOISE[:11 * MIB], b"short"):
            self.store.stream_write("a", io.BytesIO(data), content_type="text/plain",
                                    content_encoding="identity")
            self.assertEqual(self.store.get_content("a"), data)
        self.assert_clean("a")

    def test_stream_write_that_fails_is_an_ioerror_and_leaves_nothing(self):
        for size in (1, 7 * MIB):
            with self.assertRaisesRegex(IOError, "has left"):
                self.store.stream_write("a", FailingFile(NOISE[:size]))
            self.assertFalse(self.store.exists("a"))
            self.assert_clean()

    def test_blob_path_takes_no_other_content(self):
        for write in (lambda: self.store.put_content(blob_path(b"x"), b"y"),
                      lambda: self.store.stream_write(blob_path(b"x"), io.BytesIO(b"y"))):
            with self.assertRaisesRegex(RegstoreError, "DIGEST"):
                write()
        self.assert_clean()

    def test_copy_to_another_location_is_the_same_blob(self):
        other = WORLD.open(WORLD.new_path())
        path = self.push([NOISE[:9 * MIB]])[2]
        self.store.copy_to(other, path)
        self.assertEqual(other.get_content(path), NOISE[:9 * MIB])


class LookTest(StoreTest):
    def test_exists_tells_a_blob_from_a_folder_and_from_nothing(self):
        self.store.put_content("a/b", b"")
        answers = [self.store.exists(path) for path in ("a/b", "a", "a/bb", "b")]
        self.assertEqual(answers, [True, False, False, False])

    def test_exists_does_not_take_a_failure_for_no(self):
        for path in ("a/../b", "/a", "", "a\0b", "a//b", "\udcff"):
            with self.assertRaisesRegex(RegstoreError, "INVALID|NUL|no text"):
                self.store.exists(path)

    def test_remove_takes_a_blob_and_what_is_not_there(self):
        path = self.push([b"x"])[2]
        for target in (path, path, "a", blob_path(b"other")):
            self.assertIsNone(self.store.remove(target))
        self.assert_clean()

    def test_remove_takes_a_folder_and_not_its_neighbours(self):
        for path in ("sharedimages/u/layer", "sharedimages/u/more/x", "sharedimages/uu", "s"):
            self.store.put_content(path, b"x")
        self.store.remove("sharedimages/u")
        self.assert_clean("s", "sharedimages/uu")
        self.store.put_content("sharedimages/u/layer", b"x")
        self.store.remove("sharedimages/u/")
        self.assert_clean("s", "sharedimages/uu")

    def test_checksum_has_seven_letters_and_follows_the_content(self):
        seen = set()
        for content in (b"one", b"three"):
            self.store.put_content("a", content)
            self.assertEqual(self.store.get_checksum("a"), self.again().get_checksum("a"))
            seen.add(self.store.get_checksum("a"))
        self.assertEqual([len(word) for word in seen], [7, 7])

    def test_inherited_methods_are_there(self):
        out = io.BytesIO()
        self.assertEqual(self.store.stream_write_to_fp(io.BytesIO(b"12345"), out, 3), 3)
        self.assertEqual(self.store.stream_write_to_fp(io.BytesIO(b"12345"), out), 5)
        self.assertEqual(out.getvalue(), b"12312345")
        self.assertEqual(self.store.v1_image_layer_path("u"), "sharedimages/u/layer")
        self.assertEqual(self.store.blob_path("sha256:" + "ab" * 32), "sha256/ab/" + "ab" * 32)
        self.assertGreater(self.store.buffer_size, 0)

    def test_setup_does_nothing(self):
        self.store.setup()
        self.assert_clean()


class UrlTest(StoreTest):
    def test_direct_url_is_none_where_there_is_none(self):
        if not WORLD.is_local:
            self.skipTest("this plugin has URLs")
        self.assertFalse(self.store.get_supports_resumable_downloads())
        self.assertIsNone(self.store.get_direct_download_url("a"))
        self.assertIsNone(self.store.get_direct_upload_url("a", "text/plain"))

    def fetch(self, url, method="GET", data=None, mime=None):
        headers = {"Content-Type": mime} if mime else {}
        request = urllib.request.Request(url, method=method, data=data, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def test_direct_download_url_gives_the_blob_whatever_else_quay_passes(self):
        if WORLD.is_local:
            self.skipTest("a file has no URL")
        self.assertTrue(self.store.get_supports_resumable_downloads())
        self.store.put_content("a b", b"there")
        url = self.store.get_direct_download_url(
            "a b", "127.0.0.1", 600, True, False, username="u", namespace="n", repo_name="r")
        self.assertEqual(self.fetch(url), b"there")
        head = self.store.get_direct_download_url("a b", "127.0.0.1", 600, False, True)
        self.assertEqual(self.fetch(head, "HEAD"), b"")

    def test_direct_upload_url_takes_the_blob(self):
        if WORLD.is_local:
            self.skipTest("a file has no URL")
        url = self.store.get_direct_upload_url("userfiles/u", "text/plain", requires_cors=True)
        self.fetch(url, "PUT", b"sent", "text/plain")
        self.assertEqual(self.store.get_content("userfiles/u"), b"sent")


class UpkeepTest(StoreTest):
    def begin(self, size):
        uuid, metadata = self.store.initiate_chunked_upload()
        data = io.BytesIO(NOISE[:size])
        return uuid, self.store.stream_upload_chunk(uuid, 0, -1, data, metadata)[1]

    def test_cleanup_spares_what_is_young(self):
        for size in (1, 6 * MIB):
            uuid, metadata = self.begin(size)
            self.store.clean_partial_uploads(timedelta(days=2))
            self.store.clean_orphaned_multipart_uploads(timedelta(days=1))
            self.again().complete_chunked_upload(uuid, blob_path(NOISE[:size]), metadata)

    def test_cleanup_takes_what_is_old_and_an_upload_is_then_gone(self):
        begun = [self.begin(size) for size in (1, 6 * MIB)]
        for chunk in (b"", b"x"):
            self.lay_chunk(chunk)
        while self.listed("uploads/") or self.unfinished():  # until they are a second old
            self.store.clean_partial_uploads(timedelta(seconds=1))
            self.assertGreaterEqual(
                self.store.clean_orphaned_multipart_uploads(timedelta(seconds=1)), 0)
        self.assert_clean()
        for uuid, metadata in begun:
            with self.assertRaisesRegex(RegstoreError, "GONE"):
                self.store.complete_chunked_upload(uuid, "any/path", metadata)
            self.store.cancel_chunked_upload(uuid, metadata)

    def test_cleanup_of_multipart_uploads_tells_how_many_they_were(self):
        if WORLD.is_local:
            self.skipTest("files know no multipart uploads")
        self.begin(6 * MIB)
        self.begin(6 * MIB)
        removed = 0
        while self.unfinished():
            removed += self.store.clean_orphaned_multipart_uploads(timedelta(seconds=1))
        self.assertEqual(removed, 2)

    def test_old_exported_logs_go_and_nothing_else(self):
        folder = "exportedactionlogs"
        name = f"{uuids.uuid4()}-{uuids.uuid4()}"
        log = f"{folder}/{name}"
        others = [f"{folder}/readme", f"{folder}/{uuids.uuid4()}", f"{folder}/{name}x",
                  f"other/{name}"]
        for path in [log] + others:
            self.store.put_content(path, b"x")
        self.store.clean_exported_action_logs(timedelta(hours=1), folder)
        self.assert_clean(log, *others)
        while self.store.exists(log):  # until the store's clock has gone on
            self.store.clean_exported_action_logs(timedelta(seconds=0), folder)
        self.assert_clean(*others)

    def test_validate_is_content_with_a_good_location_and_leaves_nothing(self):
        self.store.validate(None)
        self.assert_clean()

    def test_validate_says_what_is_wrong_and_what_to_do(self):
        if WORLD.is_local:
            file = os.path.join(WORLD.folder, "file")
            open(file, "w", encoding="utf-8").close()
            bad = WORLD.open(file)
        else:
            bad = WORLD.open(self.path, s3_bucket="no-such-bucket")
        with self.assertRaisesRegex(RegstoreError, "file|no-such-bucket"):
            bad.validate(None)


if __name__ == "__main__":
    try:
        tap.main(sys.modules["__main__"], os.environ.get("QUAY_TEST_PREFIX", ""))
    finally:
        WORLD.end()
