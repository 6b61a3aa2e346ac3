"""What a card can name: datasets, feature sets, models and metrics."""
