"""Differences between two runs, whoever made them."""

from __future__ import annotations

from dataclasses import replace

from runcard.project import Project, find_project
from runcard.provenance.git import GitSilent, ask_git
from runcard.provenance.rebuild.records import is_commit
from runcard.redact import redact
from runcard.replay import Account, Difference, RunDiff, Score, diff_accounts, plain_differences
from runcard.replay.difference import unified
from runcard.tags import RECORD_TAG
from runcard.tracking.backends import open_reader
from runcard.tracking.items import PARENT_TAG, RunReader, RunRow
from runcard.tracking.runfiles import RunFiles
from runcard.tracking.seal import BEGUN
from runcard.workflow.refs import Subject, find_subject
from runcard.workflow.replay.recorded import read_account

_DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv")
_PATCH = "provenance/diff.patch"
_MOST_LINES = 2000
_NO_NEWS = ("mlflow.runName", "mlflow.runColor", "mlflow.log-model.history", RECORD_TAG, PARENT_TAG)


def diff_runs(first: str, second: str, *, tracking_uri: str | None = None, project: Project | None = None) -> RunDiff:
    """Compare any two runs: of cards or trials that runcard made, or whatever others recorded.

    Parameters
    ----------
    first, second
        Runs, registered versions for the runs that they came from, cards or experiments for their latest card's run.

    Raises
    ------
    RunUnknown, ModelVersionUnknown, NotReplayable
        There is no such run any more.
    """
    project = (project or find_project()).with_settings(tracking_uri=tracking_uri)
    with open_reader(project) as reader:
        subjects = [find_subject(name, reader, project) for name in (first, second)]
        if any(subject.card is None for subject in subjects):
            return _plain(subjects[0], subjects[1], project)
        return _ours(subjects[0], subjects[1], reader, project)


def _ours(first: Subject, second: Subject, reader: RunReader, project: Project) -> RunDiff:
    accounts = [read_account(subject, reader, project) for subject in (first, second)]
    more = [*commits_apart(accounts[0], accounts[1], project), *_patches(first, second, reader, project)]
    found = diff_accounts(accounts[0], accounts[1], (first.run.run_id, second.run.run_id), more)
    if found.scores:
        return found
    return replace(found, scores=tuple(_scores(first.run, second.run)))


def commits_apart(first: Account, second: Account, project: Project) -> list[Difference]:
    """Show the changes between two commits, if the clone has both."""
    ids = [account.code.get("commit") for account in (first, second)]
    if None in ids or ids[0] == ids[1]:
        return []
    if not all(map(is_commit, ids)):
        return [Difference("patch", "between the commits", None, "not known: what is recorded is no commit")]
    try:
        diff = ask_git(project.root, *_DIFF, "--end-of-options", f"{ids[0]}..{ids[1]}", "--")
    except GitSilent as error:
        return [Difference("patch", "between the commits", None, f"not known here: {error}")]
    lines = redact(diff.decode("utf-8", "replace")).splitlines()[:_MOST_LINES]
    return [Difference("patch", "between the commits", None, f"{len(lines)} lines", tuple(lines))]


def _patches(first: Subject, second: Subject, reader: RunReader, project: Project) -> list[Difference]:
    """Compare the uncommitted changes."""
    texts = [_patch(subject, reader, project) for subject in (first, second)]
    if texts[0] == texts[1]:
        return []
    shown = [f"{len(text.splitlines())} lines" if text else None for text in texts]
    return [Difference("patch", "not committed", shown[0], shown[1], unified(*texts) or tuple(max(texts).splitlines()))]


def _patch(subject: Subject, reader: RunReader, project: Project) -> str:
    run_id = subject.card.run_id if subject.card else subject.run.run_id
    content = RunFiles(project.tracking_uri, run_id, reader).read(_PATCH)
    return (content or b"").decode("utf-8", "replace")


def _plain(first: Subject, second: Subject, project: Project) -> RunDiff:
    """Compare what MLflow stores of any run: parameters, metrics, data, tags."""
    from runcard.tracking.mlflow import MlflowReader

    with MlflowReader(project.tracking_uri) as reader:
        rows = [reader.read_whole(subject.run.run_id) for subject in (first, second)]
    tags = [
        {name: redact(value) for name, value in row.tags.items() if name not in _NO_NEWS and not name.startswith(BEGUN)}
        for row in rows
    ]
    unknown = [
        f"card, code, data by column, packages and machine of {subject.run.name} are not known: runcard did not make it"
        for subject in (first, second)
        if subject.card is None
    ]
    return RunDiff(
        (rows[0].name, rows[1].name),
        (rows[0].run_id, rows[1].run_id),
        (*plain_differences("param", rows[0].params, rows[1].params), *plain_differences("tag", tags[0], tags[1])),
        tuple(_scores(rows[0], rows[1])),
        tuple(unknown),
        is_plain=True,
    )


def _scores(first: RunRow, second: RunRow) -> list[Score]:
    names = sorted({*first.metrics, *second.metrics})
    sides = [(name, first.metrics.get(name), second.metrics.get(name)) for name in names]
    return [Score(name, a, b, 0.0 if a is None or b is None else abs(a - b)) for name, a, b in sides]
