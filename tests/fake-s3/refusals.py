#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests that are wrong in one thing are refused, each with AWS's status and code.

refusals.py ENV: against the server of that file, ours or (then by status alone, and without the
rows whose rule it does not have) Ceph's RGW. Prints TAP.
"""
import base64
import hashlib
import re
import sys
import time
import urllib.parse
import zlib

from signer import BUCKET, EMPTY, ENV, HOST, IS_RGW, KEY, PREFIX, Request, mac, session, sts

DAY = 86400


def with_session(r):
    r.access_key, r.secret, token = SESSION
    r.headers["x-amz-security-token"] = token
    return r


def presign(**more):
    return Request(presigned=True, **more)


def put(body=b"0123456789" * 100, **headers):
    r = Request("PUT", "refused", body=body)
    r.headers.update({n.replace("_", "-"): v for n, v in headers.items()})
    return r


def chunked(harm=None, size=20000, chunk=8192, trailer=False, trailer_value=None, decoded=None):
    """A body in signed chunks; `harm` changes the list of chunks before it is joined."""
    data = b"x" * size
    r = Request("PUT", "refused")
    r.hash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    r.headers.update({"x-amz-content-sha256": r.hash, "Content-Encoding": "aws-chunked",
                      "x-amz-decoded-content-length": str(size if decoded is None else decoded)})
    if trailer:
        r.headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    r.headers["x-amz-date"] = r.amz_date
    previous = r.signature(r.hash)
    pieces = [data[at:at + chunk] for at in range(0, size, chunk)] + [b""]
    wire = []
    for piece in pieces:
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", r.amz_date, r.scope(), previous, EMPTY,
                          hashlib.sha256(piece).hexdigest()])
        previous = mac(r.signing_key(), text).hex()
        head = f"{len(piece):x};chunk-signature={previous}\r\n".encode()
        wire.append(head + piece + (b"\r\n" if piece or not trailer else b""))
    if trailer:
        value = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        line = f"x-amz-checksum-crc32:{trailer_value or value}\n"
        text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", r.amz_date, r.scope(), previous,
                          hashlib.sha256(line.encode()).hexdigest()])
        last = mac(r.signing_key(), text).hex()
        wire.append(f"{line.strip()}\r\nx-amz-trailer-signature:{last}\r\n\r\n".encode())
    if harm:
        harm(wire)
    r.body = b"".join(wire)
    return r


def edit(name, pattern, replacement):
    """Changes a header, or the query, after it was signed."""
    def after(r):
        if name == "query":
            changed = re.sub(pattern, replacement, r.query)
            assert changed != r.query
            r.query = changed
        else:
            changed = re.sub(pattern, replacement, r.headers[name])
            assert changed != r.headers[name]
            r.headers[name] = changed
    return after


def drop(name):
    return lambda r: r.headers.pop(name)


def setting(name, value):
    def after(r):
        r.headers[name] = value
    return after


def attribute(name, value):
    return lambda r: setattr(r, name, value)


def in_http_chunks(r):
    r.headers["Transfer-Encoding"] = "chunked"
    r.body = f"{len(r.body):x}\r\n".encode() + r.body + b"\r\n0\r\n\r\n"


def flip_hex(match):
    return match.group(1) + ("0" if match.group(2) != "0" else "1")


def swap(wire):
    wire[0], wire[1] = wire[1], wire[0]


def replace(index, old, new):
    def harm(wire):
        assert old in wire[index]
        wire[index] = wire[index].replace(old, new, 1)
    return harm


FIRST_DIGIT = r"(Signature=)(.)"
Q_FIRST_DIGIT = r"(X-Amz-Signature=)(.)"
AH = "Authorization"
MISMATCH = (403, "SignatureDoesNotMatch")
MALFORMED = (400, "AuthorizationHeaderMalformed")
QUERY_ERROR = (400, "AuthorizationQueryParametersError")
DENIED = (403, "AccessDenied")
SSE = "x-amz-server-side-encryption"
KMS_KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
SAME = None  # RGW refuses it with the same status

# What is wrong; the request; what happens to it after it was signed; AWS's answer; the status that
# RGW 16 gives where it has no such rule.
ROWS = [
    ("signature: one digit", Request, edit(AH, FIRST_DIGIT, flip_hex), MISMATCH, SAME),
    ("signature: upper case", Request,
     edit(AH, r"Signature=(\w+)", lambda m: "Signature=" + m.group(1).upper()), MISMATCH, SAME),
    ("signature: cut short", Request, edit(AH, r".$", ""), MISMATCH, SAME),
    ("signature: empty", Request, edit(AH, r"Signature=\w+", "Signature="), MISMATCH, 400),
    ("signature: too long", Request, edit(AH, r"$", "0"), MISMATCH, SAME),
    ("signature: of another secret", lambda: Request(secret="wrong"), None, MISMATCH, SAME),
    ("signature: of another method", Request, attribute("method", "DELETE"), MISMATCH, SAME),
    ("header: none at all", Request, drop(AH), DENIED, SAME),
    ("header: empty", Request, setting(AH, ""), (400, "InvalidArgument"), 403),
    ("header: no Credential", Request, edit(AH, r"Credential=[^,]+, ", ""), MALFORMED, SAME),
    ("header: no SignedHeaders", Request, edit(AH, r"SignedHeaders=[^,]+, ", ""), MALFORMED,
     SAME),
    ("header: no Signature", Request, edit(AH, r", Signature=.*", ""), MALFORMED, SAME),
    ("header: Credential twice", Request, edit(AH, r"(Credential=[^,]+, )", r"\1\1"), MALFORMED,
     200),
    ("header: an unknown part", Request, edit(AH, r"$", ", Extra=1"), MALFORMED, 200),
    ("header: another algorithm", Request, edit(AH, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
     (400, "InvalidArgument"), SAME),
    ("header: signature version 2", Request, setting(AH, f"AWS {KEY}:c2lnbmF0dXJl"),
     (400, "InvalidRequest"), 403),
    ("header: Basic", Request, setting(AH, "Basic eDp5"), (400, "InvalidArgument"), SAME),
    ("header: signed header changed", put, setting("x-amz-meta-a", "2"), DENIED,
     200),
    ("header: host changed", Request, setting("Host", "localhost:" + HOST.split(":")[1]), MISMATCH,
     SAME),
    ("header: host not signed", lambda: Request(unsigned={"host"}), None, DENIED,
     200),
    ("header: x-amz-* not signed", lambda: (lambda r: (
        r.headers.update({"x-amz-meta-a": "1"}), r.unsigned.add("x-amz-meta-a"), r)[-1])(put()),
     None, DENIED, 200),
    ("header: content type changed", lambda: put(Content_Type="a/b"),
     setting("Content-Type", "a/c"), MISMATCH, SAME),
    ("header: SignedHeaders in another order", Request,
     edit(AH, "SignedHeaders=host;", "SignedHeaders="), DENIED, SAME),
    ("date: none", Request, drop("x-amz-date"), DENIED, SAME),
    ("date: no date", Request, setting("x-amz-date", "yesterday"), DENIED, SAME),
    ("date: another second", Request,
     lambda r: r.headers.update({"x-amz-date": time.strftime(
         "%Y%m%dT%H%M%SZ", time.gmtime(r.time - 1))}), MISMATCH, SAME),
    ("date: 16 minutes ago", lambda: Request(time=time.time() - 960), None,
     (403, "RequestTimeTooSkewed"), SAME),
    ("date: 16 minutes ahead", lambda: Request(time=time.time() + 960), None,
     (403, "RequestTimeTooSkewed"), SAME),
    ("scope: another date", lambda: Request(scope_date="20130524"), None, MALFORMED, 200),
    ("scope: no date", lambda: Request(scope_date="2013"), None, MALFORMED, 200),
    ("scope: another region", lambda: Request(region="eu-central-9"), None, MALFORMED,
     200),
    ("scope: another service", lambda: Request(service="s4"), None, MALFORMED, 403),
    ("scope: another end", lambda: Request(terminator="aws3_request"), None, MALFORMED,
     SAME),
    ("scope: four words", Request, edit(AH, r"/aws4_request", ""), MALFORMED, SAME),
    ("scope: changed after signing", Request, edit(AH, "/s3/", "/sts/"), MALFORMED, 403),
    ("key: unknown", lambda: Request(access_key="AKIANOBODY0000000001"), None,
     (403, "InvalidAccessKeyId"), SAME),
    ("key: empty", lambda: Request(access_key=""), None, MALFORMED, SAME),
    ("token: beside a user's key", lambda: (lambda r: (
        r.headers.update({"x-amz-security-token": "x"}), r)[-1])(Request()), None,
     (400, "InvalidToken"), SAME),
    ("token: garbled", lambda: with_session(Request()), "garble", (400, "InvalidToken"), 403),
    ("token: missing", lambda: with_session(Request()), "forget",
     (403, "InvalidAccessKeyId"), SAME),
    ("token: not signed", lambda: with_session(Request(unsigned={"x-amz-security-token"})), None,
     DENIED, 200),
    ("token: with another session's secret", lambda: with_session(Request()), "secret", MISMATCH,
     SAME),
    ("at rest: no encryption that there is", lambda: put(**{f"{SSE}": "aes256"}), None,
     (400, "InvalidEncryptionAlgorithmError"), 200),
    ("at rest: a KMS key without KMS",
     lambda: put(**{f"{SSE}": "AES256", f"{SSE}-aws-kms-key-id": KMS_KEY}), None,
     (400, "InvalidArgument"), 200),
    ("at rest: no KMS key", lambda: put(**{f"{SSE}": "aws:kms", f"{SSE}-aws-kms-key-id": "k"}),
     None, (400, "KMS.NotFoundException"), 200),
    ("at rest: a bucket key without KMS",
     lambda: put(**{f"{SSE}-bucket-key-enabled": "true"}), None, (400, "InvalidArgument"), 200),
    ("at rest: no storage class", lambda: put(x_amz_storage_class="COLD"), None,
     (400, "InvalidStorageClass"), 200),
    ("at rest: encryption of what is read", lambda: (lambda r: (
        r.headers.update({SSE: "AES256"}), r)[-1])(Request()), None, (400, "InvalidArgument"), 200),
    ("path: another key", Request, attribute("path", f"/{BUCKET}/other"), MISMATCH, SAME),
    ("path: a slash more", Request, attribute("path", f"/{BUCKET}//thing"), MISMATCH, SAME),
    ("path: a dot segment", Request, attribute("path", f"/{BUCKET}/./thing"), MISMATCH, SAME),
    ("path: half an escape", Request, attribute("path", f"/{BUCKET}/%4"), (400, "InvalidURI"),
     403),
    ("path: no UTF-8", Request, attribute("path", f"/{BUCKET}/%ff"), (400, "InvalidURI"), 403),
    ("path: 1025 bytes", lambda: Request(key="k" * 1025), None, (400, "KeyTooLongError"), SAME),
    ("query: one more", Request, attribute("query", "x=1"), MISMATCH, SAME),
    ("query: another value", lambda: Request(key="", query="list-type=2&prefix=a"),
     attribute("query", "list-type=2&prefix=b"), MISMATCH, SAME),
    ("query: one less", lambda: Request(key="", query="list-type=2&prefix=a"),
     attribute("query", "list-type=2"), MISMATCH, SAME),
    ("body: hash missing", Request, drop("x-amz-content-sha256"), (400, "InvalidRequest"), 403),
    ("body: hash is no hash", lambda: Request(hash="abc"), None, (400, "InvalidArgument"),
     200),
    ("body: another byte", put, attribute("body", b"1123456789" * 100),
     (400, "XAmzContentSHA256Mismatch"), SAME),
    ("body: hash of another", lambda: put(x_amz_content_sha256=EMPTY), None, MISMATCH, SAME),
    ("body: unsigned over http", lambda: (lambda r: (
        setattr(r, "hash", "UNSIGNED-PAYLOAD"), r)[-1])(put()), None, (400, "InvalidRequest"),
     200),
    ("body: Content-MD5 of another", lambda: put(
        Content_MD5=base64.b64encode(hashlib.md5(b"other").digest()).decode()), None,
     (400, "BadDigest"), SAME),
    ("body: Content-MD5 is none", lambda: put(Content_MD5="bWQ1"), None, (400, "InvalidDigest"),
     SAME),
    ("body: CRC32 of another", lambda: put(x_amz_checksum_crc32="AAAAAA=="), None,
     (400, "BadDigest"), 200),
    ("body: CRC32 is none", lambda: put(x_amz_checksum_crc32="AAAA"), None,
     (400, "InvalidRequest"), 200),
    ("body: two checksums", lambda: put(x_amz_checksum_crc32="AAAAAA==",
                                        x_amz_checksum_crc32c="AAAAAA=="), None,
     (400, "InvalidRequest"), 200),
    ("body: a checksum announced that does not come", lambda: put(
        x_amz_sdk_checksum_algorithm="CRC32"), None, (400, "InvalidRequest"),
     200),
    ("body: SHA256 of another", lambda: put(
        x_amz_checksum_sha256=base64.b64encode(bytes(32)).decode()), None, (400, "BadDigest"),
     200),
    ("body: no length", put, in_http_chunks, (501, "NotImplemented"), 411),
    ("body: 3 KB of metadata", lambda: put(x_amz_meta_a="m" * 3000), None,
     (400, "MetadataTooLarge"), 200),
    ("chunk: another byte", lambda: chunked(replace(0, b"xxxx", b"xyxx")), None, MISMATCH, SAME),
    ("chunk: another byte in the last", lambda: chunked(replace(2, b"xxxx", b"xyxx")), None,
     MISMATCH, 400),
    ("chunk: two in the wrong order", lambda: chunked(swap), None, MISMATCH, SAME),
    ("chunk: another signature",
     lambda: chunked(lambda w: w.__setitem__(1, re.sub(rb"(signature=)(.)", lambda m: m.group(
         1) + (b"0" if m.group(2) != b"0" else b"1"), w[1]))), None, MISMATCH, SAME),
    ("chunk: no signature", lambda: chunked(lambda w: w.__setitem__(0, re.sub(
        rb";chunk-signature=\w+", b"", w[0]))), None, (400, "InvalidRequest"), SAME),
    ("chunk: the last one missing", lambda: chunked(lambda w: w.pop()), None,
     (400, "IncompleteBody"), 200),
    ("chunk: one missing in the middle", lambda: chunked(lambda w: w.pop(1)), None, MISMATCH,
     SAME),
    ("chunk: too small a one in the middle", lambda: chunked(chunk=4096), None,
     (403, "InvalidChunkSizeError"), 200),
    ("chunk: size is no number", lambda: chunked(replace(0, b"2000;", b"x000;")), None,
     (400, "InvalidRequest"), SAME),
    ("chunk: more than was said", lambda: chunked(decoded=10000), None, (400, "IncompleteBody"),
     SAME),
    ("chunk: less than was said", lambda: chunked(decoded=30000), None, (400, "IncompleteBody"),
     SAME),
    ("chunk: no decoded length", lambda: (lambda r: (
        r.headers.pop("x-amz-decoded-content-length"), r)[-1])(chunked()), None,
     (411, "MissingContentLength"), 400),
    ("trailer: checksum of another", lambda: chunked(trailer=True, trailer_value="AAAAAA=="), None,
     (400, "BadDigest"), SAME),
    ("trailer: changed after signing", lambda: chunked(
        replace(-1, b"crc32:", b"crc32:A"), trailer=True), None, MISMATCH, 400),
    ("trailer: no signature", lambda: chunked(lambda w: w.__setitem__(-1, re.sub(
        rb"x-amz-trailer-signature:\w+\r\n", b"", w[-1])), trailer=True), None,
     (400, "MalformedTrailerError"), SAME),
    ("trailer: missing", lambda: chunked(lambda w: w.__setitem__(-1, b"\r\n"), trailer=True), None,
     (400, "MalformedTrailerError"), SAME),
    ("trailer: another one than was said", lambda: chunked(
        replace(-1, b"crc32:", b"crc32c:"), trailer=True), None, (400, "MalformedTrailerError"),
     SAME),
    ("presigned: one digit", presign, edit("query", Q_FIRST_DIGIT, flip_hex), MISMATCH, SAME),
    ("presigned: no signature", presign, edit("query", r"&X-Amz-Signature=\w+", ""), QUERY_ERROR,
     403),
    ("presigned: no date", presign, edit("query", r"&X-Amz-Date=\w+", ""), QUERY_ERROR, 403),
    ("presigned: no credential", presign, edit("query", r"&X-Amz-Credential=[^&]+", ""),
     QUERY_ERROR, 403),
    ("presigned: no algorithm", presign, edit("query", r"X-Amz-Algorithm=[^&]+&", ""), QUERY_ERROR,
     403),
    ("presigned: another algorithm", presign, edit("query", "SHA256", "SHA1"), QUERY_ERROR, 403),
    ("presigned: no life", presign, edit("query", r"&X-Amz-Expires=\d+", ""), QUERY_ERROR, 403),
    ("presigned: longer life", presign, edit("query", r"Expires=60", "Expires=3600"), MISMATCH,
     SAME),
    ("presigned: for more than a week", lambda: presign(expires="604801"), None, QUERY_ERROR,
     403),
    ("presigned: life below nought", lambda: presign(expires="-1"), None, QUERY_ERROR, 403),
    ("presigned: life is no number", lambda: presign(expires="soon"), None, QUERY_ERROR, 403),
    ("presigned: expired", lambda: presign(time=time.time() - 61), None, DENIED, SAME),
    ("presigned: from tomorrow", lambda: presign(time=time.time() + DAY), None, DENIED, 200),
    ("presigned: for another method", presign, attribute("method", "DELETE"), MISMATCH, SAME),
    ("presigned: and a header beside", presign, setting(AH, "AWS4-HMAC-SHA256 x"),
     (400, "InvalidArgument"), SAME),
    ("presigned: host not signed", lambda: presign(unsigned={"host"}), None, DENIED, SAME),
    ("presigned: an unsigned x-amz-*", presign, setting("x-amz-meta-a", "1"), DENIED, 200),
]

GOOD = [
    ("a request as it should be", Request, 200),
    ("a presigned one", presign, 200),
    ("one of a session", lambda: with_session(Request()), 200),
    ("one 14 minutes old", lambda: Request(time=time.time() - 840), 200),
    ("a body", put, 200),
    ("a body in signed chunks", chunked, 200),
    ("a body in signed chunks with a trailer", lambda: chunked(trailer=True), 200),
]

FORM = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": "refusals",
        "RoleArn": ENV[PREFIX + "ROLE_ARN"]}


def form(**change):
    words = {**FORM, **change}
    return sts(urllib.parse.urlencode({n: v for n, v in words.items() if v}).encode())


def denied_sts(r):
    r.access_key, r.secret = (ENV[PREFIX + "STRANGER_ACCESS_KEY"],
                              ENV[PREFIX + "STRANGER_SECRET_KEY"])
    return r


STS_ROWS = [
    ("sts: one digit", form, edit(AH, FIRST_DIGIT, flip_hex), MISMATCH, SAME),
    ("sts: another body", form, attribute("body", form(DurationSeconds="901").body), MISMATCH,
     SAME),
    ("sts: nobody signed", form, drop(AH), (403, "MissingAuthenticationToken"), SAME),
    ("sts: no signature", form, edit(AH, r", Signature=.*", ""), (400, "IncompleteSignature"),
     SAME),
    ("sts: unknown key", lambda: (lambda r: (setattr(r, "access_key", "AKIANOBODY0000000001"),
                                             r)[-1])(form()), None,
     (403, "InvalidClientTokenId"), SAME),
    ("sts: the service of s3", lambda: (lambda r: (setattr(r, "service", "s4"), r)[-1])(form()),
     None, MISMATCH, 200),
    ("sts: 16 minutes ago", lambda: (lambda r: (setattr(r, "time", time.time() - 960), r)[-1])(
        form()), None, MISMATCH, SAME),
    ("sts: stranger", lambda: denied_sts(form()), None, DENIED, SAME),
    ("sts: unknown role", lambda: form(RoleArn=FORM["RoleArn"] + "x"), None, DENIED, 404),
    ("sts: no role", lambda: form(RoleArn=None), None, (400, "ValidationError"), SAME),
    ("sts: no session name", lambda: form(RoleSessionName=None), None, (400, "ValidationError"),
     SAME),
    ("sts: a session name with a space", lambda: form(RoleSessionName="a b"), None,
     (400, "ValidationError"), SAME),
    ("sts: 899 seconds", lambda: form(DurationSeconds="899"), None, (400, "ValidationError"),
     SAME),
    ("sts: longer than the role lets", lambda: form(DurationSeconds="7200"), None,
     (400, "ValidationError"), SAME),
    ("sts: unknown action", lambda: form(Action="AssumeNothing"), None, (400, "InvalidAction"),
     405),
    ("sts: another version", lambda: form(Version="2010-05-08"), None, (400, "InvalidAction"),
     200),
]


def spoil_token(r, how):
    """What happens to a session's request before it is signed."""
    if how == "garble":
        r.headers["x-amz-security-token"] = r.headers["x-amz-security-token"][:-9] + "AAAAAAAA="
    elif how == "forget":
        del r.headers["x-amz-security-token"]
    elif how == "secret":
        r.secret = session()[1]


def try_row(make, after):
    r = make()
    if isinstance(after, str):
        spoil_token(r, after)
    r.sign()
    if callable(after):
        after(r)
    return r.send()


def main():
    count = failed = 0

    def claim(holds, text, detail=""):
        nonlocal count, failed
        count += 1
        failed += not holds
        print(f"{'ok' if holds else 'not ok'} {count} - {text}", flush=True)
        if not holds:
            print("# " + str(detail).replace("\n", "\n# "), flush=True)

    thing = Request("PUT", "thing", body=b"thing")
    thing.sign()
    assert thing.send()[0] == 200
    for name, make, status in GOOD:
        if IS_RGW and "trailer" in name:
            continue
        seen = try_row(make, None)
        claim(seen[0] == status, f"{name} is taken", seen[:3])
    for name, make, after, expected, rgw in ROWS + STS_ROWS:
        if IS_RGW and rgw is not SAME:
            continue
        status, code, text, _ = try_row(make, after)
        seen = status == expected[0] if IS_RGW else (status, code) == expected
        claim(seen, f"{name}: {expected[0]} {expected[1]}", (status, code, text[:600]))
    print(f"1..{count}")
    return 1 if failed else 0


SESSION = session()
if __name__ == "__main__":
    sys.exit(main())
