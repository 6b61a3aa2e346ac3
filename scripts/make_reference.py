"""Write docs/reference/: the pages that are read off the code, so that they cannot differ from it.

`cli.md` comes from the click commands, `card.md` from the card's JSON Schema, `errors.md` from the error
tree. `--check` writes nothing and fails when a committed page is not the one this would write.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    from runcard.errors import RuncardError

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
NOTE = "<!-- Written by scripts/make_reference.py: change the code, then `make reference`. -->"

ANY_SCALAR = "text or integer or number or true or false"

Schema = Mapping[str, Any]


def main() -> None:
    """Write the pages, or with `--check` compare them with what is committed."""
    pages = {"card.md": card_page(), "cli.md": cli_page(), "errors.md": errors_page()}
    stale = [name for name, text in pages.items() if read(REFERENCE / name) != text]
    if sys.argv[1:] == ["--check"]:
        if stale:
            sys.exit(f"not current in docs/reference: {', '.join(stale)}; run `make reference`")
        return
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (REFERENCE / name).write_text(pages[name], encoding="utf-8")
        sys.stderr.write(f"wrote docs/reference/{name}\n")


def read(path: Path) -> str | None:
    """Return a page's text, or None when it is not there yet."""
    return path.read_text(encoding="utf-8") if path.exists() else None


def page(title: str, parts: Iterable[str]) -> str:
    """Join the parts of a page, an empty line between them."""
    return "\n\n".join([NOTE, f"# {title}", *parts]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a Markdown table; a cell's own bars are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# The card


def card_page() -> str:
    """Write the card reference."""
    from runcard.card.schema import plain_schema

    return page("Card reference", card_parts(plain_schema()))


def card_parts(schema: Schema) -> Iterator[str]:
    """Describe a card's sections, each under the path of its key."""
    yield str(schema["description"])
    yield keys_table(schema, path="")
    for path, section in sections_of(schema, schema.get("$defs", {}), path=""):
        yield f"## `{path}`"
        yield str(section.get("description", ""))
        yield keys_table(section, path=path)


def sections_of(schema: Schema, definitions: Schema, *, path: str) -> Iterator[tuple[str, Schema]]:
    """Walk the nested mappings of a schema: `search`, then `search.early_terminate`."""
    for key, value in schema["properties"].items():
        here = f"{path}.{key}".removeprefix(".")
        for suffix, name in references_in(value):
            section = definitions[name]
            if "properties" in section:
                yield here + suffix, section
                yield from sections_of(section, definitions, path=here + suffix)


def references_in(value: Schema) -> Iterator[tuple[str, str]]:
    """Name the definitions that a value refers to, with `[]` when they stand in a list."""
    if "$ref" in value:
        yield "", value["$ref"].rpartition("/")[2]
    for option in value.get("anyOf", ()):
        yield from references_in(option)
    if "items" in value:
        yield from ((f"[]{suffix}", name) for suffix, name in references_in(value["items"]))


def keys_table(section: Schema, *, path: str) -> str:
    """List the keys of one section."""
    required = section.get("required", ())
    rows = [
        (
            f"`{key}`",
            kind(value, f"{path}.{key}".removeprefix(".")),
            default(value, required=key in required),
            about(value),
        )
        for key, value in section["properties"].items()
    ]
    return table(("key", "value", "default", "what it says"), rows)


def about(value: Schema) -> str:
    """Return a key's description, on one line."""
    return " ".join(str(value.get("description", "")).split())


def default(value: Schema, *, required: bool) -> str:
    """Write a key's default as YAML would; nothing for null, and for sections, whose keys have their own."""
    if required:
        return "required"
    given = value.get("default")
    if given is None or isinstance(given, dict) or given in ("", []):
        return ""
    return f"`{str(given).lower() if isinstance(given, bool) else given}`"


def kind(value: Schema, path: str) -> str:
    """Say in words what a key may hold."""
    if "anyOf" in value:
        options = [kind(option, path) for option in value["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(options)).replace(ANY_SCALAR, "scalar")
    if "$ref" in value:
        return f"[section](#{path.translate(str.maketrans('', '', '.[]'))})"
    if "enum" in value or "const" in value:
        return " or ".join(f"`{word}`" for word in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {kind(value['items'], path + '[]')}"
    if value.get("type") == "object":
        inner = value.get("additionalProperties")
        return f"mapping to {kind(inner, path)}" if isinstance(inner, dict) and inner else "mapping"
    return scalar(value)


def scalar(value: Schema) -> str:
    """Name a scalar's type and its bounds."""
    names = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}
    signs = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    bounds = [f"{sign} {value[key]}" for key, sign in signs.items() if key in value]
    return " ".join([names.get(value.get("type", ""), "anything"), ", ".join(bounds)]).strip()


# The commands


def cli_page() -> str:
    """Write the CLI reference."""
    from runcard.cli import main as group

    return page("CLI reference", command_parts(group, name="runcard", parent=None))


def command_parts(command: click.Command, *, name: str, parent: click.Context | None) -> Iterator[str]:
    """Describe a command and, in their order of listing, those below it."""
    import click

    context = click.Context(command, info_name=name, parent=parent)
    if parent is not None:
        yield f"## `{context.command_path}`"
    yield usage(command, context)
    if command.help:
        yield from help_parts(command.help)
    if rows := parameter_rows(command, context):
        yield table(("argument or option", "what it does"), rows)
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None and not below.hidden:
                yield from command_parts(below, name=word, parent=context)


def usage(command: click.Command, context: click.Context) -> str:
    """Write the usage line, as a block of text."""
    pieces = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    return f"```text\n{pieces}\n```"


def help_parts(text: str) -> Iterator[str]:
    """Split a command's help; what click is told not to wrap becomes a block of text."""
    for part in inspect.cleandoc(text).partition("\f")[0].strip().split("\n\n"):
        verbatim = part.startswith("\b\n")
        yield f"```text\n{part[2:]}\n```" if verbatim else part


def parameter_rows(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    """List what is described or optional; `--help`, which every command has, is not a command's own."""
    records = [(given.param_type_name, given.get_help_record(context)) for given in command.params]
    return [
        (f"`{record[0]}`", " ".join(record[1].split()))
        for sort, record in records
        if record and (record[1] or sort == "option")
    ]


# The errors


def errors_page() -> str:
    """Write the list of error codes."""
    from runcard.errors import RuncardError

    return page("Errors", error_parts(RuncardError))


def error_parts(root: type[RuncardError]) -> Iterator[str]:
    """Describe the families of errors, and the codes of each."""
    yield (
        "Every error that runcard raises on purpose has a code and says what is wrong, where, why runcard\n"
        "cannot go on, and what to do. Errors go to stderr. `except runcard.errors.CardError` catches a\n"
        "family, and `RuncardError` all of them."
    )
    yield exit_codes()
    for family in root.__subclasses__():
        yield f"## {family.__name__}"
        yield f"{summary(family)} Exit code {family.exit_code}."
        yield table(("code", "class", "meaning"), code_rows(family))


def exit_codes() -> str:
    """List what the command line's exit codes mean."""
    rows = [
        ("0", "done"),
        ("1", "an error"),
        ("2", "wrong usage, or a card, its data or its models cannot be used"),
        ("3", "a gate or a verification said no"),
        ("130", "interrupted"),
    ]
    return table(("exit code", "meaning"), rows)


def code_rows(family: type[RuncardError]) -> list[tuple[str, str, str]]:
    """List a family's codes in order, each with the class that introduced it."""
    classes = {kind.code: kind for kind in reversed(list(descend(family)))}
    return [(code, f"`{classes[code].__name__}`", summary(classes[code])) for code in sorted(classes)]


def descend(kind: type[RuncardError]) -> Iterator[type[RuncardError]]:
    """Yield a class, then all below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from descend(below)


def summary(kind: type[RuncardError]) -> str:
    """Return the first line of a class's docstring."""
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    main()
