# SPDX-License-Identifier: Apache-2.0
"""As Quay's registry workers are run: gevent, and the application loaded before the fork.
STANDIN_PORT names a file into which the port goes when it listens."""
import os

bind = "127.0.0.1:0"
workers = int(os.environ.get("STANDIN_WORKERS", "4"))
worker_class = "gevent"
worker_connections = 1000
preload_app = True
timeout = 300
keepalive = 30
graceful_timeout = 5
control_socket_disable = True


def when_ready(server):
    port = server.LISTENERS[0].sock.getsockname()[1]
    name = os.environ["STANDIN_PORT"]
    with open(name + ".new", "w", encoding="ascii") as file:
        file.write(str(port))
    os.rename(name + ".new", name)
