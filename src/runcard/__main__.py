"""Entry point of `python -m runcard`."""

from runcard.cli import program

if __name__ == "__main__":
    program()
