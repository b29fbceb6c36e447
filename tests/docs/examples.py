# SPDX-License-Identifier: Apache-2.0
"""Finds the examples of the helps and the pages: what a reader would type into a shell."""
import re
import subprocess

# What a line of a code block begins with when it is a command. Other lines are networks, C, outputs.
TOOLS = r"(?:\./run|lanewise|cmake|ctest|apt-get|pkg-config|python3?|kernel_check|build/\S+|benchmarks/\S+)"
COMMAND = re.compile(r"^(?:\$ +)?((?:[A-Z][A-Z_]*=\S+ +)*" + TOOLS + r"(?: .*)?)$")


class Example:
    """A command as it is written, and where."""

    def __init__(self, place, text):
        self.place = place
        self.text = text

    def __repr__(self):
        return f"{self.place}: {self.text}"


def without_remark(line):
    """A comment ends a command, and so does a remark in brackets or in words behind a gap."""
    line = re.sub(r"\s+#(?: .*)?$", "", line)
    line = re.sub(r"\s{2,}\(.*\)$", "", line)
    return line.strip()


def joined(lines):
    """The lines, those that end in a backslash with the next ones."""
    begun = ""
    for line in lines:
        text = begun + (line.strip() if begun else line)
        if text.endswith("\\"):
            begun = text[:-1].rstrip() + " "
            continue
        begun = ""
        yield text


def help_of(program, words):
    result = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True)
    return result.stdout


def listed(text):
    """The commands that a help lists."""
    block = re.search(r"^Commands:\n((?:  .*\n)+)", text, re.M)
    if not block:
        return []
    return [re.split(r"\s{2,}", line.strip())[0].split() for line in block[1].splitlines()]


def commands(program):
    """Every command of the program, as words, found from help to help."""
    waiting, seen = [[]], []
    while waiting:
        words = waiting.pop(0)
        for found in listed(help_of(program, words)):
            # A list may name "data list" without having named "data".
            for n in range(1, len(found) + 1):
                if found[:n] not in seen:
                    seen.append(found[:n])
                    waiting.append(found[:n])
    return seen


def of_help(program, words):
    text = help_of(program, words)
    block = re.search(r"^Examples:\n((?:  .*\n?)+)", text, re.M)
    lines = block[1].splitlines() if block else []
    found = []
    for line in joined(lines):
        text = without_remark(line)
        # The first help explains its examples in words.
        if not words:
            text = re.split(r"\s{2,}", text)[0]
        found.append(Example(f"lanewise {' '.join([*words, '--help'])}", text))
    return found


def code_blocks(text):
    """The indented and the fenced blocks of a page, as lists of lines without their indentation."""
    block, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            block.append(line if fenced else line[4:])
            continue
        if block and line.strip() or line.startswith("```"):
            if block:
                yield block
            block = []
    if block:
        yield block


def of_page(path, name):
    found = []
    for block in code_blocks(path.read_text(encoding="utf-8")):
        for line in joined(block):
            command = COMMAND.match(line)
            if command:
                found.append(Example(name, without_remark(command[1])))
    return found
