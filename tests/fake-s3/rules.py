#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the server demands and refuses as another provider than AWS: rules.py ENV NAME, of a server
with --provider NAME. Prints TAP."""
import base64
import hashlib
import re
import sys

from claims import run
from signer import Request

NAME = sys.argv[2]
MIB = 1 << 20


def ask(method, key, query="", body=b"", **headers):
    r = Request(method, key, query, body)
    r.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    r.sign()
    return r.send()


def upload(lengths, numbers=None):
    """An upload of parts of these lengths, completed; the answer to Complete."""
    upload_id = re.search("<UploadId>(.*?)<", ask("POST", "parts", "uploads=")[2]).group(1)
    listed = ""
    for number, length in zip(numbers or range(1, len(lengths) + 1), lengths):
        answer = ask("PUT", "parts", f"partNumber={number}&uploadId={upload_id}", b"x" * length)
        if answer[0] != 200:
            return answer
        listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{answer[3]['ETag']}</ETag></Part>"
    return ask("POST", "parts", f"uploadId={upload_id}",
               f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())


def delete(**headers):
    body = b"<Delete><Object><Key>thing</Key></Object></Delete>"
    given = {"content_md5": base64.b64encode(hashlib.md5(body).digest()).decode(),
             "x_amz_checksum_sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
    return ask("POST", "", "delete=", body,
               **{name: value for name, value in given.items() if name in headers})[:2]


def part_copy():
    assert ask("PUT", "source", body=b"x" * (6 * MIB))[0] == 200
    upload_id = re.search("<UploadId>(.*?)<", ask("POST", "copied", "uploads=")[2]).group(1)
    source = Request().path.rsplit("/", 1)[0] + "/source"
    return ask("PUT", "copied", f"partNumber=1&uploadId={upload_id}", x_amz_copy_source=source)[:2]


def parts_but_the_last_have_one_length_on_r2():
    due = (400, "InvalidPart") if NAME == "r2" else (200, "")
    for lengths in ([5 * MIB, 6 * MIB, 1], [5 * MIB, 5 * MIB, 6 * MIB]):
        answer = upload(lengths)
        assert answer[:2] == due, answer[:3]
        assert NAME != "r2" or "All non-trailing parts must have the same length." in answer[2]
    assert upload([5 * MIB, 5 * MIB, 1])[0] == upload([1])[0] == upload([6 * MIB, 5 * MIB])[0] == 200


def etag_of_parts_is_random_on_r2():
    etags = [re.search("<ETag>&quot;(.{32})-2&quot;</ETag>",
                       upload([5 * MIB, 1])[2].replace('"', "&quot;")).group(1) for _ in range(2)]
    assert (etags[0] != etags[1]) == (NAME == "r2"), etags


def parts_have_numbers_to_1000_on_scaleway():
    due = (400, "InvalidArgument") if NAME == "scaleway" else (200, "")
    assert upload([1], [1000])[0] == 200
    assert upload([1], [1001])[:2] == due


def part_copy_is_not_to_be_had_on_gcs_and_ceph():
    assert part_copy() == {"gcs": (501, "NotImplemented"),
                           "ceph": (403, "AccessDenied")}.get(NAME, (200, ""))


def list_v2_is_not_known_to_ceph():
    text = ask("GET", "", "list-type=2")[2]
    assert ("<KeyCount>" in text) == (NAME != "ceph") == ("<Marker" not in text), text


def lists_are_not_encoded_by_ceph():
    due = (400, "InvalidArgument") if NAME == "ceph" else (200, "")
    assert ask("GET", "", "encoding-type=url")[:2] == due


def delete_objects_needs_md5_of_all_but_r2():
    assert delete(content_md5=1) == (200, "")
    assert delete() == (400, "InvalidRequest")
    due = (200, "") if NAME == "r2" else (400, "InvalidRequest")
    assert delete(x_amz_checksum_sha256=1) == due


def if_none_match_is_ignored_by_gcs():
    assert ask("PUT", "there", body=b"1")[0] == 200
    due = (200, "") if NAME == "gcs" else (412, "PreconditionFailed")
    assert ask("PUT", "there", body=b"2", if_none_match="*")[:2] == due


def encryption_needs_a_kms_on_some():
    due = (501, "NotImplemented") if NAME in ("minio", "r2", "gcs") else (200, "")
    assert ask("PUT", "there", x_amz_server_side_encryption="AES256")[:2] == due


def checksums_are_not_known_to_some():
    value = base64.b64encode(hashlib.sha256(b"1").digest()).decode()
    due = (501, "NotImplemented") if NAME in ("ceph", "gcs", "scaleway") else (200, "")
    assert ask("PUT", "there", body=b"1", x_amz_checksum_sha256=value)[:2] == due


if __name__ == "__main__":
    run([parts_but_the_last_have_one_length_on_r2, etag_of_parts_is_random_on_r2,
         parts_have_numbers_to_1000_on_scaleway, part_copy_is_not_to_be_had_on_gcs_and_ceph,
         list_v2_is_not_known_to_ceph, lists_are_not_encoded_by_ceph,
         delete_objects_needs_md5_of_all_but_r2, if_none_match_is_ignored_by_gcs,
         encryption_needs_a_kms_on_some, checksums_are_not_known_to_some])
