#!/usr/bin/env python3
"""Readers of a coordinator: http_load.py PORT TOKEN RATE SECONDS MONITOR…

RATE requests a second, each begun when it is due whatever became of those before (a
slow answer makes no room for itself), by turns: the overview as a browser asks for it
(with the tag it has), one monitor's status, explanation, history and rollups of a day,
a week and a month, incidents, agents. One line "NAME N P50_MS P99_MS MAX_MS FAILED" for
each kind of request and for all.
"""
import http.client
import queue
import random
import sys
import threading
import time
import urllib.parse

port, token, rate, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
names = [urllib.parse.quote(name, safe="") for name in sys.argv[5:]]
WORKERS = 24
rng = random.Random(1)
kinds = {
    "overview": (3, "/api/v1/overview"),
    "status": (2, "/api/v1/status?monitor={}"),
    "explain": (3, "/api/v1/monitors/{}/explain"),
    "history": (1, "/api/v1/monitors/{}/history?since=30d"),
    "rollups_1d": (2, "/api/v1/monitors/{}/rollups?since=24h"),
    "rollups_7d": (1, "/api/v1/monitors/{}/rollups?since=7d"),
    "rollups_30d": (1, "/api/v1/monitors/{}/rollups?since=30d"),
    "incidents": (1, "/api/v1/incidents"),
    "agents": (1, "/api/v1/agents"),
}
deck = [name for name, (weight, _) in kinds.items() for _ in range(weight)]
work, tags, lock = queue.Queue(), {}, threading.Lock()
times, failed = {name: [] for name in kinds}, {name: 0 for name in kinds}


def ask(connection, kind, path):
    """One request; the status."""
    headers = {"Authorization": "Bearer " + token, "Accept-Encoding": "gzip"}
    if kind in tags:
        headers["If-None-Match"] = tags[kind]
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if kind == "overview" and answer.status == 200:
        tags[kind] = answer.getheader("ETag")
    return answer.status


def worker():
    """Takes requests that are due; the time counts from when they were."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    while True:
        item = work.get()
        if item is None:
            return
        due, kind, path = item
        try:
            status = ask(connection, kind, path)
        except (OSError, http.client.HTTPException):
            connection.close()
            status = 0
        with lock:
            times[kind].append((time.monotonic() - due) * 1000)
            failed[kind] += status not in (200, 304)


def say(name, values, n_failed):
    """One line of figures."""
    values = sorted(values)
    at = lambda q: values[min(len(values) - 1, int(q * len(values)))]
    print(f"{name} {len(values)} {at(0.5):.1f} {at(0.99):.1f} {values[-1]:.1f} {n_failed}")


threads = [threading.Thread(target=worker, daemon=True) for _ in range(WORKERS)]
for thread in threads:
    thread.start()
began = time.monotonic()
for i in range(int(rate * seconds)):
    due = began + i / rate
    time.sleep(max(0, due - time.monotonic()))
    kind = rng.choice(deck)
    work.put((due, kind, kinds[kind][1].format(rng.choice(names))))
for thread in threads:
    work.put(None)
for thread in threads:
    thread.join(30)
for kind, values in times.items():
    if values:
        say(kind, values, failed[kind])
say("all", [t for values in times.values() for t in values], sum(failed.values()))
