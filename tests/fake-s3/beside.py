# SPDX-License-Identifier: Apache-2.0
"""What a platform puts beside a program so that it has an identity: tokens of an OpenID Connect
provider, the credentials of a container, those of an instance. On loopback, with sessions of the
server that signer.py speaks to."""
import base64
import http.server
import json
import re
import subprocess
import threading
import time
import urllib.parse

import signer

ACCOUNT = "123492922789"


def arn(role):
    return f"arn:aws:iam::{ACCOUNT}:role/{role}"


def mint(role):
    """A session of the role's, as a platform hands it out."""
    form = urllib.parse.urlencode({
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": "platform",
        "RoleArn": arn(role), "DurationSeconds": "900"}).encode()
    request = signer.sts(form)
    request.sign()
    text = request.send()[2]
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    values = {name: re.search(f"<{name}>(.*?)</{name}>", text).group(1) for name in names}
    return {**values, "Token": values["SessionToken"]}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(key, issuer, life_s, **claims):
    """A JWT that lives so long, signed with the PEM file `key`."""
    claims = {"iss": issuer, "sub": "system:serviceaccount:quay:registry", "aud": "sts.amazonaws.com",
              "exp": int(time.time() + life_s), **claims}
    text = ".".join(base64url(json.dumps(part).encode())
                    for part in ({"alg": "RS256", "typ": "JWT", "kid": "1"}, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text.encode(),
                               capture_output=True, check=True).stdout
    return text + "." + base64url(signature)


class StandIn:
    """A service of the platform's. What it is asked is kept in `asked`, as (method, path, headers)."""

    def __init__(self):
        self.asked = []
        self.hangs = threading.Event()
        self.ended = threading.Event()
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                stand_in.asked.append((self.command, self.path, self.headers))
                if stand_in.hangs.is_set():
                    stand_in.ended.wait()
                    return
                status, text = stand_in.answer(self.command, self.path, self.headers)
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if status == 302:
                    self.send_header("Location", stand_in.url + "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def paths(self):
        return [f"{method} {path}" for method, path, _ in self.asked]


class Container(StandIn):
    """ECS and EKS Pod Identity: one path, a token in Authorization where `token` says one."""

    def __init__(self, role="node-role"):
        self.role, self.token, self.instead = role, None, None
        super().__init__()

    def answer(self, method, path, headers):
        if method != "GET" or path != "/v1/credentials?of=me":
            return 404, "{}"
        if headers.get("Authorization") != self.token:
            return 401, json.dumps({"code": "Unauthorized", "message": "no such token"})
        if self.instead:
            return self.instead
        session = mint(self.role)
        return 200, json.dumps({"RoleArn": arn(self.role), **session})


class Instance(StandIn):
    """IMDSv2: a GET without a token is refused, and a token is good as often as `token_uses` says."""

    ROLES = "/latest/meta-data/iam/security-credentials/"

    def __init__(self, role="node-role"):
        self.role, self.instead, self.token_uses = role, {}, 1000
        self.tokens = {}
        super().__init__()

    def answer(self, method, path, headers):
        if f"{method} {path}" in self.instead:
            return self.instead[f"{method} {path}"]
        if (method, path) == ("PUT", "/latest/api/token"):
            if headers.get("x-aws-ec2-metadata-token-ttl-seconds") != "21600":
                return 400, ""
            fresh = f"token-{len(self.tokens)}"
            self.tokens[fresh] = self.token_uses
            return 200, fresh
        given = headers.get("x-aws-ec2-metadata-token")
        if self.tokens.get(given, 0) == 0:
            return 401, ""
        self.tokens[given] -= 1
        if (method, path) == ("GET", self.ROLES):
            return 200, self.role + "\n"
        if (method, path) == ("GET", self.ROLES + self.role):
            return 200, json.dumps({"Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z",
                                    "Type": "AWS-HMAC", **mint(self.role)})
        return 404, ""
