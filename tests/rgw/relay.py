#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: relay.py HOST:PORT FOLDER

Passes every byte on to HOST:PORT and back, and keeps them all in FOLDER/wire.  Writes the port that
it listens on to FOLDER/port once it does."""

import os
import socket
import sys
import threading


def passes_on(source, target, wire):
    try:
        while data := source.recv(65536):
            os.write(wire, data)
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    host, port = sys.argv[1].rsplit(':', 1)
    folder = sys.argv[2]
    listener = socket.create_server(('127.0.0.1', 0))
    wire = os.open(folder + '/wire', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(folder + '/port.new', 'w') as file:
        file.write(str(listener.getsockname()[1]))
    os.rename(folder + '/port.new', folder + '/port')
    while True:
        client = listener.accept()[0]
        server = socket.create_connection((host, int(port)))
        for pair in ((client, server), (server, client)):
            threading.Thread(target=passes_on, args=(*pair, wire), daemon=True).start()


main()
