#!/usr/bin/env python3
"""The man pages, docs/CLI.md and the programs name the same commands and options.

  cli_docs.py BIN_DIR MAN_DIR REPOSITORY

MAN_DIR holds the pages as deploy/man.sh makes them; they are rendered by man and read as a
person would, by command, and what they name is tried on the programs.
"""
import pathlib
import re
import subprocess
import sys

bin_dir, man_dir, repo = (pathlib.Path(p) for p in sys.argv[1:])
failed = 0
OPTION = r"(?<![\w-])--[a-z][a-z0-9-]*"


def complain(sentence):
    global failed
    failed += 1
    print(f"FAILED: {sentence}")


def output(*words):
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "COLUMNS": "200", "MANWIDTH": "200"}
    return subprocess.run(words, capture_output=True, text=True, env=env, check=False)


def rendered(page):
    text = output("man", "-l", "-Tutf8", "-E", "UTF-8", str(man_dir / page)).stdout
    text = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", text)
    if len(text) < 500:
        raise SystemExit(f"{page} does not render")
    return text


def options(text):
    return set(re.findall(OPTION, text))


def help_of(program, path):
    ran = output(str(bin_dir / program), *path.split(), "--help")
    if ran.returncode != 0:
        complain(f"{program} {path} --help: exit {ran.returncode}")
    return ran.stdout


def same(what, left, right, sides):
    for name in sorted(left - right):
        complain(f"{what}: {name} is in {sides[0]}, not in {sides[1]}")
    for name in sorted(right - left):
        complain(f"{what}: {name} is in {sides[1]}, not in {sides[0]}")


def sections(text, program):
    """A page's subsections `program command`, by command."""
    parts = re.split(rf"^ {{2,4}}{program} ([a-z -]+)$", text, flags=re.M)
    bodies = [re.split(r"^[A-Z][A-Z ]+$", part, flags=re.M)[0] for part in parts[2::2]]
    return dict(zip((name.strip() for name in parts[1::2]), bodies))


def check_parallax():
    """Each command of --help has a section with the options that it takes, and no other."""
    usage = help_of("parallax", "")
    listed = re.findall(r"^  ([a-z].*?)(?:  +| [A-Z\[<-]| [a-z]+\|)", usage.split("commands:")[1].split("\n\n")[0], re.M)
    common = options(usage.split("options of every command:")[1])
    found = sections(rendered("parallax.1"), "parallax")
    same("man parallax", set(found), set(listed), ("the page", "--help"))
    cli = (repo / "docs/CLI.md").read_text()
    rows = dict(re.findall(r"^\| `((?:\\\||[^`])*)` \| (.*) \|$", cli, re.M))
    for path in listed:
        own = options(help_of("parallax", path).split("options of every command:")[0])
        same(f"man parallax, {path}", options(found.get(path, "")) - common, own - common, ("the page", "--help"))
        row = next((text for name, text in rows.items() if name == path or name.startswith(path + " ")), "")
        if path not in ("apply", "diff") and "see below" not in row:
            same(f"CLI.md, {path}", options(row) - common, own - common, ("the page", "--help"))
    for name in sorted(options(cli) - common - all_options()):
        complain(f"CLI.md: {name} is an option of nothing")


def all_options():
    out = set()
    for program, paths in (("parallax", commands()), ("parallax-agent", agent_commands()), ("parallax-coordinator", [""])):
        for path in paths:
            out |= options(help_of(program, path))
    return out


def commands():
    usage = help_of("parallax", "").split("commands:")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z].*?)(?:  +| [A-Z\[<-]| [a-z]+\|)", usage, re.M)


def agent_commands():
    return [m.strip() for m in re.findall(r"^  ([a-z][a-z-]*)", help_of("parallax-agent", ""), re.M)]


def check_daemon(program, paths):
    """Its page and CLI.md's table name what --help does."""
    page, cli = rendered(f"{program}.8"), (repo / "docs/CLI.md").read_text()
    documented = re.findall(rf"^\| `{program} ([a-z-]+)", cli, re.M)
    offered = {p.split()[0] for p in paths}
    same(f"CLI.md, {program}", set(documented), offered, ("the page", "--help"))
    shown = options(help_of(program, "")).union(*(options(help_of(program, p)) for p in paths if program == "parallax-agent"))
    same(f"man {program}", options(page), shown, ("the page", "--help"))
    for section in ("SYNOPSIS", "SIGNALS", "FILES", "SEE ALSO"):
        if not re.search(rf"^{section}$", page, re.M):
            complain(f"man {program}: no {section}")
    units = (repo / "deploy/systemd" / f"{program}.service").read_text()
    for path in re.findall(r"(/(?:etc|var/lib)/parallax\S*)", re.search(r"^ExecStart=.*", units, re.M)[0]):
        if path not in page:
            complain(f"man {program}: {path} of the unit is not among its files")


check_parallax()
check_daemon("parallax-agent", agent_commands())
check_daemon("parallax-coordinator", ["run", "config"])
print(f"{len(commands())} commands compared, {failed} differences")
sys.exit(1 if failed else 0)
