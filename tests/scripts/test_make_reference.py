"""The generator of reference pages, on a small command line, a small card and a small error tree."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import click
import pytest
from pydantic import BaseModel, Field

from runcard import errors

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_reference.py"


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(SCRIPT), run_name="make_reference")


class Column(BaseModel):
    """One column."""

    name: str = Field(description="Its name.")
    share: float = Field(0.5, gt=0, le=1, description="A | B.")


class Inner(BaseModel):
    """What is inside."""

    columns: list[Column] = Field([], description="The columns.")


class Outer(BaseModel):
    """A small card."""

    kind: Literal["grid", "random"] = Field("grid", description="How.")
    folds: Annotated[int, Field(ge=2)] | Literal["leave_one_out"] | None = Field(None, description="How many.")
    quick: bool = Field(False, description="On\nor off.")
    tags: dict[str, str | int | float | bool] = Field({}, description="Words.")
    inner: Inner = Field(Inner(), description="More.")
    last: Inner | None = Field(None, description="Perhaps.")


def test_card_page(script):
    assert "\n\n".join(script["card_parts"](Outer.model_json_schema())) == (
        """\
A small card.

| key | value | default | what it says |
| --- | --- | --- | --- |
| `kind` | `grid` or `random` | `grid` | How. |
| `folds` | integer >= 2 or `leave_one_out` |  | How many. |
| `quick` | true or false | `false` | On or off. |
| `tags` | mapping to scalar |  | Words. |
| `inner` | [section](#inner) |  | More. |
| `last` | [section](#last) |  | Perhaps. |

## `inner`

What is inside.

| key | value | default | what it says |
| --- | --- | --- | --- |
| `columns` | list of [section](#innercolumns) |  | The columns. |

## `inner.columns[]`

One column.

| key | value | default | what it says |
| --- | --- | --- | --- |
| `name` | text | required | Its name. |
| `share` | number > 0, <= 1 | `0.5` | A \\| B. |

## `last`

What is inside.

| key | value | default | what it says |
| --- | --- | --- | --- |
| `columns` | list of [section](#lastcolumns) |  | The columns. |

## `last.columns[]`

One column.

| key | value | default | what it says |
| --- | --- | --- | --- |
| `name` | text | required | Its name. |
| `share` | number > 0, <= 1 | `0.5` | A \\| B. |"""
    )


@click.group()
def tool():
    """Do things."""


@tool.command()
@click.argument("card")
@click.option("--workers", type=int, metavar="N", help="How many.")
@click.option("--secret", hidden=True)
def run(card, workers, secret):
    """Run a card.

    It takes a while.

    \b
      tool run one
      tool run two
    """


@tool.command(hidden=True)
def unseen():
    """Not shown."""


def test_cli_page(script):
    assert "\n\n".join(script["command_parts"](tool, name="tool", parent=None)) == (
        """\
```text
tool [OPTIONS] COMMAND [ARGS]...
```

Do things.

## `tool run`

```text
tool run [OPTIONS] CARD
```

Run a card.

It takes a while.

```text
  tool run one
  tool run two
```

| argument or option | what it does |
| --- | --- |
| `--workers N` | How many. |"""
    )


def test_errors_page_has_every_code_once(script):
    page = script["errors_page"]()
    classes = list(script["descend"](errors.RuncardError))
    for code in {kind.code for kind in classes} - {"RC000"}:
        assert page.count(f"| {code} |") == 1
    assert "| RC100 | `CardError` | The card's text is wrong. |" in page
    assert "Exit code 130." in page


def test_check_names_the_stale_page_and_writes_nothing(tmp_path):
    (tmp_path / "scripts").mkdir()
    copy = tmp_path / "scripts" / SCRIPT.name
    copy.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, copy, *arguments], check=False, capture_output=True, text=True)

    assert call().returncode == 0
    assert call("--check").returncode == 0
    page = tmp_path / "docs" / "reference" / "errors.md"
    page.write_text("edited by hand", encoding="utf-8")
    stale = call("--check")
    assert stale.returncode == 1
    assert stale.stderr == "not current in docs/reference: errors.md; run `make reference`\n"
    assert page.read_text(encoding="utf-8") == "edited by hand"
