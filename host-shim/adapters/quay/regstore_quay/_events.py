# SPDX-License-Identifier: Apache-2.0
"""What a plugin logs and measures, out of the host library's ring into logging and prometheus.

No Python code ever runs on a plugin's thread: the ring is written in C and taken out here, on the
thread or greenlet that made a call, after the call."""
import logging
import re
import time
from ctypes import byref, c_void_p

from . import _abi
from ._library import library
from .errors import error_of

try:
    import prometheus_client
except ImportError:  # Then nothing is measured.
    prometheus_client = None

_logger = logging.getLogger("regstore_quay")

RING_BYTES = 128 * 1024

# name -> (names of its labels, metric), or None for one that cannot be had. Of the process, as
# prometheus_client's registry is: a location is a label.
_metrics = {}


def _make_metric(kind, name, label_names):
    make = {_abi.METRIC_COUNT: prometheus_client.Counter,
            _abi.METRIC_GAUGE: prometheus_client.Gauge,
            _abi.METRIC_TIME: prometheus_client.Histogram}.get(kind)
    if make is None:
        return None
    try:
        return label_names, make(name, f"of a regstore plugin: {name}", label_names)
    except ValueError as error:  # Another thread was first, or somebody else's metric has the name.
        if name not in _metrics:
            _logger.warning("metric %s is not kept: %s", name, error)
        return _metrics.get(name)


def measure(location, kind, name, value, labels):
    if prometheus_client is None:
        return
    name = re.sub(r"[^a-zA-Z0-9_:]", "_", name)
    labels = {**labels, "location": location}
    if name not in _metrics:
        _metrics[name] = _make_metric(kind, name, sorted(labels))
    entry = _metrics[name]
    if entry is None or entry[0] != sorted(labels):
        return
    metric = entry[1].labels(**labels)
    if kind == _abi.METRIC_COUNT:
        metric.inc(value)
    elif kind == _abi.METRIC_GAUGE:
        metric.set(value)
    else:
        metric.observe(value)


class Events:
    """The ring of one store."""

    def __init__(self, driver, location):
        self._logger = _logger.getChild(driver)
        self._location = location
        self._ring = c_void_p()
        self._level = None
        error = _abi.Error()
        status = library().ring_new(RING_BYTES, byref(self._ring), byref(error))
        if status != _abi.OK:
            raise error_of(status, error, "cannot keep what the plugin says")
        self._follow_level()

    @property
    def host(self):
        """For store_open."""
        return library().ring_host(self._ring)

    def _follow_level(self):
        """logging may be configured at any time."""
        level = self._logger.getEffectiveLevel()
        if level != self._level:
            library().ring_set_level(self._ring, level)
            self._level = level

    def _tell(self, event):
        name, fields = event.texts()
        if event.kind != _abi.HOST_EVENT_LOG:
            measure(self._location, event.kind, name, event.value, fields)
            return
        words = " ".join(f"{key}={value!r}" if re.search(r"[\s=\"']", value) or not value
                         else f"{key}={value}" for key, value in fields.items())
        age = time.time() - event.time_ns / 1e9  # it has waited for the next call of this process
        late = f" ({age:.0f} s ago)" if age >= 1 else ""
        self._logger.log(event.level, "%s: %s %s%s", self._location, name, words, late)

    def drain(self):
        """Passes on all that waits."""
        self._follow_level()
        taken = 0
        event = _abi.HostEvent()  # One a call: logging may switch to another greenlet.
        while library().ring_take(self._ring, byref(event)):
            self._tell(event)
            taken += 1
        lost = library().ring_lost(self._ring) if taken else 0
        if lost:
            self._logger.warning("%s: %d events found no room and are lost", self._location, lost)
            measure(self._location, _abi.METRIC_COUNT, "regstore_events_lost_total", lost, {})

    def close(self):
        """After the store and all its handles are closed (CB-2)."""
        ring, self._ring = self._ring, c_void_p()
        library().ring_free(ring)
