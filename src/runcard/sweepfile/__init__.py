"""Sweep files of Weights & Biases: read, checked, and converted into cards."""
