# SPDX-License-Identifier: Apache-2.0
"""Quay's BaseStorageV2 over any plugin. What each method asks of one stands in abi/README.md."""
import copy
import hashlib
import io
import logging
import re
import uuid as uuids
from ctypes import c_char
from datetime import datetime, timezone

from . import _abi, _metadata
from ._base import BaseStorageV2
from ._store import Store
from .errors import BlobNotFound, RegstoreError

logger = logging.getLogger(__name__)

# What goes through one hop to a native thread; with less, the hops are what an upload takes.
PIECE_BYTES = 1 << 20
DIRECT_UPLOAD_S = 300
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_EXPORTED_LOG = re.compile(f"{_UUID}-{_UUID}")  # of the export, and of the file
_MD5_ETAG = re.compile(rb"[0-9a-f]{32}(-\d+)?$")
_BLOB_PATH = re.compile(r"sha256/([0-9a-f]{2})/((?=\1)[0-9a-f]{64})")


def digest_of(path):
    """The digest that the blob at this path must have, or None when the path does not say."""
    match = _BLOB_PATH.fullmatch(path)
    return "sha256:" + match.group(2) if match else None


def _seconds(duration):
    """At least 1: 0 would take what somebody is writing, and is INVALID."""
    return max(1, int(duration.total_seconds()))


def _pieces(fp, length):
    """What fp has, or its first length bytes."""
    left = length
    while left != 0:
        data = fp.read(PIECE_BYTES if left < 0 else min(left, PIECE_BYTES))
        if not data:
            return
        data = bytes(data)
        left = left - len(data) if left > 0 else left
        yield data


class BlobFile(io.RawIOBase):
    """A blob as a raw file that can seek: then it is opened anew, under the same etag."""

    def __init__(self, store, path):
        super().__init__()
        self._store, self._path = store, path
        self._reader = None  # for close(), should this fail
        self._reader = store.read(path)
        self._length, self._etag = self._reader.length, self._reader.etag
        self._position = 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._position

    def seek(self, offset, whence=io.SEEK_SET):
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        if base + offset != self._position:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            self._position = base + offset
        return self._position

    def readinto(self, buffer):
        if self.closed:
            raise ValueError("this file is closed")
        if not buffer:
            return 0
        if self._reader is None:
            self._reader = self._store.read(self._path, self._position, self._etag)
        view = (c_char * len(buffer)).from_buffer(buffer)
        got = self._reader.read_into(view, len(buffer))
        self._position += got
        return got

    def close(self):
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        super().close()


class RegstoreStorage(BaseStorageV2):
    """One location. A subclass names its plugin (see driver_classes); this one takes it as the
    keyword argument `plugin`. All other keywords are the plugin's settings."""

    plugin = None

    def __init__(self, context, storage_path=None, **settings):
        super().__init__()
        plugin = self.plugin or settings.pop("plugin", None)
        if not isinstance(plugin, str):
            raise RegstoreError("'plugin' has to name the plugin, as STSS3Storage", _abi.CONFIG)
        location = str(getattr(context, "location", None) or "default")
        self._store = Store(plugin, location, {"storage_path": storage_path, **settings})

    # Whole blobs.

    def get_content(self, path):
        return b"".join(self.stream_read(path))

    def put_content(self, path, content):
        if isinstance(content, str):
            content = content.encode("utf-8")
        self._write(path, io.BytesIO(content), expected_length=len(content))
        return path

    def stream_read(self, path):
        with self._store.read(path) as reader:
            buffer = (c_char * self.buffer_size)()
            while True:
                got = reader.read_into(buffer, len(buffer))
                if got == 0:
                    return
                yield buffer[:got]

    def stream_read_file(self, path):
        return io.BufferedReader(BlobFile(self._store, path), self.buffer_size)

    def stream_write(self, path, fp, content_type=None, content_encoding=None):
        self._write(path, fp, content_type=content_type, content_encoding=content_encoding)

    def copy_to(self, destination, path):
        with self.stream_read_file(path) as fp:
            destination.stream_write(path, fp)

    def _write(self, path, fp, **options):
        digest = digest_of(path)
        flags = _abi.UPLOAD_SHA256 if digest else 0
        with self._store.upload(key=path, flags=flags, **options) as upload:
            try:
                for data in _pieces(fp, -1):
                    upload.write(data)
                upload.commit(path, digest)
            except Exception:
                self._abort(upload)
                raise

    @staticmethod
    def _abort(upload):
        """What cannot be removed now is left to clean_orphaned_multipart_uploads."""
        try:
            upload.abort()
        except RegstoreError as error:
            logger.warning("an unfinished upload is left to be purged: %s", error)

    # Chunked uploads.

    def initiate_chunked_upload(self):
        return str(uuids.uuid4()), _metadata.UploadState().to_metadata()

    def stream_upload_chunk(self, uuid, offset, length, in_fp, storage_metadata, content_type=None,
                            **_):
        """(bytes that are safe, metadata that stands for them, error or None). offset is Quay's
        affair: the upload goes on where its token says."""
        unchanged = copy.deepcopy(storage_metadata)
        pieces = _pieces(in_fp, length)
        try:
            state = _metadata.read(uuid, storage_metadata)
            first = next(pieces, None)
            if first is None:  # docker's PUT, whose body is empty, costs nothing
                return 0, unchanged, None
            if state.is_local_file:
                raise _metadata.refuse("Quay's own LocalStorage has begun it")
            with self._resume(state, content_type) as upload:
                begin = upload.offset
                token, kept, failure = self._write_and_suspend(upload, state, first, pieces)
        except OSError as error:
            return 0, unchanged, error
        if failure is not None:
            logger.warning("a chunk of upload %s ended early: %s", uuid, failure)
        if token is None:
            return 0, unchanged, failure
        return kept - begin, state.with_token(token).to_metadata(), failure

    def _write_and_suspend(self, upload, state, first, rest):
        """(token, kept, error or None); token None: nothing of it is kept. An upload that nobody
        has a token of is ended, unless this greenlet is to die: then purge finds it. And nobody will
        have one of a first chunk that failed: Quay drops the metadata that comes with an error."""
        begin = upload.offset
        try:
            failure = self._write_pieces(upload, first, rest)
            if failure is not None and state.token is None:
                self._abort(upload)
                return None, begin, failure
            token, kept, suspend_failure = upload.suspend()
        except Exception:
            if state.token is None:
                self._abort(upload)
            raise
        failure = failure or suspend_failure
        if token is None or kept < begin or (state.token is None and failure is not None):
            token = None
            if state.token is None:
                self._abort(upload)
        return token, kept, failure

    @staticmethod
    def _write_pieces(upload, first, rest):
        """The error that ended it, or None. What was written before is kept."""
        try:
            upload.write(first)
            for data in rest:
                upload.write(data)
        except OSError as error:
            return error
        return None

    def complete_chunked_upload(self, uuid, final_path, storage_metadata, **_):
        state = _metadata.read(uuid, storage_metadata)
        digest = digest_of(final_path)
        if state.legacy is not None and not state.legacy and digest is None:
            raise RegstoreError(f"'{final_path}': the driver that began this upload has recorded "
                                "no chunk of it", _abi.INVALID)
        with self._resume(state) as upload:
            try:
                upload.commit(final_path, digest)
            except Exception:
                if state.token is None:  # nobody else knows of this upload
                    self._abort(upload)
                raise
        self._remove_staged(state)

    def cancel_chunked_upload(self, uuid, storage_metadata, **_):
        """Never raises for what a purge will remove anyhow: Quay calls it while it handles another
        error, which would be lost."""
        try:
            state = _metadata.read(uuid, storage_metadata)
            if state.token is not None:
                with self._store.upload(token=state.token) as upload:
                    upload.abort()
        except RegstoreError as error:
            logger.warning("upload %s is left to be purged: %s", uuid, error)
            return
        self._remove_staged(state)

    def _resume(self, state, content_type=None):
        """An open upload at the state's offset; what the original left is copied into it."""
        if state.token is not None:
            return self._store.upload(token=state.token)
        upload = self._store.upload(flags=_abi.UPLOAD_SHA256, content_type=content_type)
        try:
            for path, length in state.legacy or ():
                self._take_over(upload, path, length)
        except BaseException as error:
            if isinstance(error, Exception):
                self._abort(upload)
            upload.__exit__()
            raise
        return upload

    def _take_over(self, upload, path, length):
        """All of one object that the original left."""
        before = upload.offset
        try:
            for data in self.stream_read(path):
                upload.write(data)
        except BlobNotFound as error:
            raise RegstoreError(f"'{path}', which another driver has uploaded, is gone: the client "
                                "has to push anew", _abi.INVALID) from error
        if length is not None and upload.offset - before != length:
            raise RegstoreError(f"'{path}' has {upload.offset - before} bytes, not the {length} "
                                "that another driver has recorded", _abi.INVALID)

    def _remove_staged(self, state):
        """What the original left for two days."""
        paths = state.replaces + [path for path, _ in state.legacy or ()]
        if not paths:
            return
        try:
            self._store.delete(paths)
        except RegstoreError as error:
            logger.warning("chunks of another driver are left to be purged: %s", error)

    # What is there.

    def exists(self, path):
        return self._store.stat(path) is not None

    def remove(self, path, **_):
        """A blob, or all that lies below a folder. None: there is no version id."""
        folder = path.rstrip("/") + "/"
        if digest_of(path) is None and (path == folder or self._store.stat(path) is None):
            paths = [below for below, _time in self._store.list(folder)]
        else:
            paths = [path]
        if paths:
            self._store.delete(paths)

    def get_checksum(self, path):
        out = self._store.stat(path)
        if out is None:
            raise BlobNotFound(f"'{path}': there is no blob", _abi.NOT_FOUND)
        if _MD5_ETAG.match(out.etag):  # S3's, as the original has it
            return out.etag[:7].decode()
        seen = out.etag or f"{out.length}:{out.mtime_ns}".encode()
        return hashlib.sha256(seen).hexdigest()[:7]

    # URLs for clients.

    def get_supports_resumable_downloads(self):
        return bool(self._store.features & _abi.F_PRESIGN_GET)

    def get_direct_download_url(self, path, request_ip=None, expires_in=60, requires_cors=False,
                                head=False, **_):
        if not self._store.features & _abi.F_PRESIGN_GET:
            return None
        return self._store.presign(path, "HEAD" if head else "GET", max(1, int(expires_in)))

    def get_direct_upload_url(self, path, mime_type, requires_cors=True, **_):
        if not self._store.features & _abi.F_PRESIGN_PUT:
            return None
        return self._store.presign(path, "PUT", DIRECT_UPLOAD_S, mime_type)

    # Upkeep.

    def clean_partial_uploads(self, deletion_date_threshold, **_):
        self._store.purge(_abi.PURGE_OBJECTS, _seconds(deletion_date_threshold))

    def clean_orphaned_multipart_uploads(self, deletion_date_threshold, **_):
        return self._store.purge(_abi.PURGE_UPLOADS, _seconds(deletion_date_threshold)).uploads

    def clean_exported_action_logs(self, deletion_date_threshold, log_path, **_):
        """Exported logs are named by two uuids; nothing else in their folder is touched."""
        cutoff = datetime.now(timezone.utc) - deletion_date_threshold
        folder = log_path.rstrip("/") + "/"
        old = [path for path, mtime_ns in self._store.list(folder)
               if _EXPORTED_LOG.fullmatch(path[len(folder):])
               and datetime.fromtimestamp(mtime_ns / 1e9, timezone.utc) <= cutoff]
        if old:
            self._store.delete(old)

    def validate(self, client=None):
        for name, status, found, advice in self._store.check():
            if status != _abi.OK:
                raise RegstoreError(f"{name}: {found}. {advice}", status)
            if advice:
                logger.warning("%s: %s. %s", name, found, advice)

    def setup(self):
        """Nothing: CORS belongs to the bucket's owner."""

    def close(self):
        self._store.close()


def driver_class(plugin):
    """The class of one plugin, for STORAGE_DRIVER_CLASSES."""
    return type(plugin, (RegstoreStorage,),
                {"plugin": plugin, "__doc__": f"A location of the plugin {plugin}.",
                 "__module__": __name__})


def driver_classes(*plugins):
    """{plugin: its class}, for STORAGE_DRIVER_CLASSES.update()."""
    return {plugin: driver_class(plugin) for plugin in plugins}
