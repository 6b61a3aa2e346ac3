"""The page on security lists attacks: each names a test that tries it, and no file of attacks is left out."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| [^|]+ \| [^|]+ \| `(?P<file>\w+\.py)::(?P<test>\w+)` \|$", re.MULTILINE)


def rows() -> list[re.Match[str]]:
    """Give the rows of the tables below `## Attacks`."""
    return list(_ROW.finditer(PAGE.partition("\n## Attacks\n")[2]))


def test_every_attack_on_the_page_is_tried() -> None:
    listed = [line for line in PAGE.partition("\n## Attacks\n")[2].splitlines() if line.startswith("| ")]
    assert len(rows()) == sum("| --- |" not in line and not line.startswith("| attack |") for line in listed)
    for row in rows():
        source = (HERE / row["file"]).read_text(encoding="utf-8")
        assert re.search(rf"^def {row['test']}\(", source, re.MULTILINE), f"{row['file']} has no {row['test']}"


def test_every_file_of_attacks_is_on_the_page() -> None:
    files = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    assert files == {row["file"] for row in rows()}
