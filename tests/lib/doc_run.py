#!/usr/bin/env python3
"""Follows a document word for word: runs its `sh` blocks in order and writes its files, each
on the machine that the document says, in a shell that stays (as a person's would), and counts
what came of them.

  doc_run.py FILE --machine NAME=SHELL_COMMAND … [--stand-in NAME=COMMAND …]

A machine's SHELL_COMMAND becomes a bash that reads its commands from standard input. Notes
in the document (doc_blocks.py) say what is expected, what a stand-in does, and what is not
run and why; the latter two are listed at the end.
"""
import argparse
import pathlib
import re
import shlex
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from doc_blocks import blocks  # noqa: E402

END = "==end-of-block=="


class Machine:
    """A bash that runs blocks. A block's status is that of its last command, but any simple
    command that fails before it counts as well."""

    def __init__(self, command):
        self.shell = subprocess.Popen(
            shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.send("set -m\n")

    def send(self, text):
        self.shell.stdin.write(text)
        self.shell.stdin.flush()

    def run(self, text, typed):
        quoted = shlex.quote(text)
        self.send(
            f"plx_failed=0; trap 'plx_failed=$?' ERR; eval {quoted} <<<{shlex.quote(typed)}; "
            f"plx_code=$?; trap - ERR; printf '\\n%s %s %s\\n' {END} $plx_code $plx_failed\n")
        said = []
        for line in self.shell.stdout:
            if line.startswith(END):
                code, failed = (int(word) for word in line.split()[1:])
                return "".join(said), code, failed
            said.append(line)
        raise SystemExit("the machine's shell ended:\n" + "".join(said))

    def close(self):
        self.shell.stdin.close()
        try:
            self.shell.wait(5)
        except subprocess.TimeoutExpired:
            self.shell.kill()


def wrong(block, said, code, failed):
    """What is not as the document has it, or None."""
    wanted = int(block.note("exits", "0"))
    if code != wanted:
        return f"exit status {code}, not {wanted}"
    if wanted == 0 and failed != 0:
        return f"a command within it failed with {failed}"
    for pattern in block.notes.get("prints", []):
        if not re.search(pattern, said, re.M):
            return f"nothing printed matches '{pattern}'"
    return None


def attempt(machine, block):
    deadline = time.monotonic() + float(block.note("within", "0"))
    while True:
        said, code, failed = machine.run(block.text, block.note("types", ""))
        what = wrong(block, said, code, failed)
        if what is None or time.monotonic() > deadline:
            return what, said
        time.sleep(0.3)


class Follower:
    def __init__(self, args):
        self.machines = {n: Machine(c) for n, c in args.machine}
        self.stand_ins = dict(args.stand_in)
        self.file, self.passed, self.failed, self.aside = args.file, 0, 0, []

    def count(self, good, block, what, said=""):
        where = f"{self.file.name}:{block.line}: {block.first_command}"
        self.passed += good
        self.failed += not good
        print(f"{'ok     ' if good else 'NOT OK '} {where}{' — ' + what if what else ''}", flush=True)
        if not good:
            print("".join(f"        {line}\n" for line in said.splitlines()[-25:]), end="")

    def stand_in(self, block):
        name, _, why = block.note("stand-in").partition(": ")
        if name not in self.stand_ins or not why:
            self.count(False, block, f"no stand-in '{name}', or no reason")
            return
        done = subprocess.run(
            shlex.split(self.stand_ins[name]), capture_output=True, text=True)
        self.count(done.returncode == 0, block, f"done by the test ({name})", done.stdout + done.stderr)
        self.aside.append((block, f"done by the test: {why}"))

    def follow(self, block):
        if block.note("not run"):
            self.aside.append((block, f"not run: {block.note('not run')}"))
        elif block.note("stand-in"):
            self.stand_in(block)
        elif block.machine not in self.machines:
            self.count(False, block, f"no machine '{block.machine}'")
        elif block.note("file"):
            self.machines[block.machine].run(
                f"cat > {shlex.quote(block.note('file'))} <<'PLX_EOF'\n{block.text}PLX_EOF\n", "")
        else:
            what, said = attempt(self.machines[block.machine], block)
            self.count(what is None, block, what, said)

    def report(self):
        for machine in self.machines.values():
            machine.close()
        for block, why in self.aside:
            print(f"aside   {self.file.name}:{block.line}: {block.first_command} — {why}")
        print(f"{self.file.name}: {self.passed} blocks passed, {self.failed} failed, "
              f"{len(self.aside)} done otherwise or not run")
        return 0 if self.passed and not self.failed else 1


def pair(text):
    name, _, value = text.partition("=")
    return name, value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--machine", type=pair, action="append", default=[])
    parser.add_argument("--stand-in", type=pair, action="append", default=[])
    args = parser.parse_args()
    follower = Follower(args)
    for block in blocks(args.file):
        if block.language == "sh" or block.note("file"):
            follower.follow(block)
    return follower.report()


sys.exit(main())
