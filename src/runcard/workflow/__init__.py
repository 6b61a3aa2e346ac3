"""Composes everything else; the one place where effects are ordered."""
