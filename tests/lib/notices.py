#!/usr/bin/env python3
"""Compares what receivers got with what the coordinator wrote down.

   notices.py DATABASE RECEIVER=RECORD.jsonl…

Each notice in the outbox must have arrived, whatever arrived must be in it under its key,
and, a key counted once, each incident's notices to a receiver must be a life: an opening,
then acknowledgements, updates, repetitions, then its end, perhaps again. Prints one line of
figures and one for each fault found; exits 1 if there is one."""
import collections
import json
import sqlite3
import sys

faults = []


def fault(sentence):
    faults.append(sentence)
    if len(faults) <= 20:
        print(sentence)


def read(record):
    with open(record, encoding="utf-8") as lines:
        for line in lines:
            delivery = json.loads(line)
            yield delivery, json.loads(delivery["body"])


def check_life(receiver, incident, events):
    is_open = False
    for event, key in events:
        if event == "open" and is_open:
            fault(f"{receiver}: incident {incident} was opened twice ({key})")
        if event != "open" and not is_open:
            fault(f"{receiver}: incident {incident} has '{event}' before it was opened ({key})")
        is_open = event != "resolve"
    if is_open:
        fault(f"{receiver}: incident {incident} never ended")


def check_receiver(receiver, record, written):
    first, deliveries, kinds = {}, 0, collections.Counter()
    lives = collections.defaultdict(list)
    for delivery, body in read(record):
        key = body["key"]
        if body["event"] == "test":
            continue
        deliveries += 1
        if delivery["headers"]["Idempotency-Key"] != key:
            fault(f"{receiver}: the header's key is not the body's {key}")
        if key not in first:
            first[key] = body
            kinds[body["event"]] += 1
            lives[body["incident"]].append((body["event"], key))
        elif first[key] != body:
            fault(f"{receiver}: two notices with the key {key}")
    for key in written - first.keys():
        fault(f"{receiver}: never got {key}")
    for key in first.keys() - written:
        fault(f"{receiver}: got {key}, which is not written down")
    for incident, events in lives.items():
        check_life(receiver, incident, events)
    counts = ", ".join(f"{n} {event}" for event, n in sorted(kinds.items()))
    print(f"{receiver}: {len(first)} notices ({counts}) of {len(lives)} incidents, "
          f"{deliveries - len(first)} delivered again with the same key")


def main():
    store = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    waiting = store.execute("SELECT count(*) FROM outbox WHERE state = 'waiting'").fetchone()[0]
    if waiting:
        fault(f"{waiting} notices still wait")
    for word in sys.argv[2:]:
        receiver, record = word.split("=", 1)
        rows = store.execute("SELECT key FROM outbox WHERE receiver = ? AND event <> 'test'"
                             " AND state <> 'dead'", (receiver,))
        check_receiver(receiver, record, {row[0] for row in rows})
    print(f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
