#!/usr/bin/env python3
"""The links gate: what a Markdown page leads to is there: the files of its relative links, the
tests it names (`test_gate` a_strange_key__is_kept_out), and, in ARCHITECTURE.md, the rooms of
the walks (`io/desk`, a file without its ending).

  links.py REPOSITORY
"""
import pathlib
import re
import sys

repo = pathlib.Path(sys.argv[1])
pages = [repo / "README.md", repo / "CHANGELOG.md", *sorted((repo / "docs").rglob("*.md")),
         *sorted((repo / "deploy").rglob("*.md")), repo / "tests/net/README.md"]


def lost_links(page, text):
    """Relative links whose file is not there; and how many there are."""
    targets = [t for t in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:|#", t)]
    return [t for t in targets if not (page.parent / t.split("#")[0]).exists()], len(targets)


def lost_tests(text):
    """Tests that no file has, and functions that the file does not have."""
    for name in set(re.findall(r"`(test_\w+)`", text)):
        if not any((repo / place).exists() for place in (f"tests/unit/{name}.c", f"tests/e2e/{name}.sh")):
            yield name
    for name, after in re.findall(r"`(test_\w+)`((?:,? \w+__\w+)+)", text):
        source = repo / f"tests/unit/{name}.c"
        words = source.read_text() if source.exists() else ""
        yield from (f"{name} {f}" for f in re.findall(r"\w+__\w+", after) if f not in words)


def lost_rooms(text):
    """Rooms that no folder has under that name."""
    for room in set(re.findall(r"`((?:agent|cli|common|coordinator|core|http|io|proto|tests)/[\w/]+)`", text)):
        places = (repo / room, repo / "coordinator" / room)
        if not any(p.is_dir() or any(p.with_suffix(s).exists() for s in (".c", ".h")) for p in places):
            yield room


seen = broken = 0
for page in pages:
    text = page.read_text()
    lost, n = lost_links(page, text)
    lost += lost_tests(text)
    if page.name == "ARCHITECTURE.md":
        lost += lost_rooms(text)
    seen += n
    broken += len(lost)
    for target in lost:
        print(f"{page.relative_to(repo)}: '{target}' is not there")
print(f"{len(pages)} pages, {seen} links")
sys.exit(1 if broken or not seen else 0)
