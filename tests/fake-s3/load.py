#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many at once, and much: load.py ENV. Prints TAP."""
import hashlib
import os
import threading

from claims import run
from signer import BUCKET, ENV, Request

MIB = 1 << 20


def resident_mib():
    status = open(f"/proc/{ENV['FAKE_S3_PID']}/status", encoding="utf-8").read()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def send(method, key, query="", body=b""):
    r = Request(method, key, query, body)
    r.sign()
    return r.send()


def many_clients_at_once_see_their_own_bytes():
    wrong = []

    def client(number):
        for turn in range(40):
            body = f"{number} {turn} ".encode() * 500
            key = f"load/{number}-{turn % 5}"
            etag = '"%s"' % hashlib.md5(body).hexdigest()
            if send("PUT", key, body=body)[3]["ETag"] != etag:
                wrong.append(("put", key))
            if send("GET", key)[2].encode() != body:
                wrong.append(("get", key))
            if turn % 7 == 0 and send("GET", "", "list-type=2&prefix=load%2F")[0] != 200:
                wrong.append(("list", key))
            if turn % 11 == 0 and send("DELETE", key)[0] != 204:
                wrong.append(("delete", key))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:5]


def newest_of_many_writers_of_a_key_is_whole():
    bodies = [bytes([n]) * 300000 for n in range(65, 73)]
    threads = [threading.Thread(target=send, args=("PUT", "load/one", "", b)) for b in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert send("GET", "load/one")[2].encode() in bodies


def overwritten_key_is_listed_once():
    for body in (b"1", b"2", b"3"):
        send("PUT", "load/again", body=body)
    assert send("GET", "", "list-type=2&prefix=load%2Fagain")[2].count("<Key>") == 1
    assert send("DELETE", "load/again")[0] == 204 and send("GET", "load/again")[0] == 404


def copied_range_is_that_range():
    body = bytes(range(32, 127)) * (6 * MIB // 95)
    send("PUT", "load/source", body=body)
    text = send("POST", "load/copy", "uploads=")[2]
    upload = text.split("<UploadId>")[1].split("<")[0]
    r = Request("PUT", "load/copy", f"partNumber=1&uploadId={upload}")
    r.headers.update({"x-amz-copy-source": f"{BUCKET}/load/source",
                      "x-amz-copy-source-range": "bytes=1000001-2000000"})
    r.sign()
    etag = r.send()[2].split("<ETag>")[1].split("<")[0]
    assert etag == "&quot;%s&quot;" % hashlib.md5(body[1000001:2000001]).hexdigest()
    send("POST", "load/copy", f"uploadId={upload}", (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
        "</CompleteMultipartUpload>").encode())
    assert send("GET", "load/copy")[2].encode() == body[1000001:2000001]


def memory_is_flat_whatever_the_size():
    before = resident_mib()
    body = os.urandom(16 * MIB) * 16
    text = send("POST", "load/big", "uploads=")[2]
    upload = text.split("<UploadId>")[1].split("<")[0]
    parts = ""
    for number in (1, 2):
        etag = send("PUT", "load/big", f"partNumber={number}&uploadId={upload}", body)[3]["ETag"]
        parts += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
    done = send("POST", "load/big", f"uploadId={upload}",
                f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode())
    assert done[0] == 200, done
    assert send("HEAD", "load/big")[3]["Content-Length"] == str(2 * len(body))
    assert send("DELETE", "load/big")[0] == 204
    grown = resident_mib() - before
    assert grown < 32, f"{grown} MiB more"


CLAIMS = [many_clients_at_once_see_their_own_bytes, newest_of_many_writers_of_a_key_is_whole,
          overwritten_key_is_listed_once, copied_range_is_that_range,
          memory_is_flat_whatever_the_size]


if __name__ == "__main__":
    run(CLAIMS)
