#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rollback.py: one bucket, served in turns by boto3, which lays keys as Quay's own driver does, and
by the adapter. The location stands in QUAY_TEST_LOCATION (see world.py). Prints TAP."""
import hashlib
import io
import os
import sys
import unittest
import urllib.request
import uuid as uuids
from datetime import timedelta

import boto3
import botocore.exceptions
import tap
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from world import WORLD

MIB = 1 << 20
NOISE = hashlib.shake_256(b"rollback").digest(20 * MIB)


def blob_path(data):
    digest = hashlib.sha256(data).hexdigest()
    return f"sha256/{digest[:2]}/{digest}"


class OriginalLike:
    """What the original asks of S3, by boto3, under the assumed role. Its keys are storage_path,
    without the leading slash, joined with the path."""

    def __init__(self, settings, storage_path):
        self.bucket, self.root = settings["s3_bucket"], storage_path.strip("/")
        common = {"region_name": settings.get("s3_region") or "us-east-1",
                  "config": Config(signature_version="s3v4", s3={"addressing_style": "path"})}
        user = boto3.client("sts", aws_access_key_id=settings["sts_user_access_key"],
                            aws_secret_access_key=settings["sts_user_secret_key"],
                            endpoint_url=settings["sts_endpoint_url"],
                            region_name=common["region_name"])
        session = user.assume_role(RoleArn=settings["sts_role_arn"], RoleSessionName="quay",
                                   DurationSeconds=900)["Credentials"]
        self.s3 = boto3.client("s3", aws_access_key_id=session["AccessKeyId"],
                               aws_secret_access_key=session["SecretAccessKey"],
                               aws_session_token=session["SessionToken"],
                               endpoint_url=settings["endpoint_url"], **common)

    def key(self, path):
        return f"{self.root}/{path}"

    def where(self, path):
        return {"Bucket": self.bucket, "Key": self.key(path)}

    def chunk(self, data):
        """Of stream_upload_chunk: (path, length)."""
        path = f"uploads/{uuids.uuid4()}"
        upload = self.s3.create_multipart_upload(ContentType="application/octet-stream",
                                                 **self.where(path))["UploadId"]
        parts = []
        for number, at in enumerate(range(0, len(data), 5 * MIB), 1):
            part = self.s3.upload_part(Body=data[at:at + 5 * MIB], PartNumber=number,
                                       UploadId=upload, **self.where(path))
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self.s3.complete_multipart_upload(UploadId=upload, MultipartUpload={"Parts": parts},
                                          **self.where(path))
        return path, len(data)

    def empty_chunk(self):
        """Of the PUT of docker, which has no body."""
        path = f"uploads/{uuids.uuid4()}"
        upload = self.s3.create_multipart_upload(**self.where(path))["UploadId"]
        self.s3.abort_multipart_upload(UploadId=upload, **self.where(path))

    def exists(self, path):
        try:
            self.s3.head_object(**self.where(path))
            return True
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            return False

    def complete(self, path, chunk):
        """Of one chunk: boto3's managed copy, which looks at the source first. In one request up to
        any size: Ceph 16 refuses UploadPartCopy to an assumed role, and so the original's large
        layers."""
        self.s3.copy(self.where(chunk), self.bucket, self.key(path),
                     Config=TransferConfig(multipart_threshold=5 << 30))

    def push(self, data):
        path = blob_path(data)
        chunk, _ = self.chunk(data)
        self.empty_chunk()
        if not self.exists(path):
            self.complete(path, chunk)
        return path

    def read(self, path):
        return self.s3.get_object(**self.where(path))["Body"].read()

    def remove(self, path):
        self.s3.delete_object(**self.where(path))

    def keys(self):
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.root + "/")
        return [entry["Key"][len(self.root) + 1:] for entry in found.get("Contents", [])]


class RollbackTest(unittest.TestCase):
    def setUp(self):
        path = WORLD.new_path()
        self.ours = WORLD.open(path)
        self.theirs = OriginalLike(WORLD.settings, path)

    def push_ours(self, data):
        path = blob_path(data)
        uuid, metadata = self.ours.initiate_chunked_upload()
        _, metadata, error = self.ours.stream_upload_chunk(uuid, 0, -1, io.BytesIO(data), metadata)
        self.assertIsNone(error)
        self.ours.complete_chunked_upload(uuid, path, metadata)
        return path

    def test_what_boto3_laid_is_served_and_deleted_by_ours(self):
        for data in (b"small", NOISE[:11 * MIB]):
            path = self.theirs.push(data)
            self.assertTrue(self.ours.exists(path))
            self.assertEqual(self.ours.get_content(path), data)
            with self.ours.stream_read_file(path) as fp:
                fp.seek(3)
                self.assertEqual(fp.read(), data[3:])
            with urllib.request.urlopen(self.ours.get_direct_download_url(path)) as answer:
                self.assertEqual(answer.read(), data)
            self.assertEqual(self.ours.get_checksum(path),
                             self.theirs.s3.head_object(**self.theirs.where(path))["ETag"][1:8])
            self.ours.remove(path)
            self.assertFalse(self.theirs.exists(path))

    def test_what_ours_laid_is_served_and_deleted_by_boto3(self):
        for data in (b"small", NOISE[:11 * MIB]):
            path = self.push_ours(data)
            self.assertEqual(self.theirs.keys(), [path])
            self.assertEqual(self.theirs.read(path), data)
            self.theirs.remove(path)
            self.assertFalse(self.ours.exists(path))

    def test_both_add_to_one_bucket_in_turns(self):
        paths = []
        for n in range(3):
            paths.append(self.theirs.push(NOISE[n:n + 1000]))
            paths.append(self.push_ours(NOISE[n:n + 2000]))
        self.assertEqual(sorted(k for k in self.theirs.keys() if k.startswith("sha256/")),
                         sorted(paths))
        again = self.theirs.push(NOISE[0:2000])  # which ours has already
        self.assertEqual(self.ours.get_content(again), NOISE[0:2000])
        self.assertEqual(self.push_ours(NOISE[0:1000]), paths[0])
        self.assertEqual(self.theirs.read(paths[0]), NOISE[0:1000])

    def test_push_that_boto3_began_is_finished_by_ours_and_its_chunks_are_gone(self):
        pieces = [NOISE[:6 * MIB], NOISE[6 * MIB:12 * MIB], b"end"]
        at, chunks = 0, []
        for piece in pieces:  # with Content-Range, where the offset is the blob's
            path, length = self.theirs.chunk(piece)
            chunks.append([path, at, length])
            at += length
        path = blob_path(b"".join(pieces))
        self.ours.complete_chunked_upload("u", path, {"chunks": chunks})
        self.assertEqual(self.theirs.read(path), b"".join(pieces))
        self.assertEqual(self.theirs.keys(), [path])

    def test_chunks_that_boto3_left_behind_are_purged_by_ours(self):
        self.theirs.push(b"left")
        self.theirs.s3.create_multipart_upload(**self.theirs.where("uploads/x"))
        while any(key.startswith("uploads/") for key in self.theirs.keys()) or \
                self.theirs.s3.list_multipart_uploads(
                    Bucket=self.theirs.bucket, Prefix=self.theirs.root + "/").get("Uploads"):
            self.ours.clean_partial_uploads(timedelta(seconds=1))
            self.ours.clean_orphaned_multipart_uploads(timedelta(seconds=1))
        self.assertEqual(self.theirs.keys(), [blob_path(b"left")])


if __name__ == "__main__":
    if sys.argv[1:2] == ["small"]:  # so many small blobs, as the original pushes them
        original = OriginalLike(WORLD.settings, "/original")
        for count in range(int(sys.argv[2])):
            original.push(os.urandom(4096))
    else:
        tap.main(sys.modules["__main__"], os.environ.get("QUAY_TEST_PREFIX", ""))
