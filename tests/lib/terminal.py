#!/usr/bin/env python3
"""A program on a terminal of its own: terminal.py COLUMNS LINES STEP… -- PROGRAM ARG…

Steps, in order: "see:TEXT" waits until the screen shows TEXT (at most 60 s), "gone:TEXT"
until it does not, "key:TEXT" types, "size:COLUMNSxLINES" resizes, "shot:FILE" writes the
screen as text, "kill:PID" ends another process, "end" waits for the program's end and demands 0. A small emulator of what
ncurses sends to an xterm or vt100: enough to know what stands where. "raw:REGEX" and
"noraw:REGEX" look at all bytes that came so far. Prints what went wrong; exits 1 then.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT_S = 60
split = sys.argv.index("--")
columns, lines, steps, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:split], sys.argv[split + 1:]
raw = bytearray()


class Screen:
    """What stands where."""

    def __init__(self):
        self.resize(columns, lines)
        self.rest = ""

    def resize(self, width, height):
        """Empty, of another size: a program that is resized draws all anew."""
        self.width, self.height, self.x, self.y = width, height, 0, 0
        self.cells = [[" "] * width for _ in range(height)]

    def text(self):
        """The screen's lines."""
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def put(self, ch):
        """A character where the cursor is."""
        if self.x >= self.width:
            self.x, self.y = 0, min(self.y + 1, self.height - 1)
        self.cells[self.y][self.x] = ch
        self.x += 1

    def control(self, numbers, final):
        """A sequence ESC [ numbers final."""
        n = [int(v) if v.isdigit() else 0 for v in numbers.split(";")] if numbers else []
        one = max(1, n[0]) if n else 1
        if final in "Hf":
            self.y, self.x = one - 1, (max(1, n[1]) if len(n) > 1 else 1) - 1
        elif final == "J" and (n or [0])[0] in (2, 3):
            self.cells = [[" "] * self.width for _ in range(self.height)]
        elif final == "J":
            self.cells[self.y][self.x:] = [" "] * (self.width - self.x)
            self.cells[self.y + 1:] = [[" "] * self.width for _ in range(self.height - self.y - 1)]
        elif final == "K":
            self.cells[self.y][self.x:] = [" "] * (self.width - self.x)
        elif final == "X":
            end = min(self.width, self.x + one)
            self.cells[self.y][self.x:end] = [" "] * (end - self.x)
        elif final == "P":
            self.cells[self.y] = (self.cells[self.y][:self.x] + self.cells[self.y][self.x + one:] + [" "] * one)[:self.width]
        elif final == "@":
            self.cells[self.y] = (self.cells[self.y][:self.x] + [" "] * one + self.cells[self.y][self.x:])[:self.width]
        elif final == "b" and self.x > 0:
            for _ in range(one):
                self.put(self.cells[self.y][self.x - 1])
        elif final in "ABCD":
            dx, dy = {"A": (0, -1), "B": (0, 1), "C": (1, 0), "D": (-1, 0)}[final]
            self.x, self.y = self.x + dx * one, self.y + dy * one
        elif final == "G":
            self.x = one - 1
        elif final == "d":
            self.y = one - 1
        self.x, self.y = max(0, min(self.x, self.width)), max(0, min(self.y, self.height - 1))

    def feed(self, text):
        """What the program wrote."""
        text = self.rest + text
        self.rest = ""
        at = 0
        while at < len(text):
            ch = text[at]
            if ch == "\x1b":
                found = re.compile(r"\x1b(?:\[([?>]?[0-9;]*)([A-Za-z@`])|[()][A-Z0-9]|[=>78MHc])").match(text, at)
                if not found:
                    self.rest = text[at:]
                    return
                if found.group(2) and not found.group(1).startswith(("?", ">")):
                    self.control(found.group(1), found.group(2))
                at = found.end()
                continue
            if ch == "\r":
                self.x = 0
            elif ch == "\n":
                self.y = min(self.y + 1, self.height - 1)
            elif ch == "\b":
                self.x = max(0, self.x - 1)
            elif ch >= " ":
                self.put(ch)
            at += 1


def set_size(fd, width, height):
    """Of the terminal."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


pid, master = pty.fork()
if pid == 0:
    os.execvp(program[0], program)
set_size(master, columns, lines)
os.kill(pid, signal.SIGWINCH)
screen, partial = Screen(), b""


def read_some(seconds):
    """Takes in what came; False: the program has ended."""
    global partial
    ready, _, _ = select.select([master], [], [], seconds)
    if not ready:
        return True
    try:
        data = os.read(master, 65536)
    except OSError:
        return False
    if not data:
        return False
    raw.extend(data)
    partial += data
    for cut in range(4):
        try:
            text = partial[:len(partial) - cut].decode()
            partial = partial[len(partial) - cut:]
            screen.feed(text)
            break
        except UnicodeDecodeError:
            continue
    return True


def until(condition):
    """Whether it came true in time."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if condition():
            return True
        if not read_some(0.1):
            return condition()
    return False


def ended():
    """Waits for the program's end; whether it was a good one."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        read_some(0.05)
        got, status = os.waitpid(pid, os.WNOHANG)
        if got:
            return os.waitstatus_to_exitcode(status) == 0
    return False


def take(step):
    """One step; whether it was as demanded."""
    what, _, value = step.partition(":")
    if what == "see":
        return until(lambda: value in screen.text())
    if what == "gone":
        return until(lambda: value not in screen.text())
    if what in ("raw", "noraw"):
        return bool(re.search(value.encode(), bytes(raw))) == (what == "raw")
    if what == "key":
        os.write(master, value.encode())
    elif what == "size":
        width, height = (int(v) for v in value.split("x"))
        screen.resize(width, height)
        set_size(master, width, height)
        os.kill(pid, signal.SIGWINCH)
    elif what == "shot":
        with open(value, "w", encoding="utf-8") as file:
            file.write(screen.text() + "\n")
    elif what == "kill":
        os.kill(int(value), signal.SIGTERM)
    elif what == "end":
        return ended()
    return True


for one in steps:
    if not take(one):
        print(f"failed: {one}\n{screen.text()}")
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        sys.exit(1)
