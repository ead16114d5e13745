#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each fault that can be asked for happens, once, and the server goes on; and what else the tests'
door does. faults.py ENV, of a server with --control. Prints TAP."""
import http.client
import os
import re
import signal
import socket
import threading
import time
import urllib.parse

from claims import run
from signer import BUCKET, HOST, Request, session, sts, ENV, PREFIX

BODY = b"0123456789" * 1000


CLAIMS = []


def claim(function):
    CLAIMS.append(function)
    return function


def door(method, verb, **words):
    connection = http.client.HTTPConnection(HOST, timeout=30)
    connection.request(method, f"/_fake/{verb}?" + urllib.parse.urlencode(words))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def fault(**words):
    assert door("POST", "fault", **words)[0] == 200, words


def send(method="GET", key="victim", query="", body=b"", **headers):
    r = Request(method, key, query, body)
    r.headers.update({n.replace("_", "-"): v for n, v in headers.items()})
    r.sign()
    return r.send()


def put():
    return send("PUT", body=BODY)


def get():
    return send("GET")


def wire(method="GET", key="victim", query="", body=b""):
    """What comes over the wire, and how it ends: with a reset, or just so."""
    r = Request(method, key, query, body)
    r.headers["Connection"] = "close"
    r.sign()
    host, port = HOST.split(":")
    head = "".join(f"{n}: {v}\r\n" for n, v in r.headers.items())
    target = r.path + ("?" + query if query else "")
    with socket.create_connection((host, int(port)), timeout=30) as s:
        s.sendall(f"{method} {target} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n"
                  .encode() + body)
        seen = b""
        try:
            while piece := s.recv(65536):
                seen += piece
        except ConnectionResetError:
            return seen, "reset"
    return seen, "end"


def timed(call):
    start = time.monotonic()
    answer = call()
    return answer, time.monotonic() - start


def absent(key):
    return send("HEAD", key)[0] == 404


@claim
def error_comes_before_anything_is_done():
    fault(op="PutObject", key="fresh", do="error", status=503, code="SlowDown")
    assert send("PUT", "fresh", body=BODY)[:2] == (503, "SlowDown")
    assert absent("fresh")
    assert send("PUT", "fresh", body=BODY)[0] == 200


@claim
def error_after_it_was_done_hides_that_it_was():
    fault(op="PutObject", key="hidden", do="error", when="after")
    assert send("PUT", "hidden", body=BODY)[:2] == (500, "InternalError")
    assert not absent("hidden")


@claim
def reset_before_and_after():
    fault(op="PutObject", key="lost-1", do="reset", when="before")
    assert wire("PUT", "lost-1", body=BODY) == (b"", "reset") and absent("lost-1")
    fault(op="PutObject", key="lost-2", do="reset", when="read")
    assert wire("PUT", "lost-2", body=BODY) == (b"", "reset") and absent("lost-2")
    fault(op="PutObject", key="lost-3", do="reset", when="after")
    assert wire("PUT", "lost-3", body=BODY) == (b"", "reset") and not absent("lost-3")


@claim
def answer_breaks_off_in_the_middle():
    fault(op="GetObject", do="close", when="middle")
    seen, how = wire()
    assert how == "end" and len(seen.split(b"\r\n\r\n", 1)[1]) == len(BODY) // 2
    assert b"Content-Length: 10000" in seen
    fault(op="GetObject", do="reset", when="middle")
    seen, how = wire()
    assert how == "reset" and BODY not in seen


@claim
def stall_holds_one_request_and_no_other():
    fault(op="GetObject", do="stall", ms=700)
    (answer, took) = timed(get)
    assert answer[0] == 200 and took >= 0.7, took
    fault(op="GetObject", do="stall", when="middle", ms=700)
    (answer, took) = timed(get)
    assert answer[2].encode() == BODY and took >= 0.7, took


@claim
def trickle_is_slow_and_whole():
    fault(op="GetObject", do="trickle", ms=600)
    (answer, took) = timed(get)
    assert answer[2].encode() == BODY and took >= 0.5, took


@claim
def ok_with_an_error_in_it():
    fault(op="CopyObject", do="ok-error", code="InternalError")
    assert send("PUT", "copy", x_amz_copy_source=f"{BUCKET}/victim")[:2] == (200, "InternalError")
    assert absent("copy")


@claim
def white_space_comes_before_the_xml():
    fault(op="CopyObject", do="whitespace", ms=500)
    (answer, took) = timed(lambda: send("PUT", "copy", x_amz_copy_source=f"{BUCKET}/victim"))
    assert answer[2].startswith(" \n ") and "<ETag>" in answer[2] and took >= 0.5, answer


@claim
def redirect_names_place_and_region():
    fault(op="GetObject", do="redirect", status=301, to="elsewhere:1", region="eu-west-1")
    status, code, text, headers = get()
    assert (status, code) == (301, "PermanentRedirect") and "elsewhere:1" in text
    assert headers["x-amz-bucket-region"] == "eu-west-1"
    fault(op="GetObject", do="redirect", to="elsewhere:1")
    status, code, text, headers = get()
    assert (status, code) == (307, "TemporaryRedirect")
    assert headers["Location"] == f"http://elsewhere:1/{BUCKET}/victim"


@claim
def date_is_wrong_or_missing():
    fault(op="GetObject", do="date", ms=-3600000)
    shown = time.mktime(time.strptime(get()[3]["Date"], "%a, %d %b %Y %H:%M:%S GMT"))
    assert abs(shown + 3600 - time.mktime(time.gmtime())) < 5
    fault(op="GetObject", do="no-date")
    assert get()[3]["Date"] is None


@claim
def etag_is_wrong_empty_or_missing():
    right = put()[3]["ETag"]
    fault(op="PutObject", do="etag")
    assert put()[3]["ETag"] == '"' + "0" * 32 + '"' != right
    fault(op="CopyObject", do="no-etag")
    assert "ETag" not in send("PUT", "copy", x_amz_copy_source=f"{BUCKET}/victim")[2]
    fault(op="CopyObject", do="empty-etag")
    assert "<ETag></ETag>" in send("PUT", "copy", x_amz_copy_source=f"{BUCKET}/victim")[2]


@claim
def xml_is_cut_or_huge():
    fault(op="ListObjectsV2", do="garble")
    assert "</ListBucketResult>" not in send(key="", query="list-type=2")[2]
    fault(op="ListObjectsV2", do="pad", bytes=1000000)
    text = send(key="", query="list-type=2")[2]
    assert len(text) > 1000000 and text.endswith("</ListBucketResult>")


@claim
def last_byte_is_another():
    fault(op="GetObject", do="flip")
    seen = get()[2]
    assert seen[:-1].encode() == BODY[:-1] and seen[-1].encode() != BODY[-1:]
    assert get()[2].encode() == BODY


@claim
def content_comes_short_and_whole_as_http():
    fault(op="GetObject", do="shorten")
    status, _, text, headers = get()
    assert status == 200 and text.encode() == BODY[:len(BODY) // 2], len(text)
    assert headers["Content-Length"] == str(len(BODY) // 2)


@claim
def process_is_told_of_a_request():
    told = []
    before = signal.signal(signal.SIGUSR1, lambda *_: told.append(True))
    fault(op="GetObject", do="signal", pid=os.getpid(), ms=100)
    (answer, took) = timed(get)
    signal.signal(signal.SIGUSR1, before)
    assert told and answer[2].encode() == BODY and took >= 0.1, took


@claim
def what_was_struck_is_counted():
    def struck():
        return int(door("GET", "struck")[1])
    for rule, n in (({"do": "etag"}, 1), ({"do": "garble"}, 0), ({"do": "expire"}, 1),
                    ({"do": "reset", "when": "middle", "op": "HeadObject"}, 0),
                    ({"do": "shorten", "times": 0}, 1), ({"do": "error", "op": "PutObject"}, 0)):
        door("DELETE", "fault")
        fault(**rule)
        get()
        send("HEAD")
        assert struck() == n, (rule, struck())
    door("DELETE", "fault")
    assert struck() == 0


@claim
def requests_under_way_are_counted():
    def until(n):
        give_up = time.monotonic() + 10
        while door("GET", "busy") != (200, f"{n}\n"):
            assert time.monotonic() < give_up
    until(0)
    fault(op="GetObject", do="stall", ms=500)
    slow = threading.Thread(target=get)
    slow.start()
    until(1)
    slow.join()
    until(0)


@claim
def what_lies_there_is_told():
    send("PUT", "lying/here", body=b"four")
    assert door("GET", "left", prefix="lying/") == (200, "object lying/here 4\n")
    upload = send("POST", "lying/there", query="uploads=")[2]
    upload = re.search("<UploadId>(.*)</UploadId>", upload).group(1)
    assert f"upload lying/there {upload}\n" in door("GET", "left", prefix="lying/")[1]
    send("DELETE", "lying/there", query=f"uploadId={upload}")
    send("DELETE", "lying/here")
    assert door("GET", "left", prefix="lying/") == (200, "")


@claim
def lists_come_in_short_pages():
    door("POST", "page", most=1)
    send("PUT", "page/1")
    send("PUT", "page/2")
    query = "list-type=2&prefix=page%2F"
    first = send("GET", "", query=query)[2]
    door("POST", "page", most=0)
    assert first.count("<Key>") == 1 and "<IsTruncated>true<" in first
    assert send("GET", "", query=query)[2].count("<Key>") == 2
    send("DELETE", "page/1")
    send("DELETE", "page/2")


@claim
def rules_skip_and_last_as_long_as_they_say():
    fault(op="GetObject", skip=2, times=2, do="error", status=503, code="SlowDown")
    assert [get()[0] for _ in range(6)] == [200, 200, 503, 503, 200, 200]
    fault(op="Get*", key="vic?im", times=0, do="error", code="InternalError")
    assert [get()[0] for _ in range(3)] == [500, 500, 500]
    assert send("GET", "other")[0] == 404
    door("DELETE", "fault")
    assert get()[0] == 200


@claim
def wrong_rules_are_refused():
    for words in ({"do": "nothing"}, {}, {"do": "error", "status": 99}, {"do": "stall", "ms": "x"},
                  {"do": "reset", "when": "never"}, {"do": "reset", "oops": 1}):
        assert door("POST", "fault", **words)[0] == 400, words


@claim
def requests_are_counted_by_operation():
    door("DELETE", "counts")
    get(), get(), put(), session()
    counts = dict(line.split() for line in door("GET", "counts")[1].splitlines())
    assert counts == {"GetObject": "2", "PutObject": "1", "AssumeRole": "1"}, counts


@claim
def clock_can_be_wrong():
    door("POST", "clock", offset_ms=20 * 60 * 1000)
    status, code, text, headers = get()
    door("POST", "clock", offset_ms=0)
    assert (status, code) == (403, "RequestTimeTooSkewed") and "<ServerTime>" in text
    shown = time.mktime(time.strptime(headers["Date"], "%a, %d %b %Y %H:%M:%S GMT"))
    assert abs(shown - 1200 - time.mktime(time.gmtime())) < 5
    assert get()[0] == 200


def with_session(keys):
    r = Request("GET", "victim")
    r.access_key, r.secret, r.headers["x-amz-security-token"] = keys
    r.sign()
    return r.send()


@claim
def session_ends_when_it_says():
    door("POST", "session", life_ms=2000)
    keys = session()
    door("POST", "session", life_ms=0)
    assert with_session(keys)[0] == 200
    give_up = time.monotonic() + 10
    while with_session(keys)[0] == 200:
        assert time.monotonic() < give_up
        time.sleep(0.1)
    assert with_session(keys)[:2] == (400, "ExpiredToken")


@claim
def sessions_can_be_ended_at_once():
    keys = session()
    assert with_session(keys)[0] == 200
    door("DELETE", "session")
    assert with_session(keys)[:2] == (400, "ExpiredToken")
    assert with_session(session())[0] == 200


@claim
def fault_meets_sts_too():
    fault(op="AssumeRole", do="error", status=400, code="Throttling")
    r = sts(urllib.parse.urlencode({
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": "faults",
        "RoleArn": ENV[PREFIX + "ROLE_ARN"]}).encode())
    r.sign()
    status, code, text, _ = r.send()
    assert (status, code) == (400, "Throttling") and text.startswith("<ErrorResponse")


@claim
def clock_and_sessions_change_at_a_request():
    keys = session()
    fault(op="GetObject", do="expire")
    assert with_session(keys)[:2] == (400, "ExpiredToken")
    fault(op="GetObject", do="clock", ms=1200000)
    assert get()[:2] == (403, "RequestTimeTooSkewed")
    door("POST", "clock", offset_ms=0)
    assert get()[0] == 200


@claim
def bucket_elsewhere_redirects():
    door("POST", "bucket", name="far-away", region="eu-west-1")
    r = Request("HEAD", "", path="/far-away")
    r.sign()
    status, _, _, headers = r.send()
    assert status == 301 and headers["x-amz-bucket-region"] == "eu-west-1"
    r = Request("GET", "", path="/far-away", query="list-type=2")
    r.sign()
    status, code, text, headers = r.send()
    assert (status, code) == (301, "PermanentRedirect"), (status, code)
    assert re.search("<Endpoint>.+</Endpoint>", text) and "far-away" in text


@claim
def expect_saves_the_body_of_a_refused_request():
    r = Request("PUT", "victim", body=BODY, secret="wrong")
    r.headers["Expect"] = "100-continue"
    r.sign()
    host, port = HOST.split(":")
    head = "".join(f"{n}: {v}\r\n" for n, v in r.headers.items())
    with socket.create_connection((host, int(port)), timeout=30) as s:
        s.sendall(f"PUT {r.path} HTTP/1.1\r\n{head}Content-Length: {len(BODY)}\r\n\r\n".encode())
        assert s.recv(65536).startswith(b"HTTP/1.1 403")


if __name__ == "__main__":
    for old in ("fresh", "lost-1", "lost-2", "lost-3", "hidden", "copy"):
        send("DELETE", old)
    assert put()[0] == 200
    run(CLAIMS, between=lambda: door("DELETE", "fault"))
