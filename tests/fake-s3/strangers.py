#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Strangers try the server: boto3 and the aws CLI of today, as they come from PyPI.

strangers.py ENV [CA]: ENV is the server's file; CA the certificate when it speaks TLS, over which
these clients send their checksums in trailers. Prints TAP.
"""
import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import ssl

import boto3
import botocore
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from claims import run

MIB = 1 << 20
ENV = dict(line.strip().split("=", 1) for line in open(sys.argv[1], encoding="utf-8"))
CA = sys.argv[2] if len(sys.argv) > 2 else None
REGION = ENV["FAKE_S3_REGION"]
BUCKET = ENV["FAKE_S3_BUCKET"]
for name in [n for n in os.environ if n.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


def client(service, keys, **config):
    return boto3.client(
        service, region_name=REGION, endpoint_url=ENV["FAKE_S3_ENDPOINT"], verify=CA,
        aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
        aws_session_token=keys[2] if len(keys) > 2 else None,
        config=Config(retries={"total_max_attempts": 1}, **config))


USER = (ENV["FAKE_S3_USER_ACCESS_KEY"], ENV["FAKE_S3_USER_SECRET_KEY"])
STRANGER = (ENV["FAKE_S3_STRANGER_ACCESS_KEY"], ENV["FAKE_S3_STRANGER_SECRET_KEY"])


def assume(keys=USER, **more):
    answer = client("sts", keys).assume_role(
        RoleArn=ENV["FAKE_S3_ROLE_ARN"], RoleSessionName="stranger", **more)
    c = answer["Credentials"]
    return answer, (c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])


S3 = client("s3", assume()[1])
BODY = bytes(range(256)) * 1024 * 64  # 16 MiB


def raises(code, status, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        seen = (error.response["Error"]["Code"],
                error.response["ResponseMetadata"]["HTTPStatusCode"])
        assert seen == (code, status), f"{seen} in place of {(code, status)}"
        return error.response
    raise AssertionError(f"it went well in place of {code}")


def session_names_the_role():
    answer, keys = assume(DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/example-role/stranger")
    identity = client("sts", keys).get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"] and identity["Account"]


def sts_refuses_whom_the_role_does_not_trust():
    raises("AccessDenied", 403, assume, keys=STRANGER)
    raises("InvalidClientTokenId", 403, assume, keys=("AKIANOBODY0000000001", "x"))
    raises("SignatureDoesNotMatch", 403, assume, keys=(USER[0], "wrong"))
    raises("ValidationError", 400, assume, DurationSeconds=40000)


def object_comes_back_with_what_was_said_of_it():
    put = S3.put_object(Bucket=BUCKET, Key="a/ü +%&", Body=b"hello", ContentType="text/x",
                        Metadata={"who": "me"}, CacheControl="no-cache")
    assert put["ETag"] == '"%s"' % hashlib.md5(b"hello").hexdigest()
    assert put["ServerSideEncryption"] == "AES256" and put["ChecksumCRC32"]
    got = S3.get_object(Bucket=BUCKET, Key="a/ü +%&", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"hello" and got["ContentType"] == "text/x"
    assert got["Metadata"] == {"who": "me"} and got["CacheControl"] == "no-cache"
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
    head = S3.head_object(Bucket=BUCKET, Key="a/ü +%&")
    assert head["ContentLength"] == 5 and head["ETag"] == put["ETag"]


def every_checksum_is_verified():
    for name in ("CRC32", "SHA1", "SHA256"):
        put = S3.put_object(Bucket=BUCKET, Key="sum", Body=b"x" * 70000, ChecksumAlgorithm=name)
        assert put["Checksum" + name]
        raises("BadDigest", 400, S3.put_object, Bucket=BUCKET, Key="sum", Body=b"y",
               **{"Checksum" + name: put["Checksum" + name]})


def empty_object_can_be_read():
    S3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    assert S3.get_object(Bucket=BUCKET, Key="empty")["Body"].read() == b""
    raises("InvalidRange", 416, S3.get_object, Bucket=BUCKET, Key="empty", Range="bytes=0-")


def ranges_are_what_was_asked():
    S3.put_object(Bucket=BUCKET, Key="range", Body=b"0123456789")
    for asked, expected in (("2-4", b"234"), ("7-", b"789"), ("-3", b"789"), ("0-99", b"0123456789")):
        got = S3.get_object(Bucket=BUCKET, Key="range", Range="bytes=" + asked)
        assert got["Body"].read() == expected, asked
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    raises("InvalidRange", 416, S3.get_object, Bucket=BUCKET, Key="range", Range="bytes=10-")


def conditions_hold():
    S3.put_object(Bucket=BUCKET, Key="cond", Body=b"1")
    etag = S3.head_object(Bucket=BUCKET, Key="cond")["ETag"]
    raises("PreconditionFailed", 412, S3.put_object, Bucket=BUCKET, Key="cond", Body=b"2",
           IfNoneMatch="*")
    raises("PreconditionFailed", 412, S3.put_object, Bucket=BUCKET, Key="cond", Body=b"2",
           IfMatch='"00"')
    S3.put_object(Bucket=BUCKET, Key="cond", Body=b"2", IfMatch=etag)
    raises("PreconditionFailed", 412, S3.get_object, Bucket=BUCKET, Key="cond", IfMatch=etag)
    new = S3.head_object(Bucket=BUCKET, Key="cond")["ETag"]
    raises("304", 304, S3.get_object, Bucket=BUCKET, Key="cond", IfNoneMatch=new)
    raises("NoSuchKey", 404, S3.put_object, Bucket=BUCKET, Key="absent", Body=b"", IfMatch=new)


def managed_upload_goes_up_in_parts():
    with tempfile.NamedTemporaryFile() as file:
        file.write(BODY)
        file.flush()
        S3.upload_file(file.name, BUCKET, "big", Config=TransferConfig(
            multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB))
    head = S3.head_object(Bucket=BUCKET, Key="big", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-4"') and head["ContentLength"] == len(BODY)
    with tempfile.NamedTemporaryFile() as file:
        S3.download_file(BUCKET, "big", file.name)
        assert open(file.name, "rb").read() == BODY


def start(key, **more):
    return S3.create_multipart_upload(Bucket=BUCKET, Key=key, **more)["UploadId"]


def part(key, upload, number, body):
    answer = S3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=body)
    return {"PartNumber": number, "ETag": answer["ETag"],
            **{k: v for k, v in answer.items() if k.startswith("Checksum")}}


def complete(key, upload, parts, **more):
    return S3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload,
                                        MultipartUpload={"Parts": parts}, **more)


def upload_of_parts_is_the_sum_of_them():
    pieces = [BODY[:5 * MIB], BODY[5 * MIB:11 * MIB], b"tail"]
    upload = start("mpu")
    parts = [part("mpu", upload, n + 1, p) for n, p in enumerate(pieces)]
    listed = S3.list_parts(Bucket=BUCKET, Key="mpu", UploadId=upload)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in listed] == [
        (n + 1, len(p)) for n, p in enumerate(pieces)]
    done = complete("mpu", upload, parts)
    md5s = b"".join(hashlib.md5(p).digest() for p in pieces)
    assert done["ETag"] == '"%s-3"' % hashlib.md5(md5s).hexdigest()
    assert S3.get_object(Bucket=BUCKET, Key="mpu")["Body"].read() == b"".join(pieces)
    raises("NoSuchUpload", 404, complete, key="mpu", upload=upload, parts=parts)


def full_checksum_of_parts_is_that_of_the_whole():
    pieces = [BODY[:5 * MIB], BODY[5 * MIB:5 * MIB + 77777]]
    upload = start("full", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [part("full", upload, n + 1, p) for n, p in enumerate(pieces)]
    done = complete("full", upload, parts)
    whole = S3.put_object(Bucket=BUCKET, Key="whole", Body=b"".join(pieces))
    assert done["ChecksumCRC32"] == whole["ChecksumCRC32"]


def wrong_completes_are_refused():
    upload = start("wrong")
    parts = [part("wrong", upload, n, b"%d" % n) for n in (1, 2)]
    raises("EntityTooSmall", 400, complete, key="wrong", upload=upload, parts=parts)
    raises("InvalidPartOrder", 400, complete, key="wrong", upload=upload, parts=parts[::-1])
    raises("InvalidPart", 400, complete, key="wrong", upload=upload,
           parts=[{**parts[0], "ETag": '"0"'}])
    raises("InvalidPart", 400, complete, key="wrong", upload=upload,
           parts=[{**parts[0], "PartNumber": 3}])
    raises("MalformedXML", 400, complete, key="wrong", upload=upload, parts=[])
    raises("InvalidArgument", 400, S3.upload_part, Bucket=BUCKET, Key="wrong", UploadId=upload,
           PartNumber=10001, Body=b"")
    raises("NoSuchUpload", 404, S3.upload_part, Bucket=BUCKET, Key="wrong", UploadId="none",
           PartNumber=1, Body=b"")
    complete("wrong", upload, parts[:1])
    upload = start("wrong")
    one = part("wrong", upload, 1, b"x")
    raises("PreconditionFailed", 412, complete, key="wrong", upload=upload, parts=[one],
           IfNoneMatch="*")
    S3.abort_multipart_upload(Bucket=BUCKET, Key="wrong", UploadId=upload)
    raises("NoSuchUpload", 404, S3.abort_multipart_upload, Bucket=BUCKET, Key="wrong",
           UploadId=upload)


def uploads_are_listed_in_pages():
    ids = {(k, start(k)) for k in ("up/a", "up/a", "up/b", "up/c/1", "up/c/2")}
    pages = S3.get_paginator("list_multipart_uploads").paginate(
        Bucket=BUCKET, Prefix="up/", PaginationConfig={"PageSize": 2})
    assert {(u["Key"], u["UploadId"]) for p in pages for u in p.get("Uploads", [])} == ids
    grouped = S3.list_multipart_uploads(Bucket=BUCKET, Prefix="up/", Delimiter="/")
    assert [p["Prefix"] for p in grouped["CommonPrefixes"]] == ["up/c/"]
    for key, upload in ids:
        S3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)


def copies_are_what_they_copy():
    S3.put_object(Bucket=BUCKET, Key="src +ä", Body=BODY, Metadata={"m": "1"})
    source = {"Bucket": BUCKET, "Key": "src +ä"}
    S3.copy_object(Bucket=BUCKET, Key="dst", CopySource=source)
    assert S3.head_object(Bucket=BUCKET, Key="dst")["Metadata"] == {"m": "1"}
    S3.copy_object(Bucket=BUCKET, Key="dst", CopySource=source, MetadataDirective="REPLACE",
                   Metadata={"m": "2"})
    assert S3.head_object(Bucket=BUCKET, Key="dst")["Metadata"] == {"m": "2"}
    raises("PreconditionFailed", 412, S3.copy_object, Bucket=BUCKET, Key="dst", CopySource=source,
           CopySourceIfMatch='"0"')
    raises("InvalidRequest", 400, S3.copy_object, Bucket=BUCKET, Key="src +ä", CopySource=source)
    upload = start("joined")
    parts = []
    for number, span in ((1, "0-8388607"), (2, f"8388608-{len(BODY) - 1}")):
        answer = S3.upload_part_copy(Bucket=BUCKET, Key="joined", UploadId=upload,
                                     PartNumber=number, CopySource=source,
                                     CopySourceRange="bytes=" + span)
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    raises("InvalidArgument", 400, S3.upload_part_copy, Bucket=BUCKET, Key="joined",
           UploadId=upload, PartNumber=3, CopySource=source,
           CopySourceRange=f"bytes=0-{len(BODY)}")
    S3.abort_multipart_upload(Bucket=BUCKET, Key="joined", UploadId=upload)
    S3.copy(source, BUCKET, "managed", Config=TransferConfig(
        multipart_threshold=5 * MIB, multipart_chunksize=6 * MIB))
    assert S3.get_object(Bucket=BUCKET, Key="managed")["Body"].read() == BODY


def lists_are_whole_and_in_byte_order():
    keys = sorted([f"list/{n:04}" for n in range(1100)] + ["list/ä b+", "list/z/1", "list/z/2"],
                  key=lambda k: k.encode())
    for key in keys:
        S3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    for operation in ("list_objects_v2", "list_objects"):
        pages = S3.get_paginator(operation).paginate(Bucket=BUCKET, Prefix="list/")
        assert [o["Key"] for p in pages for o in p["Contents"]] == keys, operation
        pages = S3.get_paginator(operation).paginate(
            Bucket=BUCKET, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 100})
        found = [(p.get("Contents", []), p.get("CommonPrefixes", [])) for p in pages]
        assert sum(len(c) for c, _ in found) == len(keys) - 2, operation
        assert [g["Prefix"] for _, c in found for g in c] == ["list/z/"], operation
    after = S3.list_objects_v2(Bucket=BUCKET, Prefix="list/", StartAfter="list/1098")
    assert [o["Key"] for o in after["Contents"]] == keys[1099:]


def many_are_deleted_at_once():
    keys = [o["Key"] for p in S3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="list/") for o in p["Contents"]] + ["list/<&>\r\n", "never was"]
    gone = S3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": k} for k in keys[:3]]})
    assert [d["Key"] for d in gone["Deleted"]] == keys[:3]
    for start_at in range(0, len(keys), 1000):
        quiet = S3.delete_objects(Bucket=BUCKET, Delete={"Quiet": True, "Objects": [
            {"Key": k} for k in keys[start_at:start_at + 1000]]})
        assert "Deleted" not in quiet and "Errors" not in quiet
    assert S3.list_objects_v2(Bucket=BUCKET, Prefix="list/")["KeyCount"] == 0
    raises("MalformedXML", 400, S3.delete_objects, Bucket=BUCKET,
           Delete={"Objects": [{"Key": str(n)} for n in range(1001)]})


def fetch(url, method="GET", body=None):
    context = ssl.create_default_context(cafile=CA) if CA else None
    request = urllib.request.Request(url, data=body, method=method)
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def presigned_urls_do_what_they_say():
    signer = client("s3", assume()[1], signature_version="s3v4")
    put = signer.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "pre signed"})
    get = signer.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "pre signed"})
    assert fetch(put, "PUT", b"signed")[0] == 200
    assert fetch(get) == (200, b"signed")
    assert fetch(get, "HEAD")[0] == 403
    assert fetch(get.replace("pre%20signed", "big"))[0] == 403


def buckets_come_and_go():
    user = client("s3", USER)
    user.create_bucket(Bucket="another-bucket")
    assert "another-bucket" in [b["Name"] for b in user.list_buckets()["Buckets"]]
    assert user.get_bucket_location(Bucket="another-bucket")["LocationConstraint"] is None
    assert user.head_bucket(Bucket="another-bucket")["BucketRegion"] == REGION
    user.put_object(Bucket="another-bucket", Key="k", Body=b"")
    raises("BucketNotEmpty", 409, user.delete_bucket, Bucket="another-bucket")
    user.delete_object(Bucket="another-bucket", Key="k")
    user.delete_bucket(Bucket="another-bucket")
    raises("404", 404, user.head_bucket, Bucket="another-bucket")
    raises("NoSuchBucket", 404, user.put_object, Bucket="another-bucket", Key="k", Body=b"")


def aws_cli_moves_files():
    key, secret, token = assume()[1]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
                   "AWS_SESSION_TOKEN": token, "AWS_DEFAULT_REGION": REGION,
                   "AWS_MAX_ATTEMPTS": "1", **({"AWS_CA_BUNDLE": CA} if CA else {})}

    config = tempfile.NamedTemporaryFile("w")  # pylint: disable=consider-using-with
    config.write("[default]\ns3 =\n  signature_version = s3v4\n")
    config.flush()
    environment["AWS_CONFIG_FILE"] = config.name  # its presign signs in version 2 if not told

    def aws(*words):
        program = os.path.join(os.path.dirname(sys.executable), "aws")
        return subprocess.run([sys.executable, program, "--endpoint-url",
                               ENV["FAKE_S3_ENDPOINT"], *words], env=environment, check=True,
                              capture_output=True, timeout=120).stdout

    with tempfile.TemporaryDirectory() as folder:
        for name, body in (("one", b"1"), ("big", BODY)):
            open(os.path.join(folder, name), "wb").write(body)
        aws("s3", "cp", "--recursive", folder, f"s3://{BUCKET}/cli/")
        assert b" big" in aws("s3", "ls", f"s3://{BUCKET}/cli/")
        aws("s3", "cp", f"s3://{BUCKET}/cli/big", f"s3://{BUCKET}/cli/copy")
        aws("s3", "cp", f"s3://{BUCKET}/cli/copy", os.path.join(folder, "back"))
        assert open(os.path.join(folder, "back"), "rb").read() == BODY
        aws("s3", "rm", "--recursive", f"s3://{BUCKET}/cli/")
        assert b"assumed-role/example-role" in aws("sts", "get-caller-identity")
    url = aws("s3", "presign", f"s3://{BUCKET}/big").decode().strip()
    assert fetch(url) == (200, BODY)


CLAIMS = [session_names_the_role, sts_refuses_whom_the_role_does_not_trust,
          object_comes_back_with_what_was_said_of_it, every_checksum_is_verified,
          empty_object_can_be_read, ranges_are_what_was_asked, conditions_hold,
          managed_upload_goes_up_in_parts, upload_of_parts_is_the_sum_of_them,
          full_checksum_of_parts_is_that_of_the_whole, wrong_completes_are_refused,
          uploads_are_listed_in_pages, copies_are_what_they_copy,
          lists_are_whole_and_in_byte_order, many_are_deleted_at_once,
          presigned_urls_do_what_they_say, buckets_come_and_go, aws_cli_moves_files]


if __name__ == "__main__":
    print(f"# boto3 {boto3.__version__}, botocore {botocore.__version__},",
          "TLS" if CA else "plain http")
    run(CLAIMS)
