"""The command line: one small file for each command, imported only when it is called."""

from runcard.cli.main import main, program

__all__ = ["main", "program"]
