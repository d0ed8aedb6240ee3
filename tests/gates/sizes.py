#!/usr/bin/env python3
"""The size gate: how long functions and files are, and that they stay so.

  sizes.py REPOSITORY

A function's length is the number of lines from its opening to its closing brace, both
counted (the format puts them in the first column). There are limits for the median of all
functions, the 90th percentile, any single one, and the lines of any file of code; there is
no list of exceptions.
"""
import pathlib
import subprocess
import sys

MEDIAN, MOST, LONGEST, FILE = 14, 45, 100, 700
CODE = {".c", ".h", ".js", ".mjs", ".py", ".sh"}


def tracked(repo):
    names = subprocess.run(["git", "-C", repo, "ls-files", "-z"], capture_output=True, check=True)
    return [pathlib.Path(repo, n) for n in names.stdout.decode().split("\0") if n]


def functions(path):
    """(length, "file:line") of each function of a C file."""
    start = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield number - start + 1, f"{path}:{start}"
            start = None


def main():
    repo = sys.argv[1]
    files = [p for p in tracked(repo) if p.suffix in CODE and "dist" not in p.parts and p.is_file()]
    found = sorted(f for p in files if p.suffix == ".c" for f in functions(p))
    lengths = [length for length, _ in found]
    median, most = lengths[len(lengths) // 2], lengths[len(lengths) * 9 // 10]
    sizes = sorted((len(p.read_text().splitlines()), str(p)) for p in files)
    wrong = [f"{where}: a function of {n} lines" for n, where in found if n > LONGEST]
    wrong += [f"{where}: a file of {n} lines" for n, where in sizes if n > FILE]
    if median > MEDIAN or most > MOST:
        wrong.append("functions in all: too long")
    print(f"{len(found)} functions: median {median} lines (at most {MEDIAN}), 90th percentile "
          f"{most} ({MOST}), longest {lengths[-1]} ({LONGEST}); "
          f"{len(sizes)} files: longest {sizes[-1][0]} ({FILE})")
    for sentence in wrong:
        print(sentence)
    return 1 if wrong or not found else 0


sys.exit(main())
