#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A proxy between the command regstore and the server: proxies.py ENV. REGSTORE is the command.
Over http it forwards, over https it tunnels what CONNECT asks for. Prints TAP."""
import base64
import os
import socket
import sys
import threading

from claims import run
from command import Run, read_env

ENV = read_env(sys.argv[1])
FOLDER = os.path.dirname(ENV["FAKE_S3_CONFIG"])
IS_TLS = ENV["FAKE_S3_ENDPOINT"].startswith("https://")
SERVER = ENV["FAKE_S3_ENDPOINT"].split("//")[1]
USER, PASSWORD = "us@er", "hunter2 + more"
AS_URL = "us%40er:hunter2%20+%20more"
VARIABLE = "HTTPS_PROXY" if IS_TLS else "http_proxy"
CONTENT = os.path.join(FOLDER, "content")
with open(CONTENT, "wb") as content:
    content.write(os.urandom(6 << 20))


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Proxy:
    """Keeps the head of each request that it was asked itself. One request a connection."""

    def __init__(self, refusal=None):
        self.heads, self.refusal = [], refusal
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        data = b""
        while b"\r\n\r\n" not in data:
            more = client.recv(65536)
            if not more:
                client.close()
                return
            data += more
        head, rest = data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.heads.append(lines)
        if self.refusal:
            client.sendall(f"HTTP/1.1 {self.refusal}\r\nContent-Length: 0\r\n"
                           "Connection: close\r\n\r\n".encode())
            client.close()
            return
        method, target, version = lines[0].split(" ")
        authority = target if method == "CONNECT" else target.split("/")[2]
        host, port = authority.rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.split("/", 3)[3]
            kept = [line for line in lines[1:] if not line.lower().startswith("proxy-")]
            server.sendall("\r\n".join([f"{method} {path} {version}", *kept, "Connection: close",
                                        "", ""]).encode())
        server.sendall(rest)
        threading.Thread(target=pump, args=(client, server), daemon=True).start()
        pump(server, client)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # Who waits in accept() would keep it open.
        self.listener.close()


def config(*lines):
    path = os.path.join(FOLDER, "proxies.yaml")
    with open(ENV["FAKE_S3_CONFIG"], encoding="utf-8") as file:
        text = file.read()
    mark = "      storage_path: /datastorage\n"
    assert text.count(mark) == 1
    text = text.replace(mark, mark + "".join(f"      {line}\n" for line in lines))
    with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        out.write(text)
    return path


def regstore(path, *words, status=0, **environment):
    command = Run(path, *words, folder=FOLDER, stdin=None, **environment)
    command.end(status)
    return command.said() + command.complaints().encode()


def proxy_url(proxy, user=AS_URL):
    return f"http://{user + '@' if user else ''}127.0.0.1:{proxy.port}"


def check_heads(proxy, user):
    """Every one is for the server, bears the proxy's user, and over TLS nothing of ours."""
    assert proxy.heads
    for lines in proxy.heads:
        method, target, _ = lines[0].split(" ")
        names = {line.split(":")[0].lower(): line.split(": ", 1)[1] for line in lines[1:]
                 if ": " in line}
        if IS_TLS:
            assert (method, target) == ("CONNECT", SERVER), lines[0]
            assert not any(n.startswith("x-amz-") or n == "authorization" for n in names), names
        else:
            assert target.startswith(f"http://{SERVER}/"), lines[0]
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        due = basic if user else None
        assert names.get("proxy-authorization") == due, names


def all_requests_go_through_the_proxy_that_is_set():
    proxy = Proxy()
    path = config(f'http_proxy: "{proxy_url(proxy)}"')
    regstore(path, "put", CONTENT, "blob")
    with open(CONTENT, "rb") as file:
        assert regstore(path, "get", "blob") == file.read()
    regstore(path, "rm", "blob")
    proxy.stop()
    check_heads(proxy, True)
    if not IS_TLS:
        methods = {lines[0].split(" ")[0] for lines in proxy.heads}
        assert methods >= {"POST", "PUT", "GET", "DELETE"}, methods
    # And it was no ornament: without it there is no way.
    said = regstore(path, "ls", status=1)
    assert f"127.0.0.1:{proxy.port}".encode() in said, said


def proxy_may_stand_in_a_file():
    proxy, file = Proxy(), os.path.join(FOLDER, "proxy-url")
    with open(file, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        out.write(proxy_url(proxy) + "\n")
    regstore(config(f"http_proxy_file: {file}"), "ls")
    proxy.stop()
    check_heads(proxy, True)


def proxy_of_the_environment_is_taken():
    proxy = Proxy()
    regstore(ENV["FAKE_S3_CONFIG"], "ls", **{VARIABLE: proxy_url(proxy, "")})
    check_heads(proxy, False)
    proxy.stop()


def name_of_a_cgi_variable_is_not():
    proxy = Proxy()
    regstore(ENV["FAKE_S3_CONFIG"], "ls", HTTP_PROXY=proxy_url(proxy))
    assert not proxy.heads
    proxy.stop()


def no_proxy_keeps_it_out():
    proxy = Proxy()
    for path, environment in ((ENV["FAKE_S3_CONFIG"], {VARIABLE: proxy_url(proxy)}),
                              (config(f'http_proxy: "{proxy_url(proxy)}"'), {})):
        for value in ("127.0.0.1", "localhost,127.0.0.0/8", "*", SERVER):
            regstore(path, "ls", NO_PROXY=value, **environment)
            regstore(path, "ls", no_proxy=value, **environment)
    assert not proxy.heads
    regstore(config(f'http_proxy: "{proxy_url(proxy)}"'), "ls", NO_PROXY="10.0.0.0/8,example.com")
    assert proxy.heads
    proxy.stop()


def none_goes_without_the_environments():
    proxy = Proxy()
    regstore(config("http_proxy: none"), "ls", **{VARIABLE: proxy_url(proxy)})
    assert not proxy.heads
    proxy.stop()


def proxy_that_is_down_is_named_and_its_password_is_not():
    proxy = Proxy()
    proxy.stop()
    path = config(f'http_proxy: "{proxy_url(proxy)}"')
    for words in (["ls"], ["check"], ["put", CONTENT, "blob"]):
        said = regstore(path, *words, status=1)
        assert f"through the proxy 127.0.0.1:{proxy.port}".encode() in said, said
        assert b"hunter2" not in said and b"us%40er" not in said and b"us@er" not in said, said


def proxy_that_refuses_is_asked_once_and_its_password_not_told():
    proxy = Proxy("407 Proxy Authentication Required")
    said = regstore(config(f'http_proxy: "{proxy_url(proxy)}"'), "ls", status=2)
    proxy.stop()
    assert b"407" in said and b"http_proxy has them as" in said, said
    assert b"hunter2" not in said and b"us@er" not in said, said
    check_heads(proxy, True)
    assert len(proxy.heads) == 1, proxy.heads


def check_tells_the_proxy_and_no_password():
    proxy = Proxy()
    said = regstore(config(f'http_proxy: "{proxy_url(proxy)}"'), "check")
    proxy.stop()
    assert f"the proxy 127.0.0.1:{proxy.port} lies between".encode() in said, said
    assert b"hunter2" not in said, said


if __name__ == "__main__":
    run([all_requests_go_through_the_proxy_that_is_set, proxy_may_stand_in_a_file,
         proxy_of_the_environment_is_taken, name_of_a_cgi_variable_is_not, no_proxy_keeps_it_out,
         none_goes_without_the_environments, proxy_that_is_down_is_named_and_its_password_is_not,
         proxy_that_refuses_is_asked_once_and_its_password_not_told,
         check_tells_the_proxy_and_no_password])
