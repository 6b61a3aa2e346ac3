"""Workflows behind the commands: they combine all other packages and alone decide the order of effects."""
