"""A model file that names what must not run is refused, and nothing of it was run.

Each gadget writes a file when what it names is called, by the loader or by a prediction.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from runcard import errors
from runcard.tracking.mlflow import signature_of
from runcard.tracking.models.archive import MAX_RATIO
from runcard.tracking.models.description import ModelDescription, describe_model
from runcard.tracking.models.owncode import OwnCode
from runcard.tracking.models.trust import known_types, load_trusted
from runcard.tracking.models.types import Named

CANARY = "canary"


def node(role: str, path: str, **more: Any) -> dict[str, Any]:
    module, _, name = path.rpartition(".")
    return {"__loader__": role, "__module__": module, "__class__": name, **more}


def value(plain: Any) -> dict[str, Any]:
    return node("JsonNode", "builtins.str", content=json.dumps(plain), is_json=True)


def items(*parts: dict[str, Any], role: str = "ListNode", path: str = "builtins.list") -> dict[str, Any]:
    return node(role, path, content=list(parts))


def arguments(*parts: Any) -> dict[str, Any]:
    return items(*(part if isinstance(part, dict) else value(part) for part in parts), role="TupleNode",
                 path="builtins.tuple")  # fmt: skip


def named(path: str) -> dict[str, Any]:
    return node("TypeNode", path)


def function(path: str) -> dict[str, Any]:
    return node("FunctionNode", path)


def applied(path: str, *args: Any, role: str = "ConstructorFromReduceNode") -> dict[str, Any]:
    """Something called by the loader."""
    return node(role, path, content=arguments(*args))


def state_of(path: str, *, keys: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """Write an object with attributes, whose names are made by `keys`."""
    parts = {key: part if isinstance(part, dict) else value(part) for key, part in attributes.items()}
    key_types = keys or items(*[named("builtins.str")] * len(parts))
    return node("ObjectNode", path, content=node("DictNode", "builtins.dict", content=parts, key_types=key_types))


def later(function: Any, *args: Any) -> dict[str, Any]:
    """Write a pipeline that calls a function when it predicts."""
    held = function if isinstance(function, dict) else node("FunctionNode", function)
    if args:
        empty = node("DictNode", "builtins.dict", content={}, key_types=items())
        content = {"func": held, "args": arguments(*args), "kwds": empty, "namespace": value(None)}
        held = node("PartialNode", "functools.partial", content=content)
    return state_of("sklearn.preprocessing._function_transformer.FunctionTransformer", func=held, validate=False)


def code(canary: Path) -> str:
    return f"open({str(canary)!r}, 'w').close()"


def keyed_by(role: str, path: str) -> Callable[[Path], dict[str, Any]]:
    """Write a dictionary whose key is made by calling something on a text."""
    made = node(role, path, content=value(None), attrs=arguments("x"))
    return lambda canary: node("DictNode", "builtins.dict", content={code(canary): value(1)}, key_types=items(made))


def touch(canary: Path) -> list[str]:
    return ["touch", str(canary)]


FUNCTION = "sklearn.preprocessing._function_transformer.FunctionTransformer"

GADGETS: dict[str, Callable[[Path], Any]] = {
    # What a model calls when it predicts, as skops itself writes it.
    "partial of apply_if_callable": lambda c: FunctionTransformer(
        partial(pd.core.common.apply_if_callable, partial(exec, code(c)))  # type: ignore[attr-defined]
    ),
    "partial of eval": lambda c: FunctionTransformer(partial(eval, code(c))),
    "partial of pandas.eval": lambda c: FunctionTransformer(partial(pd.eval, code(c))),
    "numpy.testing's runstring": lambda c: FunctionTransformer(partial(np.testing.runstring, code(c))),
    "joblib.load": lambda c: later("joblib.numpy_pickle.load"),
    "os.system": lambda c: later("posix.system", "touch"),
    "a scorer of a function": lambda c: make_scorer(np.testing.runstring),
    "a kernel": lambda c: SVC(kernel=np.testing.runstring),
    "a metric": lambda c: KNeighborsClassifier(metric=np.testing.runstring),
    "numpy.load": lambda c: later("numpy.load"),
    "numpy.save": lambda c: FunctionTransformer(partial(np.save, c)),
    "numpy.fromfile": lambda c: later(named("numpy.fromfile")),
    "pandas.read_pickle": lambda c: later("pandas.read_pickle"),
    "sklearn's Bunch loader": lambda c: later("sklearn.datasets._base.load_files"),
    "sklearn.utils.fetch": lambda c: later("sklearn.datasets._openml.fetch_openml"),
    "scipy.io": lambda c: later("scipy.io._mio.savemat", str(c)),
    "scipy's low level callable": lambda c: state_of("scipy._lib._ccallback.LowLevelCallable"),
    "a function of runcard": lambda c: later("runcard.tracking.mlflow.models.load_with_code"),
    "runcard's git": lambda c: later("runcard.provenance.git.ask_git"),
    "xgboost's reader": lambda c: later("xgboost.core.DMatrix"),
    "a sequence of lightgbm": lambda c: state_of("lightgbm.basic.Dataset", data=str(c)),
    "a pool of catboost": lambda c: state_of("catboost.core.Pool"),
    "a method of a known type": lambda c: node(
        "MethodNode",
        f"{FUNCTION}",
        content={"func": "fit", "obj": state_of(FUNCTION)},
    ),
    # What the loader itself would call.
    "operator.methodcaller": lambda c: node("OperatorFuncNode", "operator.methodcaller", attrs=arguments("touch")),
    "operator.attrgetter": lambda c: node("OperatorFuncNode", "operator.attrgetter", attrs=arguments("__class__")),
    "operator.call": lambda c: node(
        "OperatorFuncNode", "operator.call", attrs=arguments(named("builtins.exec"), code(c))
    ),
    "builtins.exec": lambda c: applied("builtins.exec", code(c)),
    "builtins.eval": lambda c: applied("builtins.eval", code(c)),
    "builtins.getattr": lambda c: named("builtins.getattr"),
    "builtins.__import__": lambda c: applied("builtins.__import__", "antigravity"),
    "subprocess.Popen": lambda c: applied("subprocess.Popen", items(*map(value, touch(c)))),
    "a list that is Popen": lambda c: items(*map(value, touch(c)), path="subprocess.Popen"),
    "a set that is Popen": lambda c: items(*map(value, touch(c)), role="SetNode", path="subprocess.Popen"),
    "a dictionary that is a file": lambda c: node(
        "DictNode", "tempfile.NamedTemporaryFile", content={}, key_types=items()
    ),
    "a named tuple that is a type": lambda c: items(value(str(c)), role="TupleNode", path="logging.FileHandler"),
    "a file handler": lambda c: applied("logging.FileHandler", str(c)),
    "a temporary file": lambda c: applied("tempfile.TemporaryDirectory"),
    "types.FunctionType": lambda c: applied("types.FunctionType", 1),
    "types.CodeType": lambda c: applied("types.CodeType", 1),
    "a thread": lambda c: state_of("threading.Thread"),
    "an array that is exec": lambda c: np.array([code(c)]),
    "objects in an array": lambda c: np.array([FunctionTransformer(partial(exec, code(c))), None], dtype=object),
    "a booster from a file": lambda c: applied("lightgbm.basic.Booster", value(None), value(None), str(c)),
    "a known type as a function": lambda c: later("sklearn.svm._classes.SVC"),
    "a known function as a type": lambda c: node("ObjectNode", "numpy.mean"),
    "keys made by exec": keyed_by("TypeNode", "builtins.exec"),
    "keys made by a known function": keyed_by("FunctionNode", "numpy.exp"),
    "keys made by operator": keyed_by("OperatorFuncNode", "operator.methodcaller"),
    "a default made by a function": lambda c: node(
        "DefaultDictNode",
        "collections.defaultdict",
        content={
            "main": node("DictNode", "builtins.dict", content={}, key_types=items()),
            "default_factory": function("numpy.mean"),
        },
    ),
    "a dtype of anything": lambda c: node("DTypeNode", "numpy.dtype", content=state_of(FUNCTION)),
    "partial of a known type": lambda c: later(named("sklearn.svm._classes.SVC"), 1),
    "a generator of anything": lambda c: node(
        "RandomGeneratorNode",
        "numpy.random._generator.Generator",
        content={
            "bit_generator": node(
                "DictNode", "builtins.dict", content={"bit_generator": value("seed")},
                key_types=items(named("builtins.str")),
            ),
            "seed_seq": node("DictNode", "builtins.dict", content={}, key_types=items()),
        },
    ),
    "an object seen before": lambda c: node("CachedNode", "builtins.str", __id__=1),
    "one identity, two objects": lambda c: items(
        items(named("builtins.str"), path="builtins.list") | {"__id__": 5},
        node(
            "DictNode", "builtins.dict", content={"a": value(1)}, key_types=items(named("builtins.int")) | {"__id__": 5}
        ),
    ),
    "a node that skops has not": lambda c: node("EvalNode", "builtins.eval", content=code(c)),
    "a class of another project": lambda c: state_of("own.Words"),
    "a ufunc that calls Python": lambda c: later("numpy.frompyfunc"),
    "numpy's vectorize": lambda c: state_of("numpy.vectorize", pyfunc=named("builtins.exec")),
}  # fmt: skip


def write(content: Any, path: Path, *, protocol: Any = 2) -> Path:
    if isinstance(content, dict):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("schema.json", json.dumps(content | {"protocol": protocol, "_skops_version": "0.16.0"}))
    else:
        skops.io.dump(content, path)
    return path


def load(path: Path, own: OwnCode | None = None) -> Any:
    model = ModelDescription(path.parent, path, "skops", {}, None)
    return load_trusted(model, own or OwnCode(), "churn/1")


@pytest.mark.parametrize("name", GADGETS)
def test_a_gadget_is_refused_and_nothing_runs(name: str, tmp_path: Path) -> None:
    canary = tmp_path / CANARY
    path = write(GADGETS[name](canary), tmp_path / "model.skops")
    if name == "an array that is exec":
        path = changed(path, b'"ndarray"', b'"exec"', b'"numpy"', b'"builtins"')
    with pytest.raises((errors.TypesUntrusted, errors.ModelDamaged, TypeError, ValueError)) as caught:
        load(path).predict([[1.0]])
    assert not canary.exists()
    if name != "a generator of anything":  # which skops refuses
        assert isinstance(caught.value, errors.RuncardError)
        assert caught.value.where == "churn/1"


def changed(path: Path, *words: bytes) -> Path:
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for old, new in zip(words[::2], words[1::2], strict=True):
        content["schema.json"] = content["schema.json"].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    return path


def test_there_are_enough_gadgets() -> None:
    assert len(GADGETS) >= 50


# Archives


def with_members(*members: tuple[str, bytes], declared: int | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
        if declared is not None:
            archive.infolist()[-1].file_size = declared
    return buffer.getvalue()


GOOD = json.dumps(value(1) | {"protocol": 2}).encode()
ARRAY = {"__loader__": "NdArrayNode", "__module__": "numpy", "__class__": "ndarray", "type": "numpy", "file": "7.npy"}
TWICE = json.dumps(items(ARRAY | {"__id__": 1}, ARRAY | {"__id__": 2}) | {"protocol": 2}).encode()
SPARSE = node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix", type="scipy", file="7.npz") | {"protocol": 2}
ARCHIVES: dict[str, tuple[bytes, str]] = {
    "no archive": (b"not a model", "not a zip file"),
    "nothing": (b"", "not a zip file"),
    "cut off": (with_members(("schema.json", GOOD))[:-30], "not a zip file"),
    "no schema": (with_members(("7.npy", b"x")), "Expecting value"),
    "a schema that is no JSON": (with_members(("schema.json", b"{")), "Expecting property name"),
    "a schema that is a list": (with_members(("schema.json", b"[]")), "list indices"),
    "nested deeply": (with_members(("schema.json", b"[" * 200_000)), "nested too deeply"),
    "nodes nested deeply": (
        with_members(("schema.json", b'{"protocol": 2, "a": ' + b'{"a": ' * 900 + b"1" + b"}" * 901)),
        "nested too deeply",
    ),
    "another protocol": (with_members(("schema.json", GOOD.replace(b'protocol": 2', b'protocol": 0'))), "protocol 0"),
    "a protocol that is true": (with_members(("schema.json", GOOD.replace(b": 2}", b": true}"))), "protocol True"),
    "a path out of it": (with_members(("schema.json", GOOD), ("../../x.npy", b"x")), "skops writes none such"),
    "an absolute path": (with_members(("schema.json", GOOD), ("/etc/x.npy", b"x")), "skops writes none such"),
    "a Python file": (with_members(("schema.json", GOOD), ("own.py", b"x")), "skops writes none such"),
    "a bomb": (
        with_members(("schema.json", GOOD), ("7.npy", bytes(5000)), declared=MAX_RATIO << 30),
        "would decompress",
    ),
    "a size that lies": (with_members(("schema.json", GOOD), ("7.npy", bytes(5000)), declared=50), "Bad CRC-32"),
    "one array many times": (with_members(("schema.json", TWICE), ("7.npy", b"x")), "again and again"),
    "a member that is not there": (with_members(("schema.json", json.dumps(SPARSE).encode())), "no item named"),
    "a bomb in an archive": (
        with_members(
            ("schema.json", json.dumps(SPARSE).encode()),
            ("7.npz", with_members(("data.npy", bytes(5000)), declared=MAX_RATIO << 30)),
        ),
        "would decompress",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_of_another_kind_is_one_clear_error(name: str, tmp_path: Path) -> None:
    content, why = ARCHIVES[name]
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(errors.ModelDamaged) as caught:
        load(tmp_path / "model.skops")
    assert why in caught.value.why
    assert caught.value.what == "the model file of `churn/1` cannot be read"
    assert not list(tmp_path.parent.glob("x.npy"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_schemas_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(with_members(("schema.json", GOOD), ("schema.json", GOOD)))
    with pytest.raises(errors.ModelDamaged, match="RC508") as caught:
        load(tmp_path / "model.skops")
    assert "two files of one name" in caught.value.why


# Descriptions

FLAVORS = "flavors: {sklearn: {pickled_model: %s}, python_function: {}}\nsignature: {inputs: '%s'}\n"
DESCRIPTIONS = {
    "a list": "[]",
    "nothing": "",
    "nested deeply": "[" * 3000,
    "a signature that is a number": FLAVORS.partition("{inputs")[0] % "model.skops" + "3",
    "a signature nested deeply": FLAVORS % ("model.skops", "[" * 100_000),
    "no text": "\ufffe\0",
    "a call": "!!python/object/apply:os.system [touch canary]",
    "a model elsewhere": FLAVORS % ("../../../etc/passwd", "[]"),
    "a model that is a folder": FLAVORS % (".", "[]"),
    "a model with a zero in its name": FLAVORS % ('"a\\0b"', "[]"),
    "a signature of an unknown type": FLAVORS % ("model.skops", '[{"type": "x", "name": "a"}]'),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_of_another_kind_is_one_clear_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_text("model")
    (tmp_path / "MLmodel").write_text(DESCRIPTIONS[name])
    (tmp_path / "serving_input_example.json").write_text("[" * 100_000)
    if name == "a signature of an unknown type":
        assert describe_model(tmp_path, "churn/1").example_row() is None
    else:
        with pytest.raises(errors.ModelDamaged, match="RC508"):
            describe_model(tmp_path, "churn/1")
    assert signature_of(tmp_path) is None


# What the project registered


OWN = """
import os
from os import system
from subprocess import Popen

from sklearn.base import BaseEstimator, TransformerMixin


class Words(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X

    def twice(self, X):
        return X * 2


Alias = Popen


def double(X):
    return X * 2
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnCode]:
    (tmp_path / "gadget_own.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield OwnCode(("gadget_own",), tmp_path, lambda: __import__("gadget_own"))
    sys.modules.pop("gadget_own", None)


@pytest.mark.parametrize(
    ("role", "name", "is_own"),
    [
        ("ObjectNode", "Words", True),
        ("FunctionNode", "double", True),
        ("MethodNode", "Words.twice", True),
        ("MethodNode", "Words.__class__", False),
        ("FunctionNode", "system", False),
        ("TypeNode", "Popen", False),
        ("ConstructorFromReduceNode", "Popen", False),
        ("ListNode", "Alias", False),
        ("ObjectNode", "double", False),
        ("FunctionNode", "Words", False),
        ("ObjectNode", "os", False),
        ("ObjectNode", "nothing", False),
        ("OperatorFuncNode", "Words", False),
    ],
)
def test_own_is_what_the_project_defines(own: OwnCode, role: str, name: str, is_own: bool) -> None:
    assert own.has(Named(role, f"gadget_own.{name}")) is is_own
    assert not OwnCode(("other",), own.root, own.import_all).has(Named(role, f"gadget_own.{name}"))


def test_what_is_installed_is_not_the_project_s_whatever_it_names(own: OwnCode, tmp_path: Path) -> None:
    own.import_all()
    elsewhere = OwnCode(own.modules, tmp_path / "project", own.import_all)
    assert not elsewhere.has(Named("FunctionNode", "gadget_own.double"))
    packages = tmp_path / "project" / ".venv" / "lib" / "site-packages"
    packages.mkdir(parents=True)
    sys.modules["gadget_own"].__file__ = str(packages / "gadget_own.py")
    assert not elsewhere.has(Named("FunctionNode", "gadget_own.double"))


def test_no_program_of_the_project_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gadget_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text("class Net: ...\n")
    (package / "__main__.py").write_text(f"open({str(tmp_path / CANARY)!r}, 'w').close()\nclass Net: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = OwnCode(("gadget_package",), tmp_path, lambda: __import__("gadget_package"))
    assert not own.has(Named("ObjectNode", "gadget_package.__main__.Net"))
    assert not (tmp_path / CANARY).exists()
    assert own.has(Named("ObjectNode", "gadget_package.models.Net"))  # which nothing has imported yet
    for name in [name for name in sys.modules if name.partition(".")[0] == "gadget_package"]:
        del sys.modules[name]


def test_a_function_of_the_project_loads_in_that_project_only(own: OwnCode, tmp_path: Path) -> None:
    own.import_all()
    double = sys.modules["gadget_own"].double
    path = write(FunctionTransformer(partial(double)), tmp_path / "model.skops")
    assert load(path, own).transform(np.ones(1)) == 2
    with pytest.raises(errors.TypesUntrusted, match=r"`gadget_own\.double`"):
        load(path)


# What is known


def test_functions_and_methods_that_are_known_are_few() -> None:
    known = known_types()
    assert sum(named.role == "FunctionNode" for named in known) < 100
    assert not [named for named in known if named.role in ("MethodNode", "OperatorFuncNode", "CachedNode")]
    assert not [named for named in known if named.name.startswith(("runcard", "pandas", "joblib", "os.", "subprocess"))]


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
        make_pipeline(SelectKBest(partial(mutual_info_classif, random_state=0), k=1), LogisticRegression()),
    ],
    ids=["a function of numpy", "a partial of a known function"],
)
def test_what_pipelines_usually_hold_comes_back(model: Any, tmp_path: Path) -> None:
    x, y = np.arange(1, 41, dtype=float).reshape(20, 2), np.arange(20) % 2
    path = write(model.fit(x, y), tmp_path / "model.skops")
    assert (load(path).predict(x) == model.predict(x)).all()


def test_models_are_loaded_in_one_place() -> None:
    source = Path(errors.__file__).parent
    words = ("skops.io.load", "sklearn.load_model", "pyfunc.load_model")
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in words)
    }
    assert found == {"tracking/models/trust.py", "tracking/mlflow/models.py"}  # the latter with --allow-code alone
