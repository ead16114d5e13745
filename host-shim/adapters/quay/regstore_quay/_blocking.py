# SPDX-License-Identifier: Apache-2.0
"""Calls that may block, without stopping the greenlets of this thread."""
import atexit
import os
import sys
import time
from ctypes import c_int32, pointer

from . import _abi
from .errors import RegstoreError

# A call returns within a second of its cancel (CALL-3).
EXIT_WAIT_S = 2

# The calls under way in this process, and whether it is ending.
_in_flight = set()
_is_ending = []


class CallInFlight:
    """One regstore_call with what it points to (CALL-1): alive as long as the call is."""

    def __init__(self):
        self._cancel = c_int32(0)
        self.error = _abi.Error()
        self.struct = _abi.Call(cancel=pointer(self._cancel), error=pointer(self.error))

    def cancel(self):
        self._cancel.value = 1


def _end():
    """At the exit of the process: libraries below the plugin are about to tidy up, and would do so
    under the feet of a call."""
    _is_ending.append(True)
    deadline = time.monotonic() + EXIT_WAIT_S
    while _in_flight and time.monotonic() < deadline:
        for call in list(_in_flight):
            call.cancel()
        time.sleep(0.005)  # gevent's, when it has patched: then the greenlets run


# What was under way when a child was forked is the parent's.
os.register_at_fork(after_in_child=_in_flight.clear)
atexit.register(_end)


def _pool():
    """gevent's pool of native threads when gevent has patched this process, else None.

    Asked anew for each call: gunicorn patches when it likes, and a forked worker has its own."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not (monkey.is_module_patched("threading")
                              or monkey.is_module_patched("socket")):
        return None
    import gevent  # pylint: disable=import-outside-toplevel # it is loaded already
    return gevent.get_hub().threadpool


def _wait_out(result):
    """Until the native thread is out of the call, whatever is thrown at this greenlet meanwhile:
    the plugin reads and writes memory that is freed after it (CALL-4)."""
    while not result.ready():
        try:
            result.wait()
        except BaseException:  # pylint: disable=broad-except # the first one is raised again
            pass


def direct(_call, function, *arguments):
    """For what never blocks."""
    return function(*arguments)


def run(call, function, *arguments):
    """function(*arguments), which takes call.struct. A greenlet that is killed meanwhile, or whose
    gevent.Timeout strikes, cancels the call and leaves once it has returned: within a second
    (CALL-3)."""
    _in_flight.add(call)
    try:
        if _is_ending:
            raise RegstoreError("this process is ending", _abi.CANCELLED)
        pool = _pool()
        if pool is None:
            return function(*arguments)
        result = pool.spawn(function, *arguments)
        try:
            return result.get()
        except BaseException:
            call.cancel()
            _wait_out(result)
            raise
    finally:
        _in_flight.discard(call)
