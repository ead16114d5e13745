#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A name server that never answers: dead_names.py ENV, where /etc/hosts is
ENV's neighbour hosts and the name server is port 53 of loopback. REGSTORE is the command. Prints TAP.

CALL-3 wants a call to be back within a second of its deadline or of a cancel. A whole process is
measured here, on a machine that does other work too, so it gets two and a half; a call that waits for
the resolver takes ten (two tries of five seconds, as resolv.conf(5) has it)."""
import hashlib
import os
import signal
import socket
import sys
import threading
import time

from claims import run
from command import Run, read_env, until

ENV = read_env(sys.argv[1])
FOLDER = os.path.dirname(sys.argv[1])
CONFIG = os.path.join(FOLDER, "names.yaml")
GRACE_S = 2.5
CONTENT = os.urandom(24 << 20)


class DeadServer:
    """Takes questions and answers none."""

    def __init__(self):
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.socket.recv(4096)
            self.asked += 1


DEAD = DeadServer()


def names(are_known):
    with open(os.path.join(FOLDER, "hosts"), "w", encoding="utf-8") as file:
        file.write("127.0.0.1 localhost\n")
        if are_known:
            file.write("127.0.0.1 s3.example sts.example\n")


def configure():
    with open(ENV["FAKE_S3_CONFIG"], encoding="utf-8") as file:
        text = file.read()
    for key, name in (("sts_endpoint_url", "sts.example"), (" endpoint_url", "s3.example")):
        text = text.replace(f"{key}: http://127.0.0.1", f"{key}: http://{name}")
    with open(CONFIG, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(text)
    with open(content(), "wb") as file:
        file.write(CONTENT)


def content():
    return os.path.join(FOLDER, "content")


def regstore(*words, status=0):
    command = Run(CONFIG, *words, folder=FOLDER, stdin=None)
    return command.end(status)


def timed_out(*words, timeout_s=2):
    asked = DEAD.asked
    start = time.monotonic()
    command = Run(CONFIG, "--timeout", f"{timeout_s}s", *words, folder=FOLDER, stdin=None)
    command.end(1)
    took = time.monotonic() - start
    assert DEAD.asked > asked, "the name server was not asked"
    assert timeout_s - 0.1 < took < timeout_s + GRACE_S, f"{words}: {took} s"
    assert "TIMEOUT" in command.complaints(), command.complaints()


def cancelled(*words):
    asked = DEAD.asked
    command = Run(CONFIG, *words, folder=FOLDER, stdin=None)
    until(lambda: DEAD.asked > asked, "a question to the name server")
    start = time.monotonic()
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(60) != 0, command.words
    took = time.monotonic() - start
    assert took < GRACE_S, f"{words}: {took} s"


def every_command_is_back_at_its_deadline():
    names(False)
    for words in (["put", content(), "key"], ["get", "key"], ["stat", "key"], ["ls"],
                  ["rm", "key"], ["cp", "key", "copy"]):
        timed_out(*words)


def every_command_is_back_when_it_is_cancelled():
    names(False)
    for words in (["put", content(), "key"], ["get", "key"], ["stat", "key"], ["ls"],
                  ["rm", "key"], ["cp", "key", "copy"]):
        cancelled(*words)


def goes_on_later(stop):
    """An upload in three processes, of which the second meets the dead name server."""
    token = os.path.join(FOLDER, "token")
    part = os.path.join(FOLDER, "part")
    half = len(CONTENT) // 2
    names(True)
    regstore("upload", "begin", token)
    with open(part, "wb") as file:
        file.write(CONTENT[:half])
    regstore("upload", "append", token, part)
    with open(part, "wb") as file:
        file.write(CONTENT[half:])
    names(False)
    stop("upload", "append", token, part)
    names(True)
    said = regstore("upload", "status", token).decode().split()
    offset = int(said[said.index("offset") + 1])
    assert half <= offset <= len(CONTENT), offset
    with open(part, "wb") as file:
        file.write(CONTENT[offset:])
    regstore("upload", "append", token, part)
    regstore("upload", "commit", token, "key", "--digest",
             "sha256:" + hashlib.sha256(CONTENT).hexdigest())
    assert regstore("get", "key") == CONTENT
    regstore("rm", "key")


def upload_that_met_its_deadline_goes_on_when_names_work_again():
    goes_on_later(timed_out)


def upload_that_was_cancelled_goes_on_when_names_work_again():
    goes_on_later(cancelled)


if __name__ == "__main__":
    configure()
    run([every_command_is_back_at_its_deadline, every_command_is_back_when_it_is_cancelled,
         upload_that_met_its_deadline_goes_on_when_names_work_again,
         upload_that_was_cancelled_goes_on_when_names_work_again])
