#!/usr/bin/env python3
"""The reference gate: every log event and every metric of the source is documented, and
everything documented is in the source.

  reference.py REPOSITORY
"""
import pathlib
import re
import sys

repo = pathlib.Path(sys.argv[1])
failed = False


def second_argument(call):
    """The text between the first and the second comma outside of brackets and quotes."""
    depth, quoted, parts, part = 0, False, [], ""
    for ch in call:
        if ch == '"':
            quoted = not quoted
        if not quoted:
            depth += (ch in "([{") - (ch in ")]}")
            if depth < 0:
                break
            if ch == "," and depth == 0:
                parts.append(part)
                part = ""
                continue
        part += ch
    parts.append(part)
    return parts[1] if len(parts) > 1 else ""


def events_of(path):
    """Events that a file logs: what stands in the place of the event, and the two places
    that keep events in a table or take them from their callers."""
    text = path.read_text()
    found = set()
    for call in re.finditer(r"\b(plx_logf?|log_once)\(", text):
        where = second_argument(text[call.end():])
        names = re.findall(r'"([a-z0-9_]+)"', where)
        found.update(names)
        by_table = re.fullmatch(r"\s*(const char \*event|event|note_events\[kind\]\.event)\s*", where)
        if not names and not by_table:
            complain(f"{path}: an event that is no text: {where.strip()}")
    found.update(re.findall(r'\] = \{"([a-z0-9_]+)", PLX_LOG_', text))
    return found


def complain(sentence):
    global failed
    failed = True
    print(sentence)


def documented(name):
    text = (repo / "docs" / name).read_text()
    return set(re.findall(r"^\| `([a-z0-9_]+)`", text, re.M))


def same(what, source, docs, page):
    for name in sorted(source - docs):
        complain(f"{what} {name}: not in docs/{page}")
    for name in sorted(docs - source):
        complain(f"{what} {name}: in docs/{page}, not in the source")


def main():
    events, metrics = set(), set()
    for folder in ("agent", "coordinator", "common"):
        for path in sorted((repo / folder).rglob("*.c")):
            events |= events_of(path)
    for path in sorted((repo / "coordinator" / "http").glob("metrics*.c")):
        metrics |= set(re.findall(r'"(parallax_[a-z0-9_]+)"', path.read_text()))
    same("event", events, documented("LOG.md"), "LOG.md")
    same("metric", metrics, documented("METRICS.md"), "METRICS.md")
    print(f"{len(events)} events, {len(metrics)} metrics")
    if not events or not metrics:
        complain("nothing was found")
    return 1 if failed else 0


sys.exit(main())
