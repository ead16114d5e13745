#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `regstore --metrics FILE` tells is what the server has seen: metrics.py ENV, of a server with
--control. REGSTORE is the command. Prints TAP."""
import os
import signal
import stat
import sys
import tempfile

from prometheus_client.parser import text_string_to_metric_families

from claims import run
from command import Run, door, read_env, until

ENV = read_env(sys.argv[1])
CONFIG = ENV["FAKE_S3_CONFIG"]
ENDPOINT = ENV["FAKE_S3_ENDPOINT"]
FOLDER = tempfile.TemporaryDirectory()
FILE = os.path.join(FOLDER.name, "regstore.prom")
LARGE = os.path.join(FOLDER.name, "large")
MIB = 1 << 20


def ask(method, verb, **words):
    return door(ENDPOINT, method, verb, **words)


def seen(what):
    """By operation, what the server has counted; of what it has none of, nothing."""
    lines = (line.split() for line in ask("GET", what).splitlines())
    return {name: float(n) for name, n in lines if n != "0"}


class Told:
    def __init__(self, *words, status=0, **options):
        self.command = Run(CONFIG, "--metrics", FILE, *words, folder=FOLDER.name, **options)
        self.status = status

    def end(self):
        self.command.end(self.status)
        return self.read()

    def read(self):
        with open(FILE, encoding="utf-8") as file:
            self.families = {f.name: f for f in text_string_to_metric_families(file.read())}
        os.unlink(FILE)
        assert not [n for n in os.listdir(FOLDER.name) if n.startswith("regstore.prom")]
        return self

    def by(self, family, label, sample=None, **where):
        """The sums of a family's samples, by the values of a label."""
        sums = {}
        for one in self.families[family].samples if family in self.families else ():
            named = one.name == (sample or one.name)
            if named and all(one.labels[k] == v for k, v in where.items()):
                key = one.labels.get(label)
                sums[key] = sums.get(key, 0) + one.value
        return sums

    def value(self, family, **where):
        samples = [s for s in self.families[family].samples
                   if s.name in (family, family + "_total")
                   and all(s.labels.get(k) == v for k, v in where.items())]
        assert len(samples) == 1, (family, samples)
        return samples[0].value


def begin(*words, **options):
    ask("DELETE", "counts")
    return Told(*words, **options)


def agree(told):
    tries = told.by("regstore_http_tries", "operation")
    assert tries == seen("counts"), (tries, seen("counts"))
    sent = told.by("regstore_http_sent_bytes", "operation")
    assert sent == seen("received"), (sent, seen("received"))
    received = told.by("regstore_http_received_bytes", "operation")
    assert received == seen("sent"), (received, seen("sent"))
    times = told.by("regstore_http_seconds", "operation", sample="regstore_http_seconds_count")
    assert times == tries, (times, tries)
    refreshes = sum(told.by("regstore_session_refreshes", "outcome").values())
    assert refreshes == told.by("regstore_http_requests", "operation").get("AssumeRole", 0)
    assert told.value("regstore_http_in_flight") == 0
    assert told.value("regstore_metrics_lost") == 0


def push_and_pull_of_parts_are_told_as_the_server_has_seen_them():
    told = begin("put", LARGE, "metrics/large").end()
    agree(told)
    assert told.by("regstore_http_tries", "operation")["UploadPart"] > 1
    assert told.value("regstore_written_bytes") == os.path.getsize(LARGE)
    assert told.value("regstore_uploads_open") == 0
    assert told.value("regstore_memory_used_bytes") == 0
    assert told.value("regstore_memory_limit_bytes") == 48 * MIB
    assert told.by("regstore_session_refreshes", "outcome") == {"ok": 1}
    assert told.by("regstore_session_refreshes", "source") == {"settings": 1}
    assert 3500 < told.value("regstore_session_remaining_seconds") <= 3600
    assert told.by("regstore_calls", "outcome", verb="commit") == {"ok": 1}
    assert told.value("regstore_command_exit_status", command="put") == 0
    told = begin("get", "metrics/large", "-o", os.path.join(FOLDER.name, "back")).end()
    agree(told)
    assert told.value("regstore_read_bytes") == os.path.getsize(LARGE)
    assert told.by("regstore_http_received_bytes", "operation")["GetObject"] == \
        os.path.getsize(LARGE)


def list_copy_and_delete_are_told_as_the_server_has_seen_them():
    for words in (("ls",), ("cp", "metrics/large", "metrics/copy"), ("stat", "metrics/copy"),
                  ("rm", "metrics/large", "metrics/copy"), ("purge", "--older-than", "2h")):
        agree(begin(*words).end())


def tries_in_vain_are_told_with_their_cause():
    ask("POST", "fault", op="ListObjectsV2", do="error", status=503, code="SlowDown")
    ask("POST", "fault", op="ListObjectsV2", do="error", status=500)
    ask("POST", "fault", op="ListObjectsV2", do="garble")
    told = begin("ls").end()
    assert told.by("regstore_http_tries", "status", operation="ListObjectsV2") == \
        {"503": 1, "500": 1, "200": 2}
    assert told.by("regstore_http_retries", "cause") == {"throttled": 1, "500": 1, "xml": 1}
    assert told.by("regstore_http_requests", "outcome", operation="ListObjectsV2") == {"ok": 1}
    assert seen("counts")["ListObjectsV2"] == 4
    ask("POST", "fault", op="ListObjectsV2", do="reset", when="middle")
    told = begin("ls").end()
    assert told.by("regstore_http_retries", "cause") == {"broken": 1}


def session_that_ends_is_told_as_a_cause_and_a_refresh():
    ask("POST", "fault", op="HeadObject", do="error", status=400, code="ExpiredToken")
    ask("POST", "fault", op="ListObjectsV2", do="error", status=400, code="ExpiredToken")
    told = begin("ls").end()
    assert told.by("regstore_http_retries", "cause") == {"session": 1}
    assert told.by("regstore_session_refreshes", "outcome") == {"ok": 2}
    assert seen("counts")["AssumeRole"] == 2
    ask("DELETE", "fault")


def clock_that_is_off_is_told_as_a_cause():
    ask("POST", "clock", offset_ms=20 * 60 * 1000)
    told = begin("ls").end()
    causes = told.by("regstore_http_retries", "cause")
    assert causes == {"clock": 2}, causes  # of STS, and of S3
    ask("POST", "clock", offset_ms=0)


def file_is_written_when_the_command_fails():
    ask("POST", "fault", op="ListObjectsV2", do="error", status=403, code="AccessDenied", times=0)
    told = begin("ls", status=1).end()
    ask("DELETE", "fault")
    assert told.value("regstore_command_exit_status", command="ls") == 1
    assert told.by("regstore_http_requests", "outcome", operation="ListObjectsV2") == {"denied": 1}
    ask("POST", "fault", op="AssumeRole", do="error", status=403, code="AccessDenied", times=0)
    told = begin("ls", status=1).end()
    ask("DELETE", "fault")
    assert told.by("regstore_session_refreshes", "outcome") == {"denied": 1}
    assert told.value("regstore_session_remaining_seconds") == 0
    told = begin("stat", "metrics/none", status=3).end()
    assert told.by("regstore_calls", "outcome") == {"not_found": 1}


def file_is_written_when_the_command_is_interrupted():
    ask("POST", "fault", op="ListObjectsV2", do="stall", ms=20000)
    told = begin("ls", status=1)
    until(lambda: seen("counts").get("ListObjectsV2") == 1, "a list")
    told.command.process.send_signal(signal.SIGINT)
    told.end()
    ask("DELETE", "fault")
    assert told.by("regstore_http_tries", "status", operation="ListObjectsV2") == {"cancelled": 1}
    assert told.by("regstore_http_requests", "outcome", operation="ListObjectsV2") == \
        {"cancelled": 1}
    assert told.value("regstore_http_in_flight") == 0


def what_cannot_be_the_file_is_refused_before_anything_is_done():
    ask("DELETE", "counts")
    os.mkfifo(os.path.join(FOLDER.name, "pipe"))
    for file in ("-", FOLDER.name, "/dev/null", "/dev/stdout", os.path.join(FOLDER.name, "pipe"),
                 os.path.join(FOLDER.name, "none", "file"), ""):
        refused = Run(CONFIG, "--metrics", file, "ls", folder=FOLDER.name)
        refused.end(2)
        assert "--metrics" in refused.complaints()
    assert not seen("counts")


def file_is_replaced_whole_and_can_be_read_by_others():
    link = os.path.join(FOLDER.name, "link")
    with open(FILE, "w", encoding="utf-8") as file:
        file.write("old")
    os.symlink(FILE, link)
    before = os.stat(FILE).st_ino
    Run(CONFIG, "--metrics", link, "ls", folder=FOLDER.name).end()
    assert os.path.islink(link) and os.stat(FILE).st_ino != before
    assert stat.S_IMODE(os.stat(FILE).st_mode) == 0o644
    os.unlink(link)
    assert Told("ls").end().families


def no_label_holds_a_key_a_secret_or_an_address():
    told = begin("put", LARGE, "metrics/large").end()
    said = repr(list(told.families.values()))
    for word in ("metrics/large", "ASIA", "AKIA", "127.0.0.1", ENV["FAKE_S3_CONFIG"]):
        assert word not in said, word


if __name__ == "__main__":
    with open(LARGE, "wb") as large:
        large.write(os.urandom(11 * MIB))
    run([push_and_pull_of_parts_are_told_as_the_server_has_seen_them,
         list_copy_and_delete_are_told_as_the_server_has_seen_them,
         tries_in_vain_are_told_with_their_cause,
         session_that_ends_is_told_as_a_cause_and_a_refresh,
         clock_that_is_off_is_told_as_a_cause,
         file_is_written_when_the_command_fails,
         file_is_written_when_the_command_is_interrupted,
         what_cannot_be_the_file_is_refused_before_anything_is_done,
         file_is_replaced_whole_and_can_be_read_by_others,
         no_label_holds_a_key_a_secret_or_an_address])
