"""Make single changes in a folder of the source, in a throwaway copy, and say which of them its own tests notice.

    .venv/bin/python scripts/mutate.py journal decision --changes 15 --seed 0

Changed is one thing at a time: a comparison flipped, a number off by one, a call, a `raise` or a `not` dropped, two
arguments swapped, `and` for `or`, True for False, the branches of a condition. A folder's own tests are those of the
same place below tests/, fast ones first. mutants_equivalent.toml lists changes that make no difference, with reasons.
"""

# ruff: noqa: T201 (what it prints is what it is for)

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("src", "runcard")
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
LEAST_SECONDS = 60
"""How long tests may take at least, before a change counts as noticed because they hang."""
_PAIRS = ((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn))
_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = dict([*_PAIRS, *((other, one) for one, other in _PAIRS)])
_IN_ANY_ORDER = ("isinstance", "max", "min", "zip")
"""What need not be tried with its arguments swapped: it makes no difference, or fails at once."""
_LARGE = ("pytest", "numpy", "pandas", "scipy.stats", "sklearn.ensemble", "sklearn.pipeline", "optuna")
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "mlflow.db*", "mlartifacts", "build", "benchmarks")


@dataclass(frozen=True)
class Change:
    """One piece of a file's text, and what stands there instead."""

    kind: str
    file: Path
    """Relative to the top."""
    line: int
    start: int
    end: int
    now: str

    def apply(self, text: str) -> str:
        """Give the text with the change in it."""
        return text[: self.start] + self.now + text[self.end :]

    def lines(self, text: str) -> tuple[str, str]:
        """Give the changed lines before and after, spaces at their ends left out."""
        begin = text.rfind("\n", 0, self.start) + 1
        end = text.find("\n", self.end)
        after = text[begin : self.start] + self.now + text[self.end : end]
        return " ".join(text[begin:end].split()), " ".join(after.split())


def changes_in(file: Path, text: str) -> list[Change]:
    """List all changes of a module."""
    lines = text.splitlines(keepends=True)

    def at(line: int, column: int) -> int:
        return len("".join(lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())  # columns count bytes

    found = []
    for node in _walk(ast.parse(text)):
        for kind, now in _instead(node):
            place: Any = node
            start, end = at(place.lineno, place.col_offset), at(place.end_lineno, place.end_col_offset)
            found.append(Change(kind, file, place.lineno, start, end, now))
    return found


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Go through a tree but for annotations, decorators, what errors say, and f-strings: no place in them is true."""
    yield node
    if isinstance(node, ast.Raise):
        return
    left_out = [*getattr(node, "decorator_list", []), getattr(node, "annotation", None), getattr(node, "returns", None)]
    for child in ast.iter_child_nodes(node):
        if child not in left_out and not isinstance(child, ast.JoinedStr):
            yield from _walk(child)


def _instead(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Give what may stand in a node's place, by its kind."""
    match node:
        case ast.Compare(left, [op], right):
            yield "comparison", ast.unparse(ast.Compare(left, [_FLIPPED[type(op)]()], right))
        case ast.BoolOp(op, values):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield "and/or", f"({ast.unparse(ast.BoolOp(other, values))})"
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield "sign", f"({ast.unparse(operand)})"
        case ast.Constant(bool(value)):
            yield "constant", str(not value)
        case ast.Constant(int(value)):
            yield "off by one", str(value + 1)
        case ast.IfExp(test, body, orelse):
            yield "branches", f"({ast.unparse(ast.IfExp(test, orelse, body))})"
        case ast.Raise() | ast.Expr(ast.Call()):
            yield "raise" if isinstance(node, ast.Raise) else "call", "pass"
        case ast.Call(function, [first, second, *others], keywords) if not (
            isinstance(first, ast.Starred) or isinstance(second, ast.Starred) or ast.unparse(function) in _IN_ANY_ORDER
        ):
            yield "arguments", ast.unparse(ast.Call(function, [second, first, *others], keywords))


def choose(changes: Sequence[Change], n: int, seed: int) -> list[Change]:
    """Choose some, kind by kind in turn, so that a common kind does not crowd out the others."""
    shuffled = random.Random(seed).sample(list(changes), len(changes))
    kinds = [[change for change in shuffled if change.kind == kind] for kind in sorted({c.kind for c in changes})]
    in_turn = chain.from_iterable(zip_longest(*kinds))
    return [change for change in in_turn if change is not None][:n]


def mirror_of(place: str) -> list[str]:
    """Give the tests that mirror a folder or module of the package."""
    path = Path("tests", place)
    file = path.with_name(f"test_{path.stem}.py")
    found = [each.as_posix() for each in (path, file) if (ROOT / each).exists()]
    return found or mirror_of(path.relative_to("tests").parent.as_posix())


class Copy:
    """A copy of the tree, in which tests run on changed sources, each time in a fork that has the large packages."""

    def __init__(self, folder: Path) -> None:
        self.root, self._said = folder / "tree", folder / "said"
        shutil.copytree(ROOT, self.root, ignore=_LEFT_OUT)
        os.environ |= {"PYTHONPATH": str(self.root / "src"), "OMP_NUM_THREADS": "1"}
        for name in _LARGE:
            importlib.import_module(name)

    def write(self, file: Path, text: str) -> None:
        """Write a source, so that it is compiled anew."""
        (self.root / file).write_text(text, encoding="utf-8")
        Path(importlib.util.cache_from_source(self.root / file)).unlink(missing_ok=True)

    def test(self, tests: Sequence[str], marks: str, seconds: float = 3600.0) -> tuple[bool, str]:
        """Run tests to the first that fails; tell whether all passed, and what failed."""
        words = ["-q", "-x", "-p", "no:cacheprovider", "-m", marks, *tests]
        child = os.fork()
        if not child:
            self._run(words)
        deadline = time.monotonic() + seconds
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return False, "they hang"
            time.sleep(0.05)
        lines = self._said.read_text(encoding="utf-8").splitlines() or ["nothing"]
        failed = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])
        return os.waitstatus_to_exitcode(ended[1]) in (0, 5), failed.partition(" - ")[0]  # 5: there is no such test

    def _run(self, words: list[str]) -> None:
        import pytest

        os.setsid()
        os.chdir(self.root)
        sys.path[:0] = [str(self.root / "src"), str(self.root)]
        with self._said.open("w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        code = 1
        try:
            code = pytest.main(words)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(int(code))


def judged(copy: Copy, place: str, chosen: Sequence[Change], marks: Sequence[str]) -> Iterator[tuple[str, str, Change]]:
    """Make one change after the other; tell for each how it ended and which test noticed it."""
    tests, limits = mirror_of(place), {}
    for mark in marks:
        start = time.monotonic()
        passed, said = copy.test(tests, mark)
        limits[mark] = LEAST_SECONDS + 5 * (time.monotonic() - start)
        if not passed:
            sys.exit(f"{place}: tests fail without any change: {said}")
    for change in chosen:
        text = (ROOT / change.file).read_text(encoding="utf-8")
        copy.write(change.file, change.apply(text))
        ended = ("survived", "")
        for mark in marks:
            passed, said = copy.test(tests, mark, limits[mark])
            if not passed:
                ended = ("caught" if mark == marks[0] else "caught, slowly", said)
                break
        copy.write(change.file, text)
        yield *ended, change


def run(copy: Copy, place: str, options: argparse.Namespace) -> Counter[str]:
    """Judge some changes of a folder or module, and print each."""
    where = ROOT / PACKAGE / place
    files = sorted(where.rglob("*.py")) if where.is_dir() else [where]
    texts = {file.relative_to(ROOT): file.read_text(encoding="utf-8") for file in files}
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
    known = {(each["file"], each["was"], each["now"]) for each in listed}
    every = [change for file, text in texts.items() for change in changes_in(file, text)]
    left = [c for c in every if (c.file.relative_to(PACKAGE).as_posix(), *c.lines(texts[c.file])) not in known]
    counts: Counter[str] = Counter()
    marks = ["not slow"] if options.fast else ["not slow", "slow"]
    for ended, said, change in judged(copy, place, choose(left, options.changes, options.seed), marks):
        counts[ended] += 1
        was, now = change.lines(texts[change.file])
        where_it_is = f"{change.file.relative_to(PACKAGE)}:{change.line}"
        print(f"{ended:15}{change.kind:11}{where_it_is} {said}\n    - {was}\n    + {now}", flush=True)
    print(
        f"{place}: {counts.total()} of {len(left)} changes, {len(every) - len(left)} equivalent: {dict(counts)}",
        flush=True,
    )
    return counts


def main() -> None:
    """Judge the folders and modules that are named; exit with 1 if a change survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="+", help="folders or modules of src/runcard: journal, workflow/run, stats.py")
    parser.add_argument("--changes", type=int, default=15, help="how many in each; default: 15")
    parser.add_argument("--seed", type=int, default=0, help="another one chooses other changes; default: 0")
    parser.add_argument("--fast", action="store_true", help="run the fast tests only")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder))
        for place in options.places:
            counts += run(copy, place.rstrip("/"), options)
    sys.exit(1 if counts["survived"] else 0)


if __name__ == "__main__":
    main()
