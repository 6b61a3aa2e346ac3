"""Sweep files of Weights & Biases, turned into cards."""
