"""Capture of what surrounds a run: code, notebooks, environment and hardware, without secrets."""
