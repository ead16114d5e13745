#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""provider.py KEY FILE [CERTIFICATE]: an OpenID Connect provider on loopback, as far as a verifier of
tokens asks one: discovery and the public half of the PEM file KEY, with its certificate where one is
given. Writes its URL to FILE when it listens."""
import base64
import http.server
import json
import os
import subprocess
import sys

MODULUS = subprocess.run(["openssl", "rsa", "-in", sys.argv[1], "-noout", "-modulus"], check=True,
                         capture_output=True, text=True).stdout.strip().split("=")[1]
N = base64.urlsafe_b64encode(bytes.fromhex(MODULUS)).rstrip(b"=").decode()
CHAIN = {}
if len(sys.argv) > 3:
    with open(sys.argv[3], encoding="ascii") as pem:
        CHAIN = {"x5c": ["".join(line for line in pem.read().splitlines() if "-----" not in line)]}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = f"http://127.0.0.1:{self.server.server_port}"
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": url, "jwks_uri": url + "/keys", "authorization_endpoint": url + "/login",
                "token_endpoint": url + "/token", "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"]},
            "/keys": {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": N,
                                "e": "AQAB", **CHAIN}]},
        }
        body = json.dumps(documents.get(self.path, {})).encode()
        self.send_response(200 if self.path in documents else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


SERVER = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[2] + ".new", "w", encoding="utf-8") as file:
    file.write(f"http://127.0.0.1:{SERVER.server_port}\n")
os.rename(sys.argv[2] + ".new", sys.argv[2])
SERVER.serve_forever()
