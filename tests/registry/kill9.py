#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: kill9.py PROGRAM CONFIG LOG KEYS ROUNDS SEED

A registry is killed in the middle of a push, as kill -9 does, and started again. Whatever the moment, a
blob is there whole or not at all; then it is pushed, anew or on from what GET status tells.

Prints what it has seen; adds to the file KEYS where the blobs must lie now."""
import http.client
import random
import re
import subprocess
import sys
import threading
import time

from client import Upload, blob_keys, digest_of, eventually, fetch, has, noise, send

MIB = 1 << 20
CHUNKS = [6 * MIB, 100, 9 * MIB, 5 * MIB]


class Registry:
    """One process after the other, each on a port of its own."""

    def __init__(self, program, config, log):
        self.command = [program, "serve", config]
        self.log = log

    def start(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        self.at = eventually(self.listens, "a registry")

    def listens(self):
        assert self.process.poll() is None, "the registry ended by itself"
        with open(self.log, encoding="utf-8") as log:
            found = re.search(r"listening on (127[0-9.:]+)", log.read())
        return found and found[1]

    def kill(self):
        self.process.kill()
        self.process.wait()


class Push:
    """Of one blob, as far as the registry lives."""

    def __init__(self, registry, number, seed):
        self.registry = registry
        self.chunks = [noise(size, f"{seed} {number} {size}") for size in CHUNKS]
        self.content = b"".join(self.chunks)
        self.digest = digest_of(self.content)
        self.upload = None
        self.accepted = 0
        self.is_done = False
        self.refusal = None

    def run(self):
        try:
            self.upload = Upload(self.registry.at, "kill9")
            for chunk in self.chunks:
                self.expect(self.upload.patch(self.registry.at, chunk), 202)
                self.accepted += len(chunk)
            self.expect(self.upload.put(self.registry.at, self.digest), 201)
            self.is_done = True
        except (OSError, http.client.HTTPException):
            pass

    def expect(self, answer, status):
        if answer.status != status:
            self.refusal = answer
            raise ConnectionError

    def go_on(self):
        """From the offset that the registry tells; False if it knows nothing of the upload."""
        if self.upload is None:
            return False
        status = send(self.registry.at, "GET", self.upload.without_state)
        if status.status == 404:
            return False
        offset = self.upload.offset(self.registry.at)
        if offset > len(self.content):
            raise AssertionError(f"{offset} bytes of {len(self.content)}")
        # What the registry has acknowledged it must have.
        assert offset >= self.accepted, (offset, self.accepted)
        if offset == 1:  # no chunk ends there
            offset = 0
        rest = self.content[offset:]
        if rest:
            answer = self.upload.patch(self.registry.at, rest)
            assert answer.status == 202, answer
        answer = self.upload.put(self.registry.at, self.digest)
        assert answer.status == 201, answer
        return True


def one_round(registry, number, seed, life_s, moment):
    push = Push(registry, number, seed)
    thread = threading.Thread(target=push.run)
    thread.start()
    time.sleep(moment * life_s)
    registry.kill()
    thread.join()
    assert push.refusal is None, push.refusal
    registry.start()
    told = fetch(registry.at, "kill9", push.digest)
    if told.status == 200:
        assert told.body == push.content, f"round {number}: the blob has other bytes"
    else:
        assert told.status == 404, told
        assert not push.is_done, f"round {number}: the push was done, and the blob is not there"
    went_on = told.status == 404 and number % 2 == 0 and push.go_on()
    if told.status == 404 and not went_on:
        again = Push(registry, number, seed)
        again.run()
        assert again.is_done, (number, again.refusal)
    assert has(registry.at, "kill9", push.digest)
    told_again = fetch(registry.at, "kill9", push.digest)
    assert told_again.body == push.content, f"round {number}: other bytes at the end"
    return blob_keys("kill9", push.digest), push.is_done, told.status == 200, went_on


def main():
    program, config, log, keys, rounds, seed = sys.argv[1:]
    print(f"seed {seed}")
    registry = Registry(program, config, log)
    registry.start()
    found = []
    for number in ("warm", "undisturbed"):
        push = Push(registry, number, seed)
        start = time.monotonic()
        push.run()
        life_s = time.monotonic() - start
        assert push.is_done, push.refusal
        found += blob_keys("kill9", push.digest)

    # The moments are spread evenly over a push; how long that takes depends on what else the machine
    # does, so it is felt for as the rounds go by.
    moments = random.Random(seed)
    cut = whole = resumed = 0
    try:
        for number in range(int(rounds)):
            added, is_done, was_whole, went_on = one_round(registry, number, seed, life_s,
                                                           moments.random())
            found += added
            life_s *= 0.9 if is_done else 1.03
            cut += not is_done
            whole += was_whole
            resumed += went_on
    finally:
        registry.kill()
    print(f"{rounds} kills: {cut} in mid-push, {whole} times the whole blob was there, {resumed} times "
          "the push went on")
    assert cut * 2 >= int(rounds) and resumed > 0, "too few were cut to prove anything"
    with open(keys, "a", encoding="utf-8") as file:
        file.writelines(key + "\n" for key in found)
    print(f"ok - of {rounds} pushes {cut} were cut by kill -9 of the registry; blobs are there whole or "
          "not at all, and are pushed anew or go on after a restart")


if __name__ == "__main__":
    main()
