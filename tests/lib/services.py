#!/usr/bin/env python3
"""TCP services on loopback addresses that are there or not, as told on standard input.

   services.py PORT ADDRESS…

Listens on all addresses; "down ADDRESS" and "up ADDRESS" change one, and are answered with
the same line. Connections are closed at once. Ends with its standard input."""
import selectors
import socket
import sys


def listen(address, port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(64)
    s.setblocking(False)
    return s


def main():
    port, services = int(sys.argv[1]), {}
    chosen = selectors.DefaultSelector()
    chosen.register(sys.stdin, selectors.EVENT_READ)

    def put(address):
        services[address] = listen(address, port)
        chosen.register(services[address], selectors.EVENT_READ)

    for address in sys.argv[2:]:
        put(address)
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
            word, address = line.split()
            if word == "up" and address not in services:
                put(address)
            elif word == "down" and address in services:
                gone = services.pop(address)
                chosen.unregister(gone)
                gone.close()
            print(line, end="", flush=True)


if __name__ == "__main__":
    main()
