"""The fenced blocks of a Markdown file and what its comments say of them.

Comments in the source steer how a test runs the blocks; they are not seen by a reader:

  <!-- on: NAME -->          the machine of this and the following `sh` blocks
  <!-- exits: N -->          the next block's exit status, if not 0
  <!-- prints: REGEX -->     something that its output must hold (may be repeated)
  <!-- within: SECONDS -->   the next block is tried again for so long until it is so
  <!-- types: TEXT -->       its standard input
  <!-- file: NAME -->        the next block (of any language) is that file's content
  <!-- not run: REASON -->   no test can run the next block, because …
  <!-- stand-in: NAME: WHY -->  the test does the same by its function NAME, because …

Anything else in a comment of that shape is an error, and so is one that no block follows.
"""
import re

KEYS = ("on", "exits", "prints", "within", "types", "file", "not run", "stand-in")


class Block:
    def __init__(self, line, language, text, section, machine, notes):
        self.line, self.language, self.text = line, language, text
        self.section, self.machine, self.notes = section, machine, notes

    def note(self, key, default=None):
        return self.notes.get(key, [default])[0]

    @property
    def first_command(self):
        return self.text.strip().splitlines()[0]


def read_note(path, line, text, notes):
    found = re.fullmatch(r"<!-- ([a-z -]+?): (.+) -->", text)
    if not found:
        return False
    if found[1] not in KEYS:
        raise ValueError(f"{path}:{line}: unknown note '{found[1]}'")
    notes.setdefault(found[1], []).append(found[2])
    return True


def blocks(path):
    section, machine, notes, out = "", "here", {}, []
    fence, body, began, language = None, [], 0, ""
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        if fence is not None:
            if raw.strip() == fence:
                out.append(Block(began, language, "\n".join(body) + "\n", section, machine, notes))
                fence, notes = None, {}
            else:
                body.append(raw)
            continue
        opened = re.fullmatch(r"\s*(`{3,})(\w*)", raw)
        if opened:
            machine = notes.pop("on", [machine])[0]
            fence, language, body, began = opened[1], opened[2], [], number
        elif raw.startswith("#"):
            section = raw.lstrip("# ")
        elif raw.startswith("<!--"):
            if read_note(path, number, raw, notes) and set(notes) == {"on"}:
                machine = notes.pop("on")[0]
        elif raw.strip() and notes:
            raise ValueError(f"{path}:{number}: notes {sorted(notes)} before no block")
    if fence is not None or notes:
        raise ValueError(f"{path}: ends within a block, or with notes before none")
    return out
