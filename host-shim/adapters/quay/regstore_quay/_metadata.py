# SPDX-License-Identifier: Apache-2.0
"""storage_metadata: what Quay keeps of an unfinished upload, as JSON, from request to request.

Ours is {"regstore": {"token": TOKEN or null, "replaces": [PATH...]}}, never with a key "chunks":
the original driver takes an empty list of chunks for a finished push of nothing. Without the key
it fails, loudly, when somebody goes back to it in the middle of a push.

What the original drivers left is recognised: cloud storage's {"chunks": [[PATH, OFFSET, LENGTH]
...]} and local storage's {}, whose bytes lie at uploads/<uuid>. OFFSET is not looked at: it is that
of the blob or 0, as the caller pleased, and says nothing about PATH, all of which belongs to the
blob."""
from . import _abi
from .errors import RegstoreError

KEY = "regstore"
_CHUNKS = "chunks"
_STAGED = "uploads/"


class UploadState:
    """token: of our upload, or None. replaces: what to remove in the end. legacy: None, or what the
    original left, a list of (path, length); length None: not known."""

    def __init__(self, token=None, replaces=(), legacy=None):
        self.token = token
        self.replaces = list(replaces)
        self.legacy = legacy

    @property
    def is_local_file(self):
        """Of the original LocalStorage, whose commit moves that file whatever its metadata says: more
        bytes kept anywhere else would be lost without a word if the push went back to it."""
        return any(length is None for _path, length in self.legacy or ())

    def with_token(self, token):
        """The same upload one chunk later: what the original left is in it now."""
        staged = [path for path, _ in self.legacy or ()]
        return UploadState(token, self.replaces + staged)

    def to_metadata(self):
        mine = {"token": self.token}
        if self.replaces:
            mine["replaces"] = list(self.replaces)
        return {KEY: mine}


def refuse(why):
    return RegstoreError(f"this upload cannot be gone on with: {why}; the client has to push it "
                         "anew", _abi.INVALID)


def _is_staged(path):
    return isinstance(path, str) and path.startswith(_STAGED) and len(path) > len(_STAGED)


def _read_ours(value):
    if not isinstance(value, dict):
        raise refuse(f"'{KEY}' of its metadata is no object")
    token, replaces = value.get("token"), value.get("replaces", [])
    if token is not None and not isinstance(token, str):
        raise refuse("its token is no text")
    if not isinstance(replaces, list) or not all(_is_staged(path) for path in replaces):
        raise refuse("it names chunks outside of uploads/")
    return UploadState(token, replaces)


def _read_chunk(chunk):
    """A namedtuple, or after JSON a list."""
    try:
        path, _offset, length = chunk
    except (TypeError, ValueError):
        raise refuse("a chunk of its metadata is not path, offset and length") from None
    if not _is_staged(path) or not isinstance(length, int) or length < 0:
        raise refuse("a chunk of its metadata is none under uploads/")
    return path, length


def read(uuid, metadata):
    """What a storage_metadata says, whoever wrote it; INVALID for what nobody did."""
    metadata = metadata if metadata is not None else {}
    if not isinstance(metadata, dict):
        raise refuse("its metadata is no object")
    if KEY in metadata and _CHUNKS in metadata:
        raise refuse("two drivers have written to its metadata")
    if KEY in metadata:
        return _read_ours(metadata[KEY])
    if _CHUNKS in metadata:
        if not isinstance(metadata[_CHUNKS], (list, tuple)):
            raise refuse("'chunks' of its metadata is no list")
        return UploadState(legacy=[_read_chunk(chunk) for chunk in metadata[_CHUNKS]])
    if metadata:
        raise refuse("its metadata is of another driver")
    if not _is_staged(_STAGED + str(uuid)):
        raise refuse("it has no name")
    return UploadState(legacy=[(_STAGED + str(uuid), None)])
