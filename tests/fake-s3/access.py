#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whom the role trusts, and what it may do: access.py ENV, of a server that access.sh started
with a trust policy that wants an external id and with permissions for one folder. Prints TAP."""
import urllib.parse

from claims import run
from signer import BUCKET, ENV, PREFIX, Request, sts

CLAIMS = []


def claim(function):
    CLAIMS.append(function)
    return function


def assume(**more):
    r = sts(urllib.parse.urlencode({
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": "access",
        "RoleArn": ENV[PREFIX + "ROLE_ARN"], **more}).encode())
    r.sign()
    return r.send()


def field(text, name):
    return text.split(f"<{name}>")[1].split(f"</{name}>")[0]


def send(method, key, query="", body=b"", **headers):
    text = assume(ExternalId="open sesame")[2]
    r = Request(method, key, query, body, access_key=field(text, "AccessKeyId"),
                secret=field(text, "SecretAccessKey"))
    r.headers["x-amz-security-token"] = field(text, "SessionToken")
    r.headers.update({n.replace("_", "-"): v for n, v in headers.items()})
    r.sign()
    return r.send()[:2]


DENIED = (403, "AccessDenied")


@claim
def external_id_must_be_the_one_of_the_trust_policy():
    assert assume()[:2] == DENIED
    assert assume(ExternalId="open barley")[:2] == DENIED
    assert assume(ExternalId="open sesame")[0] == 200


@claim
def role_may_what_its_permissions_say_and_no_more():
    assert send("PUT", "mine/a", body=b"a")[0] == 200
    assert send("GET", "mine/a")[0] == 200
    assert send("PUT", "other/a", body=b"a") == DENIED
    assert send("GET", "other/a") == DENIED
    assert send("DELETE", "mine/a") == DENIED
    assert send("POST", "mine/a", "uploads=")[0] == 200


@claim
def deny_outweighs_allow():
    assert send("PUT", "mine/secret/a", body=b"a") == DENIED
    assert send("GET", "mine/secret/a") == DENIED


@claim
def condition_on_the_prefix_holds():
    assert send("GET", "", "list-type=2&prefix=mine%2F")[0] == 200
    assert send("GET", "", "list-type=2&prefix=other") == DENIED
    assert send("GET", "", "list-type=2") == DENIED


@claim
def missing_key_is_not_told_to_who_may_not_list_all():
    assert send("GET", "mine/absent") == DENIED
    assert send("HEAD", "mine/absent") == (403, "")


@claim
def copy_needs_to_read_its_source():
    assert send("PUT", "mine/b", x_amz_copy_source=f"{BUCKET}/mine/a")[0] == 200
    assert send("PUT", "mine/b", x_amz_copy_source=f"{BUCKET}/other/a") == DENIED


@claim
def users_may_do_all():
    r = Request("DELETE", "mine/a")
    r.sign()
    assert r.send()[0] == 204


if __name__ == "__main__":
    run(CLAIMS)
