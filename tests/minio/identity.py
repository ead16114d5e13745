#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Roles of MinIO's: identity.py ENV, as run.sh wrote it. REGSTORE is the command. Prints TAP."""
import hashlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake-s3"))
# pylint: disable=wrong-import-position
import beside
import signer
from claims import run
from command import Run, read_env, until

ENV = read_env(sys.argv[1])
FOLDER = os.path.dirname(sys.argv[1])
CONTENT = os.urandom(13 << 20)
KEYS = {"sts_user_access_key": ENV["FAKE_S3_USER_ACCESS_KEY"],
        "sts_user_secret_key": ENV["FAKE_S3_USER_SECRET_KEY"]}


def write(name, text, mode=0o600):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, mode)) as file:
        file.write(text)
    return path


def regstore(*words, status=0, stdin=None, token=None, **settings):
    settings = {"sts_role_arn": ENV["FAKE_S3_ROLE_ARN"], "s3_bucket": ENV["FAKE_S3_BUCKET"],
                "storage_path": "/datastorage", "endpoint_url": ENV["FAKE_S3_ENDPOINT"],
                "sts_endpoint_url": ENV["FAKE_S3_ENDPOINT"], **settings}
    config = write("config.yaml", "DISTRIBUTED_STORAGE_CONFIG:\n  s3:\n    - STSS3Storage\n    - "
                   + "".join(f"      {k}: {v}\n" for k, v in settings.items()).lstrip())
    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": token} if token else {}
    command = Run(config, "--verbose", *words, folder=FOLDER, stdin=stdin, **environment)
    return command.end(status), command.complaints()


def token(life_s, name="token", key=ENV["OIDC_KEY"], **claims):
    return write(name, beside.token(key, ENV["OIDC_ISSUER"], life_s, **claims) + "\n", 0o644)


def a_blob_goes_in_and_comes_back(source, **more):
    path = os.path.join(FOLDER, "content")
    with open(path, "wb") as file:
        file.write(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    key = f"sha256/{digest[:2]}/{digest}"
    _, complaints = regstore("put", path, **more)
    assert f"source={source}" in complaints.replace('"', ""), complaints
    assert regstore("get", key, **more)[0] == CONTENT
    regstore("rm", key, **more)
    said = regstore("check", **more)[0].decode()
    assert "[FAIL]" not in said and f"credentials from: {source}" in said, said
    assert "no sts_role_arn" not in said, said


def user_assumes_a_role():
    a_blob_goes_in_and_comes_back("settings", **KEYS)


def web_identity_becomes_the_role():
    a_blob_goes_in_and_comes_back("web identity", token=token(900))


def web_identity_of_the_settings_becomes_the_role():
    a_blob_goes_in_and_comes_back("web identity", sts_web_identity_token_file=token(900))


def token_of_somebody_else_is_refused():
    other = os.path.join(FOLDER, "other.pem")
    subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
    for path in (token(900, aud="other"), token(900, name="forged", key=other)):
        said = regstore("check", status=1, token=path)[0].decode()
        assert "[FAIL] session: AssumeRoleWithWebIdentity" in said and "DENIED" in said, said


def expired_token_is_refused_and_its_file_is_read_again():
    said = regstore("check", status=1, token=token(-10))[0].decode()
    assert "expired" in said and "[FAIL] session: AssumeRoleWithWebIdentity" in said, said


def stranger_is_refused_with_the_key_that_is_wrong():
    said = regstore("check", status=1, **{**KEYS, "sts_user_access_key": "AKIASTRANGER"})[0].decode()
    assert "[FAIL] session: AssumeRole" in said and "sts_user_access_key" in said, said


if __name__ == "__main__":
    for variable in [v for v in os.environ if v.startswith("AWS_")]:
        del os.environ[variable]
    bucket = signer.Request("PUT", "")
    bucket.sign()
    until(lambda: bucket.send()[0] in (200, 409), "the bucket")
    run([user_assumes_a_role, web_identity_becomes_the_role,
         web_identity_of_the_settings_becomes_the_role, token_of_somebody_else_is_refused,
         expired_token_is_refused_and_its_file_is_read_again,
         stranger_is_refused_with_the_key_that_is_wrong])
