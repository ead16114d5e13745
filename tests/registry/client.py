# SPDX-License-Identifier: Apache-2.0
"""A client that pushes one blob as the distribution-spec says, each request to whom the test wants."""
import hashlib
import http.client
import random
import socket
import struct
import time
import urllib.parse


def noise(size, seed):
    return random.Random(seed).randbytes(size)


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:500]!r}"


def send(registry, method, target, body=None, headers=None):
    connection = http.client.HTTPConnection(registry, timeout=120)
    try:
        connection.request(method, target, body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def eventually(seen, what):
    """The first true answer of seen(); for a minute, which no machine should need."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = seen()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"a minute went by without {what}")


class Upload:
    """Of one blob; the registry's last Location is all that it keeps, as any client does."""

    def __init__(self, registry, repository):
        self.repository = repository
        answer = send(registry, "POST", f"/v2/{repository}/blobs/uploads/")
        assert answer.status == 202, answer
        self.learn(answer)

    def learn(self, answer):
        """The path only: the next request may go to another replica."""
        location = urllib.parse.urlsplit(answer.headers["Location"])
        self.target = location.path + "?" + location.query
        self.without_state = location.path
        return answer

    def patch(self, registry, content, offset=None):
        headers = {"Content-Type": "application/octet-stream"}
        if offset is not None:
            headers["Content-Range"] = f"{offset}-{offset + len(content) - 1}"
        answer = send(registry, "PATCH", self.target, content, headers)
        if answer.status == 202:
            self.learn(answer)
        return answer

    def put(self, registry, digest, content=b""):
        return send(registry, "PUT", f"{self.target}&digest={digest}", content,
                    {"Content-Type": "application/octet-stream"})

    def cancel(self, registry):
        return send(registry, "DELETE", self.target)

    def offset(self, registry):
        """As GET status tells, after which the upload goes on from there. It tells an empty upload and
        one of a single byte alike."""
        answer = send(registry, "GET", self.without_state)
        assert answer.status == 204, answer
        self.learn(answer)
        return int(answer.headers["Range"].split("-")[1]) + 1

    def leave_in_patch(self, registry, content, promised):
        """Sends content of a body that was to have more, then hangs up."""
        host, port = registry.split(":")
        connection = socket.create_connection((host, int(port)), timeout=120)
        connection.sendall((f"PATCH {self.target} HTTP/1.1\r\nHost: {registry}\r\n"
                            "Content-Type: application/octet-stream\r\n"
                            f"Content-Length: {promised}\r\n\r\n").encode())
        connection.sendall(content)
        return connection

    @staticmethod
    def hang_up(connection):
        connection.shutdown(socket.SHUT_WR)
        connection.close()

    @staticmethod
    def reset(connection):
        """As a client that dies: no end of the stream, but RST."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def fetch(registry, repository, digest, method="GET"):
    """The blob, wherever the registry sends for it."""
    answer = send(registry, method, f"/v2/{repository}/blobs/{digest}")
    while answer.status == 307:
        url = urllib.parse.urlsplit(answer.headers["Location"])
        answer = send(url.netloc, method, url.path + "?" + url.query)
    return answer


def has(registry, repository, digest):
    return fetch(registry, repository, digest, "HEAD").status == 200


def blob_keys(repository, *digests):
    """Where blobs without an image lie."""
    keys = []
    for digest in digests:
        digest = digest[len("sha256:"):]
        keys += [f"docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data",
                 f"docker/registry/v2/repositories/{repository}/_layers/sha256/{digest}/link"]
    return keys
