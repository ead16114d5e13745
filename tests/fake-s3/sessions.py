#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uploads that outlive their sessions: sessions.py ENV, of a server with --control. REGSTORE is the
command. Prints TAP.

What happened is asked of the server: it counts AssumeRole. The commands are fed until it has counted
enough, so that a slow machine only takes longer."""
import hashlib
import os
import sys
import tempfile

from claims import run
from command import Run, door, read_env, until

ENV = read_env(sys.argv[1])
CONFIG = ENV["FAKE_S3_CONFIG"]
ENDPOINT = ENV["FAKE_S3_ENDPOINT"]
PIECE = os.urandom(1 << 20)
FOLDER = tempfile.TemporaryDirectory()


def ask(method, verb, **words):
    return door(ENDPOINT, method, verb, **words)


def count(operation):
    both = ask("GET", "counts") + ask("GET", "refusals")
    counts = dict(line.split() for line in both.splitlines())
    return int(counts.get(operation, 0))


class Push:
    """Feeds a command, and knows the hash of what it was fed."""

    def __init__(self, *words):
        self.run = Run(CONFIG, "--verbose", *words, folder=FOLDER.name)
        self.sha256 = hashlib.sha256()

    def feed(self, pieces=2):
        for _ in range(pieces):
            # No two parts are the same, so that none can stand for another.
            piece = self.sha256.digest() + PIECE
            self.run.write(piece)
            self.sha256.update(piece)

    def until_sessions(self, number):
        until(lambda: count("AssumeRole") >= number, f"{number} sessions", step=self.feed)
        parts = count("UploadPart")
        until(lambda: count("UploadPart") > parts + 1, "a part after that", step=self.feed)


def comes_back(key, sha256):
    got = Run(CONFIG, "get", key, folder=FOLDER.name, stdin=None).end()
    assert hashlib.sha256(got).hexdigest() == sha256.hexdigest(), "other bytes came back"
    Run(CONFIG, "rm", key, folder=FOLDER.name, stdin=None).end()


def outlives_three_sessions(expired):
    ask("POST", "session", life_ms=3000, expired=expired)
    push = Push("put", "-", "long")
    push.until_sessions(4)
    push.run.end()
    assert count("CreateMultipartUpload") == 1 and count("CompleteMultipartUpload") == 1
    assert count("AbortMultipartUpload") == 0
    comes_back("long", push.sha256)


def push_outlives_three_sessions():
    outlives_three_sessions("ExpiredToken")


def push_outlives_three_sessions_where_the_end_of_one_is_access_denied():
    outlives_three_sessions("AccessDenied")


def upload_in_several_processes_outlives_three_sessions_in_each():
    token = os.path.join(FOLDER.name, "token")
    ask("POST", "session", life_ms=3000)
    whole = hashlib.sha256()
    Run(CONFIG, "upload", "begin", token, folder=FOLDER.name, stdin=None).end()
    for _ in range(2):
        before = count("AssumeRole")
        push = Push("upload", "append", token, "-")
        push.sha256 = whole
        push.until_sessions(before + 4)
        push.run.end()
    Run(CONFIG, "upload", "commit", token, "several", "--digest", "sha256:" + whole.hexdigest(),
        folder=FOLDER.name, stdin=None).end()
    comes_back("several", whole)


def overtaken(expired, code):
    """A part that is sent with a living session and judged after its end: by AWS with a code that
    says so, by Ceph with one that does not, so that the plugin has to look at its own clock."""
    ask("POST", "session", life_ms=3000, expired=expired)
    ask("POST", "fault", op="UploadPart", skip=1, do="stall", ms=4500)
    push = Push("put", "-", "overtaken")
    until(lambda: count(code) > 0, f"a refusal with {code}", step=push.feed)
    push.run.end()
    assert count(code) == 1
    comes_back("overtaken", push.sha256)


def part_that_its_session_did_not_outlive_is_sent_anew():
    overtaken("ExpiredToken", "ExpiredToken")


def part_that_its_session_did_not_outlive_is_sent_anew_after_access_denied():
    overtaken("AccessDenied", "AccessDenied")


def session_that_ends_before_its_time_is_renewed_once_for_all():
    ask("POST", "session", life_ms=0)
    push = Push("put", "-", "revoked")
    for number in (1, 2, 3):
        push.until_sessions(number)
        assert count("AssumeRole") == number
        ask("DELETE", "session")
    push.until_sessions(4)
    push.run.end()
    assert count("AssumeRole") == 4
    assert count("ExpiredToken") >= 3
    comes_back("revoked", push.sha256)


def access_denied_to_a_living_session_is_no_reason_to_renew():
    ask("POST", "session", life_ms=0, expired="AccessDenied")
    push = Push("put", "-", "denied")
    push.until_sessions(1)
    ask("DELETE", "session")
    try:
        until(lambda: push.run.process.poll() is not None, "a failure", step=push.feed)
    except BrokenPipeError:
        pass
    push.run.end(1)
    assert "AccessDenied" in push.run.complaints()
    assert count("AssumeRole") == 1 and count("AccessDenied") >= 1


def sts_that_is_down_is_borne_while_the_session_lives_and_told_once():
    ask("POST", "session", life_ms=9000)
    push = Push("put", "-", "down")
    push.until_sessions(1)
    ask("POST", "fault", op="AssumeRole", do="reset", times=0)

    def is_told():
        return "session_failed" in push.run.complaints()

    until(is_told, "a renewal that fails", step=push.feed)
    parts = count("UploadPart")
    until(lambda: count("UploadPart") > parts + 3, "parts after that", step=push.feed)
    ask("DELETE", "fault")
    tried = count("AssumeRole")
    push.until_sessions(tried + 1)
    push.run.end()
    assert push.run.complaints().count("session_failed") == 1, push.run.complaints()
    comes_back("down", push.sha256)


def forget():
    ask("DELETE", "fault")
    ask("DELETE", "counts")
    ask("POST", "session", life_ms=0)


if __name__ == "__main__":
    forget()
    run([push_outlives_three_sessions,
         push_outlives_three_sessions_where_the_end_of_one_is_access_denied,
         upload_in_several_processes_outlives_three_sessions_in_each,
         part_that_its_session_did_not_outlive_is_sent_anew,
         part_that_its_session_did_not_outlive_is_sent_anew_after_access_denied,
         session_that_ends_before_its_time_is_renewed_once_for_all,
         access_denied_to_a_living_session_is_no_reason_to_renew,
         sts_that_is_down_is_borne_while_the_session_lives_and_told_once], between=forget)
