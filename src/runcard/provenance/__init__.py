"""Provenance of a run: its code, environment and machine are captured here, signed, and rebuilt for a replay."""
