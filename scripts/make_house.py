"""Write docs/house.svg: the floors and rooms of the house, and which rooms of the workflow need which.

A floor is a layer of import-linter's contract in pyproject.toml, a room a file or a folder of `src/runcard`; the arrows
are read off the imports. `--check` writes nothing and fails when the committed picture is not what this would write.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "runcard"
PICTURE = ROOT / "docs" / "house.svg"
WIDTH, FLOOR, ROOM, GAP = 960, 46, 30, 10
TALL, WIDE = 72, 90
"""Of the opened workflow: more room, for its arrows."""
STYLE = (
    "text{font:13px sans-serif;fill:#1b1f24}.room{fill:#eef3f8;stroke:#8aa1b8}.floor{fill:none;stroke:#d5dde5}"
    ".small{font-size:11px;fill:#56616d}.arrow{stroke:#56616d;fill:none;marker-end:url(#tip)}"
)


def main() -> None:
    """Write the picture, or with `--check` compare it with what is committed."""
    text = draw_house()
    if PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == text:
        return
    if sys.argv[1:] == ["--check"]:
        sys.exit("not current: docs/house.svg; run `make reference`")
    PICTURE.write_text(text, encoding="utf-8")
    sys.stderr.write("wrote docs/house.svg\n")


def contracts() -> dict[str, list[list[str]]]:
    """Read the layers of each contract by the package that they divide, the top floor first."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = {each["containers"][0]: each["layers"] for each in found if each["type"] == "layers"}
    return {name: [floor.split(" | ") for floor in floors] for name, floors in layers.items()}


def needs(package: str) -> Iterator[tuple[str, str]]:
    """Give each pair of rooms of a package of which the first imports the second."""
    top = SOURCE / package
    for path in sorted(top.rglob("*.py")):
        room = path.relative_to(top).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            prefix = f"runcard.{package}."
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(prefix):
                other = str(node.module).removeprefix(prefix).partition(".")[0]
                if other != room:
                    yield room, other


def draw_house() -> str:
    """Draw the floors as rows, and beside the workflow's own floors the arrows among its rooms."""
    house = contracts()
    floors, inner = house["runcard"], _folders(house["runcard.workflow"])
    top = 30 + TALL * len(inner) + 20
    height = top + FLOOR * len(floors) + 6
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Floors and rooms of runcard">',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0 6 3 0 6z" fill="#56616d"/></marker></defs>',
        '<text class="small" x="10" y="18">workflow/, what users do: an arrow leads to what is needed</text>',
    ]
    places = dict(_places(inner, top=30, step=TALL, gap=WIDE))
    parts += [_room(name, *place) for name, place in places.items()]
    pairs = sorted({(one, other) for one, other in needs("workflow") if one in places and other in places})
    parts += [_arrow(places[one], places[other]) for one, other in pairs]
    parts.append(f'<text class="small" x="10" y="{top - 12}">the house: each floor needs those below it only</text>')
    for number, floor in enumerate(floors):
        y = top + FLOOR * number
        parts.append(f'<rect class="floor" x="5" y="{y - 6}" width="{WIDTH - 10}" height="{FLOOR - 4}"/>')
        parts += [_room(name, *place) for name, place in _places([floor], top=y, step=0, gap=GAP)]
    return "\n".join([*parts, "</svg>", ""])


def _folders(floors: list[list[str]]) -> list[list[str]]:
    """Leave out files, which all rooms may need."""
    kept = [[name for name in floor if (SOURCE / "workflow" / name).is_dir()] for floor in floors]
    return [floor for floor in kept if floor]


def _places(floors: list[list[str]], *, top: int, step: int, gap: int) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Give each room's left edge, top and width."""
    for number, floor in enumerate(floors):
        widths = [20 + 9 * len(name) for name in floor]
        x = (WIDTH - sum(widths) - gap * (len(floor) - 1)) // 2
        for name, width in zip(floor, widths, strict=True):
            yield name, (x, top + step * number, width)
            x += width + gap


def _room(name: str, x: int, y: int, width: int) -> str:
    box = f'<rect class="room" x="{x}" y="{y}" width="{width}" height="{ROOM}" rx="4"/>'
    return f'{box}<text x="{x + width // 2}" y="{y + 20}" text-anchor="middle">{escape(name)}</text>'


def _arrow(one: tuple[int, int, int], other: tuple[int, int, int]) -> str:
    x1, y1 = one[0] + one[2] // 2, one[1] + ROOM
    x2, y2 = other[0] + other[2] // 2, other[1]
    return f'<path class="arrow" d="M{x1} {y1} {x2} {y2}"/>'


if __name__ == "__main__":
    main()
