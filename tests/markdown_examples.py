"""Runs the examples in a Markdown page as a reader would: CONTRIBUTING tells how they are written.

Every page gets a folder of its own with a copy of `examples/`, committed as in a clone. Its ```console and ```python
blocks are run from top to bottom; a `cd` or an `export` holds for the blocks below it, and so does what Python defines.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 600
TIMED_OUT = 124  # as timeout(1) says it
LEFT_OUT = "<!-- not run -->"
RESULTS = shutil.ignore_patterns(".runcard", "mlflow.db*", "mlartifacts", "processed", "__pycache__")
FENCE = re.compile(r"^```(?P<language>\w*)[^\n`]*\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


class ExampleFailed(AssertionError):
    """An example ended otherwise, or printed something else, than its page says."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block that is run."""

    language: str
    body: str
    line: int
    """Where its first line of content stands, from 1."""


@dataclass(frozen=True, slots=True)
class Command:
    """One `$` line of a console block, and what the page says it does."""

    text: str
    expected: str
    exit_code: int
    line: int


def read_blocks(text: str) -> list[Block]:
    """Find the blocks that are run: console and python, less those marked with LEFT_OUT."""
    blocks = []
    for fence in FENCE.finditer(text):
        marked = text[: fence.start()].rstrip().endswith(LEFT_OUT)
        if fence["language"] in ("console", "python") and not marked:
            line = text.count("\n", 0, fence.start()) + 2
            blocks.append(Block(fence["language"], fence["body"], line))
    return blocks


def read_commands(block: Block) -> list[Command]:
    """Take a console block apart; a command that ends in a backslash goes on in the next line."""
    commands: list[Command] = []
    exit_code = 0
    lines = enumerate(block.body.splitlines(), start=block.line)
    for number, line in lines:
        if said := re.fullmatch(r"# exit (\d+)", line):
            exit_code = int(said[1])
        elif line.startswith("$ "):
            text = line.removeprefix("$ ")
            while text.endswith("\\"):
                text += "\n" + next(lines)[1].removeprefix("> ")
            commands.append(Command(text, "", exit_code, number))
            exit_code = 0
        elif commands:
            last = commands[-1]
            commands[-1] = Command(last.text, f"{last.expected}{line}\n", last.exit_code, last.line)
        else:
            raise ExampleFailed(f"line {number}: a console block begins with `$ ` or `# exit N`, not `{line}`")
    return commands


def matches(expected: str, output: str) -> bool:
    """Compare loosely: `...` is any text of one line, a line of `...` any lines; runs of spaces are one."""
    lines = [" ".join(line.split()) for line in expected.strip().splitlines()]
    pattern = "".join(r"(?:[^\n]*\n)*" if line == "..." else loosely(line) + r"\n" for line in lines)
    said = [" ".join(line.split()) for line in output.strip().splitlines()]
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in said)) is not None


def loosely(line: str) -> str:
    """Make a pattern of one expected line."""
    return r"[^\n]*".join(re.escape(part) for part in line.split("..."))


def run_page(page: Path, folder: Path) -> int:
    """Run all of a page's blocks in a new folder; return how many there were."""
    copy_clone(folder)
    blocks = read_blocks(page.read_text(encoding="utf-8"))
    with Session(page.name, folder) as session:
        for block in blocks:
            session.run(block)
    return len(blocks)


def copy_clone(folder: Path) -> None:
    """Copy what a page needs of the clone that its reader has, as a repository with one commit."""
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=RESULTS)
    shutil.copy(ROOT / ".gitignore", folder)
    identity = ("-c", "user.name=Reader", "-c", "user.email=reader@localhost")
    for words in (("init", "--quiet"), ("add", "--all"), (*identity, "commit", "--quiet", "--message", "A clone")):
        subprocess.run(["git", *words], cwd=folder, check=True)


class Session(AbstractContextManager["Session"]):
    """What a page's blocks share: the folder they are in, the environment, Python's names."""

    def __init__(self, page: str, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.environment = reader_environment(os.environ)
        self._python: Python | None = None

    def run(self, block: Block) -> None:
        """Run one block, of either kind."""
        if block.language == "python":
            self._python = self._python or Python(self.environment)
            self._python.run(block.body, place=f"{self.page}:{block.line}", folder=self.folder)
        else:
            for command in read_commands(block):
                self._run_command(command)

    def _run_command(self, command: Command) -> None:
        place = f"{self.page}:{command.line}: $ {command.text}"
        with NamedTemporaryFile() as after:
            script = f"trap '{{ pwd; env -0; }} >{after.name}' EXIT\n{command.text}\n"
            exit_code, output = run_bash(script, self.folder, self.environment)
            folder, _, variables = after.read().decode().partition("\n")
        if exit_code != command.exit_code:
            raise ExampleFailed(f"{place}\nexit {exit_code}, not {command.exit_code}\n{output}")
        if command.expected.strip() and not matches(command.expected, output):
            raise ExampleFailed(f"{place}\nthe page says:\n{command.expected}\nit printed:\n{output}")
        self.folder = Path(folder)
        self.environment = dict(pair.split("=", 1) for pair in variables.split("\0") if "=" in pair)

    def __exit__(self, *_: object) -> None:
        """Let the page's Python end."""
        if self._python:
            self._python.close()


def run_bash(script: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Return exit code and output, stdout and stderr as they came; whatever it leaves running is ended."""
    with TemporaryFile() as output:
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=folder, env=dict(environment), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            exit_code = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            exit_code = TIMED_OUT
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return exit_code, output.read().decode()


class Python:
    """A Python process of its own that runs one block after the other in `__main__`."""

    _DONE = "<block done>"
    _LOOP = f"""
import json, os, sys
for _line in sys.stdin:
    _block = json.loads(_line)
    os.chdir(_block["folder"])
    exec(compile(_block["body"], _block["place"], "exec"))
    print({_DONE!r}, flush=True)
"""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._LOOP], env=dict(environment), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, body: str, *, place: str, folder: Path) -> None:
        """Run one block in a folder; what it prints is shown only when it fails."""
        assert self._process.stdin
        assert self._process.stdout
        block = {"body": body, "place": place, "folder": str(folder)}
        self._process.stdin.write(json.dumps(block) + "\n")
        self._process.stdin.flush()
        output = []
        for line in self._process.stdout:
            if line.endswith(f"{self._DONE}\n"):  # behind what a block printed without ending its line
                return
            output.append(line)
        raise ExampleFailed(f"{place}\n{''.join(output)}")

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()


def reader_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Be a reader at a terminal 120 wide, the project's environment first on PATH, nothing else set."""
    ours = ("RUNCARD_", "MLFLOW_", "PYTEST_")
    kept = {name: value for name, value in variables.items() if not name.startswith(ours)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{variables.get('PATH', '')}"
    return {**kept, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1"}
