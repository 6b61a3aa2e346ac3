"""What a run shows: a progress bar on a terminal, plain lines elsewhere, tables at the end."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runcard.cli.console import progress_console, results_console
from runcard.comparison import Comparison
from runcard.decision import Decision
from runcard.errors import MOST_SHOWN
from runcard.plan import Plan
from runcard.printable import printable_line, shortened
from runcard.record import Record
from runcard.report.blocks import Text
from runcard.report.decision import decision_report, legend, marks_of
from runcard.report.noted import missing_metrics, warned
from runcard.report.ranked import finalists_table, ranking_report
from runcard.report.terminal import InTerminal
from runcard.report.wording import parameters
from runcard.workflow.run.listener import Counts, Listener
from runcard.workflow.run.result import Result

_LINE_SECONDS = 10.0


def make_listener(*, quiet: bool) -> Show:
    """Choose how to show a run: standard error is for progress, standard output for results."""
    return Show(progress_console(), results_console(), quiet=quiet)


class Show(Listener):
    """Shows a run while it goes on."""

    def __init__(self, console: Console, results: Console, *, quiet: bool) -> None:
        self._console, self._results, self._quiet = console, results, quiet
        self._bar: Progress | None = None
        self._task: Any = None
        self._metric = ""
        self._has_run = False
        self._n_failed = 0
        self._last_line = time.monotonic()

    def note(self, text: str) -> None:
        """Print a sentence."""
        if not self._quiet:
            self._console.print(printable_line(text))

    def warn(self, text: str) -> None:
        """Print a warning, whatever else is quiet."""
        self._console.print(f"warning: {printable_line(text)}", markup=False, style="yellow")

    def planned(self, plan: Plan, counts: Counts) -> None:
        """Say what is about to be done, and start the bar."""
        self._metric, self._has_run = plan.primary.name, True
        known = counts.known
        if counts.left and (known or counts.interrupted):
            interrupted = f"{counts.interrupted} interrupted, " if counts.interrupted else ""
            self.note(f"Resuming: {known} done, {interrupted}{counts.left - counts.interrupted} left")
        self.note(f"{plan.card.name}: {known + counts.left} trials, {plan.work.summary()}")
        if self._console.is_terminal and not self._quiet and counts.left:
            self._bar = _make_bar(self._console)
            self._task = self._bar.add_task("", total=known + counts.left, completed=known, **_state(counts, None, ""))
            self._bar.start()

    def recorded(self, record: Record, counts: Counts, best: Record | None) -> None:
        """Move the bar, or print a line now and then."""
        state = _state(counts, best, self._metric)
        if self._bar is not None:
            self._bar.update(self._task, completed=counts.known, **state)
        elif not self._quiet and (counts.left == 0 or time.monotonic() - self._last_line > _LINE_SECONDS):
            self._last_line = time.monotonic()
            self.note(f"{state['counts']}{state['best']}")
        if record.error and record.status != "impossible" and not self._quiet:
            self._tell_failure(record)

    def _tell_failure(self, record: Record) -> None:
        self._n_failed += 1
        if self._n_failed <= MOST_SHOWN:
            said = f"failed: {record.model} {dict(record.params)}, {record.error}"
            self._console.print(shortened(printable_line(said)))
        elif self._n_failed == MOST_SHOWN + 1:
            self._console.print("failed: more trials, which are counted at the end")

    def ranked(self, comparison: Comparison, plan: Plan, decision: Decision | None) -> None:
        """Print the ranked trials as soon as they are done."""
        self.finished()
        if not self._quiet and plan.n_units and comparison.best is not None:
            self._rank(comparison, decision)

    def step(self, text: str) -> None:
        """Say what goes on after the trials."""
        self.note(f"{text} ...")

    def finished(self) -> None:
        """Stop the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def conclude(self, result: Result) -> None:
        """Print the finalists and how to go on."""
        comparison, best = result.comparison, result.best
        if not self._has_run:
            n_trials = len(comparison.standings)
            self.note(f"Nothing to run: {f'all {n_trials} trials are' if n_trials > 1 else 'the trial is'} done.")
            if best is not None and best.mean is not None:
                self._rank(comparison, result.decision)
        decided = decision_report(result.decision) if result.decision else []
        self._results.print(InTerminal(finalists_table(comparison, marks_of(result.decision)), *decided))
        for text in (*missing_metrics(comparison), *warned(comparison)):
            self.warn(text)
        if comparison.n_failed:
            self.warn(f"{comparison.n_failed} trials failed; their errors stand in MLflow")
        if comparison.impossible:
            self.note(_say_impossible(comparison))
        if result.n_left:
            self.note(f"Kept in the journal; {result.n_left} of the records are not in MLflow yet: runcard sync")
        else:
            self.note(f"Recorded in MLflow, experiment `{result.experiment}`. Open it: runcard ui")

    def _rank(self, comparison: Comparison, decision: Decision | None) -> None:
        explained = [Text(words)] if decision and (words := legend(decision)) else []
        self._results.print(InTerminal(*ranking_report(comparison, marks_of(decision)), *explained))


def _say_impossible(comparison: Comparison) -> str:
    found = comparison.impossible
    first = found[0].record
    n_trials = len(comparison.standings)
    return (
        f"{len(found)} of {n_trials} trials are impossible and were not trained; the first: {first.model} with "
        f"{parameters(first.params)}: {first.error}. `when:` in a hyperparameter says with which others it goes."
    )


def _make_bar(console: Console) -> Progress:
    return Progress(
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}{task.fields[best]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
    )


def _state(counts: Counts, best: Record | None, metric: str) -> dict[str, Any]:
    stopped = f"{counts.stopped} stopped early, " if counts.stopped else ""
    stopped += f"{counts.impossible} impossible, " if counts.impossible else ""
    shown = f"{counts.done} done, {stopped}{counts.failed} failed, {counts.left} left"
    mean = best.mean(metric) if best else None
    return {
        "counts": shown,
        "best": f"; best {metric} {mean:.4f} ({best.model})" if best and mean is not None else "",
    }
