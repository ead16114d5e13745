# SPDX-License-Identifier: Apache-2.0
"""Finds libregstore-host and declares what is called of it."""
import ctypes
import os
import sysconfig
from ctypes import POINTER, c_char_p, c_int, c_int32, c_size_t, c_uint64, c_void_p

from . import _abi
from .errors import RegstoreError

NAME = "libregstore-host.so.1"
VARIABLE = "REGSTORE_LIBRARY"

_FUNCTIONS = {
    "regstore_host_load_driver": (c_int32, c_char_p, c_char_p, POINTER(c_void_p),
                                  POINTER(_abi.Error)),
    "regstore_host_table": (POINTER(_abi.Plugin), c_void_p),
    "regstore_host_path": (c_char_p, c_void_p),
    "regstore_host_plugin_free": (None, c_void_p),
    "regstore_host_settings_new": (c_int32, POINTER(_abi.HostLocation), POINTER(_abi.Plugin),
                                   POINTER(c_void_p), POINTER(_abi.Error)),
    "regstore_host_settings_pairs": (POINTER(_abi.Pair), c_void_p, POINTER(c_size_t)),
    "regstore_host_settings_free": (None, c_void_p),
    "regstore_host_ring_new": (c_int32, c_size_t, POINTER(c_void_p), POINTER(_abi.Error)),
    "regstore_host_ring_host": (c_void_p, c_void_p),
    "regstore_host_ring_set_level": (None, c_void_p, c_int32),
    "regstore_host_ring_take": (c_int, c_void_p, POINTER(_abi.HostEvent)),
    "regstore_host_ring_lost": (c_uint64, c_void_p),
    "regstore_host_ring_free": (None, c_void_p),
}


def _library_folders(prefix):
    multiarch = sysconfig.get_config_var("MULTIARCH")
    names = ([os.path.join("lib", multiarch)] if multiarch else []) + ["lib64", "lib"]
    return [os.path.join(prefix, name) for name in names]


def _candidates():
    """Where it may lie, in the order in which it is looked for; a bare name asks the loader."""
    package = os.path.dirname(os.path.abspath(__file__))
    # PREFIX of PREFIX/share/regstore/quay/regstore_quay, or the top of the sources, with build/, of
    # host-shim/adapters/quay/regstore_quay.
    top = os.path.normpath(os.path.join(package, *[".."] * 4))
    folders = _library_folders(top) + [os.path.join(top, "build", "host-shim")]
    for common in ("/usr/local", "/usr"):
        folders += _library_folders(common)
    return [os.path.join(folder, NAME) for folder in folders] + [NAME]


def _load():
    given = os.environ.get(VARIABLE)
    if given:
        try:
            return ctypes.CDLL(given)
        except OSError as error:
            raise RegstoreError(f"{VARIABLE} names {given}, which cannot be loaded: {error}",
                                _abi.CONFIG) from error
    tried = _candidates()
    for path in tried:
        if os.sep in path and not os.path.exists(path):
            continue
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            if os.sep in path:
                raise RegstoreError(f"{path} cannot be loaded: {error}", _abi.CONFIG) from error
    raise RegstoreError(
        f"{NAME} was not found: install regstore (meson install), or set {VARIABLE} to the file. "
        f"Looked for: {', '.join(tried)}", _abi.CONFIG)


def _declare(library):
    for name, (result, *arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise RegstoreError(f"{library._name} has no {name}: it is older than this package; "
                                "install both from one release", _abi.CONFIG) from error
        function.restype, function.argtypes = result, arguments
    return library


def _build_tree_plugins(path):
    """The plugins of the build tree that the library lies in; None when it is an installed one."""
    build = os.path.dirname(os.path.dirname(os.path.realpath(path)))
    plugins = os.path.join(build, "plugin")
    is_build = os.path.isdir(os.path.join(build, "meson-private")) and os.path.isdir(plugins)
    return plugins if is_build else None


class Library:
    """regstore_host_NAME as NAME."""

    def __init__(self):
        self.functions = _declare(_load())

    @property
    def plugin_dir(self):
        """For load_driver: the folder of plugins that belongs to a library that was never
        installed; None leaves it to load_driver."""
        path = self.functions._name
        if os.sep not in path or os.environ.get("REGSTORE_PLUGIN_DIR"):
            return None
        return _build_tree_plugins(path)

    def __getattr__(self, name):
        return getattr(self.functions, "regstore_host_" + name)


_LOADED = []


def library():
    """Loads it once a process; a failure is tried anew the next time."""
    if not _LOADED:
        _LOADED.append(Library())
    return _LOADED[0]
