"""Finalists: refitted, scored once on the test rows, drawn, and saved as models."""

from __future__ import annotations

import io
import json
import shutil
import sys
import time
import uuid
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.engine.base import LATER, Lost
from runcard.journal import stage_files
from runcard.plan import Bench, KeptFinalist, Retested, Trial
from runcard.project import Project
from runcard.record import FinalRecord, Record
from runcard.report.cells import csv_cell
from runcard.report.figures.figures import Drawing, FinalistView, classification_report, draw, drawings_of
from runcard.tabular.conditions import last_line
from runcard.tabular.final import FinalResult, FinalTask, refit
from runcard.tabular.jobs import TEST, matrices_folder, prepare_folds
from runcard.tabular.matrices import read_rows
from runcard.tabular.setting import Setting
from runcard.tracking.models.owncode import OwnCode
from runcard.tracking.records import MODEL_FOLDER, PREDICTIONS_FILE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(eq=False)
class _Refitted:
    """A finalist that is refitted and whose files are not yet written."""

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


def refit_finalists(
    setting: Setting, records: Sequence[Record], bench: Bench, project: Project
) -> Iterator[KeptFinalist]:
    """Refit finalists; yield each when its files are in place.

    The longest goes first; models are saved while figures are drawn and others are still trained.
    """
    prepare_folds(setting, [record.features for record in records], [TEST], bench)
    ordered = sorted(records, key=lambda record: sum(record.fit_seconds), reverse=True)
    open_ones: list[_Refitted] = []
    to_draw: deque[tuple[_Refitted, Drawing]] = deque()
    jobs: list[Record | tuple[_Refitted, Drawing]] = []  # what each task is about
    n_left = len(ordered)

    def tasks() -> Iterator[Any]:  # FinalTask, Drawing or LATER
        for record in ordered:
            jobs.append(record)
            yield final_task(setting, record, bench)
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
                refitted = _refitted(setting, job, found, bench, project, saver)
                open_ones.append(refitted)
                to_draw.extend((refitted, drawing) for drawing in refitted.drawings)
            else:
                refitted, drawing = job
                refitted.drawn[drawing.name] = found if isinstance(found, bytes) else None
            for ready in [refitted for refitted in open_ones if refitted.is_ready]:
                open_ones.remove(ready)
                yield _keep(setting, ready, bench, project)
        for refitted in open_ones:
            yield _keep(setting, refitted, bench, project)


@contextmanager
def _one_thread() -> Iterator[ThreadPoolExecutor]:
    """Give a thread that runs jobs in order; jobs not begun are cancelled when the context is left early."""
    with ThreadPoolExecutor(1) as thread:
        try:
            yield thread
        except BaseException:
            thread.shutdown(wait=False, cancel_futures=True)
            raise


def _refit_or_draw(task: FinalTask | Drawing) -> FinalResult | bytes | None:
    return refit(task) if isinstance(task, FinalTask) else draw(task)


def _refitted(
    setting: Setting,
    record: Record,
    found: FinalResult | bytes | Lost | None,
    bench: Bench,
    project: Project,
    saver: ThreadPoolExecutor,
) -> _Refitted:
    result = _or_failed(found)
    is_made = result.pickled != b"" and result.error is None
    drawings = drawings_of(_view(setting, result)) if is_made and result.outputs is not None else ()
    saved = bench.folder / f"model-{record.trial_key}"
    if is_made:
        get_ready_to_save(project)
    return _Refitted(record, result, drawings, saved, saver.submit(_try_to_save, setting, result, saved, project))


def _or_failed(found: FinalResult | bytes | Lost | None) -> FinalResult:
    if isinstance(found, FinalResult):
        return found
    now = time.time()
    return FinalResult(now, now, error=found.reason if isinstance(found, Lost) else "no result", may_pass=True)


def final_task(setting: Setting, record: Record | Trial, bench: Bench) -> FinalTask:
    """Make the task of refitting a trial on all training rows, whose matrices are prepared."""
    return FinalTask(
        folder=matrices_folder(bench, record.features, TEST),
        table=bench.data / "table",
        columns=setting.feature_sets[record.features].columns,
        test_rows=setting.split.test,
        example_rows=None if len(setting.split.test) else setting.split.train,
        estimator=setting.estimator(record.model, record.params),
        metrics=setting.metrics,
        primary=setting.primary.name,
        target=setting.target.without_values(),
        seed=setting.seed,
    )


def refit_once(setting: Setting, trial: Trial, bench: Bench) -> Retested:
    """Refit a trial like a finalist, and score it on the test rows.

    Raises
    ------
    RunError
        A worker died: that says nothing of the trial.
    """
    prepare_folds(setting, [trial.features], [TEST], bench)
    task = replace(final_task(setting, trial, bench), is_timed=False)
    found = next((result for _, result in bench.engine.run(refit, [task])), None)
    if not isinstance(found, FinalResult):
        raise worker_died(found.reason if isinstance(found, Lost) else "no result")
    if found.error:
        return Retested({}, error=f"on the test rows: {found.error}")
    buffer = io.BytesIO()
    predictions_table(setting, found, bench).to_parquet(buffer, index=False)
    return Retested(dict(found.scores), found.digest, buffer.getvalue())


def worker_died(reason: str) -> errors.RunError:
    """Make the error for a trial that could not be run again because its worker died."""
    return errors.RunError(
        "the trial could not be run again: its worker died",
        why=reason,
        hint="with less memory in use elsewhere, or `--workers 1`, try it once more",
    )


def _keep(setting: Setting, refitted: _Refitted, bench: Bench, project: Project) -> KeptFinalist:
    final = replace(make_final(refitted.result, refitted.record), unsaved=refitted.saving.result())
    with stage_files(project.home, final.record_id) as (folder, manifest):
        if refitted.drawings:
            for name, png in refitted.drawn.items():
                if png is not None:
                    (folder / name).write_bytes(png)
            _write_report(refitted.drawings[0].view, folder)
            _write_importances(refitted.result.importances, folder)
            predictions_table(setting, refitted.result, bench).to_parquet(folder / PREDICTIONS_FILE, index=False)
        elif refitted.result.error is None:
            _write_importances(refitted.result.importances, folder)
        if refitted.saved.exists():
            refitted.saved.rename(folder / MODEL_FOLDER)
        if refitted.result.trace:
            (folder / "test_traceback.txt").write_text(refitted.result.trace)
    return final, manifest


def _view(setting: Setting, result: FinalResult) -> FinalistView:
    outputs: Any = result.outputs
    return FinalistView(
        task=setting.task,
        classes=tuple(str(label) for label in setting.target.classes),
        positive=setting.target.positive,
        y_true=setting.target.values[setting.split.test],
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


def predictions_table(setting: Setting, result: FinalResult, bench: Bench) -> pd.DataFrame:
    """Put row number, id, truth, prediction and probabilities side by side, one line a test row."""
    import pandas as pd

    rows, outputs = setting.split.test, result.outputs
    table = pd.DataFrame({"row": rows})
    table["truth"] = setting.target.labels(setting.target.values[rows])
    if outputs is not None and outputs.predictions is not None:
        table["prediction"] = setting.target.labels(outputs.predictions)
        if outputs.probabilities is not None:
            for code, label in enumerate(setting.target.classes):
                table[f"probability_{label}"] = outputs.probabilities[:, code]
    if (name := setting.columns.id) is not None:
        shown = f"{name}_" if name in table else name  # an id may be called `row`
        table.insert(1, shown, read_rows(bench.data / "table", [name], rows)[name])
    return table


def get_ready_to_save(project: Project) -> None:
    """Import what saving models needs; not in a thread, where its warnings could not be suppressed.

    What does not import is left to the saving, which can say what for.
    """
    with suppress(ImportError):
        from runcard.tracking.mlflow import import_writer

        import_writer(project.settings.model_format)  # type: ignore[arg-type]


def _try_to_save(setting: Setting, result: FinalResult, folder: Path, project: Project) -> str | None:
    """Save the model, or return why it cannot be saved: its scores are kept anyway."""
    if result.error is not None:
        return None
    try:
        _save_model(setting, result, folder, project)
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


def _save_model(setting: Setting, result: FinalResult, folder: Path, project: Project) -> None:
    from runcard.provenance.capture.environment import modules_of, requirements_for
    from runcard.tracking.mlflow import save_model

    if result.example is None:
        return
    save_model(
        result.pipeline,
        folder,
        input_example=result.example,
        predictions=_said_of_example(setting, result, len(result.example)),
        requirements=requirements_for(modules_of(result.pipeline), model_format=project.settings.model_format),
        model_format=project.settings.model_format,  # type: ignore[arg-type]
        own=OwnCode(project.settings.modules, project.root),
        code_paths=_own_code(result.pipeline, project),
    )


def _said_of_example(setting: Setting, result: FinalResult, n_rows: int) -> Any:
    """Give the predictions for the model's example; they are computed only where there are no test rows."""
    if result.outputs is not None and result.outputs.predictions is not None:
        return setting.target.labels(result.outputs.predictions[:n_rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return result.pipeline.predict(result.example)


def _own_code(pipeline: Any, project: Project) -> list[Path]:
    """Name the project's code if the pipeline contains any of it, so that it loads without the project.

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


def make_final(result: FinalResult, record: Record) -> FinalRecord:
    """Make the record of a finalist."""
    return FinalRecord(
        record_id=uuid.uuid4().hex,
        of=record.record_id,
        trial_key=record.trial_key,
        protocol=record.protocol,
        scores=dict(result.scores) if result.error is None else {},
        missing=dict(result.missing) if result.error is None else {},
        started=result.started,
        ended=result.ended,
        fit_seconds=result.fit_seconds,
        cpu_seconds=result.cpu_seconds,
        predict_ms_p95=result.predict_ms_p95,
        model_mb=result.model_mb,
        warnings=result.warnings,
        error=result.error,
        trace=result.trace,
        may_pass=result.may_pass,
        outputs=result.digest if result.error is None else "",
    )
