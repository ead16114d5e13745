#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""drive.py PORT PART: pushes to the stand-in as clients do, over connections whose worker is known.

A part prints "ok - CLAIM" for what it has seen to be true, and ends at the first thing that is
not."""
import hashlib
import http.client
import json
import os
import signal
import sys
import urllib.parse
import urllib.request

PORT = int(sys.argv[1])
MIB = 1 << 20
SEED = os.urandom(16)  # blobs of this run alone


def noise(name, size):
    return hashlib.shake_256(SEED + name.encode()).digest(size)


def claim(words):
    print("ok -", words, flush=True)


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.worker = int(self.headers["X-Worker"])
        self.calls = self.headers["X-Driver-Calls"].split()


class Connection:
    """Kept open, so that its requests reach one worker."""

    def __init__(self):
        self.http = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
        self.worker = self.ask("GET", "/v2/").worker

    def ask(self, method, path, body=b"", headers=None, expect=None):
        self.http.request(method, path, body=body, headers=headers or {})
        answer = Answer(self.http.getresponse())
        if expect is not None:
            assert answer.status == expect, (method, path, answer.status, answer.body[:300])
        return answer


def connections(n):
    """One to each of n workers. The kernel chooses who accepts, so ask until all have come."""
    found, spare = {}, []
    for _ in range(2000):
        connection = Connection()
        spare.append(connection)
        found.setdefault(connection.worker, connection)
        if len(found) == n:
            return list(found.values())
    raise AssertionError(f"only {len(found)} of {n} workers accept connections")


def begin(connection, repo="drive/a"):
    return connection.ask("POST", f"/v2/{repo}/blobs/uploads/", expect=202).headers["Location"]


def finish(connection, location, data, body=b"", expect=201):
    query = urllib.parse.urlencode({"digest": digest_of(data)})
    return connection.ask("PUT", f"{location}?{query}", body, expect=expect)


def push(connection, data, repo="drive/a"):
    location = begin(connection, repo)
    connection.ask("PATCH", location, data, expect=202)
    return finish(connection, location, data)


def fetched(connection, data, repo="drive/a"):
    """True when a client that follows the redirect gets these bytes."""
    answer = connection.ask("GET", f"/v2/{repo}/blobs/{digest_of(data)}")
    if answer.status == 302:
        with urllib.request.urlopen(answer.headers["Location"]) as blob:
            return blob.read() == data
    return answer.status == 200 and answer.body == data


def uploads(connection):
    return json.loads(connection.ask("GET", "/_standin/uploads", expect=200).body)


def calls():
    """The driver is asked what hosts ask it for."""
    connection = Connection()
    data = noise("calls", 100000)
    asked = []

    def note(answer):
        asked.append(" ".join(answer.calls))
        return answer
    location = note(connection.ask("POST", "/v2/drive/a/blobs/uploads/", expect=202)).headers[
        "Location"]
    note(connection.ask("PATCH", location, data, expect=202))
    note(finish(connection, location, data))
    assert asked == ["initiate_chunked_upload", "stream_upload_chunk",
                     "stream_upload_chunk exists complete_chunked_upload"], asked
    again = push(connection, data)
    assert again.calls == ["stream_upload_chunk", "exists", "cancel_chunked_upload"], again.calls
    path = f"/v2/drive/a/blobs/{digest_of(data)}"
    head = connection.ask("HEAD", path, expect=200)
    assert head.calls == ["get_supports_resumable_downloads"], head.calls
    get = connection.ask("GET", path)
    assert get.calls[:2] == ["get_supports_resumable_downloads", "get_direct_download_url"]
    assert (get.status == 302) != (get.calls[2:] == ["stream_read"]), (get.status, get.calls)
    assert fetched(connection, data)
    claim("push, second push, HEAD and GET ask the driver what Quay asks, in its order")
    mount = urllib.parse.urlencode({"mount": digest_of(data), "from": "drive/a"})
    answer = connection.ask("POST", f"/v2/drive/b/blobs/uploads/?{mount}", expect=201)
    assert answer.calls == [] and fetched(connection, data, "drive/b")
    claim("a mount asks the driver nothing, and the blob is there")


def spread():
    lanes = connections(4)
    pieces = [noise(f"spread{n}", size) for n, size in
              enumerate((1, 6 * MIB, 70000, 5 * MIB, 6 * MIB + 1, 0, 3, 9 * MIB))]
    location, seen = begin(lanes[0]), []
    for number, piece in enumerate(pieces):
        answer = lanes[number % len(lanes)].ask("PATCH", location, piece, expect=202)
        seen.append(answer.worker)
        for row in uploads(lanes[0]):
            assert "chunks" not in json.loads(row["storage_metadata"]), row
    whole = b"".join(pieces)
    finish(lanes[-1], location, whole)
    assert fetched(lanes[1], whole)
    assert len(set(seen)) == 4
    claim(f"{len(pieces)} PATCHes of one upload on {len(set(seen))} workers make one blob, "
          "and no metadata names chunks")

    for sizes in ((6 * MIB, 6 * MIB, 6 * MIB, 5), (100, 200, 300)):
        pieces = [noise(f"range{n}{sizes[0]}", size) for n, size in enumerate(sizes)]
        location, at = begin(lanes[0]), 0
        for number, piece in enumerate(pieces):
            span = {"Content-Range": f"{at}-{at + len(piece) - 1}"}
            lanes[number % 4].ask("PATCH", location, piece, span, expect=202)
            at += len(piece)
        span = {"Content-Range": f"{at + 7}-{at + 9}"}
        lanes[0].ask("PATCH", location, b"xyz", span, expect=416)
        last = pieces[-1]  # sent again, by a client whose answer was lost
        span = {"Content-Range": f"{at - len(last)}-{at - 1}"}
        lanes[1].ask("PATCH", location, last, span, expect=202)
        whole = b"".join(pieces)
        finish(lanes[2], location, whole)
        assert fetched(lanes[3], whole)
    claim("Content-Range pushes work, large and small, across workers, with a gap and a repetition")


def corners():
    connection = Connection()
    data = noise("wrong", 6 * MIB)
    location = begin(connection)
    connection.ask("PATCH", location, data, expect=202)
    answer = finish(connection, location, data + b"x", expect=400)
    assert b"DIGEST_INVALID" in answer.body
    assert connection.ask("GET", location).status == 404
    assert not fetched(connection, data) and not fetched(connection, data + b"x")
    claim("a wrong digest is 400, ends the upload, and nothing is visible")
    data = noise("once", 123456)
    query = urllib.parse.urlencode({"digest": digest_of(data)})
    connection.ask("POST", f"/v2/drive/a/blobs/uploads/?{query}", data, expect=201)
    assert fetched(connection, data)
    finish(connection, begin(connection), b"")
    assert fetched(connection, b"")
    data = noise("putbody", 7 * MIB)
    location = begin(connection)
    connection.ask("PATCH", location, data[:MIB], expect=202)
    finish(connection, location, data, data[MIB:])
    assert fetched(connection, data)
    claim("the empty blob, a blob in one POST and one whose last piece comes with PUT are there")
    location = begin(connection)
    connection.ask("PATCH", location, noise("cancel", 6 * MIB), expect=202)
    connection.ask("DELETE", location, expect=204)
    assert connection.ask("PATCH", location, b"x").status == 404
    claim("a push that its client cancels is gone")


def half_sent(connection, location, data):
    """Half of a PATCH is with the worker, which waits for the rest."""
    raw = connection.http
    raw.putrequest("PATCH", location)
    raw.putheader("Content-Length", str(len(data)))
    raw.endheaders()
    raw.send(data[:len(data) // 2])


def killed():
    first, victim = connections(2)
    data = noise("killed", 72 * MIB)
    kept, rest = data[:6 * MIB], data[6 * MIB:]
    location = begin(first)
    first.ask("PATCH", location, kept, expect=202)
    half_sent(victim, location, rest)
    os.kill(victim.worker, signal.SIGKILL)
    try:
        victim.http.getresponse()
        raise AssertionError("a killed worker answered")
    except (http.client.HTTPException, OSError):
        pass
    row = [u for u in uploads(first) if location.endswith(u["uuid"])][0]
    assert row["byte_count"] == len(kept)
    span = {"Content-Range": f"{len(kept)}-{len(data) - 1}"}
    other = connections(3)[2]
    other.ask("PATCH", location, rest, span, expect=202)
    finish(first, location, data)
    assert fetched(other, data)
    claim("a worker is killed in the middle of a PATCH; the client sends it again to another one")
    location = begin(first)
    victim = connections(2)[1]
    first.ask("PATCH", location, kept, expect=202)
    half_sent(victim, location, rest)
    os.kill(victim.worker, signal.SIGKILL)
    claim("and once more, and the client never comes back")


def clean():
    """Until all that is left is a second old and gone."""
    connection = Connection()
    while True:
        connection.ask("POST", "/_standin/cleanup?older_than_s=1", expect=200)
        if not uploads(connection):
            return


def middle():
    """Leaves an upload in the middle of its push, and prints where."""
    connection = Connection()
    location = begin(connection)
    connection.ask("PATCH", location, noise("middle", 6 * MIB), expect=202)
    print(location)


def end():
    connection = Connection()
    connection.ask("DELETE", sys.argv[3], expect=204)


def small():
    """Pushes as many small blobs as the argument says, as docker does."""
    connection = Connection()
    for number in range(int(sys.argv[3])):
        push(connection, noise(f"small{number}", 4096))


def gc():
    """Deletes the manifests of REPO:TAG that the arguments name, and what only they hold."""
    connection = Connection()
    for name in sys.argv[3:]:
        repo, tag = name.split(":")
        digest = connection.ask("HEAD", f"/v2/{repo}/manifests/{tag}", expect=200).headers[
            "Docker-Content-Digest"]
        connection.ask("DELETE", f"/v2/{repo}/manifests/{digest}", expect=202)
    connection.ask("POST", "/_standin/gc", expect=200)


def blobs():
    """The digests that the database knows, one a line, as paths."""
    for digest in json.loads(Connection().ask("GET", "/_standin/blobs", expect=200).body):
        print(f"sha256/{digest[7:9]}/{digest[7:]}")


PARTS = {f.__name__: f for f in (calls, spread, corners, killed, clean, middle, end, small, gc,
                                 blobs)}

if __name__ == "__main__":
    PARTS[sys.argv[2]]()
