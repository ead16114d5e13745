# SPDX-License-Identifier: Apache-2.0
"""A plugin's store with its handles: the verbs of regstore.h as methods that raise.

Every verb that may block goes through _blocking.run, and what the plugin said meanwhile is passed
on before the verb returns."""
import os
from ctypes import byref, c_char_p, c_int32, c_int64, c_size_t, c_uint64, c_void_p, \
    create_string_buffer

from . import _abi
from ._blocking import CallInFlight, direct, run
from ._events import Events
from ._library import library
from .errors import RegstoreError, error_of

_NEVER_BLOCK = ("upload_open",)

# Grows by one in each forked child.
_generation = [0]


def _count_fork():
    _generation[0] += 1


os.register_at_fork(after_in_child=_count_fork)


def encoded(text, what):
    """For a char pointer, which would end at a NUL and so name something else."""
    if text is None:
        return None
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:  # whose words have the text, which may be a secret
        raise RegstoreError(f"{what} is no text", _abi.INVALID) from None
    if b"\0" in raw:
        raise RegstoreError(f"{what} has a NUL", _abi.INVALID)
    return raw


def _setting_text(key, value):
    """As the same scalar would be read from config.yaml; None makes the key absent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise RegstoreError(f"'{key}' is neither a text nor a number", _abi.CONFIG)


def _pairs(settings):
    pairs = [(encoded(key, "a key"), encoded(_setting_text(key, value), f"'{key}'"))
             for key, value in settings.items() if value is not None]
    return (_abi.Pair * len(pairs))(*pairs), len(pairs)


class Store:
    """What store_open gave. Any number of threads and greenlets may use it at once (THR-1)."""

    def __init__(self, driver, location, settings, plugin_dir=None):
        lib = library()
        self._driver, self._location = driver, location
        error = _abi.Error()
        self._plugin = c_void_p()
        folder = plugin_dir or lib.plugin_dir
        status = lib.load_driver(encoded(driver, "the driver"),
                                 encoded(folder, "the plugin folder"), byref(self._plugin),
                                 byref(error))
        if status != _abi.OK:
            raise error_of(status, error, f"location '{location}'")
        self.table = lib.table(self._plugin).contents
        self._keep_settings(settings)
        self.events = Events(driver, location)
        self._open()

    def _keep_settings(self, settings):
        """With the secrets of the environment (regstore_host_settings_new)."""
        lib, error = library(), _abi.Error()
        pairs, n = _pairs(settings)
        where = _abi.HostLocation(encoded(self._location, "the location"),
                                  encoded(self._driver, "the driver"), pairs, n)
        completed = c_void_p()
        status = lib.settings_new(byref(where), byref(self.table), byref(completed), byref(error))
        if status != _abi.OK:
            raise error_of(status, error, f"location '{self._location}'")
        count = c_size_t()
        whole = lib.settings_pairs(completed, byref(count))
        self._settings = (_abi.Pair * count.value)(
            *[(whole[i].key, whole[i].value) for i in range(count.value)])
        lib.settings_free(completed)

    def _open(self):
        """No I/O, and nothing is started (STORE-1, FORK-1)."""
        call, store = CallInFlight(), c_void_p()
        status = self.table.store_open(byref(call.struct), self.events.host, self._settings,
                                       len(self._settings), byref(store))
        self.events.drain()
        if status != _abi.OK:
            raise error_of(status, call.error, f"location '{self._location}'")
        self._store, self._opened_in = store, _generation[0]
        self.features = self.table.store_features(store)

    def _handle(self):
        """A store that was used before a fork works in the child where the plugin says so (FORK-3);
        of others the child opens its own."""
        if self._opened_in != _generation[0] and not self.features & _abi.F_FORK_AFTER_USE:
            self._open()
        return self._store

    def call(self, doing, verb, *arguments, allowed=()):
        """verb(arguments[0], call, *arguments[1:]): its status when it is OK or allowed."""
        call = CallInFlight()
        first, *rest = arguments
        through = direct if verb in _NEVER_BLOCK else run
        try:
            status = through(call, getattr(self.table, verb), first, byref(call.struct), *rest)
        finally:
            self.events.drain()
        if status != _abi.OK and status not in allowed:
            raise error_of(status, call.error, doing)
        return status

    def upload(self, **options):
        return Upload(self, options)

    def read(self, path, offset=0, etag=None):
        return Reader(self, path, offset, etag)

    def stat(self, path):
        """None when there is no blob."""
        out = _abi.Stat()
        status = self.call(f"stat '{path}'", "stat", self._handle(), encoded(path, "the path"),
                           byref(out), allowed=(_abi.NOT_FOUND,))
        return out if status == _abi.OK else None

    def delete(self, paths):
        keys = (c_char_p * len(paths))(*[encoded(path, "the path") for path in paths])
        self.call(f"delete '{paths[0]}'" if len(paths) == 1 else f"delete {len(paths)} blobs",
                  "delete_blobs", self._handle(), keys, len(paths), (c_int32 * len(paths))())

    def list(self, prefix):
        """Yields (path, modification time in nanoseconds) in the order of bytes."""
        doing = f"list '{prefix}'"
        handle, key = c_void_p(), create_string_buffer(_abi.KEY_MAX)
        options = _abi.ListOpts(prefix=encoded(prefix, "the prefix"))
        try:
            self.call(doing, "list_open", self._handle(), byref(options), byref(handle))
            while True:
                out = _abi.Stat()  # zero for each answer (GROW-3)
                self.call(doing, "list_next", handle, key, len(key), byref(out))
                if not key.value:
                    return
                yield key.value.decode("utf-8"), out.mtime_ns
        finally:
            self.table.list_close(handle)  # which takes NULL

    def presign(self, path, method, ttl_s, content_type=None):
        """None when it is not offered after all."""
        options = _abi.PresignOpts(ttl_s=ttl_s, min_ttl_s=min(ttl_s, 60), method=method.encode(),
                                   content_type=encoded(content_type, "the type"))
        url, expires = create_string_buffer(_abi.URL_MAX), c_int64()
        status = self.call(f"presign '{path}'", "presign", self._handle(),
                           encoded(path, "the path"), byref(options), url, len(url),
                           byref(expires), allowed=(_abi.UNSUPPORTED,))
        return url.value.decode("ascii") if status == _abi.OK else None

    def purge(self, flags, older_than_s):
        out = _abi.Purged()
        options = _abi.PurgeOpts(flags=flags, older_than_s=older_than_s)
        self.call("purge", "purge", self._handle(), byref(options), byref(out))
        return out

    def check(self):
        """The steps, each (name, status, found, advice), told on the thread that calls (CHECK-1);
        a red one does not raise."""
        steps = []

        def told(_ctx, name, status, found, advice):
            words = [(raw or b"").decode("utf-8", "replace") for raw in (name, found, advice)]
            steps.append((words[0], status, *words[1:]))
        options = _abi.CheckOpts(flags=_abi.CHECK_WRITE, step=_abi.CheckStep(told))
        self.call("check", "check", self._handle(), byref(options),
                  allowed=range(len(_abi.STATUS_NAMES)))
        return steps

    def close(self):
        """After all handles. Quay never does; tests do."""
        self.table.store_close(self._store)
        self._store = None
        self.events.close()
        library().plugin_free(self._plugin)


class Upload:
    """One regstore_upload, for `with`: closed at the end, and lost unless it was suspended or
    committed."""

    def __init__(self, store, options):
        self._store = store
        self._handle = c_void_p()
        self._named = options.get("key") or "an upload"
        numbers = {name: options[name] for name in ("flags", "expected_length") if name in options}
        texts = {name: encoded(options[name], name) for name in
                 ("key", "token", "content_type", "content_encoding") if name in options}
        opts = _abi.UploadOpts(**numbers, **texts)
        store.call(f"open {self._named}", "upload_open", store._handle(), byref(opts),
                   byref(self._handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        handle, self._handle = self._handle, None
        self._store.table.upload_close(handle)
        self._store.events.drain()  # A push less, and its last bytes: nothing may follow for long.

    @property
    def offset(self):
        return self._store.table.upload_offset(self._handle)

    def write(self, data):
        self._store.call(f"write to {self._named}", "upload_write", self._handle, data, len(data))

    def suspend(self):
        """(token, kept, None), or after a failure what is safe all the same (TOK-2) and the error;
        token None: nothing is."""
        token, kept = create_string_buffer(_abi.TOKEN_MAX), c_uint64()
        failure = None
        try:
            self._store.call("suspend an upload", "upload_suspend", self._handle, token,
                             len(token), byref(kept))
        except RegstoreError as error:
            failure = error
        return token.value.decode("ascii") or None, kept.value, failure

    def commit(self, path, digest):
        """digest None: nothing is compared."""
        options = _abi.CommitOpts(key=encoded(path, "the path"), digest=encoded(digest, "digest"))
        self._store.call(f"commit '{path}'", "upload_commit", self._handle, byref(options),
                         byref(_abi.Stat()))

    def abort(self):
        self._store.call(f"abort {self._named}", "upload_abort", self._handle)


class Reader:
    """One regstore_reader, for `with` or for the collector."""

    def __init__(self, store, path, offset, etag):
        self._store, self._path = store, path
        self._handle = c_void_p()
        out = _abi.Stat()
        options = _abi.ReadOpts(offset=offset, etag=encoded(etag, "etag"))
        store.call(f"read '{path}'", "read_open", store._handle(), encoded(path, "the path"),
                   byref(options), byref(self._handle), byref(out))
        self.length, self.etag = out.length, out.etag.decode("utf-8", "replace") or None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()

    def close(self):
        handle, self._handle = self._handle, None
        if handle:
            self._store.table.read_close(handle)

    def read_into(self, buffer, size):
        """How many bytes now lie in buffer (a ctypes array); 0 is the end (READ-2)."""
        got = c_size_t()
        self._store.call(f"read '{self._path}'", "read_next", self._handle, buffer, size,
                         byref(got))
        return got.value
