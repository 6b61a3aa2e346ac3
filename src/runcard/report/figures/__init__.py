"""Figures of finalists: classification, regression and feature importances, drawn as PNG."""
