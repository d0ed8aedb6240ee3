#!/usr/bin/env python3
"""A crowd of slow clients and one honest one: http_crowd.py PORT TOKEN SLOW

SLOW sockets send a byte of a request every second, half of them of the headers, half of
a login's body. Meanwhile the honest client asks 10 times a second. One line of JSON: the
honest 99th percentile in ms, its failures, and after how many seconds the last slow one
was cut. Single-threaded, ends after LIMIT_S whatever happens.
"""
import http.client
import json
import select
import socket
import sys
import threading
import time

LIMIT_S = 40
HONEST_S = 15
port, token, n_slow = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])

HEADERS = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 1000
BODY = (b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nX-Parallax: 1\r\nContent-Length: 1000\r\n\r\n{"
        + b" " * 999)


class Slow:
    """One slow client: a request, and how much of it is sent."""

    def __init__(self, request, at_once):
        self.request, self.sent = request, at_once
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.born = time.monotonic()
        self.socket.sendall(request[:at_once])
        self.socket.setblocking(False)

    def drip(self):
        """Sends a byte; False: the connection is gone."""
        try:
            self.socket.send(self.request[self.sent:self.sent + 1])
            self.sent += 1
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


def honest(times, failures):
    """Asks until HONEST_S is over; a new connection for every tenth question."""
    end, connection = time.monotonic() + HONEST_S, None
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            if connection is None or len(times) % 10 == 0:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/api/v1/overview", headers={"Authorization": "Bearer " + token})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failures.append(answer.status)
        except OSError as error:
            failures.append(str(error))
            connection = None
        times.append((time.monotonic() - began) * 1000)
        time.sleep(0.1)


def watch(slow, last):
    """Drips into all of them, and notes how old each was when it was cut."""
    poll = select.poll()
    by_fd = {s.socket.fileno(): s for s in slow}
    for fd in by_fd:
        poll.register(fd, select.POLLIN | select.POLLHUP)
    end, next_drip = time.monotonic() + LIMIT_S, 0
    while by_fd and time.monotonic() < end:
        gone = {fd for fd, _ in poll.poll(200)}
        if time.monotonic() >= next_drip:
            next_drip = time.monotonic() + 1
            gone |= {fd for fd, s in by_fd.items() if not s.drip()}
        for fd in gone:
            last.append(time.monotonic() - by_fd[fd].born)
            poll.unregister(fd)
            by_fd.pop(fd).socket.close()
    return len(by_fd)


def main():
    slow = [Slow(HEADERS, 40) if i % 2 else Slow(BODY, BODY.index(b"{") + 1) for i in range(n_slow)]
    times, failures, ages = [], [], []
    asker = threading.Thread(target=honest, args=(times, failures))
    asker.start()
    left = watch(slow, ages)
    asker.join()
    times.sort()
    print(json.dumps({
        "slow": n_slow, "left": left, "last_cut_s": round(max(ages, default=0), 1),
        "asked": len(times), "failed": len(failures), "failures": failures[:3],
        "p50_ms": round(times[len(times) // 2], 1), "p99_ms": round(times[int(len(times) * 0.99)], 1),
    }))


main()
