#!/usr/bin/env python3
"""The reference gate: every log event, metric, key of a daemon's configuration, option of the
coordinator and method of the API of the source is documented, and everything documented is
in the source. (The commands of `parallax` are compared by tests/e2e/test_cli_docs.sh.)

  reference.py REPOSITORY
"""
import json
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


def section_column(page, heading):
    """The names in the first column of the tables below a heading."""
    text = (repo / "docs" / page).read_text()
    part = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    rows = re.findall(r"^\| (`.*?`) \|", part[1], re.M) if part else []
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def coordinator_keys():
    text = (repo / "coordinator/config.c").read_text()
    known = re.search(r"known\[\] = \{(.*?)\};", text, re.S)[1]
    return set(re.findall(r'"([a-z_]+)"', known))


def coordinator_options():
    """Flags of the coordinator that are keys of its file as well."""
    text = (repo / "coordinator/main.c").read_text()
    return {n.replace("-", "_") for n in re.findall(r'\{"([a-z-]+)", required_argument, NULL, \'o\'\}', text)}


def agent_keys():
    """The dotted keys of agent.yaml, by the tables of its reader: the last table is the
    file's own, the others belong to the function that a key of it names."""
    text = (repo / "agent/config.c").read_text()
    tables = {}
    for body in re.finditer(r"^(?:static )?int (\w+)\([^;{]*\)\n\{\n(.*?)^\}", text, re.M | re.S):
        table = re.search(r"struct key keys\[\] = \{(.*?)\};", body[2], re.S)
        if table:
            tables[body[1]] = dict(re.findall(r'\{"(\w+)", (\w+)\}', table[1]))
    keys = set()
    for key, reader in tables.pop("plx_agent_config_load").items():
        keys |= {f"{key}.{inner}" for inner in tables.pop(reader)} if reader in tables else {key}
    for reader in tables:
        complain(f"agent/config.c: no key is read by {reader}")
    return keys


def commented_keys(name):
    """The keys that an example file shows, be it as a comment."""
    text = (repo / "deploy/examples" / name).read_text()
    return set(re.findall(r"^#? ?([a-z_]+):", text, re.M))


def api_methods():
    text = (repo / "coordinator/io/api.c").read_text()
    return set(re.findall(r'\{"([a-z._]+)",\s+plx_api_', text))


def documented_methods():
    """`monitors.remove`, `.pause` in one row are methods of one noun."""
    text = (repo / "docs/API.md").read_text()
    found = set()
    for row in re.findall(r"^\| (`.*?`) \| ", text.split("## A monitor's state")[0], re.M):
        noun = ""
        for name in re.findall(r"`([a-z._]+)`", row):
            noun = name.rpartition(".")[0] or noun
            found.add(name if not name.startswith(".") else noun + name)
            noun = noun or name
    return found


def presets():
    """The greetings that have a name."""
    text = (repo / "common/base/greeting.h").read_text()
    table = re.search(r"PLX_GREETING_PRESET_TABLE\(X\)(.*?)\n\n", text, re.S)[1]
    return set(re.findall(r"X\(\w+, \d+, (\w+)\)", table))


def documented_presets():
    text = (repo / "docs/MONITORS.md").read_text().split("| preset | says |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`.*?`) \|", text, re.M)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def receiver_kinds():
    text = (repo / "coordinator/receivers/receiver.h").read_text()
    table = re.search(r"PLX_RECEIVER_TABLE\(X\)(.*?)\n\n", text, re.S)[1]
    return {name.replace("_", "-") for name in re.findall(r"X\((\w+)\)", table)}


def documented_kinds():
    text = (repo / "docs/ALERTS.md").read_text()
    return set(re.findall(r"`([a-z-]+)`", re.search(r"^\| `kind` \| (.*)$", text, re.M)[1]))


def routes():
    """VERB /path of the table."""
    text = (repo / "coordinator/http/route.c").read_text()
    found = re.findall(r'\.verb = "([A-Z]+)",\s*\.path = (V1 )?"([^"]*)"', text)
    return {f"{verb} {'/api/v1' if v1 else ''}{path}" for verb, v1, path in found}


def documented_routes():
    text = (repo / "docs/API.md").read_text()
    rows = re.findall(r"^\| ([A-Z]+) \| (`.*?`) \|", text, re.M)
    return {f"{verb} {path}" for verb, paths in rows for path in re.findall(r"`([^`]+)`", paths)}


def described_routes():
    paths = json.loads((repo / "coordinator/http/openapi.json").read_text())["paths"]
    return {f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs}


def same(what, source, docs, page):
    page = page if "/" in page else f"docs/{page}"
    for name in sorted(source - docs):
        complain(f"{what} {name}: not in {page}")
    for name in sorted(docs - source):
        complain(f"{what} {name}: in {page}, not in the source")


def main():
    events, metrics = set(), set()
    for folder in ("agent", "coordinator", "common"):
        for path in sorted((repo / folder).rglob("*.c")):
            events |= events_of(path)
    for path in sorted((repo / "coordinator" / "http").glob("metrics*.c")):
        metrics |= set(re.findall(r'"(parallax_[a-z0-9_]+)"', path.read_text()))
    same("event", events, documented("LOG.md"), "LOG.md")
    same("metric", metrics, documented("METRICS.md"), "METRICS.md")
    keys, agent, methods = coordinator_keys(), agent_keys(), api_methods()
    same("key", keys, section_column("CONFIG.md", "The coordinator"), "CONFIG.md")
    same("key", agent, section_column("CONFIG.md", "An agent"), "CONFIG.md")
    for name in sorted(keys ^ coordinator_options()):
        complain(f"coordinator: {name} is not both a key and an option")
    for name in sorted(commented_keys("coordinator.yaml") - keys):
        complain(f"deploy/examples/coordinator.yaml: no key {name}")
    same("preset", presets(), documented_presets(), "MONITORS.md")
    same("kind of receiver", receiver_kinds(), documented_kinds(), "ALERTS.md")
    same("route", routes(), documented_routes(), "API.md")
    same("route", routes(), described_routes(), "coordinator/http/openapi.json")
    same("method", methods, documented_methods(), "API.md")
    print(f"{len(events)} events, {len(metrics)} metrics, {len(keys)} and {len(agent)} keys, "
          f"{len(methods)} methods")
    if not events or not metrics or not methods:
        complain("nothing was found")
    return 1 if failed else 0


sys.exit(main())
