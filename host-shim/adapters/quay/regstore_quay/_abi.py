# SPDX-License-Identifier: Apache-2.0
"""regstore.h and the part of regstore-host.h that is used here, in ctypes.

Nothing but names, numbers and layouts; a test compares them with the headers."""
from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int32, c_int64, \
    c_size_t, c_uint32, c_uint64, c_void_p, sizeof

STATUS_NAMES = (
    "OK", "NOT_FOUND", "EXISTS", "DIGEST", "RANGE", "DENIED", "THROTTLED", "TIMEOUT", "CANCELLED",
    "UNAVAILABLE", "UNSUPPORTED", "STATE", "INVALID", "CONFIG", "CORRUPT", "NO_SPACE", "NO_MEMORY",
    "INTERNAL", "GONE", "CONFLICT")
OK, NOT_FOUND, CANCELLED = 0, 1, 8
UNSUPPORTED, INVALID, CONFIG, NO_MEMORY, INTERNAL = 10, 12, 13, 16, 17

METRIC_COUNT, METRIC_GAUGE, METRIC_TIME = 1, 2, 3
HOST_EVENT_LOG = 0

KEY_MAX, TOKEN_MAX, URL_MAX = 1024, 4096, 16384

UPLOAD_SHA256 = 0x1
PURGE_OBJECTS, PURGE_UPLOADS = 0x1, 0x2
CHECK_WRITE = 0x1
F_PRESIGN_GET, F_PRESIGN_PUT, F_FORK_AFTER_USE = 0x1, 0x2, 0x20


class Sized(Structure):
    """A struct that tells the callee its size (GROW-1)."""

    def __init__(self, **members):
        super().__init__(**members)
        self.struct_size = sizeof(self)


class Pair(Structure):
    _fields_ = [("key", c_char_p), ("value", c_char_p)]


class Error(Sized):
    _fields_ = [("struct_size", c_uint64), ("retryable", c_uint32), ("http_status", c_uint32),
                ("retry_after_ms", c_uint64), ("code", c_char * 64), ("request_id", c_char * 128),
                ("message", c_char * 512)]


class Call(Sized):
    _fields_ = [("struct_size", c_uint64), ("timeout_ms", c_uint64), ("cancel", POINTER(c_int32)),
                ("error", POINTER(Error))]


class Stat(Sized):
    _fields_ = [("struct_size", c_uint64), ("length", c_uint64), ("mtime_ns", c_int64),
                ("flags", c_uint64), ("digest", c_char * 144), ("etag", c_char * 128)]


class UploadOpts(Sized):
    _fields_ = [("struct_size", c_uint64), ("flags", c_uint64), ("expected_length", c_uint64),
                ("key", c_char_p), ("token", c_char_p), ("content_type", c_char_p),
                ("content_encoding", c_char_p)]


class CommitOpts(Sized):
    _fields_ = [("struct_size", c_uint64), ("flags", c_uint64), ("key", c_char_p),
                ("digest", c_char_p)]


class ReadOpts(Sized):
    _fields_ = [("struct_size", c_uint64), ("flags", c_uint64), ("offset", c_uint64),
                ("length", c_uint64), ("etag", c_char_p)]


class ListOpts(Sized):
    _fields_ = [("struct_size", c_uint64), ("flags", c_uint64), ("limit", c_uint64),
                ("prefix", c_char_p), ("start_after", c_char_p), ("delimiter", c_char_p)]


class PresignOpts(Sized):
    _fields_ = [("struct_size", c_uint64), ("flags", c_uint64), ("ttl_s", c_uint64),
                ("min_ttl_s", c_uint64), ("method", c_char_p), ("content_type", c_char_p)]


class PurgeOpts(Sized):
    _fields_ = [("struct_size", c_uint64), ("flags", c_uint64), ("older_than_s", c_uint64)]


class Purged(Sized):
    _fields_ = [("struct_size", c_uint64), ("objects", c_uint64), ("uploads", c_uint64),
                ("bytes", c_uint64), ("spared", c_uint64), ("failed", c_uint64)]


CheckStep = CFUNCTYPE(None, c_void_p, c_char_p, c_int32, c_char_p, c_char_p)


class CheckOpts(Sized):
    _fields_ = [("struct_size", c_uint64), ("flags", c_uint64), ("ctx", c_void_p),
                ("step", CheckStep)]


def _verb(result, *arguments):
    return CFUNCTYPE(result, *arguments)


_CALL = POINTER(Call)
_OUT = POINTER(c_void_p)
_SIZE = POINTER(c_size_t)


class Plugin(Structure):
    """The table as the host library hands it out: every slot can be called."""
    _fields_ = [
        ("struct_size", c_uint64), ("abi_minor", c_uint32), ("zero", c_uint32),
        ("features", c_uint64), ("name", c_char_p), ("version", c_char_p),
        ("description", c_char_p), ("params", c_void_p),
        ("extension", _verb(c_void_p, c_char_p)),
        ("store_open", _verb(c_int32, _CALL, c_void_p, POINTER(Pair), c_size_t, _OUT)),
        ("store_features", _verb(c_uint64, c_void_p)),
        ("store_close", _verb(None, c_void_p)),
        ("check", _verb(c_int32, c_void_p, _CALL, POINTER(CheckOpts))),
        ("upload_open", _verb(c_int32, c_void_p, _CALL, POINTER(UploadOpts), _OUT)),
        ("upload_write", _verb(c_int32, c_void_p, _CALL, c_char_p, c_size_t)),
        ("upload_offset", _verb(c_uint64, c_void_p)),
        ("upload_digest", _verb(c_int32, c_void_p, c_char_p, c_char_p, c_size_t)),
        ("upload_suspend", _verb(c_int32, c_void_p, _CALL, c_char_p, c_size_t, POINTER(c_uint64))),
        ("upload_commit", _verb(c_int32, c_void_p, _CALL, POINTER(CommitOpts), POINTER(Stat))),
        ("upload_abort", _verb(c_int32, c_void_p, _CALL)),
        ("upload_close", _verb(None, c_void_p)),
        ("read_open", _verb(c_int32, c_void_p, _CALL, c_char_p, POINTER(ReadOpts), _OUT,
                            POINTER(Stat))),
        ("read_next", _verb(c_int32, c_void_p, _CALL, c_void_p, c_size_t, _SIZE)),
        ("read_close", _verb(None, c_void_p)),
        ("stat", _verb(c_int32, c_void_p, _CALL, c_char_p, POINTER(Stat))),
        ("delete_blobs", _verb(c_int32, c_void_p, _CALL, POINTER(c_char_p), c_size_t,
                               POINTER(c_int32))),
        ("copy", c_void_p),
        ("list_open", _verb(c_int32, c_void_p, _CALL, POINTER(ListOpts), _OUT)),
        ("list_next", _verb(c_int32, c_void_p, _CALL, c_char_p, c_size_t, POINTER(Stat))),
        ("list_close", _verb(None, c_void_p)),
        ("presign", _verb(c_int32, c_void_p, _CALL, c_char_p, POINTER(PresignOpts), c_char_p,
                          c_size_t, POINTER(c_int64))),
        ("purge", _verb(c_int32, c_void_p, _CALL, POINTER(PurgeOpts), POINTER(Purged))),
    ]


class HostLocation(Structure):
    _fields_ = [("name", c_char_p), ("driver", c_char_p), ("settings", POINTER(Pair)),
                ("n_settings", c_size_t)]


class HostEvent(Structure):
    _fields_ = [("time_ns", c_int64), ("value", c_double), ("kind", c_int32), ("level", c_int32),
                ("n_fields", c_uint32), ("text_bytes", c_uint32), ("text", c_char * 2048)]

    def texts(self):
        """The name, then the fields as a dictionary."""
        raw = bytes(memoryview(self).cast("B")[HostEvent.text.offset:][:self.text_bytes])
        name, *rest = [part.decode("utf-8", "replace") for part in raw.split(b"\0")[:-1]]
        return name, dict(zip(rest[::2], rest[1::2]))


STRUCTS = {
    "regstore_pair": Pair, "regstore_error": Error, "regstore_call": Call, "regstore_stat": Stat,
    "regstore_upload_opts": UploadOpts, "regstore_commit_opts": CommitOpts,
    "regstore_read_opts": ReadOpts, "regstore_list_opts": ListOpts,
    "regstore_presign_opts": PresignOpts, "regstore_purge_opts": PurgeOpts,
    "regstore_purged": Purged, "regstore_check_opts": CheckOpts, "regstore_plugin": Plugin,
    "regstore_host_location": HostLocation, "regstore_host_event": HostEvent,
}
