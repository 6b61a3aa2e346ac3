"""Names of metrics, parameters and tags that MLflow accepts, by MLflow's own rules."""

from __future__ import annotations

import posixpath
import re

LONGEST = 250
"""Characters of a name in MLflow."""
LONGEST_METRIC = LONGEST - len("cv__mean")
"""Characters of a metric's name in a card: in MLflow it is that of the folds' mean."""

RULE = "MLflow keeps names of letters, digits, blanks and `_ - . : /`, spelled as a path without `.`, `..` and `//`"
_REFUSED = re.compile(r"[^/\w.\- :]")


def is_kept(name: str, *, longest: int = LONGEST) -> bool:
    """Tell whether MLflow accepts a metric, parameter or tag of this name."""
    is_path = posixpath.normpath(name) == name and name != "." and not name.startswith(("/", ".."))
    return 0 < len(name) <= longest and is_path and "\n" not in name and _REFUSED.search(name) is None


def kept_form(name: str, *, longest: int = LONGEST) -> str:
    """Give the nearest name that MLflow accepts."""
    near = posixpath.normpath(_REFUSED.sub("_", name).replace("\n", "_")).lstrip("./")[:longest].strip("/")
    return near or "name"
