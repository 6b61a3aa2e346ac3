"""Comparing recorded runs, and choosing among them."""
