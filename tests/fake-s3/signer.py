#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A signer of requests that knows nothing of the plugin's, nor of the server's own verifier.

Takes the server from the file that the first argument names, as the server (or rgw-up.sh) wrote it.
Standard library only.
"""
import hashlib
import hmac
import http.client
import re
import sys
import time
import urllib.parse

ENV = dict(line.strip().split("=", 1) for line in open(sys.argv[1], encoding="utf-8"))
IS_RGW = "RGW_ENDPOINT" in ENV
PREFIX = "RGW_" if IS_RGW else "FAKE_S3_"
HOST = ENV[PREFIX + "ENDPOINT"].split("//")[1]
BUCKET = ENV[PREFIX + "BUCKET"]
KEY = ENV[PREFIX + "USER_ACCESS_KEY"]
SECRET = ENV[PREFIX + "USER_SECRET_KEY"]
REGION = ENV.get("FAKE_S3_REGION", "us-east-1")
EMPTY = hashlib.sha256(b"").hexdigest()


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Request:
    """One request, signed at the last moment; what a row changes comes before or after that."""

    def __init__(self, method="GET", key="thing", query="", body=b"", **more):
        self.method, self.query, self.body = method, query, body
        self.path = "/" + BUCKET + ("/" + key if key else "")
        self.service, self.region, self.algorithm = "s3", REGION, "AWS4-HMAC-SHA256"
        self.terminator = "aws4_request"
        self.access_key, self.secret = KEY, SECRET
        self.time = time.time()
        self.headers = {"Host": HOST}
        self.hash = hashlib.sha256(body).hexdigest()
        self.presigned = False
        self.unsigned = set()  # headers that the signature leaves out
        self.expires = "60"
        self.scope_date = None
        self.__dict__.update(more)

    @property
    def amz_date(self):
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.time))

    def scope(self):
        date = self.scope_date or self.amz_date[:8]
        return f"{date}/{self.region}/{self.service}/{self.terminator}"

    def signing_key(self):
        key = ("AWS4" + self.secret).encode()
        for word in self.scope().split("/"):
            key = mac(key, word)
        return key

    def signature(self, payload_hash):
        names = sorted(n.lower() for n in self.headers if n.lower() not in self.unsigned)
        lower = {n.lower(): " ".join(str(v).split()) for n, v in self.headers.items()}
        path = urllib.parse.quote(urllib.parse.unquote(self.path), safe="/-_.~")
        pairs = sorted(
            (urllib.parse.quote(n, safe="-_.~"), urllib.parse.quote(v, safe="-_.~"))
            for n, v in urllib.parse.parse_qsl(self.query, keep_blank_values=True))
        canonical = "\n".join([
            self.method, path, "&".join(f"{n}={v}" for n, v in pairs),
            "".join(f"{n}:{lower[n]}\n" for n in names), ";".join(names), payload_hash])
        text = "\n".join([self.algorithm, self.amz_date, self.scope(),
                          hashlib.sha256(canonical.encode()).hexdigest()])
        return mac(self.signing_key(), text).hex()

    def sign(self):
        credential = f"{self.access_key}/{self.scope()}"
        if self.presigned:
            names = sorted(n.lower() for n in self.headers if n.lower() not in self.unsigned)
            more = [("X-Amz-Algorithm", self.algorithm), ("X-Amz-Credential", credential),
                    ("X-Amz-Date", self.amz_date), ("X-Amz-Expires", self.expires),
                    ("X-Amz-SignedHeaders", ";".join(names))]
            self.query += ("&" if self.query else "") + urllib.parse.urlencode(
                more, quote_via=urllib.parse.quote, safe="")
            self.query += "&X-Amz-Signature=" + self.signature("UNSIGNED-PAYLOAD")
            return
        self.headers.setdefault("x-amz-date", self.amz_date)
        if self.service == "s3":
            self.headers.setdefault("x-amz-content-sha256", self.hash)
        names = sorted(n.lower() for n in self.headers if n.lower() not in self.unsigned)
        self.headers["Authorization"] = (
            f"{self.algorithm} Credential={credential}, SignedHeaders={';'.join(names)}, "
            f"Signature={self.signature(self.hash)}")

    def send(self):
        connection = http.client.HTTPConnection(HOST, timeout=30)
        target = self.path + ("?" + self.query if self.query else "")
        connection.putrequest(self.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        if self.body or self.method in ("PUT", "POST"):
            if not any(n.lower() in ("content-length", "transfer-encoding") for n in self.headers):
                connection.putheader("Content-Length", str(len(self.body)))
        connection.endheaders()
        if self.body:
            try:
                connection.send(self.body)
            except OSError:
                pass  # It has answered already.
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        code = re.search("<Code>(.*?)</Code>", text)
        connection.close()
        return answer.status, code.group(1) if code else "", text, answer.headers


def session():
    form = urllib.parse.urlencode({
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": "refusals",
        "RoleArn": ENV[PREFIX + "ROLE_ARN"], "DurationSeconds": "900"}).encode()
    r = sts(form)
    r.sign()
    text = r.send()[2]
    return [re.search(f"<{n}>(.*?)</{n}>", text).group(1)
            for n in ("AccessKeyId", "SecretAccessKey", "SessionToken")]


def sts(form):
    r = Request("POST", "", body=form, service="sts")
    r.path = "/"
    r.headers["Content-Type"] = "application/x-www-form-urlencoded"
    return r
