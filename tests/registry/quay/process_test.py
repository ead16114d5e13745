#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""process_test.py PLUGIN-FOLDER: the adapter in its process: the library, forks, threads, and what
becomes of a plugin's failures and log. The folder is that of TestStorage, whose verbs fail on
demand (tests/unit/host/plugin.c). Prints TAP."""
import ctypes
import hashlib
import io
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import regstore_quay
import tap
from regstore_quay import RegstoreError, _library, _store
from world import WORLD

PLUGINS = sys.argv[1]
logging.getLogger("regstore_quay").addHandler(logging.NullHandler())
NOISE = hashlib.shake_256(b"process").digest(1 << 20)


class DemandTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def demand(self, **settings):
        """A driver of TestStorage, found where the test was told."""
        before = os.environ.get("REGSTORE_PLUGIN_DIR")
        os.environ["REGSTORE_PLUGIN_DIR"] = PLUGINS
        try:
            return regstore_quay.driver_class("TestStorage")(
                None, file=os.path.join(self.folder, "blob"), **settings)
        finally:
            del os.environ["REGSTORE_PLUGIN_DIR"]
            if before is not None:
                os.environ["REGSTORE_PLUGIN_DIR"] = before


class FailureTest(DemandTest):
    def begun(self, data):
        """The first chunk of an upload: only what follows has metadata that Quay keeps."""
        store = self.demand()
        uuid, metadata = store.initiate_chunked_upload()
        written, metadata, error = store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(data), metadata)
        self.assertEqual((written, error), (len(data), None))
        return uuid, metadata

    def test_error_tells_all_that_the_plugin_said(self):
        store = self.demand(fail="stat,9,1,1")
        with self.assertRaises(RegstoreError) as caught:
            store.exists("a")
        error = caught.exception
        self.assertEqual((error.status, error.status_name, error.retryable, error.code,
                          error.request_id), (9, "UNAVAILABLE", True, "SlowDown", "tx-7"))
        for words in ("failed on demand", "UNAVAILABLE", "SlowDown", "tx-7", "'a'"):
            self.assertIn(words, str(error))
        self.assertFalse(store.exists("a"))

    def test_status_that_is_not_known_counts_as_internal(self):
        with self.assertRaises(RegstoreError) as caught:
            self.demand(fail="stat,77,1,0").exists("a")
        self.assertEqual(caught.exception.status_name, "INTERNAL")

    def test_write_that_fails_half_way_keeps_the_half_and_tells_the_error(self):
        uuid, metadata = self.begun(b"0")
        store = self.demand(fail="upload_write,9,1,1")
        with self.assertLogs("regstore_quay", "WARNING"):
            written, metadata, error = store.stream_upload_chunk(uuid, 1, -1,
                                                                 io.BytesIO(b"12345678"), metadata)
        self.assertEqual(written, 4)
        self.assertEqual(error.status_name, "UNAVAILABLE")
        written, metadata, error = store.stream_upload_chunk(uuid, 5, -1, io.BytesIO(b"5678"),
                                                             metadata)
        self.assertEqual((written, error), (4, None))
        store.complete_chunked_upload(uuid, "a", metadata)
        self.assertEqual(store.get_content("a"), b"012345678")

    def test_first_chunk_that_fails_leaves_nothing_and_no_token(self):
        """Quay drops the metadata that comes with an error."""
        for verb in ("upload_write", "upload_suspend"):
            store = self.demand(fail=f"{verb},9,1,1")
            uuid, metadata = store.initiate_chunked_upload()
            written, same, error = store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"1234"),
                                                             metadata)
            self.assertEqual((written, same), (0, metadata))
            self.assertEqual(error.status_name, "UNAVAILABLE")
            self.assertEqual(os.listdir(self.folder), [])

    def test_suspend_that_fails_keeps_what_is_safe_all_the_same(self):
        """TestStorage then tells a token for the first half (TOK-2)."""
        uuid, metadata = self.begun(b"1")
        store = self.demand(fail="upload_suspend,9,1,1")
        with self.assertLogs("regstore_quay", "WARNING"):
            written, metadata, error = store.stream_upload_chunk(uuid, 1, -1, io.BytesIO(b"234"),
                                                                 metadata)
        self.assertEqual((written, error.status_name), (1, "UNAVAILABLE"))
        _, metadata, error = store.stream_upload_chunk(uuid, 2, -1, io.BytesIO(b"34"), metadata)
        self.assertIsNone(error)
        store.complete_chunked_upload(uuid, "a", metadata)
        self.assertEqual(store.get_content("a"), b"1234")

    def test_commit_that_fails_is_raised_and_abort_that_fails_is_logged(self):
        store = self.demand(fail="upload_commit,9,1,1")
        with self.assertRaisesRegex(RegstoreError, "UNAVAILABLE"):
            store.put_content("a", b"x")
        store = self.demand(fail="upload_abort,9,9,1")
        uuid, metadata = store.initiate_chunked_upload()
        _, metadata, _ = store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(b"1"), metadata)
        with self.assertLogs("regstore_quay", "WARNING") as said:
            store.cancel_chunked_upload(uuid, metadata)
        self.assertIn("left to be purged", said.output[0])

    def test_read_that_fails_is_no_end(self):
        store = self.demand()
        store.put_content("a", bytes(5000))
        store = self.demand(fail="read_next,9,1,1")
        with self.assertRaisesRegex(RegstoreError, "UNAVAILABLE"):
            store.get_content("a")


class Host(ctypes.Structure):
    """The beginning of regstore_host."""
    _fields_ = [("struct_size", ctypes.c_uint64), ("ctx", ctypes.c_void_p),
                ("log", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p,
                                         ctypes.c_void_p, ctypes.c_size_t))]


class EventTest(DemandTest):
    @staticmethod
    def ring_log(store, level, name):
        """As the plugin would."""
        host = ctypes.cast(store._store.events.host, ctypes.POINTER(Host)).contents
        host.log(host.ctx, level, name, None, 0)

    def test_log_events_go_to_logging_with_their_level_and_location(self):
        with self.assertLogs("regstore_quay.TestStorage", "INFO") as said:
            self.demand()
        self.assertEqual([record.levelno for record in said.records],
                         [logging.INFO, logging.WARNING])
        self.assertIn("default: store.opened", said.output[0])
        self.assertIn("default: store.small", said.output[1])

    def test_level_of_the_logger_counts_when_it_is_set(self):
        logger = logging.getLogger("regstore_quay.TestStorage")
        logger.setLevel(logging.ERROR)
        try:
            store = self.demand()
            event = regstore_quay._abi.HostEvent()
            self.ring_log(store, logging.WARNING, b"below")
            self.ring_log(store, logging.ERROR, b"above")
            taken = []
            while _library.library().ring_take(store._store.events._ring, event):
                taken.append(event.texts()[0])
            self.assertEqual(taken, ["above"])
        finally:
            logger.setLevel(logging.NOTSET)

    def test_plugin_that_says_too_much_is_told_of(self):
        store = self.demand()
        for _ in range(regstore_quay._events.RING_BYTES // 32):
            self.ring_log(store, logging.ERROR, b"much")
        with self.assertLogs("regstore_quay.TestStorage", "WARNING") as said:
            store.exists("a")
        self.assertRegex(said.output[-1], "[0-9]+ events found no room")
        self.assertGreater(len(said.output), 1000)


class ProcessTest(DemandTest):
    def child(self, function):
        """True when the child's function came to its end."""
        pid = os.fork()
        if pid == 0:
            try:
                function()
                os._exit(0)
            except BaseException as error:  # pylint: disable=broad-except
                print("# in the child:", repr(error), flush=True)
                os._exit(1)
        return os.waitpid(pid, 0)[1] == 0

    def test_driver_made_before_a_fork_works_after_it_used_or_not(self):
        store = WORLD.open(WORLD.new_path())
        self.assertTrue(self.child(lambda: store.put_content("a", b"child")))
        self.assertEqual(store.get_content("a"), b"child")

        def push():
            uuid, metadata = store.initiate_chunked_upload()
            _, metadata, error = store.stream_upload_chunk(uuid, 0, -1, io.BytesIO(NOISE), metadata)
            assert error is None
            store.complete_chunked_upload(uuid, "b", metadata)
        self.assertTrue(self.child(push))
        self.assertEqual(store.get_content("b"), NOISE)

    def test_plugin_that_offers_no_use_after_a_fork_is_opened_anew(self):
        store = self.demand()
        self.assertFalse(store._store.features & regstore_quay._abi.F_FORK_AFTER_USE)
        store.put_content("a", b"x")
        before = store._store._store.value

        def look():
            assert store.exists("a")
            assert store._store._opened_in == _store._generation[0] > 0
        self.assertTrue(self.child(look))
        self.assertTrue(store.exists("a"))
        self.assertEqual(store._store._store.value, before)

    def test_threads_push_side_by_side(self):
        store = WORLD.open(WORLD.new_path())
        failures = []

        def push(number):
            try:
                data = NOISE[number:number + 300000]
                digest = hashlib.sha256(data).hexdigest()
                uuid, metadata = store.initiate_chunked_upload()
                for at in range(0, len(data), 70000):
                    piece = io.BytesIO(data[at:at + 70000])
                    _, metadata, error = store.stream_upload_chunk(uuid, at, -1, piece, metadata)
                    assert error is None, error
                path = f"sha256/{digest[:2]}/{digest}"
                store.complete_chunked_upload(uuid, path, metadata)
                assert store.get_content(path) == data
            except BaseException as error:  # pylint: disable=broad-except
                failures.append(error)
        threads = [threading.Thread(target=push, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def run_with(self, library):
        """What a process says whose REGSTORE_LIBRARY is this one."""
        return subprocess.run(
            [sys.executable, "-c", "import regstore_quay\n"
             "regstore_quay.driver_class('LocalStorage')(None, storage_path='/x')"],
            env={**os.environ, "REGSTORE_LIBRARY": library}, capture_output=True, text=True,
            check=False)

    def test_library_that_is_missing_or_too_old_is_told_with_what_to_do(self):
        missing = self.run_with("/nowhere/libregstore-host.so.1")
        self.assertIn("REGSTORE_LIBRARY names /nowhere/libregstore-host.so.1", missing.stderr)
        old = self.run_with("libc.so.6")
        self.assertIn("older than this package", old.stderr)
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        package = os.path.dirname(regstore_quay.__file__)
        shutil.copytree(package, os.path.join(folder, "a/b/c/d", "regstore_quay"))
        nowhere = subprocess.run(
            [sys.executable, "-c", "import ctypes, regstore_quay\n"
             "from regstore_quay import _library\n"
             "_library._candidates = lambda: ['/none/' + _library.NAME, 'lib-none.so']\n"
             "_library.library()"],
            env={**{k: v for k, v in os.environ.items() if k != "REGSTORE_LIBRARY"},
                 "PYTHONPATH": os.path.join(folder, "a/b/c/d")},
            capture_output=True, text=True, check=False)
        self.assertIn("was not found: install regstore", nowhere.stderr)
        self.assertIn("/none/", nowhere.stderr)

    def test_process_that_ends_waits_until_its_calls_are_out_of_the_plugin(self):
        """And new ones do not begin. The first handler that is registered runs last."""
        script = ("import atexit, os, sys, threading, time\n"
                  "def say(line): os.write(1, f'{line}\\n'.encode())\n"  # whole, whoever else does
                  "atexit.register(lambda: say(f'under way: {len(_blocking._in_flight)}'))\n"
                  "import regstore_quay\n"
                  "from regstore_quay import _blocking\n"
                  "store = regstore_quay.driver_class('TestStorage')(\n"
                  "    None, file=sys.argv[1], wait='stat')\n"
                  "def look():\n"
                  "    while True:\n"
                  "        try:\n"
                  "            store.exists('a')\n"
                  "        except regstore_quay.RegstoreError as error:\n"
                  "            say(error.status_name)\n"
                  "            if _blocking._is_ending: break\n"
                  "for _ in range(3): threading.Thread(target=look, daemon=True).start()\n"
                  "while not os.path.exists(sys.argv[1] + '.waiting') "
                  "or len(_blocking._in_flight) < 3:\n"
                  "    time.sleep(0.001)\n")
        done = subprocess.run(
            [sys.executable, "-c", script, os.path.join(self.folder, "blob")], check=False,
            env={**os.environ, "REGSTORE_PLUGIN_DIR": PLUGINS}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("under way: 0", done.stdout.splitlines(), done.stdout + done.stderr)

    def test_inside_of_quay_it_is_one_of_quays_own_drivers(self):
        """With the two lines in storage/__init__.py, which is then half imported."""
        files = {
            "storage/basestorage.py": "class BaseStorageV2:\n    buffer_size = 7\n",
            "storage/__init__.py":
                "STORAGE_DRIVER_CLASSES = {'LocalStorage': None}\n"
                "import regstore_quay\n"
                "STORAGE_DRIVER_CLASSES.update(\n"
                "    regstore_quay.driver_classes('STSS3Storage', 'LocalStorage'))\n"}
        for name, text in files.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        script = ("import storage, storage.basestorage\n"
                  "made = storage.STORAGE_DRIVER_CLASSES['LocalStorage']\n"
                  "assert issubclass(made, storage.basestorage.BaseStorageV2)\n"
                  "assert made(None, storage_path='/x').buffer_size == 7\n")
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                              check=False, env={**os.environ, "PYTHONPATH":
                                                self.folder + ":" + os.environ["PYTHONPATH"]})
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_package_looks_beside_itself_first(self):
        package = os.path.dirname(os.path.abspath(_library.__file__))
        top = os.path.normpath(os.path.join(package, "../../../.."))
        self.assertTrue(_library._candidates()[0].startswith(os.path.join(top, "lib")))
        self.assertIn(os.path.join(top, "build/host-shim", _library.NAME), _library._candidates())


if __name__ == "__main__":
    try:
        tap.main(sys.modules["__main__"], os.environ.get("QUAY_TEST_PREFIX", ""))
    finally:
        WORLD.end()
