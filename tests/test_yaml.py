from __future__ import annotations

import io
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from runcard import errors
from runcard.yaml import MAX_BYTES, MAX_DEPTH, Document, Mark, dotted, parse, resolve_plain


def faults(text: str | bytes) -> list[errors.RuncardError]:
    """Return what is wrong with a text, whether or not it could be read to its end."""
    try:
        return list(parse(text, "c.yaml").faults)
    except errors.CardErrors as several:
        return list(several.errors)
    except errors.YamlInvalid as error:
        return [error]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("010", 10),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", -math.inf),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"),
        ("1.2.3", "1.2.3"),
        ("<= 5", "<= 5"),
        ("0b1", "0b1"),
        ("e5", "e5"),
    ],
)
def test_plain_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert resolve_plain(text) == value
    assert type(resolve_plain(text)) is type(value)
    assert parse(f"a: {text}", "c.yaml").value == {"a": value}


def test_nan_is_a_number() -> None:
    assert math.isnan(resolve_plain(".nan"))  # type: ignore[arg-type]


def test_a_directive_does_not_bring_back_yaml_1_1() -> None:
    assert parse("%YAML 1.1\n---\na: no\nb: 010\n", "c.yaml").value == {"a": "no", "b": 10}


@pytest.mark.parametrize("text", ["'1'", '"1"', "|\n  1", ">-\n  1", "! 1"])
def test_what_is_quoted_is_text(text: str) -> None:
    value = parse(f"a: {text}\n", "c.yaml").value["a"]
    assert (value.strip() == "1") if isinstance(value, str) else text == "! 1"


def test_marks_begin_at_one() -> None:
    found = parse("a: 1\nb:\n  - x\n  - {c: y}\n", "c.yaml")
    assert found.values[("b", 1, "c")] == Mark(4, 9)
    assert found.keys[("b", 1, "c")] == Mark(4, 6)
    assert found.where(("b", 1, "c")) == "c.yaml:4:9, b[1].c"
    assert found.where(("b", 1, "d")) == "c.yaml:4:5, b[1].d"
    assert found.where(("b", 1, "c"), key=True) == "c.yaml:4:6, b[1].c"
    assert found.where(()) == "c.yaml:1:1"


def test_values_from_python_have_a_path_and_no_place() -> None:
    found = Document("", {"a": 1})
    assert (found.where(("a", 0, "b")), found.where(())) == ("a[0].b", "the card")


def test_dotted() -> None:
    assert dotted(("evaluation", "metrics", 4)) == "evaluation.metrics[4]"
    assert dotted((0, "a", 1, 2)) == "[0].a[1][2]"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\n\n"])
def test_a_text_may_be_empty(text: str) -> None:
    assert parse(text, "c.yaml").value is None


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_do_not_matter(ends: str, mark: str) -> None:
    text = mark + ends.join(("a: 1", "b:", "  - x", ""))
    for given_text in (text, text.encode()):
        found = parse(given_text, "c.yaml")
        assert found.value == {"a": 1, "b": ["x"]}
        assert found.values[("b", 0)] == Mark(3, 5)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "the key `a` twice"),
        ("{a: 1, a: 2}", "1:8", "the key `a` twice"),
        ("a: {b: 1, c: 2, b: 3}", "1:17", "the key `b` twice"),
        ("a: &x 1\n", "1:4", "an anchor `&x`"),
        ("a: &x [1]\nb: *x\n", "1:4", "an anchor `&x`"),
        ("a:\n  <<: *base\n", "2:7", "an alias `*base`"),
        ("a: !!int 3\n", "1:4", "a tag"),
        ("a: !python/object:os.system {}\n", "1:4", "a tag"),
        ("a:\n\tb: 1\n", "2:1", "a tab"),
        ("a:\n  \tb: 1\n", "2:3", "a tab"),
        ("a: {\n\tb: 1}\n", "2:1", "a tab"),
        ("1: a\n", "1:1", "a key that is not text: `1`"),
        ("true: a\n", "1:1", "a key that is not text: `true`"),
        ("a: {null: 1}\n", "1:5", "a key that is not text: `null`"),
        ("? [a, b]\n: c\n", "1:3", "a key that is not text"),
        ("a: 1\n---\nb: 2\n", "2:1", "a second document"),
        ("a: [1, 2\nb: 3\n", "2:2", "a bracket is not closed"),
        ("a: {b: 1\n", "2:1", "a bracket is opened and never closed"),
        ("a: 'b\nc: d\n", "3:1", "a quote is opened and never closed"),
        ("a: b: c\n", "1:5", "a colon stands where no key can be"),
        ("a:1\nb: 2\n", "2:2", "a colon stands where no key can be"),
        ("a: %b\n", "1:4", "a character that YAML keeps for itself"),
        ("a: `b`\n", "1:4", "a character that YAML keeps for itself"),
        ("a:\tb\n", "1:3", "a tab separates"),
        ("a: >= 5\n", "1:5", "`>` or `|` begins a block"),
        ('a: "\\d"\n', "1:6", "a backslash in double quotes"),
        ("a: 1\nb: \x07\n", "2:4", "a control character"),
        ("a: " + "1" * 5000, "1:4", "a number of 5,000 digits"),
        ("a: 0x" + "f" * 50000, "1:4", "a number of 50,002 digits"),
    ],
)
def test_what_a_card_may_not_have(text: str, place: str, what: str) -> None:
    found = faults(text)[0]
    assert isinstance(found, errors.YamlInvalid)
    assert found.where == f"c.yaml:{place}"
    assert what in found.what
    assert found.why
    assert found.hint


def test_all_faults_come_at_once_also_before_a_place_where_reading_ends() -> None:
    assert len(faults("a: 1\na: 2\nb: &x 1\nc: !t 1\n")) == 3
    first, second = faults("a: 1\na: 2\nb: [\n")
    assert first.what == "the card has the key `a` twice"
    assert second.what == "the card is not YAML: a bracket is opened and never closed"


def test_tabs_are_counted() -> None:
    assert "in 3 lines" in faults("a:\n\tb: 1\n\tc: 2\n\td: 3\n")[0].what
    assert parse("a: 'x\ty' # \t\n", "c.yaml").value == {"a": "x\ty"}


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "{[" * 1000])
def test_depth_is_bounded_before_python_is(text: str) -> None:
    (found,) = faults(text)
    assert f"more than {MAX_DEPTH} levels" in found.what


def test_the_deepest_allowed_level() -> None:
    text = "[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH
    assert faults(text) == []
    assert len(faults(f"[{text}]")) == 1


def test_size_is_bounded() -> None:
    assert parse("a: 1\n" + "#" * (MAX_BYTES - 5), "c.yaml").value == {"a": 1}
    assert "larger than 1,000,000 bytes" in faults("#" * (MAX_BYTES + 1))[0].what


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: grün\n".encode("latin-1"), "1:6"),
        ("x: 1\r\na: ö".encode("cp1252"), "2:4"),
        ("a: 1".encode("utf-16"), "1:1"),
    ],
)
def test_other_encodings_are_refused(text: bytes, place: str) -> None:
    (found,) = faults(text)
    assert found.where == f"c.yaml:{place}"
    assert found.hint == "save the file as UTF-8"


# Properties

# The emitter forgets quotes around what begins with `?` or `:` inside brackets.
letters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
words = st.text(letters, max_size=12).filter(lambda word: not word.startswith(("?", ":")))
scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | words | st.floats(allow_nan=False)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


def dump(value: Any, *, flow: bool) -> str:
    """Write YAML by another hand: ruamel's emitter."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.2"
    yaml.default_flow_style = flow
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


@pytest.mark.slow
@given(st.dictionaries(words, values, max_size=5), st.booleans())
def test_what_is_written_is_read(value: dict[str, Any], flow: bool) -> None:
    assert parse(dump(value, flow=flow), "c.yaml").value == value


@pytest.mark.slow
@given(st.dictionaries(words, values, min_size=1, max_size=5), st.booleans())
def test_marks_point_at_keys_and_values(value: dict[str, Any], flow: bool) -> None:
    text = dump(value, flow=flow)
    lines = text.split("\n")
    found = parse(text, "c.yaml")
    for path, mark in found.keys.items():
        begins = lines[mark.line - 1][mark.column - 1 :]
        if str(path[-1]).isalnum() and begins[0] not in "\"'?":
            assert begins.startswith(str(path[-1])[: len(begins)])
    for path, mark in found.values.items():
        item: Any = value
        if any(step == "?" for step in path):
            continue
        for step in path:
            item = item[step]
        begins = lines[mark.line - 1][mark.column - 1 :]
        if type(item) is int:
            assert begins.startswith(str(item))
        if isinstance(item, list) and flow:
            assert begins.startswith("[")


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    for fault in faults(text):
        assert isinstance(fault, errors.YamlInvalid)
