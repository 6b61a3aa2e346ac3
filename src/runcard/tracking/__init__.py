"""Tracking: writing runs to MLflow from the journal, reading and ranking them, and detecting altered ones."""
