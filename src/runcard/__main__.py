"""`python -m runcard`."""

from runcard.cli import main

if __name__ == "__main__":
    main()
