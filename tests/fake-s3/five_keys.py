#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The configuration of the Quay manual's section 12.3 as it stands, against a server that AWS's names
lead to: five_keys.py ENV, of a server with TLS on port 443 and the bucket in eu-west-1; or five_keys.py
ENV configure, which only writes five-keys.yaml beside ENV. REGSTORE is the command. Prints TAP."""
import hashlib
import os
import sys

from claims import run
from command import Run, read_env

ENV = read_env(sys.argv[1])
FOLDER = os.path.dirname(sys.argv[1])
CONTENT = os.urandom(13 << 20)


def configure(name="five-keys.yaml", role=ENV["FAKE_S3_ROLE_ARN"]):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(f"""DISTRIBUTED_STORAGE_CONFIG:
   default:
    - STSS3Storage
    - sts_role_arn: {role}
      s3_bucket: {ENV["FAKE_S3_BUCKET"]}
      storage_path: /datastorage/registry
      sts_user_access_key: {ENV["FAKE_S3_USER_ACCESS_KEY"]}
      sts_user_secret_key: {ENV["FAKE_S3_USER_SECRET_KEY"]}
""")
    return path


def regstore(*words, status=0, config=None, **environment):
    command = Run(config or configure(), *words, folder=FOLDER, location="default", stdin=None,
                  **environment)
    command.end(status)
    return command.said(), command.complaints()


def blob_goes_in_and_comes_back():
    path = os.path.join(FOLDER, "content")
    with open(path, "wb") as file:
        file.write(CONTENT)
    hex_digest = hashlib.sha256(CONTENT).hexdigest()
    key = f"sha256/{hex_digest[:2]}/{hex_digest}"
    regstore("put", path)
    assert regstore("ls")[0].decode().split() == [key]
    assert regstore("get", key)[0] == CONTENT
    regstore("cp", key, "copy")
    regstore("rm", key, "copy")
    assert regstore("ls")[0] == b""


def check_is_green_and_tells_the_region_that_it_found():
    said = regstore("check")[0].decode()
    assert "[FAIL]" not in said and "write" in said, said
    assert "STS is sts.us-east-1.amazonaws.com" in said, said
    assert "quay.s3.eu-west-1.amazonaws.com" in said, said
    assert "set s3_region: eu-west-1" in said, said


def regions_of_the_environment_are_taken():
    for environment in ({"AWS_REGION": "eu-west-1"}, {"AWS_DEFAULT_REGION": "eu-west-1"},
                        {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}):
        said = regstore("check", **environment)[0].decode()
        assert "STS is sts.eu-west-1.amazonaws.com" in said, said
        assert "[FAIL]" not in said and "set s3_region" not in said, said


def role_of_china_is_asked_of_china():
    """The server has no such role there, but it took the region, the name and the signature."""
    config = configure("china.yaml", "arn:aws-cn:iam::123492922789:role/example-role")
    said = regstore("check", status=1, config=config)[0].decode()
    assert "sts.cn-north-1.amazonaws.com.cn" in said, said
    assert "AccessDenied" in said and "sts:AssumeRole" in said, said


if __name__ == "__main__":
    if sys.argv[2:] == ["configure"]:
        configure()
    else:
        run([blob_goes_in_and_comes_back, check_is_green_and_tells_the_region_that_it_found,
             regions_of_the_environment_are_taken, role_of_china_is_asked_of_china])
