"""Sphinx settings; `make docs` builds with warnings as errors."""

from importlib.metadata import version as version_of

project = "runcard"
author = "the runcard developers"
copyright = "the runcard developers, Apache-2.0"
version = release = version_of("runcard")

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"runcard {version}"
