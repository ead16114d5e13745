#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Regions, AWS's names of them, and buckets as host names: regions.py ENV, of a server with the
bucket quay in us-east-1 and the bucket far in eu-west-1. Prints TAP."""
import urllib.parse

from claims import run
from signer import ENV, Request, sts

FAR = ENV["FAKE_S3_ENDPOINT_eu_west_1"].split("//")[1]
LIST = "list-type=2"


def send(host, path, region, method="GET", query=LIST):
    r = Request(method, "", query, path=path, region=region)
    r.headers["Host"] = host
    r.sign()
    return r.send()


def bucket_is_where_it_is():
    assert send("s3.us-east-1.amazonaws.com", "/quay", "us-east-1")[0] == 200
    assert send("s3.eu-west-1.amazonaws.com", "/far", "eu-west-1")[0] == 200
    assert send("s3.eu-west-1.amazonaws.com", "/", "eu-west-1", query="")[0] == 200


def bucket_may_be_a_host_name():
    assert send("quay.s3.us-east-1.amazonaws.com", "/", "us-east-1")[0] == 200
    assert send("far.s3.eu-west-1.amazonaws.com", "/", "eu-west-1")[0] == 200
    assert send("quay.localhost:80", "/", "us-east-1")[0] == 200
    assert send("none.s3.us-east-1.amazonaws.com", "/", "us-east-1")[1] == "NoSuchBucket"


def request_to_another_region_is_redirected():
    status, code, text, headers = send("s3.us-east-1.amazonaws.com", "/far", "us-east-1")
    assert (status, code) == (301, "PermanentRedirect")
    assert "<Endpoint>far.s3.eu-west-1.amazonaws.com</Endpoint>" in text
    assert headers["x-amz-bucket-region"] == "eu-west-1"
    status, code, text, headers = send("far.s3.us-east-1.amazonaws.com", "/", "us-east-1", "HEAD", "")
    assert (status, text, headers["x-amz-bucket-region"]) == (301, "", "eu-west-1")
    assert f"<Endpoint>{FAR}</Endpoint>" in send("127.0.0.1", "/far", "us-east-1")[2]


def global_name_leads_to_the_bucket_and_names_the_region():
    assert send("far.s3.amazonaws.com", "/", "eu-west-1")[0] == 200
    status, code, text, _ = send("far.s3.amazonaws.com", "/", "us-east-1")
    assert (status, code) == (400, "AuthorizationHeaderMalformed")
    assert "<Region>eu-west-1</Region>" in text


def signature_for_another_region_is_told_the_right_one():
    status, code, text, _ = send("s3.us-east-1.amazonaws.com", "/quay", "eu-west-1")
    assert (status, code) == (400, "AuthorizationHeaderMalformed")
    assert "<Region>us-east-1</Region>" in text


def location_is_the_region_and_nothing_for_the_oldest():
    assert ">eu-west-1<" in send("s3.eu-west-1.amazonaws.com", "/far", "eu-west-1",
                                 query="location=")[2]
    assert "us-east-1" not in send("127.0.0.1", "/quay", "us-east-1", query="location=")[2]


def sts_of_a_region_wants_its_own():
    form = urllib.parse.urlencode({"Action": "GetCallerIdentity", "Version": "2011-06-15"})

    def ask(host, region):
        r = sts(form.encode())
        r.headers["Host"], r.region = host, region
        r.sign()
        return r.send()[:2]

    assert ask("sts.eu-west-1.amazonaws.com", "eu-west-1")[0] == 200
    assert ask("sts.amazonaws.com", "us-east-1")[0] == 200
    assert ask("sts.eu-west-1.amazonaws.com", "us-east-1") == (403, "SignatureDoesNotMatch")


if __name__ == "__main__":
    run([bucket_is_where_it_is, bucket_may_be_a_host_name, request_to_another_region_is_redirected,
         global_name_leads_to_the_bucket_and_names_the_region,
         signature_for_another_region_is_told_the_right_one,
         location_is_the_region_and_nothing_for_the_oldest, sts_of_a_region_wants_its_own])
