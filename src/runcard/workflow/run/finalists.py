"""Finalists: refitted, scored once on the test rows, drawn, and kept as models."""

from __future__ import annotations

import json
import shutil
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.decision import Decision
from runcard.engine.base import LATER, Lost
from runcard.journal import stage_files
from runcard.plan import Plan, Trial
from runcard.project import Project
from runcard.record import FinalRecord, Record, make_final
from runcard.report.cells import csv_cell
from runcard.report.figures.figures import Drawing, FinalistView, classification_report, draw, drawings_of
from runcard.tabular import FinalResult, FinalTask, last_line, read_rows, refit
from runcard.tracking.models.owncode import OwnCode
from runcard.tracking.records import MODEL_FOLDER, PREDICTIONS_FILE
from runcard.workflow.choose.candidates import label_of
from runcard.workflow.run.train import TEST, Bench, matrices_folder, prepare_folds

if TYPE_CHECKING:
    import pandas as pd

KeptFinalist = tuple[FinalRecord, dict[str, tuple[str, int]]]
"""A finalist's record and the manifest of its files."""


@dataclass(eq=False)
class _Refitted:
    """A finalist between its refit and its files."""

    record: Record
    result: FinalResult
    drawings: Sequence[Drawing]
    """Its figures; none where it failed."""
    saved: Path
    """The folder of its model, once it is saved."""
    saving: Future[str | None]
    """Why its model could not be saved, when that is known; None if it is."""
    drawn: dict[str, bytes | None] = field(default_factory=dict)
    """The figures so far: None for one that cannot be drawn."""

    @property
    def is_ready(self) -> bool:
        return len(self.drawn) == len(self.drawings) and self.saving.done()


def refit_finalists(plan: Plan, records: Sequence[Record], bench: Bench, project: Project) -> Iterator[KeptFinalist]:
    """Refit finalists; yield each when its files are in place.

    The longest goes first; models are saved while figures are drawn and others are still trained.
    """
    prepare_folds(plan, [record.features for record in records], [TEST], bench)
    ordered = sorted(records, key=lambda record: sum(record.fit_seconds), reverse=True)
    open_ones: list[_Refitted] = []
    to_draw: deque[tuple[_Refitted, Drawing]] = deque()
    jobs: list[Record | tuple[_Refitted, Drawing]] = []  # what each task is about
    n_left = len(ordered)

    def tasks() -> Iterator[Any]:  # FinalTask, Drawing or LATER
        for record in ordered:
            jobs.append(record)
            yield final_task(plan, record, bench)
        while to_draw or n_left:
            if to_draw:
                jobs.append(job := to_draw.popleft())
                yield job[1]
            else:
                yield LATER

    with _one_thread() as saver:
        for number, found in bench.engine.run(_refit_or_draw, tasks()):
            job = jobs[number]
            if isinstance(job, Record):
                n_left -= 1
                refitted = _refitted(plan, job, found, bench, project, saver)
                open_ones.append(refitted)
                to_draw.extend((refitted, drawing) for drawing in refitted.drawings)
            else:
                refitted, drawing = job
                refitted.drawn[drawing.name] = found if isinstance(found, bytes) else None
            for ready in [refitted for refitted in open_ones if refitted.is_ready]:
                open_ones.remove(ready)
                yield _keep(plan, ready, bench, project)
        for refitted in open_ones:
            yield _keep(plan, refitted, bench, project)


@contextmanager
def _one_thread() -> Iterator[ThreadPoolExecutor]:
    """Give a thread for one job after the other; what it has not begun is let go where this is left early."""
    with ThreadPoolExecutor(1) as thread:
        try:
            yield thread
        except BaseException:
            thread.shutdown(wait=False, cancel_futures=True)
            raise


def _refit_or_draw(task: FinalTask | Drawing) -> FinalResult | bytes | None:
    return refit(task) if isinstance(task, FinalTask) else draw(task)


def _refitted(
    plan: Plan,
    record: Record,
    found: FinalResult | bytes | Lost | None,
    bench: Bench,
    project: Project,
    saver: ThreadPoolExecutor,
) -> _Refitted:
    result = _or_failed(found)
    is_made = result.pickled != b"" and result.error is None
    drawings = drawings_of(_view(plan, result)) if is_made and result.outputs is not None else ()
    saved = bench.folder / f"model-{record.trial_key}"
    if is_made:
        get_ready_to_save(project)
    return _Refitted(record, result, drawings, saved, saver.submit(_try_to_save, plan, result, saved, project))


def _or_failed(found: FinalResult | bytes | Lost | None) -> FinalResult:
    if isinstance(found, FinalResult):
        return found
    now = time.time()
    return FinalResult(now, now, error=found.reason if isinstance(found, Lost) else "no result", may_pass=True)


def final_task(plan: Plan, record: Record | Trial, bench: Bench) -> FinalTask:
    """Make the task of refitting a trial on all training rows, whose matrices are prepared."""
    return FinalTask(
        folder=matrices_folder(bench, record.features, TEST),
        table=bench.table,
        columns=plan.feature_sets[record.features].columns,
        test_rows=plan.split.test,
        example_rows=None if len(plan.split.test) else plan.split.train,
        estimator=plan.estimator(record.model, record.params),
        metrics=plan.metrics,
        primary=plan.primary.name,
        target=plan.target.without_values(),
        seed=plan.seed,
    )


def _keep(plan: Plan, refitted: _Refitted, bench: Bench, project: Project) -> KeptFinalist:
    final = replace(make_final(refitted.result, refitted.record), unsaved=refitted.saving.result())
    with stage_files(project.home, final.record_id) as (folder, manifest):
        if refitted.drawings:
            for name, png in refitted.drawn.items():
                if png is not None:
                    (folder / name).write_bytes(png)
            _write_report(refitted.drawings[0].view, folder)
            _write_importances(refitted.result.importances, folder)
            predictions_table(plan, refitted.result, bench).to_parquet(folder / PREDICTIONS_FILE, index=False)
        elif refitted.result.error is None:
            _write_importances(refitted.result.importances, folder)
        if refitted.saved.exists():
            refitted.saved.rename(folder / MODEL_FOLDER)
        if refitted.result.trace:
            (folder / "test_traceback.txt").write_text(refitted.result.trace)
    return final, manifest


def _view(plan: Plan, result: FinalResult) -> FinalistView:
    outputs: Any = result.outputs
    return FinalistView(
        task=plan.task,
        classes=tuple(str(label) for label in plan.target.classes),
        positive=plan.target.positive,
        y_true=plan.target.values[plan.split.test],
        y_pred=outputs.predictions,
        probabilities=outputs.probabilities,
        scores=outputs.scores,
        importances=result.importances,
    )


def _write_report(view: FinalistView, folder: Path) -> None:
    if view.task == "classification":
        text, table = classification_report(view)
        (folder / "classification_report.txt").write_text(text)
        (folder / "classification_report.json").write_text(json.dumps(table, indent=2))


def _write_importances(importances: tuple[tuple[str, float], ...] | None, folder: Path) -> None:
    if importances:
        rows = "".join(f"{csv_cell(name)},{value!r}\n" for name, value in importances)
        (folder / "feature_importance.csv").write_text("feature,importance\n" + rows)


def predictions_table(plan: Plan, result: FinalResult, bench: Bench) -> pd.DataFrame:
    """Put row number, id, truth, prediction and probabilities side by side, one line a test row."""
    import pandas as pd

    rows, outputs = plan.split.test, result.outputs
    table = pd.DataFrame({"row": rows})
    table["truth"] = plan.target.labels(plan.target.values[rows])
    if outputs is not None and outputs.predictions is not None:
        table["prediction"] = plan.target.labels(outputs.predictions)
        if outputs.probabilities is not None:
            for code, label in enumerate(plan.target.classes):
                table[f"probability_{label}"] = outputs.probabilities[:, code]
    if (name := plan.columns.id) is not None:
        shown = f"{name}_" if name in table else name  # an id may be called `row`
        table.insert(1, shown, read_rows(bench.table, [name], rows)[name])
    return table


def get_ready_to_save(project: Project) -> None:
    """Import what models are saved with; done in a thread, its advice could not be kept from the user.

    What does not import is left to the saving, which can say what for.
    """
    with suppress(ImportError):
        from runcard.tracking.mlflow import import_writer

        import_writer(project.settings.model_format)  # type: ignore[arg-type]


def _try_to_save(plan: Plan, result: FinalResult, folder: Path, project: Project) -> str | None:
    """Save the model, or say why it cannot be: its scores are kept all the same."""
    if result.error is not None:
        return None
    try:
        _save_model(plan, result, folder, project)
    except errors.TypesUntrusted as error:
        reason = error.what
    except Exception as error:  # whatever the code of a project's own class raises when it is written
        if errors.is_disk_full(error):
            raise
        reason = last_line(error)
    else:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    return reason


def _save_model(plan: Plan, result: FinalResult, folder: Path, project: Project) -> None:
    from runcard.provenance.capture.environment import modules_of, requirements_for
    from runcard.tracking.mlflow import save_model

    if result.example is None:
        return
    save_model(
        result.pipeline,
        folder,
        input_example=result.example,
        predictions=_said_of_example(plan, result, len(result.example)),
        requirements=requirements_for(modules_of(result.pipeline), model_format=project.settings.model_format),
        model_format=project.settings.model_format,  # type: ignore[arg-type]
        own=OwnCode(project.settings.modules, project.root),
        code_paths=_own_code(result.pipeline, project),
    )


def _said_of_example(plan: Plan, result: FinalResult, n_rows: int) -> Any:
    """Give what the model says of its example; without test rows, whose first they are, it is asked."""
    if result.outputs is not None and result.outputs.predictions is not None:
        return plan.target.labels(result.outputs.predictions[:n_rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return result.pipeline.predict(result.example)


def _own_code(pipeline: Any, project: Project) -> list[Path]:
    """Name the project's code if the pipeline holds anything of it, so that it loads without the project.

    All that was imported from the project's root goes along: what is held may need the rest.
    """
    from runcard.provenance.capture.environment import modules_of

    own = _own_modules(project.root)
    return sorted(own.values()) if own.keys() & modules_of(pipeline) else []


def _own_modules(root: Path) -> dict[str, Path]:
    """Find the modules and packages that were imported from a folder."""
    found: dict[str, Path] = {}
    tops = {name: module for name, module in list(sys.modules.items()) if "." not in name}
    for name, module in tops.items():
        places = {getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())}
        found.update((name, path) for path in (root / f"{name}.py", root / name) if str(path) in places)
    return found


def failed_finalists(
    plan: Plan, failed: Sequence[FinalRecord], records: Mapping[str, Record], decision: Decision | None
) -> errors.RunError:
    """Make the error for finalists that could not be trained on all training rows or scored on the test rows."""
    named = [(label_of(records[final.trial_key]), final) for final in failed]
    subject = f"the finalist `{named[0][0]}`" if len(named) == 1 else f"{len(named)} finalists"
    reasons = [str(final.error) if len(named) == 1 else f"`{label}`: {final.error}" for label, final in named]
    return errors.RunError(
        f"{subject} could not be scored on the test rows",
        where=plan.card.name,
        why="\n".join(reasons),
        hint=_remedy(failed) + _instead(failed, decision),
    )


def _remedy(failed: Sequence[FinalRecord]) -> str:
    if all(final.may_pass for final in failed):
        return "run the card again to try once more"
    if any(final.may_pass for final in failed):
        return "run the card again for what a worker's death, memory or the disk cost; the others would fail again"
    return "running it again will not help: correct the model, its `params` or the data"


def _instead(failed: Sequence[FinalRecord], decision: Decision | None) -> str:
    if decision is None or not decision.failed:
        return ""
    if decision.winner is None:
        return "; the rule allows no other trial"
    gone = {found.candidate.id for found in decision.failed}
    is_next = decision.best is not None and decision.best.id in gone
    return f"; `{decision.winner.label}` was chosen in its place" if is_next else ""
