#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gevent_test.py PLUGIN-FOLDER: the adapter under gevent, which has patched everything, as in
Quay. The folder is that of TestStorage, whose verbs wait on demand until they are cancelled. Prints
TAP."""
# pylint: disable=wrong-import-position,wrong-import-order
from gevent import monkey

monkey.patch_all()

import hashlib
import io
import logging
import os
import shutil
import sys
import tempfile
import unittest

import gevent
import regstore_quay
import tap
from world import WORLD

PLUGINS = sys.argv[1]
NOISE = hashlib.shake_256(b"gevent").digest(7 << 20)
native_thread = monkey.get_original("threading", "get_native_id")


class WaitingTest(unittest.TestCase):
    """Of the plugin whose verb `stat` waits until it is cancelled."""

    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.waiting = os.path.join(folder, "blob.waiting")
        os.environ["REGSTORE_PLUGIN_DIR"] = PLUGINS
        try:
            self.store = regstore_quay.driver_class("TestStorage")(
                None, file=os.path.join(folder, "blob"), wait="stat")
        finally:
            del os.environ["REGSTORE_PLUGIN_DIR"]

    def until_it_waits(self):
        while not os.path.exists(self.waiting):
            gevent.sleep(0.001)

    def test_other_greenlets_run_while_a_call_blocks_and_a_kill_ends_it(self):
        greenlet = gevent.spawn(self.store.exists, "a")
        self.until_it_waits()
        self.assertFalse(greenlet.ready())
        greenlet.kill()
        self.assertIsInstance(greenlet.value, gevent.GreenletExit)

    def test_second_kill_does_not_leave_the_call_alone(self):
        """The plugin still writes to what the call was given."""
        ended = []

        def look():
            try:
                self.store.exists("a")
            finally:
                pool = gevent.get_hub().threadpool
                ended.append(pool.task_queue.unfinished_tasks)
        greenlet = gevent.spawn(look)
        self.until_it_waits()
        greenlet.kill(block=False)
        gevent.sleep(0)
        greenlet.kill(block=False)
        greenlet.join()
        self.assertEqual(ended, [0])

    def test_timeout_of_gevent_cancels_the_call(self):
        with self.assertRaises(gevent.Timeout):
            with gevent.Timeout(0.05):
                self.store.exists("a")
        self.assertEqual(gevent.get_hub().threadpool.task_queue.unfinished_tasks, 0)

    def test_more_calls_than_the_pool_has_threads_all_end_when_killed(self):
        greenlets = [gevent.spawn(self.store.exists, "a") for _ in range(30)]
        self.until_it_waits()
        gevent.killall(greenlets)
        self.assertTrue(all(isinstance(g.value, gevent.GreenletExit) for g in greenlets))


class SlowFile(io.BytesIO):
    """Ends only when its greenlet is killed."""

    def __init__(self, data):
        super().__init__(data)
        self.is_out = False

    def read(self, size=-1):
        data = super().read(size)
        if not data:
            self.is_out = True
            gevent.sleep(3600)
        return data


class LocationTest(unittest.TestCase):
    def setUp(self):
        self.store = WORLD.open(WORLD.new_path())

    def push(self, data, store=None):
        store = store or self.store
        digest = hashlib.sha256(data).hexdigest()
        uuid, metadata = store.initiate_chunked_upload()
        for at in range(0, len(data), 1 << 20):
            piece = io.BytesIO(data[at:at + (1 << 20)])
            _, metadata, error = store.stream_upload_chunk(uuid, at, -1, piece, metadata)
            assert error is None, error
        path = f"sha256/{digest[:2]}/{digest}"
        store.complete_chunked_upload(uuid, path, metadata)
        assert store.get_content(path) == data
        return path

    def test_greenlets_push_side_by_side(self):
        greenlets = [gevent.spawn(self.push, NOISE[n:n + (5 << 19)]) for n in range(25)]
        gevent.joinall(greenlets, raise_error=True)

    def test_push_whose_greenlet_was_killed_goes_on_from_the_metadata_before(self):
        uuid, metadata = self.store.initiate_chunked_upload()
        _, metadata, _ = self.store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"kept"), metadata)
        fp = SlowFile(NOISE)
        greenlet = gevent.spawn(self.store.stream_upload_chunk, uuid, 4, -1, fp, metadata)
        while not fp.is_out:
            gevent.sleep(0.001)
        greenlet.kill()
        _, metadata, error = self.store.stream_upload_chunk(uuid, 4, -1, io.BytesIO(b"rest"),
                                                            metadata)
        self.assertIsNone(error)
        self.store.complete_chunked_upload(uuid, "a", metadata)
        self.assertEqual(self.store.get_content("a"), b"keptrest")

    def test_reader_that_is_left_in_the_middle_does_no_harm(self):
        self.store.put_content("a", NOISE)

        reading = []

        def read_some():
            for _ in self.store.stream_read("a"):
                reading.append(1)
                gevent.sleep(3600)
        greenlets = [gevent.spawn(read_some) for _ in range(15)]
        while len(reading) < len(greenlets):
            gevent.sleep(0.001)
        gevent.killall(greenlets)
        self.assertEqual(self.store.get_content("a"), NOISE)

    def test_no_python_code_runs_on_a_thread_of_the_plugins(self):
        """All that it logs comes out on this thread, whose greenlets these are."""
        threads = set()

        class Recorder(logging.Handler):
            def emit(self, record):
                threads.add(native_thread())
        logger = logging.getLogger("regstore_quay")
        recorder = Recorder()
        logger.addHandler(recorder)
        logger.setLevel(logging.DEBUG)
        try:
            greenlets = [gevent.spawn(self.push, NOISE[n:n + 99]) for n in range(5)]
            gevent.joinall(greenlets, raise_error=True)
        finally:
            logger.setLevel(logging.NOTSET)
            logger.removeHandler(recorder)
        if not WORLD.is_local:
            self.assertEqual(threads, {native_thread()})
        self.assertLessEqual(threads, {native_thread()})

    def test_metrics_reach_prometheus_with_the_location(self):
        import prometheus_client

        def value(name, **labels):
            return prometheus_client.REGISTRY.get_sample_value(
                name, {**labels, "location": "default"}) or 0

        def counts():
            puts = value("regstore_http_requests_total", operation="PutObject", outcome="ok")
            return (value("regstore_calls_total", verb="commit", outcome="ok"),
                    value("regstore_written_bytes_total"), 1 if WORLD.is_local else puts)
        before = counts()
        self.store.put_content("a", b"x")
        commits, written, puts = counts()
        self.assertEqual((commits, written), (before[0] + 1, before[1] + 1))
        if not WORLD.is_local:
            self.assertEqual(puts, before[2] + 1)
        self.assertEqual(value("regstore_uploads_open"), 0)
        text = prometheus_client.generate_latest().decode()
        self.assertIn('regstore_call_seconds_bucket{le="', text)

    def test_pushes_in_forked_workers_after_the_driver_was_made_and_used(self):
        self.store.put_content("before", b"x")
        pids = []
        for number in range(4):
            pid = os.fork()
            if pid == 0:
                try:
                    self.push(NOISE[number:number + (3 << 20)])
                    os._exit(0)
                except BaseException as error:  # pylint: disable=broad-except
                    print("# in the child:", repr(error), flush=True)
                    os._exit(1)
            pids.append(pid)
        self.assertEqual([os.waitpid(pid, 0)[1] for pid in pids], [0] * 4)
        self.push(NOISE[:100])


if __name__ == "__main__":
    logging.getLogger("regstore_quay").addHandler(logging.NullHandler())
    try:
        tap.main(sys.modules["__main__"], os.environ.get("QUAY_TEST_PREFIX", ""))
    finally:
        WORLD.end()
