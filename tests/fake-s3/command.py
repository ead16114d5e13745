# SPDX-License-Identifier: Apache-2.0
"""The command regstore, run from a test: REGSTORE is the program."""
import http.client
import os
import subprocess
import time
import urllib.parse

PROGRAM = os.environ["REGSTORE"]
LONG_S = 120  # For whatever should have happened long before.


class Run:
    """A command under way: its input is written piece by piece, its words are read as they come."""

    def __init__(self, config, *words, folder, location="s3", stdin=subprocess.PIPE, **environment):
        self.words = words
        self.out, self.err = (os.path.join(folder, name) for name in ("said", "complained"))
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [PROGRAM, "--config", config, "--location", location, *words], stdin=stdin,
                stdout=out, stderr=err, env={**os.environ, **environment})

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def complaints(self):
        with open(self.err, encoding="utf-8") as file:
            return file.read()

    def said(self):
        with open(self.out, "rb") as file:
            return file.read()

    def end(self, status=0):
        """Waits for its end, which must be with this status; what it wrote to standard output."""
        try:
            if self.process.stdin:
                self.process.stdin.close()
        except BrokenPipeError:
            pass  # It had ended already.
        seen = self.process.wait(LONG_S)
        assert seen == status, f"{self.words}: exit status {seen}: {self.complaints()[-2000:]}"
        return self.said()


def until(condition, what, timeout_s=LONG_S, step=None):
    """Awaits a condition, doing step meanwhile."""
    give_up = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up, f"in vain: {what}"
        if step:
            step()
        time.sleep(0.05)


def door(endpoint, method, verb, **words):
    """The server's own door for tests, of a server with --control."""
    connection = http.client.HTTPConnection(endpoint.split("//")[1], timeout=30)
    connection.request(method, f"/_fake/{verb}?" + urllib.parse.urlencode(words))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, (verb, words, text)
    return text


def read_env(path):
    with open(path, encoding="utf-8") as file:
        return dict(line.strip().split("=", 1) for line in file)
