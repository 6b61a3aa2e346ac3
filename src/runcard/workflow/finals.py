"""Finalists: refitted, scored once on the test rows, drawn, and kept as models."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.engine.base import LATER, Lost
from runcard.journal import stage_files
from runcard.plan import Plan, Trial
from runcard.project import Project
from runcard.record import FinalRecord, Record, make_final
from runcard.report.figures import FinalistView, classification_report, draw_figures
from runcard.report.importance import importances_of
from runcard.tracking.logs import MODEL_FOLDER
from runcard.trial import FinalResult, FinalTask, last_line, read_rows, refit
from runcard.workflow.train import TEST, Bench, matrices_folder, prepare_folds

if TYPE_CHECKING:
    import pandas as pd

Kept = tuple[FinalRecord, dict[str, tuple[str, int]]]
"""A finalist's record and the manifest of its files."""


def refit_finalists(plan: Plan, records: Sequence[Record], bench: Bench, project: Project) -> Iterator[Kept]:
    """Refit finalists; yield each when its files are in place.

    The longest goes first; figures are drawn and models saved while others are still trained.
    """
    prepare_folds(plan, [record.features for record in records], [TEST], bench)
    ordered = sorted(records, key=lambda record: sum(record.fit_seconds), reverse=True)
    results: dict[int, FinalResult] = {}
    views: dict[int, FinalistView] = {}
    to_draw: deque[int] = deque()
    jobs: list[int] = []  # the place of the finalist that each task is about

    def tasks() -> Iterator[FinalTask | FinalistView | Any]:  # or LATER
        for place, record in enumerate(ordered):
            jobs.append(place)
            yield final_task(plan, record, bench)
        while to_draw or len(results) < len(ordered):
            if to_draw:
                jobs.append(to_draw.popleft())
                yield views[jobs[-1]]
            else:
                yield LATER

    for number, found in bench.engine.run(_refit_or_draw, tasks()):
        place, figures = jobs[number], found if isinstance(found, dict) else {}
        if place not in results:
            results[place] = result = _or_failed(found)
            if result.outputs is not None:
                views[place] = _view(plan, result)
                to_draw.append(place)
                continue
        yield _keep(plan, ordered[place], results[place], views.get(place), figures, bench, project)


def _refit_or_draw(task: FinalTask | FinalistView) -> FinalResult | dict[str, bytes]:
    return refit(task) if isinstance(task, FinalTask) else draw_figures(task)


def _or_failed(found: FinalResult | dict[str, bytes] | Lost) -> FinalResult:
    if isinstance(found, FinalResult):
        return found
    now = time.time()
    return FinalResult(now, now, error=found.reason if isinstance(found, Lost) else "no result")


def final_task(plan: Plan, record: Record | Trial, bench: Bench) -> FinalTask:
    """Make the task of refitting a trial on all training rows, whose matrices are prepared."""
    return FinalTask(
        folder=matrices_folder(bench, record.features, TEST),
        table=bench.table,
        columns=plan.feature_sets[record.features].columns,
        test_rows=plan.split.test,
        estimator=plan.estimator(record.model, record.params),
        metrics=plan.metrics,
        target=plan.target.without_values(),
        seed=plan.seed,
    )


def _keep(
    plan: Plan,
    record: Record,
    result: FinalResult,
    view: FinalistView | None,
    figures: dict[str, bytes],
    bench: Bench,
    project: Project,
) -> Kept:
    final = make_final(result, record)
    with stage_files(project.home, final.record_id) as (folder, manifest):
        if view is not None and result.error is None:
            for name, png in figures.items():
                (folder / name).write_bytes(png)
            _write_report(view, folder)
            predictions_table(plan, result, bench).to_parquet(folder / "predictions.parquet", index=False)
            final = replace(final, unsaved=_try_to_save(plan, result, folder, project))
        if result.trace:
            (folder / "test_traceback.txt").write_text(result.trace)
    return final, manifest


def _view(plan: Plan, result: FinalResult) -> FinalistView:
    outputs: Any = result.outputs
    model = result.pipeline[-1]
    inner = getattr(model, "named_estimators_", {}).get("model", model)  # the vote of one that encodes labels
    return FinalistView(
        task=plan.task,
        classes=tuple(str(label) for label in plan.target.classes),
        positive=plan.target.positive,
        y_true=plan.target.values[plan.split.test],
        y_pred=outputs.predictions,
        probabilities=outputs.probabilities,
        scores=outputs.scores,
        importances=importances_of(inner, result.feature_names),
    )


def _write_report(view: FinalistView, folder: Path) -> None:
    if view.task == "classification":
        text, table = classification_report(view)
        (folder / "classification_report.txt").write_text(text)
        (folder / "classification_report.json").write_text(json.dumps(table, indent=2))
    if view.importances:
        rows = "".join(f"{json.dumps(name)},{value!r}\n" for name, value in view.importances)
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


def _try_to_save(plan: Plan, result: FinalResult, folder: Path, project: Project) -> str | None:
    """Save the model, or say why it cannot be: its scores are kept all the same."""
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
    shutil.rmtree(folder / MODEL_FOLDER, ignore_errors=True)
    return reason


def _save_model(plan: Plan, result: FinalResult, folder: Path, project: Project) -> None:
    from runcard.provenance.environment import modules_of, requirements_for
    from runcard.tracking.mlflow import save_model

    if result.example is None or result.outputs is None or result.outputs.predictions is None:
        return
    n_rows = len(result.example)
    modules = project.settings.modules
    save_model(
        result.pipeline,
        folder / MODEL_FOLDER,
        input_example=result.example,
        predictions=plan.target.labels(result.outputs.predictions[:n_rows]),
        requirements=requirements_for(modules_of(result.pipeline), model_format=project.settings.model_format),
        model_format=project.settings.model_format,  # type: ignore[arg-type]
        project_modules=modules,
        code_paths=_own_code(result.pipeline, project),
    )


def _own_code(pipeline: Any, project: Project) -> list[Path]:
    """Name the project's code if the pipeline holds anything of it, so that it loads without the project.

    All that was imported from the project's root goes along: what is held may need the rest.
    """
    from runcard.provenance.environment import modules_of

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
