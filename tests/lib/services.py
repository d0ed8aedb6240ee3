#!/usr/bin/env python3
"""TCP services on loopback addresses that are there or not, as told on standard input.

   services.py ADDRESS:PORT…

Listens on all of them; "down ADDRESS:PORT" and "up ADDRESS:PORT" change one, and are answered with
the same line. Connections are closed at once. Ends with its standard input."""
import selectors
import socket
import sys


def listen(where):
    address, port = where.split(":")
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, int(port)))
    s.listen(64)
    s.setblocking(False)
    return s


def main():
    services = {}
    chosen = selectors.DefaultSelector()
    chosen.register(sys.stdin, selectors.EVENT_READ)

    def put(where):
        services[where] = listen(where)
        chosen.register(services[where], selectors.EVENT_READ)

    for where in sys.argv[1:]:
        put(where)
    print("ready", flush=True)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is not sys.stdin:
                try:
                    key.fileobj.accept()[0].close()
                except OSError:
                    pass
                continue
            line = sys.stdin.readline()
            if not line:
                return
            word, where = line.split()
            if word == "up" and where not in services:
                put(where)
            elif word == "down" and where in services:
                gone = services.pop(where)
                chosen.unregister(gone)
                gone.close()
            print(line, end="", flush=True)


if __name__ == "__main__":
    main()
