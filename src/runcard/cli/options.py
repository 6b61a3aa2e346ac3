"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

import click

tracking_uri = click.option(
    "--tracking-uri", metavar="URI", help="Where MLflow's runs are; default: the project's setting."
)
card = click.argument("card", metavar="CARD")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
allow_code = click.option(
    "--allow-code",
    is_flag=True,
    help="Load a model whose loading runs code of unknown packages, or that runcard did not make.",
)

RUNS = (
    "CARD is a card's file, or its bare name under configs/; EXPERIMENT the name of an experiment in MLflow; RUN the "
    "id of a run, four digits or more that no other id begins with, or its name; VERSION a version of a registered "
    "model, for the run that it came from: MODEL@ALIAS, MODEL/VERSION or models:/MODEL/VERSION."
)
MODEL = "MODEL is the name of a registered model."
VERSIONS = f"{MODEL} Alone it stands for its latest version; models:/MODEL/VERSION is read, too."
DATASETS = "NAME is a data file, or the name of a dataset that the project registers or scikit-learn brings."

_Function = TypeVar("_Function", bound=Callable[..., object])


def naming(words: str) -> Callable[[_Function], _Function]:
    """Let a command's help end with how the names that it takes are written, in the same words everywhere."""

    def add(function: _Function) -> _Function:
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{words}"
        return function

    return add
