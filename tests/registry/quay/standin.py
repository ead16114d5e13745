# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Quay, never Quay: a registry of a few hundred lines that asks its storage driver
what Quay asks, in the same order, and keeps the rest in SQLite.

A WSGI application for `gunicorn --preload -k gevent`. The driver is made here, at import, and so
before the workers are forked. From the environment: STANDIN_LOCATION, a JSON list [DRIVER,
SETTINGS], and STANDIN_DATABASE, a file. Each answer bears X-Worker, the process, and
X-Driver-Calls, what the driver was asked."""
import hashlib
import json
import os
import re
import sqlite3
import time
from collections import namedtuple
from datetime import timedelta
from urllib.parse import parse_qs

import regstore_quay

BLOB_TYPE = "application/octet-stream"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
DATABASE = os.environ["STANDIN_DATABASE"]
SCHEMA = """
CREATE TABLE IF NOT EXISTS blobupload
    (uuid TEXT PRIMARY KEY, repo TEXT, byte_count INTEGER, chunk_count INTEGER,
     storage_metadata TEXT, created REAL);
CREATE TABLE IF NOT EXISTS blob (digest TEXT PRIMARY KEY, size INTEGER);
CREATE TABLE IF NOT EXISTS repoblob (repo TEXT, digest TEXT, PRIMARY KEY (repo, digest));
CREATE TABLE IF NOT EXISTS manifest
    (repo TEXT, digest TEXT, type TEXT, body BLOB, PRIMARY KEY (repo, digest));
CREATE TABLE IF NOT EXISTS tag (repo TEXT, name TEXT, digest TEXT, PRIMARY KEY (repo, name));
"""

# The two lines of Quay's storage/__init__.py, and what follows there.
STORAGE_DRIVER_CLASSES = {}
STORAGE_DRIVER_CLASSES.update(regstore_quay.driver_classes("STSS3Storage", "LocalStorage"))
Context = namedtuple("Context", "location chunk_cleanup_queue config_provider ip_resolver")


def make_driver():
    name, parameters = json.loads(os.environ["STANDIN_LOCATION"])
    return STORAGE_DRIVER_CLASSES[name](Context("default", None, None, None), **parameters)


DRIVER = make_driver()


class Refusal(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class Driver:
    """Remembers what was asked during one request."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def ask(*arguments, **keywords):
            self.calls.append(name)
            return getattr(DRIVER, name)(*arguments, **keywords)
        return ask


def connect():
    database = sqlite3.connect(DATABASE, timeout=60, isolation_level=None)
    database.row_factory = sqlite3.Row
    return database


connect().executescript("PRAGMA journal_mode=WAL;" + SCHEMA)


class Request:
    def __init__(self, environ):
        self.method = environ["REQUEST_METHOD"]
        self.path = environ["PATH_INFO"]
        self.query = {name: values[0] for name, values in
                      parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).items()}
        self.body = environ["wsgi.input"]
        self.content_range = environ.get("HTTP_CONTENT_RANGE")
        self.content_type = environ.get("CONTENT_TYPE") or ""
        self.address = environ.get("REMOTE_ADDR")
        self.db = connect()
        self.driver = Driver()

    def row(self, *statement):
        return self.db.execute(*statement).fetchone()


def blob_path(digest):
    """content_path of Quay, of the one algorithm that there is here."""
    match = re.fullmatch("sha256:([0-9a-f]{64})", digest or "")
    if match is None:
        raise Refusal(400, "DIGEST_INVALID")
    return f"sha256/{match.group(1)[:2]}/{match.group(1)}"


def answer(status, headers=None, body=b""):
    headers = dict(headers or {})
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    return status, headers, body


# Blobs.

def find_blob(request, repo, digest):
    found = request.row("SELECT blob.* FROM blob JOIN repoblob USING (digest) "
                        "WHERE repo = ? AND digest = ?", (repo, digest))
    if found is None:
        raise Refusal(404, "BLOB_UNKNOWN")
    return found


def get_blob(request, repo, digest):
    blob = find_blob(request, repo, digest)
    headers = {"Docker-Content-Digest": digest, "Content-Type": BLOB_TYPE}
    if request.driver.get_supports_resumable_downloads():
        headers["Accept-Ranges"] = "bytes"
    if request.method == "HEAD":
        return answer(200, {**headers, "Content-Length": str(blob["size"])})
    path = blob_path(digest)
    url = request.driver.get_direct_download_url(
        path, request.address, expires_in=600, username=None, namespace=repo.split("/")[0],
        repo_name=repo)
    if url is not None:
        return answer(302, {**headers, "Location": url})
    headers["Content-Length"] = str(blob["size"])
    return 200, headers, request.driver.stream_read(path)


def add_blob(request, repo, digest, size):
    request.db.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (digest, size))
    request.db.execute("INSERT OR IGNORE INTO repoblob VALUES (?, ?)", (repo, digest))


# Uploads.

def upload_headers(repo, uuid, size):
    return {"Location": f"/v2/{repo}/blobs/uploads/{uuid}", "Docker-Upload-UUID": uuid,
            "Range": f"0-{max(size - 1, 0)}", "Content-Length": "0"}


def begin_upload(request, repo):
    mount = request.query.get("mount")
    if mount and request.query.get("from"):
        known = request.row("SELECT size FROM blob JOIN repoblob USING (digest) "
                            "WHERE repo = ? AND digest = ?", (request.query["from"], mount))
        if known is not None:  # of the database alone
            add_blob(request, repo, mount, known["size"])
            return blob_created(repo, mount)
    uuid, metadata = request.driver.initiate_chunked_upload()
    request.db.execute("INSERT INTO blobupload VALUES (?, ?, 0, 0, ?, ?)",
                       (uuid, repo, json.dumps(metadata), time.time()))
    if "digest" in request.query:
        return finish_upload(request, repo, uuid)
    return answer(202, upload_headers(repo, uuid, 0))


def blob_created(repo, digest):
    return answer(201, {"Location": f"/v2/{repo}/blobs/{digest}", "Docker-Content-Digest": digest})


def find_upload(request, repo, uuid):
    found = request.row("SELECT * FROM blobupload WHERE uuid = ? AND repo = ?", (uuid, repo))
    if found is None:
        raise Refusal(404, "BLOB_UPLOAD_UNKNOWN")
    return found


def range_of(request):
    if request.content_range is None:
        return 0, -1
    match = re.fullmatch(r"(?:bytes )?(\d+)-(\d+)(?:/.*)?", request.content_range.replace("=", " "))
    if match is None or int(match.group(2)) < int(match.group(1)):
        raise Refusal(416, "RANGE_INVALID")
    return int(match.group(1)), int(match.group(2)) - int(match.group(1)) + 1


def upload_chunk(request, upload):
    """The size after it. Quay drops the new metadata when an error is told."""
    start, length = range_of(request)
    size = upload["byte_count"]
    if start > 0 and start > size:
        raise Refusal(416, "RANGE_INVALID")
    if 0 < start < size:  # sent again by a client that does not know
        request.body.read(size - start)
        length = max(length - (size - start), 0)
        start = size
    if length == 0:
        return size
    written, metadata, error = request.driver.stream_upload_chunk(
        upload["uuid"], start, length, request.body, json.loads(upload["storage_metadata"]),
        content_type=BLOB_TYPE)
    if error is not None:
        raise error
    request.db.execute(
        "UPDATE blobupload SET byte_count = ?, chunk_count = chunk_count + 1, storage_metadata = ? "
        "WHERE uuid = ?", (size + written, json.dumps(metadata), upload["uuid"]))
    return size + written


def cancel_upload(request, upload):
    request.driver.cancel_chunked_upload(upload["uuid"], json.loads(upload["storage_metadata"]))
    request.db.execute("DELETE FROM blobupload WHERE uuid = ?", (upload["uuid"],))


def continue_upload(request, repo, uuid):
    upload = find_upload(request, repo, uuid)
    if request.method == "GET":
        return answer(204, upload_headers(repo, uuid, upload["byte_count"]))
    if request.method == "DELETE":
        cancel_upload(request, upload)
        return answer(204)
    try:
        size = upload_chunk(request, upload)
    except Refusal:
        raise
    except Exception:
        cancel_upload(request, find_upload(request, repo, uuid))
        raise
    return answer(202, upload_headers(repo, uuid, size))


def finish_upload(request, repo, uuid):
    digest = request.query.get("digest")
    path = blob_path(digest)
    try:
        size = upload_chunk(request, find_upload(request, repo, uuid))
        upload = find_upload(request, repo, uuid)
        metadata = json.loads(upload["storage_metadata"])
        if request.driver.exists(path):
            request.driver.cancel_chunked_upload(uuid, metadata)
        else:
            request.driver.complete_chunked_upload(uuid, path, metadata)
    except Exception as error:
        cancel_upload(request, find_upload(request, repo, uuid))
        if getattr(error, "status_name", "") == "DIGEST":
            raise Refusal(400, "DIGEST_INVALID") from error
        raise
    add_blob(request, repo, digest, size)
    request.db.execute("DELETE FROM blobupload WHERE uuid = ?", (uuid,))
    return blob_created(repo, digest)


# Manifests and tags: of the database, but for the image's configuration.

def put_manifest(request, repo, reference):
    body = request.body.read()
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    if ":" in reference and reference != digest:
        raise Refusal(400, "DIGEST_INVALID")
    manifest = json.loads(body)
    for blob in [manifest["config"]] * ("config" in manifest) + manifest.get("layers", []):
        find_blob(request, repo, blob["digest"])
    if "config" in manifest:
        json.loads(request.driver.get_content(blob_path(manifest["config"]["digest"])))
    kind = request.content_type or manifest.get("mediaType", MANIFEST_TYPE)
    request.db.execute("INSERT OR REPLACE INTO manifest VALUES (?, ?, ?, ?)",
                       (repo, digest, kind, body))
    if ":" not in reference:
        request.db.execute("INSERT OR REPLACE INTO tag VALUES (?, ?, ?)", (repo, reference, digest))
    return answer(201, {"Location": f"/v2/{repo}/manifests/{digest}",
                        "Docker-Content-Digest": digest})


def handle_manifest(request, repo, reference):
    if request.method == "PUT":
        return put_manifest(request, repo, reference)
    if ":" not in reference:
        tag = request.row("SELECT digest FROM tag WHERE repo = ? AND name = ?", (repo, reference))
        reference = tag["digest"] if tag is not None else ""
    found = request.row("SELECT * FROM manifest WHERE repo = ? AND digest = ?", (repo, reference))
    if found is None:
        raise Refusal(404, "MANIFEST_UNKNOWN")
    if request.method == "DELETE":
        request.db.execute("DELETE FROM tag WHERE repo = ? AND digest = ?", (repo, reference))
        request.db.execute("DELETE FROM manifest WHERE repo = ? AND digest = ?", (repo, reference))
        return answer(202)
    return answer(200, {"Content-Type": found["type"], "Docker-Content-Digest": reference},
                  found["body"])


def list_tags(request, repo):
    names = [row["name"] for row in request.db.execute(
        "SELECT name FROM tag WHERE repo = ? ORDER BY name", (repo,))]
    return answer(200, body={"name": repo, "tags": names})


# What Quay's workers do beside the requests.

def collect_garbage(request):
    kept = set()
    for row in request.db.execute("SELECT body FROM manifest"):
        manifest = json.loads(row["body"])
        kept.update(b["digest"] for b in [manifest.get("config", {"digest": ""})] +
                    manifest.get("layers", []))
    gone = [row["digest"] for row in request.db.execute("SELECT digest FROM blob")
            if row["digest"] not in kept]
    for digest in gone:
        request.driver.remove(blob_path(digest))
        request.db.execute("DELETE FROM repoblob WHERE digest = ?", (digest,))
        request.db.execute("DELETE FROM blob WHERE digest = ?", (digest,))
    return answer(200, body=gone)


def clean_uploads(request):
    """BlobUploadCleanupWorker, with another threshold than its two days."""
    threshold = timedelta(seconds=int(request.query["older_than_s"]))
    limit = time.time() - threshold.total_seconds()
    for upload in request.db.execute("SELECT * FROM blobupload WHERE created < ?",
                                     (limit,)).fetchall():
        cancel_upload(request, upload)
    request.driver.clean_partial_uploads(threshold)
    return answer(200, body=request.driver.clean_orphaned_multipart_uploads(threshold))


def show_uploads(request):
    return answer(200, body=[dict(row) for row in request.db.execute("SELECT * FROM blobupload")])


def show_blobs(request):
    return answer(200, body=[row["digest"] for row in
                             request.db.execute("SELECT digest FROM blob ORDER BY digest")])


_NAME = "([a-z0-9/._-]+)"
ROUTES = [
    ("GET HEAD", "/v2/", lambda request: answer(200, body={})),
    ("POST", f"/v2/{_NAME}/blobs/uploads/", begin_upload),
    ("PUT", f"/v2/{_NAME}/blobs/uploads/([0-9a-f-]+)", finish_upload),
    ("PATCH GET DELETE", f"/v2/{_NAME}/blobs/uploads/([0-9a-f-]+)", continue_upload),
    ("GET HEAD", f"/v2/{_NAME}/blobs/(sha256:[0-9a-f]+)", get_blob),
    ("GET HEAD PUT DELETE", f"/v2/{_NAME}/manifests/([^/]+)", handle_manifest),
    ("GET", f"/v2/{_NAME}/tags/list", list_tags),
    ("POST", "/_standin/gc", collect_garbage),
    ("POST", "/_standin/cleanup", clean_uploads),
    ("GET", "/_standin/uploads", show_uploads),
    ("GET", "/_standin/blobs", show_blobs),
]
REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 302: "Found",
           400: "Bad Request", 404: "Not Found", 416: "Range Not Satisfiable",
           500: "Internal Server Error"}


def respond(request):
    for methods, pattern, handler in ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and request.method in methods.split():
            return handler(request, *match.groups())
    raise Refusal(404, "UNSUPPORTED")


def application(environ, start_response):
    request = Request(environ)
    try:
        status, headers, body = respond(request)
    except Refusal as refusal:
        status, headers, body = answer(refusal.status, body={
            "errors": [{"code": refusal.code, "message": refusal.code}]})
    except Exception as error:  # pylint: disable=broad-except
        print("stand-in:", request.method, request.path, repr(error), file=environ["wsgi.errors"])
        status, headers, body = answer(500, body={
            "errors": [{"code": "UNKNOWN", "message": str(error)}]})
    finally:
        request.db.close()
    headers["Docker-Distribution-API-Version"] = "registry/2.0"
    headers["X-Worker"] = str(os.getpid())
    headers["X-Driver-Calls"] = " ".join(request.driver.calls)
    if isinstance(body, bytes):
        headers.setdefault("Content-Length", str(len(body)))
        body = [b"" if request.method == "HEAD" else body]
    start_response(f"{status} {REASONS[status]}", list(headers.items()))
    return body
