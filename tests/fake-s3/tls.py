#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator is told when a certificate is not trusted: tls.py ENV, of a server with --cert.
REGSTORE is the command. Prints TAP."""
import os
import subprocess
import sys

from claims import run
from command import Run, read_env

ENV = read_env(sys.argv[1])
FOLDER = os.path.dirname(ENV["FAKE_S3_CONFIG"])
with open(ENV["FAKE_S3_CONFIG"], encoding="utf-8") as file:
    GOOD = file.read()


def config(name, *changes):
    """The server's own configuration with some of its lines replaced."""
    text = GOOD
    for key, line in changes:
        lines = text.splitlines(keepends=True)
        at = [i for i, old in enumerate(lines) if old.strip().startswith(key + ":")]
        assert len(at) == 1, key
        lines[at[0]] = line and f"      {line}\n"
        text = "".join(lines)
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        out.write(text)
    return path


def other_ca():
    path = os.path.join(FOLDER, "other.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=other",
                    "-keyout", os.path.join(FOLDER, "other-key.pem"), "-out", path],
                   check=True, capture_output=True)
    return path


def tell(path, *words, status=1):
    command = Run(path, *words, folder=FOLDER, stdin=None)
    command.end(status)
    return command.said().decode() + command.complaints()


def right_ca_is_all_that_it_takes():
    tell(ENV["FAKE_S3_CONFIG"], "ls", status=0)
    tell(ENV["FAKE_S3_CONFIG"], "check", status=0)


def wrong_ca_is_an_error_that_names_ca_bundle():
    wrong = config("wrong.yaml", ("ca_bundle", "ca_bundle: " + other_ca()))
    for words in (["ls"], ["stat", "key"], ["put", ENV["FAKE_S3_CONFIG"], "key"]):
        said = tell(wrong, *words)
        assert "certificate" in said and "ca_bundle" in said, said
        assert "sts_endpoint_url" not in said, said


def wrong_ca_of_s3_alone_is_one_too():
    """S3 by a name that its certificate does not have; STS by the right one."""
    endpoint = ENV["FAKE_S3_ENDPOINT"].replace("127.0.0.1", "localhost")
    said = tell(config("name.yaml", ("endpoint_url", "endpoint_url: " + endpoint)), "stat", "key")
    assert "HeadObject" in said and "ca_bundle" in said, said


def without_ca_bundle_the_system_is_asked_and_the_error_names_it():
    said = tell(config("none.yaml", ("ca_bundle", "")), "ls")
    assert "certificate" in said and "ca_bundle" in said, said


def check_says_it_in_words():
    said = tell(config("wrong.yaml", ("ca_bundle", "ca_bundle: " + other_ca())), "check")
    advice = said[said.index("[FAIL] session"):]
    assert "-> " in advice and "ca_bundle" in advice.split("-> ", 1)[1], said


def file_that_is_not_there_is_named():
    said = tell(config("gone.yaml", ("ca_bundle", "ca_bundle: /nowhere/ca.pem")), "ls")
    assert "ca_bundle" in said and "/nowhere/ca.pem" in said, said


if __name__ == "__main__":
    run([right_ca_is_all_that_it_takes, wrong_ca_is_an_error_that_names_ca_bundle,
         wrong_ca_of_s3_alone_is_one_too,
         without_ca_bundle_the_system_is_asked_and_the_error_names_it, check_says_it_in_words,
         file_that_is_not_there_is_named])
