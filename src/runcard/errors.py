"""Every error runcard raises on purpose: one class a code, each with what, where, why and hint.

RuncardError                      exit 1
├── UsageError                    exit 2   RC0xx  the command line, the project, its settings
├── CardError                     exit 2   RC1xx  the card's text
│   └── CardErrors                         several of them (and of the next two) at once
├── DataError                     exit 2   RC2xx  the table a card names
├── ModelError                    exit 2   RC3xx  models, hyperparameters, features, metrics
├── RunError                      exit 1   RC4xx  while trials run, and the journal
├── TrackingError                 exit 1   RC5xx  MLflow and what is in it
├── GateError                     exit 3   RC7xx  a gate or a rule said no
├── ReplayError                   exit 3   RC8xx  a recorded run cannot be run again, or came out otherwise
├── Interrupted                   exit 130 RC601  Ctrl-C
└── SystemRefused                 exit 1   RC602  files, memory, processes: the operating system says no
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from errno import EDQUOT, EFBIG, ENOSPC

from runcard.printable import printable, shortened

MOST_SHOWN = 20
"""So many errors are shown of a card that has more, and so many faults of any one kind."""
MOST_LINES = 40
"""So many lines are shown of an answer to what, where, why or what to do; MLflow and uv can be talkative."""
_LONGEST_WORD = 200

EXIT_DONE = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_GATE = 3
EXIT_INTERRUPTED = 130


class RuncardError(Exception):
    """The root: an error with a code and four answers.

    Parameters
    ----------
    what
        What is wrong, in one sentence without a full stop.
    where
        The file, line, key, column or URI it is about.
    why
        Why runcard cannot go on.
    hint
        What to do now.
    """

    code = "RC000"
    exit_code = EXIT_ERROR

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        """Render the error as the user reads it, several lines, no trailing newline.

        What it quotes does nothing to a terminal, can begin no line that looks like one of ours, and is cut if it is
        long.
        """
        lines = [f"error[{self.code}]: " + _quoted(self.what).replace("\n", "\\n")]
        for label, text in (("where", self.where), ("why", self.why), ("hint", self.hint)):
            if text:
                lines.append(f"  {label + ':':<6} " + _quoted(text).replace("\n", "\n" + " " * 9))
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with all four answers: errors travel from worker processes."""
        return _rebuild, (type(self), self.what, self.where, self.why, self.hint)


def _quoted(text: str) -> str:
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"... and {len(lines) - MOST_LINES:,} more lines"]
    return shortened(printable("\n".join(lines)))


def _rebuild(kind: type[RuncardError], what: str, where: str, why: str, hint: str) -> RuncardError:
    return kind(what, where=where, why=why, hint=hint)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word closest to `word`, or None when none is close."""
    choices = {str(name).lower(): str(name) for name in known}
    found = get_close_matches(str(word).lower(), choices, n=1, cutoff=0.6)
    return choices[found[0]] if found else None


def is_disk_full(error: BaseException | None) -> bool:
    """Tell a disk or quota that is used up from other troubles with files; NumPy words it without a number."""
    if not isinstance(error, OSError):
        return False
    return error.errno in (ENOSPC, EDQUOT, EFBIG) or " requested and " in str(error)


def listing(words: Sequence[object], limit: int = 8) -> str:
    """Join words for a message, shortened openly: "`a`, `b` and 3 more"."""
    shown = ", ".join(f"`{shortened(str(word), _LONGEST_WORD)}`" for word in words[:limit])
    rest = len(words) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown


def raise_all(errors: Sequence[RuncardError]) -> None:
    """Raise what was collected: nothing, the one error itself, or all at once."""
    if errors:
        raise errors[0] if len(errors) == 1 else CardErrors(errors)


# RC0xx: the command line, the project, its settings


class UsageError(RuncardError):
    """The command line or the project's settings cannot be used."""

    code = "RC001"
    exit_code = EXIT_USAGE


class SettingInvalid(UsageError):
    """A setting in `[tool.runcard]` or a `RUNCARD_*` variable has a value that cannot be used."""

    code = "RC002"


class ProjectModuleFailed(UsageError):
    """A module named in `[tool.runcard] modules` does not import."""

    code = "RC003"


class RegistrationInvalid(UsageError):
    """A registered dataset, feature set, model or metric is not what its decorator asks for."""

    code = "RC004"


class PackageMissing(UsageError):
    """An optional package is needed and not installed."""

    code = "RC006"


class TreeDirty(UsageError):
    """Files are not committed, and the project allows runs of committed code only."""

    code = "RC010"


# RC1xx: the card


class CardError(RuncardError):
    """The card's text is wrong."""

    code = "RC100"
    exit_code = EXIT_USAGE


class CardErrors(CardError):
    """All that is wrong with a card, at once."""

    code = "RC100"

    def __init__(self, errors: Sequence[RuncardError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        """Render the errors, one after the other; of very many the first, and how many more there are."""
        shown = [str(error) for error in self.errors[:MOST_SHOWN]]
        n_more = len(self.errors) - len(shown)
        return "\n\n".join([*shown, *([f"and {n_more:,} more errors"] if n_more else [])])

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with all errors."""
        return CardErrors, (self.errors,)


class CardMissing(CardError):
    """There is no card of that name."""

    code = "RC101"


class YamlInvalid(CardError):
    """The card is not YAML, or uses a part of YAML that cards leave out."""

    code = "RC102"


class MetricUnknown(CardError):
    """No metric has that name."""

    code = "RC103"


class KeyUnknown(CardError):
    """The card has a key that runcard does not know."""

    code = "RC104"


class KeyMissing(CardError):
    """The card lacks a key that it needs."""

    code = "RC105"


class ValueInvalid(CardError):
    """A value has the wrong type or lies outside its range."""

    code = "RC106"


class KeysConflict(CardError):
    """Two keys that cannot stand together."""

    code = "RC107"


class SpaceInvalid(CardError):
    """A hyperparameter is not a scalar, a list or a mapping of the search grammar."""

    code = "RC108"


class ModelUnknown(CardError):
    """No model has that name."""

    code = "RC109"


class HyperparameterUnknown(CardError):
    """A model has no hyperparameter of that name."""

    code = "RC110"


class DatasetUnknown(CardError):
    """No dataset has that name."""

    code = "RC111"


class FeaturesUnknown(CardError):
    """No feature set has that name."""

    code = "RC112"


class ChoiceLeaks(CardError):
    """A trial would be chosen by its test score, which could then judge it no more."""

    code = "RC113"


# RC2xx: the data


class DataError(RuncardError):
    """The table a card names cannot be used."""

    code = "RC200"
    exit_code = EXIT_USAGE


class FileMissing(DataError):
    """A data file that the card names is not there."""

    code = "RC201"


class EncodingInvalid(DataError):
    """A text file is not UTF-8."""

    code = "RC202"


class TableEmpty(DataError):
    """A file is empty, or has a header and no rows."""

    code = "RC203"


class ColumnsDuplicate(DataError):
    """Two columns have the same name."""

    code = "RC204"


class ColumnUnknown(DataError):
    """The table has no column of that name."""

    code = "RC205"


class TargetConstant(DataError):
    """The target has one value only."""

    code = "RC206"


class ClassTooSmall(DataError):
    """A class has fewer rows than the split or the folds need."""

    code = "RC207"


class ColumnNotNumeric(DataError):
    """A column used as numerical holds text."""

    code = "RC208"


class ValuesInfinite(DataError):
    """A numerical column holds infinite values."""

    code = "RC209"


class IdDuplicate(DataError):
    """The id column is not unique."""

    code = "RC210"


class ColumnMisused(DataError):
    """A column is used in two roles that exclude each other, such as target and feature."""

    code = "RC211"


class DataChanged(DataError):
    """The data changed while it was being used."""

    code = "RC212"


class FileUnreadable(DataError):
    """A file cannot be read as what its name says it is."""

    code = "RC213"


class SplitImpossible(DataError):
    """The rows cannot be split as the card asks."""

    code = "RC214"


class TargetInvalid(DataError):
    """The target has missing values, or does not fit the task."""

    code = "RC215"


class ColumnUnsupported(DataError):
    """A column's type cannot be used as a feature."""

    code = "RC216"


class FileUnwritable(DataError):
    """A data file cannot be written."""

    code = "RC217"


class InputMismatch(DataError):
    """The rows to predict are not what the model takes."""

    code = "RC218"


class DataNotAsLocked(DataError):
    """A name or path stands for other content than `runcard.lock` says."""

    code = "RC219"


class LockUnreadable(DataError):
    """`runcard.lock` is not what runcard writes, or holds both sides of a merge."""

    code = "RC220"


class DatasetNotLocked(DataError):
    """`runcard.lock` has nothing of that name."""

    code = "RC221"


class DataGone(DataError):
    """A content is neither in the tree nor in the data store, nor can DVC give it."""

    code = "RC222"


class StoreUnusable(DataError):
    """The data store cannot be reached, read or written."""

    code = "RC223"


class ContentDamaged(DataError):
    """What the data store keeps is not what was put there."""

    code = "RC224"


class DataInTheWay(DataError):
    """Data would be lost by putting others in their place."""

    code = "RC225"


class DvcFailed(DataError):
    """DVC did not give what it tracks."""

    code = "RC226"


# RC3xx: models, features, metrics


class ModelError(RuncardError):
    """A model, feature set or metric cannot do what the card asks."""

    code = "RC300"
    exit_code = EXIT_USAGE


class HyperparameterRejected(ModelError):
    """The estimator does not accept a hyperparameter's value."""

    code = "RC301"


class MetricImpossible(ModelError):
    """A model or a split cannot give a metric."""

    code = "RC302"


class TaskMismatch(ModelError):
    """A model or metric is for classification and the task is regression, or the other way round."""

    code = "RC303"


class FeaturesInvalid(ModelError):
    """A feature set does not do what it says."""

    code = "RC304"


class TypesUntrusted(ModelError):
    """A model holds objects of packages that are not known to be safe to load."""

    code = "RC305"


# RC4xx: running, and the journal


class RunError(RuncardError):
    """Something went wrong while trials ran."""

    code = "RC400"


class AllTrialsFailed(RunError):
    """No trial came to an end."""

    code = "RC401"


class CardBusy(RunError):
    """Another process is running this card."""

    code = "RC402"


class JournalUnusable(RunError):
    """The journal cannot be opened, read or written."""

    code = "RC403"


class FileDamaged(RunError):
    """A file kept beside the journal is not what was written."""

    code = "RC404"


class ClusterAway(RunError):
    """The Dask cluster does not answer, or has no workers left."""

    code = "RC405"


class WorkerUnfit(RunError):
    """A process of the Dask cluster is not what this one is, or cannot do what trials need."""

    code = "RC406"


# RC5xx: tracking


class TrackingError(RuncardError):
    """MLflow cannot be used as asked."""

    code = "RC500"


class TrackingAway(TrackingError):
    """The tracking server does not answer."""

    code = "RC501"


class ExperimentUnknown(TrackingError):
    """There is no experiment of that name, or nothing in it."""

    code = "RC502"


class ExperimentDeleted(TrackingError):
    """The experiment was deleted in MLflow."""

    code = "RC503"


class RunDeleted(TrackingError):
    """A run was deleted in MLflow before all of it had arrived there."""

    code = "RC504"


class NotComparable(TrackingError):
    """Runs were measured under different protocols."""

    code = "RC505"


class RunUnknown(TrackingError):
    """There is no run of that id or name, or several of them have it."""

    code = "RC506"


class ModelVersionUnknown(TrackingError):
    """The registry has no such model, version or alias."""

    code = "RC507"


class ModelDamaged(TrackingError):
    """The files of a registered model are not those that were saved, or nothing tells."""

    code = "RC508"


class LedgerUnusable(TrackingError):
    """The ledger of promotions is not what runcard wrote, or somebody holds it for too long."""

    code = "RC510"


class SignatureInvalid(TrackingError):
    """A model version is not signed by somebody whose key counts."""

    code = "RC513"


class ModelMissing(TrackingError):
    """A run has no model that could be registered."""

    code = "RC511"


class RecordAltered(TrackingError):
    """What MLflow has of a run is not what runcard wrote there."""

    code = "RC512"
    exit_code = EXIT_GATE


class Interrupted(RuncardError):
    """Ctrl-C: what was done is kept."""

    code = "RC601"
    exit_code = EXIT_INTERRUPTED


class SystemRefused(RuncardError):
    """The operating system refuses what is needed: files, memory, processes."""

    code = "RC602"


# RC7xx: a gate or a rule said no


class GateError(RuncardError):
    """A gate or a rule said no; nothing broke."""

    code = "RC700"
    exit_code = EXIT_GATE


class NothingQualifies(GateError):
    """No trial meets the constraints."""

    code = "RC701"


class GateFailed(GateError):
    """A model version does not pass the gates of the alias it was to get."""

    code = "RC702"


class PromotionOvertaken(GateError):
    """Somebody else moved the alias while a model version was being judged."""

    code = "RC703"


class NotReproduced(GateError):
    """A run was run again, and did not come out as equal as was asked for."""

    code = "RC704"


class AuditFailed(GateError):
    """Fewer items of an audit hold than are required."""

    code = "RC705"


class LedgerAltered(GateError):
    """The ledger of promotions is not as it was written, or the registry is not where it left it."""

    code = "RC706"


# RC8xx: running recorded runs again


class ReplayError(RuncardError):
    """A recorded run cannot be run again, or did not come out the same."""

    code = "RC800"
    exit_code = EXIT_GATE


class NotReplayable(ReplayError):
    """MLflow does not have what it takes to run a run again and to judge it."""

    code = "RC801"


class CodeUnrecorded(ReplayError):
    """A run's code was in no git commit."""

    code = "RC802"


class CommitMissing(ReplayError):
    """The commit of a run is neither in this clone nor at its remotes."""

    code = "RC803"


class CodeNotRestored(ReplayError):
    """The uncommitted part of a run's code cannot be put back as it was."""

    code = "RC804"


class RecordUnsafe(ReplayError):
    """What a store says of a run has not the form that it must have, so nothing is done with it."""

    code = "RC810"


class CodeForeign(ReplayError):
    """Nobody is known to answer for the code of a run, so it is not run without `--allow-code`."""

    code = "RC811"


class SandboxMissing(ReplayError):
    """No sandbox can be made on this machine, as `--sandbox` asks for."""

    code = "RC812"


class PythonMissing(ReplayError):
    """The Python of a run is not to be had."""

    code = "RC805"


class PackageGone(ReplayError):
    """A package of a run cannot be installed in its recorded version."""

    code = "RC806"


class RuncardDiffers(ReplayError):
    """A run was made by another build of runcard, which is not to be had."""

    code = "RC807"


class VenvFailed(ReplayError):
    """The environment of a run cannot be made for a reason of this machine."""

    code = "RC808"


class ReplayUnanswered(ReplayError):
    """The replay in the rebuilt environment ended without a verdict."""

    code = "RC809"
