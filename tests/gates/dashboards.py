#!/usr/bin/env python3
"""The dashboards gate: what deploy/grafana and deploy/prometheus ask for is there.

  dashboards.py REPOSITORY [--queries]

Every metric that a panel or a rule names is in docs/METRICS.md with the labels it is asked
by; each dashboard is sound (unique ids, panels that do not overlap, a data source that can
be chosen, a query in each). --queries prints all queries as Prometheus rules instead, for
promtool to parse.
"""
import json
import pathlib
import re
import sys

repo = pathlib.Path(sys.argv[1])
failed = []
# Labels that Prometheus itself adds.
SCRAPED = {"instance", "job"}


def documented():
    """Metrics and their labels."""
    metrics = {}
    for line in (repo / "docs/METRICS.md").read_text().splitlines():
        row = re.match(r"\| `(parallax_\w+)` \| \w+ \| ([^|]*)\|", line)
        if row:
            metrics[row[1]] = {label.strip() for label in row[2].split(",") if label.strip()}
    return metrics


def check_query(where, query, metrics):
    """Names and labels of one query."""
    for name, matchers in re.findall(r"\b(parallax_\w+)(?:\{([^}]*)\})?", query):
        if name not in metrics:
            failed.append(f"{where}: {name} is not in docs/METRICS.md")
            continue
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            if label not in metrics[name] | SCRAPED:
                failed.append(f"{where}: {name} has no label {label}")


def overlaps(a, b):
    """Whether two places on the grid share a cell."""
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
            and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def check_board(path, board, metrics):
    """One dashboard."""
    panels = board["panels"]
    ids = [p["id"] for p in panels]
    if len(set(ids)) != len(ids):
        failed.append(f"{path.name}: an id is there twice")
    if "datasource" not in [v["type"] for v in board["templating"]["list"]]:
        failed.append(f"{path.name}: the data source cannot be chosen")
    for i, panel in enumerate(panels):
        where, place = f"{path.name}: '{panel['title']}'", panel["gridPos"]
        if place["x"] + place["w"] > 24:
            failed.append(f"{where}: wider than the grid")
        for other in panels[:i]:
            if overlaps(place, other["gridPos"]):
                failed.append(f"{where}: overlaps '{other['title']}'")
        if panel["type"] == "row":
            continue
        if not panel.get("targets"):
            failed.append(f"{where}: asks for nothing")
        for target in panel.get("targets", []):
            if not re.search(r"parallax_", target["expr"]):
                failed.append(f"{where}: a query without a metric of ours")
            check_query(where, target["expr"], metrics)


def queries(boards):
    """All queries of the dashboards, with their variables filled in."""
    for board in boards.values():
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield target["expr"].replace("$instance", ".*")


boards = {path: json.loads(path.read_text()) for path in sorted((repo / "deploy/grafana").glob("*.json"))}
if "--queries" in sys.argv:
    print("groups: [{name: dashboards, rules: [")
    for number, query in enumerate(queries(boards)):
        print(f"  {{record: 'query:{number}', expr: {json.dumps(query)}}},")
    print("]}]")
    sys.exit(0)

known = documented()
for path, board in boards.items():
    check_board(path, board, known)
rules = (repo / "deploy/prometheus/rules.yml").read_text()
check_query("rules.yml", re.sub(r"#.*", "", rules), known)
if len(boards) < 2 or len({b["uid"] for b in boards.values()}) != len(boards):
    failed.append("deploy/grafana: fewer than two dashboards, or two with one uid")
print("\n".join(failed) or f"{len(boards)} dashboards, {len(list(queries(boards)))} queries, {len(known)} metrics")
sys.exit(1 if failed else 0)
