#!/usr/bin/env python3
"""The links gate: every relative link of a Markdown page leads to a file that is there.

  links.py REPOSITORY
"""
import pathlib
import re
import sys

repo = pathlib.Path(sys.argv[1])
pages = [repo / "README.md", repo / "CHANGELOG.md", *sorted((repo / "docs").rglob("*.md")),
         *sorted((repo / "deploy").rglob("*.md")), repo / "tests/net/README.md"]
seen = broken = 0
for page in pages:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:|#", target):
            continue
        seen += 1
        if not (page.parent / target.split("#")[0]).exists():
            broken += 1
            print(f"{page.relative_to(repo)}: '{target}' is not there")
print(f"{len(pages)} pages, {seen} links")
sys.exit(1 if broken or not seen else 0)
