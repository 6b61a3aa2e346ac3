"""The catalog: datasets, feature sets, models and metrics that a card can name."""
